"""One job from request to result, whoever runs it: the tuning process or a command line."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import optuna
from optuna import Study
from optuna.trial import TrialState

from schemas.research import TuningSpec
from schemas.search_space import Space, resolve_space
from workers.bars.arrays import Bars
from workers.research.outcome import JSON
from workers.research.strategies import strategy_named
from workers.studies.storage import journal_path, open_storage
from workers.studies.study import Search, SearchObserver, StudyDiffers, open_study, run_search
from workers.studies.trial_pool import evaluating
from workers.tuning.objective import WindowScorer, split_bars
from workers.tuning.search_report import FinishedSearch, tuning_report

TELL_EVERY_S = 0.05

Progress = Callable[[int, int, float | None, str], None]  # done, of how many, best, what is done


@dataclass(frozen=True)
class TuningJob:
    """What is tuned, and where its study is kept.

    Attributes:
        job_id: Also the name of the study.
        spec: Of the request.
        worker: Who runs it, the same after a restart.
        home: For the journal.
        storage_url: Of a database; None for the journal.
    """

    job_id: str
    spec: TuningSpec
    worker: str
    home: Path
    storage_url: str | None = None

    def space(self) -> Space:
        """Return what is searched; raises ValueError naming what is wrong with the request."""
        return resolve_space(self.spec, strategy_named(self.spec.strategy_name).parameters)

    def seed(self) -> int:
        """Return the request's seed, or one of its own for each job."""
        if self.spec.seed is not None:
            return self.spec.seed
        return int.from_bytes(hashlib.sha256(self.job_id.encode()).digest()[:4])

    def search(self, space: Space) -> Search:
        """Return the search of a study."""
        return Search(
            name=self.job_id,
            space=space.searched,
            sampler=self.spec.sampler,
            objectives=len(space.objectives),
            n_trials=space.n_trials,
            windows=self.spec.windows,
            seed=self.seed(),
            pruning=self.spec.pruning,
            batch=self.spec.batch,
        )


class Stop(Protocol):
    """Set when the search is to end."""

    def is_set(self) -> bool:
        """Whether it is."""
        ...


def tune(job: TuningJob, bars: Bars, progress: Progress, stop: Stop) -> JSON:
    """Search until every trial has ended, or ``stop`` or the timeout comes; return the result.

    A study that was started before goes on, on the bars that it was started with.

    Raises: ValueError naming what is wrong with the request, the bars or the storage.
    """
    search = job.search(job.space())
    split_bars(bars, search.windows)  # refused before anything is kept
    study = open_study(search, open_storage(job.storage_url, job.home, job.job_id))
    tuned = _tuned(job, study, bars)
    watch = _JobObserver(search, progress, stop, job.spec.timeout_s)
    watch.tell(study)
    ended = _run(job, tuned, study, SearchObserver(watch.trial_ended, watch.stopped))
    watch.tell(study, "report")
    result = tuning_report(tuned, study, partial=not ended)
    plain: JSON = json.loads(json.dumps(result, allow_nan=False))  # tuples as JSON has them
    return plain


def take_part(job: TuningJob, bars: Bars, stop: Stop) -> bool:
    """Search with the worker that has started a job; return False where none has yet."""
    if job.storage_url is None and not journal_path(job.home, job.job_id).exists():
        return False
    storage = open_storage(job.storage_url, job.home, job.job_id)
    if job.job_id not in optuna.get_all_study_names(storage):
        return False
    study = open_study(job.search(job.space()), storage)
    if "bars" not in study.user_attrs:
        return False
    _run(job, _tuned(job, study, bars), study, SearchObserver(stopped=stop.is_set))
    return True


def _tuned(job: TuningJob, study: Study, bars: Bars) -> FinishedSearch:
    space = job.space()
    bars = _same_bars(study, bars)
    split = split_bars(bars, job.spec.windows)
    trialled = WindowScorer(
        bars=bars[split.in_sample],
        windows=split.windows,
        decide=strategy_named(job.spec.strategy_name).target,
        fixed=space.fixed,
        market=job.spec,
        objectives=space.objectives,
        exits=job.spec.fixed_exits,
        searched_exits=space.exits,
    )
    return FinishedSearch(job.spec, space, bars, split, trialled)


def _run(job: TuningJob, tuned: FinishedSearch, study: Study, watch: SearchObserver) -> bool:
    with evaluating(tuned.trialled, job.spec.batch) as evaluate:
        search = replace(job.search(tuned.space), windows=len(tuned.split.windows))
        return run_search(search, study, job.worker, evaluate, watch)


class _JobObserver:
    """Tells progress a few times a second, and stops at the timeout."""

    def __init__(
        self,
        search: Search,
        progress: Progress,
        stop: Stop,
        timeout_s: float | None,
    ) -> None:
        self._search, self._progress, self._stop = search, progress, stop
        self._deadline = time.monotonic() + timeout_s if timeout_s else float("inf")
        self._told_at = 0.0

    def stopped(self) -> bool:
        return self._stop.is_set() or time.monotonic() > self._deadline

    def trial_ended(self, study: Study) -> None:
        if time.monotonic() - self._told_at >= TELL_EVERY_S:
            self.tell(study)

    def tell(self, study: Study, note: str = "") -> None:
        self._told_at = time.monotonic()
        trials = study.get_trials(deepcopy=False)[: self._search.n_trials]
        values = [t.values[0] for t in trials if t.state == TrialState.COMPLETE]
        done = sum(t.state.is_finished() for t in trials)
        self._progress(done, self._search.n_trials, max(values, default=None), note)


def _same_bars(study: Study, bars: Bars) -> Bars:
    """Return the bars that the study was started with; those that came since are left out.

    Raises: StudyDiffers when they are not what they were.
    """
    stamp = study.user_attrs.get("bars")
    if stamp is None:
        study.set_user_attr("bars", bars_stamp(bars))
        return bars
    same = bars.between(stamp["from_ms"], stamp["to_ms"])
    if bars_stamp(same) != stamp:
        raise StudyDiffers(
            f"the bars of study {study.study_name} have changed since it was started; "
            "give the job a new id"
        )
    return same


def bars_stamp(bars: Bars) -> dict[str, int | str]:
    """Return what identifies bars: their span in ms, and a digest of every value."""
    digest = hashlib.sha256(f"{bars.symbol} {bars.timeframe_ms}".encode())
    for column in (bars.open_time_ms, bars.open, bars.high, bars.low, bars.close, bars.volume):
        digest.update(column.tobytes())
    digest.update(bars.funding_due.tobytes())
    return {
        "from_ms": int(bars.open_time_ms[0]),
        "to_ms": int(bars.close_time_ms[-1]),
        "sha256": digest.hexdigest(),
    }
