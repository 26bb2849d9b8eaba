"""Where recorded bars come from: files with their funding beside them, or a home's archive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.market import Bar
from schemas.research import Market
from schemas.timeframes import TIMEFRAMES_MS, timeframe_name
from schemas.topics import BARS
from workers.bars.arrays import Bars, BarsRejected
from workers.bars.bar_names import file_part, parse_subject
from workers.bars.bar_store import BarStore
from workers.bars.table_files import BarFileRejected, has_table_name
from workers.storage import location

if TYPE_CHECKING:
    from workers.storage import Location

OTHER = ("_funding", "_mark_", "_taker_volume")  # files of a data folder that hold no bars


@dataclass(frozen=True)
class Source:
    """One market to test on.

    Attributes:
        path: A file of bars (or ``FILE=SYMBOL:TIMEFRAME``), or the archive of bars.
        symbol, timeframe: Of it.
        funding, mark: Files of settlements and mark prices; None: not known.
        archived: Whether ``path`` is an archive.
    """

    path: str
    symbol: str
    timeframe: str
    funding: Path | None = None
    mark: Path | None = None
    archived: bool = False

    @property
    def name(self) -> str:
        """The file's name: it differs from those of other sources of the symbol."""
        return self.symbol if self.archived else file_part(self.path).name.split(".")[0]

    def bars(self, market: Market) -> Bars:
        """Read the bars that a request asks for, in its span and timeframe.

        Raises: ValueError saying what is wrong with file, span or timeframe.
        """
        if self.archived:
            return archived_bars(location(self.path), market)
        return cut_to(Bars.from_file(self.path, self.funding, self.mark), market)


def cut_to(bars: Bars, market: Market) -> Bars:
    """Return bars in the span and timeframe that a request asks for."""
    if market.from_ms is not None or market.to_ms is not None:
        bars = bars.between(market.from_ms, market.to_ms)
    return bars if market.timeframe is None else bars.resample(TIMEFRAMES_MS[market.timeframe])


def find_sources(paths: list[str], funding: Path | None = None) -> tuple[list[Source], list[str]]:
    """Return the markets of files and folders, by name, and what was passed over.

    Args:
        paths: Files, ``FILE=SYMBOL:TIMEFRAME``, or folders.
        funding: Folder of ``SYMBOL_funding.parquet`` and ``SYMBOL_mark_*.parquet``; None looks
            beside each file. A file with ``spot`` in its name has no funding.

    Raises: BarFileRejected for a path that is not there or a file whose name says no market.
    """
    sources, passed = [], []
    for text in paths:
        folder = Path(text)
        if not folder.is_dir():
            sources.append(file_source(text, funding))
            continue
        for path in sorted(filter(has_table_name, folder.iterdir())):
            if any(word in path.name for word in OTHER):
                continue
            try:
                sources.append(file_source(str(path), funding))
            except BarFileRejected as rejected:
                passed.append(str(rejected))
    return sources, passed


def of_timeframe(sources: Sequence[Source], timeframe_ms: int | None) -> Sequence[Source]:
    """Return the files of a timeframe where there are any, else all that were given."""
    if timeframe_ms is None:
        return sources
    own = [source for source in sources if source.timeframe == timeframe_name(timeframe_ms)]
    return own or sources


def file_source(text: str, funding: Path | None = None) -> Source:
    """Return the market of one file."""
    path, symbol, timeframe_ms = parse_subject(text)
    if not path.is_file():
        raise BarFileRejected(f"{path}: no such file or folder")
    timeframe = timeframe_name(timeframe_ms)
    if "_spot" in path.name:
        return Source(text, symbol, timeframe)
    folder = path.parent if funding is None else funding
    return Source(
        text,
        symbol,
        timeframe,
        _settlements(folder, symbol),
        _marks(folder, symbol, timeframe_ms),
    )


def _settlements(folder: Path, symbol: str) -> Path | None:
    """Return the file of settlements, the shortest name first."""
    files = filter(has_table_name, folder.glob(f"{symbol}_funding*"))
    return min(files, key=lambda path: (len(path.name), path.name), default=None)


def _marks(folder: Path, symbol: str, timeframe_ms: int) -> Path | None:
    """Return the longest mark bars that are no longer than the bars themselves."""
    lengths = []
    for path in sorted(filter(has_table_name, folder.glob(f"{symbol}_mark_*"))):
        try:
            lengths.append((parse_subject(str(path))[2], path))
        except BarFileRejected:
            continue  # its name tells no bars
    return max((each for each in lengths if each[0] <= timeframe_ms), default=(0, None))[1]


def archived_sources(archive: Location) -> list[Source]:
    """Return the markets whose bars are in an archive; empty without one."""
    folder = archive / BARS.name
    if not folder.is_dir():
        return []
    symbols = sorted(path.name for path in folder.iterdir() if path.is_dir())
    return [Source(str(folder), symbol, "stored", archived=True) for symbol in symbols]


def archived_bars(folder: Location, market: Market) -> Bars:
    """Read the bars of one symbol off the archive, corrections applied."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    store = BarStore(1)
    files: list[Location] = [*(folder / market.symbol).glob("[!_]*.parquet")]
    if not files:
        raise BarsRejected(f"{folder}: holds no bars of {market.symbol}")
    rows = [
        row
        for path in files
        for row in pq.read_table(pa.BufferReader(path.read_bytes())).to_pylist()
    ]
    for row in sorted(rows, key=lambda each: (each["partition"], each["offset"])):
        store.put(_bar(row))
    return store.of(market)


def _bar(row: dict[str, Any]) -> Bar:
    """Return an archived bar; a field that is younger than its file has no value there."""
    values = {name: row[name] for name in Bar.model_fields if row.get(name) is not None}
    return Bar.model_validate(values | {"higher_ms": tuple(values.get("higher_ms", ()))})
