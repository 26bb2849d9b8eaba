"""The search itself: trials are drawn in batches, evaluated window by window and stored.

Any number of workers may search one study through its storage. Each draws trials until their
numbers reach the limit, and claims every trial it draws. A worker that starts again goes on with
the trials it had claimed: same numbers, same parameters. When a worker never comes back, its claim
runs out, and another worker takes up the trial. So no trial is lost, and a restart evaluates at
most one batch of a worker twice. With one worker the trials are those of a study that was never
cut.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import optuna
from optuna import Study, Trial
from optuna.exceptions import UpdateFinishedTrialError
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from schemas.research import Parameter
from workers.studies.samplers import SeededSampler, optuna_distributions
from workers.studies.trial_pool import Evaluate, Scores

CLAIM_S = 60.0  # a worker says at least this often that it is still at a trial
UNCLAIMED_S = 5.0  # between a trial's creation and its claim lie milliseconds, or a crash
WAIT_S = 0.2


class StudyDiffers(ValueError):
    """The storage has a study of that name with another space or other objectives."""


@dataclass(frozen=True)
class Search:
    """What a study tries.

    Attributes:
        name: Of the study; the job's id.
        space: Parameters to search.
        sampler: One of ``SAMPLERS``.
        objectives: How many, all maximised.
        n_trials: Trials in all, failed and pruned ones included.
        windows: Walk-forward windows of a trial.
        seed: Same seed and one worker: same trials.
        pruning: Stop a trial whose running mean falls below the median of the others'.
        batch: Trials drawn and evaluated at a time.
    """

    name: str
    space: Mapping[str, Parameter]
    sampler: str = "TPESampler"
    objectives: int = 1
    n_trials: int = 100
    windows: int = 1
    seed: int = 0
    pruning: bool = False
    batch: int = 1


@dataclass(frozen=True)
class SearchObserver:
    """How a search is followed from outside.

    Attributes:
        trial_ended: Called after each trial of this worker.
        stopped: Whether to stop asking; trials under way are left to be taken up.
    """

    trial_ended: Callable[[Study], None] = lambda _: None
    stopped: Callable[[], bool] = lambda: False


def open_study(search: Search, storage: BaseStorage) -> Study:
    """Create the study, or take up the one of that name.

    Raises:
        StudyDiffers: It searches something else.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # trials are reported as progress
    space = optuna_distributions(search.space)
    study = optuna.create_study(
        storage=storage,
        study_name=search.name,
        directions=["maximize"] * search.objectives,
        sampler=SeededSampler(search.sampler, space, search.seed),
        pruner=_pruner(search),
        load_if_exists=True,
    )
    wanted = {
        "space": {name: row.model_dump(mode="json") for name, row in search.space.items()},
        "objectives": search.objectives,
        "windows": search.windows,
    }
    stored = study.user_attrs.get("search")
    if stored is None:
        study.set_user_attr("search", wanted)
    elif stored != wanted:
        raise StudyDiffers(
            f"study {search.name} was started with another space, other windows or objectives; "
            "give the job a new id"
        )
    return study


def _pruner(search: Search) -> BasePruner:
    # Wilcoxon's test cannot reject at 10 % before the fifth window; the median can at the second.
    return MedianPruner(n_startup_trials=5, n_warmup_steps=1) if search.pruning else NopPruner()


def run_search(
    search: Search,
    study: Study,
    worker: str,
    evaluate: Evaluate,
    watch: SearchObserver | None = None,
) -> bool:
    """Search until every trial has ended; return whether all have.

    Args:
        search: What is tried.
        study: From ``open_study``.
        worker: Who this is, the same after a restart.
        evaluate: Scores of some trials on some windows, each a list in window order, or the reason
            why a trial's parameters make no run.
        watch: Hears of each trial, and says whether to stop.

    Returns: False when it was stopped before.
    """
    return _StudyWorker(search, study, worker, evaluate, watch or SearchObserver()).run()


class _StudyWorker:
    """One worker of one study."""

    def __init__(
        self, search: Search, study: Study, worker: str, evaluate: Evaluate, watch: SearchObserver
    ) -> None:
        self._search, self._study, self._worker = search, study, worker
        self._evaluate, self._watch = evaluate, watch

    def run(self) -> bool:
        batch = self._left_over()
        created = len(self._study.get_trials(deepcopy=False))
        size, limit = self._search.batch, self._search.n_trials
        first = batch[0].number if batch else created
        # A batch that was cut while it was drawn is first drawn to its end, then evaluated: its
        # trials are those of a batch that was never cut.
        end = min((first // size + 1) * size, limit)
        while not self._watch.stopped():
            while created < end:
                trial = self._ask()
                if trial is None:
                    created = end = limit
                else:
                    batch.append(trial)
                    created = trial.number + 1
            if not batch:
                if self._over():
                    return True
                batch = self._left_over()
                if not batch:
                    time.sleep(WAIT_S)
                continue
            if not self._finish(batch):
                return False
            batch, end = [], min(created + size, limit)
        return self._over()

    def _over(self) -> bool:
        trials = self._study.get_trials(deepcopy=False)[: self._search.n_trials]
        return len(trials) == self._search.n_trials and all(t.state.is_finished() for t in trials)

    def _left_over(self) -> list[Trial]:
        """Return the trials to take up: claimed by this worker, or by one that is gone."""
        while True:
            running = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
            states = [self._claim_state(trial) for trial in running]
            if "unknown" not in states:
                break
            time.sleep(WAIT_S)
        mine = [t for t, state in zip(running, states, strict=True) if state == "mine"]
        return [self._begin(Trial(self._study, trial._trial_id)) for trial in mine]  # noqa: SLF001 - Optuna offers no other way to a trial that runs

    def _claim_state(self, trial: FrozenTrial) -> str:
        claim = trial.user_attrs.get("claim")
        now = time.time()
        if claim is None:
            started = trial.datetime_start
            created = started.timestamp() if started is not None else 0.0
            return "unknown" if now - created < UNCLAIMED_S else "mine"
        return "mine" if claim["worker"] == self._worker or claim["until"] < now else "theirs"

    def _ask(self) -> Trial | None:
        """Return a new trial; None when the limit is reached."""
        trial = self._study.ask()
        if trial.number >= self._search.n_trials:
            self._study.tell(trial, state=TrialState.FAIL)  # another worker asked for the last one
            return None
        return self._begin(trial)

    def _begin(self, trial: Trial) -> Trial:
        self._claim(trial)
        for name in sorted(self._search.space):
            _suggest(trial, name, self._search.space[name])
        return trial

    def _claim(self, trial: Trial) -> None:
        trial.set_user_attr("claim", {"worker": self._worker, "until": time.time() + CLAIM_S})

    def _finish(self, batch: Sequence[Trial]) -> bool:
        """Evaluate and store a batch; return False when stopped on the way."""
        windows: Sequence[Sequence[int]] = [range(self._search.windows)]
        if self._search.pruning:
            windows = [[window] for window in windows[0]]
        scores: dict[int, list[Scores]] = {trial.number: [] for trial in batch}
        live, claimed_at = list(batch), time.monotonic()
        for part in windows:
            if self._watch.stopped():
                return False
            if time.monotonic() - claimed_at > CLAIM_S / 3.0:
                claimed_at = time.monotonic()
                for trial in live:
                    self._claim(trial)
            live = self._advance(live, part, scores)
        for trial in live:
            windows_scored = scores[trial.number]
            means = [fmean(score) for score in zip(*windows_scored, strict=True)]
            trial.set_user_attr("windows", [list(score) for score in windows_scored])
            self._tell(trial, means)
        return True

    def _advance(
        self, live: Sequence[Trial], part: Sequence[int], scores: dict[int, list[Scores]]
    ) -> list[Trial]:
        """Evaluate a part of the windows; return the trials that go on."""
        left = []
        answers = self._evaluate([(trial.params, part) for trial in live])
        for trial, answer in zip(live, answers, strict=True):
            if isinstance(answer, str):
                trial.set_user_attr("cause", answer)
                self._tell(trial, None, TrialState.FAIL)
                continue
            scores[trial.number] += answer
            if self._search.pruning and self._prune(trial, scores[trial.number]):
                trial.set_user_attr("windows", [list(score) for score in scores[trial.number]])
                self._tell(trial, None, TrialState.PRUNED)
                continue
            left.append(trial)
        return left

    def _prune(self, trial: Trial, scores: Sequence[Scores]) -> bool:
        step = len(scores) - 1
        if step not in self._study._storage.get_trial(trial._trial_id).intermediate_values:  # noqa: SLF001 - a trial taken up may have reported it
            trial.report(fmean(score[0] for score in scores), step)
        return step + 1 < self._search.windows and trial.should_prune()

    def _tell(
        self, trial: Trial, values: Sequence[float] | None, state: TrialState | None = None
    ) -> None:
        # Another worker, which took the trial for abandoned, stores the same values.
        with contextlib.suppress(UpdateFinishedTrialError):
            self._study.tell(trial, values, state=state, skip_if_finished=True)
        self._watch.trial_ended(self._study)


def _suggest(trial: Trial, name: str, parameter: Parameter) -> Any:
    low, high, step = parameter.low, parameter.high, parameter.step
    if low is None or high is None:
        return trial.suggest_categorical(name, parameter.choices)
    if parameter.type == "int":
        return trial.suggest_int(name, int(low), int(high), log=parameter.log, step=int(step or 1))
    return trial.suggest_float(name, low, high, log=parameter.log, step=step)


def finished_trials(study: Study, n_trials: int) -> list[FrozenTrial]:
    """Return the trials that ended, in order of their numbers; one beyond the limit is none."""
    trials = study.get_trials(deepcopy=False)
    return [t for t in itertools.islice(trials, n_trials) if t.state.is_finished()]
