"""Higher timeframes on a venue: a fetched past, then bars made of base bars, without a seam."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from schemas.bounds import LAST_MS
from schemas.market import Bar, HistoryReady, LedgerEntry, RawBar
from schemas.timeframes import HOUR_MS, MINUTE_MS
from streams.market.processor import PROCESSOR
from streams.runtime.memory_driver import replay
from tests.build import raw_bar
from tests.fakes.ingest_run import HISTORY_BARS, ingesting
from workers.ingest.higher_bars import HigherSeries, Overlap
from workers.ingest.rest_history import KlineSeries
from workers.ingest.resume import EndOfRawBars, MarketPast

M5, M15 = 5 * MINUTE_MS, 15 * MINUTE_MS
KLINES = KlineSeries("BTCUSDT", "5m", M5)
START_MS = 1_750_000_200_000  # of a five-minute bar


def checked(records: list[RawBar], timeframe_ms: int) -> list[Bar]:
    outputs = replay([PROCESSOR], records)
    return [o for o in outputs if isinstance(o, Bar) and o.timeframe_ms == timeframe_ms]


def base(number: int) -> RawBar:
    opened = START_MS + number * MINUTE_MS
    return raw_bar(0).model_copy(
        update={
            "open_time_ms": opened,
            "event_time_ms": opened + MINUTE_MS,
            "available_time_ms": opened + MINUTE_MS,
        }
    )


def in_a_row(bars: list[Bar]) -> bool:
    opened = [bar.open_time_ms for bar in bars]
    step = bars[0].timeframe_ms
    return opened == list(range(opened[0], opened[-1] + step, step))


def test_past_of_each_timeframe_then_bars_made_of_base_bars_without_a_seam():
    async def main() -> None:
        async with ingesting("BTCUSDT", "ETHUSDT", timeframes=("1m", "5m", "15m")) as running:
            await running.until(
                lambda: all(
                    any(length in bar.higher_ms for bar in running.records.raw(symbol))
                    for symbol in ("BTCUSDT", "ETHUSDT")
                    for length in (M5, M15)
                )
            )
            await running.more_bars("BTCUSDT", 20)
            for symbol in ("BTCUSDT", "ETHUSDT"):
                raws = running.records.raw(symbol)
                for length in (M5, M15):
                    bars = checked(raws, length)
                    assert in_a_row(bars)
                    assert {b.origin for b in bars} == {"backfill", "aggregated"}
                    assert [b.bars_missing for b in bars if b.bars_missing] == []
                    assert all(b.mark_price and b.funding_rate is not None for b in bars[-50:])
                    klines = [b for b in raws if b.timeframe_ms == length]
                    made = [b for b in bars if b.origin == "aggregated"]
                    assert klines[-1].event_time_ms == made[0].open_time_ms
            announced = running.records.of(HistoryReady)
            assert [ready.timeframe_ms for ready in announced] == [MINUTE_MS, M5, M15]
            assert [ready.base_ms for ready in announced] == [None, MINUTE_MS, MINUTE_MS]
            mismatches = [e for e in running.records.of(LedgerEntry) if "mismatch" in e.kind]
            assert mismatches == []
            first = next(b for b in running.records.all if isinstance(b, RawBar))
            assert first.timeframe_ms == MINUTE_MS

    asyncio.run(main())


def test_a_made_bar_is_the_venues_own_kline():
    async def main() -> None:
        async with ingesting("BTCUSDT", timeframes=("1m", "5m")) as running:
            await running.until(
                lambda: (
                    len(checked(running.records.raw("BTCUSDT"), M5)) > 0
                    and checked(running.records.raw("BTCUSDT"), M5)[-1].origin == "aggregated"
                )
            )
            made = checked(running.records.raw("BTCUSDT"), M5)[-1]
            exchange = running.ingest._exchange
            ((opened, *values),) = await exchange.klines("BTCUSDT", "5m", made.open_time_ms, 1)
            assert opened == made.open_time_ms
            prices = [made.open, made.high, made.low, made.close]
            assert [float(v) for v in values[:4]] == prices
            assert made.volume == pytest.approx(float(values[4]))
            assert made.quote_volume == pytest.approx(float(values[6]))
            assert made.trades == int(values[7])

    asyncio.run(main())


def test_a_restart_goes_on_with_what_base_bars_carried_and_fetches_no_klines():
    async def main() -> None:
        last = 1_735_689_600_000 + (HISTORY_BARS + 100) * MINUTE_MS
        past = MarketPast(
            closes={"BTCUSDT": last},
            carried=frozenset({("BTCUSDT", M5)}),
            announced=frozenset({MINUTE_MS, M5}),
        )
        async with ingesting("BTCUSDT", timeframes=("1m", "5m"), past=past) as running:
            raws = running.records.raw("BTCUSDT")
            assert {bar.timeframe_ms for bar in raws} == {MINUTE_MS}
            assert {bar.higher_ms for bar in raws} == {(M5,)}
            assert running.records.of(HistoryReady) == []

    asyncio.run(main())


def test_a_timeframe_that_is_new_to_a_home_is_filled_from_where_its_klines_end():
    async def main() -> None:
        last = 1_735_689_600_000 + (HISTORY_BARS + 100) * MINUTE_MS
        known = last - 100 * M5
        past = MarketPast(
            closes={"BTCUSDT": last},
            announced=frozenset({MINUTE_MS}),
            higher_closes=lambda _: {("BTCUSDT", M5): known},
        )
        async with ingesting("BTCUSDT", timeframes=("1m", "5m"), past=past) as running:
            await running.until(lambda: len(running.records.of(HistoryReady)) > 0)
            klines = [b for b in running.records.raw("BTCUSDT") if b.timeframe_ms == M5]
            assert klines[0].open_time_ms == known
            (ready,) = running.records.of(HistoryReady)
            assert ready.timeframe_ms == M5

    asyncio.run(main())


def past_of(log: list[RawBar]) -> MarketPast:
    """Return what ingest reads at a start from a log of one symbol."""
    end = EndOfRawBars(MINUTE_MS)
    for bar in log:
        end.add(bar)
    return MarketPast(
        closes={symbol: bar.event_time_ms for symbol, bar in end.newest.items()},
        carried=end.carried(),
        announced=frozenset({MINUTE_MS, M5}),
        higher_closes=lambda wanted: {series: end.higher_close(series) for series in wanted},
    )


def test_a_timeframe_that_was_left_out_for_a_while_goes_on_without_a_false_gap():
    log: list[RawBar] = []

    async def run(minutes: int, *timeframes: str) -> None:
        past = past_of(log) if log else None
        async with ingesting(
            "BTCUSDT", minutes=minutes, timeframes=timeframes, past=past
        ) as running:
            new = lambda: [*log, *running.records.raw("BTCUSDT")]  # noqa: E731
            await running.until(lambda: bool(past_of(new()).carried) == ("5m" in timeframes))
            log[:] = new()

    for minutes, *timeframes in (
        (2_000, "1m", "5m"),  # klines, then base bars
        (2_500, "1m", "5m"),  # base bars alone make more bars than a leap
        (2_700, "1m"),
        (2_900, "1m", "5m"),
    ):
        asyncio.run(run(minutes, *timeframes))

    bars = checked(log, M5)
    assert in_a_row(bars)
    assert [bar.bars_missing for bar in bars if bar.bars_missing] == []
    origins = [name for name, _ in itertools.groupby(bar.origin for bar in bars)]
    assert origins[:3] == ["backfill", "aggregated", "backfill"]
    ledger = [o for o in replay([PROCESSOR], log) if isinstance(o, LedgerEntry)]
    assert [entry for entry in ledger if entry.kind in ("gap", "partial", "rejected")] == []


def test_base_bars_carry_the_length_only_behind_a_complete_past():
    series = HigherSeries(KLINES, filled_ms=START_MS - M5)
    assert not series.carries(base(0))
    series.join_after(START_MS - MINUTE_MS)

    carried = [series.carries(base(n)) for n in range(9)]  # the kline before the boundary is late
    series.filled_ms = START_MS + M5
    carried += [series.carries(base(n)) for n in range(9, 15)]

    assert series.from_ms == START_MS + M5
    assert carried == [True] * 4 + [False] + [True] * 10
    made = checked(
        [
            base(n).model_copy(update={"higher_ms": (M5,) if yes else ()})
            for n, yes in enumerate(carried)
        ],
        M5,
    )
    assert [bar.open_time_ms for bar in made] == [START_MS + M5, START_MS + 2 * M5]


def test_a_series_without_a_past_to_fetch_is_carried_from_the_next_boundary_on():
    series = HigherSeries.made_from(KLINES, START_MS + MINUTE_MS)

    assert [series.carries(base(n)) for n in range(7)] == [False] * 5 + [True] * 2
    assert (series.joined, series.filled_ms) == (True, LAST_MS)


def test_klines_that_differ_from_their_base_bars_are_named():
    overlap = Overlap((M5,))
    bars = [base(n) for n in range(10)]
    for bar in bars:
        overlap.add(bar)
    kline = base(0).model_copy(
        update={"timeframe_ms": M5, "event_time_ms": START_MS + M5, "volume": 50.0}
    )

    assert overlap.compare(kline) is None
    later = {"open_time_ms": START_MS + M5, "event_time_ms": START_MS + 2 * M5, "close": 100.25}
    entry = overlap.compare(kline.model_copy(update=later))
    assert entry is not None
    assert (entry.kind, entry.timeframe_ms, entry.from_ms) == ("price_mismatch", M5, START_MS + M5)
    assert "base bars 100.5, kline 100.25" in entry.note
    assert overlap.compare(kline.model_copy(update=later)) is None


def test_bars_with_a_hole_are_not_compared():
    overlap = Overlap((HOUR_MS,))
    for number in (0, 1, 3, 59):
        overlap.add(base(number - 30))
    assert overlap.compare(base(0).model_copy(update={"timeframe_ms": HOUR_MS})) is None
