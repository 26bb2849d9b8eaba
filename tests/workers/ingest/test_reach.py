"""A venue that does not answer: ingest says so, waits, and goes on when it answers."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from schemas.market import HistoryReady
from schemas.status import WorkerStatus
from tests.fakes.ingest_run import PublishedRecords, ingesting
from workers.ingest.outbox import Outbox
from workers.ingest.resume import MarketPast
from workers.ingest.status import VenueStatus
from workers.ingest.venue_ingest import VenueIngest, connected_venue
from workers.settings import Settings
from workers.venue import exchange as exchanges
from workers.venue import reach as reaches
from workers.venue.exchange import VenueAccess
from workers.venue.reach import Reach

WAIT_S = 30.0
STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outages are told at once, and a venue that hangs is given up after a moment."""
    monkeypatch.setattr(reaches, "TOLD_AFTER_MS", 0)
    monkeypatch.setattr(exchanges, "REQUEST_TIMEOUT_MS", 300)


@contextlib.contextmanager
def refusing() -> Iterator[str]:
    """Yield the address of a port where nobody listens, for as long as it stays so."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@contextlib.contextmanager
def unknown() -> Iterator[str]:
    """Yield an address whose name does not resolve, on any network (RFC 2606)."""
    yield "http://venue.invalid"


@contextlib.contextmanager
def hanging() -> Iterator[str]:
    """Yield the address of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextlib.asynccontextmanager
async def starting(access: VenueAccess) -> AsyncIterator[Statuses]:
    """Start ingest on a venue; yield the statuses that it publishes."""
    records = PublishedRecords()
    outbox = Outbox(records)
    status = VenueStatus(outbox, Reach("binanceusdm"))

    async def run() -> None:
        status.say("starting", "connecting to binanceusdm")
        async with connected_venue(access, status.reach) as exchange:
            settings = Settings(universe="BTCUSDT", timeframes=("1m",))
            await VenueIngest(settings, exchange, outbox, status).run(MarketPast())

    tasks = [asyncio.ensure_future(work) for work in (outbox.run(), status.follow(), run())]
    try:
        yield Statuses(records, tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass
class Statuses:
    """The statuses of a running ingest."""

    records: PublishedRecords
    tasks: Sequence[asyncio.Future[None]]

    async def degraded(self, text: str) -> WorkerStatus:
        """Return the first degraded status whose detail matches a pattern."""
        async with asyncio.timeout(WAIT_S):
            while True:
                assert not any(task.done() for task in self.tasks)
                for status in self.records.of(WorkerStatus):
                    if status.state == "degraded" and re.search(text, status.detail):
                        return status
                await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("venue", "reason"),
    [
        (refusing, "Connect call failed"),
        (unknown, r"venue\.invalid"),
        (hanging, r"no answer within 0\.3 s"),
    ],
)
@pytest.mark.parametrize("key", [None, "reader"])
def test_a_venue_that_does_not_answer_is_said_with_since_when_why_and_until_when(
    venue, reason, key, log_lines
):
    async def main(url: str) -> None:
        async with starting(VenueAccess("binanceusdm", url, key, key)) as statuses:
            first = await statuses.degraded(rf"{reason}.*; it is asked again at")
            since = re.search(rf"binanceusdm has not answered since ({STAMP}) UTC", first.detail)
            assert since is not None
            later = await statuses.degraded(rf"since {since[1]} UTC .* again (now|at)")
            begun = datetime.strptime(since[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
            assert abs(later.event_time_ms / 1000.0 - begun.timestamp()) < WAIT_S
            assert url in first.detail

    with venue() as url:
        asyncio.run(main(url))

    [line] = log_lines("info")
    assert (line["event"], line["level"]) == ("venue.unreachable", "warning")
    assert re.search(reason, line["reason"])
    assert line["remedy"]


def test_ingest_waits_for_its_venue_and_begins_when_it_answers():
    async def main() -> None:
        async with ingesting("BTCUSDT", start=False) as running:
            running.fault(kind="http_error", status=503, count=3)
            statuses = running.records.of
            await running.until(lambda: any(s.state == "degraded" for s in statuses(WorkerStatus)))
            await running.until(lambda: bool(running.records.of(HistoryReady)))
            await running.until(lambda: statuses(WorkerStatus)[-1].state == "running")
            told = next(s for s in statuses(WorkerStatus) if s.state == "degraded")
            assert "simulated has not answered since" in told.detail
            assert "An unknown error occurred" in told.detail

    asyncio.run(main())


def test_a_live_venue_that_goes_away_is_said_and_so_is_its_return(monkeypatch, log_lines):
    monkeypatch.setattr("workers.ingest.market_clock.SYNCHRONISE_S", 0.2)

    async def main() -> None:
        async with ingesting("BTCUSDT") as running:
            running.fault(kind="http_error", status=503)
            newest = lambda: running.records.of(WorkerStatus)[-1]  # noqa: E731 - read twice
            await running.until(lambda: newest().state == "degraded")
            assert "simulated has not answered since" in newest().detail
            running.simulator.venue.faults.clear()
            await running.until(lambda: newest().state == "running")

    asyncio.run(main())

    told = [line["event"] for line in log_lines("info") if line["event"].startswith("venue.")]
    assert told == ["venue.connected", "venue.unreachable", "venue.reached"]


def test_the_oldest_of_several_unanswered_requests_tells_since_when(monkeypatch):
    now = [1_000_000]
    monkeypatch.setattr(reaches, "wall_ms", lambda: now[0])
    reach = Reach("binanceusdm")
    reach.failed("time", "refused", 5.0)
    now[0] += 10_000
    reach.failed("klines", "timed out", 1.0)

    assert reach.outage() == (
        "binanceusdm has not answered since 1970-01-01 00:16:40 UTC (refused); it is asked again "
        "now"
    )
    reach.settled("time")
    assert "since 1970-01-01 00:16:50 UTC (timed out); it is asked again at" in reach.outage()
    reach.settled("klines")
    assert reach.outage() == ""


def test_a_request_that_is_answered_at_the_second_try_is_no_outage(monkeypatch):
    monkeypatch.setattr(reaches, "TOLD_AFTER_MS", 2_000)
    reach = Reach("binanceusdm")

    reach.failed("time", "refused", 0.2)

    assert reach.outage() == ""


def test_a_venue_that_starts_beside_us_may_load_before_its_first_answer_and_not_after_it(
    monkeypatch,
):
    now = [0]
    monkeypatch.setattr(reaches, "wall_ms", lambda: now[0])
    reach = Reach("simulated", reaches.LOADS_FOR_MS)

    reach.failed("time", "refused", 0.2)
    now[0] = reaches.LOADS_FOR_MS - 1
    loading = reach.outage()
    now[0] += 1
    late = reach.outage()
    reach.settled("time")
    reach.failed("time", "refused", 0.2)
    now[0] += 2_000
    outage = reach.outage()

    assert loading == ""
    assert "simulated has not answered since" in late
    assert "simulated has not answered since" in outage


def test_a_connection_without_a_key_asks_nothing_and_is_no_answer_of_a_venue_that_loads():
    reach = Reach("simulated", reaches.LOADS_FOR_MS)

    async def main() -> None:
        async with connected_venue(VenueAccess("simulated", "http://venue.invalid"), reach):
            reach.failed("time", "refused", 0.2)
            assert reach.outage() == ""

    asyncio.run(main())
