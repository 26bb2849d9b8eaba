"""Out of sample against in sample: how much of a walk-forward's result lasted."""

from __future__ import annotations

import math

from streams.evaluation.metrics import NO_SPREAD, Vector, finite, sharpe_ratio


def overfitting_ratio(in_sample: float | None, out_of_sample: float | None) -> float | None:
    """Return ``1 - out-of-sample / in-sample`` Sharpe.

    At 0 the whole Sharpe lasted, at 1 none of it; above 1 money was lost. None unless the
    in-sample Sharpe is positive.

    >>> overfitting_ratio(in_sample=2.0, out_of_sample=1.5)
    0.25
    """
    if in_sample is None or out_of_sample is None or in_sample <= 0.0:
        return None
    return 1.0 - out_of_sample / in_sample


def walk_forward_efficiency(in_sample: float | None, out_of_sample: float | None) -> float | None:
    """Return out-of-sample over in-sample annual return; None unless the latter is positive.

    Source: Pardo (2008), The Evaluation and Optimization of Trading Strategies.

    >>> walk_forward_efficiency(in_sample=0.5, out_of_sample=0.25)
    0.5
    """
    if in_sample is None or out_of_sample is None or in_sample <= 0.0:
        return None
    return out_of_sample / in_sample


def t_statistic(returns: Vector) -> float | None:
    """Return the mean of the stitched out-of-sample daily returns over its standard error.

    None below two returns or without spread.

    >>> round(t_statistic(np.array([0.01, -0.02, 0.03])), 2)
    0.46
    """
    sharpe = sharpe_ratio(returns, periods=1)
    return None if sharpe is None else sharpe * math.sqrt(len(returns))


def coefficient_of_variation(values: Vector) -> float | None:
    """Return the deviation of one parameter's choices over the windows, over their absolute mean.

    None below two windows or for a mean of 0.

    >>> round(coefficient_of_variation(np.array([10.0, 12.0, 14.0])), 2)
    0.17
    """
    values = finite(values, "values")
    if values.size < 2 or (mean := abs(float(values.mean()))) <= NO_SPREAD:
        return None
    return float(values.std(ddof=1)) / mean
