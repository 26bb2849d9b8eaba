"""Always-valid interval of a hit rate: it covers at every look at once, however often one looks.

Without a numerical library, for processors and the gateway.
"""

from __future__ import annotations

import math

from streams.evaluation.interval import Interval

PRIOR = 0.5  # Jeffreys: hits and misses before the first outcome
STEPS = 100  # of Newton's method, which needs ten


def hit_rate_sequence(hits: float, trials: float, level: float = 0.95) -> Interval | None:
    """Return where the hit rate lies, with probability ``level`` at all looks together.

    Args:
        hits: Of the trials.
        trials: Outcomes that do not overlap, so that each has the same chance given those before.
            Of streams that depend on each other, such as symbols, both are means over the streams:
            the interval holds then too, because an e-value is convex in them.
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
    least = mixture + math.log1p(-level)  # log-likelihood of a chance that is left
    return Interval(_lower(hits, misses, least), 1.0 - _lower(misses, hits, least), level)


def _log_beta(one: float, other: float) -> float:
    return math.lgamma(one) + math.lgamma(other) - math.lgamma(one + other)


def _lower(hits: float, misses: float, least: float) -> float:
    """Return the least chance at which the outcomes are likely enough, in [0, 1].

    From below, Newton's method climbs to the root of a concave function without passing it.
    """
    if hits <= 0:
        return 0.0
    chance = math.exp(least / hits)
    for _ in range(STEPS):
        lacking = least - hits * math.log(chance) - misses * math.log1p(-chance)
        step = lacking / (hits / chance - misses / (1.0 - chance))
        if not step > 1e-15 * chance:
            break
        chance += step
    return chance
