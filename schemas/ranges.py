"""Parts of requests: what all of them refuse, and ranges of values."""

from __future__ import annotations

import math

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.bounds import MAX_BARS, Number, Step, Threshold


class Spec(BaseModel):
    """A part of a request: unknown fields, NaN and infinity are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True
    )


class Range(Spec):
    """Values from ``min`` to ``max``, both included, ``step`` apart; also ``[min, max, step]``."""

    min: Number
    max: Number
    step: Step

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, value: object) -> object:
        if isinstance(value, list | tuple) and len(value) == 3:
            return dict(zip(("min", "max", "step"), value, strict=True))
        return value

    @model_validator(mode="after")
    def _not_reversed(self) -> Range:
        if self.max < self.min:
            raise ValueError(f"max {self.max:g} is below min {self.min:g}")
        return self

    @property
    def count(self) -> int:
        """How many values it has, at least one."""
        return math.floor((self.max - self.min) / self.step + 1e-9) + 1

    @property
    def values(self) -> tuple[float, ...]:
        """The values, ascending; rounded so that 0.1 + 0.2 reads 0.3."""
        return tuple(round(self.min + i * self.step, 12) for i in range(self.count))


class WindowRange(Range):
    """Look-back windows in bars."""

    min: float = Field(ge=2, le=MAX_BARS)
    max: float = Field(ge=2, le=MAX_BARS)
    step: float = Field(ge=1, le=MAX_BARS)

    @model_validator(mode="after")
    def _whole(self) -> WindowRange:
        if any(v != int(v) for v in (self.min, self.max, self.step)):
            raise ValueError("windows are whole numbers of bars")
        return self


class ThresholdRange(Range):
    """Thresholds of an indicator, which lies around 0: both sides of it are meant."""

    min: Threshold
