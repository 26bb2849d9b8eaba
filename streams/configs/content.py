"""What a strategy's config, ``tradai.yaml``, may hold, and the hash that names a content.

A content is normalised before it is hashed: values have their declared types, keys their order,
and what is not said stays unsaid. So a default that changes later changes no hash.
"""

from __future__ import annotations

import hashlib
import json
import re
from calendar import monthrange
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from schemas.bounds import MAX_COUNT, Text, Ticker
from schemas.configs import Content, SignalPolicy, StrategyName
from schemas.drift import DriftPolicy
from schemas.exits import Exits
from schemas.policies import GatesPolicy, RetrainingPolicy
from schemas.research import Optimization
from schemas.risk import RiskPolicy
from schemas.specialists import SpecialistPolicy
from schemas.timeframes import TIMEFRAMES_MS
from schemas.variants import TrainingPolicy

LARGEST_BYTES = 65_536  # of a content as JSON
LONE_SURROGATE = re.compile("[\ud800-\udfff]")
SHORTHANDS = {  # keys at the top, as ConfigVersionService.create_version takes them
    "timeframe": ("strategy", "timeframe"),
    "symbols": ("strategy_service", "defaults", "symbols"),
    "timerange": ("strategy_service", "defaults", "timerange"),
    "stake_amount": ("strategy_service", "defaults", "stake_amount"),
    "max_open_trades": ("strategy_service", "defaults", "max_open_trades"),
}

Amount = Annotated[float, Field(gt=0, le=1e15)]


class ConfigFault(NamedTuple):
    """One thing that is wrong with a content.

    Attributes:
        path: Keys and places down to it; empty for the whole.
        text: Path, value and expectation.
        line: Of the text that it was written in; None where that is not known.
    """

    path: tuple[str | int, ...]
    text: str
    line: int | None = None


class ConfigRefused(ValueError):
    """The content is no config; the message names path, value and expectation of each fault."""

    def __init__(self, *faults: ConfigFault) -> None:
        """Take the faults, at least one."""
        self.faults = faults
        super().__init__("; ".join(fault.text for fault in faults))


def refused(text: str, *path: str | int, line: int | None = None) -> ConfigRefused:
    """Return the refusal of a content for one fault."""
    return ConfigRefused(ConfigFault(path, text, line))


class Part(BaseModel):
    """A part of a config: strict, finite, without unknown keys."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True
    )


class StrategyPart(Part):
    """Who the strategy is."""

    name: StrategyName | None = None
    version: Text = "1.0.0"
    entry_point: str | None = Field(
        default=None,
        max_length=200,
        pattern=r"^[A-Za-z_][\w]*(\.[A-Za-z_]\w*)*(:[A-Za-z_]\w*)?$",
        description="A strategy of the registry, or package.module:Class",
    )
    category: Text | None = None
    timeframe: Text | None = None

    @field_validator("timeframe")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is not None and value not in TIMEFRAMES_MS:
            raise ValueError(f"expected one of {', '.join(TIMEFRAMES_MS)}")
        return value


class Kind(Part):
    """Where market data come from, in the documents' words; kept, and read by nobody."""

    KIND: Text
    bucket_name: Text | None = None
    library: Text | None = None


class Defaults(Part):
    """What a research request takes where it says nothing."""

    timerange: str | None = Field(
        default=None, pattern=r"^(\d{8})?-(\d{8})?$", description="YYYYMMDD-YYYYMMDD"
    )
    symbols: tuple[Ticker, ...] | None = Field(default=None, min_length=1, max_length=500)
    stake_amount: Amount | None = None
    max_open_trades: int | None = Field(default=None, ge=1, le=10_000)

    @field_validator("timerange")
    @classmethod
    def _a_span_of_days(cls, value: str | None) -> str | None:
        days = [day for day in (value or "").split("-") if day]
        if not all(_is_day(day) for day in days) or days != sorted(set(days)):
            raise ValueError("expected two days of a calendar from 1970 on, the earlier one first")
        return value


def _is_day(day: str) -> bool:
    year, month, number = int(day[:4]), int(day[4:6]), int(day[6:])
    return 1970 <= year < 2200 and 1 <= month <= 12 and 1 <= number <= monthrange(year, month)[1]


class StrategyService(Part):
    """Source, adapter and defaults."""

    source: Kind | None = None
    adapter: Kind | None = None
    defaults: Defaults = Defaults()


class Mlflow(Part):
    """How runs of the strategy are logged."""

    tracking_uri: Text | None = None
    experiment_name: Text | None = None
    auto_log_params: bool = True


class Ecr(Part):
    """The image."""

    repository: Text


class Ecs(Part):
    """What a container of the strategy may use; both go into the Helm values."""

    cpu: int = Field(default=512, ge=64, le=1_000_000, description="Thousandths of a core")
    memory: int = Field(default=1024, ge=64, le=10_000_000, description="MiB")


class Deployment(Part):
    """Image and size."""

    ecr: Ecr | None = None
    ecs: Ecs = Ecs()


class StrategyConfig(Part):
    """A whole config; every part may be left out."""

    strategy: StrategyPart = StrategyPart()
    strategy_service: StrategyService = StrategyService()
    mlflow: Mlflow = Mlflow()
    optimization: Optimization | None = None
    exits: Exits | None = None
    deployment: Deployment = Deployment()
    decision: SignalPolicy = SignalPolicy()
    drift: DriftPolicy = DriftPolicy()
    gates: GatesPolicy = GatesPolicy()
    retraining: RetrainingPolicy = RetrainingPolicy()
    risk: RiskPolicy = RiskPolicy()
    specialists: SpecialistPolicy = SpecialistPolicy()
    training: TrainingPolicy = TrainingPolicy()

    @property
    def drift_policy(self) -> DriftPolicy:
        """How drift is judged, with the age of ``retraining`` where that says one."""
        max_age_days = self.retraining.max_age_days
        if max_age_days is None:
            return self.drift
        return self.drift.model_copy(update={"max_age_days": max_age_days})


SHIPPED: Content = {
    "strategy": {
        "name": "ensemble",
        "version": "1.0.0",
        "category": "ensemble",
    },
    "decision": SignalPolicy().model_dump(mode="json"),
}


def parse_config(content: Mapping[str, Any]) -> StrategyConfig:
    """Return the config of a content; raises ``ConfigRefused``."""
    try:
        check_values(content)
        encoded = json.dumps(_without_shorthands(content), allow_nan=False)
    except ConfigRefused:
        raise
    except (TypeError, ValueError, RecursionError) as error:
        raise refused(f"config: not writable as JSON ({error})") from None
    if len(encoded) > LARGEST_BYTES:
        raise refused(f"config: {len(encoded)} bytes, expected {LARGEST_BYTES} at most")
    try:
        # Records drop what they do not know, and the policy is one; a person means every key.
        config = StrategyConfig.model_validate_json(encoded, extra="forbid")
    except ValidationError as error:
        plain = json.loads(encoded)
        raise ConfigRefused(*(_fault(plain, each) for each in error.errors())) from None
    age = config.retraining.max_age_days
    if age is not None and "max_age_days" in config.drift.model_fields_set:
        path = ("retraining", "max_age_days")
        raise refused(f"{'.'.join(path)}: got {age}, and drift.max_age_days too; leave one", *path)
    return config


def check_values(value: Any, *path: str | int) -> None:
    """Refuse what no JSON document can carry, with its path.

    Raises: ConfigRefused for a text that is not Unicode, a number that is not finite, and a whole
        number that has no exact double; RecursionError where it is nested too deeply.
    """
    if isinstance(value, Mapping):
        for key, each in value.items():
            check_values(key, *path)
            check_values(each, *path, key)
    elif isinstance(value, list | tuple):
        for number, each in enumerate(value):
            check_values(each, *path, number)
    elif (expected := _expected_instead(value)) is not None:
        place = ".".join(map(str, path)) or "config"
        raise refused(f"{place}: got {_cut(ascii(value))}, expected {expected}", *path)


def _expected_instead(value: Any) -> str | None:
    if isinstance(value, float) and not isfinite(value):
        return "a finite number"
    if isinstance(value, int) and not -MAX_COUNT <= value <= MAX_COUNT:
        return f"a whole number from -{MAX_COUNT} to {MAX_COUNT}"
    if isinstance(value, str) and not value.isascii() and LONE_SURROGATE.search(value):
        return "valid Unicode, without a lone surrogate"
    return None


def normalised(content: Mapping[str, Any]) -> Content:
    """Return a content in its one spelling; raises ``ConfigRefused``."""
    dumped = parse_config(content).model_dump(mode="json", exclude_unset=True)
    ordered: Content = json.loads(json.dumps(dumped, sort_keys=True))
    return ordered


def content_hash(content: Content) -> str:
    """Return the SHA-256 of a normalised content, in hexadecimal digits."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def config_id(version_number: int, digest: str) -> str:
    """Return the id of a version: ``v{number}-{hash[:8]}``."""
    return f"v{version_number}-{digest[:8]}"


def _without_shorthands(content: Mapping[str, Any]) -> Content:
    whole = dict(content)
    for short, path in SHORTHANDS.items():
        if short in whole:
            _place(whole, path, short, whole.pop(short))
    return whole


def _place(whole: Content, path: Sequence[str], short: str, value: Any) -> None:
    part = whole
    for name in path[:-1]:
        inner = part.get(name, {})
        if not isinstance(inner, Mapping):
            raise refused(f"{name}: got {_shown(inner)}, expected a mapping", name)
        part[name] = part = dict(inner)
    if path[-1] in part:
        raise refused(f"{short}: {'.'.join(path)} says it too; leave one out", short)
    part[path[-1]] = value


def _fault(content: Any, error: Any) -> ConfigFault:
    path = ".".join(map(str, error["loc"])) or "config"
    return ConfigFault(tuple(error["loc"]), f"{path}: {_expectation(content, error)}")


def _expectation(content: Any, error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "unknown key"
    value = content
    for step in error["loc"]:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return str(error["msg"])
    return f"got {_shown(value)}, {error['msg'].removeprefix('Value error, ')}"


def _shown(value: Any) -> str:
    return _cut(json.dumps(value, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
