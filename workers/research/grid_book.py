"""The book of a grid: where each combination stands, and what a bar or a fill does to it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.timeframes import DAY_MS
from streams.exits import ExitRules
from workers.bars.arrays import Bars
from workers.research.fill_bars import PriceColumns, inlined
from workers.research.fill_kernel import Terms
from workers.research.fills import FillModel, kernel_columns
from workers.research.indicators import Matrix, Vector

Codes = NDArray[np.int16]
Ints = NDArray[np.int64]
Sides = NDArray[np.int8]
Tile = tuple[int, int]  # the first bar, the one after the last

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


class GridExits(NamedTuple):
    """Exits of combinations; None stands for none, and is compiled without any.

    Attributes:
        rules: Sets of exits.
        row: Of ``rules``, shape (combinations,).
    """

    rules: ExitRules
    row: Ints


class Book(NamedTuple):
    """Where each combination stands, shape (combinations,), or (days + 1, combinations)."""

    cash: Vector
    units: Vector
    target: Sides  # the last decision
    unsized: Sides  # 1 while no bar to fill it in has come
    following: Ints  # place of the next decision in the tile
    entered: Ints  # bar of the last fill out of nothing
    begun: Ints  # bar of the open trade's first fill; this and the next three only with exits
    entry: Vector  # its mean entry price
    bought: Vector  # units that it entered with, in all
    best: Vector  # the most favourable price since
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
        begun=np.zeros(combinations, np.int64),
        entry=np.zeros(combinations),
        bought=np.zeros(combinations),
        best=np.zeros(combinations),
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
    gone: bool = is_short(book.cash[k], units, low if units > 0.0 else high, terms)
    return gone


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
