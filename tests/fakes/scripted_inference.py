"""Inference without models, for tests of what replays around it."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.models import ModelChanged
from schemas.record import Record
from schemas.regimes import RegimeProbabilities
from schemas.timeframes import MINUTE_MS
from schemas.topics import FEATURE_VECTORS, PREDICTIONS, REGIME_PROBABILITIES
from streams.processor import Processor
from tests.build import close_time, expected_returns, prediction, regime_parameters, registered
from workers.research.replay.recompute import Inference


class Nothing(Record):
    """No state."""


def predict(
    state: Nothing, record: Record, horizon_bars: int = 15
) -> tuple[Nothing, tuple[Record, ...]]:
    """Predict the same of every bar."""
    if not isinstance(record, RegimeProbabilities):
        return state, ()
    minute = (record.event_time_ms - close_time(0)) // MINUTE_MS
    made = prediction(
        minute,
        symbol=record.symbol,
        timeframe_ms=record.timeframe_ms,
        expected_return=expected_returns(),
        horizon_bars=horizon_bars,
    )
    return state, (made,)


PROCESSOR = Processor(
    name="inference",
    reads=(FEATURE_VECTORS, REGIME_PROBABILITIES),
    writes=(PREDICTIONS,),
    initial=Nothing(),
    state_key=("symbol", "timeframe_ms"),
    step=predict,
)


def inference(served: list[str] | None = None, refuse: Sequence[str] = ()) -> Inference:
    """Return an inference that records the versions it serves and refuses some."""

    def serve(change: ModelChanged) -> str:
        version = change.model.model_version
        if version in refuse:
            return f"model {version} refused"
        if served is not None:
            served.append(version)
        return ""

    return Inference(PROCESSOR, serve)


def changed(version: str, minute: int) -> ModelChanged:
    """Return a change to a model that serves from a minute's close on."""
    parameters = regime_parameters(model_version=version, effective_from_ms=0)
    return ModelChanged(
        strategy="ensemble",
        event_time_ms=close_time(0),
        effective_from_ms=close_time(minute),
        model=registered(model_version=version, regimes=(parameters,)),
        reason="qualified",
    )
