"""Settings of the pipeline's processes: one frozen tree, read once at the entry point.

Every field is ``REGIMEFLOW_<NAME>``; ``streams/runtime/environment.py`` knows the aliases.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from schemas.bounds import MAX_BARS, MAX_COUNT, MAX_SPEED, MAX_TREND, MAX_VALUE
from schemas.configs import VARIABLE_PREFIX
from schemas.symbols import DEFAULT_UNIVERSE, parse_universe
from schemas.timeframes import TIMEFRAMES_MS, parse_timeframes
from streams.runtime.environment import (
    PREFIX,
    STARTUP_NAMES,
    EnvironmentName,
    GatewayFields,
    NamedSettings,
    read_environment,
    setting_names,
)


def default_home() -> Path:
    """Return the user's state folder for RegimeFlow (XDG base directories)."""
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "regimeflow"


class Settings(NamedSettings):
    """What every process is told; secrets have no default and are never printed."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    home: Path = Field(default_factory=default_home, description="Everything that is kept")
    env: EnvironmentName = Field(
        default="dev",
        description="dev, staging or prod: what is expected of the other settings; as a variable "
        "it reads .env.ENV in place of .env, where that file exists",
    )
    app_mode: Literal["analysis_only"] = Field(
        default="analysis_only",
        description="The only mode there is: nothing can place an order",
    )
    universe: Annotated[tuple[str, ...], NoDecode] = Field(
        default=DEFAULT_UNIVERSE,
        description="Symbols in any spelling, separated by commas",
    )
    timeframes: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("1m", "15m", "1h"),
        description="Bars, ascending and separated by commas; the first is the base bar, the "
        "others are multiples of it. TIMEFRAME is the same with one",
    )
    exchange: Literal["simulated", "binanceusdm", "replay"] = Field(
        default="simulated", description="simulated, binanceusdm or replay"
    )
    speed: float = Field(
        default=60.0, gt=0, le=MAX_SPEED, description="Market seconds per second, simulated"
    )
    replay_files: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="FILE or FILE=SYMBOL:TIMEFRAME, separated by commas"
    )
    replay_speed: float | None = Field(
        default=None,
        gt=0,
        le=MAX_VALUE,
        description="Recorded seconds per second; unset: as fast as it goes",
    )
    seed: int = Field(default=7, ge=0, le=MAX_COUNT, description="Of the simulated market")
    trend: float = Field(
        default=1.0,
        ge=0,
        le=MAX_TREND,
        description="Drift of the simulated regimes, times that of a market like bitcoin's",
    )
    history_bars: int = Field(
        default=10_000, ge=1_000, le=MAX_BARS, description="Back-filled base bars a symbol"
    )
    strategy: str = Field(default="ensemble", description="Whose models are trained and serve")
    strategy_packages: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Installed packages whose strategies configs may name as package.module:Class, "
        "separated by commas",
    )
    kafka_bootstrap_servers: str | None = Field(
        default=None, description="An external cluster; unset: the local broker"
    )
    kafka_client: dict[str, str] = Field(
        default_factory=dict, description="SASL/TLS settings passed to the clients, JSON"
    )
    partitions: int | None = Field(
        default=None,
        ge=1,
        le=1_000,
        description="Of each topic that is made, so that as many instances of a process can share "
        "its work; unset: as the others have, else 1",
    )
    simulator_url: str | None = Field(default=None, description="REST root of the simulator")
    model_dir: str | None = Field(
        default=None,
        description="URL or folder of model files; default: <home>/models. Of a URL such as "
        "s3://bucket/models each machine reads through <home>/bundles",
    )
    model_cache_mb: int = Field(
        default=1_024,
        ge=16,
        le=MAX_COUNT,
        description="Megabytes of models of an object store that a machine keeps; those used "
        "longest ago go first",
    )
    tuning_storage: SecretStr | None = Field(
        default=None,
        description="Database URL (SQLite, PostgreSQL, MySQL) that tuning workers of several "
        "machines share; unset: a journal file of each job",
    )
    results_url: str | None = Field(
        default=None, description="URL or folder of job results; default: <home>/results"
    )
    archive_url: str | None = Field(
        default=None, description="URL or folder of the archive; default: <home>/archive"
    )
    s3_endpoint: str | None = Field(
        default=None, description="Address of an object store other than AWS, for s3:// URLs"
    )
    instance: str = Field(
        default="0",
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
        description="Which one this is of several that run the same process; stable over restarts",
    )
    job_idle_s: float | None = Field(
        default=None,
        gt=0,
        le=86_400,
        description="Seconds without a job after which a worker of back-tests or searches ends; a "
        "scaler starts one when requests wait. Unset: it waits for ever",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        default="INFO",
        description="From which level on a process writes its log",
    )
    log_retention_days: int | None = Field(
        default=None,
        ge=1,
        le=3_650,
        description="How long logs are kept, files and topics; unset: as the environment has it",
    )
    deletion_protection: bool | None = Field(
        default=None,
        description="Whether nothing that is kept may be deleted; unset: as the environment has it",
    )
    mlflow_tracking_uri: str | None = Field(
        default=None,
        description="Address of MLflow, where models are mirrored; unset: <home>/mlflow.db",
    )
    mlflow_username: str | None = Field(default=None, description="Who logs in to MLflow")
    mlflow_password: SecretStr | None = Field(default=None, description="Belongs to the username")
    mlflow_verify_ssl: bool = Field(
        default=True, description="Whether MLflow's certificate is checked"
    )
    notify_urls: SecretStr | None = Field(
        default=None,
        description="Apprise URLs that get notifications, separated by commas; unset: none is sent",
    )
    notify_rules: str = Field(
        default="*=info",
        description="Least severity of each kind of event: *=warning,gap=urgent,feed_fresh=off, or "
        "the same as JSON",
    )
    notify_quiet: str | None = Field(
        default=None,
        description="Hours in which only urgent events are sent, such as 22:00-07:00",
    )
    notify_time_zone: str = Field(default="UTC", description="Of those hours, as Europe/Berlin")
    notify_window_s: float = Field(
        default=900.0,
        ge=0,
        le=86_400,
        description="Repeats of one event within this time are one message with their count",
    )
    binance_api_key: SecretStr | None = Field(
        default=None,
        description="With it the account is shown, read only; not needed for anything else. One "
        "that may do more than read is refused",
    )
    binance_api_secret: SecretStr | None = Field(
        default=None,
        description="Belongs to the key",
    )

    @field_validator("log_level", mode="before")
    @classmethod
    def _any_case(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("universe", mode="before")
    @classmethod
    def _parsed_universe(cls, value: object) -> tuple[str, ...]:
        return parse_universe(value)

    @field_validator("replay_files", mode="before")
    @classmethod
    def _split_files(cls, value: object) -> object:
        return tuple(filter(None, value.split(","))) if isinstance(value, str) else value

    @field_validator("strategy_packages", mode="before")
    @classmethod
    def _split_packages(cls, value: object) -> object:
        names = value.split(",") if isinstance(value, str) else value
        return tuple(filter(None, map(str.strip, names))) if isinstance(names, list) else names

    @field_validator("strategy_packages")
    @classmethod
    def _importable_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not all(part.isidentifier() for part in name.split(".")):
                raise ValueError(f"{name!r}, expected names of packages such as mystrategy")
        return value

    @field_validator("kafka_client")
    @classmethod
    def _usable_by_the_clients(cls, value: dict[str, str]) -> dict[str, str]:
        if value:
            from streams.runtime.client_check import check_client

            check_client(value)
        return value

    @field_validator("timeframes", mode="before")
    @classmethod
    def _parsed_timeframes(cls, value: object) -> tuple[str, ...]:
        return parse_timeframes(value)

    @model_validator(mode="after")
    def _no_misspelt_names(self) -> Self:
        known = setting_names(type(self)) | setting_names(GatewayFields) | STARTUP_NAMES
        for name in {**os.environ, **read_environment()}:
            if (
                name.startswith(PREFIX)
                and not name.startswith(VARIABLE_PREFIX)
                and name not in known
            ):
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise ValueError(f"unknown setting {name}{hint}")
        return self

    @property
    def timeframe(self) -> str:
        """Name of the base bar."""
        return self.timeframes[0]

    @property
    def timeframe_ms(self) -> int:
        """Length of the base bar in milliseconds."""
        return TIMEFRAMES_MS[self.timeframe]

    @property
    def reads_account(self) -> bool:
        """Whether there is a venue, and a key to read an account with."""
        has_key = self.binance_api_key is not None and self.binance_api_secret is not None
        return has_key and self.exchange != "replay"

    @property
    def lengths_ms(self) -> tuple[int, ...]:
        """Length of the bars of each timeframe, ascending."""
        return tuple(TIMEFRAMES_MS[name] for name in self.timeframes)

    @property
    def models(self) -> str:
        """Where model files live, as a URL or folder."""
        return self.model_dir or str(self.home / "models")

    @property
    def archive(self) -> str:
        """Where the archive is written, as a URL or folder."""
        return self.archive_url or str(self.home / "archive")

    @property
    def results(self) -> str:
        """Where results of jobs are written, as a URL or folder."""
        return self.results_url or str(self.home / "results")
