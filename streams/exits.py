"""When a held position is closed: levels, and the order of what happens inside one bar.

Pure, and the only definition: the plain back-test calls it as it stands, the kernels call
``exit_terms``, ``exit_levels`` and ``first_touch`` compiled, so these use nothing that numba cannot
read.

In a bar that trades, in this order::

    open    at or beyond the stop, at or beyond the target, or at the age limit: closed at the open
    inside  the stop is touched: closed at the stop
            the target is touched: closed at the target

A bar tells no order of its prices, so the stop goes first where one bar touches both. Levels stand
for a whole bar: its own extremes move a trailing stop from the next bar on.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from schemas.exits import Exits
from schemas.timeframes import MINUTE_MS

if TYPE_CHECKING:  # NumPy loads with the first sets: reading the topology stays fast
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

NO_EXIT, SIGNAL, REVERSAL, STOP, TRAILING, ROI, TIME, LIQUIDATED = range(8)
EXIT_REASONS = (
    "open",  # not closed
    "signal",  # the strategy wanted none, or less
    "reversal",  # the strategy wanted the other side
    "stoploss",
    "trailing_stop",
    "roi",
    "time",
    "liquidated",
)

NEVER_MS = 2**62  # an age that no position reaches


class ExitRules(NamedTuple):
    """Sets of exits as numbers, a row each; what a set lacks is out of reach.

    Attributes:
        stop: Distance from the entry, shape (sets,); infinite: none.
        trail: Distance from the best price, shape (sets,); infinite: none.
        offset: Gain from which on it trails, shape (sets,).
        hold_ms: Age at which a position is closed, shape (sets,).
        ages_ms: From which a gain counts, ascending, shape (sets, rows).
        gains: At which the profit is taken, shape (sets, rows).
    """

    stop: Floats
    trail: Floats
    offset: Floats
    hold_ms: Ints
    ages_ms: Ints
    gains: Floats


class ExitTerms(NamedTuple):
    """What of one set of exits counts at an age: distances as in ``ExitRules``."""

    stop: float
    trail: float
    offset: float
    gain: float
    due: int  # 1 where the age limit is reached, else 0


class HeldPosition(NamedTuple):
    """A position at the open of a bar."""

    side: float  # 1 or -1
    entry: float  # mean price of its entries, slippage in it
    best: float  # the most favourable price since, of the bars before this one
    age_ms: int  # since its first entry


class BarPrices(NamedTuple):
    """What is known of the prices of a bar; at its open all three are the open."""

    open: float
    low: float
    high: float


class ExitLevels(NamedTuple):
    """Where a position is closed in a bar."""

    stop: float
    why: int  # ``STOP`` or ``TRAILING``
    take: float


def exit_rules(sets: Sequence[Exits], timeframe_ms: int) -> ExitRules:
    """Return sets of exits as numbers, in their order.

    Args:
        sets: One at least.
        timeframe_ms: Of a bar.
    """
    import numpy as np

    tables = [exits.table for exits in sets]
    shape = (len(sets), max(map(len, tables)))
    ages, gains = np.full(shape, NEVER_MS), np.full(shape, inf)
    for row, table in enumerate(tables):
        for place, (minutes, gain) in enumerate(table):
            ages[row, place], gains[row, place] = minutes * MINUTE_MS, gain
    return ExitRules(
        stop=np.array([inf if e.stoploss is None else -e.stoploss for e in sets]),
        trail=np.array([inf if e.trailing_stop is None else e.trailing_stop for e in sets]),
        offset=np.array([e.trailing_offset or 0.0 for e in sets]),
        hold_ms=np.array(
            [NEVER_MS if e.hold_bars is None else e.hold_bars * timeframe_ms for e in sets],
            dtype=np.int64,
        ),
        ages_ms=ages,
        gains=gains,
    )


def find_exit(
    held: HeldPosition, prices: BarPrices, rules: ExitRules, row: int
) -> tuple[int, float]:
    """Return why and at which price a bar closes a position; ``NO_EXIT`` where it does not.

    The price is before slippage. It is the bar's open where the position ends at the open.
    """
    terms = exit_terms(rules, row, held.age_ms)
    return first_touch(held.side, prices, exit_levels(held, terms), terms.due)


def exit_terms(rules: ExitRules, row: int, age_ms: int) -> ExitTerms:
    """Return what of a set counts for a position of an age."""
    gain = inf
    for place in range(rules.ages_ms.shape[1]):
        if rules.ages_ms[row, place] <= age_ms:
            gain = rules.gains[row, place]
    due = int(age_ms >= rules.hold_ms[row])
    return ExitTerms(rules.stop[row], rules.trail[row], rules.offset[row], gain, due)


def exit_levels(held: HeldPosition, terms: ExitTerms) -> ExitLevels:
    """Return the levels of a position for one bar; infinite where there is none."""
    side = held.side
    stop, why = held.entry * (1.0 - side * terms.stop), STOP
    if side * (held.best - held.entry) >= terms.offset * held.entry:
        trail = held.best * (1.0 - side * terms.trail)
        if side * trail > side * stop:
            stop, why = trail, TRAILING
    return ExitLevels(stop, why, held.entry * (1.0 + side * terms.gain))


def first_touch(side: float, prices: BarPrices, levels: ExitLevels, due: int) -> tuple[int, float]:
    """Return what of some levels and the age limit a bar meets first, as ``find_exit`` does.

    Args:
        side: 1 or -1.
        prices: Of the bar.
        levels: Of the position in this bar.
        due: 1 where the age limit is reached, else 0.
    """
    stop, why, take = levels
    if side * prices.open <= side * stop:
        return why, prices.open
    if side * prices.open >= side * take:
        return ROI, prices.open
    if due:
        return TIME, prices.open
    worst, most = (prices.low, prices.high) if side > 0.0 else (prices.high, prices.low)
    if side * worst <= side * stop:
        return why, stop
    if side * most >= side * take:
        return ROI, take
    return NO_EXIT, prices.open


def best_price(side: float, best: float, low: float, high: float) -> float:
    """Return the most favourable price after a bar."""
    return max(best, high) if side > 0.0 else min(best, low)


def mean_entry(entry: float, price: float, added: float, entered: float) -> float:
    """Return the mean entry price after units were added; ``entered`` are all, the added with them.

    The first entry's is its price, free of rounding.
    """
    return price if added == entered else entry + (price - entry) * added / entered
