"""How certain a Sharpe ratio is, and how much of the best of many trials is luck.

Sharpe ratios go in and come out per year; the formulas underneath are per period. ``returns`` are
the daily returns of one run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.evaluation.interval import NORMAL, Interval
from streams.evaluation.metrics import (
    DAYS_PER_YEAR,
    Vector,
    finite,
    kurtosis,
    sharpe_ratio,
    skewness,
)

Matrix = NDArray[np.float64]

EULER_GAMMA = 0.5772156649015329

MAX_BLOCKS = 20  # 184,756 ways to halve them
CHUNK = 512  # trials standardised at once


@dataclass(frozen=True, eq=False)
class Overfitting:
    """Result of CSCV: how well the best of ``trials`` in sample does out of sample.

    Attributes:
        pbo: Share of combinations whose in-sample best is no better than the median out of
            sample; below 0.1 is good, noise gives 0.5.
        logits: ln(w / (1 - w)) of the best's relative out-of-sample rank w, one per combination;
            0 or below is a median or worse.
        in_sample: Sharpe per year of the chosen trial in each combination, in sample.
        out_of_sample: The same trial out of sample, 0 where it did not trade there.
        degradation: Slope of out-of-sample on in-sample Sharpe; None without spread.
        probability_of_loss: Share of combinations whose choice lost out of sample.
        trials: Columns of the matrix.
        blocks: Into which the days were cut.
    """

    pbo: float
    logits: Vector
    in_sample: Vector
    out_of_sample: Vector
    degradation: float | None
    probability_of_loss: float
    trials: int
    blocks: int


def sharpe_standard_error(returns: Vector, periods: int = DAYS_PER_YEAR) -> float | None:
    """Return the standard error of the yearly Sharpe ratio, for skewed and fat-tailed returns.

    None where the Sharpe ratio is None. Source: Mertens (2002); Bailey and Lopez de Prado (2012).

    >>> round(sharpe_standard_error(np.array([0.01, -0.02, 0.03, 0.01])), 2)
    12.0
    """
    moments = _moments(returns)
    if moments is None:
        return None
    return math.sqrt(_variance(moments) * periods / (len(returns) - 1))


def sharpe_interval(
    returns: Vector, level: float = 0.95, periods: int = DAYS_PER_YEAR
) -> Interval | None:
    """Return the interval of the yearly Sharpe ratio by its standard error.

    None where the standard error is None.
    """
    sharpe, error = sharpe_ratio(returns, periods=periods), sharpe_standard_error(returns, periods)
    if sharpe is None or error is None:
        return None
    width = NORMAL.inv_cdf(0.5 + level / 2.0) * error
    return Interval(sharpe - width, sharpe + width, level)


def probabilistic_sharpe_ratio(
    returns: Vector, benchmark: float = 0.0, periods: int = DAYS_PER_YEAR
) -> float | None:
    """Return the probability that the true yearly Sharpe ratio is above ``benchmark``, in [0, 1].

    None where the Sharpe ratio is None.
    Source: Bailey and Lopez de Prado (2012), Journal of Risk 15(2), 3-44.

    >>> round(probabilistic_sharpe_ratio(np.array([0.01, -0.02, 0.03, 0.01])), 2)
    0.72
    """
    sharpe, error = sharpe_ratio(returns, periods=periods), sharpe_standard_error(returns, periods)
    if sharpe is None or not error:
        return None
    return NORMAL.cdf((sharpe - benchmark) / error)


def expected_max_sharpe(trials: float, spread: float) -> float:
    """Return the expected Sharpe ratio of the best of ``trials`` without any skill.

    Args:
        trials: Number of independent trials, 1 or more; 1 gives 0.
        spread: Deviation of the Sharpe ratio over the trials; the result is in its unit.

    Raises: ValueError below one trial.
    Source: Bailey and Lopez de Prado (2014), equation 1.

    >>> round(expected_max_sharpe(100, spread=1.0), 2)
    2.53
    """
    if trials < 1.0:
        raise ValueError(f"expected at least 1 trial, got {trials}")
    if trials == 1.0:
        return 0.0
    first = NORMAL.inv_cdf(1.0 - 1.0 / trials)
    second = NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
    return spread * max((1.0 - EULER_GAMMA) * first + EULER_GAMMA * second, 0.0)


def deflated_sharpe_ratio(
    returns: Vector,
    trial_sharpes: Vector,
    trials: float | None = None,
    periods: int = DAYS_PER_YEAR,
) -> float | None:
    """Return the probability that the best trial beats what the search alone would have shown.

    Args:
        returns: Of the best trial.
        trial_sharpes: Yearly, of every trial, the best included, NaN where undefined.
        trials: Independent ones; all of ``trial_sharpes`` unless given. After an adaptive search
            the result is a guide only.
        periods: Of one return in a year.

    Returns: in [0, 1], pass at 0.95; None where the Sharpe ratio of the best is.
    Source: Bailey and Lopez de Prado (2014), Journal of Portfolio Management 40(5), 94-107.
    """
    known = finite(np.asarray(trial_sharpes)[~np.isnan(trial_sharpes)], "trial_sharpes")
    spread = float(known.std(ddof=1)) if known.size > 1 else 0.0
    count = float(len(trial_sharpes)) if trials is None else trials
    return probabilistic_sharpe_ratio(
        returns, expected_max_sharpe(max(count, 1.0), spread), periods
    )


def minimum_track_record_length(
    returns: Vector,
    benchmark: float = 0.0,
    level: float = 0.95,
    periods: int = DAYS_PER_YEAR,
) -> float | None:
    """Return how many periods show a Sharpe ratio above ``benchmark`` (yearly) at ``level``.

    None unless the Sharpe ratio is above the benchmark.
    Source: Bailey and Lopez de Prado (2012), equation 12.
    """
    moments = _moments(returns)
    if moments is None or (edge := moments[0] - benchmark / math.sqrt(periods)) <= 0.0:
        return None
    return 1.0 + _variance(moments) * (NORMAL.inv_cdf(level) / edge) ** 2


def annualization_factor(autocorrelations: Vector, periods: int = DAYS_PER_YEAR) -> float | None:
    """Return what turns a Sharpe ratio per period into one per year: sqrt(periods) without memory.

    Args:
        autocorrelations: Of the returns at lags 1, 2, ...; 0 beyond the last.
        periods: In a year.

    None where they imply no variance. Source: Lo (2002), Financial Analysts Journal 58(4), 36-52.
    """
    rho = finite(autocorrelations, "autocorrelations")[: periods - 1]
    variance = periods + 2.0 * float(((periods - 1 - np.arange(rho.size)) * rho).sum())
    return periods / math.sqrt(variance) if variance > 0.0 else None


def autocorrelation_adjusted_sharpe_ratio(
    returns: Vector, periods: int = DAYS_PER_YEAR
) -> float | None:
    """Return the yearly Sharpe ratio of returns that remember: lower where gains follow gains.

    Lags up to ``4 (n / 100)^(2/9)`` (Newey and West 1994). None where the Sharpe ratio is.
    Source: Lo (2002).
    """
    sharpe = sharpe_ratio(returns, periods=1)
    if sharpe is None:
        return None
    centred = returns - returns.mean()
    lags = min(int(4.0 * (centred.size / 100.0) ** (2.0 / 9.0)), centred.size - 1)
    rho = [float(centred[k:] @ centred[:-k]) for k in range(1, lags + 1)]
    factor = annualization_factor(np.array(rho) / float(centred @ centred), periods)
    return None if factor is None else sharpe * factor


def effective_trials(returns: Matrix) -> float | None:
    """Return how many independent trials the columns amount to: ``rho + (1 - rho) M``.

    Args:
        returns: Days x trials; columns without spread do not count.

    rho is the mean correlation of two columns, taken within [0, 1]. None without a column that
    moves. Source: Lopez de Prado and Lewis (2019), Quantitative Finance 19(9).

    >>> round(effective_trials(np.array([[0.01, 0.01], [-0.02, -0.02], [0.03, 0.03]])), 6)
    1.0
    """
    days, _ = _shape(returns)
    total, count = np.zeros(days), 0
    for start in range(0, returns.shape[1], CHUNK):
        block = np.asarray(returns[:, start : start + CHUNK], dtype=np.float64)
        block = block - block.mean(axis=0)
        norm = np.sqrt((block**2).sum(axis=0))
        moves = norm > 0.0
        total += (block[:, moves] / norm[moves]).sum(axis=1)
        count += int(moves.sum())
    if count < 2:
        return float(count) or None
    rho = (float(total @ total) - count) / (count * (count - 1.0))
    rho = min(max(rho, 0.0), 1.0)
    return rho + (1.0 - rho) * count


def probability_of_backtest_overfitting(
    returns: Matrix, blocks: int = 16, periods: int = DAYS_PER_YEAR
) -> Overfitting | None:
    """Return how often the in-sample best is median or worse out of sample, by CSCV.

    Args:
        returns: Days x trials, the daily returns of every trial of the search; float32 will do.
        blocks: Even, 2 to 20; every half of them is in-sample once (16: 12,870 combinations).
        periods: Of one return in a year.

    Each combination picks the first column of highest Sharpe ratio, as a search would, and ranks
    it among all columns out of sample; equal columns share their mean rank. A column without
    spread in a half cannot be picked there and counts as 0 out of sample.

    Extra memory: 1 kB per trial.

    None below two trials, two days per block, or where no half has anything to pick.
    Raises: ValueError for an odd or too large number of blocks, or a matrix that is not finite.
    Source: Bailey, Borwein, Lopez de Prado and Zhu (2017), Journal of Computational Finance 20(4).
    """
    days, trials = _shape(returns)
    if blocks % 2 or not 2 <= blocks <= MAX_BLOCKS:
        raise ValueError(f"expected an even number of blocks, 2 to {MAX_BLOCKS}, got {blocks}")
    if trials < 2 or days < 2 * blocks:
        return None

    from streams.evaluation.cscv import halves_and_ranks  # numba loads only where it is needed

    chosen = halves_and_ranks(returns, blocks)
    rank, in_sample, out_of_sample = chosen[:, ~np.isnan(chosen[0])]
    if rank.size == 0:
        return None
    scale = math.sqrt(periods)
    logits = np.log(rank / (trials + 1.0 - rank))
    spread = float(((in_sample - in_sample.mean()) ** 2).sum())
    covariance = float(((in_sample - in_sample.mean()) * out_of_sample).sum())
    return Overfitting(
        pbo=float(np.mean(logits <= 0.0)),
        logits=logits,
        in_sample=in_sample * scale,
        out_of_sample=out_of_sample * scale,
        degradation=covariance / spread if spread > 0.0 else None,
        probability_of_loss=float(np.mean(out_of_sample < 0.0)),
        trials=trials,
        blocks=blocks,
    )


def _shape(returns: Matrix) -> tuple[int, int]:
    if returns.ndim != 2:
        raise ValueError(f"expected days x trials, got shape {returns.shape}")
    return returns.shape[0], returns.shape[1]


def _moments(returns: Vector) -> tuple[float, float, float] | None:
    """Return Sharpe ratio per period, skewness and kurtosis; None where one is undefined."""
    sharpe, skew, kurt = sharpe_ratio(returns, periods=1), skewness(returns), kurtosis(returns)
    if sharpe is None or skew is None or kurt is None:
        return None
    return sharpe, skew, kurt


def _variance(moments: tuple[float, float, float]) -> float:
    """Return n times the variance of the Sharpe ratio; 0 or more, as kurtosis >= 1 + skew^2."""
    sharpe, skew, kurt = moments
    return max(1.0 - skew * sharpe + (kurt - 1.0) / 4.0 * sharpe**2, 0.0)
