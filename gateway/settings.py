"""Settings of the gateway: read once at start, from ``REGIMEFLOW_<NAME>``."""

from __future__ import annotations

import re
import socket
from functools import cached_property
from typing import Annotated, Self
from urllib.parse import urlsplit

from limits import parse_many
from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from gateway.client_options import client_options
from gateway.loopback import is_loopback_host
from schemas.configs import VARIABLE_PREFIX
from schemas.symbols import DEFAULT_UNIVERSE, parse_universe
from schemas.timeframes import TIMEFRAMES_MS, parse_timeframes
from streams.runtime.environment import (
    PREFIX,
    GatewayFields,
    public_variables,
    read_environment,
)

SIGNED_IN_LIMIT = "3000/minute"
ORIGIN = re.compile(r"https?://[^/*?#@\s]+")
POOL = re.compile(r"[a-z0-9-]+_[0-9A-Za-z]+")


class GatewaySettings(GatewayFields):
    """Settings of the gateway; it listens beyond loopback only where somebody has to sign in.

    ``insecure`` lifts that.
    """

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

    @field_validator("oidc_scope_claims", "cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part for part in map(str.strip, value.split(",")) if part)

    @field_validator("cors_origins")
    @classmethod
    def _exact_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if not ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r}, expected exact origins such as https://desk.example")
        return tuple(origin.lower() for origin in value)

    @field_validator("rate_limit")
    @classmethod
    def _one_limit(cls, value: str | None) -> str | None:
        if not value or value == "off":
            return value
        try:
            limits = parse_many(value)
        except ValueError:
            limits = []
        if len(limits) != 1 or limits[0].amount < 1:
            raise ValueError(f"{value!r}, expected e.g. 600/minute, or off")
        return value

    @field_validator("oidc_issuer", "oidc_jwks_url")
    @classmethod
    def _private_way(cls, value: str | None) -> str | None:
        if not value:
            return None
        parts = urlsplit(value)
        local = parts.scheme == "http" and is_loopback_host(parts.hostname or "")
        if not (local or (parts.scheme == "https" and parts.hostname)):
            raise ValueError(f"{value!r}, expected https:// (http:// on loopback alone)")
        return value

    @model_validator(mode="after")
    def _one_issuer(self) -> Self:
        if self.cognito_user_pool_id:
            if self.oidc_issuer:
                raise ValueError(
                    "REGIMEFLOW_OIDC_ISSUER and REGIMEFLOW_COGNITO_USER_POOL_ID name two issuers; "
                    "keep one of them"
                )
            pool, region = self.cognito_user_pool_id, self.cognito_region
            if not POOL.fullmatch(pool) or not pool.startswith(f"{region}_"):
                raise ValueError(
                    f"user pool {pool!r} is none of the region {region!r}: expected {region}_..., "
                    "or set REGIMEFLOW_COGNITO_REGION"
                )
        if self.issuer and not self.audience:
            missing = "COGNITO_CLIENT_ID" if self.cognito_user_pool_id else "OIDC_AUDIENCE"
            raise ValueError(
                f"tokens of {self.issuer} need an audience: set REGIMEFLOW_{missing}, or tokens "
                "that were made for others would count here"
            )
        return self

    @model_validator(mode="after")
    def _loopback_unless_signed_in(self) -> Self:
        if not (self.loopback or self.auth_required or self.insecure):
            raise ValueError(
                f"host {self.host} can be reached from other machines, and nobody has to sign in; "
                "listen on 127.0.0.1, or set REGIMEFLOW_API_KEYS=true and make a key with "
                "`regimeflow keys create`, or set REGIMEFLOW_OIDC_ISSUER, or "
                "REGIMEFLOW_INSECURE=true where everybody may do everything"
            )
        return self

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        return is_loopback_host(self.host)

    @property
    def issuer(self) -> str | None:
        """Whose tokens count; None: nobody's."""
        if self.cognito_user_pool_id:
            host = f"cognito-idp.{self.cognito_region}.amazonaws.com"
            return f"https://{host}/{self.cognito_user_pool_id}"
        return self.oidc_issuer or None

    @property
    def client_id(self) -> str | None:
        """As whom the dashboard signs people in."""
        return (
            self.cognito_client_id if self.cognito_user_pool_id else self.oidc_client_id
        ) or None

    @property
    def audience(self) -> str:
        """For whom a token must be; empty without an issuer."""
        named = None if self.cognito_user_pool_id else self.oidc_audience
        return named or self.client_id or ""

    @property
    def jwks_url(self) -> str:
        """Address of the issuer's keys; empty: its discovery document tells."""
        return self.oidc_jwks_url or ""

    @property
    def auth_required(self) -> bool:
        """Whether a request must say who makes it."""
        return self.api_keys or self.issuer is not None

    @property
    def requests_limit(self) -> str | None:
        """How often one may ask; None: without a limit."""
        if self.rate_limit is None:
            return SIGNED_IN_LIMIT if self.auth_required else None
        return None if self.rate_limit in ("", "off") else self.rate_limit

    @property
    def timeframes_ms(self) -> tuple[int, ...]:
        """Lengths of the bars, ascending; the first is the base."""
        return tuple(TIMEFRAMES_MS[name] for name in self.timeframes)

    @cached_property
    def config_environment(self) -> dict[str, str]:
        """Variables that are values of configs of strategies."""
        settings = read_environment()
        return {name: text for name, text in settings.items() if name.startswith(VARIABLE_PREFIX)}

    @cached_property
    def config_variables(self) -> dict[str, str]:
        """Variables that a config of a strategy may read."""
        return public_variables(read_environment())

    @property
    def replica(self) -> str:
        """Name of this gateway in its requests to workers."""
        return f"gateway-{socket.gethostname()}-{self.port}"
