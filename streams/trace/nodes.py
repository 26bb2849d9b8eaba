"""One record as a node of a trace, and what it names of others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from schemas.commands import Command, CommandOutcome
from schemas.configs import ConfigChanged, ConfigCommand
from schemas.explanations import Explanation
from schemas.features import FeatureVector
from schemas.jobs import BacktestRequest, JobResult, TuningRequest
from schemas.market import Bar, RawBar
from schemas.models import ModelChanged, ModelRegistered, ModelServing
from schemas.predictions import Prediction
from schemas.record import Record
from schemas.regimes import RegimeProbabilities
from schemas.signals import ScoredSignal, Signal
from schemas.timeframes import timeframe_name
from schemas.training import TrainingRequest

SHIPPED_BY = "regimeflow"  # of the config that counts before anybody makes one


class Key(NamedTuple):
    """Names a node: what it is, and its id among those."""

    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


class Link(NamedTuple):
    """What a record was made of, and how."""

    target: Key
    why: str


@dataclass(frozen=True)
class TracedRecord:
    """A record and where it stands; None where the reader does not know."""

    record: Record
    topic: str
    partition: int | None = None
    offset: int | None = None
    trace_id: str | None = None
    git_commit: str | None = None


def at_close(kind: str, record: Any) -> Key:
    """Return the key of what a symbol has at the close of a bar."""
    series = f"{record.symbol}/{timeframe_name(record.timeframe_ms)}"
    return Key(kind, f"{series}/{record.event_time_ms}")


def config_key(strategy: str, config_id: str) -> Key:
    """Return the key of a version of a strategy's config."""
    return Key("config", f"{strategy}/{config_id}")


def node_key(record: Any) -> Key:
    """Return the key of a record; raises ``KeyError`` for a kind that no trace shows."""
    if isinstance(record, Command):
        return Key("command", record.command_id)
    if isinstance(record, RawBar) and not isinstance(record, Bar) and record.revision:
        key = at_close("raw_bar", record)
        return Key(key.kind, f"{key.id}/r{record.revision}")
    return KEYS[type(record)](record)


KEYS: Mapping[type[Record], Callable[[Any], Key]] = {
    Signal: lambda r: Key("signal", r.signal_id),
    ScoredSignal: lambda r: Key("score", r.signal_id),
    Explanation: lambda r: Key("explanation", r.prediction_id),
    Prediction: lambda r: Key("prediction", r.prediction_id),
    FeatureVector: lambda r: at_close("features", r),
    RegimeProbabilities: lambda r: at_close("regimes", r),
    Bar: lambda r: at_close("bar", r),
    RawBar: lambda r: at_close("raw_bar", r),
    ModelRegistered: lambda r: Key("model", r.model_version),
    ModelServing: lambda r: Key("model_change", f"{r.model.model_version}@{r.effective_from_ms}"),
    ModelChanged: lambda r: Key("model_change", f"{r.model.model_version}@{r.effective_from_ms}"),
    TrainingRequest: lambda r: Key("training_request", r.request_id),
    ConfigChanged: lambda r: config_key(r.strategy, r.config_id),
    CommandOutcome: lambda r: Key("outcome", r.command_id),
    BacktestRequest: lambda r: Key("job", r.request_id),
    TuningRequest: lambda r: Key("job", r.request_id),
    JobResult: lambda r: Key("result", r.job_id),
}


def links(record: Any) -> tuple[Link, ...]:
    """Return what a record says it was made of."""
    return LINKS.get(type(record), lambda _: ())(record)


def _signal_links(signal: Signal) -> tuple[Link, ...]:
    config = () if signal.config_id is None else (config_key(signal.strategy, signal.config_id),)
    return (
        Link(Key("prediction", signal.prediction_id), "graded from"),
        *(Link(key, "graded by") for key in config),
        Link(Key("model", signal.model_version), "predicted by"),
        Link(at_close("bar", signal), "at the close of"),
    )


def _prediction_links(prediction: Prediction) -> tuple[Link, ...]:
    return (
        Link(Key("model", prediction.model_version), "predicted by"),
        Link(at_close("features", prediction), "predicted from"),
        Link(at_close("regimes", prediction), "weighted by"),
    )


def _command_links(command: ConfigCommand) -> tuple[Link, ...]:
    if command.config_id is None:
        return ()
    return (Link(config_key(command.strategy, command.config_id), f"is to {command.action}"),)


def _config_links(change: ConfigChanged) -> tuple[Link, ...]:
    if change.by == SHIPPED_BY:  # no command of anybody: there was no config
        return ()
    return (Link(Key("command", change.command_id), f"made {change.status} by"),)


LINKS: Mapping[type[Record], Callable[[Any], tuple[Link, ...]]] = {
    Signal: _signal_links,
    Prediction: _prediction_links,
    FeatureVector: lambda r: (Link(at_close("bar", r), "computed at"),),
    RegimeProbabilities: lambda r: (Link(at_close("bar", r), "computed at"),),
    ScoredSignal: lambda r: (Link(Key("signal", r.signal_id), "scores"),),
    Explanation: lambda r: (Link(Key("prediction", r.prediction_id), "explains"),),
    ModelChanged: lambda r: (Link(Key("model", r.model.model_version), "puts in service"),),
    ModelServing: lambda r: (Link(Key("model", r.model.model_version), "puts in service"),),
    ModelRegistered: lambda r: (Link(Key("training_request", r.request_id), "trained for"),),
    ConfigCommand: _command_links,
    ConfigChanged: _config_links,
    CommandOutcome: lambda r: (Link(Key("command", r.command_id), "decides"),),
    JobResult: lambda r: (Link(Key("job", r.job_id), "came of"),),
}


FACTS: Mapping[str, tuple[str, ...]] = {
    "signal": (
        *("symbol", "timeframe_ms", "direction", "grade", "confidence", "reference_price"),
        *("strategy", "model_version", "config_id", "feature_set_id", "qualified", "device"),
    ),
    "score": ("outcome", "hit", "entry_price", "exit_price", "net_return", "brier"),
    "explanation": ("signal_id", "model_version"),
    "prediction": (
        *("symbol", "timeframe_ms", "strategy", "model_version", "feature_set_id", "qualified"),
        *("probabilities", "members", "device"),
    ),
    "features": ("feature_set_id", "close"),
    "regimes": ("bull", "bear", "sideways", "trend_state", "parameters_version"),
    "bar": ("open", "high", "low", "close", "volume", "origin", "source", "revision"),
    "raw_bar": ("open", "high", "low", "close", "volume", "origin", "source", "revision"),
    "model": (
        *("strategy", "timeframe_ms", "symbols", "trained_from_ms", "trained_to_ms", "request_id"),
        *("feature_set_id", "horizon_bars", "qualified", "gates", "uri", "files"),
    ),
    "model_change": ("strategy", "effective_from_ms", "replaces", "reason"),
    "training_request": ("strategy", "timeframe_ms", "symbols", "from_ms", "to_ms", "reason"),
    "config": (
        *("config_hash", "version_number", "status", "created_ms", "deployed_ms"),
        *("effective_from_ms", "deprecated_ms", "superseded_by", "description", "by"),
    ),
    "command": ("action", "by", "reason", "trace_id", "dry_run", "strategy", "config_id"),
    "outcome": ("noun", "action", "subject", "status", "code", "detail", "facts", "dry_run"),
    "job": ("spec",),
    "result": (
        *("kind", "status", "error", "trials", "seconds", "spec", "urls", "git_commit"),
        "trace_id",
    ),
}


def node(traced: TracedRecord) -> dict[str, Any]:
    """Return a record as a trace shows it: kind, id, place, time, facts."""
    record: Any = traced.record
    key = node_key(record)
    body = record.model_dump(mode="json", include=set(FACTS[key.kind]))
    facts = {name: body[name] for name in FACTS[key.kind] if name in body}
    for name in ("trace_id", "git_commit"):  # of the headers
        if getattr(traced, name) is not None:
            facts[name] = getattr(traced, name)
    return {
        "kind": key.kind,
        "id": key.id,
        "topic": traced.topic,
        "partition": traced.partition,
        "offset": traced.offset,
        "time": record.event_time_ms,
        "facts": facts,
    }
