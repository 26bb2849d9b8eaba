"""Other ways to make a model's forests, each kept only where it wins out of sample.

In order: parameters that a search found inside the fold, features of each symbol's own, a forest of
each symbol's own. Each is made in every fold from the training rows of that fold alone, and tried
upon what was kept before it. A paired test on blocks of time decides; all tests share one level.
The network is the same in all of them, and pooled over the symbols.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from schemas.variants import Variant, VariantTest
from workers.models.ensemble import pool
from workers.models.symbol_forests import places_by_symbol
from workers.training.blocks import mean_interval
from workers.training.dataset import Rows
from workers.training.fit import PredictedBlock, TrainingPlan, stitch_blocks, training_rows
from workers.training.fit_boosted import fit_boosted
from workers.training.fitted import FittedModel
from workers.training.importance import attribution_shares
from workers.training.metrics import StitchedRows, surprise
from workers.training.search import (
    ForestScorer,
    Rerun,
    SearchedFold,
    differing_folds,
    outcomes_in_fresh_process,
    search_fold,
    with_values,
)
from workers.training.table import TrainingTable

LEVEL = 0.95  # of all tests together: each has its share of the rest
IMPORTANT = 0.9  # share of a symbol's attribution that its own features carry
FEWEST_FEATURES = 10
FEWEST_ROWS = 500  # that fit a forest of a symbol's own; below, the shared one answers
CLASSES = 3

Make = Callable[[TrainingTable, Rows, FittedModel], FittedModel]
OnFit = Callable[[float, str], None]


@dataclass(frozen=True)
class ChosenForests:
    """What a training goes on with.

    Attributes:
        models: Of each fold, then of all rows.
        blocks: Predicted by those of the folds.
        tests: One of each variant that was tried, in order.
        kept: How to make again what is part of the models.
    """

    models: Sequence[FittedModel]
    blocks: Sequence[PredictedBlock]
    tests: tuple[VariantTest, ...] = ()
    kept: tuple[Make, ...] = ()

    @property
    def trials(self) -> int:
        """How many configurations were tried beside the defaults."""
        return sum(test.trials for test in self.tests)

    def remake(self, table: TrainingTable, train: Rows, model: FittedModel) -> FittedModel:
        """Return a model of the defaults with all that is kept, made from some rows."""
        for make in self.kept:
            model = make(table, train, model)
        return model


@dataclass(frozen=True)
class PairedTest:
    """How a variant is judged: by the mean gain in log-loss, blocks of time resampled.

    Attributes:
        block_ms: Length of the blocks.
        seed: Of the resampling.
        level: Of each interval.
    """

    block_ms: int
    seed: int
    level: float

    def judge(self, variant: Variant, before: StitchedRows, after: StitchedRows) -> VariantTest:
        """Return a variant beside the simpler way, paired by row, each calibrated by its past."""
        simple, other = (surprise(each.probabilities, each.classes) for each in (before, after))
        gains = simple - other
        interval = mean_interval(gains, before.times, self.block_ms, self.seed, self.level)
        kept = interval is not None and interval[0] > 0.0
        return VariantTest(
            variant=variant,
            rows=len(gains),
            trials=1,
            log_loss=float(other.mean()),
            default_log_loss=float(simple.mean()),
            difference=float(gains.mean()),
            interval=interval,
            level=self.level,
            kept=kept,
            reason=f"{'' if kept else 'not '}better beyond chance out of sample",
        )


@dataclass
class ForestSearch:
    """Searches each fold that it is given.

    Attributes:
        plan: Says how many trials.
        folder: Where studies are kept, so that they go on; None: nowhere.
        searched: By fold, what came of it.
    """

    plan: TrainingPlan
    folder: Path | None = None
    searched: list[SearchedFold] = field(default_factory=list)

    def __call__(self, table: TrainingTable, train: Rows, model: FittedModel) -> FittedModel:
        """Return a model with the best parameters; the same where none beats the defaults."""
        scorer = ForestScorer.of_fold(table, train, model, self.plan)
        with tempfile.TemporaryDirectory(prefix="regimeflow-") as unkept:
            folder = self.folder or Path(unkept)
            best = search_fold(scorer, self.plan.variants.search_trials, folder)
        self.searched.append(best)
        if not best.record.parameters:
            return model
        boosted = with_values(self.plan.boosted, best.record.parameters)
        return _refit(table, train, replace(model, boosted=boosted), self.plan)


def choose_forests(
    table: TrainingTable,
    start: ChosenForests,
    plan: TrainingPlan,
    search: ForestSearch,
    on_fit: OnFit = lambda _done, _note: None,
    *,
    rerun: Rerun = outcomes_in_fresh_process,
) -> ChosenForests:
    """Try the variants that the plan's policy allows, and keep those that win.

    Args:
        table: Labelled rows.
        start: Models of the defaults, and their blocks.
        plan: Its ``variants`` say what is tried.
        search: Of the folds, not begun.
        on_fit: Called after each fit with the share done and what is done.
        rerun: How the best trials of a search are run again.
    """
    makers = _makers(table, plan, search)
    block_ms = plan.labels.horizon_bars * table.timeframe_ms
    test = PairedTest(block_ms, plan.seed, 1.0 - (1.0 - LEVEL) / max(len(makers), 1))
    trains, chosen = [*training_rows(table, plan), table.usable], start
    for number, (variant, make) in enumerate(makers.items()):
        models = []
        for train, model in zip(trains, chosen.models, strict=True):
            models.append(make(table, train, model))
            done = (number + len(models) / len(trains)) / len(makers)
            on_fit(done, f"{variant}: fit {len(models)} of {len(trains)}")
        blocks = _predicted(table, models, chosen.blocks, plan)
        before, after = (stitch_blocks(table, each, plan) for each in (chosen.blocks, blocks))
        verdict, again = test.judge(variant, before, after), make
        if variant == "search":
            verdict, again = _with_searches(verdict, search, rerun), ForestSearch(plan)
        tests = (*chosen.tests, verdict)
        if verdict.kept:
            chosen = ChosenForests(models, blocks, tests, (*chosen.kept, again))
        else:
            chosen = replace(chosen, tests=tests)
    return chosen


def _makers(
    table: TrainingTable, plan: TrainingPlan, search: ForestSearch
) -> Mapping[Variant, Make]:
    """Return what is tried, in order; one symbol needs no forest beside that of all symbols."""
    policy, makers = plan.variants, dict[Variant, Make]()
    if policy.search_trials:
        makers["search"] = search
    if policy.select_features:
        makers["features"] = partial(select_features, plan=plan)
    if policy.split_symbols and len(table.series) > 1:
        makers["symbols"] = partial(split_symbols, plan=plan)
    return makers


def _refit(
    table: TrainingTable, train: Rows, model: FittedModel, plan: TrainingPlan
) -> FittedModel:
    """Return a model whose forest is fitted again with its own parameters and features."""
    boosted = model.boosted or plan.boosted
    sampled = train[:: plan.boosted.stride]
    rows = model.forest_rows(table, sampled)
    return replace(model, forest=fit_boosted(rows, table.classes[sampled], boosted, plan.seed))


def select_features(
    table: TrainingTable, train: Rows, model: FittedModel, plan: TrainingPlan
) -> FittedModel:
    """Return a model whose forest sees of each symbol the features alone that matter to it.

    Those are the fewest that carry ``IMPORTANT`` of the symbol's attribution on the training rows.
    """
    names = next(iter(table.series.values())).names
    features = {}
    for symbol, shares in attribution_shares(table, train, model).items():
        order = np.argsort(-shares, kind="stable")
        enough = int(np.searchsorted(np.cumsum(shares[order]), IMPORTANT * shares.sum())) + 1
        chosen = np.sort(order[: max(enough, FEWEST_FEATURES)])
        features[symbol] = tuple(names[i] for i in chosen.tolist())
    return _refit(table, train, replace(model, features=features), plan)


def split_symbols(
    table: TrainingTable, train: Rows, model: FittedModel, plan: TrainingPlan
) -> FittedModel:
    """Return a model with a forest of each symbol that has rows enough, and all three classes."""
    sampled = train[:: plan.boosted.stride]
    rows, classes = model.forest_rows(table, sampled), table.classes[sampled]
    forests = {}
    for symbol, places in places_by_symbol(table.symbols_at(sampled)):
        if len(places) >= FEWEST_ROWS and len(np.unique(classes[places])) == CLASSES:
            boosted = model.boosted or plan.boosted
            forests[symbol] = fit_boosted(rows[places], classes[places], boosted, plan.seed)
    return replace(model, forests=forests)


def _predicted(
    table: TrainingTable,
    models: Sequence[FittedModel],
    blocks: Sequence[PredictedBlock],
    plan: TrainingPlan,
) -> list[PredictedBlock]:
    """Return the blocks with other forests in the pool; the network's answers are the same."""
    predicted = []
    for model, block in zip(models, blocks, strict=False):  # the last model is of all rows
        members = {name: block.forecasts[name] for name in plan.member_weights}
        members["xgboost"] = model.forest_probabilities(table, block.rows)
        pooled = pool(members, plan.member_weights)
        predicted.append(replace(block, pooled=pooled, forecasts={**block.forecasts, **members}))
    return predicted


def _with_searches(test: VariantTest, search: ForestSearch, rerun: Rerun) -> VariantTest:
    """Return the test of a search with its folds; one that does not come out again is not kept."""
    searches = tuple(one.record for one in search.searched)
    trials = sum(one.trials for one in searches)
    told = test.model_copy(update={"searches": searches, "trials": trials})
    differing = differing_folds(search.searched, rerun)
    if not differing:
        return told
    folds = ", ".join(map(str, differing))
    reason = f"not the same again in a fresh process: the best trial of fit {folds}"
    return told.model_copy(update={"kept": False, "reason": reason})
