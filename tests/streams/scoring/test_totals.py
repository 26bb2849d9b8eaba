"""Totals of scores: what a list of all of them would give, in any portions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from schemas.signals import ScoreChain, ScoredSignal, ScoreTotals
from streams.runtime.memory_driver import replay
from streams.scoring.processor import PROCESSOR as SCORING
from streams.scoring.totals import add_scores
from streams.signals.processor import PROCESSOR as SIGNALS
from tests.build import close_time, prediction, score_totals, scored

chances = st.floats(0.0, 1.0)
outcomes = st.tuples(
    st.sampled_from(("buy", "sell", "neutral")),
    st.sampled_from(("A+", "A", "B", "C")),
    chances,
    st.none() | st.tuples(st.booleans(), st.floats(-0.1, 0.1), st.floats(0.0, 2.0)),
)


def score(minute: int, outcome: tuple) -> ScoredSignal:  # type: ignore[type-arg]  # as drawn
    direction, grade, confidence, known = outcome
    hit, net_return, brier = known or (None, None, None)
    return scored(
        minute,
        direction=direction,
        grade=grade,
        confidence=confidence,
        hit=hit,
        net_return=net_return,
        brier=brier,
    )


def members(scores: Sequence[ScoredSignal], group: str, bin_: int) -> list[ScoredSignal]:
    return [
        each
        for each in scores
        if group == ("neutral" if each.direction == "neutral" else each.grade)
        and bin_ == min(9, math.floor(each.confidence * 10))
    ]


@given(st.lists(outcomes, min_size=1, max_size=40), st.data())
def test_totals_are_sums_over_the_scores_in_any_portions(drawn, data):
    scores = [score(minute, each) for minute, each in enumerate(drawn)]
    cut = data.draw(st.integers(1, len(scores)))

    totals = score_totals(*scores[:cut])
    if scores[cut:]:
        totals = add_scores(totals, scores[cut:])

    assert sum(cell.signals for cell in totals.cells) == len(scores)
    assert (totals.from_ms, totals.event_time_ms) == (close_time(0), scores[-1].event_time_ms)
    assert [(c.group, c.bin) for c in totals.cells] == sorted(
        {(c.group, c.bin) for c in totals.cells}
    )
    for cell in totals.cells:
        those = members(scores, cell.group, cell.bin)
        known = [each for each in those if each.hit is not None]
        assert (cell.signals, cell.known) == (len(those), len(known))
        assert cell.hits == sum(bool(each.hit) for each in known)
        for total, terms in (
            (cell.confidence, [each.confidence for each in known]),
            (cell.net_return, [each.net_return or 0.0 for each in known]),
            (cell.brier, [each.brier or 0.0 for each in known]),
        ):
            assert math.isclose(total, math.fsum(terms), rel_tol=1e-9, abs_tol=1e-12)


def test_the_stream_of_totals_counts_every_score_of_the_stream():
    records = list(
        replay([SIGNALS, SCORING], [prediction(minute, horizon_bars=3) for minute in range(40)])
    )
    scores = [each for each in records if isinstance(each, ScoredSignal)]
    totals = [each for each in records if isinstance(each, ScoreTotals)]

    assert len(totals) == len(scores) == 37
    assert totals[-1].cells == score_totals(*scores).cells
    assert totals[-1].chains == score_totals(*scores).chains


@given(st.lists(outcomes, min_size=1, max_size=60), st.integers(1, 59))
def test_chains_hold_known_scores_of_which_none_overlaps_the_one_before(drawn, cut):
    scores = [score(minute, each) for minute, each in enumerate(drawn)]
    totals = score_totals(*scores[:cut])
    if scores[cut:]:
        totals = add_scores(totals, scores[cut:])

    for chain in totals.chains:
        those = [each for each in scores if each.hit is not None and belongs(each, chain)]
        apart: list[ScoredSignal] = []
        for each in those:
            if not apart or each.signal_time_ms >= apart[-1].event_time_ms:
                apart.append(each)
        assert (chain.known, chain.hits) == (len(apart), sum(bool(each.hit) for each in apart))
        assert chain.until_ms == apart[-1].event_time_ms
    known = {each.direction == "neutral" for each in scores if each.hit is not None}
    assert {chain.group == "neutral" for chain in totals.chains} == known


def belongs(each: ScoredSignal, chain: ScoreChain) -> bool:
    side = "neutral" if each.direction == "neutral" else "directional"
    if chain.bin is not None:
        return (side, min(9, math.floor(each.confidence * 10))) == (chain.group, chain.bin)
    return chain.group == side or (side == "directional" and chain.group == each.grade)
