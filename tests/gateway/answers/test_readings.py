"""What indicators say: by stated rules, symmetric, bounded, and nothing of what is unknown."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.answers.readings import (
    FAMILIES,
    LEAST_BALANCE,
    RULES,
    UNCOUNTED,
    VOTES,
    Reading,
    Rule,
    agreement,
    direction,
    direction_balance,
    read_families,
)
from streams.features.catalog import FEATURES

CATALOGUE = {feature.name: feature for feature in FEATURES}
NAMES = sorted({name for rule in RULES for name in (rule.name, rule.minus, rule.gate) if name})
OPPOSITE: dict[Reading | None, Reading | None] = {
    "bullish": "bearish",
    "bearish": "bullish",
    "neutral": "neutral",
    None: None,
}
numbers = st.floats(allow_nan=True, allow_infinity=True) | st.none()
markets = st.dictionaries(st.sampled_from(NAMES), numbers)
steps = st.fixed_dictionaries({rule.name: st.integers(-40, 40) | st.none() for rule in RULES})
readings = st.lists(st.sampled_from(["bullish", "bearish", "neutral", None]))


def reading(name: str, **values: float | None) -> Reading | None:
    [indicator] = [
        each for family in read_families(values) for each in family.indicators if each.name == name
    ]
    return indicator.reading


def market(offsets: dict[str, int | None], sign: int) -> dict[str, float | None]:
    """Return values that lie some odd eighths of a band, or of 1, from the centre of each rule."""
    values: dict[str, float | None] = {"minus_di_14": 20.0, "stochastic_d_14": 50.0, "adx_14": 30.0}
    for rule in RULES:
        offset = offsets[rule.name]
        centre = values[rule.minus] if rule.minus else rule.centre
        assert centre is not None
        unit = (rule.band or 1.0) / 8
        values[rule.name] = None if offset is None else centre + sign * (2 * offset + 1) * unit
    return values


def test_a_reading_of_a_difference_names_what_is_subtracted():
    shown = {each.name: each.minus for family in read_families({}) for each in family.indicators}

    assert shown == {rule.name: rule.minus for rule in RULES}
    assert shown["plus_di_14"] == "minus_di_14"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_reads_a_feature_of_the_catalogue_in_its_family(rule: Rule):
    assert CATALOGUE[rule.name].family == rule.family
    assert {rule.minus, rule.gate} - {None} <= CATALOGUE.keys()
    assert rule.source


def test_the_families_are_those_of_the_catalogue_but_for_the_clock_which_has_no_direction():
    assert set(FAMILIES) == {feature.family for feature in FEATURES} - {"clock"}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("rsi_14", 61.0, "bullish"),
        ("rsi_14", 60.0, "neutral"),
        ("rsi_14", 40.0, "neutral"),
        ("rsi_14", 39.0, "bearish"),
        ("cci_20", 101.0, "bullish"),
        ("cci_20", -101.0, "bearish"),
        ("ema_order", -1.0, "bearish"),
        ("ema_order", 0.0, "neutral"),
        ("mfi_14", 81.0, "bullish"),
        ("bollinger_position_20", 0.1, "bearish"),
        ("macd_histogram", 1e-9, "bullish"),
        ("macd_histogram", None, None),
        ("macd_histogram", math.nan, None),
    ],
)
def test_an_indicator_is_read_by_its_bounds(name, value, expected):
    assert reading(name, **{name: value}) == expected


@pytest.mark.parametrize(
    ("plus", "minus", "adx", "expected"),
    [
        (30.0, 20.0, 25.0, "bullish"),
        (20.0, 30.0, 40.0, "bearish"),
        (30.0, 20.0, 24.9, "neutral"),
        (30.0, 20.0, None, None),
        (30.0, None, 40.0, None),
    ],
)
def test_directional_movement_counts_only_in_a_trend(plus, minus, adx, expected):
    values = {"plus_di_14": plus, "minus_di_14": minus, "adx_14": adx}

    assert reading("plus_di_14", **values) == expected


@given(markets)
def test_whatever_is_known_there_is_an_answer_within_its_bounds(values):
    families = read_families(values)
    balance = direction_balance(families)

    assert tuple(family.family for family in families) == FAMILIES
    for family in families:
        known = [each.reading for each in family.indicators if each.reading]
        assert (family.balance is None) == (not known)
        assert family.balance is None or -1 <= family.balance <= 1
    assert balance is None or -1 <= balance <= 1
    assert (direction(balance) is None) == (balance is None)


@given(steps)
def test_a_mirrored_market_reads_the_other_way_round(offsets):
    one, other = read_families(market(offsets, 1)), read_families(market(offsets, -1))

    for family, mirrored in zip(one, other, strict=True):
        assert [OPPOSITE[each.reading] for each in family.indicators] == [
            each.reading for each in mirrored.indicators
        ]
    balances = direction_balance(one), direction_balance(other)
    assert direction(balances[1]) == OPPOSITE[direction(balances[0])]
    assert balances == (None, None) or balances[0] == -(balances[1] or 0.0)


@given(readings)
def test_agreement_is_bounded_blind_to_order_and_changes_its_sign_with_the_market(votes):
    score = agreement(votes)

    assert score == agreement(reversed(votes))
    assert (score is None) == (sum(vote is not None for vote in votes) < 2)
    assert score is None or -1 <= score <= 1
    mirrored = agreement(OPPOSITE[vote] for vote in votes)
    assert mirrored == (None if score is None else -score)


@pytest.mark.parametrize(
    ("votes", "score"),
    [
        (["bullish", "bullish", "bullish"], 1.0),
        (["bearish", "bearish"], -1.0),
        (["bullish", "bearish"], 0.0),
        (["bullish", "neutral"], 0.5),
        (["bullish", None, "bullish"], 1.0),
        (["bullish", None], None),
        (["neutral"], None),
        ([None, None], None),
        ([], None),
    ],
)
def test_agreement_is_the_mean_vote_of_those_that_have_one(votes, score):
    assert agreement(votes) == score


def test_nothing_is_said_of_a_timeframe_while_most_is_unknown():
    counted = [rule for rule in RULES if rule.family != UNCOUNTED and rule.minus is None]
    few = {rule.name: 1e6 for rule in counted[:3]}
    all_of_them = {rule.name: 1e6 for rule in counted}

    assert direction_balance(read_families({})) is None
    assert direction_balance(read_families(few)) is None
    assert direction_balance(read_families(all_of_them)) == 1.0


def test_the_ladder_is_shown_and_not_counted():
    offsets: dict[str, int | None] = {rule.name: 8 for rule in RULES}
    with_ladder = read_families(market(offsets, 1))
    against = market(offsets, 1) | {rule.name: -1.0 for rule in RULES if rule.family == UNCOUNTED}

    assert direction_balance(read_families(against)) == direction_balance(with_ladder) == 1.0


@pytest.mark.parametrize(("balance", "expected"), [(1 / 3, "bullish"), (-1 / 3, "bearish")])
def test_a_direction_begins_at_its_least_balance(balance, expected):
    assert direction(balance) == expected
    assert direction(0.99 * balance) == "neutral"
    assert LEAST_BALANCE == 1 / 3


def test_votes_are_those_of_a_mirror():
    assert {OPPOSITE[name]: -vote for name, vote in VOTES.items()} == dict(VOTES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_words_of_a_rule_name_its_bounds(rule: Rule):
    assert f"> {rule.centre + rule.band:g}" in rule.text
    assert f"< {rule.centre - rule.band:g}" in rule.text
    assert rule.gate is None or rule.gate in rule.text
