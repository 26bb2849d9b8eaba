"""Market time in the gateway: no single tick or bar moves it far."""

from __future__ import annotations

import re

import pytest

from gateway.views.clock import LEAD_MS, effective_from_ms, known_ms, wall_age_s
from tests.build import bar, close_time, signal
from tests.fakes.gateway import LAST, WALL_MS, RunningGateway, tick

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


@pytest.mark.parametrize("seconds", [0, 86_400])
async def test_one_tick_of_a_wrong_speed_moves_nothing_and_a_second_one_does(gateway, seconds):
    before = gateway.ctx.market_ms()

    gateway.bus.feed(tick(LAST, seconds=seconds, speed=1e12))
    gateway.wall_ms += 1_000
    assert gateway.ctx.market_ms() == before + 1_000
    gateway.wall_ms -= 1_000
    gateway.bus.feed(tick(LAST, seconds=1), tick(LAST, speed=60.0), tick(LAST, speed=60.0))
    gateway.wall_ms += 1_000
    assert gateway.ctx.market_ms() == before + 60_000


async def test_the_first_tick_may_have_any_speed_and_no_answer_fails(empty: RunningGateway):
    empty.bus.feed(bar(0), signal(0), tick(LAST, speed=1e12))
    empty.wall_ms += 10_000

    for path in ("/health", "/api/signals", "/api/explain/BTC-USD", "/metrics"):
        assert (await empty.client.get(path)).status_code in {200, 503}, path
    answer = await empty.client.post("/api/v1/predict", json={"symbol": "BTC-USD"})
    assert answer.status_code == 503


async def test_after_two_wrong_ticks_the_clock_finds_back(gateway):
    before = gateway.ctx.market_ms()
    gateway.bus.feed(tick(LAST, seconds=86_400), tick(LAST, seconds=86_401))

    gateway.bus.feed(tick(LAST, seconds=2), tick(LAST, seconds=3))

    assert gateway.ctx.market_ms() == before + 3_000


async def test_a_command_counts_from_where_a_market_stood_whose_run_had_stopped(gateway):
    gateway.bus.feed(tick(LAST, speed=60.0), tick(LAST, seconds=1, speed=60.0))
    soon = effective_from_ms(gateway.ctx.views, gateway.wall_ms + LEAD_MS)
    gateway.wall_ms += 3_600_000  # the run stood still for an hour

    assert known_ms(gateway.ctx.views, gateway.wall_ms) < gateway.ctx.market_ms()
    assert effective_from_ms(gateway.ctx.views, gateway.wall_ms) == soon


async def test_one_bar_from_the_future_moves_no_clock(gateway):
    before = gateway.ctx.market_ms()

    gateway.bus.feed(bar(LAST + 5_000_000, symbol="ETHUSDT"))

    assert gateway.ctx.market_ms() == before


@pytest.mark.parametrize(
    ("speed", "market_s", "wall_ms", "age_s"),
    [(1.0, 30.0, 0, 30.0), (60.0, 6.0, 0, 0.1), (60.0, 6.0, 150, 0.25), (60.0, -6.0, 50, 0.0)],
)
async def test_a_close_ages_in_wall_time_at_the_speed_of_the_market(
    empty: RunningGateway, speed: float, market_s: float, wall_ms: int, age_s: float
):
    empty.bus.feed(tick(LAST, seconds=market_s, speed=speed))

    age = wall_age_s(empty.ctx.views, close_time(LAST), WALL_MS + wall_ms)

    assert age == pytest.approx(age_s)


async def test_without_a_running_market_clock_a_close_has_no_age(empty: RunningGateway):
    assert wall_age_s(empty.ctx.views, close_time(LAST), WALL_MS) is None

    empty.bus.feed(bar(LAST, origin="replay"), tick(LAST))

    assert wall_age_s(empty.ctx.views, close_time(LAST), WALL_MS) is None


async def test_metrics_tell_how_old_features_are_when_their_prediction_arrives(
    gateway: RunningGateway,
):
    before = await feature_ages(gateway)
    gateway.bus.ready = False
    gateway.bus.feed(signal(LAST + 1))  # of the past that is read at the start
    gateway.bus.ready = True

    gateway.bus.feed(tick(LAST + 1, seconds=12.0, speed=60.0))
    gateway.bus.feed(tick(LAST + 1, seconds=12.0, speed=60.0), signal(LAST + 1))

    after = await feature_ages(gateway)
    assert {bound: after[bound] - before[bound] for bound in ("0.15", "0.2", "+Inf")} == {
        "0.15": 0.0,
        "0.2": 1.0,
        "+Inf": 1.0,
    }


async def feature_ages(gateway: RunningGateway) -> dict[str, float]:
    """Return the counts of the histogram by its bounds."""
    text = (await gateway.client.get("/metrics")).text
    rows = re.findall(r'prediction_feature_age_seconds_bucket{le="(.*?)"} (.*)', text)
    return {bound: float(count) for bound, count in rows}
