"""What judges a model: reports of its gates, its scores beside baselines, and its comparison."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.bounds import Count
from schemas.record import Milliseconds, Record
from schemas.specialists import SelectionRule

GateName = Literal["data", "features", "boosted", "lstm", "ensemble", "promotion"]
Rule = Literal["above", "at_least", "below", "at_most"]
# "ensemble" is the universal model; "selection" what serves where specialists answer too.
Forecast = Literal[
    "ensemble",
    "selection",
    "xgboost",
    "lstm",
    "class_prior",
    "naive_last_label",
    "historical_volatility",
]


def holds(rule: Rule, value: float | None, threshold: float) -> bool:
    """Return whether a value lies as a rule says to its threshold; an undefined one does not."""
    if value is None:
        return False
    return {
        "above": value > threshold,
        "at_least": value >= threshold,
        "below": value < threshold,
        "at_most": value <= threshold,
    }[rule]


class GateFigure(Record):
    """One number of a gate, and how it was judged."""

    name: str
    value: float | None = Field(description="Null where undefined")
    threshold: float | None = Field(default=None, description="Null: the value is only shown")
    rule: Rule | None = Field(default=None, description="How the value must lie to its threshold")
    verdict: Literal["passed", "failed", "shown"]
    required: bool = Field(default=False, description="The gate fails where this figure does")


class GateReport(Record):
    """One gate of a training. It passes where every required figure does."""

    name: GateName
    passed: bool
    figures: tuple[GateFigure, ...]
    detail: str = Field(default="", description="One sentence for people")


class ForecastScore(Record):
    """How well one forecast did; null where undefined."""

    forecast: Forecast
    log_loss: float | None
    brier: float | None
    accuracy: float | None
    macro_f1: float | None
    balanced_accuracy: float | None = Field(
        default=None, description="Mean share of each class that was called right"
    )
    calibration_error: float | None = Field(
        default=None, description="ECE of the top label, 10 bins"
    )


class Holdout(Record):
    """The newest rows of a training, which nothing but this record has looked at."""

    from_ms: Milliseconds = Field(description="Close of its first bar")
    to_ms: Milliseconds = Field(description="Close of its last bar")
    rows: Count
    scores: tuple[ForecastScore, ...]


class ComparedMetric(Record):
    """One row of the comparison of a champion with its challenger."""

    metric: str
    weight: Literal["high", "medium", "low"]
    required: bool = Field(description="The challenger is kept out where it fails")
    rule: Rule
    threshold: float
    champion: float | None
    challenger: float | None
    passed: bool = Field(description="Of the challenger; a null value fails")


class ModelComparison(Record):
    """A challenger beside the champion, on the same rows, which neither was trained on."""

    champion: str = Field(description="Its model version")
    rows: Count
    from_ms: Milliseconds | None = Field(default=None, description="First bar close; null: none")
    to_ms: Milliseconds | None = Field(default=None, description="Last bar close; null: none")
    metrics: tuple[ComparedMetric, ...]
    difference: float | None = Field(
        description="Mean log-loss of the champion less the challenger's, nats: above 0 is better"
    )
    difference_interval: tuple[float, float] | None = Field(
        default=None, description="Of that mean, by the stationary bootstrap; null: too few rows"
    )
    level: float = Field(default=0.95, gt=0.0, lt=1.0, description="Of the interval")
    champion_rule: SelectionRule | None = Field(
        default=None, description="Who answered for the champion; null: not compared"
    )
    challenger_rule: SelectionRule | None = None
    universal_difference: float | None = Field(
        default=None, description="The same mean of the universal models alone; it decides nothing"
    )
    verdict: Literal["promote", "keep", "manual_review"]
    reasons: tuple[str, ...] = Field(description="One sentence each")
