"""The windows of a walk-forward: on which bars is chosen, and on which traded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from schemas.research import WalkForwardSpec
from schemas.timeframes import DAY_MS, timeframe_name
from workers.bars.arrays import Bars

MIN_TRAIN_DAYS = 10  # fewer daily returns rank nothing
MIN_TEST_DAYS = 2


@dataclass(frozen=True)
class WalkForwardWindow:
    """One step: chosen on ``train``, traded on ``test``; bars [from, to), ``purge`` between."""

    train: tuple[int, int]
    test: tuple[int, int]


def walk_forward_windows(spec: WalkForwardSpec, bars: Bars) -> list[WalkForwardWindow]:
    """Return the windows, in order; the tests follow each other without a hole.

    Raises: ValueError naming the bars that are needed.
    """
    n = len(bars)
    train = spec.train_bars or n // 3
    test = spec.test_bars or max(n // 9, 1)
    per_day = DAY_MS / bars.timeframe_ms
    least_train = int(np.ceil((MIN_TRAIN_DAYS + 1) * per_day))
    least_test = int(np.ceil(MIN_TEST_DAYS * per_day))
    if train < least_train or test < least_test:
        needed = f"{least_train:,} to train on and {least_test:,} to test on"
        raise ValueError(
            f"train_bars {train:,} and test_bars {test:,} are too few of "
            f"{timeframe_name(bars.timeframe_ms)}: "
            f"expected at least {needed} ({MIN_TRAIN_DAYS} whole days, {MIN_TEST_DAYS} days); "
            f"{bars.symbol} has {n:,} bars here, so take a longer span or give them"
        )
    if (needed_bars := train + spec.purge_bars + test) > n:
        raise ValueError(
            f"train_bars {train:,}, purge_bars {spec.purge_bars:,} and test_bars {test:,} need "
            f"{needed_bars:,} bars, {bars.symbol} has {n:,} here"
        )
    windows = []
    start = train + spec.purge_bars
    while start < n:
        end = min(start + test, n)
        if end - start < least_test:
            break  # a rest too short to say anything
        first = 0 if spec.scheme == "anchored" else start - spec.purge_bars - train
        windows.append(WalkForwardWindow((first, start - spec.purge_bars), (start, end)))
        start = end
    return windows


def whole_days(bars: Bars, span: tuple[int, int]) -> tuple[int, int]:
    """Return the UTC days that lie wholly within some bars, [first, last), counted from the first.

    Days at either edge of all bars count as whole.
    """
    day = (bars.close_time_ms - 1) // DAY_MS
    first, last = span
    cut_first = first > 0 and day[first - 1] == day[first]
    cut_last = last < len(bars) and day[last] == day[last - 1]
    return int(day[first] - day[0]) + cut_first, int(day[last - 1] - day[0]) + (not cut_last)
