"""Explanations: which features drove a prediction, in shares that can be compared.

Written by ``workers.explain``; read by the gateway. The topic keeps the strongest drivers for ever.
The values of all features follow from features and model, so they are computed when asked for.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.record import Milliseconds, Probability, Record, Symbol, Timeframe
from schemas.specialists import Answerer


class Driver(Record):
    """One feature's push for (+) or against (-) the explained class."""

    feature: str
    value: float | None
    contribution: float = Field(description="Signed share of the pooled attribution, in [-1, 1]")
    xgboost_margin: float | None = Field(default=None, description="TreeSHAP, log-odds")
    lstm_gradient: float | None = Field(default=None, description="Integrated gradients, log-odds")


class Explanation(Record):
    """Top drivers of one prediction, and one plain sentence."""

    explanation_id: str
    prediction_id: str
    signal_id: str
    symbol: Symbol
    timeframe_ms: Timeframe
    event_time_ms: Milliseconds
    available_time_ms: Milliseconds
    model_version: str
    explained_class: Literal["sell", "neutral", "buy"]
    positive: tuple[Driver, ...] = Field(max_length=5)
    negative: tuple[Driver, ...] = Field(max_length=5)
    base_value: float = Field(description="Margin of the explained class before any feature")
    methods: dict[str, str] = Field(description="How each member was attributed")
    additivity_gap: dict[str, float] = Field(description="Sum of parts minus the whole, by member")
    sentence: str
    answered_by: Literal[Answerer, "blend"] | None = Field(
        default=None, description="Null in records of older releases"
    )
    shares: dict[Answerer, Probability] = Field(
        default_factory=dict, description="How much of the answer is whose; those of none left out"
    )
    why: str = Field(default="", description="Why they answered")


class FeatureInteraction(Record):
    """What two features add to the margin only together."""

    features: tuple[str, str]
    value: float = Field(description="Log-odds, both halves of the symmetric pair")


class Attribution(Record):
    """Every feature's push on the forest's margin of the explained class: exact, it adds up.

    ``base_value`` plus the sum of ``shap_values`` is ``model_output``, but for single precision.
    """

    prediction_id: str
    model_version: str
    explained_class: Literal["sell", "neutral", "buy"]
    feature_names: tuple[str, ...]
    shap_values: tuple[float, ...] = Field(description="Log-odds, in the order of feature_names")
    base_value: float = Field(description="Margin of the explained class before any feature")
    model_output: float = Field(description="Margin of the explained class, by the forest itself")
    interactions: tuple[FeatureInteraction, ...] | None = Field(
        default=None, description="The strongest pairs; null unless asked for"
    )
    shares: dict[Answerer, Probability] = Field(
        default_factory=dict,
        description="Whose forests the values are of, and how much of each; empty: the universal",
    )
