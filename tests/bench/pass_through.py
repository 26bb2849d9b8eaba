"""A process of the pipeline that computes nothing: the peer of P20.

    python -m tests.bench.pass_through NAME CANNED_FILE

Same runtime, topics, transactions and changelogs; each step answers an input with the prebuilt
record of its symbol and timeframe of the right type, of equal size and as hard to compress, on
which only times and ids are set. A base bar is answered with a bar of each timeframe it closes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from deploy.local.supervisor import HEARTBEAT, ONE_THREAD
from deploy.process import beat_into, drain_with_supervisor, kafka_of
from schemas.features import FeatureVector
from schemas.market import Bar, RawBar
from schemas.predictions import Prediction
from schemas.record import Record
from schemas.regimes import RegimeParameters, RegimeProbabilities
from schemas.signals import ScoredSignal, ScoreTotals, Signal
from streams.processor import Outputs, Processor, StateKey

MADE_BY: dict[str, tuple[type[Record], ...]] = {
    "market": (Bar,),
    "features": (FeatureVector,),
    "regimes": (RegimeProbabilities,),
    "inference": (Prediction,),
    "signals": (Signal,),
    "scoring": (ScoredSignal, ScoreTotals),
}
IDS = ("prediction_id", "signal_id")

Canned = Mapping[tuple[str, int, type[Record]], Record]  # by symbol, timeframe and type


def write_canned(records: Iterable[Record], path: Path) -> None:
    """Write records of the types that a stack makes."""
    lines = [f"{type(r).__name__} {r.model_dump_json()}" for r in records]
    path.write_text("\n".join(lines))


def read_canned(path: Path) -> Canned:
    """Return what ``write_canned`` wrote."""
    kinds = {kind.__name__: kind for made in MADE_BY.values() for kind in made}
    canned: dict[tuple[str, int, type[Record]], Record] = {}
    for line in path.read_text().splitlines():
        name, _, body = line.partition(" ")
        record: Any = kinds[name].decode(body.encode())
        canned[record.symbol, record.timeframe_ms, kinds[name]] = record
    return canned


def passing(processor: Processor, canned: Canned) -> Processor:
    """Return the processor with a step that emits prebuilt records; its state keeps its size."""
    kinds = MADE_BY[processor.name]

    def step(state: Any, record: Any) -> tuple[Any, Outputs]:
        if isinstance(record, RegimeParameters) or record.event_time_ms <= state.event_time_ms:
            return state, ()
        after = state.model_copy(update={"event_time_ms": record.event_time_ms})
        return after, tuple(
            stamped(canned[record.symbol, length_ms, kind], record)
            for length_ms in closed_by(record)
            for kind in kinds
        )

    return replace(processor, step=step, window=0, refill=None)


def closed_by(record: Any) -> tuple[int, ...]:
    """Return the timeframes that a record's bar closes: its own, and higher ones of a base bar."""
    higher = record.higher_ms if type(record) is RawBar else ()
    closed = (each for each in higher if record.event_time_ms % each == 0)
    return (record.timeframe_ms, *closed)


def passing_inference(inference: Processor, canned: Canned) -> Processor:
    """Return a batch step that answers each posterior newer than the prebuilt prediction."""

    def step_batch(
        states: Mapping[StateKey, Any], records: Sequence[Any]
    ) -> tuple[Mapping[StateKey, Any], Sequence[Outputs]]:
        changed: dict[StateKey, Any] = {}
        outputs: list[Outputs] = []
        for record in records:
            key, now = (record.symbol, record.timeframe_ms), record.event_time_ms
            changed[key] = states[key].model_copy(update={"event_time_ms": now})
            prebuilt: Any = canned[(*key, Prediction)]
            live = isinstance(record, RegimeProbabilities) and now > prebuilt.event_time_ms
            outputs.append((stamped(prebuilt, record),) if live else ())
        return changed, outputs

    return replace(inference, step_batch=step_batch, window=0, refill=None)


def stamped(canned: Any, record: Any) -> Any:
    """Return the prebuilt record for the bar of another."""
    now = record.event_time_ms
    update = {"event_time_ms": now, "available_time_ms": now}
    if isinstance(canned, Bar):
        update["open_time_ms"] = now - canned.timeframe_ms
    for name in IDS:
        old = getattr(canned, name, None)
        if old is not None:
            update[name] = f"{record.symbol}-{canned.timeframe_ms}-{now}".ljust(len(old), "0")
    return canned.model_copy(update=update)


def main() -> int:
    """Run the named process until SIGTERM; return its exit code."""
    os.environ.update(ONE_THREAD)
    drain_with_supervisor()
    from streams.runtime.chain import run_until_signalled
    from streams.topology import CHAINS
    from workers.serving.processor import inference_processor
    from workers.serving.slots import Slots
    from workers.settings import Settings

    beat_into(os.environ.pop(HEARTBEAT, None))
    name, path = sys.argv[1:]
    canned = read_canned(Path(path))
    if name == "inference":
        inference = inference_processor(Slots(), lambda: 0, lambda *_: None)
        processors: tuple[Processor, ...] = (passing_inference(inference, canned),)
    else:
        chain = next(row for row in CHAINS if row.name == name)
        processors = tuple(passing(processor, canned) for processor in chain.processors)
    return run_until_signalled(name, processors, kafka_of(Settings()))


if __name__ == "__main__":
    sys.exit(main())
