"""What drift costs a bar beside what its features cost: the share that it may take of them.

A bar of a minute is a vector for shifts, and a signal and a score for drift, which their chains
have just made; looks and reports come as they do. The features get the bar as bytes and leave a
vector as bytes, as in their chain. What goes to changelogs is on neither side.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from schemas.drift import DriftReport, FeatureDrift
from schemas.market import Bar
from schemas.record import Record
from streams.drift import processor as drift
from streams.features import processor as features
from streams.features.state import FeaturesState
from streams.shifts import processor as shifts
from streams.shifts.state import ShiftState
from tests import build
from tests.bench.bench_features import walk
from tests.bench.race import Entry, race
from workers.training.train import MODEL_FEATURES

WARM_UP = 1_800  # bars until every feature is there
BARS = 2_500  # two half windows of a row each five bars
SHARE = 0.3

Row = dict[str, object]
Folding = tuple[Any, Any]  # a step and its state


def rows() -> list[Row]:
    """Run the race; an AssertionError means that a side did not do its work."""
    features.prepare()
    bars = [
        build.bar(
            minute, **dict(zip(("open", "high", "low", "close", "volume"), each, strict=True))
        )
        for minute, each in enumerate(walk(WARM_UP + BARS).tolist())
    ]
    warm, _ = fold((features.step, FeaturesState()), bars[:WARM_UP])
    _, vectors = fold((features.step, warm), bars[WARM_UP:])
    counted, judged = watchers()
    records = [
        record
        for minute in range(WARM_UP, WARM_UP + BARS)
        for record in (build.signal(minute), build.scored(minute - 15))
    ]
    _, looks = fold((shifts.step, counted), vectors)
    _, reports = fold((drift.step, judged), records)
    assert [type(look) for look in looks] == [FeatureDrift], f"drift: {len(looks)} looks"
    assert len(reports) == 2 * (BARS // 60), f"drift: {len(reports)} reports"
    assert all(isinstance(report, DriftReport) for report in reports)

    raw = [bar.encode() for bar in bars[WARM_UP:]]

    def ours(_: int) -> None:
        encoded(fold((shifts.step, counted), vectors)[1])
        encoded(fold((drift.step, judged), records)[1])

    def theirs(_: int) -> None:
        encoded(fold((features.step, warm), map(Bar.decode, raw))[1])

    return [
        race(
            f"drift of one bar, {len(MODEL_FEATURES)} features, within {SHARE} of its features",
            "bar to vector",
            round(1.0 / SHARE, 2),
            Entry(ours, 5, time.process_time),
            Entry(theirs, 5, time.process_time),
        )
    ]


def encoded(records: Iterable[Record]) -> None:
    """Do what a chain does with its outputs."""
    for record in records:
        record.encode()


def watchers() -> tuple[ShiftState, drift.DriftState]:
    """Return the states of shifts and drift that watch a model from the first bar."""
    reference = build.drift_reference(
        features=build.feature_reference(MODEL_FEATURES, stride_bars=5)
    )
    counted, _ = fold((shifts.step, ShiftState()), [build.regime_parameters(), reference])
    judged, _ = fold((drift.step, drift.DriftState()), [reference])
    return counted, judged


def fold(step_and_state: Folding, records: Iterable[Record]) -> tuple[Any, list[Any]]:
    """Return the state after some records, and all outputs."""
    step, state = step_and_state
    made: list[Any] = []
    for record in records:
        state, outputs = step(state, record)
        made += outputs
    return state, made
