"""Bars as compiled loops read them: columns, and one bar of them as numbers."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Nothing compiled so makes an array (numba would refuse it), and nothing counts the references to
# those that it is given: that costs more than what is done.
_UNCOUNTED: dict[str, Any] = {"_nrt": False}  # an option that the stubs of numba lack
in_place = njit(nogil=True, cache=True, error_model="numpy", **_UNCOUNTED)
inlined = njit(error_model="numpy", forceinline=True, **_UNCOUNTED)


class PriceColumns(NamedTuple):
    """Bars as the kernel reads them, shape (n,) each."""

    open_time_ms: NDArray[np.int64]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    due: Floats
    worst_low: Floats  # the mark's where it is known
    worst_high: Floats
    open_low: Floats  # the open, unless the mark never was as low
    open_high: Floats
    settled: Floats  # the mark at the close, or else the close
    timeframe_ms: int


class OneBar(NamedTuple):
    """One of these bars, as numbers: passing the columns on costs more than what is done there."""

    number: int
    open_time_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    due: float
    worst_low: float
    worst_high: float
    open_low: float
    open_high: float
    settled: float
    timeframe_ms: int


@inlined
def bar_at(bars: PriceColumns, t: int) -> OneBar:
    """Return bar ``t`` of some columns."""
    return OneBar(
        t,
        bars.open_time_ms[t],
        bars.open[t],
        bars.high[t],
        bars.low[t],
        bars.close[t],
        bars.volume[t],
        bars.due[t],
        bars.worst_low[t],
        bars.worst_high[t],
        bars.open_low[t],
        bars.open_high[t],
        bars.settled[t],
        bars.timeframe_ms,
    )
