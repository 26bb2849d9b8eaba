"""Features: checked bars in, one feature vector per bar close out.

    market.bars.v1  -->  [features]  -->  features.vectors.v1

One kernel state per (symbol, timeframe); any timeframe works. The recursive part of the state is
on the changelog, the windows are rebuilt from the last bars at restore. A hole starts warm-up
again: every window and recursion over it is null until it has refilled.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field

from schemas.features import FeatureVector
from schemas.market import Bar
from schemas.record import Record
from schemas.topics import BARS, FEATURE_VECTORS
from streams.features import kernel
from streams.features.catalog import FEATURE_NAMES, FEATURE_SET_ID, OUTPUTS
from streams.features.kernel import STATE
from streams.features.rolling import LONG, RINGS
from streams.processor import Outputs, Processor

Array = NDArray[Any]

# A state of another catalogue or shape cannot be read: warm-up starts again instead.
LAYOUT = hashlib.sha256(f"{FEATURE_SET_ID} {STATE.descr} {RINGS.descr}".encode()).hexdigest()[:12]


class FeaturesState(Record):
    """What must survive a restart; ``windows`` is rebuilt by ``refill``."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    event_time_ms: int = -1
    layout: str = LAYOUT
    recursions: bytes = b""
    windows: bytes = Field(default=b"", exclude=True)


def step(state: FeaturesState, bar: Bar) -> tuple[FeaturesState, Outputs]:
    """Fold one bar into the indicators of its symbol and timeframe.

    Bars that repeat or run backwards are ignored. Uses no data after the bar's close.
    """
    if bar.event_time_ms <= state.event_time_ms:
        return state, ()
    recursions, windows = _memory(state, bar)
    row = np.empty((1, len(FEATURE_NAMES)))
    out = row.reshape(-1).view(OUTPUTS)
    kernel.step(
        recursions,
        windows,
        bar.open,
        bar.high,
        bar.low,
        bar.close,
        bar.volume,
        _or_nan(bar.taker_buy_volume),
        _or_nan(bar.mark_price),
        _or_nan(bar.funding_rate),
        bar.event_time_ms // bar.timeframe_ms,
        out,
        row[0],
    )
    vector = FeatureVector(
        symbol=bar.symbol,
        timeframe_ms=bar.timeframe_ms,
        event_time_ms=bar.event_time_ms,
        available_time_ms=bar.available_time_ms,
        feature_set_id=FEATURE_SET_ID,
        open=bar.open,
        close=bar.close,
        funding_rate=bar.funding_rate,
        funding_time_ms=bar.funding_time_ms,
        bars_missing=bar.bars_missing,
        values=_named(row[0]),
    )
    after = FeaturesState(
        event_time_ms=bar.event_time_ms,
        recursions=recursions.tobytes(),
        windows=windows.tobytes(),
    )
    return after, (vector,)


def refill(state: FeaturesState, bars: Sequence[Bar]) -> FeaturesState:
    """Rebuild the windows, bit for bit, from the last ``PROCESSOR.window`` bars in order.

    Raises:
        ValueError: When the bars do not reach back as far as the windows do.
    """
    if not state.recursions or state.layout != LAYOUT:
        return state
    seen = int(np.frombuffer(state.recursions, STATE)["n"][0])
    wanted = min(seen, PROCESSOR.window)
    known = {b.event_time_ms: b for b in bars if b.event_time_ms <= state.event_time_ms}
    last = [known[time] for time in sorted(known)][-wanted:]
    unbroken = all(a.event_time_ms == b.open_time_ms for a, b in pairwise(last))
    if len(last) < wanted or last[-1].event_time_ms != state.event_time_ms or not unbroken:
        raise ValueError(
            f"{len(last)} bars do not refill the windows at {state.event_time_ms}, expected the "
            f"last {wanted} without a hole; delete the state to warm up again"
        )
    columns = np.array([[b.open, b.high, b.low, b.close, b.volume] for b in last]).T.copy()
    windows = np.zeros(1, RINGS)
    kernel.refill(windows, columns, seen - wanted + 1)
    return state.model_copy(update={"windows": windows.tobytes()})


def _memory(state: FeaturesState, bar: Bar) -> tuple[Array, Array]:
    """Return copies of the state's memory, or fresh memory at a start or after a hole."""
    unbroken = bar.bars_missing == 0 and bar.open_time_ms == state.event_time_ms
    if state.layout != LAYOUT or not unbroken:
        return np.zeros(1, STATE), np.zeros(1, RINGS)
    if not state.windows:
        raise ValueError(f"features of {bar.symbol} at {bar.event_time_ms} before refill")
    # A bytearray is a plain copy of memory; numpy would copy the records field by field.
    recursions = np.frombuffer(bytearray(state.recursions), STATE)
    return recursions, np.frombuffer(bytearray(state.windows), RINGS)


def _named(row: Array) -> dict[str, float | None]:
    """Return the kernel's output by name; its nan is our null."""
    values: dict[str, float | None] = dict(zip(FEATURE_NAMES, row.tolist(), strict=True))
    for i in np.flatnonzero(np.isnan(row)):
        values[FEATURE_NAMES[i]] = None
    return values


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


PROCESSOR = Processor(
    name="features",
    reads=(BARS,),
    writes=(FEATURE_VECTORS,),
    initial=FeaturesState(),
    step=step,
    state_key=("symbol", "timeframe_ms"),
    window=LONG + 8,  # a few more than the longest ring: the oldest value looks back itself
    refill=refill,
)
