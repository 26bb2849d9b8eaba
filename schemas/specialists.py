"""Who answers: the universal model, or specialists weighed by the probabilities of regimes.

The policy is a part of a strategy's config; the selection is decided by training.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.bounds import Count
from schemas.record import Probability, Record

SpecialistName = Literal["bull_specialist", "bear_specialist", "sideways_specialist"]
Answerer = Literal["universal", "bull_specialist", "bear_specialist", "sideways_specialist"]
SelectionRule = Literal["universal", "argmax", "blend"]
SPECIALISTS: tuple[SpecialistName, ...] = (  # of bull, bear, sideways
    "bull_specialist",
    "bear_specialist",
    "sideways_specialist",
)
ANSWERERS: tuple[Answerer, ...] = ("universal", *SPECIALISTS)

MatrixRow = tuple[Probability, Probability, Probability]
ROW_TOLERANCE = 1e-9  # on the sum of a row


class SpecialistPolicy(Record):
    """How regime probabilities become weights of the specialists."""

    matrix: tuple[MatrixRow, MatrixRow, MatrixRow] = Field(
        default=((1.0, 0.0, 0.0), (0.0, 0.5, 0.5), (0.0, 0.0, 1.0)),
        description="Rows are regimes, columns specialists, both bull, bear, sideways; each row "
        "sums to 1",
    )
    shrink: bool = Field(
        default=False, description="Whether the weights even out as the regime's entropy nears 1"
    )

    @model_validator(mode="after")
    def _rows_sum_to_one(self) -> Self:
        for number, row in enumerate(self.matrix):
            if abs(sum(row) - 1.0) > ROW_TOLERANCE:
                raise ValueError(
                    f"matrix: row {number} is {list(row)} and sums to {sum(row)!r}, expected 1"
                )
        return self


class Specialist(Record):
    """A model of one regime: fitted or not, and whether it may answer."""

    name: SpecialistName
    effective_rows: Annotated[float, Field(ge=0)] | None = Field(
        default=None, description="(sum w)^2 / sum w^2 of its weighted rows; null: not tried"
    )
    temperature: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Of its pool's evidence; null: it is missing"
    )
    log_loss: float | None = Field(
        default=None, description="Out of sample, rows weighted by its regime"
    )
    universal_log_loss: float | None = Field(
        default=None, description="Of the universal model on the same rows"
    )
    edge_interval: tuple[float, float] | None = Field(
        default=None,
        description="Of the class prior's log-loss less its own, on the same rows; null: too few",
    )
    qualified: bool = Field(default=False, description="Better than the class prior beyond chance")
    reason: str = Field(description="Why it is missing, or why it is qualified or not")


class SelectionTest(Record):
    """A rule beside the universal model, on the same rows out of sample."""

    rule: SelectionRule
    rows: Count
    log_loss: float
    universal_log_loss: float
    difference: float = Field(description="Universal less the rule, nats a row: above 0 is better")
    interval: tuple[float, float] | None = Field(
        default=None, description="Of that mean, blocks of time resampled; null: too few blocks"
    )
    level: float = Field(gt=0.0, lt=1.0, description="Of the interval; shared out over the rules")
    beats: bool = Field(description="Whether the whole interval lies above 0")


class ModelSelection(Record):
    """Who answers for a model, and the figures that decided it."""

    rule: SelectionRule = "universal"
    reason: str = "older release: not tried"
    policy: SpecialistPolicy = Field(
        default=SpecialistPolicy(), description="Under which the rules were tested"
    )
    specialists: tuple[Specialist, ...] = ()
    tests: tuple[SelectionTest, ...] = ()

    @property
    def fitted(self) -> tuple[Specialist, ...]:
        """The specialists that are not missing."""
        return tuple(each for each in self.specialists if each.temperature is not None)

    @property
    def temperatures(self) -> dict[SpecialistName, float]:
        """Temperature of each one's pool."""
        return {each.name: each.temperature for each in self.fitted if each.temperature is not None}

    @property
    def qualified(self) -> frozenset[SpecialistName]:
        """The names of those that may answer."""
        return frozenset(each.name for each in self.fitted if each.qualified)

    def why_not(self, name: str) -> str:
        """Return why a specialist does not answer."""
        for each in self.specialists:
            if each.name == name:
                return f"{'missing' if each.temperature is None else 'unqualified'}: {each.reason}"
        return f"missing: {self.reason}"
