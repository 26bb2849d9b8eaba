"""View of the mirror in MLflow: each run as it was mirrored last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from gateway.views.jobs import JobIndex
from gateway.views.newest import drop_oldest
from schemas.mlflow import MlflowRun

RUNS = 2_000  # held; those that were mirrored longest ago leave


class MlflowView:
    """The runs by what they show; written on the event loop only.

    Args:
        jobs: Each job is told of its run.
    """

    def __init__(self, jobs: JobIndex) -> None:
        self._jobs = jobs
        self._runs: OrderedDict[str, MlflowRun] = OrderedDict()

    def put(self, run: MlflowRun) -> None:
        """Take a run; a later one of the same subject replaces it."""
        self._runs[run.subject] = run
        self._runs.move_to_end(run.subject)
        drop_oldest(self._runs, RUNS)
        self._jobs.logged(run)

    def run_id(self, subject: str) -> str | None:
        """Return MLflow's id of a run; None before it is mirrored."""
        run = self._runs.get(subject)
        return None if run is None else run.run_id

    def model_version(self, run_id: str) -> str | None:
        """Return the model version that a run of MLflow shows; None for any other run."""
        shown = (run for run in self._runs.values() if run.kind == "model")
        return next((r.subject.partition("/")[2] for r in shown if r.run_id == run_id), None)

    def of_model(self, name: str) -> list[MlflowRun]:
        """Return the versions of a registered model, the highest number first."""
        versions = [run for run in self._runs.values() if run.model == name]
        return sorted(versions, key=lambda run: -int(run.number or 0))

    def of_experiment(self, key: str) -> list[MlflowRun]:
        """Return the runs of an experiment, by its id or else its name, newest first."""
        by_id = [run for run in self._runs.values() if run.experiment_id == key]
        runs = by_id or [run for run in self._runs.values() if run.experiment == key]
        return sorted(runs, key=lambda run: -run.event_time_ms)

    def model_names(self) -> list[str]:
        """Return the names of the registered models."""
        return _sorted(run.model for run in self._runs.values())

    def experiments(self) -> list[str]:
        """Return the experiments, as ``id (name)``."""
        return _sorted(f"{run.experiment_id} ({run.experiment})" for run in self._runs.values())


def _sorted(names: Iterable[str | None]) -> list[str]:
    return sorted({name for name in names if name is not None})
