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
    higher = context.higher_direction
    checks = (
        _trend(regime.trend_state, direction),
        _higher_timeframe(
            _shown(higher),
            direction,
            passed=None
            if higher is None
            else direction == "neutral" or higher == WANTED[direction],
        ),
        Confirmation.unchecked(
            name="volume",
            passed=None
            if context.volume_to_median is None
            else context.volume_to_median >= policy.min_volume,
            detail=f"volume is {_shown(context.volume_to_median)} x its 20-bar median",
        ),
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
    return Confirmation.unchecked(
        name="trend_state",
        passed=None if state == "UNKNOWN" else state in wanted,
        detail=f"market is {state}, {direction} wants {' or '.join(wanted)}",
    )


@lru_cache(maxsize=64)
def _higher_timeframe(higher: str, direction: Direction, *, passed: bool | None) -> Confirmation:
    wants = "nothing of it" if direction == "neutral" else f"{WANTED[direction]:+.0f}"
    return Confirmation.unchecked(
        name="higher_timeframe",
        passed=passed,
        detail=f"next closed higher timeframe points {higher}, {direction} wants {wants}",
    )


def _shown(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"
