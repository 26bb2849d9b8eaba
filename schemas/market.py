"""Market records: raw bars, checked bars, the continuity ledger, readiness of history.

Written by ``workers.ingest`` and ``streams.market``; read by ``streams.features`` and all views.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from schemas.bounds import MAX_COUNT, Count
from schemas.record import Milliseconds, Record, Symbol, Timeframe

Origin = Literal["stream", "trades", "backfill", "repair", "replay", "aggregated"]
LedgerKind = Literal[
    "gap",
    "repaired",
    "duplicate",
    "late",
    "correction",
    "partial",
    "zero_volume",
    "volume_mismatch",
    "price_mismatch",
    "stall",
    "funding_hole",
    "funding_interval",
    "funding_late",
    "rejected",
]


class RawBar(Record):
    """One final bar as the venue told it: finite numbers, nothing else promised."""

    symbol: str = Field(description="As ingest normalised it; the Kafka key")
    timeframe_ms: Timeframe
    open_time_ms: Milliseconds
    event_time_ms: Milliseconds = Field(description="Close, exclusive: open time + timeframe")
    available_time_ms: Milliseconds = Field(description="When it could first be known")
    open: float
    high: float
    low: float
    close: float
    volume: float = Field(description="Base currency")
    quote_volume: float | None = None
    taker_buy_volume: float | None = Field(default=None, description="Base currency")
    trades: int | None = Field(default=None, ge=-MAX_COUNT, le=MAX_COUNT)
    mark_price: float | None = Field(default=None, description="Last known at the close")
    funding_rate: float | None = Field(default=None, description="Last settled at the close")
    funding_time_ms: Milliseconds | None = Field(
        default=None, description="Stamp of that settlement"
    )
    bars_missing: Count = Field(
        default=0,
        description="Hole before this bar, in bars; of an aggregated one: base bars that it lacks, "
        "and those missing between it and the one before",
    )
    revision: Count = Field(default=0, description="> 0: a correction of an earlier bar")
    origin: Origin
    source: str = Field(description="Venue and client version, e.g. binanceusdm/ccxt-4.5.90")
    higher_ms: tuple[Timeframe, ...] = Field(
        default=(), description="Of a base bar: lengths of the higher bars that are made of it"
    )
    made_until_ms: Milliseconds | None = Field(
        default=None,
        description="Of a kline of the venue: close up to which base bars had made the bars of its "
        "length before, so that nothing is missing until then; null: they had made none",
    )


class Bar(RawBar):
    """A checked bar: prices positive and in order, volume not negative, times consistent."""

    symbol: Symbol
    open: float = Field(gt=0)
    high: float = Field(gt=0)
    low: float = Field(gt=0)
    close: float = Field(gt=0)
    volume: float = Field(ge=0)

    @model_validator(mode="after")
    def _consistent(self) -> Bar:
        if self.high < max(self.open, self.close, self.low):
            raise ValueError(f"high {self.high!r} is below open, close or low")
        if self.low > min(self.open, self.close):
            raise ValueError(f"low {self.low!r} is above open or close")
        if self.event_time_ms != self.open_time_ms + self.timeframe_ms:
            raise ValueError(
                f"close time {self.event_time_ms}, expected {self.open_time_ms + self.timeframe_ms}"
            )
        if self.open_time_ms % self.timeframe_ms:
            raise ValueError(f"open time {self.open_time_ms} is not a multiple of the timeframe")
        return self


class LedgerEntry(Record):
    """One finding about the continuity of a symbol and timeframe."""

    symbol: str
    timeframe_ms: Timeframe
    event_time_ms: Milliseconds = Field(description="Close of the bar that showed it")
    kind: LedgerKind
    from_ms: Milliseconds = Field(description="Open time of the first bar concerned")
    to_ms: Milliseconds = Field(description="Close time of the last bar concerned")
    bars: Count = Field(description="How many bars are concerned")
    note: str = ""


class HistoryReady(Record):
    """The whole universe is back-filled: a first model may be trained."""

    strategy: str = Field(default="ensemble", description="To be bootstrapped; the Kafka key")
    source: str = Field(description="The home's market source")
    symbols: tuple[Symbol, ...] = Field(min_length=1)
    timeframe_ms: Timeframe
    from_ms: Milliseconds
    to_ms: Milliseconds
    event_time_ms: Milliseconds
    closes: dict[Symbol, Milliseconds] = Field(
        default_factory=dict,
        description="By symbol, its newest bar close at or before to_ms; absent: to_ms",
    )
    base_ms: Timeframe | None = Field(
        default=None, description="Length of the base bars that these bars are made of; null: none"
    )
