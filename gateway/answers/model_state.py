"""How far the model of a timeframe is: from history that is being filled to one that serves."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from gateway.views.read_model import ReadModel

ModelStage = Literal["filling", "waiting", "training", "failed", "serving"]


class ModelState(BaseModel):
    """The model of one timeframe, or why there is none yet."""

    state: ModelStage = Field(
        description="filling: its history is; waiting: to be trained, or to serve; training: its "
        "first model is"
    )
    detail: str = Field(description="In words; empty while it serves")
    model_version: str | None = Field(description="Null: none serves")
    qualified: bool | None = Field(description="Whether it passed its gates; null: none serves")
    done: float | None = Field(description="Of the training that runs, in [0, 1]")


def model_state(views: ReadModel, timeframe_ms: int) -> ModelState:
    """Return how far the model of a timeframe is."""
    step = views.models.training_at(timeframe_ms)
    done = step.done if step is not None and step.stage not in {"done", "failed"} else None
    for change in views.models.serving_at(timeframe_ms):
        model = change.model
        return ModelState(
            state="serving",
            detail="",
            model_version=model.model_version,
            qualified=model.qualified,
            done=done,
        )
    stage, detail = _absence(views, timeframe_ms)
    return ModelState(state=stage, detail=detail, model_version=None, qualified=None, done=done)


def _absence(views: ReadModel, timeframe_ms: int) -> tuple[ModelStage, str]:
    step = views.models.training_at(timeframe_ms)
    if step is None and timeframe_ms in views.history:
        return "waiting", "the history is complete, and the first one is trained next"
    if step is None:
        return "filling", "the first one is trained when the history is complete"
    if step.stage == "failed":
        return "failed", f"the training of the first one failed: {step.note}"
    if step.stage == "done":
        return "waiting", "the first one is trained and about to serve"
    return "training", "the first one is being trained"
