"""Drift: what a model was measured on, how its inputs have shifted, whether it does harm.

Written by ``workers.training`` (references), ``streams.shifts`` (features) and ``streams.drift``
(reports); policies stand in configs.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from schemas.bounds import MAX_COUNT, Count
from schemas.record import Milliseconds, Record, Symbol, Timeframe

# Of one prediction: its log-loss, 1 - hit, confidence - hit; before its label, its own entropy.
Measure = Literal["log_loss", "miss", "overconfidence", "expected_log_loss"]
DriftReason = Literal["log_loss", "miss", "overconfidence", "expected_log_loss", "age"]
Rows = Annotated[int, Field(ge=1, le=MAX_COUNT)]


class DriftPolicy(Record):
    """What a config says of drift."""

    enabled: bool = Field(
        default=True, description="Off: drift is measured and shown, and asks for nothing"
    )
    average_run_length_days: float = Field(
        default=365.0,
        ge=1.0,
        le=36_500.0,
        description="Market days between false alarms of one symbol and timeframe, on average, at "
        "least",
    )
    log_loss_tolerance: float = Field(
        default=0.02, ge=0.0, le=10.0, description="Nats above the reference that are no harm"
    )
    accuracy_drop: float = Field(
        default=0.05, ge=0.0, le=1.0, description="Share of hits lost that is no harm: 5 points"
    )
    overconfidence_tolerance: float = Field(
        default=0.05, ge=0.0, le=1.0, description="Confidence above the share of hits, the same"
    )
    min_labels: int = Field(
        default=270, ge=270, le=MAX_COUNT, description="Matured labels before any alarm"
    )
    max_age_days: float = Field(
        default=30.0, gt=0.0, le=36_500.0, description="Market days since it was registered"
    )
    automatic_rollback: bool = Field(
        default=True,
        description="A new model whose live log-loss does harm gives way to the one before",
    )
    probation_bars: int = Field(
        default=1_440, ge=1, le=MAX_COUNT, description="So long a model that replaced one is new"
    )


class MeasureReference(Record):
    """One measure of a model out of sample, on means of blocks, and the test of its detector."""

    measure: Measure
    mean: float
    upper: float = Field(description="95 % bound of the mean, one-sided")
    deviation: float = Field(ge=0, description="Long-run standard deviation of a block's mean")
    blocks: Count
    silent: bool = Field(description="The detector gives no alarm on this history")
    planted: float = Field(description="Rise that was added to the later half of it")
    caught_blocks: Count | None = Field(description="Blocks until the alarm for it; null: none")

    @property
    def armed(self) -> bool:
        """Whether the detector may be switched on."""
        return self.silent and self.caught_blocks is not None


class FeatureReference(Record):
    """Distribution of each feature on training rows; numbers are float32, little-endian, by row."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    names: tuple[str, ...] = Field(min_length=1, description="F of them")
    edges: bytes = Field(description="F x 9: deciles; a bin ends at its edge, inclusive")
    shares: bytes = Field(description="F x 10: share of the rows in each bin")
    null: bytes = Field(
        description="F x 4: of PSI and of KS between a past window and the other rows, the 95 % "
        "quantile, and the natural log of the sum of exp(6 value / quantile)"
    )
    draws: Count = Field(description="Past windows behind the null")
    rows: Count
    stride_bars: Rows = Field(description="A row each so many bars, counted from the epoch")
    half_rows: Rows = Field(description="A report each so many rows, about twice as many")


class DriftReference(Record):
    """What a symbol's drift is measured against while a model serves."""

    symbol: Symbol
    timeframe_ms: Timeframe
    strategy: str
    model_version: str
    event_time_ms: Milliseconds = Field(description="Market time of the registration")
    trained_to_ms: Milliseconds
    block_rows: Rows = Field(description="Predictions in a block: four label horizons")
    measures: tuple[MeasureReference, ...]
    features: FeatureReference | None = Field(
        default=None, description="Null: the history is too short for past windows"
    )


class FeatureShift(Record):
    """How far a feature has moved; against the 95 % quantile of windows of the past."""

    name: str
    psi: float = Field(description="Population stability index over the deciles")
    psi_95: float
    ks: float = Field(description="Kolmogorov-Smirnov distance at the deciles")
    ks_95: float
    e_value: float = Field(ge=0, description="Evidence of a shift: 1 is none, 20 is strong")
    drifted: bool = Field(description="By e-BH over all features: 10 % of those named are false")


class FeatureDrift(Record):
    """The features of the last rows against those of the training. It informs, never alarms."""

    symbol: Symbol
    timeframe_ms: Timeframe
    strategy: str
    model_version: str
    event_time_ms: Milliseconds = Field(description="Close of the newest bar")
    from_ms: Milliseconds = Field(description="Close of the oldest bar")
    rows: Count
    features: tuple[FeatureShift, ...]


class MeasureDrift(Record):
    """One measure live against its reference."""

    measure: Measure
    armed: bool = Field(description="Only an armed detector gives alarms")
    reference: float = Field(description="Mean out of sample")
    limit: float = Field(description="Upper bound of the reference and the tolerance")
    live: float | None = Field(description="Mean of the newest blocks; null: no whole block yet")
    lower: float | None = Field(
        description="Highest lower bound of the live mean since any block; null: too few labels"
    )
    labels: Count = Field(description="Predictions in whole blocks since this model serves")
    alarm: bool = Field(description="The lower bound is above the limit")


class DriftReport(Record):
    """How a serving model does on a symbol, block by block, and whether it should be retrained."""

    symbol: Symbol
    timeframe_ms: Timeframe
    strategy: str
    model_version: str
    event_time_ms: Milliseconds
    trained_to_ms: Milliseconds
    age_days: float = Field(description="Market days since it was registered")
    max_age_days: float
    measures: tuple[MeasureDrift, ...]
    features_ms: Milliseconds | None = Field(description="Of the newest look at the features")
    features_drifted: tuple[str, ...] = ()
    reasons: tuple[DriftReason, ...] = Field(description="To retrain; empty: none")
    raised: bool = Field(description="A reason is new: people are told")
    retraining_asked: bool = False
    rollback_asked: bool = False
    config_id: str | None = Field(
        default=None, description="Whose policy it is; null: no config was known"
    )
    policy: DriftPolicy | None = Field(default=None, description="Null in older records")
