"""Fits one model on some rows, and models of the same plan for an out-of-sample record.

Regime filter, scaling, members and temperature are all fitted inside their fold. A block is
predicted by members fitted before it, and calibrated by the blocks before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from schemas.policies import GatesPolicy
from schemas.regimes import RegimeParameters
from schemas.specialists import SpecialistPolicy
from schemas.training import TrainingStage
from schemas.variants import TrainingPolicy
from streams.regimes.hamilton import calibrated, recursion
from streams.regimes.processor import UNIFORM
from workers.models.ensemble import calibrate, pool
from workers.training.dataset import Array, FeatureSeries, Rows
from workers.training.fit_boosted import BoostedPlan, fit_boosted
from workers.training.fit_lstm import LstmPlan, fit_lstm, lstm_probabilities
from workers.training.fit_regimes import (
    OBSERVATIONS,
    RegimePlan,
    SymbolBars,
    fit_regimes,
    usable_observations,
)
from workers.training.fitted import FittedModel
from workers.training.forecasts import baseline_forecasts
from workers.training.metrics import StitchedRows, class_shares
from workers.training.next_bar import NextBarGain, NextBars, next_bar_gain
from workers.training.split import WalkForward, WalkForwardFold, known_before
from workers.training.table import LabelPlan, TrainingTable, Windows
from workers.training.temperature import fit_temperature
from workers.training.trainable import LeftOut, left_out_of_filter, reasons_text

OnProgress = Callable[[TrainingStage, float, str], None]

NO_FILTERS: Mapping[str, RegimeParameters] = MappingProxyType({})
FEWEST_BLOCKS = 2  # the first calibrates, the next is judged
PARITY_CASES = 3


@dataclass(frozen=True)
class TrainingPlan:
    """Every choice of a training run; written into the model's report."""

    labels: LabelPlan = field(default_factory=LabelPlan)
    member_weights: Mapping[str, float] = field(
        default_factory=lambda: {"xgboost": 0.55, "lstm": 0.45}
    )
    walk: WalkForward = field(default_factory=WalkForward)
    embargo_bars: int = 15
    boosted: BoostedPlan = field(default_factory=BoostedPlan)
    lstm: LstmPlan = field(default_factory=LstmPlan)
    regimes: RegimePlan = field(default_factory=lambda: RegimePlan(starts=4, iterations=60))
    smallest_fold: int = 300  # rows
    holdout_share: float = 0.1  # of the rows, the newest: seen by no fit
    seed: int = 7
    specialists: SpecialistPolicy = field(default_factory=SpecialistPolicy)
    gates: GatesPolicy = field(default_factory=GatesPolicy)
    variants: TrainingPolicy = field(default_factory=TrainingPolicy)


class TooFewRows(ValueError):
    """There is not enough history to train and to test on."""


@dataclass(frozen=True)
class FittedNetworks:
    """The sequence members of a training; torch is needed for nothing after them.

    Attributes:
        folds: File contents of the network of each fold.
        last: Of the network of all rows.
        answers: Torch's own answers with that one on the parity rows, shape (PARITY_CASES, 3).
    """

    folds: tuple[bytes, ...]
    last: bytes
    answers: Array


@dataclass(frozen=True)
class PredictedBlock:
    """Rows predicted by members that were fitted before all of them; not yet calibrated.

    ``regimes`` are the filtered probabilities of that fit at each row, shape (n, 3); ``next_bar``
    is what they say of the bar after it. ``forecasts`` are those of the members and the baselines.
    """

    starts_ms: int
    rows: Rows
    pooled: Array
    prior: Array
    regimes: Array
    next_bar: NextBarGain
    forecasts: Mapping[str, Array]


FitNetwork = Callable[[TrainingTable, Rows, TrainingPlan, Callable[[float], None]], bytes]
FitModel = Callable[[TrainingTable, Rows, TrainingPlan, OnProgress], FittedModel]


def fit_networks(
    table: TrainingTable, plan: TrainingPlan, progress: OnProgress, fit: FitNetwork | None = None
) -> FittedNetworks:
    """Fit the sequence member of each fold and of all rows, by ``fit_network`` or what is given.

    Raises:
        TooFewRows: A fold has fewer rows than ``plan.smallest_fold``.
    """
    usable = table.usable
    trains = [*(usable[fold.train] for fold in _large_folds(table, plan)), usable]
    networks = []
    for number, train in enumerate(trains):
        note = f"network {number + 1} of {len(trains)}: {len(train)} windows"

        def step(done: float, number: int = number, note: str = note) -> None:
            progress("lstm", (number + done) / len(trains), note)

        networks.append((fit or fit_network)(table, train, plan, step))
    windows = Windows(table.rows, parity_rows(table), plan.lstm.window)
    answers = lstm_probabilities(networks[-1], windows.take(np.arange(PARITY_CASES)))
    return FittedNetworks(tuple(networks[:-1]), networks[-1], answers)


def parity_rows(table: TrainingTable) -> Rows:
    """Return the rows whose answers are kept for serving to reproduce, shape (PARITY_CASES,)."""
    return table.usable[np.linspace(0, len(table.usable) - 1, PARITY_CASES).astype(np.int64)]


def fit_network(
    table: TrainingTable, train: Rows, plan: TrainingPlan, on_step: Callable[[float], None]
) -> bytes:
    """Return the file contents of the sequence member, fitted on some rows."""
    windows = Windows(table.rows, train, plan.lstm.window)
    return fit_lstm(windows, table.classes[train], plan.lstm, plan.seed, on_step)


def fit_model(
    table: TrainingTable,
    train: Rows,
    plan: TrainingPlan,
    progress: OnProgress,
    previous: Mapping[str, RegimeParameters] = NO_FILTERS,
) -> FittedModel:
    """Fit regime filters and the forest on some rows and the bars before them; no network yet.

    The regimes keep the names of the ``previous`` filters, by symbol.
    """
    progress("regimes", 0.0, f"{len(table.times)} bars of {len(table.series)} symbols")
    regimes, posteriors, left_out = _fit_filters(table, train, plan, previous)
    progress("boosted", 0.0, f"{len(train)} rows")
    prior = class_shares(table.classes[train])
    sampled = train[:: plan.boosted.stride]
    boosted = fit_boosted(
        np.hstack((table.rows[sampled], posteriors[sampled])),
        table.classes[sampled],
        plan.boosted,
        plan.seed,
    )
    return FittedModel(boosted, b"", prior, regimes, posteriors, left_out)


def _fit_filters(
    table: TrainingTable,
    train: Rows,
    plan: TrainingPlan,
    previous: Mapping[str, RegimeParameters],
) -> tuple[tuple[RegimeParameters, ...], Array, LeftOut]:
    """Fit on every bar up to the last training row; filter (never smooth) the whole table.

    Raises:
        TooFewRows: No symbol can be fitted.
    """
    until_ms = int(table.times[train].max())
    bars = {symbol: _past_bars(series, until_ms) for symbol, series in table.series.items()}
    left_out = left_out_of_filter(bars)
    fitted = {symbol: past for symbol, past in bars.items() if symbol not in left_out}
    names = usable_observations({symbol: past.observations for symbol, past in fitted.items()})
    if not fitted or not names:
        raise TooFewRows(f"no regime filter can be fitted: {reasons_text(left_out) or 'all still'}")
    used = [OBSERVATIONS.index(name) for name in names]
    fit = fit_regimes(
        {s: SymbolBars(past.observations[:, used], past.log_returns) for s, past in fitted.items()},
        names,
        plan.regimes,
        previous,
    )
    records = {s: fit.parameters(s, table.timeframe_ms, until_ms) for s in fitted}
    posteriors = []
    for symbol, series in table.series.items():
        if symbol not in records:
            posteriors.append(np.tile(UNIFORM, (len(series.times), 1)))
            continue
        chain = recursion(records[symbol], series.times, series.observed[:, used])
        posteriors.append(calibrated(records[symbol], chain))
        # A first filter goes on from where its training has ended.
        bull, bear, sideways = chain[series.times <= until_ms][-1].tolist()
        records[symbol] = records[symbol].model_copy(update={"carried": (bull, bear, sideways)})
    return tuple(records.values()), np.concatenate(posteriors), left_out


def carry_on(
    table: TrainingTable, filters: Sequence[RegimeParameters]
) -> tuple[RegimeParameters, ...]:
    """Return fitted filters that go on from the newest bar of the table, not from their last one.

    The bars between are filtered, not fitted on.
    """
    newest = []
    for parameters in filters:
        series = table.series[parameters.symbol]
        used = [OBSERVATIONS.index(name) for name in parameters.observations]
        bull, bear, sideways = recursion(parameters, series.times, series.observed[:, used])[-1]
        carried = (float(bull), float(bear), float(sideways))
        changes = {"carried": carried, "carried_at_ms": int(series.times[-1])}
        newest.append(parameters.model_copy(update=changes))
    return tuple(newest)


def _past_bars(series: FeatureSeries, until_ms: int) -> SymbolBars:
    past = series.times <= until_ms
    return SymbolBars(series.observed[past], series.column("log_return_1")[past])


def fit_folds(
    table: TrainingTable, plan: TrainingPlan, progress: OnProgress, fit: FitModel | None = None
) -> list[FittedModel]:
    """Fit on the past of each block, without networks, by ``fit_model`` or what is given.

    Raises:
        TooFewRows: A fold has fewer rows than ``plan.smallest_fold``.
    """
    folds = _large_folds(table, plan)
    fitted = []
    for number, fold in enumerate(folds):
        progress("folds", number / len(folds), f"fold {number + 1} of {len(folds)}")
        fitted.append((fit or fit_model)(table, table.usable[fold.train], plan, lambda *_: None))
    return fitted


def predict_folds(
    table: TrainingTable,
    models: Sequence[FittedModel],
    networks: Sequence[bytes],
    plan: TrainingPlan,
) -> list[PredictedBlock]:
    """Predict each block by the model and the network that were fitted on its past."""
    usable = table.usable
    bars = _next_bars(table)
    blocks = []
    folds = _large_folds(table, plan)
    for fold, model, network in zip(folds, models, networks, strict=True):
        fitted = replace(model, lstm=network)
        train, rows = usable[fold.train], usable[fold.test]
        members = fitted.members(table, rows, plan.lstm.window)
        blocks.append(
            PredictedBlock(
                starts_ms=fold.starts_ms,
                rows=rows,
                pooled=pool(members, plan.member_weights),
                prior=fitted.prior,
                regimes=fitted.posteriors[rows],
                next_bar=next_bar_gain(bars, fitted.posteriors, train, rows),
                forecasts=members | baseline_forecasts(table, plan.labels, train, rows),
            )
        )
    return blocks


def _next_bars(table: TrainingTable) -> NextBars:
    return NextBars.join(
        [
            NextBars.of(
                series.times,
                table.timeframe_ms,
                series.column("log_return_1"),
                series.column("log_range"),
            )
            for series in table.series.values()
        ]
    )


def training_rows(table: TrainingTable, plan: TrainingPlan) -> list[Rows]:
    """Return the rows that train each fold."""
    return [table.usable[fold.train] for fold in _large_folds(table, plan)]


def _large_folds(table: TrainingTable, plan: TrainingPlan) -> list[WalkForwardFold]:
    """Return the folds of the plan; of a short history fewer ones, each large enough to judge.

    Raises:
        TooFewRows: Even of the fewest folds one has fewer rows than ``plan.smallest_fold``.
    """
    if len(table.usable) == 0:
        raise TooFewRows("no row has a whole window of complete features and a known label")
    times, known_at = table.times[table.usable], table.known_at[table.usable]
    embargo_ms = plan.embargo_bars * table.timeframe_ms
    for count in range(plan.walk.blocks, FEWEST_BLOCKS - 1, -1):
        folds = list(replace(plan.walk, blocks=count).split(times, known_at, embargo_ms))
        if all(min(len(f.train), len(f.test)) >= plan.smallest_fold for f in folds):
            return folds
    smallest = min(folds, key=lambda fold: min(len(fold.train), len(fold.test)))
    raise TooFewRows(
        f"one of {len(folds)} folds has {len(smallest.train)} training and {len(smallest.test)} "
        f"test rows, expected at least {plan.smallest_fold}: a longer history is needed"
    )


def fit_temperature_before(
    table: TrainingTable, blocks: Sequence[PredictedBlock], plan: TrainingPlan, until_ms: int
) -> float:
    """Return the temperature fitted to those outcomes of some blocks known before a time.

    Raises:
        TooFewRows: None is known.
    """
    embargo_ms = plan.embargo_bars * table.timeframe_ms
    known = [known_before(until_ms, table.known_at[block.rows], embargo_ms) for block in blocks]
    if not any(k.any() for k in known):
        raise TooFewRows(
            f"no outcome of {sum(map(len, known))} test rows was known {plan.embargo_bars} bars "
            "before what they calibrate, expected at least one: a longer history is needed"
        )
    return fit_temperature(
        np.concatenate([block.pooled[k] for block, k in zip(blocks, known, strict=True)]),
        np.concatenate([_tiled(b.prior, int(k.sum())) for b, k in zip(blocks, known, strict=True)]),
        np.concatenate([table.classes[b.rows[k]] for b, k in zip(blocks, known, strict=True)]),
        plan.labels.horizon_bars,
    )


def stitch_blocks(
    table: TrainingTable, blocks: Sequence[PredictedBlock], plan: TrainingPlan
) -> StitchedRows:
    """Return all blocks but the first as one, each calibrated by the blocks before it."""
    calibrated = [
        calibrate(
            block.pooled,
            block.prior,
            fit_temperature_before(table, blocks[:k], plan, block.starts_ms),
        )
        for k, block in enumerate(blocks[1:], start=1)
    ]
    rows = np.concatenate([block.rows for block in blocks[1:]])
    ensemble = np.concatenate(calibrated)
    others = {
        name: np.concatenate([block.forecasts[name] for block in blocks[1:]])
        for name in blocks[0].forecasts
    }
    return StitchedRows(
        probabilities=ensemble,
        priors=np.concatenate([_tiled(block.prior, len(block.rows)) for block in blocks[1:]]),
        classes=table.classes[rows],
        forward=table.forward[rows],
        funding=table.funding[rows],
        times=table.times[rows],
        folds=len(blocks) - 1,
        rows=rows,
        forecasts={"ensemble": ensemble, **others},
    )


def _tiled(prior: Array, count: int) -> Array:
    return np.tile(prior, (count, 1))
