"""Which symbols a training can use, and why it goes on without the others.

One symbol whose price stands still, or that was listed a moment ago, must not cost the others their
model. It is looked at again by the next training.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from streams.features.catalog import FEATURES
from workers.training.dataset import Array, FeatureSeries
from workers.training.fit_regimes import OBSERVATIONS, SymbolBars, is_usable
from workers.training.regime_evidence import as_read
from workers.training.table import LabelPlan, build_table

# A source that lacks an optional feature takes it from all; one that lacks another is left out.
REQUIRED = tuple(
    name for name in OBSERVATIONS if not any(f.optional for f in FEATURES if f.name == name)
)

LeftOut = dict[str, str]  # by symbol, the reason


def left_out_of_filter(bars: Mapping[str, SymbolBars]) -> LeftOut:
    """Return by symbol why the regime filter cannot be fitted with it.

    A price must move, and an observation that one symbol has must be usable for each.

    Args:
        bars: By symbol, all ``OBSERVATIONS`` of its training bars.
    """
    left_out = {s: _stillness(each.log_returns) for s, each in bars.items() if _still(each)}
    moving = {
        s: as_read(each.observations, OBSERVATIONS) for s, each in bars.items() if s not in left_out
    }
    for name in REQUIRED:
        columns = {s: each[:, OBSERVATIONS.index(name)] for s, each in moving.items()}
        lacking = [s for s, column in columns.items() if not is_usable(column)]
        if len(lacking) < len(columns):
            left_out |= {s: _lack(name, columns[s]) for s in lacking if s not in left_out}
    return left_out


def _still(bars: SymbolBars) -> bool:
    known = bars.log_returns[~np.isnan(bars.log_returns)]
    return len(known) == 0 or bool(np.ptp(known) == 0.0)


def _stillness(log_returns: Array) -> str:
    if len(log_returns) == 0:
        return "it has no bars"
    return f"its price does not move in {len(log_returns):,} bars"


def _lack(name: str, column: Array) -> str:
    known = int((~np.isnan(column)).sum())
    return (
        f"{name} is known for {known:,} of its {len(column):,} bars, expected half of them and "
        f"values that vary"
    )


def choose_symbols(
    series: Mapping[str, FeatureSeries], symbols: Collection[str], labels: LabelPlan, window: int
) -> tuple[dict[str, FeatureSeries], LeftOut]:
    """Return the series to train on, and by symbol why another is left out.

    Args:
        series: By symbol.
        symbols: All that were asked for; one without a series is left out as well.
        labels: What is predicted.
        window: Complete bars that a row needs behind it.
    """
    left_out = {s: "it has no bars in the span" for s in symbols if s not in series}
    left_out |= left_out_of_filter(
        {s: SymbolBars(one.observed, one.column("log_return_1")) for s, one in series.items()}
    )
    for symbol, one in series.items():
        if symbol in left_out:
            continue
        if len(build_table({symbol: one}, labels, window).usable) == 0:
            left_out[symbol] = (
                f"none of its {len(one.times):,} bars has {window} bars of complete "
                f"features and a known label"
            )
    return {s: one for s, one in series.items() if s not in left_out}, left_out


def reasons_text(left_out: Mapping[str, str]) -> str:
    """Return all reasons in one line; empty without any."""
    return "; ".join(f"{symbol}: {reason}" for symbol, reason in sorted(left_out.items()))
