"""Sums of outcomes by blocks of time: what an always-valid interval of a mean is made of."""

from __future__ import annotations

from pydantic import Field

from schemas.bounds import MAX_COUNT
from schemas.record import Record


class BlockSums(Record):
    """The open block of a stream of outcomes, and the moments of those before it.

    A block is closed when an outcome of a later one comes. Blocks without an outcome do not count.
    """

    block: int = Field(default=-1, ge=-1, le=MAX_COUNT, description="The open one; -1: none yet")
    amount: float = Field(default=0.0, description="Sum over its outcomes")
    count: int = Field(default=0, ge=0, le=MAX_COUNT, description="Its outcomes")
    blocks: int = Field(default=0, ge=0, le=MAX_COUNT, description="Closed; the rest is of these")
    amount_mean: float = 0.0
    count_mean: float = Field(default=0.0, ge=0)
    amount_squares: float = Field(default=0.0, ge=0, description="Of deviations from the mean")
    count_squares: float = Field(default=0.0, ge=0)
    cross_products: float = Field(default=0.0, description="Of both deviations")
