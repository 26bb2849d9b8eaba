"""What a streaming client asks for: kinds, symbols, timeframes, grades, where to resume."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.errors import describe
from gateway.views.timeframes import running_length
from schemas.events import SystemEvent
from schemas.explanations import Explanation
from schemas.ideas import IdeaEvent
from schemas.market import Bar
from schemas.record import Record
from schemas.regimes import RegimeProbabilities
from schemas.signals import Grade, ScoredSignal, Signal, SignalAcknowledged
from schemas.status import WorkerStatus
from schemas.symbols import canonical
from schemas.timeframes import MOST_TIMEFRAMES

KINDS: dict[type[Record], str] = {
    Signal: "signal",
    IdeaEvent: "idea",
    Bar: "bar",
    RegimeProbabilities: "regime",
    Explanation: "explanation",
    SignalAcknowledged: "acknowledged",
    ScoredSignal: "score",
    WorkerStatus: "status",
    SystemEvent: "event",
}
Cursor = dict[int, int]  # partition of the signals topic to the next offset


class Subscription(BaseModel):
    """What a client asks for, in its query or in a message."""

    model_config = ConfigDict(strict=True, extra="forbid")

    ticker: list[str] = Field(default=[], max_length=100, description="Empty: all")
    timeframe: list[str] = Field(
        default=[], max_length=MOST_TIMEFRAMES, description="Names such as 15m; empty: the base"
    )
    grade: list[Grade] = Field(default=[], description="Of signals and ideas; empty: all")
    kinds: list[str] = Field(default=["signal"], max_length=len(KINDS))
    cursor: str | None = Field(default=None, max_length=2_000)


def encode_cursor(cursor: Cursor) -> str:
    """Return the opaque form of a position on the signals topic."""
    return base64.urlsafe_b64encode(orjson.dumps({str(p): o for p, o in cursor.items()})).decode()


def decode_cursor(text: str) -> Cursor:
    """Return the position; raises ``ValueError`` for text that is no cursor of this gateway."""
    try:
        parsed = orjson.loads(base64.urlsafe_b64decode(text.encode()))
        cursor = {int(partition): offset for partition, offset in parsed.items()}
    except (binascii.Error, ValueError, AttributeError):
        raise ValueError("cursor: not one that this gateway gave out") from None
    if not all(isinstance(offset, int) and offset >= 0 for offset in cursor.values()):
        raise ValueError("cursor: not one that this gateway gave out")
    return cursor


class MessageSubject(NamedTuple):
    """What a message is about; a null field is none of its record's."""

    kind: str
    symbol: str | None
    grade: str | None
    timeframe_ms: int | None


@dataclass(frozen=True)
class StreamFilter:
    """Which messages a client gets; clients with equal filters are one audience."""

    kinds: frozenset[str]
    symbols: frozenset[str]
    grades: frozenset[str]
    timeframes: frozenset[int]

    @classmethod
    def from_subscription(
        cls, subscription: Subscription, running_ms: Sequence[int]
    ) -> StreamFilter:
        """Return the filter; raises ``ValueError`` naming the wrong field."""
        unknown = set(subscription.kinds) - set(KINDS.values())
        if unknown:
            expected = ", ".join(KINDS.values())
            named = ", ".join(map(repr, sorted(unknown)))
            raise ValueError(f"kinds: {named} unknown; expected {expected}")
        symbols = frozenset(canonical(ticker) for ticker in subscription.ticker)
        timeframes = frozenset(running_length(name, running_ms) for name in subscription.timeframe)
        return cls(
            frozenset(subscription.kinds), symbols, frozenset(subscription.grade), timeframes
        )

    def passes(self, subject: MessageSubject, base_ms: int) -> bool:
        """Whether a message is wanted; ``base_ms`` is the timeframe of who names none."""
        kind, symbol, grade, timeframe_ms = subject
        return (
            kind in self.kinds
            and (not self.symbols or symbol is None or symbol in self.symbols)
            and (not self.grades or grade is None or grade in self.grades)
            and (timeframe_ms is None or timeframe_ms in (self.timeframes or (base_ms,)))
        )


def parse_query(query: bytes) -> Subscription:
    """Return the subscription in a query string; raises ``ValueError`` naming the wrong field."""
    fields = parse_qs(query.decode("latin-1"), keep_blank_values=True)
    unknown = fields.keys() - Subscription.model_fields.keys()
    if unknown:
        expected = ", ".join(Subscription.model_fields)
        raise ValueError(f"{', '.join(sorted(unknown))}: unknown query field; expected {expected}")
    lists = ("ticker", "timeframe", "grade")
    wanted: dict[str, Any] = {name: fields[name] for name in lists if name in fields}
    if "kinds" in fields:
        wanted["kinds"] = [kind for part in fields["kinds"] for kind in part.split(",")]
    if "cursor" in fields:
        wanted["cursor"] = fields["cursor"][-1]
    return Subscription.model_validate(wanted)


def explain_error(error: ValueError) -> str:
    """Return one line that names each wrong field and what was expected of it."""
    return describe(error.errors()) if isinstance(error, ValidationError) else str(error)
