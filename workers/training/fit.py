"""One model from one table of rows: folds out of sample, then the model that serves.

Everything that is fitted is fitted inside its fold: regime filter, scaling, members, temperature.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from schemas.regimes import RegimeParameters
from schemas.training import TrainingStage
from streams.regimes.hamilton import filtered_probabilities
from workers.inference import forest, lstm
from workers.inference.booster import read_booster
from workers.inference.ensemble import calibrate, pool
from workers.training.calibration import fit_temperature
from workers.training.dataset import Array, Series
from workers.training.fit_boosted import BoostedPlan, fit_boosted
from workers.training.fit_lstm import LstmPlan, Windows, fit_lstm
from workers.training.fit_regimes import (
    OBSERVATIONS,
    FitPlan,
    Track,
    fit_regimes,
    usable_observations,
)
from workers.training.labels import UNKNOWN, Labels, label
from workers.training.report import StitchedRows, prior_of
from workers.training.split import Fold, WalkForward

Rows = NDArray[np.int64]
Progress = Callable[[TrainingStage, float, str], None]

CHUNK = 2_000  # windows at a time: 64 bars of 100 features each are 50 MB


@dataclass(frozen=True)
class Plan:
    """Every choice of a training run; written into the manifest's report."""

    horizon_bars: int = 15
    volatility_feature: str = "realised_volatility_60"
    label_width: float = 0.8
    member_weights: Mapping[str, float] = field(
        default_factory=lambda: {"xgboost": 0.55, "lstm": 0.45}
    )
    walk: WalkForward = field(default_factory=WalkForward)
    boosted: BoostedPlan = field(default_factory=BoostedPlan)
    lstm: LstmPlan = field(default_factory=LstmPlan)
    regimes: FitPlan = field(default_factory=lambda: FitPlan(starts=4, iterations=60))
    smallest_fold: int = 300
    seed: int = 7


class TooFewRows(ValueError):
    """There is not enough history to train and to test on."""


@dataclass(frozen=True)
class Table:
    """Rows of all symbols, one after the other.

    Attributes:
        series: By symbol, in the order of the rows.
        starts: First row of each symbol.
        times, known_at: When a row is seen, and when its label is known, ms, shape (T,).
        rows: Features in model order, shape (T, F).
        classes, forward, funding: Of ``Labels``, shape (T,).
        usable: Rows with a whole window behind them and a known label, shape (T,).
    """

    series: Mapping[str, Series]
    starts: Mapping[str, int]
    times: Rows
    known_at: Rows
    rows: Array
    classes: Rows
    forward: Array
    funding: Array
    usable: NDArray[np.bool_]

    def windows(self, which: Rows, length: int) -> Windows:
        """Return the windows that end with the given rows."""
        return Windows(self.rows, which, length)


def table_of(series: Mapping[str, Series], plan: Plan) -> Table:
    """Label and stack the series of a universe."""
    labels: dict[str, Labels] = {
        symbol: label(one, plan.horizon_bars, plan.volatility_feature, plan.label_width)
        for symbol, one in series.items()
    }
    lengths = np.array([len(one.times) for one in series.values()])
    classes = np.concatenate([one.classes for one in labels.values()])
    runs = np.concatenate([one.run_lengths() for one in series.values()])
    return Table(
        series=series,
        starts=dict(zip(series, (np.cumsum(lengths) - lengths).tolist(), strict=True)),
        times=np.concatenate([one.times for one in series.values()]),
        known_at=np.concatenate([one.known_at for one in labels.values()]),
        rows=np.concatenate([one.rows for one in series.values()]),
        classes=classes,
        forward=np.concatenate([one.forward for one in labels.values()]),
        funding=np.concatenate([one.funding for one in labels.values()]),
        usable=(runs >= plan.lstm.window) & (classes != UNKNOWN),
    )


@dataclass(frozen=True)
class FittedModel:
    """Weights of both members, the temperature of their pool, the regime filters.

    Attributes:
        forest, lstm: File contents.
        temperature: Of the pool.
        regimes: Filter of each symbol.
        posteriors: What those filters say of every row of the table, shape (T, 3).
    """

    forest: bytes
    lstm: bytes
    temperature: float
    regimes: tuple[RegimeParameters, ...]
    posteriors: Array

    def members(self, table: Table, which: Rows, length: int) -> dict[str, Array]:
        """Return each member's probabilities on some rows, shape (n, 3), by our own kernels."""
        compiled = forest.compile_forest(read_booster(self.forest))
        network = lstm.read_lstm(self.lstm)
        windows = table.windows(which, length)
        parts = [
            lstm.probabilities(lstm.window(network, windows.take(chunk)))
            for chunk in np.array_split(np.arange(len(which)), max(len(which) // CHUNK, 1))
        ]
        return {
            "xgboost": forest.probabilities(compiled, self.forest_rows(table, which)),
            "lstm": np.concatenate(parts),
        }

    def forest_rows(self, table: Table, which: Rows) -> Array:
        """Return what the forest sees: the features and the regime posterior."""
        return np.hstack((table.rows[which], self.posteriors[which]))


def fit_model(
    table: Table, train: Rows, held_out: Rows, plan: Plan, progress: Progress
) -> FittedModel:
    """Fit regimes and members on ``train``, the temperature on ``held_out`` (later rows)."""
    progress("regimes", 0.0, "")
    regimes, posteriors = _fit_filters(table, train, plan)
    progress("boosted", 0.0, f"{len(train)} rows")
    inputs = np.hstack((table.rows[train], posteriors[train]))
    boosted = fit_boosted(inputs, table.classes[train], plan.boosted, plan.seed)
    network = fit_lstm(
        table.windows(train, plan.lstm.window),
        table.classes[train],
        plan.lstm,
        plan.seed,
        lambda done: progress("lstm", done, ""),
    )
    fitted = FittedModel(boosted, network, 1.0, regimes, posteriors)
    progress("calibration", 0.0, f"{len(held_out)} rows")
    pooled = pool(fitted.members(table, held_out, plan.lstm.window), plan.member_weights)
    temperature = fit_temperature(pooled, table.classes[held_out])
    return FittedModel(boosted, network, temperature, regimes, posteriors)


def _fit_filters(
    table: Table, train: Rows, plan: Plan
) -> tuple[tuple[RegimeParameters, ...], Array]:
    """Fit on every bar up to the last training row; filter (never smooth) the whole table."""
    until = int(table.times[train].max())
    past = {symbol: one.times <= until for symbol, one in table.series.items()}
    names = usable_observations(
        {symbol: one.observed[past[symbol]] for symbol, one in table.series.items()}, OBSERVATIONS
    )
    used = [OBSERVATIONS.index(name) for name in names]
    seen = {symbol: one.observed[:, used] for symbol, one in table.series.items()}
    tracks = {
        symbol: Track(seen[symbol][past[symbol]], one.column("log_return_1")[past[symbol]])
        for symbol, one in table.series.items()
    }
    fit = fit_regimes(tracks, names, plan.regimes)
    records = {
        symbol: fit.parameters(symbol, one.timeframe_ms, until)
        for symbol, one in table.series.items()
    }
    posteriors = [
        filtered_probabilities(records[symbol], one.times, seen[symbol])
        for symbol, one in table.series.items()
    ]
    return tuple(records.values()), np.concatenate(posteriors)


def walk_forward(table: Table, plan: Plan, progress: Progress) -> StitchedRows:
    """Fit and test fold after fold; return the stitched test blocks.

    Raises:
        TooFewRows: A fold has fewer rows than ``plan.smallest_fold``.
    """
    usable = np.flatnonzero(table.usable)
    if len(usable) == 0:
        raise TooFewRows("no row has a whole window of complete features and a known label")
    parts = []
    folds = list(plan.walk.split(table.times[usable], table.known_at[usable]))
    for number, fold in enumerate(folds):
        train, held_out, test = _absolute(usable, fold)
        if min(len(train), len(held_out), len(test)) < plan.smallest_fold:
            raise TooFewRows(
                f"fold {number + 1} of {len(folds)} has {len(train)} training, {len(held_out)} "
                f"calibration and {len(test)} test rows, expected at least {plan.smallest_fold}"
            )
        progress("folds", number / len(folds), f"fold {number + 1} of {len(folds)}")
        fitted = fit_model(table, train, held_out, plan, lambda *_: None)
        pooled = pool(fitted.members(table, test, plan.lstm.window), plan.member_weights)
        prior = np.tile(prior_of(table.classes[train]), (len(test), 1))
        parts.append((calibrate(pooled, fitted.temperature), prior, test))
    rows = np.concatenate([test for _, _, test in parts])
    return StitchedRows(
        probabilities=np.concatenate([final for final, _, _ in parts]),
        priors=np.concatenate([prior for _, prior, _ in parts]),
        classes=table.classes[rows],
        forward=table.forward[rows],
        funding=table.funding[rows],
        folds=len(folds),
    )


def _absolute(usable: Rows, fold: Fold) -> tuple[Rows, Rows, Rows]:
    return usable[fold.train], usable[fold.calibrate], usable[fold.test]


def fit_final(table: Table, plan: Plan, progress: Progress) -> FittedModel:
    """Fit the model that serves: all rows but the last span, which calibrates."""
    usable = np.flatnonzero(table.usable)
    times, known_at = table.times[usable], table.known_at[usable]
    train, held_out = plan.walk.hold_out(times, known_at, int(known_at.max()) + 1)
    return fit_model(table, usable[train], usable[held_out], plan, progress)
