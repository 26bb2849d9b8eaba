"""Shadows: both models are scored on the same bars, block by block, and only where it is known."""

from __future__ import annotations

import math
import random

import pytest

from schemas.challenges import ChallengeOutcome, ShadowPrediction
from schemas.predictions import MarketContext
from schemas.signals import ScoredSignal
from schemas.timeframes import MINUTE_MS
from streams.runtime.memory_driver import replay
from streams.scoring.processor import PROCESSOR as SCORING
from streams.scoring.shadows import PROCESSOR
from streams.signals.processor import graded
from tests.build import prediction, shadow_prediction

HORIZON = 2
ROWS = 24  # of a block, as the builder counts


def context(minute: int) -> MarketContext:
    price = 100.0 + 0.5 * math.sin(minute)
    return MarketContext(
        open=price,
        close=price + 0.2,
        natr=0.002,
        volume_to_median=1.0,
        higher_direction=1.0,
        funding_rate=1e-4,
        funding_time_ms=minute // 10 * 10 * MINUTE_MS + 1,
    )


def day(minutes: int = 80, seed: int = 2) -> list[ShadowPrediction]:
    chance = random.Random(seed)
    made = []
    for minute in range(minutes):
        weights = [chance.random() for _ in range(6)]
        champion, challenger = (
            prediction(
                minute,
                (s / (s + n + b), n / (s + n + b), b / (s + n + b)),
                model_version=version,
                horizon_bars=HORIZON,
                context=context(minute),
            )
            for version, (s, n, b) in (("m1", weights[:3]), ("m2", weights[3:]))
        )
        made.append(shadow_prediction(minute, champion=champion, challenger=challenger))
    return made


def outcomes(shadows) -> list[ChallengeOutcome]:
    return [each for each in replay([PROCESSOR], shadows) if isinstance(each, ChallengeOutcome)]


def scores(predictions) -> list[ScoredSignal]:
    made = replay([SCORING], [graded(each) for each in predictions])
    return [each for each in made if isinstance(each, ScoredSignal)]


def test_the_gain_is_the_difference_of_the_scores_that_both_would_get_as_signals():
    shadows = day()
    champion, challenger = (
        scores(getattr(shadow, variant) for shadow in shadows)
        for variant in ("champion", "challenger")
    )
    paired = list(zip(champion, challenger, strict=True))

    made = outcomes(shadows)

    assert [(each.block, each.rows) for each in made] == [(0, ROWS), (1, ROWS), (2, ROWS)]
    for each in made:
        block = paired[each.block * ROWS : (each.block + 1) * ROWS]
        expected = sum((one.log_loss or 0.0) - (two.log_loss or 0.0) for one, two in block)
        assert each.gain == pytest.approx(expected, abs=1e-12)


def test_calls_are_the_net_returns_of_signals_that_do_not_overlap():
    shadows = day()
    taken, free_ms = [], 0
    for score in scores(shadow.champion for shadow in shadows):
        if score.direction != "neutral" and score.signal_time_ms >= free_ms:
            free_ms = score.event_time_ms
            taken.append(score)
    in_blocks = [s for s in taken if s.signal_time_ms < shadows[3 * ROWS].event_time_ms]

    totals = [each.champion for each in outcomes(shadows)]

    assert sum(each.trades for each in totals) == len(in_blocks)
    assert sum(each.trades * each.mean for each in totals) == pytest.approx(
        sum(score.net_return or 0.0 for score in in_blocks), abs=1e-12
    )
    assert sum(each.wins for each in totals) == sum((s.net_return or 0.0) > 0 for s in in_blocks)


def test_a_hole_in_the_bars_leaves_out_what_spans_it():
    shadows = [each for number, each in enumerate(day()) if number != 10]

    made = outcomes(shadows)

    assert made[0].rows == ROWS - 1 - HORIZON  # the bar itself, and those that wait for it


def test_another_challenge_begins_anew():
    shadows = day(60)
    later = [each.changed({"challenge_id": "challenge-ffffffffffff"}) for each in shadows[30:]]

    made = outcomes([*shadows[:30], *later])

    assert [(each.challenge_id, each.rows) for each in made] == [
        (shadows[0].challenge_id, ROWS),
        ("challenge-ffffffffffff", 2 * ROWS - 30),
    ]
