"""Replay in memory: the live chains, models serving from the bar that their change names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from schemas.dead_letter import DeadLetter
from schemas.features import FeatureVector
from schemas.market import Bar, LedgerEntry, RawBar
from schemas.models import ModelChanged
from schemas.predictions import Prediction
from schemas.record import Record
from schemas.regimes import RegimeProbabilities
from schemas.signals import ScoredSignal, Signal
from schemas.timeframes import MINUTE_MS
from schemas.topics import topic_of
from streams.features.catalog import FEATURE_SET_ID
from tests.build import close_time, raw_bar, regime_parameters
from tests.fakes.scripted_inference import PROCESSOR, changed, inference
from tests.fakes.small_day import raw_bars
from tests.fakes.small_models import small_model
from workers.research.replay.recompute import (
    MADE,
    Inference,
    Recomputation,
    Span,
    model_inference,
)

M5, M15 = 5 * MINUTE_MS, 15 * MINUTE_MS


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


def test_bars_after_the_span_reach_the_ledger_but_only_the_first_predicts():
    work = Recomputation([], inference(), until_ms=close_time(1))

    records = made(work, [0, 1, 2, 3, 4, 3])

    assert sum(isinstance(r, Prediction) for r in records) == 3
    assert [r.kind for r in records if isinstance(r, LedgerEntry)] == ["duplicate"]


def test_what_expires_in_a_hole_at_the_end_of_the_span_is_still_scored():
    work = Recomputation([], inference(), until_ms=close_time(20))

    records = made(work, [*range(18), 25, 26])

    scored = [r for r in records if isinstance(r, ScoredSignal)]
    assert close_time(20) in {r.event_time_ms for r in scored if r.outcome is None}


def unserved() -> Inference:
    """Return an inference that predicts nothing."""
    silent = replace(PROCESSOR, step=lambda state, _record: (state, ()))
    return replace(inference(), processor=silent)


LONG_HOLE = (*range(150), 155, 170, *range(250, 254), *range(320, 400))


@pytest.mark.parametrize("served", [True, False])
@pytest.mark.parametrize("minute", [9, 57, 149, 152, 160, 252, 300, 330])
def test_a_span_holds_what_a_replay_of_everything_makes_in_it(minute, served):
    """Holes, a bar far ahead of the others, and higher bars that lack their last base bar."""
    until_ms, higher_ms = close_time(minute), (M5, M15)
    inside = Span(to_ms=until_ms)

    def in_the_span(work: Recomputation) -> list[bytes]:
        records = made(work, LONG_HOLE, higher_ms=higher_ms)
        return [r.encode() for r in records if topic_of(r) in MADE and inside.holds(r)]

    scripted = inference() if served else unserved()
    cut, whole = (
        in_the_span(Recomputation([], scripted, until_ms=end)) for end in (until_ms, None)
    )

    assert cut == whole


def test_a_base_bar_is_recomputed_until_its_higher_bars_have_left_the_span():
    work = Recomputation([], inference(), until_ms=close_time(3))

    records = made(work, range(40), higher_ms=(M5, M15))

    late = [r for r in records if isinstance(r, Signal) and r.event_time_ms > close_time(3)]
    assert {r.timeframe_ms for r in late} == {MINUTE_MS, M5, M15}
    assert max(r.event_time_ms for r in late) == next(
        r.event_time_ms for r in records if isinstance(r, Bar) and r.timeframe_ms == M15
    )


def test_a_bar_that_is_refused_becomes_a_dead_letter():
    records = made(Recomputation([], inference()), [0], high=1.0)

    assert [type(r) for r in records] == [DeadLetter]


def trained(root: Path, seed: int, timeframe_ms: int, minute: int) -> ModelChanged:
    """Return a change to a small model of a timeframe that serves from a minute's close on."""
    made = small_model(root, seed, feature_set=FEATURE_SET_ID, timeframe_ms=timeframe_ms)
    version = {"model_version": made.model_version, "timeframe_ms": timeframe_ms}
    model = made.model_copy(update={"regimes": (regime_parameters(**version),)})
    return changed("any", minute).model_copy(update={"model": model})


def test_models_of_each_timeframe_serve_it_from_their_own_bars(tmp_path):
    three = 3 * MINUTE_MS
    changes = [
        trained(tmp_path, 0, MINUTE_MS, 200),
        trained(tmp_path, 1, three, 250),
        trained(tmp_path, 2, MINUTE_MS, 300),
    ]
    first, longer, second = (change.model.model_version for change in changes)
    work = Recomputation(changes, model_inference())

    bars = [bar for bar in raw_bars(minutes=540) if isinstance(bar, RawBar)]
    records = [
        record
        for bar in bars
        if bar.symbol == "BTCUSDT"
        for record in work.feed(bar.model_copy(update={"higher_ms": (three,)}))
    ]

    predictions = [record for record in records if isinstance(record, Prediction)]
    assert work.refused == []
    assert {p.model_version for p in predictions if p.timeframe_ms == three} == {longer}
    base = [p for p in predictions if p.timeframe_ms == MINUTE_MS]
    assert {p.model_version for p in base} == {first, second}
    for each in base:
        assert (each.model_version == second) is (each.event_time_ms >= close_time(300))
