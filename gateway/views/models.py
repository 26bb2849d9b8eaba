"""View of models: in the memory of inference, in service, and in training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from gateway.views.arrival import Arrival
from schemas.models import ModelServing
from schemas.record import Record
from schemas.status import LoadedModel, WorkerStatus
from schemas.timeframes import timeframe_name
from schemas.training import TrainingProgress


class StandIn(NamedTuple):
    """Why inference refuses the model that is to serve, and what answers in its place, if any."""

    cause: str
    model: LoadedModel | None


class ModelsView:
    """The models of every timeframe; the base one is what a record without a timeframe means."""

    def __init__(self, statuses: Mapping[str, WorkerStatus], base_ms: Callable[[], int]) -> None:
        self._statuses = statuses
        self._base_ms = base_ms
        self.serving: dict[str, ModelServing] = {}  # by strategy and timeframe
        self.training: dict[int | None, TrainingProgress] = {}  # by timeframe; the newest is last

    def folds(self) -> dict[type[Record], Callable[[Any, Arrival], object]]:
        """Return what takes each record that this view is made of."""
        return {
            ModelServing: lambda serving, _: self.serving.update({serving.subject: serving}),
            TrainingProgress: self._training,
        }

    def _training(self, progress: TrainingProgress, _: Arrival) -> None:
        self.training.pop(progress.timeframe_ms, None)
        self.training[progress.timeframe_ms] = progress

    def _inference(self) -> list[WorkerStatus]:
        return [s for s in self._statuses.values() if s.process.startswith("inference")]

    def loaded(self) -> list[LoadedModel]:
        """Return the models in the memory of inference."""
        return [model for status in self._inference() for model in status.models]

    def stand_in(self, change: ModelServing) -> StandIn | None:
        """Return what answers for a model that inference refuses; None where it does not."""
        for status in self._inference():
            cause = status.refused.get(change.model.model_version)
            if cause is not None:
                length = change.model.timeframe_ms
                loaded = [m for m in status.models if self.timeframe_ms(m) == length]
                return StandIn(cause, loaded[-1] if loaded else None)
        return None

    def by_name(self) -> dict[str, LoadedModel]:
        """Return the loaded models by name: ``name`` at the base timeframe, else ``name/15m``.

        The newest of several has that name, the others ``name@version`` or ``name/15m@version``.
        """
        by_name: dict[str, LoadedModel] = {}
        for model in reversed(self.loaded()):
            name = self.name_at(model.name, self.timeframe_ms(model))
            by_name[f"{name}@{model.version}" if name in by_name else name] = model
        return by_name

    def timeframe_ms(self, model: LoadedModel) -> int:
        """Return the length of a model's bars; that of the base where it does not tell."""
        return model.timeframe_ms or self._base_ms()

    def name_at(self, name: str, timeframe_ms: int) -> str:
        """Return the name of a strategy or model at a timeframe; the bare one at the base."""
        return name if timeframe_ms == self._base_ms() else f"{name}/{timeframe_name(timeframe_ms)}"

    def serving_at(self, timeframe_ms: int) -> list[ModelServing]:
        """Return the models in service at a timeframe."""
        return [each for each in self.serving.values() if each.model.timeframe_ms == timeframe_ms]

    def training_at(self, timeframe_ms: int) -> TrainingProgress | None:
        """Return the newest step of training at a timeframe; one that tells none is the base's."""
        untold = self.training.get(None) if timeframe_ms == self._base_ms() else None
        return self.training.get(timeframe_ms, untold)
