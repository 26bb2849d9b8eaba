"""Eleven stages that know the future, each beside an honest one that does the same job.

Every stage takes a log and says of each value from when it may be used; see
``workers.training.prefix_invariance``. None of the leaky ones is part of the product.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from schemas.timeframes import HOUR_MS
from schemas.variants import TrainingPolicy
from tests.fakes.training_markets import SMALL
from workers.training import variants
from workers.training.baum_welch import ObservationSequences, expectation_step, run_em
from workers.training.certificate import DrawnBars, rows_known_before
from workers.training.dataset import Array, FeatureSeries, Rows
from workers.training.fit_boosted import BoostedPlan, fit_boosted
from workers.training.fitted import FittedModel
from workers.training.metrics import class_shares
from workers.training.prefix_invariance import Parts, Stage, Stamped
from workers.training.regime_starts import starting_models
from workers.training.search import ForestScorer, search_fold
from workers.training.table import TrainingTable, build_table
from workers.training.temperature import fit_temperature
from workers.training.variants import select_features

Bars = Mapping[str, DrawnBars]
Series = Mapping[str, FeatureSeries]
ChooseRows = Callable[[TrainingTable, int], Rows]
HALF_WINDOW = 10
TREES = BoostedPlan(rounds=3, leaf_weight=5.0)
OVERFITTED = BoostedPlan(rounds=10, depth=6, learning_rate=1.0, leaf_weight=0.1, l2=0.0, stride=2)
SEARCHED = replace(  # every trial beats these trees
    SMALL, boosted=OVERFITTED, variants=TrainingPolicy(search_trials=2)
)


@dataclass(frozen=True)
class ToldRates:
    """Funding rates as they were told: a later row may revise an earlier stamp.

    Attributes:
        times: When each row was told, ms, increasing.
        stamps: The settlement that it is of, ms.
        rates: Fractions.
    """

    times: Rows
    stamps: Rows
    rates: Array


def table_of_log(series: Series) -> TrainingTable:
    return build_table(series, SMALL.labels, SMALL.lstm.window)


def past(table: TrainingTable, start_ms: int) -> Rows:
    """Rows that a fit for a block may use."""
    return rows_known_before(table, SMALL, start_ms)


def everything(table: TrainingTable, _: int) -> Rows:
    return table.usable


def until_the_block(table: TrainingTable, start_ms: int) -> Rows:
    """Rows before a block, though some of their labels end inside it."""
    return table.usable[table.times[table.usable] < start_ms]


def and_the_block(table: TrainingTable, start_ms: int) -> Rows:
    block_ms = 200 * table.timeframe_ms
    return table.usable[table.times[table.usable] < start_ms + block_ms]


# 1. A mean over bars on both sides.
def centred_mean(bars: Bars) -> Parts:
    (one,) = bars.values()
    kernel = np.full(2 * HALF_WINDOW + 1, 1.0 / (2 * HALF_WINDOW + 1))
    padded = np.pad(one.close, HALF_WINDOW, mode="edge")
    return {"centred mean": Stamped(one.times, np.convolve(padded, kernel, mode="valid"))}


def trailing_mean(bars: Bars) -> Parts:
    (one,) = bars.values()
    padded = np.pad(one.close, (HALF_WINDOW, 0), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, HALF_WINDOW + 1)
    return {"trailing mean": Stamped(one.times, windows.mean(axis=1))}


# 2. A scaler over the whole span.
def scaled_by(rows: ChooseRows, starts: Sequence[int]) -> Stage[FeatureSeries]:
    def stage(series: Series) -> Parts:
        table = table_of_log(series)
        return {
            f"scaler {k}": Stamped(np.array([start]), table.rows[rows(table, start)].mean(0)[None])
            for k, start in enumerate(starts)
        }

    return stage


# 3. The close of an hour that is not over.
def unclosed_hour(bars: Bars) -> Parts:
    (one,) = bars.values()
    hours = -(-one.times // HOUR_MS)
    last = np.searchsorted(hours, hours, side="right") - 1
    return {"hourly close": Stamped(one.times, one.close[last])}


def closed_hour(bars: Bars) -> Parts:
    (one,) = bars.values()
    closed = np.searchsorted(one.times, one.times // HOUR_MS * HOUR_MS, side="right") - 1
    known = np.where(closed >= 0, one.close[closed], np.nan)
    return {"hourly close": Stamped(one.times, known)}


# 4. A regime posterior that is smoothed back from the end.
def _sequences(one: FeatureSeries, until_ms: int) -> ObservationSequences:
    column = one.column("hint")[one.times <= until_ms]
    return ObservationSequences.lay_out([column[:, None]])


def smoothed_posterior(series: Series) -> Parts:
    one = series["BTCUSDT"]
    (model,) = starting_models(np.linspace(-2, 2, 60)[:, None], 1, 8.0, np.random.default_rng(0))
    states = expectation_step(model, _sequences(one, int(one.times[-1]))).states
    return {"posterior": Stamped(one.times, states.T)}


# 5, 8. What a block is predicted with: trees and priors, and the temperature of its pool.
def fitted_on(rows: ChooseRows, starts: Sequence[int]) -> Stage[FeatureSeries]:
    def stage(series: Series) -> Parts:
        table = table_of_log(series)
        parts = {}
        for k, start in enumerate(starts):
            train = rows(table, start)
            trees = fit_boosted(table.rows[train], table.classes[train], TREES, 0)
            parts[f"trees {k}"] = Stamped.digest(start, trees)
        return parts

    return stage


def pool(table: TrainingTable, rows: Rows) -> Array:
    """Stand for an ensemble: what the hint says, too sure of itself."""
    hint = table.rows[rows, 3]
    odds = np.exp(np.column_stack((-2.0 * hint, np.zeros(len(hint)), 2.0 * hint)))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def calibrated_on(rows: ChooseRows, starts: Sequence[int]) -> Stage[FeatureSeries]:
    def stage(series: Series) -> Parts:
        table = table_of_log(series)
        parts = {}
        for k, start in enumerate(starts):
            judged = rows(table, start)
            prior = class_shares(table.classes[past(table, start)])
            temperature = fit_temperature(pool(table, judged), prior, table.classes[judged], 5)
            parts[f"temperature {k}"] = Stamped(np.array([start]), np.array([temperature]))
        return parts

    return stage


# 6. A search whose score reads the future of its fold. The search is that of the product.
def searched_on(rows: ChooseRows, starts: Sequence[int], folder: Path) -> Stage[FeatureSeries]:
    def stage(series: Series) -> Parts:
        table = table_of_log(series)
        return {
            f"search {k}": Stamped.digest(start, _searched(table, rows(table, start), folder))
            for k, start in enumerate(starts)
        }

    return stage


def _searched(table: TrainingTable, train: Rows, folder: Path) -> bytes:
    scorer = ForestScorer.of_fold(table, train, plain_model(table, train), SEARCHED)
    found = search_fold(scorer, SEARCHED.variants.search_trials, folder)
    return found.record.encode() + repr(found.scores).encode()


def plain_model(table: TrainingTable, train: Rows) -> FittedModel:
    """A model of the rows without a regime filter."""
    even = np.full((len(table.times), 3), 1.0 / 3.0)
    inputs = np.hstack((table.rows[train], even[train]))
    trees = fit_boosted(inputs, table.classes[train], TREES, 0)
    return FittedModel(trees, b"", class_shares(table.classes[train]), (), even, {})


# 7. A fit that begins where a fit of all bars has ended.
def started_from(begin_ms: int | None, starts: Sequence[int]) -> Stage[FeatureSeries]:
    """Regimes of the bars before each start; the fit begins at that of the bars to a time."""

    def stage(series: Series) -> Parts:
        one = series["BTCUSDT"]
        parts = {}
        for k, start in enumerate(starts):
            sequences = _sequences(one, start)
            rng = np.random.default_rng(0)
            (model,) = starting_models(sequences.values.T, 1, 8.0, rng)
            model = run_em(model, _sequences(one, begin_ms or start), 5, 0.0).model
            fitted = run_em(model, sequences, 5, 0.0).model
            parts[f"regimes {k}"] = Stamped(np.array([start]), fitted.location.ravel()[None])
        return parts

    return stage


# 7, as a search can have it: the study of all rows is there, and that of a fold begins with it.
def searched_after_all_rows(
    starts: Sequence[int], folder: Path, *, one_name: bool
) -> Stage[FeatureSeries]:
    """Search as the product does; under one name for all cuts a study would go on over a cut."""

    def stage(series: Series) -> Parts:
        with pytest.MonkeyPatch.context() as patch, TemporaryDirectory(dir=folder) as fresh:
            if one_name:
                patch.setattr(ForestScorer, "study_name", lambda _: "one")
            table = table_of_log(series)
            _searched(table, table.usable, Path(fresh))
            return searched_on(past, starts, Path(fresh))(series)

    return stage


# 9. The least confidence of a grade, chosen where it is used.
def threshold_on(rows: ChooseRows, starts: Sequence[int]) -> Stage[FeatureSeries]:
    def stage(series: Series) -> Parts:
        table = table_of_log(series)
        parts = {}
        for k, start in enumerate(starts):
            judged = rows(table, start)
            said = pool(table, judged)
            right = said.argmax(axis=1) == table.classes[judged]
            order = np.argsort(-said.max(axis=1), kind="stable")
            rates = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
            best = order[20 + int(rates[20:].argmax())]
            parts[f"threshold {k}"] = Stamped(np.array([start]), said[best].max(keepdims=True))
        return parts

    return stage


# 10. Features that are chosen once, over all folds. The selection is that of the product.
def selected_on(rows: ChooseRows, starts: Sequence[int]) -> Stage[FeatureSeries]:
    def stage(series: Series) -> Parts:
        table = table_of_log(series)
        parts = {}
        for k, start in enumerate(starts):
            seen, train = rows(table, start), past(table, start)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(variants, "FEWEST_FEATURES", 1)  # of six there are
                chosen = select_features(table, seen, plain_model(table, seen), SEARCHED).features
            model = replace(plain_model(table, train), features=chosen)
            inputs = model.forest_rows(table, train)
            trees = fit_boosted(inputs, table.classes[train], TREES, 0)
            parts[f"selection {k}"] = Stamped.digest(start, repr(chosen).encode() + trees)
        return parts

    return stage


# 11. Funding as it was revised later.
def revised_funding(log: Mapping[str, ToldRates]) -> Parts:
    (told,) = log.values()
    return _funding(told, {int(s): float(r) for s, r in zip(told.stamps, told.rates, strict=True)})


def funding_as_told(log: Mapping[str, ToldRates]) -> Parts:
    (told,) = log.values()
    rates: dict[int, float] = {}
    for stamp, rate in zip(told.stamps.tolist(), told.rates.tolist(), strict=True):
        rates.setdefault(stamp, rate)
    return _funding(told, rates)


def _funding(told: ToldRates, rates: Mapping[int, float]) -> Parts:
    first = {int(s): int(t) for s, t in zip(told.stamps[::-1], told.times[::-1], strict=True)}
    usable_at = np.array([first[stamp] for stamp in rates], np.int64)
    return {"funding": Stamped(usable_at, np.array(list(rates.values())))}


def told_rates(count: int, rng: np.random.Generator) -> ToldRates:
    """Hourly rates; every one is told again, revised, three hours later."""
    stamps = HOUR_MS * np.arange(1, count + 1)
    rates = rng.normal(1e-4, 5e-5, count)
    times = np.concatenate((stamps, stamps + 3 * HOUR_MS + 1))
    order = np.argsort(times)
    revised = np.concatenate((rates, rates + rng.normal(0.0, 1e-5, count)))
    return ToldRates(times[order], np.concatenate((stamps, stamps))[order], revised[order])
