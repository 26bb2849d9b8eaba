"""What class probabilities call, and bins of similar confidence in it."""

from __future__ import annotations

from schemas.predictions import ClassProbabilities
from schemas.signals import Direction

BINS = 10  # of equal width over [0, 1]


def bin_index(confidence: float) -> int:
    """Return the index of the bin of a probability.

    >>> bin_index(0.95), bin_index(1.0)
    (9, 9)
    """
    return min(int(confidence * BINS), BINS - 1)


def choose_direction(chances: ClassProbabilities) -> tuple[Direction, float]:
    """Return the most probable class and its probability; a tie is neutral."""
    best = max(chances.sell, chances.neutral, chances.buy)
    if chances.buy == best and chances.sell < best and chances.neutral < best:
        return "buy", best
    if chances.sell == best and chances.buy < best and chances.neutral < best:
        return "sell", best
    return "neutral", chances.neutral
