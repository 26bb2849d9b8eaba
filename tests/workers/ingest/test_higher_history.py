"""The past of higher timeframes, whatever a venue answers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from schemas.bounds import LAST_MS
from schemas.market import HistoryReady, RawBar
from schemas.timeframes import HOUR_MS, MINUTE_MS
from tests.fakes.ingest_run import PublishedRecords, ingesting
from workers.ingest import higher_history
from workers.ingest.higher_bars import HigherSeries
from workers.ingest.higher_history import HigherHistory, wait_for_live_s
from workers.ingest.market_clock import MarketClock
from workers.ingest.normalise import PayloadRejected
from workers.ingest.outbox import Outbox
from workers.ingest.rest_history import KlineSeries, RestHistory
from workers.ingest.resume import MarketPast
from workers.ingest.symbol_feed import SymbolFeed, WaitLimits
from workers.venue import retry
from workers.venue.exchange import VenueRefused, VenueUnavailable

NOW_MS = 1_750_000_000_000 // HOUR_MS * HOUR_MS + 10 * MINUTE_MS
BARS = 5


@dataclass
class ScriptedVenue:
    """A venue with an hour's kline since ``listed_ms``; ``failures`` come before the answers."""

    clock: MarketClock
    listed_ms: dict[str, int] = field(default_factory=dict)
    failures: list[Exception] = field(default_factory=list)
    takes_ms: int = 0  # market time until the next answer
    source: str = "scripted"
    unusable: str = ""  # symbol whose pages have no usable row

    async def klines(self, symbol: str, interval: str, start_ms: int, limit: int) -> list[Any]:  # noqa: ARG002
        if self.failures:
            raise self.failures.pop(0)
        if symbol == self.unusable and limit > 1:
            raise PayloadRejected("a page without one usable row")
        self.clock._anchor_ms += self.takes_ms
        self.takes_ms = 0
        first_ms = max(start_ms, self.listed_ms.get(symbol, 0))
        opened = range(-(-first_ms // HOUR_MS) * HOUR_MS, self.clock.now_ms(), HOUR_MS)
        row = ("1", "1", "1", "1", "1")
        return [[o, *row, o + HOUR_MS - 1, "1", 1, "1", "1", "0"] for o in list(opened)[:limit]]

    async def mark_klines(self, *_: object) -> list[Any]:
        return []

    async def funding_rates(self, *_: object) -> list[Any]:
        return []


@dataclass
class HourlyPast:
    """A history of hours on a scripted venue, and what it tells."""

    venue: ScriptedVenue
    history: HigherHistory
    feeds: dict[str, SymbolFeed]
    announced: list[dict[str, int]] = field(default_factory=list)

    @classmethod
    def of(cls, *symbols: str, **venue: Any) -> HourlyPast:
        clock = MarketClock()
        clock._anchor_ms = float(NOW_MS)
        exchange = ScriptedVenue(clock, **venue)
        rest = RestHistory(exchange, lambda *_: None, clock)  # type: ignore[arg-type]
        outbox = Outbox(PublishedRecords())
        limits = WaitLimits.for_bars(MINUTE_MS, 1.0)
        feeds = {
            symbol: SymbolFeed(
                KlineSeries(symbol, "1m", MINUTE_MS), rest, clock, outbox, limits, NOW_MS
            )
            for symbol in symbols
        }
        return cls(exchange, HigherHistory(rest, outbox, BARS), feeds)

    def pass_time(self, ms: int) -> None:
        self.venue.clock._anchor_ms += ms

    async def prepare(self) -> None:
        await self.history.prepare(("1h",), self.feeds, MarketPast())

    async def follow(self) -> None:
        announce = lambda _, ends: self.announced.append(dict(ends))  # noqa: E731
        await self.history.follow(self.feeds, MarketPast(), announce)

    def series(self, symbol: str) -> HigherSeries:
        return self.feeds[symbol].higher[0]

    def closes(self, symbol: str) -> list[int]:
        """Return the closes of the klines that have been published."""
        records = self.history.outbox._waiting
        return [r.event_time_ms for r in records if isinstance(r, RawBar) and r.symbol == symbol]


@given(st.floats(0.05, 900.0), st.floats(0.0, 1.0))
def test_the_past_gives_way_to_live_bars_around_their_close(bar_s, share):
    due_s = share * bar_s

    wait_s = wait_for_live_s(due_s, bar_s)

    left_s = due_s - wait_s if wait_s <= due_s else bar_s - (wait_s - due_s)
    assert 0.0 <= wait_s <= 0.5 * bar_s + 1e-9
    assert left_s >= min(0.1, 0.1 * bar_s) - 1e-9
    assert bar_s - left_s >= min(0.2, 0.4 * bar_s) - 1e-9


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask again at once."""
    monkeypatch.setattr(higher_history, "LONGEST_WAIT_S", 0.0)
    monkeypatch.setattr(higher_history, "RETRY_S", 0.0)
    monkeypatch.setattr(retry, "FIRST_WAIT_S", 0.0)


@pytest.mark.usefixtures("hasty")
def test_a_venue_that_does_not_answer_at_the_start_is_asked_again():
    past = HourlyPast.of("BTCUSDT", failures=[VenueUnavailable("away")] * 2)

    asyncio.run(past.prepare())

    assert past.history.detail == ""
    assert past.series("BTCUSDT").from_ms is None


@pytest.mark.usefixtures("hasty")
def test_a_kline_that_an_outage_kept_back_comes_before_the_bars_that_are_made():
    past = HourlyPast.of("BTCUSDT")
    boundary_ms = NOW_MS // HOUR_MS * HOUR_MS + HOUR_MS

    async def main() -> None:
        await past.prepare()
        series, feed = past.series("BTCUSDT"), past.feeds["BTCUSDT"]
        past.pass_time(boundary_ms - NOW_MS - 1)  # asked just before the kline closes
        past.venue.takes_ms = HOUR_MS * 3 // 4
        await past.history._join(series, feed)

    asyncio.run(main())

    assert past.closes("BTCUSDT")[-1] == boundary_ms
    assert past.series("BTCUSDT").joined


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("refused_at", ["fill", "join"])
def test_a_venue_that_lacks_the_bars_of_one_symbol_ends_no_live_bars(refused_at):
    past = HourlyPast.of("BTCUSDT", "NEWUSDT")

    async def main() -> None:
        await past.prepare()
        series, feed = past.series("NEWUSDT"), past.feeds["NEWUSDT"]
        past.venue.failures = [VenueRefused("-1120 invalid interval")]
        await (past.history._fill if refused_at == "fill" else past.history._join)(series, feed)

    asyncio.run(main())

    assert past.series("NEWUSDT").filled_ms == LAST_MS
    assert past.history.detail == "1h history is short: the venue has no 1h bars"


def test_bars_that_the_venue_lacks_are_logged_once_for_all_symbols():
    past = HourlyPast.of("BTCUSDT", "NEWUSDT")

    async def main() -> None:
        await past.prepare()
        for symbol, feed in past.feeds.items():
            past.venue.failures = [VenueRefused("-1120 invalid interval")]
            await past.history._fill(past.series(symbol), feed)

    with structlog.testing.capture_logs() as said:
        asyncio.run(main())

    assert [line["event"] for line in said] == ["history.short"]


@pytest.mark.usefixtures("hasty")
def test_a_page_without_one_usable_row_is_asked_for_again():
    past = HourlyPast.of("BTCUSDT")

    async def main() -> None:
        await past.prepare()
        past.venue.failures = [VenueUnavailable("a page without one usable row")]
        rest = RestHistory(
            past.venue,  # type: ignore[arg-type]
            lambda *_: None,
            past.venue.clock,
            patience_s=-1.0,
        )
        past.history.history = rest
        await past.history._fill(past.series("BTCUSDT"), past.feeds["BTCUSDT"])

    asyncio.run(main())

    assert len(past.closes("BTCUSDT")) == BARS


@pytest.mark.usefixtures("hasty")
def test_a_page_that_stays_unusable_holds_back_no_other_series():
    past = HourlyPast.of("BTCUSDT", "ETHUSDT", unusable="BTCUSDT")

    async def main() -> None:
        await past.prepare()
        following = asyncio.ensure_future(past.follow())
        async with asyncio.timeout(10.0):
            while len(past.closes("ETHUSDT")) < BARS:  # noqa: ASYNC110 - nobody tells of it
                await asyncio.sleep(0.01)
        assert "1h history of BTCUSDT: a page without one usable row" in past.history.detail
        past.venue.unusable = ""
        async with asyncio.timeout(10.0):
            while not past.announced:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)

    asyncio.run(main())

    assert len(past.closes("BTCUSDT")) == BARS
    assert past.history.detail == ""


def test_a_symbol_that_was_listed_a_moment_ago_holds_back_no_history():
    past = HourlyPast.of("BTCUSDT", "NEWUSDT", listed_ms={"NEWUSDT": NOW_MS})

    async def main() -> None:
        await past.prepare()
        following = asyncio.ensure_future(past.follow())
        async with asyncio.timeout(10.0):
            while not past.announced:  # noqa: ASYNC110 - what is announced tells nobody else
                await asyncio.sleep(0.01)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)

    asyncio.run(main())

    (ends,) = past.announced
    assert ends["BTCUSDT"] == NOW_MS // HOUR_MS * HOUR_MS
    assert ends["NEWUSDT"] < ends["BTCUSDT"]


def test_the_history_that_is_announced_reaches_to_the_newest_close_and_names_who_is_behind():
    async def main() -> None:
        async with ingesting("BTCUSDT", "ETHUSDT") as running:
            end_ms, records = 1_750_000_200_000, running.records
            running.ingest._announce(
                5 * MINUTE_MS, {"BTCUSDT": end_ms, "ETHUSDT": end_ms - HOUR_MS}
            )
            await running.more_bars("BTCUSDT", 1)
            (ready,) = [r for r in records.of(HistoryReady) if r.base_ms == MINUTE_MS]
            assert ready.to_ms == end_ms
            assert ready.closes == {"ETHUSDT": end_ms - HOUR_MS}

    asyncio.run(main())
