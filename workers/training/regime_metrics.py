"""How good named regimes are: against the true ones of a simulated market, or by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.regimes.hamilton import Array
from workers.training.baum_welch import STATES
from workers.training.metrics import calibration_error, log_loss

Regimes = NDArray[np.int64]  # 0 bull, 1 bear, 2 sideways


@dataclass(frozen=True)
class RegimeScore:
    """Probabilities against true regimes.

    Attributes:
        calibration_error: Expected, of the top label, ten bins.
        log_loss: Nats a bar.
        balanced_accuracy: Mean share of each regime's bars that are named right.
        switches: Changes of the named regime for each true one.
        lag_bars: Median from a true change to the first bar that is named right; infinite when
            most spells end unnamed.
    """

    calibration_error: float
    log_loss: float
    balanced_accuracy: float
    switches: float
    lag_bars: float


def regime_score(probabilities: Sequence[Array], truth: Sequence[Regimes]) -> RegimeScore:
    """Return the score of several symbols together.

    Args:
        probabilities: By symbol, (bull, bear, sideways), shape (T, 3).
        truth: By symbol, the true regime of each bar, shape (T,); each regime must occur.
    """
    named = [rows.argmax(axis=1) for rows in probabilities]
    pooled, regimes = np.vstack(list(probabilities)), np.concatenate(list(truth))
    right = np.concatenate(named) == regimes
    lags = [switch_lags(n, t) for n, t in zip(named, truth, strict=True)]
    return RegimeScore(
        calibration_error=calibration_error(pooled, regimes) or 0.0,
        log_loss=log_loss(pooled, regimes) or 0.0,
        balanced_accuracy=float(np.mean([right[regimes == k].mean() for k in range(STATES)])),
        switches=sum(map(switches, named)) / max(sum(map(switches, truth)), 1),
        lag_bars=float(np.median(np.concatenate(lags))),
    )


def switches(regimes: Regimes) -> int:
    """Return how often the regime changes."""
    return int(np.count_nonzero(np.diff(regimes)))


def switch_lags(named: Regimes, truth: Regimes) -> Array:
    """Return for each true change the bars until it is named; infinite where the spell ends first.

    Args:
        named: What a filter names, shape (T,).
        truth: The true regimes, shape (T,).
    """
    starts = np.flatnonzero(np.diff(truth)) + 1
    if len(starts) == 0:
        return np.array([np.inf])
    hits = np.flatnonzero(named == truth)
    first = np.searchsorted(hits, starts)
    following = np.append(hits, 2 * len(truth))[first]
    ends = np.append(starts[1:], len(truth))
    return np.where(following < ends, following - starts, np.inf)
