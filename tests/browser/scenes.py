"""Scenes: what the pipeline has published in each of the states that a page can meet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from schemas.clock import ClockTick
from schemas.dead_letter import DeadLetter
from schemas.market import Bar
from schemas.models import ModelServing
from schemas.record import Record
from schemas.status import CanaryTrace, LoadedModel, MonitorWindow, WorkerStatus
from schemas.timeframes import MINUTE_MS
from schemas.topics import (
    BARS,
    FEATURE_VECTORS,
    PREDICTIONS,
    RAW_BARS,
    REGIME_PROBABILITIES,
    SIGNALS,
)
from schemas.training import TrainingProgress
from tests.browser.higher import higher, indicators
from tests.browser.played import MODEL, SYMBOLS, Minute, play
from tests.build import START_MS, close_time, features, registered, serving, status

PROCESSES = (
    "explain",
    "inference",
    "ingest",
    "market",
    "monitor",
    "promotion",
    "signals",
    "training",
)
CHAIN = (RAW_BARS, BARS, FEATURE_VECTORS, REGIME_PROBABILITIES, PREDICTIONS, SIGNALS)


def tick(minute: int, speed: float = 1.0) -> ClockTick:
    """Market time at the close of a minute."""
    return ClockTick(event_time_ms=close_time(minute), speed=speed)


def running(minute: int = 0, **states: str) -> list[WorkerStatus]:
    """Return the status of every process; ``states`` names those that are not running."""
    model = LoadedModel(
        name="ensemble",
        version=MODEL,
        loaded_at_ms=close_time(minute),
        device="cpu",
        parameters=2_456_789,
        qualified=True,
        load_seconds=0.25,
    )
    return [
        status(
            name,
            event_time_ms=close_time(minute),
            state=states.get(name, "running"),
            detail="" if name not in states else f"{name} waits for its broker",
            models=(model,) if name == "inference" else (),
            device="cpu" if name in {"inference", "explain", "training"} else None,
        )
        for name in PROCESSES
    ]


def in_service(*, qualified: bool = True) -> ModelServing:
    """Return the model in service, with its out-of-sample report."""
    model = registered(
        model_version=MODEL,
        symbols=SYMBOLS,
        feature_set_id="c0ffee12d4b7",
        qualified=qualified,
        gates={"log_loss": qualified, "calibration": True},
    )
    return serving(model=model)


def training(stage: str = "lstm", done: float = 0.62, note: str = "epoch 7 of 12") -> Record:
    """Return one step of the first training."""
    return TrainingProgress(
        request_id="bootstrap",
        strategy="ensemble",
        event_time_ms=START_MS,
        stage=stage,  # type: ignore[arg-type]  # one of the literal's words
        done=done,
        note=note,
    )


def canary(minute: int, **fields: object) -> CanaryTrace:
    """Return one bar followed through the whole chain."""
    stages: dict[str, float | None] = dict(
        zip((topic.name for topic in CHAIN), (0.0, 9.0, 10.5, 11.2, 24.8, 33.6), strict=True)
    )
    made = CanaryTrace(
        trace_id="5c1fd7aa90",
        symbol="BTCUSDT",
        event_time_ms=close_time(minute),
        stages_ms=stages,
        complete=True,
    )
    return made.model_copy(update=fields)


def windows() -> list[MonitorWindow]:
    """Return what the monitor saw in its last window."""
    return [
        MonitorWindow(
            subject=f"{topic.name}/{symbol}",
            topic=topic.name,
            symbol=symbol,
            event_time_ms=START_MS,
            window_ms=10_000,
            records=10,
            per_second=1.0,
            lateness_p50_ms=9.0 + 3 * place,
            lateness_max_ms=21.0 + 7 * place,
            staleness_ms=420.0,
        )
        for place, topic in enumerate(CHAIN)
        for symbol in SYMBOLS
    ]


def dead_letter(kind: str = "rejected") -> DeadLetter:
    """Return one rejected bar."""
    return DeadLetter(
        topic=RAW_BARS.name,
        partition=0,
        offset=4711,
        key="SOLUSDT",
        consumer="market",
        kind=kind,  # type: ignore[arg-type]  # one of the literal's words
        cause="high 147.2 is below open, close or low",
        payload_base64="e30=",
        event_time_ms=START_MS,
        trace_id="trace-9",
    )


def players(minutes: int, *, qualified: bool = True) -> list[Iterator[Minute]]:
    """Return the coming minutes of every symbol."""
    return [play(symbol, minutes, qualified=qualified) for symbol in SYMBOLS]


def live(minutes: int = 240, coming: list[Iterator[Minute]] | None = None) -> list[Record]:
    """Return a pipeline in full swing: every symbol, a model in service, the monitor's view."""
    coming = coming or players(minutes)
    last = minutes - 1
    return [
        *closes(coming, minutes),
        in_service(),
        training("done", 1.0, "qualified"),
        *running(last),
        canary(last),
        *windows(),
        tick(last),
    ]


QUARTER_MS, HOUR_MS = 15 * MINUTE_MS, 60 * MINUTE_MS
HIGHER_BARS = 110


def several(past: Sequence[Record], *, hour_model: bool = True) -> list[Record]:
    """Return a past in three timeframes; without ``hour_model`` that of 1h is in training."""
    random = np.random.default_rng(3)
    records = [*past]
    for symbol in SYMBOLS:
        bars = [record for record in past if isinstance(record, Bar) and record.symbol == symbol]
        vector = features(0, symbol, bars[-1].close, **indicators(random))
        records.append(vector.model_copy(update={"event_time_ms": bars[-1].event_time_ms}))
        records += higher(bars, QUARTER_MS, HIGHER_BARS)
        records += higher(bars, HOUR_MS, HIGHER_BARS, predicted=hour_model)
    records.append(in_service_at(QUARTER_MS))
    records.append(in_service_at(HOUR_MS) if hour_model else training_at(HOUR_MS))
    return records


def in_service_at(timeframe_ms: int) -> ModelServing:
    """Return the model in service of a higher timeframe."""
    version = f"{MODEL}-{timeframe_ms // MINUTE_MS}m"
    model = registered(
        model_version=version,
        symbols=SYMBOLS,
        timeframe_ms=timeframe_ms,
        gates={"log_loss": True, "calibration": True},
    )
    return serving(model=model)


def training_at(timeframe_ms: int) -> Record:
    """Return a step of the first training of a higher timeframe."""
    return training().model_copy(update={"timeframe_ms": timeframe_ms})


def closes(coming: list[Iterator[Minute]], count: int = 1) -> list[Record]:
    """Return what the next bar closes bring, every symbol at once."""
    return [record for _ in range(count) for player in coming for record in next(player).records()]


def learning(minutes: int = 90) -> list[Record]:
    """Return a pipeline whose first model is being trained: bars and uniform regimes only."""
    third = {"bull": 1 / 3, "bear": 1 / 3, "sideways": 1 / 3, "parameters_version": None}
    records: list[Record] = []
    for close in zip(*(list(play(symbol, minutes)) for symbol in SYMBOLS), strict=True):
        for minute in close:
            records += [minute.bar, minute.regime.model_copy(update=third)]
    idle = {"inference": "holding", "explain": "holding"}
    return [*records, *running(minutes - 1, **idle), training(), tick(minutes - 1)]


def trouble(minute: int = 119) -> list[Record]:
    """Return what goes wrong at once: a dead process, a bug, an unqualified model, old bars."""
    failed = running(minute, explain="failed")
    return [in_service(qualified=False), *failed, dead_letter("bug"), *[tick(minute + 4)] * 2]
