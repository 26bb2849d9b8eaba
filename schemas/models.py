"""The life of a model: registered, changed, serving.

``models.registered.v1`` is written by ``workers.training``; changes and serving by
``streams.promotion``; read by inference, explain, regimes, ingest and the gateway.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.bounds import MAX_COUNT, Count
from schemas.certificates import ModelCertificate
from schemas.diagnostics import ConfidenceBin, ModelEquity
from schemas.gates import ForecastScore, GateReport, Holdout, ModelComparison
from schemas.policies import GatesUsed
from schemas.record import Milliseconds, Record, Symbol, Timeframe
from schemas.regimes import RegimeParameters
from schemas.specialists import ModelSelection
from schemas.variants import VariantTest

FileRole = Literal[
    "forest",
    "forest_bull",
    "forest_bear",
    "forest_sideways",
    "forests",
    "lstm",
    "manifest",
    "report",
]


class ModelFile(Record):
    """One artifact, checked before it is loaded."""

    role: FileRole
    path: str = Field(description="Relative to the model directory")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size_bytes: Count


class ModelMetrics(Record):
    """Out-of-sample results; null where undefined."""

    rows: Count
    folds: Count
    log_loss: float | None
    prior_log_loss: float | None = Field(description="Of the train-fold class prior: the gate")
    log_loss_edge_interval: tuple[float, float] | None = Field(
        default=None,
        description="5-95 % of prior less model log-loss, blocks of time resampled: above 0 the "
        "edge is not chance",
    )
    log_loss_resolution_interval: tuple[float, float] | None = Field(
        default=None,
        description="5-95 % of the log-loss of each fold's average forecast less the model's: "
        "above 0 it tells rows apart, and does not only lean to the class that came",
    )
    edge_p_value: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Of no edge: the larger one of the t-tests of both gains on blocks of time; "
        "null for too few blocks",
    )
    brier: float | None
    accuracy: float | None
    macro_f1: float | None
    calibration_error: float | None = Field(description="ECE of the top label, 10 bins")
    calibration_error_interval: tuple[float, float] | None = None
    calibration_error_debiased: float | None = Field(
        default=None,
        ge=0,
        description="Root mean square gap of the same bins less what chance adds: 0 where no more "
        "is left",
    )
    calibration_error_debiased_interval: tuple[float, float] | None = Field(
        default=None, description="5-95 %, blocks of time resampled"
    )
    calibration_p_value: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Of a calibrated top label, signs of whole blocks of time turned: a small one "
        "speaks against it",
    )
    net_return_per_signal: float | None = Field(
        default=None, description="Mean after costs over directional calls, fraction"
    )
    directional_calls: Count = 0
    trials: int = Field(
        default=1, ge=1, le=MAX_COUNT, description="Configurations tried for this model"
    )


class ModelRegistered(Record):
    """A trained model exists, with its files, gates and out-of-sample report."""

    strategy: str = Field(description="The Kafka key")
    model_version: str = Field(description="Content address: hash of the manifest")
    request_id: str
    event_time_ms: Milliseconds = Field(description="Market time when it was registered")
    timeframe_ms: Timeframe
    symbols: tuple[Symbol, ...]
    trained_from_ms: Milliseconds
    trained_to_ms: Milliseconds
    feature_set_id: str
    feature_names: tuple[str, ...]
    horizon_bars: int = Field(gt=0, le=MAX_COUNT)
    uri: str = Field(description="Model directory as a URL; file:// by default")
    files: tuple[ModelFile, ...]
    metrics: ModelMetrics
    gates: dict[str, bool] = Field(description="Each gate by name")
    qualified: bool = Field(description="Every gate passed")
    regimes: tuple[RegimeParameters, ...] = Field(description="One per symbol")
    left_out: dict[str, str] = Field(
        default_factory=dict, description="By symbol, why the model was trained without it"
    )
    base_ms: Timeframe | None = Field(
        default=None, description="Length of the base bars that these bars are made of; null: none"
    )
    reports: tuple[GateReport, ...] = Field(
        default=(), description="The gates in order; empty in records of older releases"
    )
    scores: tuple[ForecastScore, ...] = Field(
        default=(), description="Of the pool, each member and each baseline on the stitched folds"
    )
    holdout: Holdout | None = Field(default=None, description="Null in records of older releases")
    comparison: ModelComparison | None = Field(
        default=None, description="With the champion that the request names; null: it names none"
    )
    certificate: ModelCertificate | None = Field(
        default=None, description="Null of models that are older than certificates"
    )
    selection: ModelSelection | None = Field(
        default=None, description="Who answers; null in records of older releases: universal"
    )
    reliability: tuple[ConfidenceBin, ...] = Field(
        default=(), description="Of the answers that serve, on the stitched folds; bins with rows"
    )
    equity: ModelEquity | None = Field(
        default=None, description="Of the same answers; null in records of older releases"
    )
    policy: GatesUsed | None = Field(
        default=None, description="By which it was judged; null in records of older releases"
    )
    variants: tuple[VariantTest, ...] = Field(
        default=(), description="Other ways to make its forests that were tried, in order"
    )

    @property
    def imported(self) -> bool:
        """Whether it was trained elsewhere: nothing says on which rows."""
        return self.trained_from_ms == 0


class ModelChanged(Record):
    """From ``effective_from_ms`` on, this model serves the strategy and the model's timeframe."""

    strategy: str = Field(description="The Kafka key")
    event_time_ms: Milliseconds
    effective_from_ms: Milliseconds = Field(description="First bar close it may predict")
    model: ModelRegistered
    replaces: str | None = Field(default=None, description="Model version before")
    reason: str


class ModelServing(ModelChanged):
    """The last change of a strategy and timeframe, as a compacted view."""

    @property
    def subject(self) -> str:
        """The Kafka key: ``<strategy>/<timeframe_ms>``; older records lie under the strategy."""
        return f"{self.strategy}/{self.model.timeframe_ms}"
