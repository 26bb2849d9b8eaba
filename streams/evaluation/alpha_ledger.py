"""Error spent over a sequence of tests: each gets its level from how many came before it.

e-LOND: the expected share of false discoveries among all discoveries stays at most ``alpha``,
however the tests depend on each other and whenever each of them stops.
Source: Xu and Ramdas (2024), AISTATS, "Online multiple testing with e-values".
"""

from __future__ import annotations


def next_alpha(alpha: float, tests: int, discoveries: int) -> float:
    """Return the level of the next test, fixed when it begins; 1 less it is that of its interval.

    Args:
        alpha: Of all tests together, in (0, 1).
        tests: Begun before it, whatever became of them.
        discoveries: How many of those have ended in a discovery; each earns the same again.

    Raises: ValueError for more discoveries than tests, or an alpha outside (0, 1).

    >>> next_alpha(0.05, tests=0, discoveries=0), next_alpha(0.06, tests=1, discoveries=1)
    (0.025, 0.02)
    """
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"expected an alpha between 0 and 1, got {alpha}")
    if not 0 <= discoveries <= tests:
        raise ValueError(f"expected 0 to {tests} discoveries in {tests} tests, got {discoveries}")
    return alpha * (discoveries + 1) / ((tests + 1) * (tests + 2))  # the shares add up to 1
