"""All features of one symbol as a frame: as they stand on the topic, or computed from a file.

A row is a bar close (UTC), a column a feature in catalogue order; NaN where the topic has null.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from schemas.features import FeatureVector
from schemas.market import RawBar
from schemas.timeframes import timeframe_name
from schemas.topics import FEATURE_VECTORS
from streams.features.catalog import FEATURES
from streams.features.processor import PROCESSOR as FEATURE_PROCESSOR
from streams.market.processor import PROCESSOR as MARKET_PROCESSOR
from streams.runtime.memory_driver import iter_outputs
from workers.bars.bar_files import read_bars, require_order
from workers.bars.recording import raw_bars
from workers.bars.sources import find_sources, of_timeframe

if TYPE_CHECKING:
    import pandas as pd

    from workers.storage import Location

OPTIONAL = tuple(feature.name for feature in FEATURES if feature.optional)


class FeaturesAbsent(ValueError):
    """There are no features of that symbol; the message says of which there are."""


def archived_features(
    archive: Location, symbol: str, timeframe_ms: int | None = None
) -> pd.DataFrame:
    """Return the features that the pipeline has published, of the newest feature set.

    Args:
        archive: Of a home. It follows the topic within ten seconds, and later while the machine is
            busy; ``archived_to_ms`` of the frame's ``attrs`` is the last close that it holds.
        symbol: Canonical.
        timeframe_ms: Of the bars; None: that of the shortest that still come.

    Raises:
        FeaturesAbsent: The archive holds none of the symbol, or none of the timeframe.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = archive / FEATURE_VECTORS.name
    files: list[Location] = [*(folder / symbol).glob("[!_]*.parquet")]
    if not files:
        paths: list[Location] = [*folder.iterdir()] if folder.is_dir() else []
        symbols = [path.name for path in paths if path.is_dir()]
        raise _absent(symbol, symbols, f"the archive {archive}")
    tables = [pq.read_table(pa.BufferReader(path.read_bytes())) for path in files]
    table = _of_timeframe(pa.concat_tables(tables), timeframe_ms, f"the archive {archive}")
    newest = table["feature_set_id"][-1].as_py()
    table = table.filter(pa.compute.equal(table["feature_set_id"], newest)).combine_chunks()
    values = pa.concat_arrays(table["values"].chunks)  # a map of the same names in each row
    names = values.keys[: len(values.keys) // len(table)].to_pylist()
    rows = values.items.to_numpy(zero_copy_only=False).reshape(len(table), len(names))
    facts = {
        "symbol": symbol,
        "timeframe": timeframe_name(table["timeframe_ms"][-1].as_py()),
        "feature_set_id": newest,
        "archived_to_ms": table["event_time_ms"][-1].as_py(),
    }
    return _frame(rows, names, table["event_time_ms"].to_numpy(), facts)


def _of_timeframe(table: Any, timeframe_ms: int | None, place: str) -> Any:
    """Return the rows of one timeframe by time; for None of the shortest that reach to the end."""
    import pyarrow as pa

    ends = table.group_by("timeframe_ms").aggregate([("event_time_ms", "max")]).to_pylist()
    closes_ms = {row["timeframe_ms"]: row["event_time_ms_max"] for row in ends}
    newest_ms = max(closes_ms.values())
    current = [each for each, close_ms in closes_ms.items() if close_ms > newest_ms - 2 * each]
    length_ms = timeframe_ms or min(current)
    if length_ms not in closes_ms:
        have = ", ".join(map(timeframe_name, sorted(closes_ms)))
        raise FeaturesAbsent(
            f"{place} has no features of {timeframe_name(length_ms)} bars, only of {have}"
        )
    rows = table.filter(pa.compute.equal(table["timeframe_ms"], length_ms))
    return rows.sort_by("event_time_ms")


def computed_features(data: str, symbol: str, timeframe_ms: int | None = None) -> pd.DataFrame:
    """Return the features that a replay of a file publishes, by the same processors.

    Args:
        data: File of bars, ``FILE=SYMBOL:TIMEFRAME``, or a folder of them.
        symbol: Canonical.
        timeframe_ms: Of the bars; a multiple of the file's is made of them. None: the file's.

    Raises:
        BarFileRejected: The file is wrong.
        FeaturesAbsent: It holds bars of other symbols, or none that make the timeframe.
    """
    sources, _ = find_sources([data])
    of_symbol = [source for source in sources if source.symbol == symbol]
    if not of_symbol:
        raise _absent(symbol, [source.symbol for source in sources], data)
    fitting = of_timeframe(of_symbol, timeframe_ms)
    if len(fitting) > 1:
        paths = ", ".join(source.path for source in fitting)
        raise FeaturesAbsent(f"{data}: {len(fitting)} files of {symbol}, expected one: {paths}")
    file = read_bars(fitting[0].path)
    require_order(file)
    length_ms = timeframe_ms or file.timeframe_ms
    higher_ms = () if length_ms == file.timeframe_ms else (length_ms,)
    vectors = [] if length_ms % file.timeframe_ms else _vectors(raw_bars(file, -1, higher_ms))
    vectors = [vector for vector in vectors if vector.timeframe_ms == length_ms]
    if not vectors:
        raise FeaturesAbsent(
            f"{file.path}: its {len(file):,} bars of {timeframe_name(file.timeframe_ms)} make none "
            f"of {timeframe_name(length_ms)}"
        )
    names = tuple(vectors[0].values)
    rows = np.array([list(v.values.values()) for v in vectors], dtype=np.float64)  # noqa: PD011
    facts = {
        "symbol": symbol,
        "timeframe": timeframe_name(length_ms),
        "feature_set_id": vectors[0].feature_set_id,
    }
    return _frame(rows, names, [vector.event_time_ms for vector in vectors], facts)


def _vectors(bars: Iterable[RawBar]) -> list[FeatureVector]:
    outputs = iter_outputs((MARKET_PROCESSOR, FEATURE_PROCESSOR), bars)
    return [record for record in outputs if isinstance(record, FeatureVector)]


def complete_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows without a null; a feature that the source never gives loses its column.

    Raises:
        FeaturesAbsent: No row is complete.
    """
    never = [name for name in OPTIONAL if name in frame and frame[name].isna().all()]
    complete = frame.drop(columns=never).dropna()
    if complete.empty:
        newest = frame.iloc[-1].drop(never)
        lacking = newest.index[newest.isna()]
        raise FeaturesAbsent(
            f"none of the {len(frame):,} bars of {frame.attrs['symbol']} has all features, the "
            f"newest lacks {len(lacking)}, such as {lacking[0]}: more bars are needed, or take "
            "the rows with their nulls"
        )
    return complete


def _frame(
    rows: Any, names: Sequence[str], closes_ms: Any, facts: Mapping[str, str | int]
) -> pd.DataFrame:
    import pandas as pd

    closes = pd.to_datetime(closes_ms, unit="ms", utc=True).rename("close_time")
    frame = pd.DataFrame(rows, index=closes, columns=list(names), dtype="float64")
    frame.attrs.update(facts)
    return frame


def _absent(symbol: str, symbols: Sequence[str], place: str) -> FeaturesAbsent:
    have = f"it has {', '.join(sorted(set(symbols)))}" if symbols else "it has none of any symbol"
    return FeaturesAbsent(f"{place} has no features of {symbol}; {have}")
