"""Mirrors the models' topics to MLflow; nothing is decided from it. The only mlflow import.

    models.registered.v1, models.changes.v1, configs.active.v1  -->  [mirror]  -->  MLflow

A strategy is an experiment and a registered model; so are its models of a higher timeframe, named
such as ``ensemble-15m``. Its ACTIVE config may name another experiment, and leave out parameters. A
model version is a run with parameters, metrics and files, and a registered version whose ``stage``
tag and ``champion`` alias follow the changes. Mirroring again writes only what is missing.
Importing mlflow takes seconds and 190 MB, so a child process does it and ends.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from schemas.configs import ActiveConfig
from schemas.models import ModelChanged, ModelRegistered
from schemas.telemetry import HEADER_GIT_COMMIT
from schemas.timeframes import timeframe_name
from schemas.topics import CONFIG_ACTIVE, MODELS_CHANGES, MODELS_REGISTERED
from streams.configs.content import Mlflow, parse_config
from streams.runtime.codec import Received
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings
from workers.models.artifact import ArtifactError, read_model, registered_folder
from workers.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

Stage = Literal["None", "Production", "Archived"]

DEFAULT = Mlflow()  # of a strategy without a config
CHAMPION = "champion"
FILES = "model"  # folder in a run's artifacts
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
}


class MirrorIncomplete(Exception):
    """Some models could not be mirrored; the others were."""


@dataclass(frozen=True)
class Tracking:
    """Where MLflow stores runs and files.

    Attributes:
        uri: Tracking and registry.
        artifacts: Folder of a new experiment's files; None lets a server decide.
        access: How MLflow's client logs in, as the variables that it reads.
    """

    uri: str
    artifacts: str | None
    access: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def from_settings(cls, settings: Settings) -> Tracking:
        """Return the place in the home, unless ``MLFLOW_TRACKING_URI`` names another."""
        home = settings.home.resolve()
        uri = settings.mlflow_tracking_uri or f"sqlite:///{home / 'mlflow.db'}"
        is_server = uri.startswith(("http://", "https://"))
        artifacts = None if is_server else (home / "mlflow-artifacts").as_uri()
        password = settings.mlflow_password
        access = {
            "MLFLOW_TRACKING_USERNAME": settings.mlflow_username,
            "MLFLOW_TRACKING_PASSWORD": password.get_secret_value() if password else None,
            "MLFLOW_TRACKING_INSECURE_TLS": None if settings.mlflow_verify_ssl else "true",
        }
        return cls(uri, artifacts, {name: value for name, value in access.items() if value})


@dataclass(frozen=True)
class MirroredVersion:
    """One model as MLflow shows it; ``config`` says how its strategy is logged."""

    model: ModelRegistered
    stage: Stage
    trace_id: str
    git_commit: str
    config: Mlflow = DEFAULT

    @property
    def name(self) -> str:
        """Name of the registered model."""
        return mirrored_name(self.model)

    @property
    def experiment(self) -> str:
        """Name of the experiment."""
        return self.config.experiment_name or self.name

    @property
    def tags(self) -> dict[str, str]:
        """Tags of the run and of the registered version, without the stage."""
        model = self.model
        return {
            "model_version": model.model_version,
            "strategy_name": model.strategy,
            "timeframe": timeframe_name(model.timeframe_ms),
            "request_id": model.request_id,
            "feature_set_id": model.feature_set_id,
            "qualified": str(model.qualified).lower(),
            "trace_id": self.trace_id,
            "git_commit": self.git_commit,
            "uri": model.uri,
        }


def mirrored_name(model: ModelRegistered) -> str:
    """Return MLflow's name for the models that replace each other; the base bar's is bare."""
    if model.base_ms is None:
        return model.strategy
    return f"{model.strategy}-{timeframe_name(model.timeframe_ms)}"


def mirrored_versions(
    registered: Iterable[Received], changes: Iterable[Received], configs: Iterable[Received] = ()
) -> list[MirroredVersion]:
    """Return every model as the topics have it, in order of registration.

    Of each strategy the last config says how it is logged. Of each name the model of the last
    change serves; those that served before are archived.
    """
    serving: dict[str, str] = {}
    served: set[str] = set()
    for message in changes:
        change = message.record
        if isinstance(change, ModelChanged):
            serving[mirrored_name(change.model)] = change.model.model_version
            served.add(change.model.model_version)
    logged = {
        config.strategy: parse_config(config.config_data).mlflow
        for config in (message.record for message in configs)
        if isinstance(config, ActiveConfig)
    }
    versions: dict[str, MirroredVersion] = {}
    for message in registered:
        model = message.record
        if isinstance(model, ModelRegistered) and model.model_version not in versions:
            version = model.model_version
            stage: Stage = "None"
            if version in served:
                serves = serving[mirrored_name(model)] == version
                stage = "Production" if serves else "Archived"
            versions[version] = MirroredVersion(
                model,
                stage,
                message.trace_id,
                _git_commit(message),
                logged.get(model.strategy, DEFAULT),
            )
    return list(versions.values())


def _git_commit(message: Received) -> str:
    commit = dict(message.stored.headers).get(HEADER_GIT_COMMIT)
    return commit.decode(errors="replace") if commit else "unknown"


def mirror(tracking: Tracking, kafka: KafkaSettings) -> int:
    """Bring MLflow in step with the topics; return the number of models. Call it in a child.

    Raises:
        MirrorIncomplete: Models were left out; the message says which and why.
        Exception: Whatever MLflow raises when it cannot be reached or written.
    """
    with (
        Reader(kafka, (MODELS_REGISTERED,)) as registered,
        Reader(kafka, (MODELS_CHANGES,)) as changes,
        Reader(kafka, (CONFIG_ACTIVE,)) as configs,
    ):
        versions = mirrored_versions(
            registered.read_to_end(), changes.read_to_end(), configs.read_to_end()
        )
    mirror_versions(tracking, versions)
    return len(versions)


def mirror_versions(tracking: Tracking, versions: Sequence[MirroredVersion]) -> None:
    """Write to MLflow what is missing there."""
    client = _client(tracking)
    left_out = []
    for name in dict.fromkeys(version.name for version in versions):
        named = [version for version in versions if version.name == name]
        numbers = _numbers(client, name)
        for version in named:
            if version.model.model_version not in numbers:
                try:
                    number = _register(client, tracking, version)
                except ArtifactError as refused:
                    left_out.append(f"{version.model.model_version}: {refused}")
                else:
                    numbers[version.model.model_version] = (number, {})
        _follow_stages(client, name, named, numbers)
    if left_out:
        raise MirrorIncomplete("; ".join(left_out))


def _client(tracking: Tracking) -> MlflowClient:
    os.environ.update({**QUIET, **tracking.access})
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=tracking.uri, registry_uri=tracking.uri)


def _experiment(client: MlflowClient, tracking: Tracking, version: MirroredVersion) -> str:
    experiment = client.get_experiment_by_name(version.experiment)
    if experiment is not None:
        return str(experiment.experiment_id)
    # In a folder of the strategy's name: that of an experiment may be any text.
    location = None if tracking.artifacts is None else f"{tracking.artifacts}/{version.name}"
    return str(client.create_experiment(version.experiment, artifact_location=location))


def _numbers(client: MlflowClient, name: str) -> dict[str, tuple[str, Mapping[str, str]]]:
    """Return MLflow's number and tags of each of our versions; create the registered model."""
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name, description="Mirrored from models.changes.v1")
    registered = client.search_model_versions(f"name = '{name}'")
    return {
        each.tags["model_version"]: (str(each.version), each.tags)
        for each in registered
        if "model_version" in each.tags
    }


def _register(client: MlflowClient, tracking: Tracking, version: MirroredVersion) -> str:
    """Write run, files and registered version; the version comes last, so it is complete."""
    model = version.model
    manifest, contents = read_model(model)  # checked as before serving
    experiment = _experiment(client, tracking, version)
    parameters = _parameters(model, contents) if version.config.auto_log_params else {}
    runs = client.search_runs([experiment], f"tags.model_version = '{model.model_version}'")
    run = (
        runs[0]
        if runs
        else client.create_run(
            experiment,
            start_time=model.event_time_ms,
            tags=version.tags,
            run_name=model.model_version,
        )
    )
    run_id = run.info.run_id
    from mlflow.entities import Metric, Param

    client.log_batch(
        run_id,
        metrics=[
            Metric(name, value, model.event_time_ms, 0) for name, value in _metrics(model).items()
        ],
        params=[Param(name, value) for name, value in parameters.items()],
    )
    client.log_artifacts(run_id, str(registered_folder(model)), FILES)
    requirements = "".join(f"{name}=={number}\n" for name, number in manifest.libraries.items())
    client.log_text(run_id, requirements, f"{FILES}/requirements.txt")
    client.set_terminated(run_id, "FINISHED", model.event_time_ms)
    registered = client.create_model_version(
        version.name,
        source=f"{run.info.artifact_uri}/{FILES}",
        run_id=run_id,
        tags=version.tags | {"stage": "None"},
    )
    return str(registered.version)


def _metrics(model: ModelRegistered) -> dict[str, float]:
    """Return every number of the report; an interval gives two."""
    numbers: dict[str, float] = {}
    for name, value in model.metrics:
        if isinstance(value, tuple):
            numbers |= {f"{name}_low": value[0], f"{name}_high": value[1]}
        elif value is not None:
            numbers[name] = float(value)
    return numbers | {f"gate_{name}": float(passed) for name, passed in model.gates.items()}


def _parameters(model: ModelRegistered, contents: Mapping[str, bytes]) -> dict[str, str]:
    """Return its training data and every choice of its plan, flat."""
    plan = json.loads(contents["report"])["plan"] if "report" in contents else {}
    return {
        "symbols": ",".join(model.symbols),
        "timeframe_ms": str(model.timeframe_ms),
        "trained_from_ms": str(model.trained_from_ms),
        "trained_to_ms": str(model.trained_to_ms),
        "horizon_bars": str(model.horizon_bars),
        "features": str(len(model.feature_names)),
        **_flat("plan", plan),
    }


def _flat(name: str, value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        return {name: str(value)}
    flat: dict[str, str] = {}
    for key, inner in value.items():
        flat |= _flat(f"{name}.{key}", inner)
    return flat


def _follow_stages(
    client: MlflowClient,
    name: str,
    versions: Sequence[MirroredVersion],
    numbers: Mapping[str, tuple[str, Mapping[str, str]]],
) -> None:
    """Tag the stages, the one in service last, then move the alias: two never serve at once."""
    order = {"None": 0, "Archived": 1, "Production": 2}
    for version in sorted(versions, key=lambda each: order[each.stage]):
        number, tags = numbers.get(version.model.model_version, (None, {}))
        if number is not None and tags.get("stage") != version.stage:
            client.set_model_version_tag(name, number, "stage", version.stage)
    serving = next((v.model.model_version for v in versions if v.stage == "Production"), None)
    if serving is not None and serving in numbers:
        number, _ = numbers[serving]
        aliases = client.get_registered_model(name).aliases
        if str(aliases.get(CHAMPION)) != number:
            client.set_registered_model_alias(name, CHAMPION, number)
