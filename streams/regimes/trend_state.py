"""The trend state: a rule over named features, with hysteresis and a minimum stay.

A rule's verdict is no probability: it stands beside the filtered regime, never mixed with it.
Sources: Wilder (1978) for ADX, Kaufman (1995) for the efficiency ratio, Dreiss (1993) for
choppiness.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import Field

from schemas.record import Record
from schemas.regimes import TrendState

FEATURES = (
    "adx_14",
    "efficiency_ratio_10",
    "ema_slope_20",
    "ema_order",
    "natr_rank_100",
    "choppiness_14",
)


@dataclass(frozen=True)
class Thresholds:
    """Levels at which a state begins; looser ones, at which it ends."""

    adx: float  # 0..100, at least
    efficiency: float  # Kaufman's ratio of a trend, at least
    slope: float  # of EMA 20, in ATRs a bar, at least, either way
    noise: float  # Kaufman's ratio of a choppy market, at most
    natr_rank: float  # share of the last 99 bars that were calmer, at least
    choppiness: float  # 0..100, at least


# Textbook levels to enter a state; about a fifth looser to stay, so that it does not flicker.
ENTER = Thresholds(
    adx=25.0, efficiency=0.30, slope=0.05, noise=0.15, natr_rank=0.70, choppiness=61.8
)
STAY = Thresholds(
    adx=20.0, efficiency=0.15, slope=0.02, noise=0.25, natr_rank=0.60, choppiness=55.0
)
SHORTEST_STAY_BARS = 5


class Trend(Record):
    """The state and how long it has held."""

    state: TrendState = "UNKNOWN"
    bars: int = Field(default=0, ge=0)


def next_trend(before: Trend, values: Mapping[str, float | None]) -> Trend:
    """Return the trend at one bar close; total, and uses no data after it.

    UNKNOWN exactly when a feature of the rule has no value (warm-up, or the refill after a hole).
    TRENDING needs direction, efficiency and ordered averages; CHOPPY little efficiency in a wide
    or overlapping range; everything else is RANGING. A state holds for at least 5 bars.
    """
    inputs = tuple(map(values.get, FEATURES))
    if None in inputs:
        return Trend.unchecked(
            state="UNKNOWN", bars=before.bars + 1 if before.state == "UNKNOWN" else 1
        )
    adx, efficiency, slope, order, natr_rank, choppiness = [v or 0.0 for v in inputs]

    def trending(at: Thresholds) -> bool:
        strong = adx >= at.adx and efficiency >= at.efficiency and abs(slope) >= at.slope
        return strong and order * slope > 0.0

    def choppy(at: Thresholds) -> bool:
        return efficiency <= at.noise and (natr_rank >= at.natr_rank or choppiness >= at.choppiness)

    state: TrendState = before.state
    too_young = before.state != "UNKNOWN" and before.bars < SHORTEST_STAY_BARS
    stays = (before.state == "TRENDING" and trending(STAY)) or (
        before.state == "CHOPPY" and choppy(STAY)
    )
    if not (too_young or stays):
        state = "TRENDING" if trending(ENTER) else "CHOPPY" if choppy(ENTER) else "RANGING"
    return Trend.unchecked(state=state, bars=before.bars + 1 if state == before.state else 1)
