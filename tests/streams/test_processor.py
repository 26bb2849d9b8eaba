"""The fold: states by key, outputs fed on, refusals kept apart."""

from __future__ import annotations

import pytest

from schemas.timeframes import MINUTE_MS
from schemas.topics import BARS, FEATURE_VECTORS, RAW_BARS, REGIME_PROBABILITIES
from streams.processor import Changes, Processor, fold
from tests.build import raw_bar
from tests.kafka.audit_chain import CHAIN, CHECK, CheckState, check

KEY = ("symbol", "timeframe_ms")


def folded(*records, states=None):
    into = Changes()
    for record in records:
        fold(CHAIN, states or {}, record, into)
    return into


def test_each_output_is_fed_to_the_next_step_and_all_are_kept():
    into = folded(raw_bar())

    assert [type(o).__name__ for o in into.outputs] == [
        topic.record.__name__ for topic in (BARS, FEATURE_VECTORS, REGIME_PROBABILITIES)
    ]


def test_states_are_kept_apart_by_state_key():
    into = folded(raw_bar(), raw_bar(symbol="ETHUSDT"), raw_bar(1))

    assert into.states["audit_check", ("BTCUSDT", MINUTE_MS)].passed == 2
    assert into.states["audit_check", ("ETHUSDT", MINUTE_MS)].passed == 1


def test_committed_states_are_read_and_never_written():
    states = {("audit_check", ("BTCUSDT", MINUTE_MS)): CheckState(passed=7)}

    into = folded(raw_bar(), states=states)

    assert states["audit_check", ("BTCUSDT", MINUTE_MS)].passed == 7
    assert into.states["audit_check", ("BTCUSDT", MINUTE_MS)].passed == 8


def test_a_refused_record_leaves_no_state_and_no_output():
    into = folded(raw_bar(low=200.0))

    assert into.outputs == []
    assert into.states == {}
    assert [(r.processor.name, r.kind) for r in into.rejections] == [("audit_check", "rejected")]


def test_an_unchanged_state_is_not_written_again():
    into = folded(raw_bar())
    fresh = Changes()

    fold(CHAIN, into.states, raw_bar(), fresh)

    assert fresh.states == {}


@pytest.mark.parametrize(
    "both", [{}, {"step": check, "step_batch": lambda states, _: (states, [])}]
)
def test_a_processor_has_exactly_one_kind_of_step(both):
    with pytest.raises(ValueError, match="exactly one of step and step_batch"):
        Processor("odd", (RAW_BARS,), (BARS,), CheckState(), KEY, **both)


def test_a_processor_names_its_changelog_after_itself():
    assert CHECK.changelog == "audit_check.state.v1"
