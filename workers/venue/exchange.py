"""The exchange, read-only: the one module that imports ccxt.

Four layers keep orders out:

1. No key is needed, and a key that may do more than read is refused.
2. A request that is not a GET is refused before it is signed, and again before it is sent.
3. The socket that takes orders has no address.
4. Callers get this façade, never the ccxt client.

Errors::

    ExchangeError
    ├── VenueUnavailable    try again, not before ``retry_after_s``
    └── VenueRefused        trying again cannot help
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from schemas.symbols import unified
from schemas.timeframes import MINUTE_MS
from workers.settings import Settings
from workers.venue.one_venue import one_venue

with one_venue():
    import ccxt
    import ccxt.pro

KEEP_ALIVE_MS = 10_000  # ccxt's default notices a dead peer after nine minutes
REQUEST_TIMEOUT_MS = 10_000
WEIGHT_PER_MINUTE = 2_000  # of the venue's 2,400
BAN_WAIT_S = 30.0  # after a 418 that names no time
HOPELESS = (ccxt.AuthenticationError, ccxt.BadRequest, ccxt.ArgumentsRequired, ccxt.NotSupported)
PARAMETER_ERROR = '"code":-11'  # codes -1100 to -1199: the request is wrong
RIGHT_PREFIXES = ("enable", "permits")  # fields that name a right of a key
EARLIEST_MS, LATEST_MS = 31_536_000_000, 7_258_118_399_999  # 1971-01-01 to the end of 2199
HARMLESS_RIGHTS = frozenset({"enableReading"})


class ExchangeError(Exception):
    """The venue did not answer a request."""


class VenueUnavailable(ExchangeError):
    """The venue cannot answer now."""

    def __init__(self, reason: str, retry_after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class VenueRefused(ExchangeError):
    """The venue or one of our guards refuses the request."""


class FrameListener(Protocol):
    """Receives the raw frames of the streams."""

    def take(self, frame: dict[str, Any]) -> None:
        """Take one market event."""

    def refuse(self, raw: str | bytes, error: Exception) -> None:
        """Take a frame that could not be read, and the reason."""


@dataclass(frozen=True)
class VenueAccess:
    """Address of a venue, and the key to check, if one is set.

    Attributes:
        venue: Name for the records, e.g. ``binanceusdm``.
        base_url: REST root of a simulated venue; None for the real one.
        api_key, api_secret: Proved to be unable to trade; who reads an account keeps them.
    """

    venue: str
    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    api_secret: str | None = field(default=None, repr=False)

    @classmethod
    def from_settings(cls, settings: Settings) -> VenueAccess:
        """Return the settings' venue; raises ``VenueRefused`` without a simulator's address."""
        simulated = settings.exchange == "simulated"
        if simulated and settings.simulator_url is None:
            raise VenueRefused(
                "no simulated exchange: set REGIMEFLOW_SIMULATOR_URL, or use `regimeflow run`"
            )
        key, secret = settings.binance_api_key, settings.binance_api_secret
        return cls(
            "simulated" if simulated else "binanceusdm",
            settings.simulator_url if simulated else None,
            key.get_secret_value() if key else None,
            secret.get_secret_value() if secret else None,
        )


class _ReadOnlyBinance(ccxt.pro.binanceusdm):
    """ccxt's client without any way to write; raw frames go to ``frames``."""

    frames: FrameListener | None = None

    def sign(
        self, path: Any, api: Any = "public", method: Any = "GET", *args: Any, **kwargs: Any
    ) -> Any:
        _require_get(method, path)
        return super().sign(path, api, method, *args, **kwargs)

    async def fetch(self, url: Any, method: Any = "GET", *args: Any, **kwargs: Any) -> Any:
        _require_get(method, url)
        return await super().fetch(url, method, *args, **kwargs)

    def client(self, url: Any) -> Any:
        known = url in (self.clients or {})
        client = super().client(url)
        if not known:
            client.handle_message = _with_guard(client.handle_message, self)
        return client

    def handle_message(self, client: Any, message: Any) -> None:
        """Pass market events to ``frames`` unparsed; ccxt gets acknowledgements and errors only."""
        inner = message.get("data", message) if isinstance(message, dict) else message
        for event in inner if isinstance(inner, list) else (inner,):
            if isinstance(event, dict) and "e" in event and self.frames is not None:
                self.frames.take(event)
            elif isinstance(event, dict) and ("id" in event or "error" in event):
                super().handle_message(client, event)
            else:
                raise ValueError(f"frame {str(event)[:80]!r} is no market event")


def _require_get(method: Any, target: Any) -> None:
    if method != "GET":
        raise VenueRefused(f"{method} {target}: this system only reads, expected GET")


def _with_guard(handle: Callable[[Any], None], exchange: _ReadOnlyBinance) -> Callable[[Any], None]:
    """Wrap a socket's handler, so that one bad frame does not end the connection."""

    def guarded(message: Any) -> None:
        try:
            handle(message)
        except Exception as error:  # an exception here would end ccxt's receive loop
            if exchange.frames is None:
                raise
            raw = message.data if isinstance(message.data, str | bytes) else repr(message.data)
            exchange.frames.refuse(raw, error)

    return guarded


class Exchange:
    """Every request that this system may send to a venue; made by ``connected``."""

    def __init__(self, client: Any, access: VenueAccess) -> None:
        self._client = client
        self._not_before_s = 0.0
        self.source = f"{access.venue}/ccxt-{ccxt.__version__}"

    async def server_time_ms(self) -> int:
        """Return what the venue's clock shows, UTC epoch milliseconds."""
        body = await self._ask(self._client.fapiPublicGetTime)
        shown = body.get("serverTime") if isinstance(body, dict) else None
        return _epoch_ms(shown, f"time {str(body)[:80]!r}")

    async def newest_open_ms(self, symbol: str) -> int | None:
        """Return when the newest minute bar opened; None for a symbol without bars."""
        query = {"symbol": symbol, "interval": "1m", "limit": 2}  # the newest may be empty yet
        rows = _rows(await self._ask(self._client.fapiPublicGetKlines, query))
        if not rows:
            return None
        opened = rows[-1][0] if isinstance(rows[-1], list) and rows[-1] else None
        return _epoch_ms(opened, f"bar {str(rows[-1])[:80]!r}")

    async def klines(self, symbol: str, interval: str, start_ms: int, limit: int) -> list[Any]:
        """Return up to ``limit`` raw klines that open at ``start_ms`` or later, oldest first."""
        query = {"symbol": symbol, "interval": interval, "startTime": start_ms, "limit": limit}
        return _rows(await self._ask(self._client.fapiPublicGetKlines, query))

    async def mark_klines(self, symbol: str, interval: str, start_ms: int, limit: int) -> list[Any]:
        """Return up to ``limit`` raw mark price klines from ``start_ms`` on, oldest first."""
        query = {"symbol": symbol, "interval": interval, "startTime": start_ms, "limit": limit}
        return _rows(await self._ask(self._client.fapiPublicGetMarkPriceKlines, query))

    async def funding_rates(self, symbol: str, start_ms: int, limit: int = 1000) -> list[Any]:
        """Return up to ``limit`` raw settlements from ``start_ms`` on, oldest first."""
        query = {"symbol": symbol, "startTime": start_ms, "limit": limit}
        return _rows(await self._ask(self._client.fapiPublicGetFundingRate, query))

    async def listed(self) -> list[Any]:
        """Return the raw exchangeInfo row of every contract, traded now or not."""
        body = await self._ask(self._client.fapiPublicGetExchangeInfo)
        return _rows(body.get("symbols") if isinstance(body, dict) else None)

    async def watch(self, symbols: tuple[str, ...], interval: str, frames: FrameListener) -> None:
        """Pass klines, trades and mark prices to ``frames`` until the connection is lost.

        Raises:
            VenueUnavailable: Always, in the end. The venue does not repeat what was missed.
        """
        names = [unified(symbol) for symbol in symbols]
        self._client.frames = frames
        self._client.ws_dial_backoff = {}  # ccxt's would add up to 30 s to the caller's own
        watches = [
            asyncio.ensure_future(watch)
            for watch in (
                self._client.watch_ohlcv_for_symbols([[name, interval] for name in names]),
                self._client.watch_trades_for_symbols(names, params={"name": "aggTrade"}),
                self._client.watch_mark_prices(names),
            )
        ]
        try:
            done, _ = await asyncio.wait(watches, return_when=asyncio.FIRST_COMPLETED)
            error = next((task.exception() for task in done if not task.cancelled()), None)
            raise VenueUnavailable(f"stream lost: {error or 'closed'}")
        finally:
            self._client.frames = _Discard()
            for task in watches:
                task.cancel()
            await asyncio.gather(*watches, return_exceptions=True)
            with contextlib.suppress(ccxt.BaseError):
                await self._client.close_ws_clients()

    async def require_harmless_key(self) -> None:
        """Check that the key may only read.

        Raises:
            VenueRefused: The key has another right, or does not name its rights.
        """
        await self._ask(self._client.load_time_difference)
        rights = await self._ask(self._client.sapiGetAccountApiRestrictions)
        if not isinstance(rights, dict) or "enableReading" not in rights:
            raise VenueRefused("the API key does not tell its rights; run without a key")
        allowed = sorted(
            name
            for name, value in rights.items()
            if name.startswith(RIGHT_PREFIXES)
            and name not in HARMLESS_RIGHTS
            and value is not False
        )
        if allowed:
            raise VenueRefused(
                f"the API key may do more than read ({', '.join(allowed)}); this system only "
                "analyses: use a key that may only read, or none (none is needed)"
            )

    def forget_key(self) -> None:
        """Ask for public data alone from now on."""
        self._client.apiKey = self._client.secret = None

    async def _ask(self, call: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
        wait_s = self._not_before_s - time.monotonic()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        try:
            return await call(*arguments)
        except ccxt.DDoSProtection as error:
            retry_after_s = self._retry_after_s()
            self._not_before_s = max(self._not_before_s, time.monotonic() + retry_after_s)
            raise VenueUnavailable(str(error), retry_after_s) from error
        except (ccxt.NetworkError, ccxt.OperationFailed) as error:
            raise VenueUnavailable(_with_cause(error)) from error
        except ccxt.BaseError as error:
            if isinstance(error, HOPELESS) or PARAMETER_ERROR in str(error):
                raise VenueRefused(str(error)) from error
            # A truncated body is one of ccxt's ExchangeErrors too.
            raise VenueUnavailable(str(error)) from error

    def _retry_after_s(self) -> float:
        headers = self._client.last_response_headers or {}
        header = next((v for k, v in headers.items() if k.lower() == "retry-after"), None)
        try:
            return max(0.0, float(header))  # type: ignore[arg-type]  # None lands in the except
        except (TypeError, ValueError):
            return BAN_WAIT_S if self._client.last_http_response is None else 1.0


class AccountExchange(Exchange):
    """An exchange that may be asked about the account of its key too."""

    async def account(self) -> dict[str, Any]:
        """Return the raw totals and assets of the account."""
        body = await self._ask(self._client.fapiPrivateV3GetAccount)
        if not isinstance(body, dict):
            raise VenueUnavailable(f"account {str(body)[:80]!r}, expected an object")
        return body

    async def positions(self) -> list[Any]:
        """Return the raw positions, those that are open."""
        return _rows(await self._ask(self._client.fapiPrivateV3GetPositionRisk))

    async def income(self, start_ms: int, limit: int = 1000) -> list[Any]:
        """Return up to ``limit`` raw bookings from ``start_ms`` on, oldest first."""
        query = {"startTime": start_ms, "limit": limit}
        return _rows(await self._ask(self._client.fapiPrivateGetIncome, query))


class _Discard:
    """Discards frames that arrive while the connection is being closed."""

    def take(self, frame: dict[str, Any]) -> None:
        """Drop the frame; its bar is fetched over REST."""

    def refuse(self, raw: str | bytes, error: Exception) -> None:
        """Drop the frame."""


@contextlib.asynccontextmanager
async def connected(access: VenueAccess) -> AsyncIterator[Exchange]:
    """Yield an exchange; a key, if there is one, has been checked and is forgotten.

    Raises:
        VenueRefused: The key may do more than read.
        VenueUnavailable: The venue does not answer.
    """
    async with _read_only_client(access) as client:
        exchange = Exchange(client, access)
        if access.api_key is not None:
            try:
                await exchange.require_harmless_key()
            finally:
                exchange.forget_key()
        yield exchange


@contextlib.asynccontextmanager
async def connected_account(access: VenueAccess) -> AsyncIterator[AccountExchange]:
    """Yield an exchange that keeps its key; nothing has been asked yet, not even its rights."""
    async with _read_only_client(access) as client:
        yield AccountExchange(client, access)


@contextlib.asynccontextmanager
async def _read_only_client(access: VenueAccess) -> AsyncIterator[_ReadOnlyBinance]:
    client = _ReadOnlyBinance(
        {
            "enableRateLimit": True,
            "rateLimit": MINUTE_MS / WEIGHT_PER_MINUTE,
            "rateLimiterAlgorithm": "rollingWindow",
            "timeout": REQUEST_TIMEOUT_MS,
            "apiKey": access.api_key,
            "secret": access.api_secret,
            "options": {"fetchMarkets": {"types": ["linear"]}, "fetchCurrencies": False},
        }
    )
    client.streaming = {**client.streaming, "keepAlive": KEEP_ALIVE_MS}
    addresses = client.urls["api"]
    if access.base_url is not None:
        addresses = _moved(addresses, access.base_url)
    addresses["ws"]["ws-api"] = {}
    client.urls["api"] = addresses
    try:
        yield client
    finally:
        await client.close()


def _moved(addresses: Any, base_url: str) -> Any:
    """Return ccxt's tree of addresses with scheme and host of ``base_url``."""
    if isinstance(addresses, dict):
        return {name: _moved(address, base_url) for name, address in addresses.items()}
    base, parts = urlsplit(base_url), urlsplit(addresses)
    secure = base.scheme == "https"
    scheme = ("wss" if secure else "ws") if parts.scheme.startswith("ws") else base.scheme
    return urlunsplit((scheme, base.netloc, parts.path, parts.query, ""))


def _with_cause(error: BaseException) -> str:
    """Return what ccxt says and, where that is the request alone, what the network said."""
    said, cause = str(error).removeprefix("binanceusdm "), error.__cause__
    if isinstance(cause, TimeoutError):
        return f"{said}: no answer within {REQUEST_TIMEOUT_MS / 1000:g} s"
    return f"{said}: {cause}" if isinstance(cause, OSError) else said


def _epoch_ms(shown: Any, what: str) -> int:
    text = str(shown)
    if not (text.isascii() and text.isdecimal() and EARLIEST_MS <= int(text[:20]) <= LATEST_MS):
        raise VenueUnavailable(f"{what}, expected epoch milliseconds of the years 1971 to 2199")
    return int(text)


def _rows(body: Any) -> list[Any]:
    if not isinstance(body, list):
        raise VenueUnavailable(f"answer {str(body)[:80]!r}, expected a list")
    return body
