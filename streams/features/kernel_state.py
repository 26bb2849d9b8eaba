"""Between the state record and the kernel: load its arrays, step one bar, save them again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.features import FeatureVector
from schemas.market import Bar
from streams.features import kernel
from streams.features.catalog import (
    FEATURE_NAMES,
    FEATURE_SET_ID,
    FEATURES,
    LADDER,
    OUTPUTS,
    SHORT_HOLE_BARS,
)
from streams.features.kernel import (
    BASE_AFTER_HOLE,
    BASE_WARM_UP,
    LADDER_AFTER_HOLE,
    LADDER_WARM_UP,
    STATE,
)
from streams.features.rolling import RINGS
from streams.features.state import WINDOW, FeaturesState

Array = NDArray[Any]
OPTIONAL = frozenset(i for i, feature in enumerate(FEATURES) if feature.optional)
NAN = float("nan")

# A state of another catalogue or shape cannot be read: warm-up starts again.
LAYOUT = hashlib.sha256(f"{FEATURE_SET_ID} {STATE.descr} {RINGS.descr}".encode()).hexdigest()[:12]


def fold_bar(state: FeaturesState, bar: Bar) -> tuple[FeaturesState, FeatureVector]:
    """Return the state after a bar, and the vector at its close; uses no data after it."""
    recursions, windows = _load(state, bar)
    cut = bar.origin == "aggregated" and bar.bars_missing > 0
    if cut:
        recursions["whole"] = -1  # the hole is in the bar: no window of it is whole
    output = bytearray(OUTPUTS.itemsize)  # its two views cost less than those of an array
    row = np.frombuffer(output)
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
        bar.timeframe_ms,
        np.frombuffer(output, OUTPUTS),
        row,
    )
    if cut:
        _mark_cut(recursions)
    absent = _absent(np.isfinite(row).tobytes())
    vector = FeatureVector.unchecked(
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
        bars_missing_200=recursions["missing"].item(),
        bars_until_complete=0 if absent.optional else _bars_until_complete(recursions),
        values=_values_by_name(row, absent.places),
        high=bar.high,
        low=bar.low,
    )
    after = FeaturesState.unchecked(
        event_time_ms=bar.event_time_ms,
        layout=LAYOUT,
        recursions=recursions.tobytes(),
        windows=windows.tobytes(),
    )
    return after, vector


def refill_windows(state: FeaturesState, bars: Sequence[Bar]) -> FeaturesState:
    """Rebuild the windows of a state, bit for bit, from the last ``WINDOW`` bars in order.

    Raises:
        ValueError: When the bars do not reach back as far as the windows do.
    """
    if not state.recursions or state.layout != LAYOUT:
        return state
    seen = int(np.frombuffer(state.recursions, STATE)["n"][0])
    needed = min(seen, WINDOW)
    past = {b.event_time_ms: b for b in bars if b.event_time_ms <= state.event_time_ms}
    last = [past[time] for time in sorted(past)][-needed:]
    missing = [0, *(_bars_missing(a.event_time_ms, b) for a, b in pairwise(last))]
    whole = len(last) == needed and max(missing) <= SHORT_HOLE_BARS
    if not whole or last[-1].event_time_ms != state.event_time_ms:
        raise ValueError(
            f"{len(last)} bars do not refill the windows at {state.event_time_ms}, expected the "
            f"last {needed} without a long hole; delete the state to warm up again"
        )
    columns = np.array([[b.open, b.high, b.low, b.close, b.volume] for b in last]).T.copy()
    windows = np.zeros(1, RINGS)
    kernel.refill(windows, columns, np.array(missing), seen - needed + 1)
    return state.model_copy(update={"windows": windows.tobytes()})


def _load(state: FeaturesState, bar: Bar) -> tuple[Array, Array]:
    """Return copies of the state's arrays; fresh ones at a start and after a long hole."""
    missing = _bars_missing(state.event_time_ms, bar)
    if state.layout != LAYOUT or missing > SHORT_HOLE_BARS:
        return np.zeros(1, STATE), np.zeros(1, RINGS)
    if not state.windows:
        raise ValueError(f"features of {bar.symbol} at {bar.event_time_ms} before refill")
    # A bytearray copies the memory at once; numpy would copy the records field by field.
    recursions = np.frombuffer(bytearray(state.recursions), STATE)
    return recursions, np.frombuffer(bytearray(state.windows), RINGS)


def _mark_cut(recursions: Array) -> None:
    """Let no window count a bar as whole that lacks a part; no rung counts it as one of its bars.

    Args:
        recursions: Of dtype ``STATE`` after the bar, shape (1,); written in place.
    """
    recursions["whole"] = 0
    for number in range(1, len(LADDER) + 1):
        rung = recursions[f"rung_{number}"]
        if rung["base_bars"][0] > 0:
            rung["base_bars"] -= 1
        else:
            rung["whole"] = 0


def _bars_missing(last_close_ms: int, bar: Bar) -> int:
    return (bar.open_time_ms - last_close_ms) // bar.timeframe_ms


class Absent(NamedTuple):
    """Places of the features without a value at a bar; whether each lacks but its source."""

    places: tuple[int, ...]
    optional: bool


@lru_cache(maxsize=1024)
def _absent(usable: bytes) -> Absent:
    """Return what is absent of a row, of one byte for each feature: 1 where it has a value."""
    places = tuple(place for place, has_value in enumerate(usable) if not has_value)
    return Absent(places, OPTIONAL.issuperset(places))


def _bars_until_complete(recursions: Array) -> int:
    """Return after how many more bars every feature with a source has a value, if none is missing.

    Args:
        recursions: Of dtype ``STATE`` after the bar, shape (1,).
    """
    state = recursions[0]
    waits = [int((BASE_WARM_UP - state["n"]).max()), int((BASE_AFTER_HOLE - state["whole"]).max())]
    for number, multiple in enumerate(LADDER):
        rung = state[f"rung_{number + 1}"]
        began = int(state["close_index"]) % multiple  # base bars into the bar being built
        to_close = (multiple - began) + (multiple if began and rung["partial"] else 0)
        waits.append(to_close + (int((LADDER_WARM_UP - rung["n"]).max()) - 1) * multiple)
        needed, cut = int(LADDER_AFTER_HOLE[number].max()), rung["base_bars"] != began
        more = needed if began and cut else needed - int(rung["whole"])
        if more > 0:
            to_close = (multiple - began) + (multiple if began and cut else 0)
            waits.append(to_close + (more - 1) * multiple)
    return max(0, *waits)


def _values_by_name(row: Array, absent: Sequence[int]) -> dict[str, float | None]:
    """Return the kernel's output by feature name; None where it is absent."""
    values: list[float | None] = row.tolist()
    for i in absent:
        values[i] = None
    return dict(zip(FEATURE_NAMES, values, strict=True))


def _or_nan(value: float | None) -> float:
    return NAN if value is None else value
