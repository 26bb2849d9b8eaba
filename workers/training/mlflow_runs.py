"""What MLflow shall show, made of the topics alone: models, failed trainings, logged jobs. Pure."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from schemas.configs import ActiveConfig
from schemas.dead_letter import DeadLetter
from schemas.jobs import JobResult
from schemas.mlflow import RunKind, RunStatus
from schemas.models import ModelChanged, ModelRegistered
from schemas.telemetry import HEADER_GIT_COMMIT
from schemas.timeframes import timeframe_name
from schemas.training import TrainingRequest
from schemas.versions import ModelStageChanged, VersionStage
from streams.configs.content import Mlflow, parse_config
from streams.runtime.codec import Received, Stored
from workers.models.artifact import Manifest, registered_folder
from workers.research.charts.plotly_json import to_plotly
from workers.training.report_charts import report_charts

Numbers = tuple[tuple[str, float, int], ...]  # name, value, step

DEFAULT = Mlflow()  # of a strategy without a config
FILES = "model"  # folder in a model's artifacts
BACKTESTS = "backtests"  # experiment of jobs that name no strategy
MAX_TEXT = 2_000  # of a parameter or a tag; MLflow takes 5,000
MAX_STEPS = 1_000  # of a metric: a long search keeps its first trials
STATUSES: Mapping[str, RunStatus] = {
    "done": "FINISHED",
    "failed": "FAILED",
    "cancelled": "KILLED",
    "partial": "KILLED",
}
WRITTEN_LOG = re.compile(rb'"log"\s*:\s*true')
NOT_IN_NAMES = re.compile(r"[^\w\-. /:]")


@dataclass(frozen=True)
class LoggedRun:
    """One run as MLflow shall show it.

    Attributes:
        subject: What it shows, as ``MlflowRun`` names it.
        kind: Of that.
        identity: The tag that tells it from every other run.
        experiment: Name of its experiment.
        folder: Of a new experiment's files: its name may be any text.
        status: How it ended.
        started_ms, ended_ms: When. A run that ended later replaces this one.
        files: Contents by path.
        model_files: Folder of a model, or None.
    """

    subject: str
    kind: RunKind
    identity: str
    experiment: str
    folder: str
    status: RunStatus
    started_ms: int
    ended_ms: int
    tags: Mapping[str, str]
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Numbers = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    model_files: Path | None = None

    @property
    def name(self) -> str:
        """Name of the run: the value of its identity."""
        return self.tags[self.identity]


@dataclass(frozen=True)
class MirroredVersion:
    """One model as MLflow shows it; ``config`` says how its strategy is logged."""

    model: ModelRegistered
    stage: VersionStage
    trace_id: str
    git_commit: str
    config: Mlflow = DEFAULT
    number: int | None = None  # of the strategy's versions; None: older than numbers

    @property
    def name(self) -> str:
        """Name of the registered model."""
        return mirrored_name(self.model)

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
        } | ({} if self.number is None else {"version_number": str(self.number)})

    def run(self, manifest: Manifest, contents: Mapping[str, bytes]) -> LoggedRun:
        """Return its training as a run; manifest and files have been checked."""
        model = self.model
        report = json.loads(contents["report"]) if "report" in contents else {}
        required = "".join(f"{name}=={number}\n" for name, number in manifest.libraries.items())
        return LoggedRun(
            subject=f"model/{model.model_version}",
            kind="model",
            identity="model_version",
            experiment=self.config.experiment_name or self.name,
            folder=self.name,
            status="FINISHED",
            started_ms=model.event_time_ms,
            ended_ms=model.event_time_ms,
            tags=self.tags,
            params=_parameters(model, report) if self.config.auto_log_params else {},
            metrics=(*_metrics(model), *_steps("fold", report.get("folds", ()))),
            files={f"{FILES}/requirements.txt": required.encode(), **_figures(model, report)},
            model_files=registered_folder(model),
        )


def _figures(model: ModelRegistered, report: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the charts of a model's report; as images too, once they are drawn."""
    files = {}
    for name, chart in report_charts(model, report).items():
        files[f"figures/{name}.plotly.json"] = json.dumps(to_plotly(chart)).encode()
        image = registered_folder(model) / f"{name}.png"
        if image.is_file():
            files[f"figures/{name}.png"] = image.read_bytes()
    return files


def mirrored_name(model: ModelRegistered | TrainingRequest) -> str:
    """Return MLflow's name for the models that replace each other; the base bar's is bare."""
    if model.base_ms is None:
        return model.strategy
    return f"{model.strategy}-{timeframe_name(model.timeframe_ms)}"


def logging_configs(configs: Iterable[Received]) -> dict[str, Mlflow]:
    """Return by strategy how it is logged: its last config says so."""
    return {
        config.strategy: parse_config(config.config_data).mlflow
        for config in (message.record for message in configs)
        if isinstance(config, ActiveConfig)
    }


def mirrored_versions(
    registered: Iterable[Received],
    changes: Iterable[Received],
    stages: Iterable[Received],
    configs: Mapping[str, Mlflow],
) -> list[MirroredVersion]:
    """Return every model as the topics have it, in order of registration.

    A model is in the stage of its last fact. Of those that have none, of an older release, the
    model of the last change serves, and those that served before are archived.
    """
    facts = {
        fact.model_version: fact
        for fact in (message.record for message in stages)
        if isinstance(fact, ModelStageChanged)
    }
    serving: dict[str, str] = {}
    served: set[str] = set()
    for message in changes:
        change = message.record
        if isinstance(change, ModelChanged):
            serving[mirrored_name(change.model)] = change.model.model_version
            served.add(change.model.model_version)
    versions: dict[str, MirroredVersion] = {}
    for message in registered:
        model = message.record
        if isinstance(model, ModelRegistered) and model.model_version not in versions:
            version, fact = model.model_version, facts.get(model.model_version)
            stage: VersionStage = "None" if fact is None else fact.to_stage
            if fact is None and version in served:
                serves = serving[mirrored_name(model)] == version
                stage = "Production" if serves else "Archived"
            config = configs.get(model.strategy, DEFAULT)
            commit = _git_commit(message)
            number = None if fact is None else fact.number
            versions[version] = MirroredVersion(
                model, stage, message.trace_id, commit, config, number
            )
    return list(versions.values())


def failed_trainings(
    letters: Iterable[Received], configs: Mapping[str, Mlflow]
) -> Iterator[LoggedRun]:
    """Yield a failed run for each request of a model that was refused, or killed its trainings."""
    for message in letters:
        letter = message.record
        if not isinstance(letter, DeadLetter):
            continue
        try:
            request = TrainingRequest.decode(base64.b64decode(letter.payload_base64))
        except (ValidationError, ValueError):
            continue  # it was no request of a training
        config = configs.get(request.strategy, DEFAULT)
        name = mirrored_name(request)
        fields = request.model_dump(mode="json", exclude={"request_id", "event_time_ms"})
        yield LoggedRun(
            subject=f"training/{request.request_id}",
            kind="training",
            identity="failed_request_id",
            experiment=config.experiment_name or name,
            folder=name,
            status="FAILED",
            started_ms=letter.event_time_ms,
            ended_ms=letter.event_time_ms,
            tags={
                "failed_request_id": request.request_id,
                "strategy_name": request.strategy,
                "timeframe": timeframe_name(request.timeframe_ms),
                "cause": letter.cause[:MAX_TEXT],
                "trace_id": letter.trace_id,
                "git_commit": _git_commit(message),
            },
            params=_texts(fields) if config.auto_log_params else {},
        )


def may_be_logged(stored: Stored) -> bool:
    """Return whether a job's result can be one to log, told without decoding it."""
    return stored.value is not None and WRITTEN_LOG.search(stored.value) is not None


def logged_jobs(results: Iterable[Received]) -> Iterator[LoggedRun]:
    """Yield the run of each result whose request asked for it."""
    for message in results:
        result = message.record
        if isinstance(result, JobResult) and result.spec.get("log") is True:
            yield job_run(result)


def job_run(result: JobResult) -> LoggedRun:
    """Return a back-test or a search as a run.

    Its metrics are the numbers of the result; those of windows and trials have steps. Its files
    are the result and its figures. Parts that are too large for the topic are named by URL.
    """
    spec, parts = result.spec, result.result or {}
    config = spec.get("config")
    use: Mapping[str, Any] = config if isinstance(config, dict) else {}
    strategy = str(use.get("strategy") or spec.get("strategy_name") or spec.get("strategy") or "")
    asked = {name: value for name, value in spec.items() if name not in {"config", "log"}}
    best = parts.get("best_params")  # no parameters: a search that goes on has others
    tags = {
        "job_id": result.job_id,
        "kind": result.kind,
        "strategy_name": strategy,
        "config_id": use.get("config_id"),
        "verdict": parts.get("verdict"),
        "best_params": json.dumps(best) if best else None,
        "error": result.error,
        "trace_id": result.trace_id,
        "git_commit": result.git_commit,
        **{f"url.{name}": url for name, url in result.urls.items()},
    }
    return LoggedRun(
        subject=f"job/{result.job_id}",
        kind="search" if result.kind == "hyperopt" else "backtest",
        identity="job_id",
        experiment=str(use.get("experiment_name") or strategy or BACKTESTS),
        folder=BACKTESTS,
        status=STATUSES[result.status],
        started_ms=result.event_time_ms - round(result.seconds * 1000),
        ended_ms=result.event_time_ms,
        tags={name: str(value)[:MAX_TEXT] for name, value in tags.items() if value},
        params=_texts(asked | {"params": parts.get("params")})
        if use.get("auto_log_params", True)
        else {},
        metrics=tuple(_job_metrics(result, parts)),
        files=_job_files(parts) if parts else {},
    )


def _job_metrics(result: JobResult, parts: Mapping[str, Any]) -> Iterator[tuple[str, float, int]]:
    yield "trials", float(result.trials), 0
    yield "seconds", result.seconds, 0
    best = parts.get("best")
    top = {name: value for name, value in parts.items() if name != "trials"}
    yield from _numbers("", top)
    yield from _numbers("", parts.get("metrics"))
    yield from _numbers("best.", best.get("metrics") if isinstance(best, dict) else None)
    for name in ("in_sample", "out_of_sample"):
        yield from _numbers(f"{name}.", parts.get(name))
    yield from _steps("window", parts.get("windows"))
    yield from _steps("trial", parts.get("trial_table"))


def _job_files(parts: Mapping[str, Any]) -> dict[str, bytes]:
    rest = {name: value for name, value in parts.items() if name not in {"plots", "png"}}
    files = {"result.json": json.dumps(rest, allow_nan=False, indent=1).encode()}
    figures = parts.get("plots")
    for name, figure in figures.items() if isinstance(figures, dict) else ():
        files[f"figures/{_name(name)}.plotly.json"] = json.dumps(figure).encode()
    images = parts.get("png")
    for name, image in images.items() if isinstance(images, dict) else ():
        files[f"figures/{_name(name)}.png"] = base64.b64decode(image)
    return files


def _metrics(model: ModelRegistered) -> Iterator[tuple[str, float, int]]:
    """Yield every number of the report; an interval gives two."""
    yield from _numbers("", model.metrics.model_dump())
    for name, passed in model.gates.items():
        yield f"gate_{name}", float(passed), 0
    for report in model.reports:
        figures = {figure.name: figure.value for figure in report.figures}
        yield from _numbers(f"gate.{report.name}.", figures)
    for prefix, scores in (
        ("score", model.scores),
        ("holdout", model.holdout.scores if model.holdout else ()),
    ):
        for score in scores:
            yield from _numbers(f"{prefix}.{score.forecast}.", score.model_dump())
    if model.comparison is not None:
        yield from _numbers("comparison.", model.comparison.model_dump())
    for test in model.variants:
        yield from _numbers(f"variant.{test.variant}.", test.model_dump(exclude={"searches"}))
        yield f"variant.{test.variant}.kept", float(test.kept), 0


def _parameters(model: ModelRegistered, report: Mapping[str, Any]) -> dict[str, str]:
    """Return its training data and every choice of its plan, flat."""
    return {
        "symbols": ",".join(model.symbols),
        "timeframe_ms": str(model.timeframe_ms),
        "trained_from_ms": str(model.trained_from_ms),
        "trained_to_ms": str(model.trained_to_ms),
        "horizon_bars": str(model.horizon_bars),
        "features": str(len(model.feature_names)),
        **_flat("plan", report.get("plan", {})),
    }


def _texts(fields: Mapping[str, object]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for name, value in fields.items():
        if value not in (None, [], {}):
            texts |= _flat(name, value)
    return texts


def _flat(name: str, value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        return {_name(name): str(value)[:MAX_TEXT]}
    flat: dict[str, str] = {}
    for key, inner in value.items():
        flat |= _flat(f"{name}.{key}", inner)
    return flat


def _name(text: str) -> str:
    """Return a name as MLflow takes it."""
    return NOT_IN_NAMES.sub("_", text)[:250]


def _numbers(prefix: str, values: object, step: int = 0) -> Iterator[tuple[str, float, int]]:
    """Yield the numbers of a mapping; an interval gives two."""
    for name, value in values.items() if isinstance(values, dict) else ():
        if isinstance(value, list | tuple) and len(value) == 2:
            ends = dict(zip((f"{name}_low", f"{name}_high"), value, strict=True))
            yield from _numbers(prefix, ends, step)
        elif type(value) in (int, float) and math.isfinite(value):
            yield _name(f"{prefix}{name}"), float(value), step


def _steps(prefix: str, rows: object) -> Iterator[tuple[str, float, int]]:
    """Yield the numbers of each row, and of each mapping in it; its place is the step."""
    for step, row in enumerate(rows[:MAX_STEPS] if isinstance(rows, list | tuple) else ()):
        for name, value in row.items() if isinstance(row, dict) else ():
            inside = value if isinstance(value, dict) else {name: value}
            group = f"{prefix}.{name}." if isinstance(value, dict) else f"{prefix}."
            yield from _numbers(group, inside, step)


def _git_commit(message: Received) -> str:
    commit = dict(message.stored.headers).get(HEADER_GIT_COMMIT)
    return commit.decode(errors="replace") if commit else "unknown"
