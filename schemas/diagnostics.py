"""What is drawn of a model out of sample: how true its confidence is, and what its calls earned."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from schemas.bounds import Count
from schemas.record import Milliseconds, Probability, Record


class ConfidenceBin(Record):
    """Rows of one range of confidence: what was promised, and how often it came true."""

    rows: Count
    confidence: Probability = Field(description="Mean of the rows")
    hit_rate: Probability = Field(description="Share of the rows whose top label came true")
    interval: tuple[Probability, Probability] | None = Field(
        default=None,
        description="5-95 % of the hit rate by its spread between blocks of time; null: too few",
    )


class ModelEquity(Record):
    """What the calls out of sample would have earned after all costs, one trade a symbol."""

    times_ms: tuple[Milliseconds, ...] = Field(description="Start, exits and end; thinned")
    equity: tuple[float, ...] = Field(description="At each of them, 1 at the start")
    trades: Count

    @model_validator(mode="after")
    def _as_long(self) -> Self:
        if len(self.times_ms) != len(self.equity):
            raise ValueError(
                f"{len(self.times_ms)} times and {len(self.equity)} values, expected as many"
            )
        return self
