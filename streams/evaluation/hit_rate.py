"""Always-valid interval of a hit rate: it covers at every look at once, however often one looks.

Without a numerical library, for processors and the gateway.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from streams.evaluation.interval import Interval

PRIOR = 0.5  # Jeffreys: hits and misses before the first outcome
HALVINGS = 50  # of the side of an interval, to less than 1e-15


def hit_rate_sequence(hits: int, trials: int, level: float = 0.95) -> Interval | None:
    """Return where the hit rate lies, with probability ``level`` at all looks together.

    Args:
        hits: Of the trials.
        trials: Outcomes that do not overlap, so that each has the same chance given those before.
        level: Fixed before the first look.

    None without trials. Raises ValueError for more hits than trials, or a level outside (0, 1).
    Source: Robbins (1970), Annals of Mathematical Statistics 41(5), 1397-1409, beta mixture.

    >>> interval = hit_rate_sequence(hits=8, trials=10)
    >>> round(interval.low, 2), round(interval.high, 2)
    (0.34, 0.99)
    """
    if not 0 <= hits <= trials:
        raise ValueError(f"expected 0 to {trials} hits in {trials} trials, got {hits}")
    if not 0.0 < level < 1.0:
        raise ValueError(f"expected a level between 0 and 1, got {level}")
    if trials == 0:
        return None
    misses = trials - hits
    mixture = _log_beta(hits + PRIOR, misses + PRIOR) - _log_beta(PRIOR, PRIOR)
    threshold = mixture + math.log1p(-level)

    def is_left(chance: float) -> bool:
        """Whether the outcomes are likely enough at a chance strictly inside (0, 1)."""
        return hits * math.log(chance) + misses * math.log1p(-chance) > threshold

    share = hits / trials
    low = 0.0 if hits == 0 else _edge(is_left, share, 0.0)
    high = 1.0 if misses == 0 else _edge(is_left, share, 1.0)
    return Interval(low, high, level)


def _log_beta(one: float, other: float) -> float:
    return math.lgamma(one) + math.lgamma(other) - math.lgamma(one + other)


def _edge(is_left: Callable[[float], bool], inside: float, outside: float) -> float:
    """Return the chance between two where ``is_left`` ends, on the outer side of it."""
    for _ in range(HALVINGS):
        middle = (inside + outside) / 2.0
        inside, outside = (middle, outside) if is_left(middle) else (inside, middle)
    return outside
