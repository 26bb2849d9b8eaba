"""The seeded market: bars, trades and true regimes of any symbol at any time.

Bars are counted from a fixed epoch and generated a day at a time. The hidden state at each day's
start stays in memory, so a day that was dropped can be generated again, bit for bit.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.simulator import kernel
from workers.simulator.instruments import Instrument, instrument
from workers.simulator.kernel import Floats, Ints
from workers.simulator.model import MarketModel

EPOCH_MS = 1_735_689_600_000  # 2025-01-01 00:00 UTC, the listing of every contract
BAR_MS = kernel.BAR_MS
BLOCK_BARS = 1440  # a UTC day
MAX_BLOCKS = 32  # in memory, a symbol; about 7 MB


@dataclass(frozen=True)
class SimulatedBars:
    """Consecutive one-minute bars of one contract, in ticks and steps."""

    contract: Instrument
    first: int  # index of the first bar since the epoch
    ints: Ints  # (INT_ROWS, n)
    floats: Floats  # (FLOAT_ROWS, n)

    def __len__(self) -> int:
        return int(self.ints.shape[1])

    @property
    def open_time_ms(self) -> Ints:
        """Open times, UTC epoch milliseconds, shape (n,)."""
        times: Ints = np.arange(self.first, self.first + len(self), dtype=np.int64)
        return EPOCH_MS + BAR_MS * times

    def prices(self, row: int) -> Floats:
        """Prices in USDT of one integer row, e.g. kernel.CLOSE, shape (n,)."""
        prices: Floats = self.ints[row] * float(self.contract.tick_size)
        return prices

    @property
    def volume(self) -> Floats:
        """Base volume, shape (n,)."""
        volume: Floats = self.ints[kernel.VOLUME] * float(self.contract.step_size)
        return volume

    @property
    def regimes(self) -> Ints:
        """True regime of each bar as an index into ``REGIMES``, shape (n,)."""
        regimes: Ints = self.ints[kernel.REGIME]
        return regimes


@dataclass
class _Track:
    """One symbol: its parameters, its state at each day's start, and the days in memory."""

    contract: Instrument
    keys: NDArray[np.uint64]
    table: Floats
    scalars: Floats
    starts: list[tuple[Floats, Ints]]
    blocks: OrderedDict[int, tuple[Ints, Floats]]


class SimulatedMarket:
    """A market of several correlated contracts, drawn from one seed.

    The same (seed, symbol, bar) gives the same bar, whatever was read before and whichever other
    symbols exist.
    """

    def __init__(self, seed: int, symbols: Sequence[str], model: MarketModel | None = None) -> None:
        if not symbols:
            raise ValueError("no symbols given: name at least one, e.g. BTCUSDT")
        if len(set(symbols)) != len(symbols):
            raise ValueError(f"symbols repeat: {', '.join(symbols)}")
        self.seed = seed
        self.symbols = tuple(symbols)
        self.model = model or MarketModel()
        self._transition = self.model.transition
        self._tracks = {symbol: self._track(symbol) for symbol in symbols}

    def contract(self, symbol: str) -> Instrument:
        """Return the contract of a listed symbol; raises KeyError for any other."""
        return self._tracks[symbol].contract

    def bars(self, symbol: str, first: int, last: int) -> SimulatedBars:
        """Return the bars first <= index < last; first >= 0."""
        if not 0 <= first <= last:
            raise ValueError(f"bars {first} to {last}: expected 0 <= first <= last")
        track = self._tracks[symbol]
        if first == last:
            return SimulatedBars(track.contract, first, *_columns(0))
        first_day = first // BLOCK_BARS
        blocks = [self._block(track, day) for day in range(first_day, -(-last // BLOCK_BARS))]
        begin = first - first_day * BLOCK_BARS
        cut = slice(begin, begin + last - first)
        if len(blocks) == 1:
            ints, floats = blocks[0]
            return SimulatedBars(track.contract, first, ints[:, cut], floats[:, cut])
        ints = np.concatenate([b[0] for b in blocks], axis=1)[:, cut]
        floats = np.concatenate([b[1] for b in blocks], axis=1)[:, cut]
        return SimulatedBars(track.contract, first, ints, floats)

    def trades(self, symbol: str, bar: int) -> Ints:
        """Return the aggregate trades of one bar in time order, shape (n, TRADE_COLUMNS).

        Prices are in ticks, quantities in steps, times in ms after the bar's open.
        """
        track = self._tracks[symbol]
        bars = self.bars(symbol, bar, bar + 1)
        ints = np.ascontiguousarray(bars.ints[:, 0])
        floats = np.ascontiguousarray(bars.floats[:, 0])
        return kernel.bar_trades(track.keys, bar, ints, floats, track.scalars)

    def unfinished(self, symbol: str, bar: int, elapsed_ms: int) -> Ints | None:
        """Return the integer column of a bar ``elapsed_ms`` after its open, shape (INT_ROWS,).

        Uses no trade after that moment; None before the bar's first trade.
        """
        trades = self.trades(symbol, bar)
        count = int(np.searchsorted(trades[:, kernel.T_TIME], elapsed_ms, side="right"))
        if count == 0:
            return None
        column = self.bars(symbol, bar, bar + 1).ints[:, 0].copy()
        column[kernel.TRADES] = count
        kernel.aggregate(trades, column)
        return column

    def traded_ms(self, symbol: str, now_ms: int) -> int:
        """Return now, or the end of the bar before where the current one has no trade yet."""
        current, elapsed_ms = divmod(now_ms - EPOCH_MS, BAR_MS)
        if self.unfinished(symbol, current, elapsed_ms) is None:
            return EPOCH_MS + current * BAR_MS - 1
        return now_ms

    def bar_of_trade(self, symbol: str, trade_id: int, last: int) -> int:
        """Return the index of the bar that holds an aggregate trade id, at most ``last``."""
        track = self._tracks[symbol]
        day = last // BLOCK_BARS
        self._reach(track, day)
        while day > 0 and track.starts[day][1][0] > trade_id:
            day -= 1
        ids = self._block(track, day)[0][kernel.FIRST_TRADE_ID]
        position = int(np.searchsorted(ids, trade_id, side="right")) - 1
        return min(last, day * BLOCK_BARS + max(0, position))

    def _track(self, symbol: str) -> _Track:
        contract = instrument(symbol)
        keys = np.array([_key(self.seed, symbol), _key(self.seed, "common factor")], np.uint64)
        scalars = self.model.scalars(contract)
        draw = float(keys[0] >> np.uint64(11)) / 2.0**53
        state = np.zeros(kernel.STATE_SIZE)
        state[kernel.S_REGIME] = np.searchsorted(np.cumsum(self.model.stationary)[:-1], draw)
        state[kernel.S_PRICE] = scalars[kernel.C_ANCHOR]
        start = (state, np.array([1, 1], np.int64))
        return _Track(contract, keys, self.model.table(contract), scalars, [start], OrderedDict())

    def _block(self, track: _Track, day: int) -> tuple[Ints, Floats]:
        if day in track.blocks:
            track.blocks.move_to_end(day)
            return track.blocks[day]
        self._reach(track, day)
        return self._generate(track, day)

    def _reach(self, track: _Track, day: int) -> None:
        """Find the state at a day's start, at a quarter of the cost of the bars before it."""
        for passed in range(len(track.starts) - 1, day):
            state, ids = track.starts[passed][0].copy(), track.starts[passed][1].copy()
            kernel.skip_block(
                track.keys,
                passed * BLOCK_BARS,
                BLOCK_BARS,
                track.table,
                self._transition,
                track.scalars,
                state,
                ids,
            )
            track.starts.append((state, ids))

    def _generate(self, track: _Track, day: int) -> tuple[Ints, Floats]:
        state, ids = track.starts[day][0].copy(), track.starts[day][1].copy()
        ints, floats = _columns(BLOCK_BARS)
        kernel.fill_block(
            track.keys,
            day * BLOCK_BARS,
            track.table,
            self._transition,
            track.scalars,
            state,
            ids,
            ints,
            floats,
        )
        if len(track.starts) == day + 1:
            track.starts.append((state, ids))
        track.blocks[day] = (ints, floats)
        while len(track.blocks) > MAX_BLOCKS:
            track.blocks.popitem(last=False)
        return ints, floats


def _columns(bars: int) -> tuple[Ints, Floats]:
    return np.empty((kernel.INT_ROWS, bars), np.int64), np.empty((kernel.FLOAT_ROWS, bars))


def _key(seed: int, name: str) -> int:
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")
