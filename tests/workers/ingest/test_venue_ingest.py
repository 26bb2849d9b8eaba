"""Ingest of a venue: every bar comes once and in order, or the ledger names what is missing."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import pytest

from schemas.clock import ClockTick
from schemas.market import HistoryReady, LedgerEntry
from schemas.status import WorkerStatus
from schemas.timeframes import MINUTE_MS
from tests.fakes.ingest_run import HISTORY_BARS, ingesting

EPOCH_MS = 1_735_689_600_000  # the simulated market begins


def holds_every_bar(bars):
    opened = [bar.open_time_ms for bar in bars]
    return opened == list(range(opened[0], opened[-1] + MINUTE_MS, MINUTE_MS))


def without_repairs(ledger):
    """Ledger without repairs: on a busy machine REST may give a bar before the stream does."""
    return [entry for entry in ledger if entry[0] != "repaired"]


def values(bars, opened):
    return [(b.open, b.high, b.low, b.close, b.volume) for b in bars if b.open_time_ms == opened]


async def truth(running, symbol, opened):
    """The venue's own bar, from REST without faults."""
    running.simulator.venue.faults.clear()
    ((_, *row),) = await running.ingest._exchange.klines(symbol, "1m", opened, 1)
    return tuple(float(value) for value in row[:5])


def test_history_then_live_without_a_seam():
    async def main():
        async with ingesting("BTCUSDT", "ETHUSDT") as running:
            await running.more_bars("ETHUSDT", 5)
            for symbol in ("BTCUSDT", "ETHUSDT"):
                bars, ledger, letters = running.records.checked(symbol)
                origins = Counter(bar.origin for bar in bars)
                assert holds_every_bar(bars)
                assert (without_repairs(ledger), letters) == ([], [])
                assert origins["backfill"] >= HISTORY_BARS
                assert all(bar.mark_price and bar.funding_rate is not None for bar in bars)
                mark_price = bars[-1].mark_price
                assert mark_price is not None
                assert abs(mark_price / bars[-1].close - 1) < 0.01
            (ready,) = running.records.of(HistoryReady)
            assert ready.symbols == ("BTCUSDT", "ETHUSDT")
            assert ready.to_ms - ready.from_ms == HISTORY_BARS * MINUTE_MS
            ticks = [tick.event_time_ms for tick in running.records.of(ClockTick)]
            assert ticks == sorted(ticks)
            done = [s.done for s in running.records.of(WorkerStatus) if s.done is not None]
            assert done[-1] == 1.0
            assert running.records.letters == []
            assert running.simulator.venue.refused_writes == 0

    asyncio.run(main())


def test_restart_goes_on_after_the_last_bar_of_the_topic():
    async def main():
        last = EPOCH_MS + (HISTORY_BARS + 100) * MINUTE_MS
        async with ingesting("BTCUSDT", closes={"BTCUSDT": last}) as running:
            bars, ledger, _ = running.records.checked("BTCUSDT")
            assert bars[0].open_time_ms == last
            assert holds_every_bar(bars)
            assert without_repairs(ledger) == []

    asyncio.run(main())


def test_settlement_is_joined_to_bars_that_close_after_it():
    async def main():
        stamp = EPOCH_MS + 4 * 480 * MINUTE_MS
        async with ingesting("BTCUSDT", minutes=4 * 480 - 8) as running:
            await running.until(
                lambda: running.records.raw("BTCUSDT")[-1].open_time_ms > stamp + 12 * MINUTE_MS
            )
            bars = running.records.raw("BTCUSDT")
            at = {bar.event_time_ms: bar.funding_time_ms for bar in bars}
            assert at[stamp] == stamp - 480 * MINUTE_MS
            assert at[stamp + 10 * MINUTE_MS] == stamp
            joined = [bar.funding_time_ms or 0 for bar in bars]
            assert joined == sorted(joined)
            rates = {bar.funding_time_ms: bar.funding_rate for bar in bars}
            rows = await running.ingest._exchange.funding_rates("BTCUSDT", stamp)
            assert rates[stamp] == float(rows[0]["fundingRate"])

    asyncio.run(main())


def test_bar_that_the_stream_lost_is_repaired_in_its_place():
    async def main():
        async with ingesting("BTCUSDT") as running:
            lost = running.next_open_ms()
            running.fault(kind="gap", stream="kline", from_ms=lost, until_ms=lost + 2 * MINUTE_MS)
            await running.more_bars("BTCUSDT", 8)
            bars, ledger, _ = running.records.checked("BTCUSDT")
            assert holds_every_bar(bars)
            assert {bar.open_time_ms for bar in bars if bar.origin == "repair"} >= {lost}
            assert set(ledger) == {("repaired", 1)}
            assert values(bars, lost) == [await truth(running, "BTCUSDT", lost)]

    asyncio.run(main())


def test_hole_that_stays_is_counted_and_nothing_waits_for_ever():
    async def main():
        async with ingesting("BTCUSDT") as running:
            lost = running.next_open_ms()
            running.fault(kind="gap", rest=True, from_ms=lost, until_ms=lost + 2 * MINUTE_MS)
            await running.until(
                lambda: running.records.raw("BTCUSDT")[-1].open_time_ms > lost + 6 * MINUTE_MS
            )
            bars, ledger, _ = running.records.checked("BTCUSDT")
            assert ("gap", 2) in ledger
            assert [b.bars_missing for b in bars if b.bars_missing] == [2]
            assert [b.bars_missing for b in running.records.raw("BTCUSDT") if b.bars_missing] == [2]

    asyncio.run(main())


def test_bar_sent_twice_is_published_twice_and_booked_as_duplicate():
    async def main():
        async with ingesting("BTCUSDT") as running:
            running.fault(kind="duplicate", stream="kline", final_only=True, count=2)
            await running.more_bars("BTCUSDT", 8)
            bars, ledger, _ = running.records.checked("BTCUSDT")
            assert holds_every_bar(bars)
            assert set(without_repairs(ledger)) == {("duplicate", 1)}

    asyncio.run(main())


def test_late_bar_is_repaired_first_and_its_late_frame_changes_nothing():
    async def main():
        async with ingesting("BTCUSDT") as running:
            late = running.next_open_ms()
            running.fault(
                kind="late",
                stream="kline",
                from_ms=late,
                until_ms=late + MINUTE_MS,
                delay_ms=4 * MINUTE_MS,
            )
            await running.more_bars("BTCUSDT", 10)
            bars, ledger, _ = running.records.checked("BTCUSDT")
            assert holds_every_bar(bars)
            assert set(ledger) == {("repaired", 1)}

    asyncio.run(main())


def test_bars_out_of_order_leave_in_order():
    async def main():
        async with ingesting("BTCUSDT") as running:
            running.fault(kind="out_of_order", stream="kline", final_only=True, count=1)
            await running.more_bars("BTCUSDT", 10)
            bars, ledger, _ = running.records.checked("BTCUSDT")
            assert holds_every_bar(bars)
            assert {kind for kind, _ in ledger} <= {"repaired"}

    asyncio.run(main())


def test_corrected_bar_is_a_new_revision_with_the_venues_last_word():
    async def main():
        async with ingesting("BTCUSDT") as running:
            wrong = running.next_open_ms(2)
            running.fault(kind="correction", from_ms=wrong, until_ms=wrong + MINUTE_MS)
            await running.until(lambda: any(b.revision for b in running.records.raw("BTCUSDT")))
            await running.more_bars("BTCUSDT", 4)
            raw = [b for b in running.records.raw("BTCUSDT") if b.open_time_ms == wrong]
            assert [b.revision for b in raw] == [0, 1]
            assert values(raw, wrong)[-1] == await truth(running, "BTCUSDT", wrong)
            bars, ledger, _ = running.records.checked("BTCUSDT")
            assert holds_every_bar(bars)
            assert ("correction", 1) in ledger

    asyncio.run(main())


def test_bar_that_contradicts_its_trades_is_held_against_rest():
    async def main():
        async with ingesting("BTCUSDT") as running:
            wrong = running.next_open_ms(3)
            running.fault(
                kind="correction",
                from_ms=wrong,
                until_ms=wrong + MINUTE_MS,
                delay_ms=600 * MINUTE_MS,
            )
            await running.until(lambda: bool(running.records.of(LedgerEntry)))
            (entry,) = running.records.of(LedgerEntry)
            assert (entry.kind, entry.from_ms) == ("volume_mismatch", wrong)
            assert entry.note.endswith("REST corrects the kline")
            raw = [b for b in running.records.raw("BTCUSDT") if b.open_time_ms == wrong]
            assert [(b.revision, b.origin) for b in raw] == [(0, "stream"), (1, "repair")]

    asyncio.run(main())


def test_frozen_feed_is_served_from_rest_until_it_thaws():
    async def main():
        async with ingesting("BTCUSDT", "ETHUSDT") as running:
            frozen = running.next_open_ms()
            running.fault(
                kind="frozen", symbol="BTCUSDT", from_ms=frozen, until_ms=frozen + 8 * MINUTE_MS
            )
            await running.more_bars("BTCUSDT", 14)
            bars, ledger, _ = running.records.checked("BTCUSDT")
            assert holds_every_bar(bars)
            assert set(ledger) == {("repaired", 1)}
            assert bars[-1].origin == "stream"
            _, other, _ = running.records.checked("ETHUSDT")
            assert without_repairs(other) == []

    asyncio.run(main())


def test_silent_connection_is_given_up_and_booked_as_a_stall():
    async def main():
        async with ingesting("BTCUSDT") as running:
            running.fault(kind="frozen", until_ms=running.next_open_ms(14))
            await running.until(
                lambda: any(e.kind == "stall" for e in running.records.of(LedgerEntry))
            )
            await running.until(lambda: running.records.raw("BTCUSDT")[-1].origin == "stream")
            bars, _, _ = running.records.checked("BTCUSDT")
            assert holds_every_bar(bars)

    asyncio.run(main())


@pytest.mark.parametrize("abrupt", [False, True])
def test_disconnect_is_survived_without_a_lost_bar_and_told_in_one_line(abrupt, log_lines):
    async def main():
        async with ingesting("BTCUSDT", "ETHUSDT") as running:
            until_ms = running.next_open_ms(5)
            running.fault(kind="disconnect", abrupt=abrupt, until_ms=until_ms)
            await running.until(
                lambda: all(
                    running.records.raw(s)[-1].origin == "stream"
                    and running.records.raw(s)[-1].open_time_ms > until_ms + 3 * MINUTE_MS
                    for s in ("BTCUSDT", "ETHUSDT")
                )
            )
            for symbol in ("BTCUSDT", "ETHUSDT"):
                bars, ledger, _ = running.records.checked(symbol)
                assert holds_every_bar(bars)
                assert {kind for kind, _ in ledger} <= {"repaired"}

    asyncio.run(main())

    [line] = log_lines()
    assert (line["event"], line["level"]) == ("stream.lost", "warning")
    assert line["source"].startswith("simulated")
    assert line["reason"]
    assert line["remedy"]


def test_data_that_stays_away_is_stale_once_and_fresh_once(log_lines):
    async def main():
        async with ingesting("BTCUSDT", "ETHUSDT") as running:
            running.fault(kind="gap", symbol="BTCUSDT", rest=True)
            running.fault(kind="frozen", symbol="BTCUSDT")
            await running.until(lambda: "data.stale" in events(log_lines))
            running.simulator.venue.faults.clear()
            await running.until(lambda: "data.fresh" in events(log_lines))
            await running.more_bars("BTCUSDT", 8)

    asyncio.run(main())

    assert events(log_lines) == ["data.stale", "data.fresh"]


def events(log_lines):
    return [line["event"] for line in log_lines("info") if line["event"].startswith("data.")]


@pytest.mark.parametrize("status", [429, 418])
def test_repair_waits_as_the_venue_asks_and_holds_nobody_else_up(status):
    async def main():
        async with ingesting("BTCUSDT", "ETHUSDT") as running:
            lost = running.next_open_ms()
            running.fault(
                kind="gap",
                symbol="BTCUSDT",
                stream="kline",
                from_ms=lost,
                until_ms=lost + MINUTE_MS,
            )
            running.fault(
                kind="http_error", status=status, retry_after_s=1, count=1, path="/fapi/v1/klines"
            )
            await running.more_bars("ETHUSDT", 4)
            await running.until(
                lambda: running.records.raw("BTCUSDT")[-1].open_time_ms > lost + 4 * MINUTE_MS
            )
            bars, _, _ = running.records.checked("BTCUSDT")
            assert holds_every_bar(bars)
            assert holds_every_bar(running.records.checked("ETHUSDT")[0])

    asyncio.run(main())


def test_rest_away_leaves_the_bar_that_trades_make():
    async def main():
        async with ingesting("BTCUSDT") as running:
            lost = running.next_open_ms(2)
            running.fault(kind="http_error", status=503, path="/fapi/v1/klines")
            running.fault(kind="gap", stream="kline", from_ms=lost, until_ms=lost + MINUTE_MS)
            await running.until(
                lambda: any(b.open_time_ms > lost for b in running.records.raw("BTCUSDT"))
            )
            bars, _, _ = running.records.checked("BTCUSDT")
            rebuilt = [bar for bar in bars if bar.open_time_ms == lost]
            assert [bar.origin for bar in rebuilt] == ["trades"]
            expected = await truth(running, "BTCUSDT", lost)
            assert values(bars, lost)[0] == pytest.approx(expected, rel=1e-9)

    asyncio.run(main())


@pytest.mark.parametrize("form", ["truncated", "nulls"])
def test_malformed_frame_becomes_a_dead_letter_and_its_bar_is_repaired(form):
    async def main():
        async with ingesting("BTCUSDT") as running:
            running.fault(kind="malformed", form=form, stream="kline", final_only=True, count=2)
            await running.more_bars("BTCUSDT", 10)
            letters = running.records.letters
            assert len(letters) == 2
            assert {letter.topic for letter in letters} == {"market.bars.raw.v1"}
            assert all(letter.kind == "undecodable" and letter.cause for letter in letters)
            assert holds_every_bar(running.records.checked("BTCUSDT")[0])

    asyncio.run(main())


@pytest.mark.parametrize("skew_ms", [-30_000, 45_000])
def test_skewed_venue_clock_loses_no_bar(skew_ms):
    async def main():
        async with ingesting("BTCUSDT") as running:
            running.fault(kind="clock_skew", skew_ms=skew_ms)
            await running.more_bars("BTCUSDT", 12)
            bars, _, letters = running.records.checked("BTCUSDT")
            assert holds_every_bar(bars)
            assert letters == []
            ticks = [tick.event_time_ms for tick in running.records.of(ClockTick)]
            assert ticks == sorted(ticks)

    asyncio.run(main())


@pytest.mark.parametrize("skew_ms", [3_600_000, 10 * 365 * 86_400_000])
def test_a_venue_clock_that_is_ahead_makes_no_unfinished_bar_final(skew_ms):
    async def main():
        async with ingesting("BTCUSDT", start=False) as running:
            until_ms = running.simulator.venue.clock.now_ms() + 4 * MINUTE_MS
            running.fault(kind="clock_skew", skew_ms=skew_ms, until_ms=until_ms)
            await running.until(lambda: len(running.records.raw("BTCUSDT")) >= HISTORY_BARS)
            running.fault(kind="clock_skew", skew_ms=skew_ms)  # and again while it is live
            await running.more_bars("BTCUSDT", 12)
            bars, kinds, letters = running.records.checked("BTCUSDT")
            assert holds_every_bar(bars)
            assert (kinds, letters) == ([], [])
            newest_ms = max(tick.event_time_ms for tick in running.records.of(ClockTick))
            assert newest_ms <= running.simulator.venue.clock.now_ms() + 2 * MINUTE_MS

    asyncio.run(main())


@pytest.mark.parametrize("form", ["truncated", "nulls"])
def test_a_malformed_time_of_the_venue_is_asked_for_again(form):
    async def main():
        async with ingesting("BTCUSDT", start=False) as running:
            running.fault(kind="malformed", form=form, rest=True, path="/fapi/v1/time", count=2)
            await running.more_bars("BTCUSDT", HISTORY_BARS)
            assert holds_every_bar(running.records.checked("BTCUSDT")[0])

    asyncio.run(main())


def test_bar_from_the_far_future_is_a_dead_letter_and_moves_nothing():
    async def main():
        async with ingesting("BTCUSDT") as running:
            far = 4_102_444_800_000
            kline = {
                "t": far,
                "T": far + MINUTE_MS - 1,
                "s": "BTCUSDT",
                "i": "1m",
                "x": True,
                "n": 1,
            }
            numbers = dict.fromkeys(("o", "h", "l", "c", "v", "q", "V", "Q"), "1.0")
            frame = {"e": "kline", "E": far + MINUTE_MS, "s": "BTCUSDT", "k": kline | numbers}
            running.simulator.venue.hub.publish("btcusdt@kline_1m", json.dumps(frame))
            await running.more_bars("BTCUSDT", 4)
            (letter,) = running.records.letters
            assert letter.cause.startswith(f"bar closes at {far + MINUTE_MS}, market time is")
            assert holds_every_bar(running.records.checked("BTCUSDT")[0])
            assert running.ingest.clock.now_ms() < far

    asyncio.run(main())


def test_malformed_page_of_history_is_asked_for_again():
    async def main():
        async with ingesting("BTCUSDT", start=False) as running:
            running.fault(
                kind="malformed", form="nulls", rest=True, path="/fapi/v1/klines", count=1
            )
            await running.until(lambda: bool(running.records.of(HistoryReady)))
            bars, ledger, _ = running.records.checked("BTCUSDT")
            assert holds_every_bar(bars)
            assert without_repairs(ledger) == []

    asyncio.run(main())
