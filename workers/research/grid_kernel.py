"""Compiled kernels of the grid: thresholds to positions, positions to equity, equity to measures.

A combination moves from decision to decision: without a position nothing is computed, and with
one a bar costs a product, a sum and two comparisons. Combinations advance abreast, day by day, so
that the processor works on several at once. Decisions and measures use its vector units.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from streams.evaluation.metrics import DAYS_PER_YEAR, NO_SPREAD
from workers.research.fill_bars import in_place, inlined
from workers.research.fill_kernel import Terms
from workers.research.grid_book import (
    Book,
    Codes,
    GridExits,
    KernelMarket,
    Rules,
    Sides,
    Tile,
    fill,
    hold,
    is_liquidated,
    mark,
    take,
)
from workers.research.grid_exits import guard, leave_at_open, note_entry
from workers.research.indicators import Matrix, Vector, compiled

TILE = 1024  # bars whose decisions are laid out at once, in the cache; a multiple of 8
NEVER = np.int32(4 * TILE)  # no further decision in the tile

Events = NDArray[np.int32]
Span = tuple[int, int, int]  # the bar that the tile starts at, the first, the one after the last


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
def trade(
    market: KernelMarket, terms: Terms, rules: Rules, exits: GridExits | None, book: Book
) -> None:
    """Run some combinations over all bars."""
    bars, combinations = len(market.floor), len(book.cash)
    events = np.empty((combinations, TILE + 1), np.int32)
    for start in range(0, bars, TILE):
        stop = min(start + TILE, bars)
        decide(market, rules, (start, stop), book, events)
        advance(market, terms, exits, (start, stop), book, events)
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


@in_place
def advance(  # noqa: PLR0917 - once a tile
    market: KernelMarket,
    terms: Terms,
    exits: GridExits | None,
    tile: Tile,
    book: Book,
    events: Events,
) -> None:
    """Fold some bars into the book, in the order that ``fills`` states.

    Day by day, and within a day one combination after the other: the processor then works on
    several of them at once, since none waits for another.
    """
    start, stop = tile
    day, first = int(np.searchsorted(market.day_ends, start)), start
    while first < stop:
        last = min(market.day_ends[day] + 1, stop)
        for k in range(len(book.cash)):
            run_day(market, terms, exits, (start, first, last), k, book, events[k])
        while day < len(market.day_ends) and market.day_ends[day] < last:
            day += 1
            note(book, market.bars.close[last - 1], day)
        first = last


@inlined
def run_day(  # noqa: PLR0917 - once a day and combination
    market: KernelMarket,
    terms: Terms,
    exits: GridExits | None,
    span: Span,
    k: int,
    book: Book,
    events: Events,
) -> None:
    """Run one combination over the bars of a day that lie in a tile."""
    start, t, last = span
    while True:
        event = events[book.following[k]]
        until = start + (event >> 2)
        if book.units[k] != 0.0:
            if exits is not None:
                guard(market, terms, exits, (t, min(until, last)), k, book)
            else:
                hold(market, terms, (t, min(until, last)), k, book)
        if until >= last:
            return
        book.following[k] += 1
        t = until
        if is_liquidated(book, terms, k, market.bars.open_low[t], market.bars.open_high[t]):
            take(book, k, t)
        if exits is not None:
            leave_at_open(market.bars, terms, exits, t, k, book)
        units = book.units[k]
        fill(market.bars.open[t], terms, t, k, (event & 3) - 1, book)
        if exits is not None:
            note_entry(market.bars.open[t], terms, t, k, units, book)
        if book.units[k] == 0.0:
            mark(book, k, book.cash[k])


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
