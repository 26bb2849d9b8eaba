"""Both models of a challenge have the ideas that each would have if it served."""

from __future__ import annotations

import math
import random

from schemas.challenges import ShadowPrediction, ShadowResult, ShadowSignals, Variant
from schemas.ideas import IdeaEvent
from schemas.predictions import MarketContext, Prediction
from schemas.record import Record
from schemas.signals import Signal
from schemas.trades import TradeResult
from streams.ideas.processor import PROCESSOR as IDEAS
from streams.ideas.shadows import PROCESSOR
from streams.runtime.memory_driver import replay
from streams.signals.processor import PROCESSOR as SIGNALS
from tests.build import config_effective, expected_returns, prediction, shadow_prediction

VARIANTS: tuple[Variant, ...] = ("champion", "challenger")


def said(minute: int, version: str, chance: random.Random) -> Prediction:
    price = 100.0 + math.sin(minute / 5)
    weights = [chance.random() ** 4 + 1e-3 for _ in range(3)]
    sell, neutral, buy = (weight / sum(weights) for weight in weights)
    return prediction(
        minute,
        (sell, neutral, buy),
        prediction_id=f"{version}-{minute}",
        model_version=version,
        expected_return=expected_returns(low=buy - 0.5, mean=buy),
        context=MarketContext(
            open=price,
            close=price + 0.1,
            high=price + 0.3,
            low=price - 0.2,
            natr=0.002,
            volume_to_median=1.2,
            higher_direction=1.0,
        ),
    )


def day(minutes: int = 200) -> list[ShadowPrediction]:
    chance = random.Random(3)
    pairs = ((said(minute, "m1", chance), said(minute, "m2", chance)) for minute in range(minutes))
    return [
        shadow_prediction(minute, champion=champion, challenger=challenger)
        for minute, (champion, challenger) in enumerate(pairs)
    ]


def served(shadows: list[ShadowPrediction]) -> list[Record]:
    """What the chain reads while the champion serves."""
    return [record for shadow in shadows for record in (shadow.champion, shadow)]


def paper(records: list[Record]) -> list[TradeResult]:
    """What the ideas of a model came to that serves."""
    made = replay([SIGNALS, IDEAS], records)
    return [each for each in made if isinstance(each, TradeResult)]


def shadow_results(records: list[Record]) -> list[ShadowResult]:
    made = replay([SIGNALS, IDEAS, PROCESSOR], records)
    return [each for each in made if isinstance(each, ShadowResult)]


def test_each_model_has_the_results_that_it_would_have_if_it_served():
    policy = config_effective()
    shadows = day()

    made = shadow_results([policy, *served(shadows)])

    for variant in VARIANTS:
        alone: list[Record] = [policy, *(getattr(shadow, variant) for shadow in shadows)]
        results = [each.result for each in made if each.variant == variant]
        assert results == paper(alone)
        assert len(results) > 3
        assert {result.grounds.config_id for result in results if result.grounds} == {
            policy.config_id
        }


def test_a_challenge_changes_no_signal_and_no_idea_that_is_shown():
    shadows = day()
    shown = (Signal, IdeaEvent, TradeResult)

    beside = replay([SIGNALS, IDEAS, PROCESSOR], served(shadows))
    alone = replay([SIGNALS, IDEAS], [shadow.champion for shadow in shadows])

    assert [each for each in beside if isinstance(each, shown)] == [
        each for each in alone if isinstance(each, shown)
    ]


def test_a_challenge_begins_without_the_ideas_of_the_one_before():
    shadows = day()
    later = [each.changed({"challenge_id": "challenge-ffffffffffff"}) for each in shadows[100:]]

    made = shadow_results([*served(shadows[:100]), *served(later)])

    assert [each for each in made if each.challenge_id == later[0].challenge_id] == shadow_results(
        served(later)
    )


def test_a_market_that_the_config_leaves_out_has_no_idea_of_either():
    left_out = config_effective(included=False)

    made = replay([SIGNALS, PROCESSOR], [left_out, *served(day(60))])

    assert not [each for each in made if isinstance(each, ShadowSignals | ShadowResult)]
