"""Settings of the gateway: read once at start, from ``REGIMEFLOW_<NAME>``."""

from __future__ import annotations

import ipaddress
import socket
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from gateway.client_options import client_options
from schemas.symbols import DEFAULT_UNIVERSE, parse_universe
from schemas.timeframes import TIMEFRAMES_MS, parse_timeframes
from streams.runtime.environment import PREFIX, GatewayFields


class GatewaySettings(GatewayFields):
    """Settings of the gateway; it listens beyond loopback only with ``insecure`` set too."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True
    )

    kafka_bootstrap_servers: str = Field(default="127.0.0.1:9092", description="host:port,...")
    kafka_client: dict[str, str] = Field(
        default_factory=dict, description="SASL/TLS settings as librdkafka names them, JSON"
    )
    universe: Annotated[tuple[str, ...], NoDecode] = Field(
        default=DEFAULT_UNIVERSE,
        description="Says how far back the views must read",
    )
    timeframes: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("1m", "15m", "1h"),
        description="Those that may be asked for; a recording's base bar is that of its files",
    )
    git_commit: str = Field(default="unknown", description="Written into record headers")

    @field_validator("universe", mode="before")
    @classmethod
    def _parsed_universe(cls, value: object) -> tuple[str, ...]:
        return parse_universe(value)

    @field_validator("timeframes", mode="before")
    @classmethod
    def _parsed_timeframes(cls, value: object) -> tuple[str, ...]:
        return parse_timeframes(value)

    @field_validator("kafka_client")
    @classmethod
    def _usable_by_the_client(cls, value: dict[str, str]) -> dict[str, str]:
        client_options(value)  # fail at the start, not at each attempt to connect
        return value

    @model_validator(mode="after")
    def _loopback_unless_insecure(self) -> Self:
        if not self.loopback and not self.insecure:
            raise ValueError(
                f"host {self.host} can be reached from other machines, and the gateway has no "
                "log-in; listen on 127.0.0.1 or set REGIMEFLOW_INSECURE=true"
            )
        return self

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def timeframes_ms(self) -> tuple[int, ...]:
        """Lengths of the bars, ascending; the first is the base."""
        return tuple(TIMEFRAMES_MS[name] for name in self.timeframes)

    @property
    def replica(self) -> str:
        """Name of this gateway in its requests to workers."""
        return f"gateway-{socket.gethostname()}-{self.port}"
