"""Mirrors the topics to MLflow; nothing is decided from it.

    models.registered.v1, models.changes.v1, models.stages.v1, configs.active.v1,
    jobs.results.v1, training.requests.v1.dlq  -->  [mirror]  -->  MLflow, mlflow.runs.v1

A strategy is an experiment and a registered model; so are its models of a higher timeframe, named
such as ``ensemble-15m``. Its ACTIVE config may name another experiment, and leave out parameters. A
model version is a run with parameters, metrics and files, and a registered version whose ``stage``
tag and aliases follow the changes. A training that failed is a run, and so is a job whose request
says ``log``. Mirroring again writes only what is missing or was changed there.
Importing mlflow takes seconds and 190 MB, so a child process does it and ends.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from schemas.mlflow import MlflowRun, RunKind
from schemas.topics import (
    CONFIG_ACTIVE,
    JOB_RESULTS,
    MLFLOW_RUNS,
    MODEL_STAGES,
    MODELS_CHANGES,
    MODELS_REGISTERED,
    TRAINING_REQUESTS,
)
from streams.runtime.codec import dead_letter_topic
from streams.runtime.publisher import Publisher
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings
from workers.models.artifact import ArtifactError, read_model
from workers.training.mlflow_local import kept_runs
from workers.training.mlflow_runs import (
    FILES,
    LoggedRun,
    MirroredVersion,
    failed_trainings,
    logged_jobs,
    logging_configs,
    may_be_logged,
    mirrored_versions,
)
from workers.training.mlflow_schema import MirrorIncomplete, bring_up
from workers.training.mlflow_tracking import Tracking

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.store.entities import PagedList

Value = TypeVar("Value")

CHAMPION, CHALLENGER = "champion", "challenger"
ALIASES = {"Production": CHAMPION, "Staging": CHALLENGER}
MAX_PARAMS, MAX_METRICS = 100, 1_000  # that MLflow takes at a time
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
}


def mirror(tracking: Tracking, kafka: KafkaSettings) -> int:
    """Bring MLflow in step with the topics; return the number of runs. Call it in a child.

    What MLflow shows by then is published, where it differs from what was published before.

    Raises:
        MirrorIncomplete: Models were left out; the message says which and why.
        Exception: Whatever MLflow raises when it cannot be reached or written.
    """
    with (
        Reader(kafka, (MODELS_REGISTERED,)) as registered,
        Reader(kafka, (MODELS_CHANGES,)) as changes,
        Reader(kafka, (MODEL_STAGES,)) as stages,
        Reader(kafka, (CONFIG_ACTIVE,)) as active,
        Reader(kafka, (dead_letter_topic(TRAINING_REQUESTS),)) as letters,
        Reader(kafka, (JOB_RESULTS,), only=may_be_logged) as results,
        Reader(kafka, (MLFLOW_RUNS,)) as published,
    ):
        configs = logging_configs(active.read_to_end())
        versions = mirrored_versions(
            registered.read_to_end(), changes.read_to_end(), stages.read_to_end(), configs
        )
        before = [message.record for message in published.read_to_end()]
        mirrored = MlflowMirror(tracking)
        mirrored.put_runs("failed_request_id", failed_trainings(letters.read_to_end(), configs))
        mirrored.put_runs("job_id", logged_jobs(results.read_to_end()))
        mirrored.put_kept()
        mirrored.put_versions(versions)
    publisher = Publisher(kafka, f"training-{kafka.instance}-mlflow")
    newest = {run.subject: run for run in before if isinstance(run, MlflowRun)}
    for run in mirrored.shown.values():
        if newest.get(run.subject) != run:
            publisher.publish(run)
    publisher.flush()
    mirrored.raise_left_out()
    return len(mirrored.shown)


class MlflowMirror:
    """One pass over MLflow: each run and model version is written, or mended where it differs.

    Attributes:
        shown: What MLflow shows now, by subject.

    Args:
        tracking: Where MLflow is. The schema of the home's database is created or upgraded.
    """

    def __init__(self, tracking: Tracking) -> None:
        self.shown: dict[str, MlflowRun] = {}
        self._artifacts, self._home = tracking.artifacts, tracking.home
        self._left_out: list[str] = []
        self._client = _client(tracking)
        self._names: dict[str, str] = {}  # of experiments, by id
        self._active: dict[str, str] = {}  # id of each experiment that is not deleted, by name

    def raise_left_out(self) -> None:
        """Raise MirrorIncomplete when something was left out."""
        if self._left_out:
            raise MirrorIncomplete("; ".join(self._left_out))

    def put_kept(self) -> None:
        """Write the runs of jobs that ran without a pipeline, from the home."""
        if self._home is not None:
            self.put_runs("job_id", kept_runs(self._home))

    def put_runs(self, identity: str, runs: Iterable[LoggedRun]) -> None:
        """Write runs that register no model; the later one of the same name counts."""
        existing = self._existing(identity)
        for run in runs:
            same = existing.get(run.name, [])
            stored = same[0] if same and self._is_whole(same[0], run.ended_ms, run.files) else None
            if stored is None:
                stored = self._write(run, same[0] if same else None)
            else:
                stored = self._mend(stored, run.tags if _ended(stored) == run.ended_ms else {})
            existing[run.name] = [stored]
            self.shown[run.subject] = self._record(run.subject, run.kind, stored)

    def put_versions(self, versions: Sequence[MirroredVersion]) -> None:
        """Write models: their runs, their registered versions, stages and aliases."""
        existing = self._existing("model_version")
        for name in dict.fromkeys(version.name for version in versions):
            named = [version for version in versions if version.name == name]
            registered = self._registered(name)
            runs: dict[str, Run] = {}
            for version in named:
                key = version.model.model_version
                try:
                    run = self._version_run(version, existing.get(key, []), registered.get(key))
                except ArtifactError as refused:
                    self._left_out.append(f"{key}: {refused}")
                    continue
                runs[key] = run
                registered[key] = self._registration(version, run, registered.get(key))
            present = [version for version in named if version.model.model_version in runs]
            self._follow_stages(name, present, registered)
            for version in present:
                self._show(version, runs[version.model.model_version], registered)

    def _version_run(
        self, version: MirroredVersion, same: Sequence[Run], registered: ModelVersion | None
    ) -> Run:
        """Return the run of a model, whole; raises ArtifactError when its files are altered."""
        of_version = [r for r in same if registered and r.info.run_id == registered.run_id]
        stored = next(iter([*of_version, *same]), None)
        if stored is not None and self._is_whole(stored, version.model.event_time_ms, (FILES,)):
            return self._mend(stored, version.tags)
        return self._write(
            version.run(*read_model(version.model)), stored
        )  # checked as for serving

    def _is_whole(self, run: Run, ended_ms: int, files: Iterable[str]) -> bool:
        """Whether a run has ended, as late as it should, and has its files."""
        if run.info.status == "RUNNING" or _ended(run) < ended_ms:
            return False
        return not any(True for _ in files) or bool(self._client.list_artifacts(run.info.run_id))

    def _write(self, run: LoggedRun, stored: Run | None) -> Run:
        """Write a run, the end last: one that was cut off is written again."""
        from mlflow.entities import Metric, Param, RunTag

        client = self._client
        if stored is None:
            experiment = self._experiment(run)
            stored = client.create_run(experiment, run.started_ms, dict(run.tags), run.name)
        run_id = self._mend(stored, {}).info.run_id
        params = [Param(n, v) for n, v in run.params.items() if n not in stored.data.params]
        metrics = [Metric(n, value, run.ended_ms, step) for n, value, step in run.metrics]
        for part in _parts(params, MAX_PARAMS):
            client.log_batch(run_id, params=part)
        for numbers in _parts(metrics, MAX_METRICS):
            client.log_batch(run_id, metrics=numbers)
        client.log_batch(run_id, tags=[RunTag(n, value) for n, value in run.tags.items()])
        if run.model_files is not None:
            client.log_artifacts(run_id, str(run.model_files), FILES)
        with tempfile.TemporaryDirectory(prefix="regimeflow-") as folder:
            for path, content in run.files.items():
                place = Path(folder, path)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
            if run.files:
                client.log_artifacts(run_id, folder)
        client.set_terminated(run_id, run.status, run.ended_ms)
        return client.get_run(run_id)

    def _mend(self, run: Run, tags: Mapping[str, str]) -> Run:
        """Bring back a run that was deleted, and set the tags that differ."""
        client, run_id = self._client, run.info.run_id
        if self._names.get(run.info.experiment_id) not in self._active:
            client.restore_experiment(run.info.experiment_id)
            self._read_experiments()
            run = client.get_run(run_id)
        if run.info.lifecycle_stage == "deleted":
            client.restore_run(run_id)
        different = [n for n, value in tags.items() if run.data.tags.get(n) != value]
        for name in different:
            client.set_tag(run_id, name, tags[name])
        return client.get_run(run_id) if different else run

    def _experiment(self, run: LoggedRun) -> str:
        if run.experiment not in self._active:
            deleted = next((i for i, name in self._names.items() if name == run.experiment), None)
            if deleted is not None:
                self._client.restore_experiment(deleted)
            else:
                folder = f"{self._artifacts}/{run.folder}" if self._artifacts else None
                self._client.create_experiment(run.experiment, artifact_location=folder)
            self._read_experiments()
        return self._active[run.experiment]

    def _read_experiments(self) -> None:
        from mlflow.entities import ViewType

        experiments = list(
            _pages(lambda page: self._client.search_experiments(ViewType.ALL, page_token=page))
        )
        self._names = {e.experiment_id: e.name for e in experiments}
        self._active = {
            e.name: e.experiment_id for e in experiments if e.lifecycle_stage == "active"
        }

    def _existing(self, identity: str) -> dict[str, list[Run]]:
        """Return the runs of all experiments that have a tag, by its value; deleted ones last."""
        from mlflow.entities import ViewType

        self._read_experiments()
        ids, wanted = list(self._names), f"tags.{identity} LIKE '%'"
        found = list(
            _pages(
                lambda page: self._client.search_runs(ids, wanted, ViewType.ALL, page_token=page)
            )
        )
        by_name: dict[str, list[Run]] = {}
        for run in sorted(found, key=lambda each: each.info.lifecycle_stage == "deleted"):
            by_name.setdefault(run.data.tags[identity], []).append(run)
        return by_name

    def _registered(self, name: str) -> dict[str, ModelVersion]:
        """Return MLflow's version of each of our models; create the registered model."""
        client = self._client
        if not client.search_registered_models(f"name = '{name}'"):
            client.create_registered_model(name, description="Mirrored from models.changes.v1")
        wanted = f"name = '{name}'"
        versions = _pages(lambda page: client.search_model_versions(wanted, page_token=page))
        return {v.tags["model_version"]: v for v in versions if "model_version" in v.tags}

    def _registration(
        self, version: MirroredVersion, run: Run, registered: ModelVersion | None
    ) -> ModelVersion:
        """Return the registered version of a run; one of a run that is gone is replaced."""
        client, name, run_id = self._client, version.name, run.info.run_id
        if registered is not None and registered.run_id != run_id:
            client.delete_model_version(name, registered.version)
            registered = None
        if registered is None:
            source, tags = f"{run.info.artifact_uri}/{FILES}", version.tags | {"stage": "None"}
            return client.create_model_version(name, source, run_id, tags)
        for tag, value in version.tags.items():
            if registered.tags.get(tag) != value:
                client.set_model_version_tag(name, registered.version, tag, value)
        return registered

    def _follow_stages(
        self,
        name: str,
        versions: Sequence[MirroredVersion],
        registered: Mapping[str, ModelVersion],
    ) -> None:
        """Tag the stages, the one in service last, then move the aliases: two never serve."""
        client, aliased = self._client, dict[str, str]()
        for version in sorted(versions, key=lambda each: each.stage == "Production"):
            entry = registered[version.model.model_version]
            if entry.tags.get("stage") != version.stage:
                client.set_model_version_tag(name, entry.version, "stage", version.stage)
            if version.stage in ALIASES:
                aliased[ALIASES[version.stage]] = str(entry.version)
        before = client.get_registered_model(name).aliases
        for alias in ALIASES.values():
            if alias in aliased and str(before.get(alias)) != aliased[alias]:
                client.set_registered_model_alias(name, alias, aliased[alias])
            elif alias in before and alias not in aliased:
                client.delete_registered_model_alias(name, alias)

    def _show(
        self, version: MirroredVersion, run: Run, registered: Mapping[str, ModelVersion]
    ) -> None:
        subject = f"model/{version.model.model_version}"
        alias = ALIASES.get(version.stage)
        self.shown[subject] = self._record(subject, "model", run).model_copy(
            update={
                "model": version.name,
                "number": str(registered[version.model.model_version].version),
                "stage": version.stage,
                "aliases": () if alias is None else (alias,),
            }
        )

    def _record(self, subject: str, kind: RunKind, run: Run) -> MlflowRun:
        own = {n: value for n, value in run.data.tags.items() if not n.startswith("mlflow.")}
        return MlflowRun(
            subject=subject,
            kind=kind,
            event_time_ms=_ended(run),
            run_id=run.info.run_id,
            experiment_id=str(run.info.experiment_id),
            experiment=self._names[run.info.experiment_id],
            status=run.info.status,
            params=dict(run.data.params),
            metrics={n: v for n, v in run.data.metrics.items() if math.isfinite(v)},
            tags=own,
        )


def _client(tracking: Tracking) -> MlflowClient:
    os.environ.update({**QUIET, **tracking.access})
    from mlflow import MlflowClient

    with tracking.schema_lock():
        if tracking.database is not None:
            bring_up(tracking.database)
        return MlflowClient(tracking_uri=tracking.uri, registry_uri=tracking.uri)


def _ended(run: Run) -> int:
    return int(run.info.end_time or 0)


def _parts(values: Sequence[Value], size: int) -> Iterator[Sequence[Value]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _pages(read: Callable[[str | None], PagedList[Value]]) -> Iterator[Value]:
    """Yield what lies on the pages of an answer, from the first page to the last."""
    page = read(None)
    yield from page
    while page.token:
        page = read(page.token)
        yield from page
