"""Whether the best of many is more than luck, in numbers and in plain words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.evaluation.metrics import sharpe_ratio
from streams.evaluation.overfitting import (
    deflated_sharpe_ratio,
    effective_trials,
    expected_max_sharpe,
    probability_of_backtest_overfitting,
)

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

SURE = 0.95  # deflated Sharpe ratio that passes
ROBUST = 0.1  # PBO that is good
NOISE = 0.5  # PBO that noise gives
BINS = 30


@dataclass(frozen=True)
class Judgement:
    """What the search found, set against what searching alone would find.

    Attributes:
        sharpe: Of the optimum, yearly.
        luck: Sharpe ratio that the best of as many worthless trials is expected to show.
        deflated: Probability that the optimum beats that; passes at 0.95.
        pbo: Probability of backtest overfitting by CSCV; noise gives about 0.5.
        pbo_trials: Trials that CSCV compared; spread over the grid, the optimum among them.
        trials: That ran.
        effective: Independent trials that they amount to.
        degradation: Slope of out-of-sample on in-sample Sharpe over CSCV's halves.
        probability_of_loss: Share of CSCV's choices that lost out of sample.
    """

    sharpe: float | None
    luck: float
    deflated: float | None
    pbo: float | None
    pbo_trials: int
    trials: int
    effective: float | None
    degradation: float | None
    probability_of_loss: float | None

    @property
    def facts(self) -> dict[str, Any]:
        """As a result carries it."""
        return {
            "trials": self.trials,
            "effective_trials": self.effective,
            "expected_max_sharpe": self.luck,
            "deflated_sharpe_ratio": self.deflated,
            "pbo": self.pbo,
            "pbo_trials": self.pbo_trials,
            "degradation": self.degradation,
            "probability_of_loss": self.probability_of_loss,
        }


def judge(best: Vector, sharpes: Vector, returns: Matrix) -> Judgement:
    """Return how the best of a search stands against luck.

    Args:
        best: Daily returns of the optimum.
        sharpes: Yearly, of every trial that ran, NaN where undefined.
        returns: Days x trials, of those that CSCV compares.
    """
    known = sharpes[np.isfinite(sharpes)]
    spread = float(known.std(ddof=1)) if known.size > 1 else 0.0
    overfitting = probability_of_backtest_overfitting(returns)
    return Judgement(
        sharpe=sharpe_ratio(best),
        luck=expected_max_sharpe(max(len(sharpes), 1), spread),
        deflated=deflated_sharpe_ratio(best, sharpes),
        pbo=None if overfitting is None else overfitting.pbo,
        pbo_trials=returns.shape[1],
        trials=len(sharpes),
        effective=effective_trials(returns),
        degradation=None if overfitting is None else overfitting.degradation,
        probability_of_loss=None if overfitting is None else overfitting.probability_of_loss,
    )


def verdict(judged: Judgement, hold: float | None) -> str:
    """Return in plain words whether there is anything in the optimum.

    Args:
        judged: The search.
        hold: Yearly Sharpe ratio of buy-and-hold over the same bars.
    """
    count = f"{judged.trials:,} combinations" if judged.trials > 1 else "1 combination"
    if judged.sharpe is None or judged.deflated is None:
        return f"Nothing here: none of {count} has days that differ, so there is no Sharpe ratio."
    best = f"the best of {count} has a Sharpe ratio of {judged.sharpe:.2f}"
    if judged.sharpe <= 0.0:
        return f"Nothing here: {best}, so not one earned more than it cost."
    behind = ""
    if hold is not None and hold >= judged.sharpe:
        behind = f" Buy and hold had {hold:.2f}."
    pbo = "PBO cannot be told" if judged.pbo is None else f"PBO is {judged.pbo:.2f}"
    luck = (
        f"{best}, luck alone would show about {judged.luck:.2f}: the deflated Sharpe ratio is "
        f"{judged.deflated:.2f} of the {SURE} asked for, and {pbo}"
    )
    overfit = judged.pbo is not None and judged.pbo >= NOISE
    if judged.deflated < SURE or overfit:
        return f"Nothing here: {luck} (noise gives {NOISE}).{behind}"
    if judged.pbo is None or judged.pbo > ROBUST:
        return f"Not proven: {luck} (below {ROBUST} is good).{behind}"
    return f"Holds up so far: {luck}. What comes next may still differ.{behind}"


def score_distribution(values: Vector) -> dict[str, Any]:
    """Return a histogram of the trials' values with mean, deviation and quantiles."""
    known = values[np.isfinite(values)]
    if known.size == 0:
        return {"count": 0, "undefined": len(values), "edges": [], "counts": []}
    counts, edges = np.histogram(known, bins=min(BINS, max(1, known.size)))
    low, middle, high = np.quantile(known, (0.05, 0.5, 0.95))
    return {
        "count": int(known.size),
        "undefined": int(len(values) - known.size),
        "mean": float(known.mean()),
        "deviation": float(known.std(ddof=1)) if known.size > 1 else None,
        "p05": float(low),
        "median": float(middle),
        "p95": float(high),
        "edges": [round(float(e), 6) for e in edges],
        "counts": counts.tolist(),
    }


def neighbourhood(scores: Matrix, best: tuple[int, ...]) -> dict[str, Any]:
    """Return the optimum beside its neighbours, one step away in any of the parameters.

    Args:
        scores: One axis a parameter; NaN where a cell did not run or has no value.
        best: Place of the optimum.

    Returns: ``optimum``, ``mean`` of the neighbours (None without any), ``neighbours``, ``share``
    of the optimum that they keep (None unless it is positive), and ``shape``: ``plateau`` where
    they keep half of it or more, ``lone peak`` where not, ``unknown`` without neighbours.
    """
    around = tuple(slice(max(at - 1, 0), at + 2) for at, _ in zip(best, scores.shape, strict=True))
    block = scores[around].copy()
    block[tuple(min(at, 1) for at in best)] = math.nan
    known = block[np.isfinite(block)]
    optimum = float(scores[best])
    mean = float(known.mean()) if known.size else None
    share = mean / optimum if mean is not None and optimum > 0.0 else None
    shape = "unknown" if mean is None else "lone peak"
    if share is not None and share >= 0.5:
        shape = "plateau"
    return {
        "optimum": optimum,
        "mean": mean,
        "neighbours": int(known.size),
        "share": share,
        "shape": shape,
    }
