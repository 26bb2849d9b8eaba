"""The pipeline audit: a training on a truncated log makes the same folds up to the cut, by hash."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest

from schemas.specialists import SPECIALISTS
from schemas.variants import TrainingPolicy
from tests.fakes.training_markets import SMALL, market
from workers.training import regime_evidence, split, variants
from workers.training.certificate import fitted_parts, rows_known_before
from workers.training.dataset import FeatureSeries, Rows
from workers.training.fit import (
    TrainingPlan,
    fit_folds,
    fit_networks,
    fit_temperature_before,
    predict_folds,
)
from workers.training.fitted import FittedModel
from workers.training.prefix_invariance import Parts, Stamped, check_stage, draw_cuts
from workers.training.specialists import weighted_forests
from workers.training.split import WalkForward, WalkForwardFold
from workers.training.table import TrainingTable, build_table
from workers.training.variants import ForestSearch, select_features, split_symbols

PLAN = replace(SMALL, smallest_fold=0, variants=TrainingPolicy(search_trials=1))


@dataclass(frozen=True)
class KnownBlocks(WalkForward):
    """The blocks of a longer log, as far as a shorter one reaches.

    Attributes:
        edges: Starts of the blocks, and the end of the last one, ms.
        until_ms: A block that begins later is not there.
        judged_only: Also without one that has no test row yet.
    """

    edges: tuple[int, ...] = ()
    until_ms: int = 0
    judged_only: bool = False

    def split(self, times: Rows, known_at: Rows, embargo_ms: int) -> Iterator[WalkForwardFold]:
        for start, stop in itertools.pairwise(self.edges):
            test = np.flatnonzero((times >= start) & (times < stop))
            if start <= self.until_ms and (len(test) or not self.judged_only):
                train = np.flatnonzero(split.known_before(start, known_at, embargo_ms))
                yield WalkForwardFold(start, train, test)


def fold_parts(plan: TrainingPlan, walk: KnownBlocks, series: Mapping[str, FeatureSeries]) -> Parts:
    """Everything that a training makes before its last fit, and from when it may be used."""
    table = build_table(series, plan.labels, plan.lstm.window)
    walk = replace(walk, until_ms=int(table.times.max()))
    plan = replace(plan, walk=walk)
    models = fit_folds(table, plan, lambda *_: None)
    networks = fit_networks(table, plan, lambda *_: None).folds
    judged = replace(plan, walk=replace(walk, judged_only=True))
    count = int((np.array(walk.edges[:-1]) <= table.times[table.usable].max()).sum())
    blocks = predict_folds(table, models[:count], networks[:count], judged)
    parts = {}
    for k, (model, network) in enumerate(zip(models, networks, strict=True)):
        start = walk.edges[k]
        rows = rows_known_before(table, plan, start)
        forests = weighted_forests(table, rows, model, plan)
        specialists = repr([forests[name] for name in SPECIALISTS]).encode()
        contents = {**fitted_parts(model), "network": network, "specialists": specialists}
        contents["variants"] = _varied(table, rows, model, plan)
        for name, content in contents.items():
            parts[f"{name} of fold {k + 1}"] = Stamped.digest(start, content)
        if k:
            temperature = fit_temperature_before(table, blocks[:k], plan, start)
            stamped = Stamped(np.array([start]), np.array([temperature]))
            parts[f"temperature of block {k + 1}"] = stamped
    for k, block in enumerate(blocks):
        known_at = table.known_at[block.rows]
        parts[f"pool of block {k + 1}"] = Stamped(known_at, block.pooled)
        parts[f"regimes of block {k + 1}"] = Stamped(known_at, block.regimes)
    return parts


def _varied(table: TrainingTable, rows: Rows, model: FittedModel, plan: TrainingPlan) -> bytes:
    """What all variants together make of a fold: its search, its features, its own forests."""
    search = ForestSearch(plan)
    varied = select_features(table, rows, search(table, rows, model), plan)
    parts = fitted_parts(split_symbols(table, rows, varied, plan))
    return b"".join([search.searched[0].record.encode(), *parts.values()])


def walk_over(series: Mapping[str, FeatureSeries], blocks: int) -> KnownBlocks:
    times = np.unique(np.concatenate([one.times for one in series.values()]))
    which = np.linspace(0.4 * len(times), len(times) - 1, blocks + 1).astype(np.int64)
    return KnownBlocks(edges=tuple(times[which].tolist()))


@pytest.fixture(autouse=True)
def short_simulation(monkeypatch):
    monkeypatch.setattr(regime_evidence, "SIMULATED_BARS", 6_000)
    monkeypatch.setattr(variants, "FEWEST_ROWS", 20)
    monkeypatch.setattr(variants, "FEWEST_FEATURES", 1)


@pytest.mark.parametrize(
    ("bars", "blocks", "more_cuts"),
    [(500, 2, 0), pytest.param(2_400, 4, 6, marks=pytest.mark.audit)],
)
def test_every_artefact_of_the_folds_up_to_a_cut_is_the_same(capsys, bars, blocks, more_cuts):
    rng = np.random.default_rng(5)
    series = market(edge=0.5, bars=bars)
    walk = walk_over(series, blocks)
    # At a start a fold is fitted, and its block has no outcome yet; random cuts lie in blocks.
    cuts = [*walk.edges[1:-1], *draw_cuts(series, more_cuts, rng)]

    check = check_stage("folds", partial(fold_parts, PLAN, walk), series, cuts, rng)

    with capsys.disabled():
        if more_cuts:
            print(f"\n{check}")  # noqa: T201 - the audit's result
    assert check.moved == {}
    assert check.values > 10
    assert check.parts == 11 * blocks - 1


def test_the_audit_sees_a_fold_that_trains_on_labels_which_end_in_its_block(monkeypatch):
    series = market(edge=0.5, bars=500)
    walk = walk_over(series, 2)

    def until_the_block(start_ms: int, known_at: Rows, _: int) -> object:
        return known_at - SMALL.labels.horizon_bars * 60_000 < start_ms

    monkeypatch.setattr(split, "known_before", until_the_block)

    check = check_stage(
        "folds", partial(fold_parts, PLAN, walk), series, [walk.edges[1]], np.random.default_rng(5)
    )

    assert {"forest of fold 2", "network of fold 2", "prior of fold 2"} <= set(check.moved)
