"""``regimeflow trace ID``: where a signal, a model, a config, a job or a command comes from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from deploy.cli.console import Json, fail, kafka, progress_bar, show
from deploy.time_text import time_text

SHOWN_FACTS = (
    *("symbol", "direction", "grade", "confidence", "hit", "net_return", "status", "config_hash"),
    *("trained_from_ms", "trained_to_ms", "effective_from_ms", "action", "subject", "by", "reason"),
    *("open", "high", "low", "close", "origin", "git_commit", "trace_id"),
)


def trace(
    identifier: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="Of a signal, prediction, job, command, config, model or request."
        ),
    ],
    *,
    newest: Annotated[
        int, typer.Option(min=0, max=1_000, help="Signals of a model or config to show.")
    ] = 20,
    as_json: Json = False,
) -> None:
    """Walk from an id to what it was made of, down to the bars, and to what was made of it.

    Reads the topics, so that it finds whatever was ever logged and is kept.
    """
    from deploy.topics.trace_log import trace_topics
    from streams.trace.graph import ID_KINDS, LONGEST_ID

    if not 1 <= len(identifier) <= LONGEST_ID:
        raise fail(f"an id of {len(identifier)} characters, expected 1 to {LONGEST_ID}", 2)
    with kafka() as settings, progress_bar("offsets") as progress:
        result = trace_topics(settings, identifier, newest=newest, progress=progress)
    if not result.nodes:
        raise fail(f"no topic holds {identifier!r}; an id is that of a {ID_KINDS}")
    document = result.document("no topic holds it any more")
    show(document, lambda: tree_lines(document), as_json=as_json)


def tree_lines(document: dict[str, Any]) -> Iterator[str]:
    """Yield a trace as a tree: below a node what it was made of, then what was made of the root."""
    nodes = {f"{row['kind']}:{row['id']}": row for row in document["nodes"]}
    origins, made = defaultdict(list), defaultdict(list)
    for start, end, why in document["edges"]:
        origins[start].append((end, why))
        made[end].append((start, why))
    seen: set[str] = set()

    def branch(key: str, why: str, depth: int) -> Iterator[str]:
        again = key in seen and bool(origins[key])
        seen.add(key)
        if key in nodes:
            yield _line(nodes[key], why, depth) + ("  (above)" if again else "")
        if not again:
            for target, reason in origins[key]:
                yield from branch(target, reason, depth + 1)

    for root in document["roots"]:
        yield from branch(root, "", 0)
        for child, why in made[root]:
            if child not in seen and child in nodes:
                yield _line(nodes[child], why, 1, "<-")
    if document["signals_made"] is not None:
        yield f"{document['signals_made']} signals in all"
    yield from (f"note: {text}" for text in document["notes"])


def _line(row: dict[str, Any], why: str, depth: int, arrow: str = "->") -> str:
    place = "" if row["offset"] is None else f"  {row['topic']} {row['partition']}@{row['offset']}"
    facts = row["facts"]
    shown = [f"{name} {_text(name, facts[name])}" for name in SHOWN_FACTS if facts.get(name)]
    lead = f"{'   ' * (depth - 1)}{arrow} {why}: " if depth else ""
    head = f"{lead}{row['kind']} {row['id']}  {time_text(row['time'])}{place}"
    return f"{head}  {', '.join(shown)}" if shown else head


def _text(name: str, value: Any) -> str:
    if name.endswith("_ms"):
        return time_text(value)
    return f"{value:.4f}" if isinstance(value, float) and name == "confidence" else str(value)
