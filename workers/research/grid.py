"""Every combination of a parameter grid over the same bars, by compiled kernels.

Positions, fills, costs and equity are those of ``workers.research.fills``; measures are those of
``streams.evaluation.metrics``. Work goes in blocks: beside the bars, memory grows only by a few
numbers of each combination, and by its daily equity where that is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
from numpy.typing import NDArray

from schemas.exits import Exits
from schemas.research import Factor, FixedFactor, Grid, Objective
from schemas.timeframes import DAY_MS
from streams.exits import exit_rules
from workers.bars.arrays import Bars
from workers.research import grid_kernel as kernel
from workers.research.fills import FillModel, kernel_terms
from workers.research.grid_book import (
    Codes,
    GridExits,
    KernelMarket,
    Rules,
    kernel_market,
    new_book,
)
from workers.research.indicators import SIDES, check_threshold, column, indicator
from workers.research.indicators import warm_up as prepare_indicators

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Indices = NDArray[np.int64]

ABREAST = 64  # combinations that advance together
CODES_BYTES = 64 * 2**20  # of thresholds crossed, in memory at once; more is done in parts
DAILY_BYTES = 128 * 2**20  # of daily equity that is kept without ``keep_daily``
DAILY_CELL = 12  # bytes of one day of one combination
MAX_WORK = 20_000_000_000  # bars times combinations: about a minute of one core
MAX_THRESHOLDS = 32_767  # of one factor: they are counted in 16 bits
WINDOWS_AT_ONCE = 8  # indicators in memory before they are encoded

MEASURES = ("total_return", "sharpe", "sortino", "calmar", "max_drawdown")  # as the kernel writes

Part = tuple[Indices, Rules, GridExits | None]
Progress = Callable[[int, int, float | None], bool]


@dataclass(frozen=True, eq=False)
class GridResult:
    """What each combination did, in the order of the grid: the last parameter runs fastest.

    Attributes:
        grid: The request.
        indices: Which combinations, shape (combinations,).
        total_return, sharpe, sortino, calmar, max_drawdown: At daily closes; NaN where undefined.
        bar_drawdown: Deepest fall from a peak, at bar closes.
        exposure: Share of bars with a position.
        trades: Closed ones.
        liquidated: Whether it ended so.
        done: Whether it ran; where not, the run was stopped and all else is NaN or 0.
        day_ms: Ends of the UTC days, shape (days,).
        equity: At the end of each day, the start first, shape (days + 1, combinations); or None.
        held: Value of the position over equity at each of them, signed; or None.
    """

    grid: Grid
    indices: Indices
    total_return: Vector
    sharpe: Vector
    sortino: Vector
    calmar: Vector
    max_drawdown: Vector
    bar_drawdown: Vector
    exposure: Vector
    trades: Indices
    liquidated: NDArray[np.bool_]
    done: NDArray[np.bool_]
    day_ms: Indices
    equity: Matrix | None
    held: NDArray[np.float32] | None

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def returns(self) -> Matrix | None:
        """Daily returns, shape (days, combinations), 0 after a total loss; None if not kept."""
        if self.equity is None:
            return None
        lost = np.logical_or.accumulate(self.equity <= 0.0, axis=0)
        before = np.where(lost, 1.0, self.equity)[:-1]
        after = np.where(lost, 0.0, self.equity)[1:]
        return np.asarray(np.where(lost[:-1], 0.0, after / before - 1.0))

    def params(self, number: int) -> dict[str, float]:
        """Return the parameters of the ``number``-th combination by name."""
        values = parameter_values(self.grid)
        digits = np.unravel_index(self.indices[number], [len(v) for v in values.values()])
        return {
            name: options[int(digit)]
            for (name, options), digit in zip(values.items(), digits, strict=True)
        }

    def factors(self, number: int) -> tuple[FixedFactor, ...]:
        """Return the ``number``-th combination as factors, as ``factor_target`` takes them."""
        numbers = list(self.params(number).values())[: 2 * len(self.grid.all_factors)]
        return tuple(
            FixedFactor(
                indicator=factor.indicator,
                signal_type=factor.signal_type,
                data_column=factor.data_column,
                window=int(window),
                signal=signal,
            )
            for factor, window, signal in zip(
                self.grid.all_factors, numbers[::2], numbers[1::2], strict=True
            )
        )

    def ranked(self, objective: Objective, count: int = 10) -> list[int]:
        """Return the best ``count`` that have a value, best first; the earlier one on a tie."""
        score = getattr(self, objective)
        order = np.argsort(-score, kind="stable")
        return [int(i) for i in order[:count] if np.isfinite(score[i])]

    def segment(self, first_day: int, last_day: int) -> dict[str, Vector]:
        """Return the measures of the days ``first_day`` to ``last_day``, the latter excluded.

        As if trading had gone on before: a position held over ``first_day`` is not entered anew,
        ``held[first_day]`` says how large it was.

        Raises: ValueError where daily equity was not kept, or for an empty segment.
        """
        if self.equity is None:
            raise ValueError("daily equity was not kept: run the grid with keep_daily=True")
        days = len(self.day_ms)
        if not 0 <= first_day < last_day <= days:
            raise ValueError(f"expected days within 0 and {days}, got {first_day} to {last_day}")
        return daily_measures(self.equity[first_day : last_day + 1])


def parameter_values(grid: Grid) -> dict[str, tuple[float, ...]]:
    """Return the values of each parameter, in the order of the grid.

    ``window`` and ``signal`` of a single factor; ``window_1``, ``signal_1``, ``window_2``... of
    several; then those of the space.
    """
    factors = grid.all_factors
    values = {}
    for number, factor in enumerate(factors, start=1):
        of = "" if len(factors) == 1 and grid.mode == "single" else f"_{number}"
        values["window" + of] = factor.window_range.values
        values["signal" + of] = factor.signal_range.values
    return values | {name: options.values for name, options in grid.space.items()}


def run_grid(
    bars: Bars,
    grid: Grid,
    *,
    only: Sequence[int] | None = None,
    keep_daily: bool | None = None,
    progress: Progress | None = None,
    threads: int = 1,
) -> GridResult:
    """Run every combination of factors over the bars.

    Args:
        bars: Two at least; their symbol and timeframe are the caller's choice.
        grid: Factors, costs and leverage; its market fields have been applied to ``bars`` already.
        only: Numbers of the combinations to run; None for all.
        keep_daily: Daily equity of each, for PBO, deflated figures and walk-forward; None keeps it
            where it fits into ``DAILY_BYTES``.
        progress: Called after each block with how many are done, of how many, and the best
            objective so far; False stops the run, and ``done`` says what is there.
        threads: That work at once; the kernels hold no lock.

    Raises: ValueError for a grid of a strategy, a window that no bar fills, a negative threshold,
    more than ``MAX_WORK`` or a column that the bars lack.
    """
    indices = np.arange(grid.combinations) if only is None else np.asarray(only, dtype=np.int64)
    _check(bars, grid, indices)
    result = blank_result(bars, grid, indices, keep_daily=keep_daily)
    model = FillModel.of(grid)
    market = kernel_market(bars, model)
    done, best = 0, None
    with ThreadPoolExecutor(threads) as pool:
        for slots, rules, exits in _parts(bars, grid, indices):
            run = partial(_run, market, model, result)
            starts = range(0, len(slots), ABREAST)
            blocks = [(slots[i : i + ABREAST], *_block(rules, exits, i)) for i in starts]
            for block in (pool.map if threads > 1 else map)(run, blocks):
                done += len(block)
                best = _better(best, getattr(result, grid.objective)[block])
                if progress is not None and not progress(done, len(indices), best):
                    pool.shutdown(cancel_futures=True)
                    return result
    return result


def _run(
    market: KernelMarket,
    model: FillModel,
    result: GridResult,
    block: tuple[Indices, Rules, GridExits | None],
) -> Indices:
    """Run some combinations, write what they did into the result and return their numbers."""
    slots, rules, exits = block
    together = len(slots) == slots[-1] - slots[0] + 1  # a slice is written faster than places
    columns = slice(slots[0], slots[-1] + 1) if together else slots
    book = new_book(len(slots), len(result.day_ms), model.equity)
    kernel.trade(market, kernel_terms(model), rules, exits, book)
    for name, values in daily_measures(book.equity).items():
        getattr(result, name)[slots] = values
    result.bar_drawdown[slots] = 1.0 - np.maximum(book.lowest, 0.0)
    result.exposure[slots] = book.exposed / len(market.floor)
    result.trades[slots] = book.trades
    result.liquidated[slots] = book.liquidated
    result.done[slots] = True
    if result.equity is not None and result.held is not None:
        result.equity[:, columns] = book.equity
        result.held[:, columns] = book.held
    return slots


def _block(rules: Rules, exits: GridExits | None, first: int) -> tuple[Rules, GridExits | None]:
    """Return what the combinations decide by that advance together from a first one on."""
    some = slice(first, first + ABREAST)
    held = None if exits is None else exits._replace(row=exits.row[some])
    return rules._replace(reads=rules.reads[some]), held


def daily_measures(equity: Matrix) -> dict[str, Vector]:
    """Return the measures of daily equity by name, NaN where undefined.

    Args:
        equity: The start first, shape (days + 1, combinations).
    """
    out = np.empty((len(MEASURES), equity.shape[1]))
    kernel.measure(equity, out)
    return dict(zip(MEASURES, out, strict=True))


def _better(best: float | None, scores: Vector) -> float | None:
    known = scores[np.isfinite(scores)]
    if known.size == 0:
        return best
    top = float(known.max())
    return top if best is None else max(best, top)


def blank_result(
    bars: Bars, grid: Grid, indices: Indices, *, keep_daily: bool | None
) -> GridResult:
    """Return a result in which nothing has run yet; arguments as of ``run_grid``."""
    count = len(indices)
    closes = bars.close_time_ms
    day = (closes - 1) // DAY_MS
    days = int(day[-1] - day[0]) + 1
    if keep_daily is None:
        keep_daily = (days + 1) * count * DAILY_CELL <= DAILY_BYTES
    shape = (days + 1, count)
    undefined = {name: np.full(count, np.nan) for name in (*MEASURES, "bar_drawdown", "exposure")}
    return GridResult(
        grid=grid,
        indices=indices,
        **undefined,
        trades=np.zeros(count, np.int64),
        liquidated=np.zeros(count, np.bool_),
        done=np.zeros(count, np.bool_),
        day_ms=(np.arange(day[0], day[-1] + 1) + 1) * DAY_MS,
        equity=np.full(shape, np.nan) if keep_daily else None,
        held=np.full(shape, np.nan, np.float32) if keep_daily else None,
    )


def _check(bars: Bars, grid: Grid, indices: Indices) -> None:
    if grid.strategy is not None:
        raise ValueError(f"strategy {grid.strategy!r} has no factors: run its targets by fills")
    length = len(bars)
    work = length * len(indices)
    if work > MAX_WORK:
        raise ValueError(
            f"{length:,} bars times {len(indices):,} combinations are {work:,} steps, at most "
            f"{MAX_WORK:,} are run: take a longer timeframe, a shorter span or fewer combinations"
        )
    for factor in grid.all_factors:
        check_threshold(factor.signal_range.min)
        if factor.signal_range.count > MAX_THRESHOLDS:
            raise ValueError(
                f"signal_range has {factor.signal_range.count:,} values, at most "
                f"{MAX_THRESHOLDS:,} are told apart: widen its step"
            )
        if factor.window_range.max >= length:
            raise ValueError(
                f"window {factor.window_range.max:g} needs more than {length:,} bars: "
                "shorten window_range or take a longer span"
            )


def _parts(bars: Bars, grid: Grid, indices: Indices) -> Iterator[Part]:
    """Cut the combinations into parts whose codes fit; yields numbers within ``indices``."""
    factors = grid.all_factors
    sizes = [len(values) for values in parameter_values(grid).values()]
    sets = _exit_sets(grid)
    guarded = not all(each.empty for each in sets)
    exits = exit_rules(sets, bars.timeframe_ms) if guarded else None
    columns = {name: column(bars, name) for name in {f.data_column for f in factors}}
    parts = [np.arange(len(indices))]
    while parts:
        slots = parts.pop()
        digits = np.stack(np.unravel_index(indices[slots], sizes), axis=1)
        windows = [np.unique(digits[:, 2 * f]) for f in range(len(factors))]
        rows = sum(map(len, windows))
        widest = int(np.argmax([len(w) for w in windows]))
        if rows * len(bars) * 2 > CODES_BYTES and len(windows[widest]) > 1:
            middle = windows[widest][len(windows[widest]) // 2]
            low = digits[:, 2 * widest] < middle
            parts += [slots[~low], slots[low]]
            continue
        codes = np.empty((rows, len(bars)), np.int16)
        reads = np.empty((len(slots), len(factors), 4), np.int64)
        first = 0
        for f, factor in enumerate(factors):
            _encode(columns[factor.data_column], factor, windows[f], codes[first:])
            reads[:, f, 0] = first + np.searchsorted(windows[f], digits[:, 2 * f])
            reads[:, f, 1] = digits[:, 2 * f + 1]
            reads[:, f, 2:] = SIDES[factor.signal_type]
            first += len(windows[f])
        row = indices[slots] % len(sets)  # the parameters of exits run fastest
        held = None if exits is None else GridExits(exits, row)
        yield slots, Rules(codes, reads, len(factors) if grid.combine == "all" else 1), held


def _exit_sets(grid: Grid) -> list[Exits]:
    """Return the sets of exits of a grid of factors, in the order of the grid."""
    tried = product(*(options.values for options in grid.space.values()))
    return [
        grid.fixed_exits.replaced(dict(zip(grid.space, values, strict=True))) for values in tried
    ]


def _encode(values: Vector, factor: Factor, windows: Indices, codes: Codes) -> None:
    """Write the codes of some windows, a few at a time."""
    lengths = np.asarray(factor.window_range.values, dtype=np.int64)[windows]
    thresholds = np.asarray(factor.signal_range.values)
    for start in range(0, len(lengths), WINDOWS_AT_ONCE):
        some = slice(start, min(start + WINDOWS_AT_ONCE, len(lengths)))
        values_of_windows = indicator(factor.indicator, values, lengths[some].tolist())
        kernel.encode(values_of_windows, thresholds, codes[some])


def warm_up() -> None:
    """Compile or load every kernel, so that the first job does not wait for it."""
    prepare_indicators()
    price = np.ones(4)
    bars = Bars("BTCUSDT", DAY_MS, np.arange(4) * DAY_MS, price, price, price, price, price)
    run_grid(
        bars,
        Grid(symbol="BTCUSDT", window_range=(2, 2, 1), signal_range=(1, 1, 1)),
    )
