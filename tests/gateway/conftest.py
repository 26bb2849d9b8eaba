"""Fixtures of the gateway's tests: an empty one, one with live markets, one on a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.settings import GatewaySettings
from tests.build import refdata, status
from tests.fakes.gateway import (
    RunningGateway,
    feed_live_markets,
    in_process_gateway,
    served_gateway,
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def settings() -> GatewaySettings:
    return GatewaySettings()


@pytest.fixture
async def empty(settings: GatewaySettings) -> AsyncIterator[RunningGateway]:
    """A ready gateway that has read nothing."""
    async with in_process_gateway(settings) as running:
        yield running


@pytest.fixture
async def gateway(empty: RunningGateway) -> RunningGateway:
    """A gateway with twenty minutes of two markets and a model in service."""
    feed_live_markets(empty.bus)
    return empty


@pytest.fixture
async def served(settings: GatewaySettings) -> AsyncIterator[RunningGateway]:
    """The same on a real server and a free port."""
    async with served_gateway(settings) as running:
        yield running


@pytest.fixture
def bench(gateway: RunningGateway) -> RunningGateway:
    """The gateway with both workers of jobs running and a strategy known."""
    strategy = refdata("strategy", {"name": "ema_cross", "active": True})
    others = [refdata(name) for name in ("indicator", "symbol")]
    gateway.bus.feed(status("backtest"), status("tuning"), strategy, *others)
    return gateway
