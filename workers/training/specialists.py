"""Specialists: forests fitted on rows weighted by a regime's probability, and who is to answer.

A specialist shares the universal network and has a forest of its own. Each fold has specialists of
its own past, so that rows out of sample decide, on blocks of time: the universal model answers
unless a rule beats it there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from schemas.models import ModelFile
from schemas.predictions import ClassProbabilities
from schemas.specialists import (
    SPECIALISTS,
    ModelSelection,
    SelectionRule,
    SelectionTest,
    Specialist,
    SpecialistName,
    SpecialistPolicy,
)
from workers.models import forest
from workers.models.artifact import FOREST_ROLES, model_file
from workers.models.booster import read_booster
from workers.models.ensemble import class_probabilities
from workers.training.answers import selected_answers
from workers.training.blocks import mean_interval
from workers.training.dataset import Array, Rows
from workers.training.fit import (
    PredictedBlock,
    TrainingPlan,
    fit_temperature_before,
    stitch_blocks,
    training_rows,
)
from workers.training.fit_boosted import boosted_probabilities, fit_boosted
from workers.training.fitted import FittedModel
from workers.training.metrics import StitchedRows, surprise
from workers.training.table import TrainingTable

FEWEST_EFFECTIVE_ROWS = 500
RULES: tuple[SelectionRule, ...] = ("argmax", "blend")
LEVEL = 0.95  # of all rules together: each has its share of the rest
NOT_TRIED = ModelSelection(reason="the first model tries no specialists")


class WeightedForest(NamedTuple):
    """The forest of one specialist; empty where its rows are too few."""

    content: bytes
    effective_rows: float


Forests = Mapping[SpecialistName, WeightedForest]


@dataclass(frozen=True)
class FittedSpecialists:
    """The specialists of all rows that are not missing, and who answers.

    Attributes:
        selection: Who answers, and why.
        forests: File contents of each.
        served: What the selection answers on the stitched folds, each calibrated by its past,
            shape (N, 3); None where the universal model answers.
    """

    selection: ModelSelection = NOT_TRIED
    forests: Mapping[SpecialistName, bytes] = field(default_factory=dict)
    served: Array | None = None

    @property
    def contents(self) -> dict[str, bytes]:
        """File contents by name."""
        return {f"{FOREST_ROLES[name]}.json": raw for name, raw in self.forests.items()}

    @property
    def files(self) -> tuple[ModelFile, ...]:
        """The rows of the manifest."""
        return tuple(
            model_file(FOREST_ROLES[name], f"{FOREST_ROLES[name]}.json", raw)
            for name, raw in self.forests.items()
        )

    def chances(self, name: SpecialistName, rows: Array) -> Array:
        """Return the probabilities of a specialist's forest, by our own kernels, shape (N, 3)."""
        return forest.probabilities(forest.compile_forest(read_booster(self.forests[name])), rows)

    def parity(self, rows: Array) -> list[dict[SpecialistName, ClassProbabilities]]:
        """Return xgboost's own answers to some rows, by specialist, for serving to reproduce."""
        answers: list[dict[SpecialistName, ClassProbabilities]] = [{} for _ in rows]
        for name, raw in self.forests.items():
            for each, chances in zip(
                answers, class_probabilities(boosted_probabilities(raw, rows)), strict=True
            ):
                each[name] = chances
        return answers


def fit_specialists(
    table: TrainingTable,
    models: Sequence[FittedModel],
    blocks: Sequence[PredictedBlock],
    plan: TrainingPlan,
    on_fit: Callable[[float], None] = lambda _done: None,
) -> FittedSpecialists:
    """Fit the specialists of each fold and of all rows, and decide who answers.

    Args:
        table: Labelled rows.
        models: Of each fold, then of all rows.
        blocks: The folds' rows, predicted by the universal model.
        plan: Its policy weighs the specialists.
        on_fit: Called with the share done after each fit.
    """
    fits: list[Forests] = []
    for train, model in zip((*training_rows(table, plan), table.usable), models, strict=True):
        fits.append(weighted_forests(table, train, model, plan))
        on_fit(len(fits) / len(models))
    record = _out_of_sample(table, models, fits, blocks, plan)
    specialists, forests = [], {}
    for name in SPECIALISTS:
        specialist = record.judge(name, fits[-1][name].effective_rows)
        specialists.append(specialist)
        if specialist.temperature is not None:
            forests[name] = fits[-1][name].content
    selection = select(record, tuple(specialists), plan.specialists)
    served = None if selection.rule == "universal" else record.answers(selection)
    return FittedSpecialists(selection, forests, served)


def weighted_forests(
    table: TrainingTable, train: Rows, model: FittedModel, plan: TrainingPlan
) -> dict[SpecialistName, WeightedForest]:
    """Return the forest of each specialist, on the rows that fit the universal one."""
    sampled = train[:: plan.boosted.stride]
    rows, classes = model.forest_rows(table, sampled), table.classes[sampled]
    boosted = model.boosted or plan.boosted
    forests: dict[SpecialistName, WeightedForest] = {}
    for place, name in enumerate(SPECIALISTS):
        weights = model.posteriors[sampled, place]
        effective = effective_rows(weights)
        content = b""
        if effective >= FEWEST_EFFECTIVE_ROWS:
            content = fit_boosted(rows, classes, boosted, plan.seed, weights)
        forests[name] = WeightedForest(content, effective)
    return forests


def effective_rows(weights: Array) -> float:
    """Return how many equal weights say as much: ``(sum w)^2 / sum w^2`` (Kish, 1965).

    >>> effective_rows(np.array([1.0, 1.0, 0.0]))
    2.0
    """
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0


@dataclass(frozen=True)
class JudgedRows:
    """The universal model and the specialists on the judged rows, each calibrated by its past.

    Attributes:
        universal: The judged rows.
        specialists: Probabilities of each, shape (N, 3); the universal ones where it is missing.
        fitted: Whether each is a forest of its own, by row, shape (N,).
        temperatures: Of each pool, for serving.
        regimes: Filtered by each fold, shape (N, 3).
        block_ms: Length of the blocks whose means are resampled.
        seed: Of the resampling.
    """

    universal: StitchedRows
    specialists: Mapping[SpecialistName, Array]
    fitted: Mapping[SpecialistName, Rows]
    temperatures: Mapping[SpecialistName, float]
    regimes: Array
    block_ms: int
    seed: int

    def judge(self, name: SpecialistName, rows: float) -> Specialist:
        """Return what a specialist of so many effective rows is worth in its own regime."""
        if rows < FEWEST_EFFECTIVE_ROWS:
            reason = f"{rows:.0f} effective rows, expected {FEWEST_EFFECTIVE_ROWS} at least"
            return Specialist(name=name, effective_rows=rows, reason=reason)
        own = np.flatnonzero(self.fitted[name])
        if not own.size:
            reason = f"no judged fold had {FEWEST_EFFECTIVE_ROWS} effective rows before it"
            return Specialist(name=name, effective_rows=rows, reason=reason)
        weights = self.regimes[own, SPECIALISTS.index(name)]
        classes = self.universal.classes[own]
        losses = {
            who: surprise(chances[own], classes)
            for who, chances in (
                ("own", self.specialists[name]),
                ("universal", self.universal.probabilities),
                ("prior", self.universal.priors),
            )
        }
        edge = self._interval((losses["prior"] - losses["own"]) * weights, weights, own, LEVEL)
        beyond = edge is not None and edge[0] > 0.0
        return Specialist(
            name=name,
            effective_rows=rows,
            temperature=self.temperatures[name],
            log_loss=float(np.average(losses["own"], weights=weights)),
            universal_log_loss=float(np.average(losses["universal"], weights=weights)),
            edge_interval=edge,
            qualified=beyond,
            reason=f"{'' if beyond else 'not '}better than the class prior beyond chance",
        )

    def answers(self, selection: ModelSelection) -> Array:
        """Return what a selection answers, shape (N, 3)."""
        universal = self.universal.probabilities
        return selected_answers(selection, self.regimes, universal, self.specialists)

    def test(self, selection: ModelSelection) -> SelectionTest:
        """Return a selection beside the universal model, paired by row."""
        ruled = surprise(self.answers(selection), self.universal.classes)
        universal = surprise(self.universal.probabilities, self.universal.classes)
        level = 1.0 - (1.0 - LEVEL) / len(RULES)
        everywhere = np.arange(len(ruled))
        interval = self._interval(universal - ruled, np.ones(len(ruled)), everywhere, level)
        return SelectionTest(
            rule=selection.rule,
            rows=len(ruled),
            log_loss=float(ruled.mean()),
            universal_log_loss=float(universal.mean()),
            difference=float((universal - ruled).mean()),
            interval=interval,
            level=level,
            beats=interval is not None and interval[0] > 0.0,
        )

    def _interval(
        self, amounts: Array, weights: Array, which: Rows, level: float
    ) -> tuple[float, float] | None:
        """Return the interval of a weighted mean of rows; blocks of time are resampled."""
        times = self.universal.times[which]
        return mean_interval(amounts, times, self.block_ms, self.seed, level, weights=weights)


def select(
    record: JudgedRows, specialists: tuple[Specialist, ...], policy: SpecialistPolicy
) -> ModelSelection:
    """Return the rule that beats the universal model by most; the universal one where none does."""
    tried = ModelSelection(policy=policy, specialists=specialists)
    if not tried.qualified:
        return tried.model_copy(update={"reason": "no specialist is qualified"})
    tests = tuple(record.test(tried.model_copy(update={"rule": rule})) for rule in RULES)
    best = max((test for test in tests if test.beats), key=lambda t: t.difference, default=None)
    if best is None:
        reason = "no rule of the specialists beats it out of sample"
        return tried.model_copy(update={"reason": reason, "tests": tests})
    reason = f"beats the universal model out of sample by {best.difference:.4f} nats a row"
    return tried.model_copy(update={"rule": best.rule, "reason": reason, "tests": tests})


def _out_of_sample(
    table: TrainingTable,
    models: Sequence[FittedModel],
    fits: Sequence[Forests],
    blocks: Sequence[PredictedBlock],
    plan: TrainingPlan,
) -> JudgedRows:
    probabilities, fitted, temperatures = {}, {}, {}
    for name in SPECIALISTS:
        own = [
            _predicted(table, model, fit[name].content, block, plan)
            for model, fit, block in zip(models, fits, blocks, strict=False)  # the last is of all
        ]
        probabilities[name] = stitch_blocks(table, own, plan).probabilities
        fitted[name] = np.concatenate(
            [
                np.full(len(block.rows), bool(fit[name].content))
                for fit, block in zip(fits[1:], blocks[1:], strict=False)
            ]
        )
        temperatures[name] = fit_temperature_before(table, own, plan, sys.maxsize)
    return JudgedRows(
        universal=stitch_blocks(table, blocks, plan),
        specialists=probabilities,
        fitted=fitted,
        temperatures=temperatures,
        regimes=np.concatenate([block.regimes for block in blocks[1:]]),
        block_ms=plan.labels.horizon_bars * table.timeframe_ms,
        seed=plan.seed,
    )


def _predicted(
    table: TrainingTable,
    model: FittedModel,
    content: bytes,
    block: PredictedBlock,
    plan: TrainingPlan,
) -> PredictedBlock:
    """Return a block with another forest in the pool; a pool is linear, so only that changes."""
    if not content:
        return block
    rows = model.forest_rows(table, block.rows)
    own = forest.probabilities(forest.compile_forest(read_booster(content)), rows)
    share = plan.member_weights["xgboost"] / sum(plan.member_weights.values())
    change = own - block.forecasts["xgboost"]
    return replace(block, pooled=block.pooled + share * change)
