"""Compact forms of records: the topic's bytes, and the few fields that lookups and lists need.

The bytes are small in memory and are ready to be sent.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from dataclasses import dataclass, field
from typing import Protocol

from gateway.views.arrival import Arrival
from schemas.features import FeatureVector
from schemas.market import Bar
from schemas.signals import Signal


class PredictedBar(Protocol):
    """One bar as one model predicted it: a signal tells which, and so does a prediction."""

    @property
    def symbol(self) -> str:
        """Canonical symbol."""
        ...

    @property
    def timeframe_ms(self) -> int:
        """Length of the bar."""
        ...

    @property
    def event_time_ms(self) -> int:
        """Close of the bar."""
        ...

    @property
    def model_version(self) -> str:
        """Version of the model."""
        ...


@dataclass(frozen=True, slots=True)
class CompactBar:
    """A bar's bytes, and what ages and candles need without decoding them."""

    raw: bytes
    event_time_ms: int
    timeframe_ms: int
    recorded: bool
    partition: int = field(default=0, compare=False)
    offset: int = field(default=0, compare=False)

    @classmethod
    def from_arrival(cls, bar: Bar, arrival: Arrival) -> CompactBar:
        """Return the compact form of a bar."""
        return cls(
            raw=arrival.raw,
            event_time_ms=bar.event_time_ms,
            timeframe_ms=bar.timeframe_ms,
            recorded=bar.origin == "replay",
            partition=arrival.partition,
            offset=arrival.offset,
        )


@dataclass(frozen=True, slots=True)
class CompactFeatures:
    """A feature vector in 8 bytes a value; NaN stands for null in memory only."""

    event_time_ms: int
    feature_set_id: str
    names: tuple[str, ...]
    numbers: array[float]
    complete_at_ms: int | None  # close of the bar that can first be complete; None: this one is

    @classmethod
    def from_vector(cls, vector: FeatureVector, names: tuple[str, ...]) -> CompactFeatures:
        """Return the compact form of a vector; ``names`` is the tuple that vectors share."""
        numbers = array("d", (float("nan") if v is None else v for v in vector.values.values()))
        bars = vector.bars_until_complete
        complete_at_ms = vector.event_time_ms + bars * vector.timeframe_ms if bars else None
        return cls(vector.event_time_ms, vector.feature_set_id, names, numbers, complete_at_ms)

    def values(self) -> dict[str, float | None]:
        """Return the values by name, in catalogue order."""
        return {
            name: (None if number != number else number)  # noqa: PLR0124 - NaN is not itself
            for name, number in zip(self.names, self.numbers, strict=True)
        }


@dataclass(frozen=True, slots=True)
class CompactExplanation:
    """An explanation's bytes, compressed: there is one a signal, and few are ever read."""

    deflated: bytes

    @classmethod
    def from_arrival(cls, arrival: Arrival) -> CompactExplanation:
        """Return the compact form of an explanation."""
        return cls(zlib.compress(arrival.raw, level=1))

    @property
    def raw(self) -> bytes:
        """The topic's bytes."""
        return zlib.decompress(self.deflated)


@dataclass(slots=True, eq=False)
class CompactSignal:
    """A signal's bytes, what lists filter by, and its place on the topic."""

    raw: bytes
    signal_id: str
    symbol: str
    timeframe_ms: int
    event_time_ms: int
    model_version: str
    direction: str
    grade: str
    rank: float | None
    partition: int
    offset: int
    trace_id: str
    git_commit: str

    @classmethod
    def from_arrival(cls, signal: Signal, arrival: Arrival) -> CompactSignal:
        """Return the compact form of a signal."""
        fields = signal.__dict__  # an attribute of a record takes three times as long
        return cls(
            arrival.raw,
            fields["signal_id"],
            fields["symbol"],
            fields["timeframe_ms"],
            fields["event_time_ms"],
            fields["model_version"],
            fields["direction"],
            fields["grade"],
            fields["rank"],
            arrival.partition,
            arrival.offset,
            arrival.trace_id,
            sys.intern(arrival.git_commit),
        )
