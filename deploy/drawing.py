"""The flow, drawn from the topology: who writes which topic and who reads it."""

from __future__ import annotations

from streams.topology import CHAINS, WORKERS

# Declared back edges: data flows one way but for these.
BACK_EDGES = ("models.changes.v1", "regimes.parameters.v1", "training.requests.v1")
SIDE = frozenset({"monitor", "gateway", "archive"})  # they watch all; drawn apart


def rows() -> tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]:
    """Return (process, topics read, topics written) in flow order; a chain reads from outside."""
    listed = []
    for chain in CHAINS:
        written = dict.fromkeys(t.name for p in chain.processors for t in p.writes)
        read = dict.fromkeys(t.name for p in chain.processors for t in p.reads)
        listed.append((chain.name, tuple(t for t in read if t not in written), tuple(written)))
    workers = [
        (w.name, tuple(t.name for t in w.reads), tuple(t.name for t in w.writes)) for w in WORKERS
    ]
    return (*workers[:2], *listed, *workers[2:])


def edges() -> tuple[tuple[str, str, str], ...]:
    """Return (writer, topic, reader) for every topic between two processes."""
    everyone = rows()
    return tuple(
        (writer, topic, reader)
        for writer, _, written in everyone
        for topic in written
        for reader, read, _ in everyone
        if topic in read
    )


def flow_text() -> str:
    """Return the drawing for a terminal: one block a process, topics in and out."""
    blocks = []
    for name, read, written in rows():
        if name in SIDE or not (read or written):
            continue
        arrows = [f"    <- {topic}{_mark(topic)}" for topic in read]
        arrows += [f"    -> {topic}" for topic in written if not topic.startswith("workers.")]
        blocks.append("\n".join((name, *arrows)))
    watching = ", ".join(sorted(SIDE))
    return "\n".join((*blocks, f"{watching} read what they show or keep; see --json"))


def _mark(topic: str) -> str:
    return "   (back edge)" if topic in BACK_EDGES else ""
