"""Bounds beside a prediction: step tables of a model, and how serving reads them.

A table says for each range of a score what came of such scores out of sample. Bounds of the
confidence are of Venn-Abers predictors, one class against the rest (Vovk, Petej, 2014).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import pairwise

from pydantic import Field, model_validator

from schemas.predictions import ClassProbabilities, ExpectedReturns, ReturnBounds
from schemas.record import Probability, Record
from streams.confidence import choose_direction


class StepTable(Record):
    """Where the steps of a function of a score lie; a step holds from its edge on."""

    edges: tuple[float, ...] = Field(description="Increasing; one fewer than there are steps")

    @model_validator(mode="after")
    def _ordered(self) -> StepTable:
        if any(left >= right for left, right in pairwise(self.edges)):
            raise ValueError(f"edges {self.edges} do not increase")
        steps = len(self.edges) + 1
        for name, column in dict(self).items():
            if name == "edges":
                continue
            if len(column) != steps:
                raise ValueError(f"{name} has {len(column)} values, expected {steps}")
            if any(left > right for left, right in pairwise(column)):
                raise ValueError(f"{name} falls between two steps")
        return self


class ProbabilityTable(StepTable):
    """Bounds of the probability of one class by its calibrated probability."""

    low: tuple[Probability, ...] = Field(description="With the new outcome against it")
    high: tuple[Probability, ...] = Field(description="With the new outcome for it")


class ReturnTable(StepTable):
    """The mean result of ideas of one side by their lean, fractions before costs, 90 % bounds.

    The lean is the probability of the side less that of the other side. The bounds hold at all
    leans together, so also at those that are chosen by them; they are of the mean, not of the
    result of one idea.
    """

    low: tuple[float, ...]
    mean: tuple[float, ...] = Field(description="Shrunk to zero by what chance adds")
    high: tuple[float, ...]

    @model_validator(mode="after")
    def _between(self) -> ReturnTable:
        for low, mean, high in zip(self.low, self.mean, self.high, strict=True):
            if not low <= mean <= high:
                raise ValueError(f"a mean of {mean} does not lie between {low} and {high}")
        return self


class CalibrationTables(Record):
    """The tables of a model, learnt from scores that its folds gave out of sample."""

    sell: ProbabilityTable
    neutral: ProbabilityTable
    buy: ProbabilityTable
    returns: ReturnTable | None = Field(
        description="Of a long idea; null: too few blocks of time for bounds of a mean"
    )
    short_returns: ReturnTable | None = Field(
        default=None,
        description="Of a short one; null: the mirror of the long one, as in older models",
    )


class CalibrationLookup:
    """Tables laid out for serving: what a step says is made once, a row only finds its step."""

    def __init__(self, tables: CalibrationTables) -> None:
        """Lay out the tables of a model."""
        self._classes = {
            name: (table.edges, tuple(zip(table.low, table.high, strict=True)))
            for name in ("sell", "neutral", "buy")
            for table in (getattr(tables, name),)
        }
        self._returns = _expected(tables)

    def confidence_interval(self, chances: ClassProbabilities) -> tuple[float, float]:
        """Return the bounds of the direction's probability, low first."""
        direction, confidence = choose_direction(chances)
        edges, bounds = self._classes[direction]
        return bounds[bisect_right(edges, confidence)]

    def expected_return(self, chances: ClassProbabilities) -> ExpectedReturns | None:
        """Return what a long and a short idea are expected to earn; None without that table."""
        if self._returns is None:
            return None
        edges, steps = self._returns
        return steps[bisect_right(edges, chances.buy - chances.sell)]


def _expected(
    tables: CalibrationTables,
) -> tuple[tuple[float, ...], tuple[ExpectedReturns, ...]] | None:
    """Return edges and steps of both tables as one function of the long idea's lean."""
    long, short = tables.returns, tables.short_returns
    if long is None:
        return None
    mirrored = () if short is None else (math.nextafter(-edge, math.inf) for edge in short.edges)
    edges = tuple(sorted({*long.edges, *mirrored}))
    steps = []
    for lean in (-math.inf, *edges):
        bought = _bounds(long, lean)
        sold = _mirror(bought) if short is None else _bounds(short, -lean)
        steps.append(ExpectedReturns.unchecked(long=bought, short=sold))
    return edges, tuple(steps)


def _bounds(table: ReturnTable, lean: float) -> ReturnBounds:
    step = bisect_right(table.edges, lean)
    return ReturnBounds.unchecked(mean=table.mean[step], low=table.low[step], high=table.high[step])


def _mirror(bounds: ReturnBounds) -> ReturnBounds:
    return ReturnBounds.unchecked(
        mean=0.0 - bounds.mean, low=0.0 - bounds.high, high=0.0 - bounds.low
    )
