"""Regime records: how likely each market regime is, and the parameters of the filter.

Probabilities are written by ``streams.regimes``; parameters by ``streams.promotion``.
"""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, computed_field, model_validator

from schemas.bounds import Count
from schemas.record import Milliseconds, Probability, Record, Symbol, Timeframe

TrendState = Literal["TRENDING", "RANGING", "CHOPPY", "UNKNOWN"]
RegimeName = Literal["bull", "bear", "sideways"]
Triple = tuple[float, float, float]

LN_3 = math.log(3.0)
SUM_TOLERANCE = 1e-6  # float64 round-off over three terms, with room to spare


def normalised_entropy(probabilities: Triple) -> float:
    """Return Shannon entropy over ln 3, in [0, 1]: 0 = one regime is certain."""
    total = 0.0
    for p in probabilities:
        if p > 0.0:
            total += p * math.log(p)
    return min(max(-total / LN_3, 0.0), 1.0)


class RegimeProbabilities(Record):
    """Filtered (causal) regime posterior at one bar close; nothing after ``event_time_ms``."""

    symbol: Symbol
    timeframe_ms: Timeframe
    event_time_ms: Milliseconds
    available_time_ms: Milliseconds
    bull: Probability
    bear: Probability
    sideways: Probability
    trend_state: TrendState
    parameters_version: str | None = Field(
        default=None, description="Model version of the filter; null = uniform, none fitted yet"
    )
    log_likelihood: float | None = Field(
        default=None, description="Of this bar's observation given the past; model health"
    )
    trend_bars: Count | None = Field(
        default=None, description="Bars for which trend_state has held, this one among them"
    )

    @model_validator(mode="after")
    def _sum_to_one(self) -> RegimeProbabilities:
        total = self.bull + self.bear + self.sideways
        if abs(total - 1.0) > SUM_TOLERANCE:
            raise ValueError(f"regime probabilities sum to {total!r}, expected 1")
        return self

    @computed_field  # type: ignore[prop-decorator]  # mypy does not know pydantic's property
    @property
    def entropy(self) -> float:
        """Shannon entropy over ln 3: 0 = one regime is certain, 1 = no information."""
        return normalised_entropy((self.bull, self.bear, self.sideways))


class RegimeParameters(Record):
    """A fitted hidden Markov model with diagonal emissions; states are bull, bear, sideways."""

    symbol: Symbol
    timeframe_ms: Timeframe
    model_version: str
    effective_from_ms: Milliseconds = Field(description="First bar close it applies to")
    family: Literal["gaussian", "student_t"]
    observations: tuple[str, ...] = Field(min_length=1, description="Feature names, D of them")
    centre: tuple[float, ...] = Field(description="Train mean of each observation, D")
    spread: tuple[float, ...] = Field(description="Train deviation of each observation, D, > 0")
    initial: Triple
    transition: tuple[Triple, Triple, Triple] = Field(description="Rows sum to 1")
    location: tuple[tuple[float, ...], ...] = Field(description="3 x D, standardised")
    scale: tuple[tuple[float, ...], ...] = Field(description="3 x D, standardised, > 0")
    degrees_of_freedom: Triple | None = Field(default=None, description="Student-t only")
    fitted_to_ms: Milliseconds = Field(description="Last training bar close")
    logarithmic: tuple[bool, ...] | None = Field(
        default=None,
        description="Whether the filter reads the natural logarithm of each observation, D; centre "
        "and spread are then of the logarithm; null = of none",
    )
    evidence_power: float | None = Field(
        default=None,
        gt=0.0,
        le=1.0,
        description="Power of each bar's density inside the recursion, because observations of "
        "neighbouring bars overlap; null = 1",
    )
    calibration_slope: float | None = Field(
        default=None,
        gt=0.0,
        le=1e6,
        description="Published is proportional to exp(-slope (-ln p)^exponent) of the recursion's "
        "p; null = p itself",
    )
    calibration_exponent: float | None = Field(
        default=None, gt=0.0, le=10.0, description="With the slope, or null"
    )
    carried: Triple | None = Field(
        default=None,
        description="The recursion's posterior at carried_at_ms: a filter without one goes on from "
        "it; null = from initial",
    )
    carried_at_ms: Milliseconds | None = Field(
        default=None, description="Bar close of the carried posterior; null = fitted_to_ms"
    )

    @model_validator(mode="after")
    def _shapes(self) -> RegimeParameters:
        width = len(self.observations)
        if self.logarithmic is not None and len(self.logarithmic) != width:
            raise ValueError(f"{len(self.logarithmic)} logarithmic flags for {width} observations")
        if (self.calibration_slope is None) != (self.calibration_exponent is None):
            raise ValueError("a calibration has a slope and an exponent, or neither")
        rows = (self.centre, self.spread, *self.location, *self.scale)
        if len(self.location) != 3 or len(self.scale) != 3 or any(len(r) != width for r in rows):
            raise ValueError(f"regime parameters do not match {width} observations x 3 states")
        if min((*self.spread, *(v for row in self.scale for v in row))) <= 0.0:
            raise ValueError("spreads and scales must be > 0")
        for row in (self.initial, *self.transition, *filter(None, (self.carried,))):
            if abs(sum(row) - 1.0) > SUM_TOLERANCE or min(row) < 0.0:
                raise ValueError(f"probabilities {row!r} do not sum to 1")
        if (self.family == "student_t") != (self.degrees_of_freedom is not None):
            raise ValueError("degrees of freedom belong to, and only to, the student_t family")
        return self
