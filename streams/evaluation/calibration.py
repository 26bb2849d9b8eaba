"""Calibration of stated probabilities: bins of similar confidence, shares with intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from streams.evaluation.interval import NORMAL, Interval


@dataclass(frozen=True)
class Bin:
    """Predictions of similar confidence.

    Attributes:
        count: Number of predictions, at least 1.
        hits: Number that came true.
        confidence: Sum of their confidences.
    """

    count: int
    hits: int
    confidence: float

    @property
    def mean_confidence(self) -> float:
        """Mean stated probability, in [0, 1]."""
        return self.confidence / self.count

    @property
    def hit_rate(self) -> float:
        """Share that came true, in [0, 1]."""
        return self.hits / self.count


def expected_calibration_error(bins: Iterable[Bin]) -> float | None:
    """Return the mean gap between mean confidence and hit rate, in [0, 1]; None if all are empty.

    Source: Guo et al. (2017), ICML, 1321-1330.

    >>> expected_calibration_error([Bin(count=4, hits=3, confidence=2.0)])
    0.25
    """
    listed = [bin_ for bin_ in bins if bin_.count]
    total = sum(bin_.count for bin_ in listed)
    if total == 0:
        return None
    gaps = (bin_.count * abs(bin_.hit_rate - bin_.mean_confidence) for bin_ in listed)
    return math.fsum(gaps) / total


def wilson_interval(hits: int, trials: int, level: float = 0.95) -> Interval | None:
    """Return the interval of the probability behind a share of independent trials.

    None without trials; raises ValueError for more hits than trials.
    Source: Wilson (1927), JASA 22(158), 209-212.

    >>> interval = wilson_interval(hits=8, trials=10)
    >>> round(interval.low, 2), round(interval.high, 2)
    (0.49, 0.94)
    """
    if not 0 <= hits <= trials:
        raise ValueError(f"expected 0 to {trials} hits in {trials} trials, got {hits}")
    if trials == 0:
        return None
    z = NORMAL.inv_cdf(0.5 + level / 2.0)
    share = hits / trials
    spread = z * math.sqrt(share * (1.0 - share) / trials + z**2 / (4.0 * trials**2))
    scale = 1.0 + z**2 / trials
    centre = share + z**2 / (2.0 * trials)
    return Interval(max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale), level)
