"""Recorded files that are played together, and the one cut between their history and the rest."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from schemas.market import RawBar
from schemas.timeframes import timeframe_name
from workers.bars.bar_files import TAKER_BUY, BarFile, read_bars, require_order
from workers.bars.table_files import BarFileRejected

HISTORY_SHARE = 0.6


@dataclass(frozen=True)
class Recording:
    """Files that are played together.

    Attributes:
        files: All of one timeframe.
        cut_ms: Where history ends: a bar's close, UTC epoch ms.
        higher_ms: Lengths of the higher bars that are made of their bars, ascending.
    """

    files: tuple[BarFile, ...]
    cut_ms: int
    higher_ms: tuple[int, ...] = ()

    @property
    def timeframe_ms(self) -> int:
        """Bar length of every file."""
        return self.files[0].timeframe_ms

    @property
    def bars(self) -> int:
        """Bars of all files."""
        return sum(map(len, self.files))

    @property
    def closes_at_cut(self) -> dict[str, int]:
        """By symbol, the close of its newest bar at or before the cut: that bar may be missing."""
        step, closes = self.timeframe_ms, {}
        for file in self.files:
            past = file.open_time_ms[file.open_time_ms + step <= self.cut_ms]
            closes[file.symbol] = int(past[-1]) + step  # no file begins after the cut
        return closes

    def history_of(self, timeframe_ms: int) -> tuple[int, dict[str, int]]:
        """Return where the history of a timeframe ends, and by symbol its last close until then."""
        ends = {s: end - end % timeframe_ms for s, end in self.closes_at_cut.items()}
        return self.cut_ms - self.cut_ms % timeframe_ms, ends


def read_recording(texts: Sequence[str], lengths_ms: Sequence[int] = ()) -> Recording:
    """Read and check the files of a replay.

    Args:
        texts: Paths, or ``FILE=SYMBOL:TIMEFRAME``.
        lengths_ms: Of higher bars; those that are multiples of the files' are made.

    Raises:
        BarFileRejected: A file is wrong, timeframes differ, a symbol comes twice, or there is no
            common span.
    """
    if not texts:
        raise BarFileRejected("a replay needs at least one file of bars (Parquet or CSV)")
    files = tuple(read_bars(text) for text in texts)
    for file in files:
        require_order(file)
        if file.timeframe_ms != files[0].timeframe_ms:
            raise BarFileRejected(
                f"{file.path}: bars of {timeframe_name(file.timeframe_ms)}, expected "
                f"{timeframe_name(files[0].timeframe_ms)} as in {files[0].path}; "
                "one timeframe for all files"
            )
    symbols = [file.symbol for file in files]
    if len(set(symbols)) != len(symbols):
        raise BarFileRejected(f"symbols {', '.join(symbols)}: expected one file for each")
    first, last = max(f.from_ms for f in files), min(f.to_ms for f in files)
    step = files[0].timeframe_ms
    if last - first < 2 * step:
        raise BarFileRejected("the files cover no common span; play them one by one")
    cut_ms = first + int((last - first) * HISTORY_SHARE) // step * step
    higher = tuple(length for length in lengths_ms if length > step and length % step == 0)
    return Recording(files, cut_ms, higher)


def raw_bars(
    file: BarFile, after_ms: int = -1, higher_ms: tuple[int, ...] = ()
) -> Iterator[RawBar]:
    """Yield the bars of a file that close after a time, holes counted.

    Args:
        file: What is read.
        after_ms: UTC epoch milliseconds.
        higher_ms: Lengths of the higher bars that are made of them.
    """
    names = ("open", "high", "low", "close", "volume")
    rows = zip(
        file.open_time_ms.tolist(),
        _taker_buys(file),
        *(file.columns[name].tolist() for name in names),
        strict=True,
    )
    source = f"replay/{file.path.name}"
    expected = None
    for opened, taker_buy, open_, high, low, close, volume in rows:
        closed = opened + file.timeframe_ms
        missing = 0 if expected is None else (opened - expected) // file.timeframe_ms
        expected = closed
        if closed > after_ms:
            yield RawBar(
                symbol=file.symbol,
                timeframe_ms=file.timeframe_ms,
                open_time_ms=opened,
                event_time_ms=closed,
                available_time_ms=closed,
                open=open_,
                high=high,
                low=low,
                close=close,
                volume=volume,
                taker_buy_volume=taker_buy,
                bars_missing=missing,
                origin="replay",
                source=source,
                higher_ms=higher_ms,
            )


def _taker_buys(file: BarFile) -> list[float | None]:
    """Return what takers bought in each bar, in base currency; None where it is unknown."""
    column = file.columns.get(TAKER_BUY)
    if column is None:
        return [None] * len(file)
    return [None if math.isnan(value) else value for value in column.tolist()]


def merged(recording: Recording, closes: dict[str, int]) -> Iterator[RawBar]:
    """Yield the bars of all files by close, then in the order of the files.

    Args:
        recording: What is played.
        closes: By symbol, the close up to which it has been played before.
    """
    streams = (
        raw_bars(file, closes.get(file.symbol, -1), recording.higher_ms) for file in recording.files
    )
    return heapq.merge(*streams, key=lambda bar: bar.event_time_ms)
