"""When a position is closed that its strategy would still hold: part of requests and configs.

Words and signs are those of the documents: a ``stoploss`` is a loss and so below 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple

from pydantic import (
    BeforeValidator,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from schemas.bounds import MAX_BARS
from schemas.ranges import Spec

MAX_GAIN = 10.0  # ten times the entry price: beyond, nothing is taken
MAX_AGE_MINUTES = 9_999_999  # nineteen years
MAX_ROWS = 50


Minutes = Annotated[str, Field(pattern="^(0|[1-9][0-9]{0,6})$")]
Gain = Annotated[float, Field(ge=0.0, le=MAX_GAIN)]


class ExitsRejected(ValueError):
    """An exit has a value that it cannot have; names the value and what is expected."""


class _Rule(NamedTuple):
    holds: Callable[[float], bool]  # false for NaN
    expected: str


_RULES = {
    "roi_min": _Rule(
        lambda gain: 0.0 < gain <= MAX_GAIN,
        "a gain above 0 and at most 10, as 0.05 for 5 % of the entry price",
    ),
    "stoploss": _Rule(
        lambda loss: -1.0 <= loss < 0.0,
        "a loss from -1 to below 0, as -0.05 for 5 % of the entry price",
    ),
    "trailing_stop": _Rule(
        lambda distance: 0.0 < distance < 1.0,
        "a distance above 0 and below 1, as 0.02 for 2 % of the best price",
    ),
    "trailing_offset": _Rule(
        lambda gain: 0.0 <= gain <= MAX_GAIN,
        "a gain from 0 to 10, as 0.03 for a stop that trails from a gain of 3 % on",
    ),
    "hold_bars": _Rule(
        lambda bars: 1 <= bars <= MAX_BARS and bars == int(bars),
        f"a whole number of bars from 1 to {MAX_BARS:,}",
    ),
}
EXIT_NAMES = tuple(_RULES)  # of the exits that are one number


def _bounded(name: str) -> BeforeValidator:
    return BeforeValidator(lambda value: None if value is None else _checked(name, value))


def _checked(name: str, value: Any) -> float:
    rule, number = _RULES[name], isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not rule.holds(value):
        raise ValueError(f"{name} is {value!r:.40}, expected {rule.expected}")
    return int(value) if name == "hold_bars" else float(value)


class Exits(Spec):
    """Exits of every position of a run; where all are null the strategy alone closes positions.

    Levels count from the mean entry price. A new decision of the strategy, and no earlier bar,
    takes a position again after an exit.
    """

    roi_min: Annotated[Annotated[float, Field(gt=0.0, le=MAX_GAIN)] | None, _bounded("roi_min")] = (
        Field(default=None, description="Take the profit at this gain, e.g. 0.05")
    )
    stoploss: Annotated[Annotated[float, Field(ge=-1.0, lt=0.0)] | None, _bounded("stoploss")] = (
        Field(default=None, description="Close at this loss, below 0, e.g. -0.1")
    )
    trailing_stop: Annotated[
        Annotated[float, Field(gt=0.0, lt=1.0)] | None, _bounded("trailing_stop")
    ] = Field(
        default=None, description="Close so far behind the best price since the entry, e.g. 0.02"
    )
    trailing_offset: Annotated[
        Annotated[float, Field(ge=0.0, le=MAX_GAIN)] | None, _bounded("trailing_offset")
    ] = Field(default=None, description="The gain from which on it trails; 0: from the entry on")
    hold_bars: Annotated[Annotated[int, Field(ge=1, le=MAX_BARS)] | None, _bounded("hold_bars")] = (
        Field(default=None, description="Close at the open when so many bars have passed")
    )
    minimal_roi: dict[Minutes, Gain] = Field(
        default_factory=dict,
        max_length=MAX_ROWS,
        description="Take the profit at the gain of the position's age: gains by minutes since "
        'the entry, e.g. {"0": 0.04, "60": 0.02}',
    )

    @field_validator("minimal_roi", mode="before")
    @classmethod
    def _table(cls, value: Any) -> Any:
        if not isinstance(value, Mapping) or len(value) > MAX_ROWS:
            raise ValueError(
                f"minimal_roi is {value!r:.40}, expected gains by minutes, at most {MAX_ROWS}, "
                'such as {"0": 0.04, "60": 0.02}'
            )
        table = {_minutes(age): _gain(age, gain) for age, gain in value.items()}
        rows = sorted(table.items())
        for place, (age, gain) in enumerate(rows[1:]):
            before, higher = rows[place]
            if gain > higher:
                raise ValueError(
                    f"minimal_roi is {gain:g} at {age} minutes and {higher:g} at {before}, "
                    "expected a gain that falls with age"
                )
        return {str(age): gain for age, gain in rows}

    @model_validator(mode="after")
    def _trails_from_somewhere(self) -> Exits:
        if (self.trailing_stop is None) != (self.trailing_offset is None):
            alone, missing = "trailing_stop", "trailing_offset"
            if self.trailing_stop is None:
                alone, missing = missing, alone
            raise ValueError(
                f"{alone} is {getattr(self, alone):g} without {missing}, expected both: a stop "
                "trails from an offset on, 0 for from the entry on"
            )
        return self

    @property
    def table(self) -> list[tuple[int, float]]:
        """Gains by age in minutes, ascending, ``roi_min`` in them."""
        rows = {int(age): gain for age, gain in self.minimal_roi.items()}
        if self.roi_min is not None:
            rows = {0: self.roi_min} | {age: min(self.roi_min, gain) for age, gain in rows.items()}
        return sorted(rows.items())

    @property
    def empty(self) -> bool:
        """Whether the strategy alone closes positions."""
        return not self.minimal_roi and all(getattr(self, name) is None for name in EXIT_NAMES)

    def replaced(self, values: Mapping[str, object]) -> Exits:
        """Return these exits with other numbers; raises ExitsRejected naming value and bounds."""
        try:
            return Exits.model_validate(self.model_dump() | dict(values))
        except ValidationError as invalid:
            faults = (error["msg"].removeprefix("Value error, ") for error in invalid.errors())
            raise ExitsRejected("; ".join(faults)) from None


NO_EXITS = Exits()


def _minutes(age: Any) -> int:
    """Return an age of the table; keys of JSON are texts."""
    text = str(age)
    known = text.isascii() and text.isdigit() and len(text) < 10 and str(int(text)) == text
    if isinstance(age, bool) or not known or int(text) > MAX_AGE_MINUTES:
        raise ValueError(
            f"minimal_roi has the age {age!r:.40}, expected whole minutes from 0 to "
            f"{MAX_AGE_MINUTES:,}"
        )
    return int(text)


def _gain(age: Any, gain: Any) -> float:
    number = isinstance(gain, int | float) and not isinstance(gain, bool)
    if not number or not 0.0 <= gain <= MAX_GAIN:
        raise ValueError(
            f"minimal_roi is {gain!r:.40} at {age!s:.20} minutes, expected a gain from 0 to 10"
        )
    return float(gain)
