"""Grades: calibrated confidence, lowered once when any confirmation fails, never raised."""

from __future__ import annotations

from functools import cache, lru_cache

from schemas.configs import SignalPolicy
from schemas.predictions import Prediction
from schemas.signals import Confirmation, Direction, Grade

GRADES: tuple[Grade, ...] = ("A+", "A", "B", "C")
DEFAULT_POLICY = SignalPolicy()
WANTED = {"buy": 1.0, "sell": -1.0}  # direction of the higher timeframe


def assign_grade(
    confidence: float,
    confirmations: tuple[Confirmation, ...],
    *,
    qualified: bool,
    members: int,
    bands: tuple[float, float, float] = DEFAULT_POLICY.grade_bands,
) -> Grade:
    """Return the grade of a calibrated confidence in [0, 1].

    Args:
        confidence: Calibrated probability of the direction.
        confirmations: One or more that did not pass lower the grade by one.
        qualified: A model that failed its gates never grades above C.
        members: Models behind the confidence; a single one never gives A+.
        bands: Least confidence of A+, A and B.
    """
    if not qualified:
        return "C"
    rank = sum(confidence < bound for bound in bands)
    if members < 2:
        rank = max(rank, 1)
    if any(check.passed is not True for check in confirmations):
        rank += 1
    return GRADES[min(rank, len(GRADES) - 1)]


def grade_promise(
    grade: Grade,
    direction: Direction,
    bands: tuple[float, float, float] = DEFAULT_POLICY.grade_bands,
) -> float | None:
    """Return the least hit rate that a grade stands for, in [0, 1]; None for C and for neutral."""
    rank = GRADES.index(grade)
    return None if direction == "neutral" or rank == len(bands) else bands[rank]


def confirm_direction(
    prediction: Prediction, direction: Direction, policy: SignalPolicy = DEFAULT_POLICY
) -> tuple[Confirmation, ...]:
    """Return the checks of a direction that a policy names; null where their value is unknown."""
    context, regime = prediction.context, prediction.regime
    checks = (
        _trend(regime.trend_state, direction),
        _higher_timeframe(context.higher_direction, direction),
        _volume(context.volume_to_median, policy.min_volume),
        Confirmation.unchecked(
            name="entropy",
            passed=regime.entropy <= policy.max_entropy,
            detail=f"regime entropy {regime.entropy:.2f}, at most {policy.max_entropy}",
        ),
    )
    if len(policy.confirmations) == len(checks):
        return checks
    return tuple(check for check in checks if check.name in policy.confirmations)


@cache
def _trend(state: str, direction: Direction) -> Confirmation:
    wanted = ("RANGING", "CHOPPY") if direction == "neutral" else ("TRENDING",)
    if state == "UNKNOWN":
        return _unknown("trend_state", "whether the market trends is not known yet")
    return Confirmation.unchecked(
        name="trend_state",
        passed=state in wanted,
        detail=f"market is {state.lower()}, {direction} wants {' or '.join(wanted).lower()}",
    )


@lru_cache(maxsize=64)
def _higher_timeframe(higher: float | None, direction: Direction) -> Confirmation:
    if higher is None:
        return _unknown("higher_timeframe", "no bar of a higher timeframe has closed yet")
    wanted = WANTED.get(direction)
    return Confirmation.unchecked(
        name="higher_timeframe",
        passed=wanted in (None, higher),
        detail=f"next higher timeframe points {_way(higher)}, {direction} wants "
        + ("nothing of it" if wanted is None else _way(wanted)),
    )


def _volume(ratio: float | None, least: float) -> Confirmation:
    if ratio is None:
        return _unknown("volume", "no 20 bars of volume are known yet")
    return Confirmation.unchecked(
        name="volume",
        passed=ratio >= least,
        detail=f"volume is {ratio:.2f} x its 20-bar median, at least {least:g}",
    )


def _unknown(name: str, detail: str) -> Confirmation:
    return Confirmation.unchecked(name=name, passed=None, detail=detail)


def _way(points: float) -> str:
    return "up" if points > 0.0 else "down" if points < 0.0 else "sideways"
