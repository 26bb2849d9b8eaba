"""Bounds beside a prediction: step tables of a model, and how serving reads them.

A table says for each range of a score what came of such scores out of sample. Bounds of the
confidence are of Venn-Abers predictors, one class against the rest (Vovk, Petej, 2014).
"""

from __future__ import annotations

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
    """What a long call earned by its lean, fractions before costs; a short call is its mirror.

    The lean is the probability of buy less that of sell.
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
        description="Null: too few blocks of time for bounds of a mean"
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
        self._returns = None if tables.returns is None else _expected(tables.returns)

    def confidence_interval(self, chances: ClassProbabilities) -> tuple[float, float]:
        """Return the bounds of the direction's probability, low first."""
        direction, confidence = choose_direction(chances)
        edges, bounds = self._classes[direction]
        return bounds[bisect_right(edges, confidence)]

    def expected_return(self, chances: ClassProbabilities) -> ExpectedReturns | None:
        """Return what a long and a short call are expected to earn; None without that table."""
        if self._returns is None:
            return None
        edges, steps = self._returns
        return steps[bisect_right(edges, chances.buy - chances.sell)]


def _expected(table: ReturnTable) -> tuple[tuple[float, ...], tuple[ExpectedReturns, ...]]:
    steps = tuple(
        ExpectedReturns.unchecked(
            long=ReturnBounds.unchecked(mean=mean, low=low, high=high),
            short=ReturnBounds.unchecked(mean=0.0 - mean, low=0.0 - high, high=0.0 - low),
        )
        for low, mean, high in zip(table.low, table.mean, table.high, strict=True)
    )
    return table.edges, steps
