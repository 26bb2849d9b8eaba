"""``regimeflow ideas``: open ones and those that ended, as lines and JSON."""

from __future__ import annotations

import json

import pytest

from deploy.cli.tables.ideas import NONE, UNJUDGED
from gateway.settings import GatewaySettings
from tests.build import closed_idea, idea_event, suppressed_totals
from tests.fakes.command_line import invoke
from tests.fakes.gateway import served_gateway

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_ideas_are_listed_with_prices_state_and_what_they_came_to():
    async with served_gateway(GatewaySettings()) as gateway:

        async def ideas(*words):
            return await invoke("ideas", *words, "--url", gateway.url)

        none = await ideas()
        gateway.bus.feed(suppressed_totals(3, reasons={"edge": 5, "neutral": 1_200}))
        why = await ideas("--ticker", "BTCUSDT")
        gateway.bus.feed(idea_event(3, action="opened"), closed_idea(9, symbol="ETHUSDT"))
        both, open_ = await ideas(), await ideas("--state", "open", "--json")
        wrong = await ideas("--ticker", "doge-usd")

    assert none.output.splitlines() == [NONE, UNJUDGED]
    assert why.output.splitlines()[1:] == [
        "1205 signals opened none:",
        f"  {'no direction':<38}{1200:>9}",
        f"  {'not surely worth more than its costs':<38}{5:>9}",
        "of the newest signals the best expects +0.02% after costs",
    ]
    head, first, second = both.output.splitlines()
    assert "expected after costs" in head
    assert "BTCUSDT" in first
    assert first[head.index("rank") :].startswith("88  ")
    assert "  open  idea-BTCUSDT-3" in first
    assert "target, net +0.37%" in second
    assert [row["symbol"] for row in json.loads(open_.output)] == ["BTCUSDT"]
    assert (wrong.exit_code, "DOGEUSDT is unknown" in wrong.output) == (1, True)
