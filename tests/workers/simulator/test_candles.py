"""Bars of any length: exactly the sum of their minutes, on every page, finished or not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.timeframes import DAY_MS, TIMEFRAMES_MS
from workers.simulator import funding, kernel, market
from workers.simulator.candles import CandleHistory, minute_candles
from workers.simulator.market import BAR_MS, BLOCK_BARS, EPOCH_MS, SimulatedMarket
from workers.simulator.protocol import payloads, rest
from workers.simulator.protocol.payloads import INTERVAL_BARS
from workers.simulator.protocol.venue import KeyRights, Venue
from workers.simulator.simulated_clock import SimulatedClock

SYMBOL = "BTCUSDT"
MARKET = SimulatedMarket(7, [SYMBOL])
HISTORY = CandleHistory(MARKET)
CONTRACT = MARKET.contract(SYMBOL)
SPAN = 5 * BLOCK_BARS
MINUTES: list[list[int]] = MARKET.bars(SYMBOL, 0, SPAN).ints.T.tolist()
PREMIUM = funding.opening_premium(MARKET, SYMBOL, 0, SPAN).tolist()

nows = st.integers(EPOCH_MS, EPOCH_MS + SPAN * BAR_MS - 1)
times = st.none() | st.integers(EPOCH_MS - DAY_MS, EPOCH_MS + SPAN * BAR_MS + DAY_MS)
intervals = st.sampled_from(sorted(INTERVAL_BARS))


def minutes_until(now_ms: int) -> list[list[int]]:
    """The columns of every minute that has a trade by now."""
    current, elapsed_ms = divmod(now_ms - EPOCH_MS, BAR_MS)
    unfinished = MARKET.unfinished(SYMBOL, current, elapsed_ms)
    return MINUTES[:current] + ([] if unfinished is None else [unfinished.tolist()])


def groups(rows: list[Any], bars: int) -> list[list[Any]]:
    return [rows[i : i + bars] for i in range(0, len(rows), bars)]


def decimal(units: int, places: int) -> str:
    digits = f"{units:0{places + 1}d}"
    return f"{digits[: len(digits) - places]}.{digits[len(digits) - places :]}"


def summed(opened: int, bars: int, parts: list[list[int]]) -> list[Any]:
    """One REST kline by hand, in whole numbers."""
    price, quantity = CONTRACT.price_decimals, CONTRACT.quantity_decimals

    def total(row: int) -> int:
        return sum(part[row] for part in parts)

    return [
        opened,
        decimal(parts[0][kernel.OPEN], price),
        decimal(max(part[kernel.HIGH] for part in parts), price),
        decimal(min(part[kernel.LOW] for part in parts), price),
        decimal(parts[-1][kernel.CLOSE], price),
        decimal(total(kernel.VOLUME), quantity),
        opened + bars * BAR_MS - 1,
        decimal(total(kernel.TURNOVER), price + quantity),
        total(kernel.RAW_TRADES),
        decimal(total(kernel.TAKER_VOLUME), quantity),
        decimal(total(kernel.TAKER_TURNOVER), price + quantity),
        "0",
    ]


def of_page(rows: list[Any], start: int | None, end: int | None, limit: int) -> list[Any]:
    """The rows that the venue shows: the oldest from a start on, else the newest."""
    inside = [r for r in rows if start is None or r[0] >= start]
    inside = [r for r in inside if end is None or r[0] <= end]
    return inside[-limit:] if start is None else inside[:limit]


@given(nows, intervals, times, times, st.integers(1, 1500))
@example(EPOCH_MS + 6_694 * BAR_MS, "1m", None, None, 1)  # before the first trade of a minute
@settings(max_examples=150, deadline=None)
def test_every_page_of_every_interval_is_the_sum_of_its_minutes(
    now_ms, interval, start, end, limit
):
    bars = INTERVAL_BARS[interval]
    whole = [
        (EPOCH_MS + i * bars * BAR_MS, parts)
        for i, parts in enumerate(groups(minutes_until(now_ms), bars))
    ]
    page = of_page(whole, start, end, limit)

    traded_ms = MARKET.traded_ms(SYMBOL, now_ms)
    first, last = payloads.window(bars, start, end, limit, traded_ms)
    shown = HISTORY.candles(SYMBOL, first, last, bars, now_ms)

    rows = payloads.kline_rows(CONTRACT, first, bars, shown)
    assert rows == [summed(opened, bars, parts) for opened, parts in page]


@given(nows, intervals)
@settings(max_examples=60, deadline=None)
def test_mark_prices_of_every_interval_are_those_of_its_minutes(now_ms, interval):
    bars = INTERVAL_BARS[interval]
    tick = float(CONTRACT.tick_size)
    prices = [
        [units * tick * (1.0 - premium / 3.0) for units in minute[kernel.OPEN : kernel.CLOSE + 1]]
        for minute, premium in zip(minutes_until(now_ms), PREMIUM, strict=False)
    ]

    shown = HISTORY.candles(SYMBOL, 0, SPAN, bars, now_ms)

    expected = [
        [p[0][0], max(x[1] for x in p), min(x[2] for x in p), p[-1][3]]
        for p in groups(prices, bars)
    ]
    assert shown.marks.T.tolist() == [pytest.approx(row, rel=1e-14) for row in expected]
    assert shown.minutes.tolist() == [len(p) for p in groups(prices, bars)]


@given(st.integers(EPOCH_MS - DAY_MS, EPOCH_MS + 9 * DAY_MS), st.integers(0, 9 * DAY_MS))
@settings(max_examples=60, deadline=None)
def test_settlements_by_the_day_are_those_of_the_whole(first_ms, length_ms):
    span = (first_ms, first_ms + length_ms)

    assert HISTORY.settlements(SYMBOL, *span) == funding.history(MARKET, SYMBOL, *span)


def test_every_timeframe_of_the_product_is_served():
    assert {name: bars * BAR_MS for name, bars in INTERVAL_BARS.items()}.items() >= (
        TIMEFRAMES_MS.items()
    )


def test_years_of_hours_generate_each_day_once_and_keep_no_minutes(monkeypatch):
    monkeypatch.setattr(market, "MAX_BLOCKS", 3)
    small, days = SimulatedMarket(7, [SYMBOL]), 40
    generated: list[int] = []
    generate = small._generate

    def counted(track: Any, day: int) -> Any:
        generated.append(day)
        return generate(track, day)

    monkeypatch.setattr(small, "_generate", counted)
    history, now_ms = CandleHistory(small), EPOCH_MS + days * DAY_MS

    for bars in (60, 240, 1440, 60):
        history.candles(SYMBOL, 0, days * BLOCK_BARS, bars, now_ms)
    history.settlements(SYMBOL, EPOCH_MS, now_ms)

    assert sorted(generated) == list(range(days))
    assert len(small._tracks[SYMBOL].blocks) == 3


def test_the_streams_go_on_between_the_days_of_a_page():
    venue = Venue(MARKET, SimulatedClock(EPOCH_MS + SPAN * BAR_MS, 60.0), 2400, KeyRights())
    turns: list[int] = []

    async def story() -> None:
        page = asyncio.ensure_future(rest._generate_days(venue, SYMBOL, 0, SPAN))
        while not page.done():
            turns.append(len(venue.history.missing(SYMBOL, 0, SPAN)))
            await asyncio.sleep(0)

    asyncio.run(story())

    assert [turns.count(left) > 0 for left in range(6)] == [True] * 6


def test_a_far_future_is_empty_at_once():
    far = 10**10

    assert len(MARKET.bars(SYMBOL, far, far)) == 0
    assert len(minute_candles(MARKET, SYMBOL, far, far, EPOCH_MS).minutes) == 0
    assert len(HISTORY.candles(SYMBOL, 60 * far, 60 * far, 60, EPOCH_MS).minutes) == 0
    assert HISTORY.missing(SYMBOL, 60 * far, 60 * far) == []
