"""What the regimes say of the next bar that its volatility does not: held-out log-likelihood.

Two laws predict the log return and the log range of the next bar at each close. Both know its
volatility, an exponentially weighted mean of squared ranges; one knows the regime probabilities
too. The law is a Student-t whose location and log scale are linear in what it knows, so the first
law is the second with equal coefficients for all regimes, and the difference is the regimes' alone.

Sources: Parkinson (1980), Journal of Business 53(1) for the range; RiskMetrics (1996) for the mean;
Lange, Little and Taylor (1989), JASA 84(408) for the law; Good (1952), JRSS B 14(1) for the score.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import digamma, gammaln

from streams.evaluation.resampling import ratio_interval
from workers.training.dataset import Array, Rows

DECAYS = (0.7, 0.8, 0.9, 0.94, 0.97, 0.985)  # half-lives from 2 to 46 bars
LEAST_FREEDOM = 2.0  # above it the variance exists
LOG_FREEDOM = (-5.0, 5.0)  # of what is beyond it: 150 is almost a Gaussian
LARGEST_LOG_SCALE = 50.0  # of standardised values: keeps the exponential finite
ENOUGH_ROWS = 10_000  # to choose among a few decays
DRAWS = 400


@dataclass(frozen=True)
class NextBars:
    """What is known at each close, and the bar after it; N rows, of one symbol after the other.

    Attributes:
        times: Bar closes, ms, shape (N,).
        log_volatility: Log of the root mean square range up to the close, by decay of ``DECAYS``,
            shape (len(DECAYS), N); NaN before the first range above 0.
        log_return: Of the next bar, in deviations of its symbol, shape (N,); NaN without one.
        log_range: Log of the next bar's ln(high / low), shape (N,); NaN where that is 0.
    """

    times: Rows
    log_volatility: Array
    log_return: Array
    log_range: Array

    @classmethod
    def of(cls, times: Rows, timeframe_ms: int, log_returns: Array, ranges: Array) -> NextBars:
        """Lay out the bars of one symbol; a bar after a hole is nobody's next bar.

        Args:
            times: Bar closes, ms, increasing, shape (N,).
            timeframe_ms: Bar length.
            log_returns: ln(close / close before), NaN where null, shape (N,).
            ranges: ln(high / low), 0 or more, shape (N,).
        """
        follows = np.append(np.diff(times) == timeframe_ms, False)
        means = np.array([_decayed_mean(ranges**2, decay) for decay in DECAYS])
        return cls(
            times,
            0.5 * _known_log(means),
            np.where(follows, np.append(log_returns[1:], np.nan), np.nan),
            _known_log(np.where(follows, np.append(ranges[1:], np.nan), np.nan)),
        )

    @classmethod
    def join(cls, symbols: Sequence[NextBars]) -> NextBars:
        """Put the rows of several symbols one after the other."""
        return cls(
            np.concatenate([bars.times for bars in symbols]),
            np.concatenate([bars.log_volatility for bars in symbols], axis=1),
            np.concatenate([bars.log_return for bars in symbols]),
            np.concatenate([bars.log_range for bars in symbols]),
        )


@dataclass(frozen=True)
class NextBarGain:
    """Log-likelihood with regimes less that without, nats, of each test row whose next bar moves.

    Attributes:
        times: Closes at which it was predicted, ms, shape (n,).
        log_return: Gain on the next bar's log return, shape (n,).
        log_range: Gain on its log range, shape (n,).
    """

    times: Rows
    log_return: Array
    log_range: Array

    @classmethod
    def join(cls, folds: Sequence[NextBarGain]) -> NextBarGain:
        """Put the rows of several test blocks one after the other."""
        return cls(
            np.concatenate([fold.times for fold in folds]),
            np.concatenate([fold.log_return for fold in folds]),
            np.concatenate([fold.log_range for fold in folds]),
        )

    def summary(self) -> dict[str, Any]:
        """Return rows, and mean and 95 % interval of both gains, in nats a bar; null where none."""
        gains = {"log_return": self.log_return, "log_range": self.log_range}
        return {"rows": len(self.times)} | {
            name: mean_interval(gain, self.times) for name, gain in gains.items()
        }


def next_bar_gain(bars: NextBars, regimes: Array, train: Rows, test: Rows) -> NextBarGain:
    """Fit both laws on the training rows and compare them on the test rows.

    Args:
        bars: Closes and the bars after them.
        regimes: Filtered probabilities at each close, by a filter fitted on the past of the test
            rows, shape (N, K), rows sum to 1.
        train: Row numbers whose next bar closes before every test row.
        test: Row numbers to score.

    Returns: the gains of the test rows whose next bar moves; none where no training row's does.
    """
    known = np.isfinite(bars.log_return + bars.log_range + bars.log_volatility[0])
    train, test = train[known[train]], test[known[test]]
    if not (bars.log_return[train] != 0.0).any():
        return NextBarGain(np.empty(0, np.int64), np.empty(0), np.empty(0))
    nothing = np.ones((len(bars.times), 1))
    returns = bars.log_return / bars.log_return[train].std()
    volatility = _best_volatility(bars, returns, train)
    gains = [
        _score(outcome, *law(volatility, regimes), train, test)
        - _score(outcome, *law(volatility, nothing), train, test)
        for outcome, law in ((returns, _return_law), (bars.log_range, _range_law))
    ]
    return NextBarGain(bars.times[test], *gains)


def mean_interval(
    values: Array, times: Rows, counted: NDArray[np.bool_] | None = None
) -> dict[str, float | None]:
    """Return the mean of some rows and its 95 % interval; closes are drawn with all their symbols.

    Args:
        values: One for each row, shape (n,).
        times: Close of each row, ms, shape (n,).
        counted: Which rows count, shape (n,); None is all. The others keep their place in time.

    Returns: ``mean``, None without rows; ``low`` and ``high``, None for too few closes.
    """
    counted = np.ones(len(values), np.bool_) if counted is None else counted
    if not counted.any():
        return {"mean": None, "low": None, "high": None}
    _, close = np.unique(times, return_inverse=True)
    sums = np.bincount(close, np.where(counted, values, 0.0)).astype(np.float64)
    counts = np.bincount(close, counted).astype(np.float64)
    interval = ratio_interval(sums, counts, draws=DRAWS)
    low, high = (interval.low, interval.high) if interval else (None, None)
    return {"mean": float(sums.sum() / counts.sum()), "low": low, "high": high}


def _return_law(volatility: Array, known: Array) -> tuple[Array, Array]:
    """Return the regressors of location and of log scale: volatility moves the scale."""
    return known, np.hstack([volatility, known])


def _range_law(volatility: Array, known: Array) -> tuple[Array, Array]:
    """Return the regressors of location and of log scale: volatility moves the location."""
    return np.hstack([volatility, known]), known


def _best_volatility(bars: NextBars, returns: Array, train: Rows) -> Array:
    """Return the log volatility, shape (N, 1), that predicts the training rows best alone."""
    train = train[:: max(len(train) // ENOUGH_ROWS, 1)]
    nothing = np.ones((len(bars.times), 1))

    def likelihood(volatility: Array) -> float:
        return float(
            _score(returns, *_return_law(volatility, nothing), train, train).mean()
            + _score(bars.log_range, *_range_law(volatility, nothing), train, train).mean()
        )

    columns = [row[:, None] - row[train].mean() for row in bars.log_volatility]
    return max(columns, key=likelihood)


def _score(outcome: Array, location: Array, scale: Array, train: Rows, test: Rows) -> Array:
    """Fit a law on training rows; return the log density of each test row, shape (n,)."""
    law = _fit_law(outcome[train], location[train], scale[train])
    width = location.shape[1]
    freedom = LEAST_FREEDOM + np.exp(law[-1])
    log_scale = np.clip(scale[test] @ law[width:-1], -LARGEST_LOG_SCALE, LARGEST_LOG_SCALE)
    z = (outcome[test] - location[test] @ law[:width]) * np.exp(-log_scale)
    tail = 0.5 * (freedom + 1.0) * np.log1p(z * z / freedom)
    return np.asarray(_log_norm(freedom) - log_scale - tail)


def _fit_law(outcome: Array, location: Array, scale: Array) -> Array:
    """Return the most likely coefficients: of location, of log scale, and ln(freedom - 2)."""
    from scipy.optimize import minimize

    centre = np.linalg.lstsq(location, outcome, rcond=None)[0]
    spread = np.full(len(outcome), np.log(max((outcome - location @ centre).std(), 1e-12)))
    start = np.concatenate([centre, np.linalg.lstsq(scale, spread, rcond=None)[0], [1.0]])

    def loss(law: Array) -> tuple[float, Array]:
        freedom = LEAST_FREEDOM + np.exp(law[-1])
        total, slope = _sums(law, freedom, outcome, location, scale)
        half = 0.5 * (freedom + 1.0)
        of_norm = 0.5 * (digamma(half) - digamma(half - 0.5) - 1.0 / freedom)
        slope[-1] = (slope[-1] / len(outcome) + of_norm) * (freedom - LEAST_FREEDOM)
        slope[:-1] /= len(outcome)
        return -float(total / len(outcome) + _log_norm(freedom)), -slope

    bounds = [(None, None)] * (len(start) - 1) + [LOG_FREEDOM]
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x)


def _log_norm(freedom: float) -> float:
    """Return the log density of a Student-t at its centre, scale 1."""
    gammas = gammaln(0.5 * (freedom + 1.0)) - gammaln(0.5 * freedom)
    return float(gammas - 0.5 * np.log(freedom * np.pi))


@njit(cache=True)
def _sums(
    law: Array, freedom: float, outcome: Array, location: Array, scale: Array
) -> tuple[float, Array]:
    """Return the sum of log densities less their norms, and its slope; the last is in freedom."""
    width, total, slope = location.shape[1], 0.0, np.zeros(len(law))
    for t in range(len(outcome)):
        rest, log_scale = outcome[t], 0.0
        for d in range(width):
            rest -= law[d] * location[t, d]
        for d in range(scale.shape[1]):
            log_scale += law[width + d] * scale[t, d]
        log_scale = min(max(log_scale, -LARGEST_LOG_SCALE), LARGEST_LOG_SCALE)
        precision = math.exp(-log_scale)
        z = rest * precision
        tail = math.log(1.0 + z * z / freedom)
        pull = (freedom + 1.0) * z / (freedom + z * z)
        total -= log_scale + 0.5 * (freedom + 1.0) * tail
        for d in range(width):
            slope[d] += pull * precision * location[t, d]
        for d in range(scale.shape[1]):
            slope[width + d] += (pull * z - 1.0) * scale[t, d]
        slope[-1] += 0.5 * (pull * z / freedom - tail)
    return total, slope


@njit(cache=True)
def _decayed_mean(values: Array, decay: float) -> Array:
    """Return the exponentially weighted mean up to each value; the first starts it."""
    means = np.empty(len(values))
    mean = values[0] if len(values) else 0.0
    for t, value in enumerate(values):
        mean = decay * mean + (1.0 - decay) * value
        means[t] = mean
    return means


def _known_log(values: Array) -> Array:
    """Return the logarithm, NaN where a value is not above 0."""
    return np.log(np.where(values > 0.0, values, np.nan))


def prepare() -> None:
    """Compile the sums, or load them from the cache."""
    _sums(np.zeros(3), 5.0, np.zeros(1), np.zeros((1, 1)), np.zeros((1, 1)))
    _decayed_mean(np.zeros(2), 0.5)
