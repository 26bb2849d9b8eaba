"""Compiled kernels of the grid: thresholds to positions, positions to equity, equity to measures.

Combinations advance abreast, bar by bar, so that one load of a bar serves all of them and the
processor's vector units do the arithmetic; only a fill is done one combination at a time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from schemas.timeframes import DAY_MS
from streams.evaluation.metrics import DAYS_PER_YEAR, NO_SPREAD
from workers.bars.arrays import Bars
from workers.research.fill_kernel import PriceColumns, Terms
from workers.research.fills import FillModel, kernel_columns
from workers.research.indicators import Matrix, Vector, compiled

TILE = 1024  # bars whose decisions are laid out at once: with 64 abreast they stay in the cache

# Passing the arrays of a book to a function of its own would cost more than what it does.
inlined = njit(error_model="numpy", forceinline=True)

Codes = NDArray[np.int16]
Ints = NDArray[np.int64]
Sides = NDArray[np.int8]


SLACK = 1e-9  # by which the test for all combinations at once is stricter than the exact one


class KernelMarket(NamedTuple):
    """Bars as the kernels see them."""

    bars: PriceColumns  # shape (n,) each
    floor: Vector  # price at which a long of no margin beyond its maintenance is gone, shape (n,)
    ceiling: Vector  # the same of a short
    day_ends: Ints  # the last bar of each UTC day, ascending; a day without bars repeats the last


class Rules(NamedTuple):
    """What combinations decide by.

    Attributes:
        codes: Thresholds crossed at the close before each bar, shape (rows, n).
        reads: Row, level and the positions above and below it, shape (combinations, factors, 4).
        needed: Factors that must agree.
    """

    codes: Codes
    reads: Ints
    needed: int


class Book(NamedTuple):
    """Where each combination stands, shape (combinations,), or (days + 1, combinations)."""

    cash: Vector
    units: Vector
    target: Sides  # the last decision
    unsized: Sides  # 1 while no bar to fill it in has come
    entered: Ints  # bar of the last fill out of nothing
    peak: Vector
    lowest: Vector  # equity over its peak, at its lowest
    trades: Ints
    exposed: Ints  # bars with a position
    liquidated: Sides
    equity: Matrix  # at each day's end, the start first
    held: NDArray[np.float32]  # value of the position over equity, there


def kernel_market(bars: Bars, model: FillModel) -> KernelMarket:
    """Return the bars as the kernels see them."""
    day = (bars.close_time_ms - 1) // DAY_MS
    ends = np.searchsorted(day, np.arange(day[0], day[-1] + 1), side="right") - 1
    columns, margin = kernel_columns(bars, model), model.maintenance_margin
    floor = columns.worst_low * (1.0 - margin - SLACK)
    return KernelMarket(columns, floor, columns.worst_high * (1.0 + margin + SLACK), ends)


def new_book(combinations: int, days: int, equity: float) -> Book:
    """Return the book of combinations that have not traded yet."""
    book = Book(
        cash=np.full(combinations, equity),
        units=np.zeros(combinations),
        target=np.zeros(combinations, np.int8),
        unsized=np.zeros(combinations, np.int8),
        entered=np.zeros(combinations, np.int64),
        peak=np.full(combinations, equity),
        lowest=np.ones(combinations),
        trades=np.zeros(combinations, np.int64),
        exposed=np.zeros(combinations, np.int64),
        liquidated=np.zeros(combinations, np.int8),
        equity=np.empty((days + 1, combinations)),
        held=np.zeros((days + 1, combinations), np.float32),
    )
    book.equity[0] = equity
    return book


@compiled
def encode(values: Matrix, thresholds: Vector, codes: Codes) -> None:
    """Write how many thresholds each value is beyond, negative below zero, a bar late.

    Args:
        values: Of indicators at closes, shape (rows, n); NaN is beyond none.
        thresholds: 0 or more.
        codes: Written: what is known at the open of each bar, shape (rows, n).
    """
    for row in range(values.shape[0]):
        known, code = values[row, :-1], codes[row, 1:]
        codes[row] = 0
        for threshold in thresholds:  # without a branch, so that the vector units do it
            for t in range(len(known)):
                code[t] += np.int16(known[t] > threshold) - np.int16(known[t] < -threshold)


@compiled
def trade(market: KernelMarket, terms: Terms, rules: Rules, book: Book) -> None:
    """Run some combinations over all bars."""
    bars, combinations = len(market.floor), len(book.cash)
    tile = np.empty((TILE, combinations), np.int8)
    for start in range(0, bars, TILE):
        part = tile[: min(TILE, bars - start)]
        decide(rules, start, part)
        advance(market, terms, start, part, book)
    for k in range(combinations):
        if book.units[k] != 0.0:
            book.exposed[k] += bars - book.entered[k]


@compiled
def decide(rules: Rules, start: int, tile: Sides) -> None:
    """Write the positions wanted at the opens of some bars, shape (bars, combinations)."""
    bars, combinations = tile.shape
    sides, needed = np.empty(bars, np.int8), np.int8(rules.needed)
    for k in range(combinations):
        sides[:] = 0
        for f in range(rules.reads.shape[1]):
            row = rules.codes[rules.reads[k, f, 0], start : start + bars]
            level = np.int16(rules.reads[k, f, 1])
            above, below = np.int8(rules.reads[k, f, 2]), np.int8(rules.reads[k, f, 3])
            for i in range(bars):
                sides[i] += above * np.int8(row[i] > level) + below * np.int8(-row[i] > level)
        for i in range(bars):
            sides[i] = np.int8(sides[i] >= needed) - np.int8(sides[i] <= -needed)
        for i in range(bars):
            tile[i, k] = sides[i]


@compiled
def advance(market: KernelMarket, terms: Terms, start: int, tile: Sides, book: Book) -> None:
    """Fold some bars into the book, in the order that ``fills`` states."""
    bars = market.bars
    day, open_positions = int(np.searchsorted(market.day_ends, start)), np.count_nonzero(book.units)
    for i in range(len(tile)):
        t, moved = start + i, differs(tile[i], book)
        stale = moved or open_positions > 0
        danger = open_positions > 0 and near(book, market.floor[t], market.ceiling[t])
        if danger:
            open_positions -= liquidate(book, terms, t, bars.open_low[t], bars.open_high[t])
        if moved:
            open_positions += decided(market, terms, t, tile[i], book)
        if danger:
            open_positions -= liquidate(book, terms, t, bars.worst_low[t], bars.worst_high[t])
        if stale:
            mark(book, bars.close[t], bars.due[t])
        while day < len(market.day_ends) and market.day_ends[day] == t:
            day += 1
            note(book, bars.close[t], day)


@inlined
def differs(wanted: Sides, book: Book) -> bool:
    """Return whether any decision is new, or still waits for a bar to be filled in."""
    changed = 0
    for k in range(len(wanted)):
        changed |= (wanted[k] ^ book.target[k]) | book.unsized[k]
    return changed != 0


@inlined
def decided(market: KernelMarket, terms: Terms, t: int, wanted: Sides, book: Book) -> int:
    """Fill the decisions of all if the bar has volume; return the change in positions.

    A position that is at its maintenance margin inside the bar that opened it is gone at once.
    """
    opened, low, high = 0, market.bars.worst_low[t], market.bars.worst_high[t]
    price, fillable = market.bars.open[t], market.bars.volume[t] > 0.0
    for k in range(len(wanted)):
        if (wanted[k] ^ book.target[k]) | book.unsized[k] == 0:
            continue
        book.target[k], book.unsized[k] = wanted[k], 1
        if fillable:
            opened += fill(price, terms, t, k, book)
            if is_liquidated(book, terms, k, low, high):
                opened -= take(book, k, t)
    return opened


@inlined
def near(book: Book, floor: float, ceiling: float) -> bool:
    """Return whether any position may be at its maintenance margin within the bar."""
    cash, units, count = book.cash, book.units, 0
    for k in range(len(cash)):
        long, short = units[k] * floor, units[k] * ceiling
        count += cash[k] + (min(long, short)) < 0.0
    return count > 0


@inlined
def liquidate(book: Book, terms: Terms, t: int, low: float, high: float) -> int:
    """Take all equity of those at their maintenance margin between two marks; return how many."""
    count = 0
    for k in range(len(book.cash)):
        if is_liquidated(book, terms, k, low, high):
            count += take(book, k, t)
    return count


@inlined
def is_liquidated(book: Book, terms: Terms, k: int, low: float, high: float) -> bool:
    """Return whether one combination is at its maintenance margin between two marks."""
    cash, units = book.cash[k], book.units[k]
    worst = low if units > 0.0 else high
    return bool(units != 0.0 and cash + units * worst <= abs(units) * worst * terms.maintenance)


@inlined
def take(book: Book, k: int, t: int) -> int:
    """Take all equity of one combination; return 1."""
    book.cash[k], book.units[k], book.liquidated[k] = 0.0, 0.0, 1
    book.trades[k] += 1
    book.exposed[k] += t - book.entered[k]
    return 1


@inlined
def fill(price: float, terms: Terms, t: int, k: int, book: Book) -> int:
    """Bring one combination to its decision at an open; return the change in positions held."""
    cash, units = book.cash[k], book.units[k]
    book.unsized[k] = 0
    position = units * price
    value = book.target[k] * terms.leverage * max(cash + position, 0.0)
    side = 1.0 if value > position else -1.0
    paid = price * (1.0 + side * terms.slippage)
    wanted = value / paid
    size = (wanted - units) * side
    if size <= 0.0:
        return 0
    book.cash[k] = cash - (side * size * paid + size * paid * terms.fee)
    book.units[k] = wanted
    if units * side < 0.0 and size >= abs(units):
        book.trades[k] += 1
    if units == 0.0:
        book.entered[k] = t
        return 1
    if wanted == 0.0:
        book.exposed[k] += t - book.entered[k]
        return -1
    return 0


@inlined
def mark(book: Book, close: float, due: float) -> None:
    """Settle the funding of a bar and take the equity of all at its close."""
    cash, units, peak, lowest = book.cash, book.units, book.peak, book.lowest
    if due != 0.0:
        for k in range(len(cash)):
            cash[k] -= units[k] * due
    for k in range(len(cash)):
        equity = cash[k] + units[k] * close
        top = max(peak[k], equity)
        share = equity / top
        peak[k] = top
        lowest[k] = min(lowest[k], share)


@inlined
def note(book: Book, close: float, day: int) -> None:
    """Write equity and position at the end of a day."""
    for k in range(len(book.cash)):
        value = book.units[k] * close
        equity = book.cash[k] + value
        book.equity[day, k] = equity
        book.held[day, k] = value / equity if value != 0.0 else 0.0


@compiled
def measure(equity: Matrix, out: Matrix) -> None:
    """Write total return, Sharpe, Sortino, Calmar and maximum drawdown of each combination.

    The definitions are those of ``streams.evaluation.metrics``, to which a test holds these; NaN
    stands for its None.

    Args:
        equity: At each day's end, the start first, shape (days + 1, combinations).
        out: Written, shape (5, combinations).
    """
    days = equity.shape[0] - 1
    returns = np.empty(days)
    for k in range(equity.shape[1]):
        peak, fall, alive, size = equity[0, k], 0.0, 1, 0.0
        for day in range(days):
            now = max(equity[day + 1, k], 0.0) * alive
            returns[day] = now / equity[day, k] - 1.0 if alive else 0.0
            alive = 1 if now > 0.0 else 0
            peak = max(peak, now)
            fall = max(fall, 1.0 - now / peak)
            size = max(size, abs(returns[day]))
        last = max(equity[days, k], 0.0) * alive
        mean = returns.mean()
        squares, short = 0.0, 0.0
        for day in range(days):
            squares += (returns[day] - mean) ** 2
            short += min(returns[day], 0.0) ** 2
        spread = np.sqrt(squares / (days - 1.0)) if days > 1 else 0.0
        downside = np.sqrt(short / days) if days > 1 else 0.0
        year = np.sqrt(float(DAYS_PER_YEAR))
        growth = (last / equity[0, k]) ** (DAYS_PER_YEAR / days) - 1.0
        out[0, k] = last / equity[0, k] - 1.0
        out[1, k] = mean / spread * year if spread > NO_SPREAD * max(1.0, size) else np.nan
        out[2, k] = mean / downside * year if downside > NO_SPREAD else np.nan
        out[3, k] = growth / fall if fall > 0.0 and np.isfinite(growth) else np.nan
        out[4, k] = fall
