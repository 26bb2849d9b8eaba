"""What is drawn of a model out of sample: reliability, equity, and its scores fold by fold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from schemas.diagnostics import ConfidenceBin, ModelEquity
from streams.confidence import BINS
from workers.research.charts.charts import kept_points
from workers.training.blocks import SumsByBlock, time_blocks
from workers.training.calibration_evidence import FEWEST_BLOCKS
from workers.training.forecasts import score_forecasts
from workers.training.metrics import StitchedRows
from workers.training.trading import CalledTrades

LEVEL = 0.9
MOST_POINTS = 120  # of the equity: it travels with every record of the model
DIGITS = 6


def reliability(test: StitchedRows, block_ms: int) -> tuple[ConfidenceBin, ...]:
    """Return the bins of the top label's confidence that have rows, ten of equal width.

    The interval of a hit rate is Student's t by its spread between blocks of time, because
    outcomes overlap.

    Args:
        test: Rows out of sample.
        block_ms: Several label horizons.
    """
    from scipy.special import stdtrit

    if len(test.classes) == 0:
        return ()
    confidence = test.probabilities.max(axis=1)
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    hits = (test.probabilities.argmax(axis=1) == test.classes).astype(np.float64)
    sums = SumsByBlock.of(hits, bins, time_blocks(test.times, block_ms), BINS)
    means = sums.means()
    blocks = np.count_nonzero(sums.counts, axis=0)
    reach = stdtrit(means.effective[0] - 1.0, 0.5 + LEVEL / 2.0) * np.sqrt(means.variance[0])
    drawn = []
    for each in np.unique(bins).tolist():
        rate, spread = float(means.mean[0, each]), float(reach[each])
        edges = (round(max(rate - spread, 0.0), DIGITS), round(min(rate + spread, 1.0), DIGITS))
        drawn.append(
            ConfidenceBin(
                rows=int(means.rows[0, each]),
                confidence=round(float(confidence[bins == each].mean()), DIGITS),
                hit_rate=round(rate, DIGITS),
                interval=edges if blocks[each] >= FEWEST_BLOCKS else None,
            )
        )
    return tuple(drawn)


def model_equity(trades: CalledTrades) -> ModelEquity:
    """Return the equity of trades, thinned so that no peak or trough is lost."""
    times, equity = trades.equity()
    kept = kept_points(equity, MOST_POINTS)
    return ModelEquity(
        times_ms=tuple(times[kept].tolist()),
        equity=tuple(equity[kept].round(DIGITS).tolist()),
        trades=len(trades.net),
    )


def fold_scores(test: StitchedRows, sizes: Sequence[int]) -> list[dict[str, Any]]:
    """Return each judged fold's span and the scores of every forecast on it, by name.

    Args:
        test: The stitched folds.
        sizes: How many rows each of them has, oldest first.
    """
    folds, begin = [], 0
    for size in sizes:
        rows = slice(begin, begin + size)
        begin += size
        parts = {name: chances[rows] for name, chances in test.forecasts.items()}
        scores = score_forecasts(parts, test.classes[rows])
        fold: dict[str, Any] = {
            "from_ms": int(test.times[rows].min()),
            "to_ms": int(test.times[rows].max()),
            "rows": size,
        }
        for each in scores:
            fold[each.forecast] = each.model_dump(exclude={"forecast"})
        folds.append(fold)
    return folds
