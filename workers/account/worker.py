"""Account as a process: what a human holds at the venue, read with a key that may only read.

venue  -->  [account]  -->  portfolio.snapshots.v1

Nothing else needs a key, and a run without one has no such process.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable

import structlog

from schemas.portfolio import AccountSnapshot
from schemas.symbols import QUOTES
from schemas.timeframes import DAY_MS, MINUTE_MS
from streams.runtime.heartbeat import heartbeat
from streams.runtime.publisher import Publisher
from streams.runtime.settings import Fatal, KafkaSettings
from streams.runtime.status import Report, StatusPublisher
from workers.account.payloads import (
    AccountUnreadable,
    Booking,
    account_snapshot,
    close_price,
    day_income,
    read_bookings,
)
from workers.process import fatal, refused
from workers.settings import Settings
from workers.venue.exchange import (
    AccountExchange,
    VenueAccess,
    VenueRefused,
    VenueUnavailable,
    connected_account,
)

EVERY_S = 15.0
LOADS_FOR_S = 20.0  # a simulated venue, which starts beside us
STARTING_EVERY_S = 2.0
PRICE_AGE_MS = 10 * MINUTE_MS  # of an asset at most
REFUSED_WAIT_S = 60.0  # a key that is gone may come back; asking for it sooner helps nobody
NEEDS_A_KEY = (
    "no account to read: set REGIMEFLOW_BINANCE_API_KEY and REGIMEFLOW_BINANCE_API_SECRET of a "
    "key that may only read, and an exchange, for a recording has no account"
)

log = structlog.get_logger()


def run(settings: Settings, kafka: KafkaSettings) -> int:
    """Run until SIGTERM; return the exit code."""
    if not settings.reads_account:
        return refused(NEEDS_A_KEY)
    status = StatusPublisher(kafka, "account")
    publisher = Publisher(kafka, f"account-{kafka.instance}")
    try:
        access = VenueAccess.from_settings(settings)
        asyncio.run(_until_stopped(access, publisher.publish, status.report))
    except VenueRefused as refusal:
        return refused(str(refusal))
    except Fatal as error:
        return fatal(error)
    else:
        status.report("stopping", "")
        return 0
    finally:
        with contextlib.suppress(Fatal):  # said already, or nobody is left to be told
            publisher.flush()
        status.close()


async def _until_stopped(
    access: VenueAccess, publish: Callable[[AccountSnapshot], None], report: Report
) -> None:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None  # noqa: S101 - asyncio.run made it
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    beating = asyncio.ensure_future(heartbeat.beat_with_loop())
    try:
        async with connected_account(access) as exchange:
            await follow_account(AccountReader(exchange, access.venue), publish, report)
    except asyncio.CancelledError:
        return
    finally:
        beating.cancel()


async def follow_account(
    reader: AccountReader,
    publish: Callable[[AccountSnapshot], None],
    report: Report,
    every_s: float = EVERY_S,
) -> None:
    """Publish a snapshot every ``every_s`` seconds until cancelled.

    A venue that is away, and a key that is refused later on, are told by the status alone: what
    was read last grows old, and whoever reads it sees that.

    Raises:
        VenueRefused: At the first look: the key may do more than read, or is none.
    """
    report("starting", "asking the venue for the rights of the key")
    loop = asyncio.get_running_loop()
    answered, loaded_s = False, loop.time() + LOADS_FOR_S
    while True:
        wait_s = every_s
        try:
            snapshot = await reader.read()
        except VenueUnavailable as away:
            loading = not answered and loop.time() < loaded_s
            report("starting" if loading else "degraded", f"the account was not read: {away}")
            wait_s = max(STARTING_EVERY_S if loading else every_s, away.retry_after_s)
        except AccountUnreadable as unreadable:
            report("degraded", f"the account was not understood: {unreadable}")
        except VenueRefused as refusal:
            if not answered:
                raise
            log.error("account.refused", cause=str(refusal), remedy="give a key that may only read")
            report("failed", f"the key is refused: {refusal}")
            wait_s = max(every_s, REFUSED_WAIT_S)
        else:
            answered = True
            publish(snapshot)
            report("running", f"{len(snapshot.positions)} positions at {snapshot.venue}")
        await asyncio.sleep(wait_s)


class AccountReader:
    """Reads an account; remembers the bookings of the day, so that each is asked for once."""

    def __init__(self, exchange: AccountExchange, venue: str) -> None:
        self._exchange, self._venue = exchange, venue
        self._day_ms = 0
        self._bookings: dict[tuple[str, str, str, str], Booking] = {}

    async def read(self) -> AccountSnapshot:
        """Return the account as it is; the rights of its key are checked first.

        Raises: VenueRefused, VenueUnavailable, AccountUnreadable.
        """
        await self._exchange.require_harmless_key()
        now_ms = await self._exchange.server_time_ms()
        day_ms = now_ms // DAY_MS * DAY_MS
        await self._read_bookings(day_ms)
        return account_snapshot(
            self._venue,
            now_ms,
            await self._exchange.account(),
            await self._exchange.positions(),
            day_income(day_ms, self._bookings.values(), await self._prices(now_ms)),
        )

    async def _prices(self, now_ms: int) -> dict[str, float]:
        """Return what an asset that something was booked in costs in dollars, where it has a price.

        What is no dollar is the coin that fees are paid in, which the venue lists too.
        """
        prices = {}
        for asset in {each.asset for each in self._bookings.values()} - set(QUOTES):
            try:
                bars = await self._exchange.klines(
                    f"{asset}USDT", "1m", now_ms - PRICE_AGE_MS, PRICE_AGE_MS // MINUTE_MS + 1
                )
            except VenueRefused:  # it is not listed
                continue
            if (price := close_price(bars)) is not None:
                prices[asset] = price
        return prices

    async def _read_bookings(self, day_ms: int) -> None:
        """Add the bookings that are new; the newest ones come again, as several share a time."""
        if day_ms != self._day_ms:
            self._day_ms, self._bookings = day_ms, {}
        while True:
            newest_ms = max((each.time for each in self._bookings.values()), default=day_ms)
            before = len(self._bookings)
            for each in read_bookings(await self._exchange.income(newest_ms)):
                key = (each.income_type, str(each.tran_id), each.asset, each.symbol)
                self._bookings[key] = each
            if len(self._bookings) == before:
                return
