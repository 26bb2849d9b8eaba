"""``regimeflow performance``: the daily report and its groups, as lines and JSON."""

from __future__ import annotations

import json
import re

import pytest

from gateway.settings import GatewaySettings
from schemas.timeframes import DAY_MS, HOUR_MS
from tests.build import close_time
from tests.fakes.command_line import invoke
from tests.fakes.gateway import served_gateway
from tests.gateway.routes.test_performance_routes import entry, grounds, result

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def staked(day):
    """Return what an idea of a day earned, with a stop."""
    end_ms, net = close_time(0) + day * DAY_MS, 0.01 - day % 2 * 0.005
    span = {"opened_ms": end_ms - HOUR_MS, "closed_ms": end_ms}
    return result("paper", f"day-{day}", net, r_multiple=100 * net, **span)


async def test_the_daily_report_and_the_groups_are_shown():
    async with served_gateway(GatewaySettings()) as gateway:

        async def performance(*words):
            return await invoke("performance", *words, "--url", gateway.url)

        empty, no_groups = await performance(), await performance("--by", "grade")
        gateway.bus.feed(
            result("paper", "s1", 0.02),
            result("paper", "s2", -0.01),
            entry("journal-s1", grounds("s1")),
            result("journal", "s1", 0.015),
            entry("b", grounds("s2"), "skipped"),
        )
        report, groups = await performance(), await performance("--by", "grade")
        document = await performance("--by", "regime", "--ticker", "btc-usd", "--json")
        wrong = await performance("--ticker", "doge-usd")
        gateway.bus.feed(*(staked(day) for day in range(60)))
        bounded = await performance()

    assert (empty.exit_code, no_groups.output.strip()) == (0, "nothing has finished yet")
    lines = report.output.splitlines()
    assert lines[2].split()[:4] == ["ideas", "2", "50%", "(3%"]
    assert [line.split()[0] for line in lines[2:5]] == ["ideas", "journal", "calls"]
    assert "you followed 1 idea: +1.500% a trade, they +2.000%, so you added -0.500%" in lines
    assert "you skipped 1: 0 winners, 1 loser, -1.000% each" in lines
    assert "B ideas" in groups.output
    assert [row["group"] for row in json.loads(document.output)["groups"]] == ["bear"]
    with_r = next(line for line in bounded.output.splitlines() if line.startswith("ideas "))
    assert re.search(r" \+0\.\d\d \([+-]\d\.\d\d to \+\d\.\d\d\) ", with_r)
    assert (wrong.exit_code, "DOGEUSDT is unknown" in wrong.output) == (1, True)
