"""Compiled kernels of the grid: thresholds to positions, positions to equity, equity to measures.

A combination moves from decision to decision: without a position nothing is computed, and with
one a bar costs a product, a sum and two comparisons. Combinations advance abreast, day by day, so
that the processor works on several at once. Decisions and measures use its vector units.
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

TILE = 1024  # bars whose decisions are laid out at once, in the cache; a multiple of 8
NEVER = np.int32(4 * TILE)  # no further decision in the tile

# Passing the arrays of a book to a function of its own would cost more than what it does.
inlined = njit(error_model="numpy", forceinline=True)

Codes = NDArray[np.int16]
Events = NDArray[np.int32]
Ints = NDArray[np.int64]
Sides = NDArray[np.int8]
Tile = tuple[int, int]  # the first bar, the one after the last
Span = tuple[int, int, int]  # the bar that the tile starts at, the first, the one after the last


SLACK = 1e-9  # by which the test for all combinations at once is stricter than the exact one


class KernelMarket(NamedTuple):
    """Bars as the kernels see them."""

    bars: PriceColumns  # shape (n,) each
    floor: Vector  # below every price at which a long of the bar may be gone, shape (n,)
    ceiling: Vector  # above every one of a short
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
    following: Ints  # place of the next decision in the tile
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
    low = np.minimum(columns.worst_low, columns.settled) * (1.0 - margin - SLACK)
    high = np.maximum(columns.worst_high, columns.settled) * (1.0 + margin + SLACK)
    floor = np.minimum(low, columns.close * (1.0 - SLACK))
    return KernelMarket(columns, floor, np.maximum(high, columns.close * (1.0 + SLACK)), ends)


def new_book(combinations: int, days: int, equity: float) -> Book:
    """Return the book of combinations that have not traded yet."""
    book = Book(
        cash=np.full(combinations, equity),
        units=np.zeros(combinations),
        target=np.zeros(combinations, np.int8),
        unsized=np.zeros(combinations, np.int8),
        following=np.zeros(combinations, np.int64),
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
    events = np.empty((combinations, TILE + 1), np.int32)
    for start in range(0, bars, TILE):
        stop = min(start + TILE, bars)
        decide(market, rules, (start, stop), book, events)
        advance(market, terms, (start, stop), book, events)
    for k in range(combinations):
        if book.units[k] != 0.0:
            book.exposed[k] += bars - book.entered[k]


@compiled
def decide(market: KernelMarket, rules: Rules, tile: Tile, book: Book, events: Events) -> None:
    """Write the new decisions to fill in the bars of a tile, in ascending order.

    Each is the place in the tile times 4, plus the side plus 1; ``NEVER`` follows the last.
    ``events`` has the shape (combinations, TILE + 1).
    """
    start, stop = tile
    bars, needed = stop - start, np.int8(rules.needed)
    sides, new = np.zeros(TILE, np.int8), np.zeros(TILE, np.int8)
    words = new.view(np.int64)
    still = np.int8(market.bars.volume[start:stop].min() > 0.0)
    for k in range(len(book.cash)):
        sides[:] = 0
        for f in range(rules.reads.shape[1]):
            row = rules.codes[rules.reads[k, f, 0], start:stop]
            level = np.int16(rules.reads[k, f, 1])
            above, below = np.int8(rules.reads[k, f, 2]), np.int8(rules.reads[k, f, 3])
            for i in range(bars):
                sides[i] += above * np.int8(row[i] > level) + below * np.int8(-row[i] > level)
        for i in range(bars):
            sides[i] = np.int8(sides[i] >= needed) - np.int8(sides[i] <= -needed)
        new[0] = sides[0] != book.target[k]
        for i in range(1, bars):
            new[i] = sides[i] != sides[i - 1]
        book.target[k] = sides[bars - 1]
        if book.unsized[k] or not still:
            book.unsized[k] = defer(market.bars.volume[start:stop], new, book.unsized[k])
        count = 0
        for word in range(len(words)):
            if words[word] == 0:  # eight bars without a decision
                continue
            for i in range(8 * word, 8 * word + 8):  # which of them decide cannot be foreseen
                events[k, count] = (i << 2) | (sides[i] + 1)
                count += new[i]
        events[k, count] = NEVER
        book.following[k] = 0


@inlined
def defer(volume: Vector, new: Sides, unsized: int) -> int:
    """Move each decision to the next bar with volume; return 1 if the last has found none."""
    for i in range(len(volume)):
        unsized |= new[i]
        new[i] = unsized if volume[i] > 0.0 else 0
        unsized -= new[i]
    return unsized


@compiled
def advance(market: KernelMarket, terms: Terms, tile: Tile, book: Book, events: Events) -> None:
    """Fold some bars into the book, in the order that ``fills`` states.

    Day by day, and within a day one combination after the other: the processor then works on
    several of them at once, since none waits for another.
    """
    start, stop = tile
    day, first = int(np.searchsorted(market.day_ends, start)), start
    while first < stop:
        last = min(market.day_ends[day] + 1, stop)
        for k in range(len(book.cash)):
            run_day(market, terms, (start, first, last), k, book, events[k])
        while day < len(market.day_ends) and market.day_ends[day] < last:
            day += 1
            note(book, market.bars.close[last - 1], day)
        first = last


@inlined
def run_day(  # noqa: PLR0917 - once a day and combination
    market: KernelMarket, terms: Terms, span: Span, k: int, book: Book, events: Events
) -> None:
    """Run one combination over the bars of a day that lie in a tile."""
    start, t, last = span
    while True:
        event = events[book.following[k]]
        until = start + (event >> 2)
        if book.units[k] != 0.0:
            hold(market, terms, (t, min(until, last)), k, book)
        if until >= last:
            return
        book.following[k] += 1
        t = until
        if is_liquidated(book, terms, k, market.bars.open_low[t], market.bars.open_high[t]):
            take(book, k, t)
        fill(market.bars.open[t], terms, t, k, (event & 3) - 1, book)
        if book.units[k] == 0.0:
            mark(book, k, book.cash[k])


@inlined
def hold(market: KernelMarket, terms: Terms, part: Tile, k: int, book: Book) -> None:
    """Carry a position through some bars; all equity is gone where it meets its margin.

    The fall from a peak is divided out only once a peak: the deepest is at the lowest equity.
    """
    bars, cash, units, peak = market.bars, book.cash[k], book.units[k], book.peak[k]
    trough = peak
    t, stop = part
    while t < stop:
        edge = market.floor[t] if units > 0.0 else market.ceiling[t]
        before, due, close = cash, bars.due[t], bars.close[t]
        if due != 0.0:
            cash -= units * due
            book.cash[k] = cash
        if min(before, cash) + units * edge < 0.0:
            worst = bars.worst_low[t] if units > 0.0 else bars.worst_high[t]
            ruined = cash + units * close <= 0.0 or is_short(cash, units, bars.settled[t], terms)
            if ruined or is_short(before, units, worst, terms):
                take(book, k, t)
                mark(book, k, 0.0)
                return
        equity = cash + units * close
        trough = min(trough, equity)
        if equity > peak:
            book.lowest[k] = min(book.lowest[k], trough / peak)
            peak, trough = equity, equity
        t += 1
    book.lowest[k] = min(book.lowest[k], trough / peak)
    book.peak[k] = peak


@inlined
def mark(book: Book, k: int, equity: float) -> None:
    """Take the equity of one combination without a position."""
    book.peak[k] = max(book.peak[k], equity)
    book.lowest[k] = min(book.lowest[k], equity / book.peak[k])


@inlined
def is_liquidated(book: Book, terms: Terms, k: int, low: float, high: float) -> bool:
    """Return whether one combination is at its maintenance margin between two marks."""
    units = book.units[k]
    return is_short(book.cash[k], units, low if units > 0.0 else high, terms)


@inlined
def is_short(cash: float, units: float, mark: float, terms: Terms) -> bool:
    """Return whether an account is at its maintenance margin or below, by a mark price."""
    return bool(units != 0.0 and cash + units * mark <= abs(units) * mark * terms.maintenance)


@inlined
def take(book: Book, k: int, t: int) -> None:
    """Take all equity of one combination."""
    book.cash[k], book.units[k], book.liquidated[k] = 0.0, 0.0, 1
    book.trades[k] += 1
    book.exposed[k] += t - book.entered[k]


@inlined
def fill(price: float, terms: Terms, t: int, k: int, target: int, book: Book) -> None:  # noqa: PLR0917
    """Bring one combination to its decision at an open.

    An exit that costs more than the account holds takes all of it, and nothing is opened.
    """
    cash, units = book.cash[k], book.units[k]
    position = units * price
    value = target * terms.leverage * max(cash + position, 0.0)
    side = 1.0 if value > position else -1.0
    paid = price * (1.0 + side * terms.slippage)
    wanted = value / paid
    size = (wanted - units) * side
    if size <= 0.0:
        return
    if units != 0.0:
        left = cash - (side * abs(units) * paid + abs(units) * paid * terms.fee)
        exits = units * side < 0.0 and size >= abs(units)
        if cash + position <= 0.0 or (exits and left <= 0.0):
            take(book, k, t)
            return
    book.cash[k] = cash - (side * size * paid + size * paid * terms.fee)
    book.units[k] = wanted
    if units * side < 0.0 and size >= abs(units):
        book.trades[k] += 1
    if units == 0.0:
        book.entered[k] = t
    elif wanted == 0.0:
        book.exposed[k] += t - book.entered[k]


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
    days, count = equity.shape[0] - 1, equity.shape[1]
    alive, peak, fall, size = np.ones(count), equity[0].copy(), np.zeros(count), np.zeros(count)
    total, squares, short = np.zeros(count), np.zeros(count), np.zeros(count)
    returns = np.empty((days, count))
    for day in range(days):
        for k in range(count):
            now = max(equity[day + 1, k], 0.0) * alive[k]
            change = now / equity[day, k] - 1.0 if alive[k] > 0.0 else 0.0
            alive[k] = 1.0 if now > 0.0 else 0.0
            peak[k] = max(peak[k], now)
            fall[k] = max(fall[k], 1.0 - now / peak[k])
            size[k] = max(size[k], abs(change))
            total[k] += change
            returns[day, k] = change
    for day in range(days):
        for k in range(count):
            squares[k] += (returns[day, k] - total[k] / days) ** 2
            short[k] += min(returns[day, k], 0.0) ** 2
    year = np.sqrt(float(DAYS_PER_YEAR))
    for k in range(count):
        last = max(equity[days, k], 0.0) * alive[k]
        mean = total[k] / days
        spread = np.sqrt(squares[k] / (days - 1.0)) if days > 1 else 0.0
        downside = np.sqrt(short[k] / days) if days > 1 else 0.0
        growth = (last / equity[0, k]) ** (DAYS_PER_YEAR / days) - 1.0
        out[0, k] = last / equity[0, k] - 1.0
        out[1, k] = mean / spread * year if spread > NO_SPREAD * max(1.0, size[k]) else np.nan
        out[2, k] = mean / downside * year if downside > NO_SPREAD else np.nan
        sunk = days > 1 and fall[k] > 0.0
        out[3, k] = growth / fall[k] if sunk and np.isfinite(growth) else np.nan
        out[4, k] = fall[k] if days > 1 else np.nan
