"""What each indicator says of a market's direction, by stated rules, and how timeframes agree.

Pure: numbers in, readings out. Every rule is symmetric about a centre, so that a mirrored market
reads the other way round. All rules read with the trend: strength is bullish, weakness bearish,
what lies between is neutral. A value that is unknown has no reading.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal

Reading = Literal["bullish", "bearish", "neutral"]
VOTES: Mapping[Reading, int] = {"bullish": 1, "neutral": 0, "bearish": -1}

# One of four families alone gives a balance of 1/4: too little for a direction.
LEAST_BALANCE = 1 / 3
LEAST_KNOWN = 0.5  # share of the indicators without which nothing is said of a timeframe

DIRECTION_RULE = (
    "balance of a family: (bullish - bearish) / known indicators. balance of a timeframe: the mean "
    "over its families but the ladder, which repeats longer bars. direction: bullish from 1/3 on, "
    "bearish from -1/3 down, else neutral; null while fewer than half of the indicators are known"
)
AGREEMENT_RULE = (
    "Mean over the timeframes of 1 for bullish, -1 for bearish, 0 for neutral; every timeframe "
    "counts the same. 1: all bullish, -1: all bearish. Those that are stale or have no direction "
    "yet are left out; null when fewer than two are left: one alone agrees with nothing"
)


@dataclass(frozen=True)
class Rule:
    """How one indicator is read.

    Attributes:
        name: Of the feature, as in the catalogue of features.
        family: That of the catalogue.
        source: Where the rule comes from.
        centre: Value that says nothing.
        band: Bullish above ``centre + band``, bearish below ``centre - band``.
        minus: Feature whose value is subtracted first.
        gate: Feature that must be at least ``gate_from``; the reading is neutral below it.
        gate_from: Least value of the gate.
    """

    name: str
    family: str
    source: str
    centre: float = 0.0
    band: float = 0.0
    minus: str | None = None
    gate: str | None = None
    gate_from: float = 0.0

    @property
    def text(self) -> str:
        """The rule in words."""
        value = self.name if self.minus is None else f"{self.name} - {self.minus}"
        above, below = self.centre + self.band, self.centre - self.band
        gate = "" if self.gate is None else f"; neutral while {self.gate} < {self.gate_from:g}"
        return f"bullish: {value} > {above:g}, bearish: < {below:g}{gate}"


RULES: tuple[Rule, ...] = (
    Rule("sma_distance_50", "trend", "Brock, Lakonishok and LeBaron 1992: price and its mean"),
    Rule("sma_distance_200", "trend", "Brock, Lakonishok and LeBaron 1992: price and its mean"),
    Rule("ema_order", "trend", "Murphy 1999: means of 12, 26 and 50 bars in order"),
    Rule(
        "plus_di_14",
        "trend",
        "Wilder 1978: directional movement; ADX from 25 on is a trend",
        minus="minus_di_14",
        gate="adx_14",
        gate_from=25.0,
    ),
    Rule("supertrend_direction", "trend", "Seban 2009"),
    Rule("ichimoku_cloud_position", "trend", "Hosoda 1969: price and the cloud"),
    Rule("rsi_14", "momentum", "Brown 1999: ranges of bull and bear markets", 50.0, 10.0),
    Rule("macd_histogram", "momentum", "Appel 2005: the line and its signal"),
    Rule("stochastic_k_14", "momentum", "Lane 1984: %K and %D", minus="stochastic_d_14"),
    Rule("cci_20", "momentum", "Lambert 1980", band=100.0),
    Rule("log_return_60", "momentum", "Moskowitz, Ooi and Pedersen 2012: sign of past return"),
    Rule("bollinger_position_20", "volatility", "Bollinger 2001: trends near a band", 0.5, 0.3),
    Rule(
        "mfi_14",
        "volume",
        "Quong and Soudack 1989; trends beyond 80 and 20, Bollinger 2001",
        50.0,
        30.0,
    ),
    Rule("chaikin_money_flow_20", "volume", "Chaikin: accumulation; 0.05 against noise", band=0.05),
    Rule("obv_ratio_20", "volume", "Granville 1963: volume that rises and falls with price"),
    Rule("vwap_distance_60", "volume", "Berkowitz, Logue and Noser 1988: price and its VWAP"),
    Rule("htf1_direction", "ladder", "Elder 1993: the trend of longer bars"),
    Rule("htf2_direction", "ladder", "Elder 1993: the trend of longer bars"),
    Rule("htf3_direction", "ladder", "Elder 1993: the trend of longer bars"),
)
FAMILIES = tuple(dict.fromkeys(rule.family for rule in RULES))
UNCOUNTED = "ladder"


@dataclass(frozen=True)
class IndicatorReading:
    """One indicator's value and what it says; both null where it is unknown.

    The value is the feature ``name``, less the feature ``minus`` where the rule takes a difference.
    """

    name: str
    value: float | None
    reading: Reading | None
    minus: str | None = None


@dataclass(frozen=True)
class FamilyReading:
    """The indicators of one family; ``balance`` in [-1, 1] is null when none is known."""

    family: str
    balance: float | None
    indicators: tuple[IndicatorReading, ...]


def read_families(values: Mapping[str, float | None]) -> tuple[FamilyReading, ...]:
    """Return what the indicators say, by family; all null without values."""
    return tuple(_family(family, values) for family in FAMILIES)


def direction_balance(families: Iterable[FamilyReading]) -> float | None:
    """Return the balance of a timeframe, in [-1, 1]; null while too little is known."""
    counted = [each for each in families if each.family != UNCOUNTED]
    indicators = [indicator for each in counted for indicator in each.indicators]
    known = sum(indicator.reading is not None for indicator in indicators)
    if known < LEAST_KNOWN * len(indicators):
        return None
    return _mean([each.balance for each in counted if each.balance is not None])


def direction(balance: float | None) -> Reading | None:
    """Return the direction of a balance."""
    if balance is None:
        return None
    return _side(balance, LEAST_BALANCE)


def agreement(directions: Iterable[Reading | None]) -> float | None:
    """Return how far the directions agree, in [-1, 1]; null when fewer than two are known."""
    votes = [VOTES[each] for each in directions if each is not None]
    return _mean(votes) if len(votes) > 1 else None


def _family(family: str, values: Mapping[str, float | None]) -> FamilyReading:
    indicators = tuple(_indicator(rule, values) for rule in RULES if rule.family == family)
    votes = [VOTES[each.reading] for each in indicators if each.reading is not None]
    return FamilyReading(family, _mean(votes), indicators)


def _indicator(rule: Rule, values: Mapping[str, float | None]) -> IndicatorReading:
    value = _known(values, rule.name)
    if value is not None and rule.minus is not None:
        subtracted = _known(values, rule.minus)
        value = None if subtracted is None else value - subtracted
    gate = rule.gate_from if rule.gate is None else _known(values, rule.gate)
    if value is None or gate is None:
        return IndicatorReading(rule.name, value, None, rule.minus)
    if gate < rule.gate_from:
        return IndicatorReading(rule.name, value, "neutral", rule.minus)
    above = value > rule.centre + rule.band
    below = value < rule.centre - rule.band
    reading: Reading = "bullish" if above else "bearish" if below else "neutral"
    return IndicatorReading(rule.name, value, reading, rule.minus)


def _known(values: Mapping[str, float | None], name: str) -> float | None:
    value = values.get(name)
    return value if value is not None and isfinite(value) else None


def _side(value: float, least: float) -> Reading:
    return "bullish" if value >= least else "bearish" if value <= -least else "neutral"


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
