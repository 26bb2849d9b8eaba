"""One model from some rows, and the out-of-sample record of models made like it.

Everything that is fitted is fitted inside its fold: regime filter, scaling, members, temperature.
A block is predicted by members fitted before it, and calibrated by the blocks before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from schemas.regimes import RegimeParameters
from schemas.training import TrainingStage
from streams.regimes.hamilton import filtered_probabilities
from workers.models import forest, lstm
from workers.models.booster import read_booster
from workers.models.ensemble import calibrate, pool
from workers.training.calibration import fit_temperature
from workers.training.dataset import Array
from workers.training.fit_boosted import BoostedPlan, fit_boosted
from workers.training.fit_lstm import LstmPlan, fit_lstm
from workers.training.fit_regimes import (
    OBSERVATIONS,
    FitPlan,
    Track,
    fit_regimes,
    usable_observations,
)
from workers.training.report import StitchedRows, prior_of
from workers.training.split import WalkForward, known_before
from workers.training.table import LabelPlan, Rows, Table, Windows

Progress = Callable[[TrainingStage, float, str], None]

CHUNK = 500  # windows at a time: 64 bars of 100 features each are 25 MB


@dataclass(frozen=True)
class Plan:
    """Every choice of a training run; written into the model's report."""

    labels: LabelPlan = field(default_factory=LabelPlan)
    member_weights: Mapping[str, float] = field(
        default_factory=lambda: {"xgboost": 0.55, "lstm": 0.45}
    )
    walk: WalkForward = field(default_factory=WalkForward)
    embargo_bars: int = 15
    boosted: BoostedPlan = field(default_factory=BoostedPlan)
    lstm: LstmPlan = field(default_factory=LstmPlan)
    regimes: FitPlan = field(default_factory=lambda: FitPlan(starts=4, iterations=60))
    smallest_fold: int = 300
    seed: int = 7


class TooFewRows(ValueError):
    """There is not enough history to train and to test on."""


@dataclass(frozen=True)
class FittedModel:
    """Weights of both members and what else was fitted with them.

    Attributes:
        forest, lstm: File contents.
        prior: Class shares of the training rows, shape (3,).
        regimes: Filter of each symbol.
        posteriors: What those filters say of every row of the table, shape (T, 3).
    """

    forest: bytes
    lstm: bytes
    prior: Array
    regimes: tuple[RegimeParameters, ...]
    posteriors: Array

    def members(self, table: Table, which: Rows, length: int) -> dict[str, Array]:
        """Return each member's probabilities on some rows, shape (n, 3), by our own kernels."""
        compiled = forest.compile_forest(read_booster(self.forest))
        network = lstm.read_lstm(self.lstm)
        windows = Windows(table.rows, which, length)
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


@dataclass(frozen=True)
class Block:
    """Rows that were predicted by members fitted before all of them, not calibrated yet."""

    starts_ms: int
    rows: Rows
    pooled: Array
    prior: Array


def fit_model(table: Table, train: Rows, plan: Plan, progress: Progress) -> FittedModel:
    """Fit regime filters and both members on some rows and what lies before them."""
    progress("regimes", 0.0, "")
    regimes, posteriors = _fit_filters(table, train, plan)
    progress("boosted", 0.0, f"{len(train)} rows")
    prior = prior_of(table.classes[train])
    some = train[:: plan.boosted.stride]
    boosted = fit_boosted(
        np.hstack((table.rows[some], posteriors[some])),
        table.classes[some],
        plan.boosted,
        plan.seed,
    )
    network = fit_lstm(
        Windows(table.rows, train, plan.lstm.window),
        table.classes[train],
        plan.lstm,
        plan.seed,
        lambda done: progress("lstm", done, ""),
    )
    return FittedModel(boosted, network, prior, regimes, posteriors)


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


def walk_forward(table: Table, plan: Plan, progress: Progress) -> list[Block]:
    """Fit on the past of each block and predict it.

    Raises:
        TooFewRows: A fold has fewer rows than ``plan.smallest_fold``.
    """
    usable = table.usable
    if len(usable) == 0:
        raise TooFewRows("no row has a whole window of complete features and a known label")
    embargo_ms = plan.embargo_bars * table.timeframe_ms
    folds = list(plan.walk.split(table.times[usable], table.known_at[usable], embargo_ms))
    for number, fold in enumerate(folds, start=1):
        if min(len(fold.train), len(fold.test)) < plan.smallest_fold:
            raise TooFewRows(
                f"fold {number} of {len(folds)} has {len(fold.train)} training and "
                f"{len(fold.test)} test rows, expected at least {plan.smallest_fold}"
            )
    blocks = []
    for number, fold in enumerate(folds):
        progress("folds", number / len(folds), f"fold {number + 1} of {len(folds)}")
        rows = usable[fold.test]
        fitted = fit_model(table, usable[fold.train], plan, lambda *_: None)
        pooled = pool(fitted.members(table, rows, plan.lstm.window), plan.member_weights)
        blocks.append(Block(fold.starts_ms, rows, pooled, fitted.prior))
    return blocks


def calibration_of(table: Table, blocks: Sequence[Block], plan: Plan, until_ms: int) -> float:
    """Return the temperature that fits what was known of some blocks before a time."""
    embargo_ms = plan.embargo_bars * table.timeframe_ms
    known = [known_before(until_ms, table.known_at[block.rows], embargo_ms) for block in blocks]
    return fit_temperature(
        np.concatenate([block.pooled[k] for block, k in zip(blocks, known, strict=True)]),
        np.concatenate([_tiled(b.prior, int(k.sum())) for b, k in zip(blocks, known, strict=True)]),
        np.concatenate([table.classes[b.rows[k]] for b, k in zip(blocks, known, strict=True)]),
        plan.labels.horizon_bars,
    )


def judged(table: Table, blocks: Sequence[Block], plan: Plan) -> StitchedRows:
    """Return all blocks but the first, each calibrated by the blocks before it, stitched."""
    calibrated = [
        calibrate(
            block.pooled, block.prior, calibration_of(table, blocks[:k], plan, block.starts_ms)
        )
        for k, block in enumerate(blocks[1:], start=1)
    ]
    rows = np.concatenate([block.rows for block in blocks[1:]])
    return StitchedRows(
        probabilities=np.concatenate(calibrated),
        priors=np.concatenate([_tiled(block.prior, len(block.rows)) for block in blocks[1:]]),
        classes=table.classes[rows],
        forward=table.forward[rows],
        funding=table.funding[rows],
        times=table.times[rows],
        folds=len(blocks) - 1,
    )


def _tiled(prior: Array, count: int) -> Array:
    return np.tile(prior, (count, 1))
