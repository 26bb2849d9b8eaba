"""Market time in the gateway: no single tick or bar moves it far."""

from __future__ import annotations

import pytest

from tests.build import bar
from tests.fakes.gateway import LAST, tick

pytestmark = pytest.mark.anyio


async def test_one_tick_from_the_future_moves_nothing_and_a_second_one_does(gateway):
    before = gateway.ctx.market_ms()

    gateway.bus.feed(tick(LAST, seconds=10 * 365 * 86_400))
    assert gateway.ctx.market_ms() == before
    gateway.bus.feed(tick(LAST, seconds=1))
    assert gateway.ctx.market_ms() == before + 1_000

    gateway.bus.feed(tick(LAST, seconds=86_400))
    gateway.bus.feed(tick(LAST, seconds=86_401))
    assert gateway.ctx.market_ms() == before + 86_401_000


async def test_after_two_wrong_ticks_the_clock_finds_back(gateway):
    before = gateway.ctx.market_ms()
    gateway.bus.feed(tick(LAST, seconds=86_400), tick(LAST, seconds=86_401))

    gateway.bus.feed(tick(LAST, seconds=2), tick(LAST, seconds=3))

    assert gateway.ctx.market_ms() == before + 3_000


async def test_one_bar_from_the_future_moves_no_clock(gateway):
    before = gateway.ctx.market_ms()

    gateway.bus.feed(bar(LAST + 5_000_000, symbol="ETHUSDT"))

    assert gateway.ctx.market_ms() == before
