"""Faults on request: what a venue does to its clients on a bad day, scheduled by market time.

A fault matches frames by symbol, stream, interval and time. A kline frame has the time of its bar's
open, so that a fault hits all frames of a bar. Any other frame has the time of its event.

The venue's own higher klines hold what its minutes lack: a fault without an interval strikes a
higher kline only where its window covers every minute of it.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from workers.simulator.market import BAR_MS
from workers.simulator.protocol.frames import Frame, StreamKind
from workers.simulator.protocol.payloads import INTERVAL_BARS

FaultKind = Literal[
    "gap",
    "duplicate",
    "late",
    "out_of_order",
    "correction",
    "frozen",
    "disconnect",
    "http_error",
    "clock_skew",
    "malformed",
    "no_interval",
    "mismatch",
]
UNREVISED_SHARE = 0.9  # of its volume, that a bar shows before its correction, or at a mismatch


class Fault(BaseModel):
    """One fault; a field that is not set matches everything."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: FaultKind
    symbol: str | None = None
    stream: Literal["aggTrade", "kline", "markPrice"] | None = None
    interval: str | None = Field(
        default=None, description="Klines of this length alone, e.g. 1h; no_interval and mismatch"
    )
    final_only: bool = Field(default=False, description="Of klines, closed bars alone")
    from_ms: int | None = Field(default=None, ge=0, description="Market time; unset: at once")
    until_ms: int | None = Field(default=None, ge=0, description="Exclusive; unset: no end")
    count: int | None = Field(default=None, gt=0, description="Frames or requests that it hits")
    delay_ms: int = Field(default=2_000, gt=0, description="Market time, late and correction")
    skew_ms: int = Field(default=0, description="Added to the venue's clock, clock_skew")
    status: Literal[418, 429, 500, 502, 503] = Field(default=429, description="http_error")
    retry_after_s: int | None = Field(default=None, gt=0, description="429 and 418: header")
    path: str = Field(default="/", description="Prefix of the REST paths that it hits")
    rest: bool = Field(default=False, description="gap and malformed: on REST too")
    form: Literal["truncated", "nulls"] = Field(default="truncated", description="malformed")
    abrupt: bool = Field(default=False, description="disconnect: without a closing handshake")

    @model_validator(mode="after")
    def _window(self) -> Fault:
        if self.from_ms is not None and self.until_ms is not None and self.until_ms <= self.from_ms:
            raise ValueError(f"until_ms {self.until_ms}: expected more than from_ms {self.from_ms}")
        if self.kind == "clock_skew" and self.skew_ms == 0:
            raise ValueError("clock_skew needs skew_ms other than 0")
        if self.interval is None and self.kind in ("no_interval", "mismatch"):
            raise ValueError(f"{self.kind} needs an interval, e.g. 1h")
        return self

    @field_validator("interval")
    @classmethod
    def _served(cls, interval: str | None) -> str | None:
        if interval is not None and interval not in INTERVAL_BARS:
            raise ValueError(f"{interval!r} is unknown, expected one of {', '.join(INTERVAL_BARS)}")
        return interval


@dataclass
class ScheduledFault:
    """A scheduled fault and how often it has struck."""

    number: int
    fault: Fault
    from_ms: int
    hits: int = 0

    def active(self, time_ms: int) -> bool:
        """Return whether the fault strikes at a moment: within its window and its count."""
        return self.spans(time_ms, time_ms) and self.hits != self.fault.count

    def spans(self, first_ms: int, last_ms: int) -> bool:
        """Return whether the window holds both moments."""
        until_ms = self.fault.until_ms
        return self.from_ms <= first_ms and (until_ms is None or last_ms < until_ms)

    def covers(self, time_ms: int, interval: str) -> bool:
        """Return whether the window holds an event, or the bar of an interval that opens then."""
        if self.fault.interval is not None or not interval:
            return self.fault.interval in (None, interval) and self.spans(time_ms, time_ms)
        return self.spans(time_ms, time_ms + (INTERVAL_BARS[interval] - 1) * BAR_MS)


@dataclass(frozen=True)
class Delivery:
    """Text for the subscribers of one stream."""

    stream: str
    text: str


class FaultDesk:
    """Applies the scheduled faults to frames and requests."""

    def __init__(self) -> None:
        self.scheduled: dict[int, ScheduledFault] = {}
        self._numbers = itertools.count(1)
        self._due: list[tuple[int, int, Delivery]] = []  # heap by release time, then arrival
        self._overtaken: dict[str, Frame] = {}  # by stream: waits for its successor

    def add(self, fault: Fault, now_ms: int) -> ScheduledFault:
        """Schedule a fault; without ``from_ms`` it begins with the current minute."""
        from_ms = now_ms // BAR_MS * BAR_MS if fault.from_ms is None else fault.from_ms
        row = ScheduledFault(next(self._numbers), fault, from_ms)
        self.scheduled[row.number] = row
        return row

    def clear(self) -> None:
        """End every fault; delayed frames still come."""
        self.scheduled.clear()

    def admit(self, frame: Frame, now_ms: int) -> list[Delivery]:
        """Return the deliveries of a frame that are due now; ``released`` gives the later ones."""
        if not self.scheduled and not self._overtaken:
            return [_encoded(frame)]
        if self._withheld(frame, now_ms):
            return []
        if self.differs(frame.stream.symbol, frame.time_ms, frame.stream.interval):
            frame = _unrevised(frame)
        for row in self._strikes("clock_skew", frame, now_ms):
            frame = _skewed(frame, row.fault.skew_ms)
        for row in self._strikes("correction", frame):
            self._delay(_encoded(frame), frame.event_ms + row.fault.delay_ms)
            frame = _unrevised(frame)
        for row in self._strikes("late", frame):
            self._delay(_encoded(frame), frame.event_ms + row.fault.delay_ms)
            return []
        waiting = self._overtaken.get(frame.stream.name)
        if waiting is not None and (frame.final or not waiting.final):
            del self._overtaken[frame.stream.name]
            return [_encoded(frame), _encoded(waiting)]
        if waiting is None and any(self._strikes("out_of_order", frame)):
            self._overtaken[frame.stream.name] = frame
            return []
        out = [_encoded(frame)]
        for row in self._strikes("malformed", frame):
            out = [_malformed(frame, row.fault.form)]
        return out * (2 if any(self._strikes("duplicate", frame)) else 1)

    def released(self, now_ms: int) -> Iterator[Delivery]:
        """Yield the delayed deliveries that are due by now."""
        while self._due and self._due[0][0] <= now_ms:
            yield heapq.heappop(self._due)[2]

    def disconnects(self, now_ms: int) -> Fault | None:
        """Return the fault that ends every connection now; each fault does so once."""
        for row in self.scheduled.values():
            if row.fault.kind == "disconnect" and row.hits == 0 and row.active(now_ms):
                row.hits = 1
                return row.fault
        return None

    def refuses_sockets(self, now_ms: int) -> bool:
        """Return whether new WebSockets are refused: a disconnect refuses them until its end."""
        return any(
            row.fault.kind == "disconnect"
            and row.fault.until_ms is not None
            and row.from_ms <= now_ms < row.fault.until_ms
            for row in self.scheduled.values()
        )

    def request_fault(
        self, kind: FaultKind, path: str, symbol: str | None, now_ms: int
    ) -> Fault | None:
        """Return the fault of a kind (http_error, malformed) that strikes a REST request."""
        for row in self.scheduled.values():
            fault = row.fault
            if (
                fault.kind == kind
                and (fault.rest or kind == "http_error")
                and path.startswith(fault.path)
                and fault.symbol in (None, symbol)
                and row.active(now_ms)
            ):
                row.hits += 1
                return fault
        return None

    def skew_ms(self, now_ms: int) -> int:
        """Return the error of the venue's clock in milliseconds."""
        rows = self.scheduled.values()
        return sum(
            r.fault.skew_ms for r in rows if r.fault.kind == "clock_skew" and r.active(now_ms)
        )

    def hidden(self, symbol: str, time_ms: int, interval: str = "") -> bool:
        """Return whether REST omits a trade, or the bar of an interval that opens then."""
        return any(
            row.fault.rest and row.covers(time_ms, interval) for row in self._rows("gap", symbol)
        )

    def differs(self, symbol: str, time_ms: int, interval: str) -> bool:
        """Return whether a bar disagrees with its minutes, on REST and on the stream alike."""
        return any(row.covers(time_ms, interval) for row in self._rows("mismatch", symbol))

    def lacks(self, symbol: str, interval: str, now_ms: int) -> bool:
        """Return whether a request for an interval is answered as one for an unknown interval."""
        for row in self._rows("no_interval", symbol):
            if row.fault.interval == interval and row.active(now_ms):
                row.hits += 1
                return True
        return False

    def _rows(self, kind: FaultKind, symbol: str) -> Iterator[ScheduledFault]:
        for row in self.scheduled.values():
            if row.fault.kind == kind and row.fault.symbol in (None, symbol):
                yield row

    def _withheld(self, frame: Frame, now_ms: int) -> bool:
        return (
            any(self._strikes("gap", frame))
            or any(self._strikes("frozen", frame, now_ms))
            or any(self._strikes("no_interval", frame, now_ms))
        )

    def _strikes(
        self, kind: FaultKind, frame: Frame, now_ms: int | None = None
    ) -> Iterator[ScheduledFault]:
        interval = frame.stream.interval
        for row in self.scheduled.values():
            fault = row.fault
            if (
                fault.kind == kind
                and not (kind == "malformed" and fault.rest)
                and fault.symbol in (None, frame.stream.symbol)
                and fault.stream in (None, frame.stream.kind.value)
                and (frame.final or not fault.final_only)
                and (kind != "correction" or frame.final)
                and (
                    frame.final
                    or kind != "out_of_order"
                    or frame.stream.kind is not StreamKind.KLINE
                )
                and fault.interval in (None, interval)
                and (row.covers(frame.time_ms, interval) if now_ms is None else row.active(now_ms))
                and row.hits != fault.count
            ):
                row.hits += 1
                yield row

    def _delay(self, delivery: Delivery, due_ms: int) -> None:
        heapq.heappush(self._due, (due_ms, next(self._numbers), delivery))


def _is_open_kline(frame: Frame) -> bool:
    return frame.stream.kind is StreamKind.KLINE and not frame.final


def _encoded(frame: Frame) -> Delivery:
    return Delivery(frame.stream.name, orjson.dumps(frame.payload).decode())


def _skewed(frame: Frame, skew_ms: int) -> Frame:
    if isinstance(frame.payload, list):
        shifted = [{**event, "E": event["E"] + skew_ms} for event in frame.payload]
        return replace(frame, payload=shifted)
    return replace(frame, payload={**frame.payload, "E": frame.payload["E"] + skew_ms})


def _unrevised(frame: Frame) -> Frame:
    """Return a bar without its last trades, as a closed one is first sent."""
    if isinstance(frame.payload, list):
        return frame
    bar = frame.payload["k"]
    fewer = {name: _fewer(bar[name]) for name in ("v", "q", "V", "Q")}
    return replace(frame, payload={**frame.payload, "k": {**bar, **fewer, "c": bar["o"]}})


def unrevised_row(row: list[Any]) -> list[Any]:
    """Return a REST kline without its last trades."""
    opened, first, high, low, _, volume, closed, turnover, count, *taken = row
    bought = [_fewer(text) for text in taken[:2]]
    part = (_fewer(volume), closed, _fewer(turnover), count, *bought, *taken[2:])
    return [opened, first, high, low, first, *part]


def _fewer(volume: str) -> str:
    return f"{float(volume) * UNREVISED_SHARE:.{len(volume.partition('.')[2])}f}"


def _malformed(frame: Frame, form: str) -> Delivery:
    text = _encoded(frame).text
    if form == "truncated":
        return Delivery(frame.stream.name, text[: len(text) // 2])
    payload: Any = frame.payload
    intact = {"e", "E", "s"}
    if isinstance(payload, dict):
        payload = {key: value if key in intact else None for key, value in payload.items()}
    return Delivery(frame.stream.name, orjson.dumps(payload).decode())
