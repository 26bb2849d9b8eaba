"""The frames that the venue's streams send as simulated time passes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from workers.simulator import kernel
from workers.simulator.candles import Candles, minute_candles
from workers.simulator.market import BAR_MS, SimulatedMarket
from workers.simulator.protocol import payloads
from workers.simulator.protocol.payloads import INTERVAL_BARS, Json, bar_at, open_ms

ALL_MARKS = "!markPrice@arr"


class StreamKind(StrEnum):
    """What a stream carries."""

    TRADE = "aggTrade"
    KLINE = "kline"
    MARK = "markPrice"


@dataclass(frozen=True)
class Stream:
    """One subscribable stream, parsed from the venue's name for it."""

    name: str
    kind: StreamKind
    symbol: str  # empty for all symbols at once
    interval: str = ""  # of a kline
    period_ms: int = 0  # of a mark price


@dataclass(frozen=True)
class Frame:
    """One event for the subscribers of a stream."""

    stream: Stream
    event_ms: int
    payload: Json | list[Json]
    time_ms: int  # that faults are matched by: a kline's open, else the event's time
    final: bool = False  # a kline that has closed


def parse_stream(name: str, symbols: tuple[str, ...]) -> Stream | None:
    """Return the stream of a name such as ``btcusdt@kline_1m``; None where there is none."""
    if name.removesuffix("@1s") == ALL_MARKS:
        return Stream(name, StreamKind.MARK, "", period_ms=1000 if name.endswith("@1s") else 3000)
    prefix, _, rest = name.partition("@")
    symbol = prefix.upper()
    if symbol not in symbols or prefix != prefix.lower():
        return None
    if rest == "aggTrade":
        return Stream(name, StreamKind.TRADE, symbol)
    if rest in ("markPrice", "markPrice@1s"):
        return Stream(
            name, StreamKind.MARK, symbol, period_ms=1000 if rest.endswith("1s") else 3000
        )
    interval = rest.removeprefix("kline_")
    if rest != interval and interval in INTERVAL_BARS:
        return Stream(name, StreamKind.KLINE, symbol, interval=interval)
    return None


class FrameSource:
    """Makes the frames of the subscribed streams as simulated time passes.

    Every trade and every closed bar comes exactly once, in time order. Open bars and mark prices
    come at most once in ``update_ms`` of simulated time, which the caller scales with the speed.
    A mark price also comes with every bar's close.
    """

    def __init__(self, market: SimulatedMarket, start_ms: int) -> None:
        self._market = market
        self._now_ms = start_ms
        self._updated_ms: dict[str, int] = {}

    def advance(self, now_ms: int, streams: list[Stream], update_ms: int) -> Iterator[Frame]:
        """Yield the frames of events after the last call, up to and including ``now_ms``."""
        since_ms, self._now_ms = self._now_ms, max(self._now_ms, now_ms)
        bars = range(bar_at(since_ms), bar_at(self._now_ms) + 1)
        for bar in bars:
            until_ms = min(self._now_ms, open_ms(bar + 1))
            for stream in streams:
                if stream.kind is StreamKind.TRADE:
                    yield from self._trades(stream, bar, since_ms, until_ms)
            if until_ms == open_ms(bar + 1) and since_ms < until_ms:
                for stream in streams:
                    yield from self._closes(stream, until_ms)
        for stream in streams:
            yield from self._updates(stream, update_ms)

    def _trades(self, stream: Stream, bar: int, since_ms: int, until_ms: int) -> Iterator[Frame]:
        trades = self._market.trades(stream.symbol, bar)
        times = trades[:, kernel.T_TIME] + open_ms(bar)
        first, last = np.searchsorted(times, [since_ms, until_ms], side="right")
        contract = self._market.contract(stream.symbol)
        for trade in trades[first:last].tolist():
            event = payloads.trade_event(contract, bar, trade)
            yield Frame(stream, event["T"], event, event["T"])

    def _closes(self, stream: Stream, close_ms: int) -> Iterator[Frame]:
        if stream.kind is StreamKind.MARK:
            self._updated_ms[stream.name] = close_ms
            yield self._mark(stream, close_ms)
        if stream.kind is not StreamKind.KLINE:
            return
        bars, end = INTERVAL_BARS[stream.interval], bar_at(close_ms)
        if end % bars == 0:
            self._updated_ms[stream.name] = close_ms
            minutes = minute_candles(self._market, stream.symbol, end - bars, end, close_ms)
            yield self._kline(stream, end - bars, minutes, close_ms)

    def _updates(self, stream: Stream, update_ms: int) -> Iterator[Frame]:
        now_ms = self._now_ms
        due_ms = self._updated_ms.get(stream.name, 0) + max(update_ms, stream.period_ms)
        if stream.kind is StreamKind.TRADE or now_ms < due_ms or now_ms % BAR_MS == 0:
            return
        if stream.kind is StreamKind.MARK:
            self._updated_ms[stream.name] = now_ms
            yield self._mark(stream, now_ms)
            return
        bars = INTERVAL_BARS[stream.interval]
        first = bar_at(now_ms) // bars * bars
        minutes = minute_candles(self._market, stream.symbol, first, first + bars, now_ms)
        if len(minutes.minutes):
            self._updated_ms[stream.name] = now_ms
            yield self._kline(stream, first, minutes, now_ms)

    def _kline(self, stream: Stream, bar: int, minutes: Candles, event_ms: int) -> Frame:
        contract = self._market.contract(stream.symbol)
        column = minutes.merged(INTERVAL_BARS[stream.interval]).ints[:, 0].tolist()
        event = payloads.kline_event(contract, stream.interval, bar, column, event_ms)
        return Frame(stream, event_ms, event, open_ms(bar), final=event["k"]["x"])

    def _mark(self, stream: Stream, event_ms: int) -> Frame:
        if stream.symbol:
            mark = payloads.mark_event(self._market, stream.symbol, event_ms)
            return Frame(stream, event_ms, mark, event_ms)
        marks = [payloads.mark_event(self._market, s, event_ms) for s in self._market.symbols]
        return Frame(stream, event_ms, marks, event_ms)
