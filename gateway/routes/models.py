"""GET /api/v1/models: what is loaded in inference, and what serves."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from gateway.context import AppContext, ContextDep
from gateway.envelope import iso, plain
from schemas.models import ModelMetrics, ModelServing
from schemas.specialists import ModelSelection
from schemas.timeframes import timeframe_name
from schemas.training import TrainingProgress

router = APIRouter(prefix="/api/v1/models", tags=["models"])


class LoadedModelView(BaseModel):
    """One model in inference's memory."""

    name: str
    version: str
    loaded_at: str = Field(description="ISO 8601, UTC")
    device: str = Field(description="cpu or cuda:N")
    parameters: int
    qualified: bool = Field(description="Passed every gate")
    serving: bool = Field(description="Whether this version answers for its strategy")
    timeframe: str
    selection: str | None = Field(
        description="Who answers for it: universal, argmax or blend; null: a specialist"
    )


class ServingModel(BaseModel):
    """The model in service of one strategy and timeframe, with its out-of-sample report."""

    model_version: str
    refused: str | None = Field(description="Why inference cannot load it; null: it can")
    answered_by: str | None = Field(
        description="Model version that answers: another one while it is refused; null: none does"
    )
    effective_from: str
    replaces: str | None
    reason: str
    qualified: bool
    gates: dict[str, bool]
    metrics: ModelMetrics
    trained_from: str | None = Field(description="Null: it was imported, nobody knows")
    trained_to: str | None = Field(description="The same")
    symbols: list[str]
    timeframe: str
    timeframe_ms: int
    horizon_bars: int
    feature_set_id: str
    features: int
    mlflow_run_id: str | None = Field(
        default=None, description="Null until it is mirrored into MLflow"
    )
    selection: ModelSelection | None = Field(
        description="Who answers, and the figures that decided it; null: an older release"
    )


class TrainingView(BaseModel):
    """The newest step of training."""

    timeframe: str | None = Field(description="Null: the step does not tell")
    stage: str
    done: float
    note: str


class ModelList(BaseModel):
    """Loaded models, and what serves each strategy, by name.

    A model of a higher timeframe has that in its name: ``ensemble/15m``. So have its specialists:
    ``bull_specialist/15m``.
    """

    models: dict[str, LoadedModelView]
    total_models: int
    serving: dict[str, ServingModel]
    training: TrainingView | None


@router.get("", response_model=ModelList)
async def models(ctx: ContextDep) -> Response:
    """Return every model that is loaded, of each timeframe.

    One of them can be named as ``strategy_override`` of a question about its timeframe.
    """
    ctx.require_ready()
    views = ctx.views
    versions = {_answers(ctx, serving)[1] for serving in views.models.serving.values()}
    loaded: dict[str, dict[str, Any]] = {}
    for name, model in views.models.by_name().items():
        loaded[name] = shown = {
            "name": model.name,
            "version": model.version,
            "loaded_at": iso(model.loaded_at_ms),
            "device": model.device,
            "parameters": model.parameters,
            "qualified": model.qualified,
            "serving": model.version in versions,
            "timeframe": timeframe_name(views.models.timeframe_ms(model)),
            "selection": model.selection,
        }
        for each in model.specialists:
            loaded[model.part_name(name, each.name)] = shown | {
                "name": each.name,
                "parameters": each.parameters,
                "qualified": each.qualified,
                "selection": None,
            }
    serving = (change for length in views.timeframes for change in views.models.serving_at(length))
    body = {
        "models": loaded,
        "total_models": len(loaded),
        "serving": {
            views.models.name_at(change.strategy, change.model.timeframe_ms): _serving(ctx, change)
            | {"mlflow_run_id": views.mlflow.run_id(f"model/{change.model.model_version}")}
            for change in serving
        },
        "training": _training(next(reversed(views.models.training.values()), None)),
    }
    return plain(body)


def _training(step: TrainingProgress | None) -> dict[str, Any] | None:
    if step is None:
        return None
    length = step.timeframe_ms
    return {
        "timeframe": None if length is None else timeframe_name(length),
        "stage": step.stage,
        "done": step.done,
        "note": step.note,
    }


def _answers(ctx: AppContext, change: ModelServing) -> tuple[str | None, str | None]:
    """Return why a model that is to serve is refused, if it is, and the version that answers."""
    stand_in = ctx.views.models.stand_in(change)
    if stand_in is None:
        return None, change.model.model_version
    return stand_in.cause, stand_in.model.version if stand_in.model else None


def _serving(ctx: AppContext, change: ModelServing) -> dict[str, Any]:
    model = change.model
    refused, answered_by = _answers(ctx, change)
    return {
        "model_version": model.model_version,
        "refused": refused,
        "answered_by": answered_by,
        "effective_from": iso(change.effective_from_ms),
        "replaces": change.replaces,
        "reason": change.reason,
        "qualified": model.qualified,
        "gates": model.gates,
        "metrics": model.metrics.model_dump(),
        "trained_from": None if model.imported else iso(model.trained_from_ms),
        "trained_to": None if model.imported else iso(model.trained_to_ms),
        "symbols": list(model.symbols),
        "timeframe": timeframe_name(model.timeframe_ms),
        "timeframe_ms": model.timeframe_ms,
        "horizon_bars": model.horizon_bars,
        "feature_set_id": model.feature_set_id,
        "features": len(model.feature_names),
        "selection": None if model.selection is None else model.selection.model_dump(),
    }
