r"""The graph of what was made of what: from one id to its origins, and back to what it made. Pure.

score --> signal --> prediction --> features, regimes --> bar --> raw bar
\--> config --> command      \--> model --> training request
result --> job        outcome --> command
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.market import Bar, RawBar
from schemas.models import ModelChanged
from streams.trace.nodes import Key, Link, TracedRecord, links, node, node_key

LONGEST_ID = 200
NEWEST = 20  # signals of a model or a config that are shown
ID_KINDS = (
    "signal, score, prediction, job, command, config (v2-1a2b3c4d or Strategy/v2-1a2b3c4d), model "
    "version, training request"
)
# What an id may name; scores, outcomes and results have the ids of what they belong to.
ROOTS = ("signal", "prediction", "job", "command", "config", "model", "training_request")


@dataclass
class Made:
    """How many signals came of a model or a config, and the newest of them."""

    signals: int = 0
    newest: Sequence[TracedRecord] = ()


@dataclass
class Trace:
    """What is known of an id.

    Attributes:
        roots: The nodes that the id names.
        nodes: By key, those first that were reached first.
        edges: Of what was made, to what it was made of, and how.
        absent: What a node was made of and the reader does not have.
        signals_made: Of a model or a config.
    """

    roots: list[Key] = field(default_factory=list)
    nodes: dict[Key, dict[str, Any]] = field(default_factory=dict)
    edges: list[tuple[Key, Key, str]] = field(default_factory=list)
    absent: dict[Key, str] = field(default_factory=dict)
    signals_made: int | None = None

    def document(self, reach: str) -> dict[str, Any]:
        """Return the trace as JSON.

        Args:
            reach: Where the reader looked, for what is absent.
        """
        return {
            "roots": [str(key) for key in self.roots],
            "nodes": list(self.nodes.values()),
            "edges": [[str(start), str(end), why] for start, end, why in self.edges],
            "signals_made": self.signals_made,
            "notes": [f"{key.kind} {key.id} ({why}): {reach}" for key, why in self.absent.items()],
        }


def names(identifier: str, key: Key) -> bool:
    """Whether an id names a node; a config is also named without its strategy."""
    if key.kind not in ROOTS:
        return False
    return key.id == identifier or (
        key.kind == "config" and key.id.rpartition("/")[2] == identifier
    )


def trace(identifier: str, records: Iterable[TracedRecord], made: Made | None = None) -> Trace:
    """Return what is known of an id; without a node if no record has it.

    Args:
        identifier: Of a signal, prediction, job, command, config, model or training request.
        records: Every record that may belong to it; others change nothing.
        made: Of a model or a config.
    """
    held = _held(records)
    owned = {key: _links(key, rows, held) for key, rows in held.items()}
    parts = defaultdict(list)
    for key, row in owned.items():
        for link in row:
            parts[link.target].append((key, link.why))
    # A score, an outcome or a result is found by the id of what it belongs to, held or not.
    roots = [key for key in {*owned, *parts} if names(identifier, key)]
    result = Trace(roots=sorted(roots, key=lambda key: ROOTS.index(key.kind)))
    for root in result.roots:
        _climb(root, held, owned, result)
        _add_made(root, (held, owned, parts), result)
    if made is not None and result.roots:
        result.signals_made = made.signals
        for signal in made.newest:
            key = node_key(signal.record)
            result.nodes.setdefault(key, node(signal))
            result.edges += [
                (key, link.target, link.why)
                for link in links(signal.record)
                if link.target in result.roots
            ]
    present = [edge for edge in result.edges if edge[0] in result.nodes and edge[1] in result.nodes]
    result.edges = list(dict.fromkeys(present))
    result.absent = {key: why for key, why in result.absent.items() if key not in result.nodes}
    return result


def _held(records: Iterable[TracedRecord]) -> dict[Key, list[TracedRecord]]:
    held: dict[Key, list[TracedRecord]] = defaultdict(list)
    for traced in records:
        held[node_key(traced.record)].append(traced)
        if isinstance(traced.record, ModelChanged):  # it holds the whole registration
            model = traced.record.model
            held.setdefault(node_key(model), [TracedRecord(model, traced.topic)])
    return held


def _links(key: Key, rows: list[TracedRecord], held: dict[Key, list[TracedRecord]]) -> list[Link]:
    own = [link for row in rows for link in links(row.record)]
    if key.kind == "bar":
        own += _raw_bars(rows[-1].record, held)
    return own


def _raw_bars(bar: Any, held: dict[Key, list[TracedRecord]]) -> list[Link]:
    """Return the raw bars behind a checked one: its own, or the base bars that were added up."""
    raw = [
        (key, row.record)
        for key, rows in held.items()
        if key.kind == "raw_bar"
        for row in rows
        if isinstance(row.record, RawBar) and row.record.symbol == bar.symbol
    ]
    same = [key for key, each in raw if _same_bar(each, bar)]
    if same:
        return [Link(key, "checked from") for key in same]
    inside = [
        key
        for key, each in raw
        if bar.open_time_ms <= each.open_time_ms and each.event_time_ms <= bar.event_time_ms
    ]
    if inside:
        return [Link(key, "added up from") for key in inside]
    return [Link(Key("raw_bar", node_key(bar).id), "checked from")]


def _same_bar(raw: RawBar, bar: Bar) -> bool:
    return (raw.event_time_ms, raw.timeframe_ms) == (bar.event_time_ms, bar.timeframe_ms)


def _climb(
    root: Key, held: dict[Key, list[TracedRecord]], owned: dict[Key, list[Link]], result: Trace
) -> None:
    """Add a node and all that it was made of."""
    waiting = [(root, "named by the id")]
    seen = set()
    while waiting:
        key, why = waiting.pop(0)
        if key in seen:
            continue
        seen.add(key)
        if key not in held:
            result.absent[key] = why
            continue
        result.nodes.setdefault(key, _node(held[key]))
        for link in owned[key]:
            result.edges.append((key, link.target, link.why))
            waiting.append((link.target, f"{key} {link.why} it"))


def _node(rows: list[TracedRecord]) -> dict[str, Any]:
    """Return the node of the newest record of a key; a config tells each of its changes."""
    newest = node(rows[-1])
    if newest["kind"] == "config":
        newest["facts"]["changes"] = [
            {
                "status": row.record.status,  # type: ignore[attr-defined]
                "time": row.record.event_time_ms,  # type: ignore[attr-defined]
                "offset": row.offset,
                "command_id": row.record.command_id,  # type: ignore[attr-defined]
            }
            for row in rows
        ]
    return newest


Held = tuple[dict[Key, list[TracedRecord]], dict[Key, list[Link]], dict[Key, list[tuple[Key, str]]]]


def _add_made(root: Key, indexes: Held, result: Trace) -> None:
    """Add what was made of a root: of a prediction also the score of its signal."""
    held, _, parts = indexes
    steps = 2 if root.kind == "prediction" else 1
    level = [root]
    for _ in range(steps):
        made = [(child, parent, why) for parent in level for child, why in parts[parent]]
        for child, parent, why in made:
            result.nodes.setdefault(child, _node(held[child]))
            result.edges.append((child, parent, why))
        level = [child for child, _, _ in made]
