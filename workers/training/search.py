"""Searches parameters of the forest on the training rows of one fold, by a study of its own.

A trial is fitted on the older rows of a fold and judged on newer ones, walk-forward and purged as
the folds themselves. A study is named after its cut and a hash of all that it sees, and lies in the
folder of its request: no study goes on over another cut, and one that was killed goes on where it
was. The networks are not searched: each of their trials would take as long as a training.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from schemas.research import Parameter
from schemas.variants import FoldSearch
from workers.child import call_in_child
from workers.training.dataset import Array, Rows
from workers.training.fit import TrainingPlan
from workers.training.fit_boosted import BoostedPlan, boosted_probabilities, fit_boosted
from workers.training.fitted import FittedModel
from workers.training.metrics import surprise
from workers.training.split import WalkForward
from workers.training.table import TrainingTable

if TYPE_CHECKING:
    from workers.studies.study import Search

INNER = WalkForward(blocks=2, judged=0.4)
SPACE: Mapping[str, Parameter] = {
    "rounds": Parameter(type="int", low=20, high=120, step=20),
    "depth": Parameter(type="int", low=2, high=5),
    "learning_rate": Parameter(type="float", low=0.01, high=0.15, log=True),
    "row_share": Parameter(type="float", low=0.4, high=1.0),
    "feature_share": Parameter(type="float", low=0.15, high=0.8),
    "leaf_weight": Parameter(type="float", low=20.0, high=400.0, log=True),
    "l2": Parameter(type="float", low=1.0, high=200.0, log=True),
}
WORKER = "training"  # alone; the same after a restart

Values = Mapping[str, str | float | bool]


class TrialOutcome(NamedTuple):
    """What a trial came to: minus the log-loss of each window, and the hash of its forests."""

    scores: tuple[float, ...]
    digest: str


@dataclass(frozen=True)
class ForestScorer:
    """Judges parameters inside one fold.

    Attributes:
        rows: Inputs of the forest, shape (N, F).
        classes: Labels, shape (N,).
        windows: Places of the rows that fit, and of those that judge.
        plan: Parameters where a trial says nothing.
        seed: Of the forests.
        cut_ms: When the last of the labels was known.
    """

    rows: Array
    classes: Rows
    windows: tuple[tuple[Rows, Rows], ...]
    plan: BoostedPlan
    seed: int
    cut_ms: int

    @classmethod
    def of_fold(
        cls, table: TrainingTable, train: Rows, model: FittedModel, plan: TrainingPlan
    ) -> ForestScorer:
        """Take the rows that fit the forest of a fold, and split them in time."""
        sampled = train[:: plan.boosted.stride]
        embargo_ms = plan.embargo_bars * table.timeframe_ms
        inner = INNER.split(table.times[sampled], table.known_at[sampled], embargo_ms)
        return cls(
            rows=model.forest_rows(table, sampled),
            classes=table.classes[sampled],
            windows=tuple((f.train, f.test) for f in inner if len(f.train) and len(f.test)),
            plan=plan.boosted,
            seed=plan.seed,
            cut_ms=int(table.known_at[train].max()),
        )

    def __call__(self, params: Values, windows: Sequence[int]) -> list[Sequence[float]] | str:
        """Return the score of each window, as a study takes it."""
        return [(self._fit(params, window)[0],) for window in windows]

    def outcome(self, params: Values) -> TrialOutcome:
        """Return the scores of all windows and the hash of the forests that they are made of."""
        parts = [self._fit(params, window) for window in range(len(self.windows))]
        digest = hashlib.sha256(b"".join(forest for _, forest in parts)).hexdigest()
        return TrialOutcome(tuple(score for score, _ in parts), digest)

    def study_name(self) -> str:
        """Return the name of the study: the cut, and a hash of everything that a trial depends on.

        Another cut, row, label, plan or library is another study.
        """
        parts = [self.rows.tobytes(), self.classes.tobytes()]
        parts += [repr((self.plan, self.seed, SPACE)).encode()]
        parts += [places.tobytes() for window in self.windows for places in window]
        parts += [importlib.metadata.version(name).encode() for name in ("optuna", "xgboost")]
        digest = hashlib.sha256(b"\n".join(hashlib.sha256(part).digest() for part in parts))
        return f"{self.cut_ms}-{digest.hexdigest()[:16]}"

    def _fit(self, params: Values, window: int) -> tuple[float, bytes]:
        fit, judged = self.windows[window]
        forest = fit_boosted(
            self.rows[fit], self.classes[fit], with_values(self.plan, params), self.seed
        )
        chances = boosted_probabilities(forest, self.rows[judged])
        return -float(surprise(chances, self.classes[judged]).mean()), forest


@dataclass(frozen=True)
class SearchedFold:
    """A finished search: its record, who judged it, and the stored scores of what was chosen."""

    record: FoldSearch
    scorer: ForestScorer
    scores: tuple[float, ...]


def with_values(plan: BoostedPlan, values: Values) -> BoostedPlan:
    """Return a plan with some parameters of the space in place of its own."""
    typed = {
        name: int(value) if SPACE[name].type == "int" else float(value)
        for name, value in values.items()
    }
    return replace(plan, **typed)  # type: ignore[arg-type]  # names and types are those of SPACE


def search_fold(scorer: ForestScorer, trials: int, folder: Path) -> SearchedFold:
    """Search until so many trials have ended; the best one is chosen if it beats the defaults.

    Args:
        scorer: Of the fold.
        trials: In all, also where a study goes on.
        folder: Where the study is kept.
    """
    from workers.studies.study import Search, finished_trials, run_search
    from workers.studies.trial_pool import evaluating

    default = scorer.outcome({}) if scorer.windows else TrialOutcome((0.0,), "")
    chosen, scores, ended = dict[str, float](), default.scores, 0
    if scorer.windows:
        search = Search(
            name=scorer.study_name(),
            space=SPACE,
            n_trials=trials,
            windows=len(scorer.windows),
            seed=scorer.seed,
        )
        study = _open_study(search, folder)
        with evaluating(scorer) as evaluate:
            run_search(search, study, WORKER, evaluate)
        finished = [trial for trial in finished_trials(study, trials) if trial.values]
        best = max(finished, key=lambda trial: (trial.values[0], -trial.number))
        ended = len(finished)
        if best.values[0] > float(np.mean(default.scores)):
            chosen = {name: float(value) for name, value in best.params.items()}
            scores = tuple(score for (score,) in best.user_attrs["windows"])
    record = FoldSearch(
        cut_ms=scorer.cut_ms,
        rows=len(scorer.rows),
        trials=ended,
        parameters=chosen,
        default_log_loss=-float(np.mean(default.scores)),
        log_loss=-float(np.mean(scores)),
    )
    return SearchedFold(record, scorer, scores)


def _open_study(search: Search, folder: Path) -> Any:
    """Open a study where it was; one whose file is damaged begins again."""
    from workers.studies.storage import journal_path, open_storage
    from workers.studies.study import open_study

    try:
        return open_study(search, open_storage(None, folder, search.name))
    except (ValueError, KeyError, TypeError):
        journal_path(folder, search.name).unlink()
        return open_study(search, open_storage(None, folder, search.name))


Rerun = Callable[[Sequence[tuple[ForestScorer, Values]]], Sequence[TrialOutcome]]


def outcomes(trials: Sequence[tuple[ForestScorer, Values]]) -> list[TrialOutcome]:
    """Return what trials come to, in order."""
    return [scorer.outcome(params) for scorer, params in trials]


def outcomes_in_fresh_process(trials: Sequence[tuple[ForestScorer, Values]]) -> list[TrialOutcome]:
    """Return what trials come to in a process that has seen nothing of their search."""
    again: list[TrialOutcome] = call_in_child(outcomes, trials, cancelled=lambda: False, niceness=0)
    return again


def differing_folds(
    searched: Sequence[SearchedFold], rerun: Rerun = outcomes_in_fresh_process
) -> list[int]:
    """Return the numbers, from 1, of the folds whose best trial comes to anything else again.

    Its scores are compared with those that its study stored, and its forests with those that this
    process fits, bit by bit.
    """
    chosen = [(k, one) for k, one in enumerate(searched, start=1) if one.record.parameters]
    trials = [(one.scorer, one.record.parameters) for _, one in chosen]
    if not trials:
        return []
    ours = outcomes(trials)
    return [
        k
        for (k, one), mine, fresh in zip(chosen, ours, rerun(trials), strict=True)
        if fresh != mine or fresh.scores != one.scores
    ]
