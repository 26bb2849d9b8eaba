"""Replay in memory: the live chains, models serving from the bar that their change names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deploy.recompute import Inference, Recomputation
from schemas.dead_letter import DeadLetter
from schemas.features import FeatureVector
from schemas.market import Bar, LedgerEntry
from schemas.models import ModelChanged
from schemas.predictions import Prediction
from schemas.record import Record
from schemas.regimes import RegimeProbabilities
from schemas.signals import ScoredSignal, Signal
from schemas.topics import FEATURE_VECTORS, PREDICTIONS, REGIME_PROBABILITIES
from streams.processor import Processor
from tests.build import MINUTE_MS, close_time, prediction, raw_bar, regime_parameters, registered


class Nothing(Record):
    """No state."""


def predict(state: Nothing, record: Record) -> tuple[Nothing, tuple[Record, ...]]:
    """Predict the same of every bar."""
    if not isinstance(record, RegimeProbabilities):
        return state, ()
    minute = (record.event_time_ms - close_time(0)) // MINUTE_MS
    return state, (prediction(minute),)


def inference(served: list[str] | None = None, refuse: Sequence[str] = ()) -> Inference:
    """Return an inference without models that notes what it is told to serve."""

    def serve(change: ModelChanged) -> str:
        version = change.model.model_version
        if version in refuse:
            return f"model {version} refused"
        if served is not None:
            served.append(version)
        return ""

    reads, key = (FEATURE_VECTORS, REGIME_PROBABILITIES), ("symbol", "timeframe_ms")
    return Inference(
        Processor("inference", reads, (PREDICTIONS,), Nothing(), key, step=predict), serve
    )


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


def made(work: Recomputation, minutes: Sequence[int], **fields: Any) -> list[Record]:
    return [record for m in minutes for record in work.feed(raw_bar(m, **fields))]


def test_one_bar_leads_to_a_record_on_each_topic_of_the_chains():
    records = made(Recomputation([], inference()), range(20))

    counts = {kind: sum(isinstance(r, kind) for r in records) for kind in (Bar, FeatureVector)}
    assert counts == {Bar: 20, FeatureVector: 20}
    assert sum(isinstance(r, RegimeProbabilities) for r in records) == 20
    assert sum(isinstance(r, Signal) for r in records) == 20
    assert sum(isinstance(r, ScoredSignal) for r in records) == 5  # the horizon is 15 bars


def test_the_same_bars_lead_to_the_same_bytes():
    bars = range(30)

    first, second = (made(Recomputation([changed("m1", 3)], inference()), bars) for _ in range(2))

    assert [r.encode() for r in first] == [r.encode() for r in second]


def test_regime_parameters_of_a_change_apply_from_its_bar_on():
    records = made(Recomputation([changed("m1", 3)], inference()), range(6))

    versions = [r.parameters_version for r in records if isinstance(r, RegimeProbabilities)]
    assert versions == [None, None, None, "m1", "m1", "m1"]


def test_a_model_is_loaded_when_its_bar_comes_and_not_before():
    served = list[str]()
    work = Recomputation([changed("m2", 4), changed("m1", 2)], inference(served))

    made(work, range(4))

    assert served == ["m1"]


def test_a_refused_model_is_named_and_nothing_else_stops():
    work = Recomputation([changed("bad", 1)], inference(refuse=["bad"]))

    records = made(work, range(3))

    assert work.refused == ["model bad refused"]
    assert sum(isinstance(r, Prediction) for r in records) == 3


def test_bars_after_the_span_still_reach_the_ledger_but_predict_nothing():
    work = Recomputation([], inference(), until_ms=close_time(1))

    records = made(work, [0, 1, 2, 1])

    assert sum(isinstance(r, Prediction) for r in records) == 2
    assert [r.kind for r in records if isinstance(r, LedgerEntry)] == ["duplicate"]


def test_a_bar_that_is_refused_becomes_a_dead_letter():
    records = made(Recomputation([], inference()), [0], high=1.0)

    assert [type(r) for r in records] == [DeadLetter]
