"""Two-sample tests that hold at one look, at a number of outcomes fixed beforehand.

Looked at after every outcome they are wrong: at a nominal 5 % a test of equal means calls a
difference in a fifth of all cases by 500 outcomes. They are shown, and decide nothing.
Without a numerical library, for processors and the gateway.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from streams.evaluation.interval import NORMAL

STEPS = 500  # of the continued fraction, which needs about sqrt(degrees of freedom)
SMALL = 1e-300
CLOSE = 1e-15


@dataclass(frozen=True)
class Sample:
    """Independent outcomes: how many, their mean and their variance (n - 1)."""

    count: int
    mean: float
    variance: float


@dataclass(frozen=True)
class TestResult:
    """A two-sided test; ``degrees`` of freedom is None for one by the normal distribution."""

    __test__ = False  # no test of pytest's

    statistic: float
    p_value: float
    degrees: float | None = None


def welch_test(one: Sample, other: Sample) -> TestResult | None:
    """Return the test of equal means, of variances that may differ; above 0: ``one`` is larger.

    None below two outcomes in either, or without spread in both.
    Source: Welch (1947), Biometrika 34(1/2), 28-35.
    """
    if one.count < 2 or other.count < 2:
        return None
    a, b = one.variance / one.count, other.variance / other.count
    if a + b <= 0.0:
        return None
    statistic = (one.mean - other.mean) / math.sqrt(a + b)
    degrees = (a + b) ** 2 / (a**2 / (one.count - 1) + b**2 / (other.count - 1))
    return TestResult(statistic, student_p_value(statistic, degrees), degrees)


def win_rate_test(wins: int, trades: int, other_wins: int, other_trades: int) -> TestResult | None:
    """Return the test of equal win rates, pooled by the number of trades; above 0: one is higher.

    None without trades in either, or where all or none of them won.
    """
    if trades < 1 or other_trades < 1:
        return None
    pooled = (wins + other_wins) / (trades + other_trades)
    variance = pooled * (1.0 - pooled) * (1.0 / trades + 1.0 / other_trades)
    if variance <= 0.0:
        return None
    statistic = (wins / trades - other_wins / other_trades) / math.sqrt(variance)
    return TestResult(statistic, 2.0 * NORMAL.cdf(-abs(statistic)))


def student_p_value(statistic: float, degrees: float) -> float:
    """Return the two-sided p-value of Student's t, in [0, 1].

    >>> round(student_p_value(2.228, 10.0), 3)
    0.05
    """
    square = statistic**2
    if square < 1.0:  # near 1 the other tail keeps the digits
        return 1.0 - _incomplete_beta(0.5, degrees / 2.0, square / (degrees + square))
    return _incomplete_beta(degrees / 2.0, 0.5, degrees / (degrees + square))


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function, in [0, 1].

    By Lentz's continued fraction. Source: Press et al. (2007), Numerical Recipes, 6.4.
    """
    if x <= 0.0 or x >= 1.0:
        return float(x >= 1.0)
    if x > (a + 1.0) / (a + b + 2.0):  # where the fraction of the other tail converges faster
        return 1.0 - _incomplete_beta(b, a, 1.0 - x)
    scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(scale + a * math.log(x) + b * math.log1p(-x)) / a
    upper, lower, fraction = 1.0, 0.0, 1.0
    for step in range(STEPS):
        m = step // 2
        if step == 0:
            term = 1.0
        elif step % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        lower = 1.0 / _apart(1.0 + term * lower)
        upper = _apart(1.0 + term / upper)
        fraction *= upper * lower
        if step and abs(upper * lower - 1.0) < CLOSE:
            break
    return front * (fraction - 1.0)


def _apart(value: float) -> float:
    """Return a value away from 0, by which the fraction divides."""
    return value if abs(value) > SMALL else SMALL
