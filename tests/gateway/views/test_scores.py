"""The track record: right by an independent library, silent where nothing is known."""

from __future__ import annotations

import pytest

from gateway.views.scores import refuted_grades, track_record
from schemas.timeframes import MINUTE_MS
from streams.evaluation.hit_rate import hit_rate_sequence
from tests.build import close_time, score_totals, scored
from tests.gateway.views.test_views import folded


def test_rows_count_directional_signals_by_grade_and_neutral_ones_apart():
    totals = score_totals(
        scored(0, grade="A", confidence=0.8, hit=True, net_return=0.004, brier=0.1),
        scored(
            1, grade="A", confidence=0.76, hit=False, outcome="sell", net_return=-0.002, brier=0.9
        ),
        scored(2, grade="C", confidence=0.5, hit=None, outcome=None, net_return=None, brier=None),
        scored(3, grade="C", direction="neutral", hit=True, net_return=0.0),
    )

    found = track_record(folded(totals), ["BTCUSDT"], MINUTE_MS)

    rows = {row.group: row.model_dump() for row in found.summary}

    assert rows.keys() == {"directional", "A", "C", "neutral"}
    assert rows["directional"]["signals"] == 3
    assert rows["directional"]["known"] == 2
    assert rows["directional"]["hit_rate"] == 0.5
    assert rows["A"]["mean_net_return"] == pytest.approx(0.001)
    assert rows["A"]["calibration_gap"] == pytest.approx(0.78 - 0.5)
    assert rows["A"]["mean_brier"] == pytest.approx(0.5)
    assert rows["C"]["known"] == 0
    assert rows["C"]["hit_rate"] is None
    assert rows["C"]["mean_net_return"] is None


def test_no_scores_give_no_rows():
    found = track_record(folded(), [], MINUTE_MS)

    assert (found.span, found.summary, found.reliability) == (None, [], [])


def test_reliability_puts_signals_of_similar_confidence_together():
    totals = score_totals(
        scored(0, confidence=0.81, hit=True),
        scored(1, confidence=0.89, hit=False),
        scored(2, confidence=1.0, hit=True),
        scored(3, confidence=0.85, hit=None, outcome=None),
        scored(4, confidence=0.42, direction="neutral", hit=True),
    )

    bins = track_record(folded(totals), ["BTCUSDT"], MINUTE_MS).reliability

    assert [(b.directional, b.known, b.hit_rate) for b in bins] == [
        (True, 2, 0.5),
        (True, 1, 1.0),
        (False, 1, 1.0),
    ]
    assert bins[0].mean_confidence == pytest.approx(0.85)
    assert bins[0].hit_rate_low == pytest.approx(0.025)  # of the first alone: the second overlaps


def test_totals_of_several_symbols_are_added_and_the_span_covers_them():
    views = folded(
        score_totals(scored(0), scored(1, hit=False)),
        score_totals(scored(5, symbol="ETHUSDT")),
        score_totals(scored(9, symbol="XRPUSDT")),
    )

    found = track_record(views, ["BTCUSDT", "ETHUSDT"], MINUTE_MS)

    assert (found.summary[0].known, found.summary[0].hits) == (3, 2)
    assert found.span is not None
    assert found.span.model_dump() == {"from_ms": close_time(0), "to_ms": close_time(20)}


def test_newer_totals_of_a_symbol_replace_the_older():
    first, both = score_totals(scored(0)), score_totals(scored(0), scored(1))

    found = track_record(folded(first, both), ["BTCUSDT"], MINUTE_MS)

    assert found.summary[0].signals == 2


def apart(count, hits, **fields):
    """Return scores of signals that do not overlap, of which the first come true."""
    fields = {"grade": "A", "confidence": 0.8, "grade_promise": 0.75} | fields
    return [
        scored(15 * number, hit=number < hits, outcome="buy" if number < hits else "sell", **fields)
        for number in range(count)
    ]


def test_the_interval_rests_on_signals_that_do_not_overlap():
    every_bar = [scored(minute, hit=minute < 30) for minute in range(60)]

    row = track_record(folded(score_totals(*every_bar)), ["BTCUSDT"], MINUTE_MS).summary[0]

    kept = hit_rate_sequence(2, 4)
    assert kept is not None
    assert (row.known, row.independent) == (60, 4)
    assert (row.hit_rate_low, row.hit_rate_high) == (kept.low, kept.high)


def test_a_grade_that_keeps_less_than_it_promises_is_refuted_until_it_holds_again():
    broken, mended = apart(60, 30), apart(700, 560)

    def row(scores):
        rows = track_record(folded(score_totals(*scores)), ["BTCUSDT"], MINUTE_MS).summary
        return next(row for row in rows if row.group == "A")

    assert (row(broken).promise, row(broken).refuted) == (0.75, True)
    assert row(mended).refuted is False
    assert row(apart(60, 45)).refuted is False
    assert refuted_grades(folded(score_totals(*broken)), "BTCUSDT", MINUTE_MS) == {"A"}


def test_a_grade_without_a_promise_is_never_refuted():
    scores = apart(60, 0, grade="C", grade_promise=None)
    views = folded(score_totals(*scores))

    assert [row.refuted for row in track_record(views, ["BTCUSDT"], MINUTE_MS).summary] == [
        False
    ] * 2
    assert refuted_grades(views, "BTCUSDT", MINUTE_MS) == frozenset()
    assert refuted_grades(views, "ETHUSDT", MINUTE_MS) == frozenset()


def test_symbols_that_move_together_say_no_more_than_one():
    copies = [score_totals(*apart(60, 30, symbol=each)) for each in ("BTCUSDT", "ETHUSDT")]
    both, one = folded(*copies), folded(copies[0])

    shown = [
        track_record(views, symbols, MINUTE_MS).summary[0]
        for views, symbols in ((both, ["BTCUSDT", "ETHUSDT"]), (one, ["BTCUSDT"]))
    ]

    assert [row.known for row in shown] == [120, 60]
    assert shown[0].hit_rate_low == shown[1].hit_rate_low
