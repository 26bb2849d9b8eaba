"""How far the model of a timeframe is: from history that is being filled to one that serves."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from gateway.views.read_model import ReadModel
from schemas.timeframes import timeframe_name

ModelStage = Literal["filling", "waiting", "training", "failed", "serving"]


class ModelState(BaseModel):
    """The model of one timeframe, or why there is none yet."""

    state: ModelStage = Field(
        description="filling: its history is; waiting: to be trained, or to serve; training: its "
        "first model is"
    )
    detail: str = Field(description="In words; empty while what is to serve does")
    model_version: str | None = Field(description="That answers; null: none does")
    qualified: bool | None = Field(description="Whether it passed its gates; null: none answers")
    done: float | None = Field(description="Of the training that runs, in [0, 1]")


def model_state(views: ReadModel, timeframe_ms: int) -> ModelState:
    """Return how far the model of a timeframe is."""
    step = views.models.training_at(timeframe_ms)
    done = step.done if step is not None and step.stage not in {"done", "failed"} else None
    for change in views.models.serving_at(timeframe_ms):
        model, stand_in = change.model, views.models.stand_in(change)
        answers = model.model_version, model.qualified
        if stand_in is not None and stand_in.model is None:
            return ModelState(
                state="failed",
                detail=stand_in.cause,
                model_version=None,
                qualified=None,
                done=done,
            )
        if stand_in is not None and stand_in.model is not None:
            answers = stand_in.model.version, stand_in.model.qualified
        return ModelState(
            state="serving",
            detail="" if stand_in is None else f"{stand_in.cause}; {answers[0]} answers",
            model_version=answers[0],
            qualified=answers[1],
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
    newest = next(reversed(views.models.training.values()))
    if newest is not step and newest.stage not in {"done", "failed"}:  # one is trained at a time
        other = timeframe_name(newest.timeframe_ms or views.base_ms)
        return "waiting", f"the training of the first one goes on after that of {other}"
    return "training", "the first one is being trained"
