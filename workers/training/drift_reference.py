"""What a model's drift is measured against: the bins of its features, its record out of sample.

Made of rows that are in memory anyway, within a second for all symbols. Each detector is tried on
the history that it is made of: it must be silent there, and catch a planted rise.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.drift import DriftPolicy, DriftReference, FeatureReference, Measure, MeasureReference
from schemas.models import ModelRegistered
from streams.drift.bounds import error_rate, first_alarm
from streams.evaluation.confidence_sequence import HORIZONS_PER_BLOCK
from streams.shifts.statistics import (
    BINS,
    bin_counts,
    bin_numbers,
    ks_distance,
    null_of_past,
    packed,
    shares,
    stability_index,
)
from workers.training.dataset import Array, Rows
from workers.training.metrics import StitchedRows, surprise
from workers.training.table import TrainingTable

FILE = "drift.jsonl"  # in the model's folder, a line for each symbol
WINDOW_ROWS = 500
STRIDE_MS = 300_000  # neighbouring minutes say nearly the same
DRAWS = 400
NORMAL_95 = 1.645
FEWEST_BLOCKS = 10  # a deviation of fewer is a guess
# Rises that a detector must catch: a quarter of the log-loss of three equal chances; 20 points.
PLANTED: Mapping[Measure, float] = {
    "log_loss": 0.25,
    "miss": 0.2,
    "overconfidence": 0.2,
    "expected_log_loss": 0.25,
}
TOLERANCE: Mapping[Measure, float] = {
    "log_loss": DriftPolicy().log_loss_tolerance,
    "miss": DriftPolicy().accuracy_drop,
    "overconfidence": DriftPolicy().overconfidence_tolerance,
    "expected_log_loss": DriftPolicy().log_loss_tolerance,
}


@dataclass(frozen=True)
class DriftParts:
    """The references of one symbol before its model has a version."""

    block_rows: int
    measures: tuple[MeasureReference, ...]
    features: FeatureReference | None


def drift_parts(
    table: TrainingTable, test: StitchedRows, rows: Rows, horizon_bars: int, seed: int
) -> dict[str, DriftParts]:
    """Return the references of each symbol.

    Args:
        table: The training rows.
        test: Predictions out of sample.
        rows: Their numbers in the table, shape (N,).
        horizon_bars: Of the labels.
        seed: Of the windows that are drawn.
    """
    block_rows = HORIZONS_PER_BLOCK * horizon_bars
    names = next(iter(table.series.values())).names
    parts = {}
    for symbol, first, last in _spans(table):
        judged = np.flatnonzero((rows >= first) & (rows < last))
        judged = judged[np.argsort(rows[judged], kind="stable")]
        usable = table.usable[(table.usable >= first) & (table.usable < last)]
        values = measured(test.probabilities[judged], test.classes[judged])
        block_ms = block_rows * table.timeframe_ms
        parts[symbol] = DriftParts(
            block_rows,
            tuple(
                measure_reference(name, block_means(each, block_rows), block_rows, block_ms)
                for name, each in values.items()
            )
            if len(judged) >= 2 * block_rows
            else (),
            feature_reference(names, table, usable, seed),
        )
    return parts


def _spans(table: TrainingTable) -> Iterator[tuple[str, int, int]]:
    """Yield each symbol and where its rows begin and end."""
    first = 0
    for symbol, series in table.series.items():
        last = first + len(series.times)
        yield symbol, first, last
        first = last


def measured(probabilities: Array, classes: NDArray[np.int64]) -> dict[Measure, Array]:
    """Return what is measured of each prediction, as ``streams.drift`` does live, shape (N,)."""
    missed = (probabilities.argmax(axis=1) != classes).astype(np.float64)
    logs = np.log(np.maximum(probabilities, 1e-300))
    return {
        "log_loss": surprise(probabilities, classes),
        "miss": missed,
        "overconfidence": probabilities.max(axis=1) - (1.0 - missed),
        "expected_log_loss": -(probabilities * logs).sum(axis=1),
    }


def block_means(values: Array, block_rows: int) -> Array:
    """Return the means of whole blocks of consecutive values, the newest values whole."""
    whole = len(values) // block_rows * block_rows
    return np.asarray(values[len(values) - whole :].reshape(-1, block_rows).mean(axis=1))


def measure_reference(
    measure: Measure, blocks: Array, block_rows: int, block_ms: int
) -> MeasureReference:
    """Return the reference of one measure, with the trial of its detector.

    Args:
        measure: Its name.
        blocks: Means of blocks in order of time, at least one.
        block_rows: Predictions in a block.
        block_ms: Market time of a block.
    """
    policy = DriftPolicy()
    mean, deviation = float(blocks.mean()), long_run_deviation(blocks)
    upper = mean + NORMAL_95 * deviation / math.sqrt(len(blocks))
    error = error_rate(policy.average_run_length_days, block_ms, len(PLANTED))
    limit = upper + TOLERANCE[measure]
    fewest = math.ceil(policy.min_labels / block_rows)
    half = len(blocks) // 2
    planted = [*blocks[:half], *(blocks[half:] + PLANTED[measure])]
    alarm = first_alarm(planted, deviation, error, limit, fewest)
    judged = len(blocks) >= FEWEST_BLOCKS
    silent = judged and first_alarm(blocks.tolist(), deviation, error, limit, fewest) is None
    return MeasureReference(
        measure=measure,
        mean=mean,
        upper=upper,
        deviation=deviation,
        blocks=len(blocks),
        silent=silent,
        planted=PLANTED[measure],
        caught_blocks=alarm - half if judged and alarm is not None and alarm > half else None,
    )


def long_run_deviation(blocks: Array) -> float:
    """Return the deviation of a block's mean that counts the dependence between blocks.

    Bartlett weights (Newey and West, 1987) over the cube root of the number of blocks; never below
    the plain deviation, for a detector must not be too sure.
    """
    centred = blocks - blocks.mean()
    count = len(blocks)
    plain = float(centred @ centred) / max(count - 1, 1)
    lags = min(round(count ** (1 / 3)), count - 1)
    total = plain
    for lag in range(1, lags + 1):
        weight = 1.0 - lag / (lags + 1.0)
        total += 2.0 * weight * float(centred[lag:] @ centred[:-lag]) / count
    return math.sqrt(max(plain, total))


def feature_reference(
    names: Sequence[str], table: TrainingTable, usable: Rows, seed: int
) -> FeatureReference | None:
    """Return the distributions of a symbol's features; None for under two windows of rows."""
    stride = max(1, STRIDE_MS // table.timeframe_ms)
    chosen = usable[table.times[usable] // table.timeframe_ms % stride == 0]
    if len(chosen) < 2 * WINDOW_ROWS:
        return None
    rows = table.rows[chosen]
    edges = np.quantile(rows, np.arange(1, BINS) / BINS, axis=0).T.astype("<f4")
    numbers = bin_numbers(rows, edges)
    psi, ks = past_windows(numbers, WINDOW_ROWS, DRAWS, seed)
    null = np.column_stack([*null_of_past(psi), *null_of_past(ks)])
    return FeatureReference(
        names=tuple(names),
        edges=packed(edges),
        shares=packed(shares(bin_counts(numbers))),
        null=packed(null),
        draws=DRAWS,
        rows=len(chosen),
        stride_bars=stride,
        half_rows=WINDOW_ROWS // 2,
    )


def past_windows(numbers: Array, window: int, draws: int, seed: int) -> tuple[Array, Array]:
    """Return PSI and KS of windows of the past against the rows outside them, shapes (draws, F).

    Windows are whole, wrap round the end and start anywhere: a circular block bootstrap, whose
    block is the window (Politis and Romano, 1992).

    Args:
        numbers: Bins of consecutive rows, shape (N, F), N at least twice the window.
        window: Rows in a window.
        draws: Number of windows.
        seed: Of their starts.
    """
    count, features = numbers.shape
    if count < 2 * window:
        raise ValueError(f"{count} rows, expected at least two windows of {window}")
    whole = bin_counts(numbers)
    starts = np.random.default_rng(seed).integers(0, count, draws)
    psi, ks = np.empty((draws, features)), np.empty((draws, features))
    for draw, start in enumerate(starts.tolist()):
        inside = bin_counts(numbers[(np.arange(window) + start) % count])
        actual, expected = shares(inside), shares(whole - inside)
        psi[draw], ks[draw] = stability_index(actual, expected), ks_distance(actual, expected)
    return psi, ks


def drift_references(
    parts: Mapping[str, DriftParts], model: ModelRegistered
) -> tuple[DriftReference, ...]:
    """Return the references of a registered model, one for each of its symbols."""
    return tuple(
        DriftReference(
            symbol=symbol,
            timeframe_ms=model.timeframe_ms,
            strategy=model.strategy,
            model_version=model.model_version,
            event_time_ms=model.event_time_ms,
            trained_to_ms=model.trained_to_ms,
            block_rows=each.block_rows,
            measures=each.measures,
            features=each.features,
        )
        for symbol, each in parts.items()
        if symbol in model.symbols
    )


def encode_references(parts: Mapping[str, DriftParts], model: ModelRegistered) -> bytes:
    """Return the references of a registered model as one file, a line each."""
    return b"".join(each.encode() + b"\n" for each in drift_references(parts, model))
