"""Drift on years of recorded hours: how often it alarms falsely, how soon it sees planted harm."""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow.parquet
import pytest
from numpy.typing import NDArray

from schemas.drift import DriftPolicy, Measure, MeasureReference
from schemas.timeframes import DAY_MS, HOUR_MS
from streams.costs import DEFAULT_COSTS
from streams.drift.bounds import error_rate, first_alarm
from streams.features import kernel
from streams.features.catalog import FEATURE_NAMES
from tests.real_data import real_file
from workers.training.drift_reference import (
    PLANTED,
    TOLERANCE,
    block_means,
    measure_reference,
    measured,
)
from workers.training.fit_boosted import BoostedPlan, boosted_probabilities, fit_boosted
from workers.training.table import LabelPlan
from workers.training.train import MODEL_FEATURES

Numbers = NDArray[np.float64]
PLAN = LabelPlan()
BLOCK_ROWS = 4 * PLAN.horizon_bars
BLOCK_MS = BLOCK_ROWS * HOUR_MS
YEAR = 365 * 24
REFERENCE_YEARS = 2


@dataclass(frozen=True)
class PredictedYear:
    """Predictions of a year by a model of the years before; classes are 0 sell to 2 buy."""

    probabilities: Numbers
    classes: NDArray[np.int64]


def predicted_years(symbol: str) -> list[PredictedYear]:
    """Return year by year what boosted trees predicted that were fitted on all years before."""
    rows, classes = labelled(symbol)
    years = []
    for start in range(YEAR, len(rows) - YEAR // 2, YEAR):
        past = slice(0, start - PLAN.horizon_bars)
        sampled = slice(past.start, past.stop, BoostedPlan().stride)
        model = fit_boosted(rows[sampled], classes[sampled], BoostedPlan(), 7)
        year = slice(start, start + YEAR)
        years.append(PredictedYear(boosted_probabilities(model, rows[year]), classes[year]))
    return years


def labelled(symbol: str) -> tuple[Numbers, NDArray[np.int64]]:
    """Return the rows that have all features and a label, and their classes."""
    table = pyarrow.parquet.read_table(real_file(f"ohlcv/{symbol}_perp_1h.parquet"))
    columns = {name: table[name].to_numpy() for name in kernel.COLUMNS[:5]}
    count = len(columns["close"])
    features = kernel.batch_features(kernel.BarColumns.of(np.arange(1, count + 1), **columns))
    horizon = PLAN.horizon_bars
    forward = np.full(count, np.nan)
    forward[:-horizon] = columns["close"][horizon:] / columns["open"][1 : count - horizon + 1] - 1.0
    volatility = features[:, FEATURE_NAMES.index(PLAN.volatility_feature)]
    threshold = np.maximum(PLAN.width * volatility * math.sqrt(horizon), DEFAULT_COSTS.round_trip)
    rows = features[:, [FEATURE_NAMES.index(name) for name in MODEL_FEATURES]]
    whole = np.isfinite(rows).all(axis=1) & np.isfinite(forward)
    classes = np.where(forward > threshold, 2, np.where(forward < -threshold, 0, 1))
    return rows[whole], classes[whole].astype(np.int64)


@dataclass(frozen=True)
class WatchedYear:
    """A year with the references of the years before it."""

    references: Mapping[Measure, MeasureReference]
    year: PredictedYear

    def alarms(self, year: PredictedYear) -> Iterator[int]:
        """Yield after how many blocks a detector of a year alarms; each begins anew after it."""
        error = error_rate(DriftPolicy().average_run_length_days, BLOCK_MS, len(PLANTED))
        fewest = math.ceil(DriftPolicy().min_labels / BLOCK_ROWS)
        for measure, values in measured(year.probabilities, year.classes).items():
            reference = self.references[measure]
            blocks = block_means(values, BLOCK_ROWS).tolist()
            limit, begin = reference.upper + TOLERANCE[measure], 0
            while reference.armed:
                alarm = first_alarm(blocks[begin:], reference.deviation, error, limit, fewest)
                if alarm is None:
                    break
                begin += alarm
                yield begin

    def delay_days(self, harmed: PredictedYear) -> float | None:
        """Return after how many days of harm in the later half the first detector alarms."""
        half = len(harmed.classes) // BLOCK_ROWS // 2
        first = min((each for each in self.alarms(harmed) if each > half), default=None)
        return None if first is None else (first - half) * BLOCK_MS / DAY_MS


def watched(symbol: str) -> list[WatchedYear]:
    """Return the years that can be watched by the two before."""
    years = predicted_years(symbol)
    return [
        WatchedYear(references(years[number - REFERENCE_YEARS : number]), years[number])
        for number in range(REFERENCE_YEARS, len(years))
    ]


def references(years: list[PredictedYear]) -> dict[Measure, MeasureReference]:
    """Return the references of some years, as a training makes them."""
    values = measured(
        np.concatenate([year.probabilities for year in years]),
        np.concatenate([year.classes for year in years]),
    )
    return {
        measure: measure_reference(measure, block_means(each, BLOCK_ROWS), BLOCK_ROWS, BLOCK_MS)
        for measure, each in values.items()
    }


def later_half(year: PredictedYear, harmed: Numbers) -> PredictedYear:
    """Return a year whose later half is predicted otherwise."""
    half = len(year.classes) // 2
    return PredictedYear(np.vstack((year.probabilities[:half], harmed[half:])), year.classes)


def surely_wrong(year: PredictedYear) -> Numbers:
    """Return predictions that trust themselves three times as much, in log-odds."""
    sharp = year.probabilities**3
    return np.asarray(sharp / sharp.sum(axis=1, keepdims=True))


def stuck(year: PredictedYear) -> Numbers:
    """Return predictions of a model that calls every bar a buy with 80 %."""
    return np.tile([0.1, 0.1, 0.8], (len(year.classes), 1))


def mixed_up(year: PredictedYear) -> Numbers:
    """Return predictions whose sell and neutral have been exchanged, as by a wrong order."""
    return year.probabilities[:, [1, 0, 2]]


@pytest.mark.audit
def test_false_alarms_per_year_and_delays_of_planted_harm_on_recorded_hours(capsys):
    cases = [each for symbol in ("BTCUSDT", "ETHUSDT") for each in watched(symbol)]
    years = sum(len(each.year.classes) for each in cases) / YEAR
    false = [len(list(each.alarms(each.year))) for each in cases]
    armed = [sum(r.armed for r in each.references.values()) for each in cases]
    delays = {
        harm.__name__: [each.delay_days(later_half(each.year, harm(each.year))) for each in cases]
        for harm in (surely_wrong, stuck, mixed_up)
    }

    with capsys.disabled():
        sys.stdout.write(f"\n{sum(false)} alarms in {years:.1f} symbol-years, armed {armed}\n")
        for name, found in delays.items():
            seen = [day for day in found if day is not None]
            middle = f"{statistics.median(seen):.0f} days" if seen else "never"
            sys.stdout.write(f"{name}: seen in {len(seen)} of {len(found)}, after {middle}\n")

    assert sum(false) / years <= 2.0
    assert all(day is not None for day in delays["stuck"])
