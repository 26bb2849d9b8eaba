"""The flow as a drawing from the topology: what each process reads and writes, what runs back."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from schemas.record import Topic
from streams.topology import CHAINS, OPERATOR, WORKERS

# Data flows one way except for these reads, each with its reason. A record that changes predictions
# carries the time from which it counts; the other reads only wait, or answer a request.
BACK_EDGES: dict[tuple[str, str], str] = {
    ("models.changes.v1", "inference"): "which model serves from when",
    ("models.changes.v1", "explain"): "which model serves from when",
    ("models.changes.v1", "training"): "mirrored into MLflow, which decides nothing",
    ("models.stages.v1", "training"): "mirrored into MLflow; which challenge is moot",
    ("configs.active.v1", "training"): "how a strategy is logged",
    ("models.policies.v1", "training"): "by what models are judged",
    ("regimes.parameters.v1", "market"): "fitted regime filters",
    ("drift.references.v1", "market"): "what the features of a model are compared with",
    ("drift.references.v1", "signals"): "what the predictions of a model are compared with",
    ("letters.commands.v1", "letters"): "dead letters to replay or to drop",
    ("configs.commands.v1", "promotion"): "configs to create and to activate",
    ("models.commands.v1", "promotion"): "versions to stage, to promote, to roll back, to train",
    ("training.cancelled.v1", "training"): "trainings that are to stop",
    ("configs.effective.v1", "signals"): "what signals follow from which bar",
    ("configs.effective.v1", "inference"): "how specialists are weighed from which bar",
    ("training.requests.v1", "training"): "models asked for",
    ("predictions.requests.v1", "inference"): "questions of the gateway",
    ("predictions.requests.v1", "explain"): "questions of the gateway",
    ("challenges.commands.v1", "promotion"): "challenges to create and to cancel, their trades",
    ("challenges.events.v1", "inference"): "which challenger predicts beside the model that serves",
    ("challenges.events.v1", "training"): "which challenge is moot",
    ("journal.commands.v1", "promotion"): "trades of a human to add and to correct",
    ("backtest.requests.v1", "backtest"): "jobs asked for at the gateway",
    ("jobs.commands.v1", "backtest"): "what is to become of a job",
    ("tuning.requests.v1", "tuning"): "searches asked for at the gateway",
    ("jobs.commands.v1", "tuning"): "what is to become of a job",
    ("models.serving.v1", "ingest"): "the base model comes before the past of higher timeframes",
    ("training.progress.v1", "ingest"): "a replay does not wait for a training that has failed",
    ("commands.outcomes.v1", "operator"): "how what was asked for was decided",
    ("workers.status.v1", "ingest"): "a replay holds at its cut until the model is loaded",
}
UNDRAWN = frozenset({"workers.status.v1"})  # every worker writes it
READS_WIDTH, NAME_WIDTH, WRITES_WIDTH = 40, 11, 40  # with arrows: fits 100 columns
MANY = 9  # topics; more are counted, and --json lists them


@dataclass(frozen=True)
class FlowRow:
    """One process, or the operator: the processors fused in it, what it reads and writes."""

    name: str
    steps: tuple[str, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]


@dataclass(frozen=True)
class FlowEdge:
    """One topic between two processes; ``back`` is the reason why it runs against the flow."""

    writer: str
    topic: str
    reader: str
    back: str = ""


def rows() -> tuple[FlowRow, ...]:
    """Return every process and the operator, in flow order."""
    waiting = {row.name: row for row in (*_chains(), *_workers())}
    placed: list[FlowRow] = []
    while waiting:
        ready = (row for row in waiting.values() if not _needs(row, waiting))
        # A circle, which a test forbids, begins with its first row.
        following = next(ready, next(iter(waiting.values())))
        placed.append(waiting.pop(following.name))
    return tuple(placed)


def _needs(row: FlowRow, waiting: Mapping[str, FlowRow]) -> bool:
    """Whether a process that is not placed yet writes a topic that this one reads forward."""
    reads = {topic for topic in row.reads if (topic, row.name) not in BACK_EDGES} - UNDRAWN
    return any(reads & set(other.writes) for other in waiting.values() if other is not row)


def _chains() -> Iterator[FlowRow]:
    for chain in CHAINS:
        steps = tuple(processor.name for processor in chain.processors)
        yield FlowRow(chain.name, steps, _names(chain.reads), _names(chain.writes))


def _workers() -> Iterator[FlowRow]:
    for worker in (*WORKERS, OPERATOR):
        yield FlowRow(worker.name, (), _names(worker.reads), _names(worker.writes))


def _names(topics: Iterable[Topic]) -> tuple[str, ...]:
    return tuple(topic.name for topic in topics)


def edges() -> tuple[FlowEdge, ...]:
    """Return every topic between two processes."""
    processes = rows()
    return tuple(
        FlowEdge(writer.name, topic, reader.name, BACK_EDGES.get((topic, reader.name), ""))
        for writer in processes
        for topic in writer.writes
        for reader in processes
        if topic in reader.reads
    )


def flow_text() -> str:
    """Return the drawing for a terminal: a few lines for each process, in flow order."""
    fused = [f"{row.name} = {' + '.join(row.steps)}" for row in rows() if len(row.steps) > 1]
    counted = [
        f"{', '.join(back)} to {row.name}"
        for row in rows()
        if len(_drawn(row.reads)) > MANY and (back := _backwards(row))
    ]
    marks = f"^ runs back; not drawn: {'; '.join(counted)}"
    notes = (marks, f"fused in one process: {'; '.join(fused)}")
    lines = [line for row in rows() for line in _block(row)]
    for note in notes:
        lines += textwrap.wrap(note, 96, subsequent_indent="  ")
    return "\n".join(lines)


def _block(row: FlowRow) -> list[str]:
    left = _cell(row.reads, row.name, READS_WIDTH)
    right = _cell(row.writes, "", WRITES_WIDTH)
    names = [f"[{row.name}]"]
    return [
        f"{a or '':>{READS_WIDTH}} {'->' if a and b else '  '} {b or '':^{NAME_WIDTH}} "
        f"{'->' if b and c else '  '} {c or ''}".rstrip()
        for a, b, c in itertools.zip_longest(left, names, right)
    ]


def _cell(topics: tuple[str, ...], reader: str, width: int) -> list[str]:
    drawn = _drawn(topics)
    if len(drawn) > MANY:
        return [f"{len(drawn)} topics: all that is shown or kept"]
    marked = [_short(t) + ("^" if (t, reader) in BACK_EDGES else "") for t in drawn]
    return textwrap.wrap(", ".join(marked), width, break_on_hyphens=False)


def _drawn(topics: Iterable[str]) -> list[str]:
    return [topic for topic in topics if topic not in UNDRAWN]


def _backwards(row: FlowRow) -> list[str]:
    return [_short(topic) for topic in _drawn(row.reads) if (topic, row.name) in BACK_EDGES]


def _short(topic: str) -> str:
    return topic.removesuffix(".v1")
