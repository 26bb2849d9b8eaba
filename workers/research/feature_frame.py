"""All features of one symbol as a frame: as they stand on the topic, or computed from a file.

A row is a bar close (UTC), a column a feature in catalogue order; NaN where the topic has null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from schemas.features import FeatureVector
from schemas.timeframes import timeframe_name
from schemas.topics import FEATURE_VECTORS
from streams.features.catalog import FEATURES
from streams.features.processor import PROCESSOR as FEATURE_PROCESSOR
from streams.market.processor import PROCESSOR as MARKET_PROCESSOR
from streams.runtime.memory_driver import iter_outputs
from workers.bars.bar_files import read_bars, require_order
from workers.bars.recording import raw_bars
from workers.bars.sources import find_sources

if TYPE_CHECKING:
    import pandas as pd

    from workers.storage import Location

OPTIONAL = tuple(feature.name for feature in FEATURES if feature.optional)


class FeaturesAbsent(ValueError):
    """There are no features of that symbol; the message says of which there are."""


def archived_features(archive: Location, symbol: str) -> pd.DataFrame:
    """Return the features that the pipeline has published, of the newest feature set.

    Args:
        archive: Of a home; it is written ten seconds after the topic at most.
        symbol: Canonical.

    Raises:
        FeaturesAbsent: The archive holds none of the symbol.
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
    table = pa.concat_tables(tables).sort_by("event_time_ms")
    newest = table["feature_set_id"][-1].as_py()
    table = table.filter(pa.compute.equal(table["feature_set_id"], newest)).combine_chunks()
    values = pa.concat_arrays(table["values"].chunks)  # a map of the same names in each row
    names = values.keys[: len(values.keys) // len(table)].to_pylist()
    rows = values.items.to_numpy(zero_copy_only=False).reshape(len(table), len(names))
    facts = {
        "symbol": symbol,
        "timeframe": timeframe_name(table["timeframe_ms"][-1].as_py()),
        "feature_set_id": newest,
    }
    return _frame(rows, names, table["event_time_ms"].to_numpy(), facts)


def computed_features(data: str, symbol: str) -> pd.DataFrame:
    """Return the features that a replay of a file publishes, by the same processors.

    Args:
        data: File of bars, ``FILE=SYMBOL:TIMEFRAME``, or a folder of them.
        symbol: Canonical.

    Raises:
        BarFileRejected: The file is wrong.
        FeaturesAbsent: It holds bars of other symbols.
    """
    sources, _ = find_sources([data])
    paths = [source.path for source in sources if source.symbol == symbol]
    if len(paths) > 1:
        raise FeaturesAbsent(
            f"{data}: {len(paths)} files of {symbol}, expected one: {', '.join(paths)}"
        )
    if not paths:
        raise _absent(symbol, [source.symbol for source in sources], data)
    file = read_bars(paths[0])
    require_order(file)
    outputs = iter_outputs((MARKET_PROCESSOR, FEATURE_PROCESSOR), raw_bars(file))
    vectors = [record for record in outputs if isinstance(record, FeatureVector)]
    names = tuple(vectors[0].values)
    rows = np.array([list(v.values.values()) for v in vectors], dtype=np.float64)  # noqa: PD011
    facts = {
        "symbol": symbol,
        "timeframe": timeframe_name(file.timeframe_ms),
        "feature_set_id": vectors[0].feature_set_id,
    }
    return _frame(rows, names, [vector.event_time_ms for vector in vectors], facts)


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
    rows: Any, names: Sequence[str], closes_ms: Any, facts: Mapping[str, str]
) -> pd.DataFrame:
    import pandas as pd

    closes = pd.to_datetime(closes_ms, unit="ms", utc=True).rename("close_time")
    frame = pd.DataFrame(rows, index=closes, columns=list(names), dtype="float64")
    frame.attrs.update(facts)
    return frame


def _absent(symbol: str, symbols: Sequence[str], place: str) -> FeaturesAbsent:
    have = f"it has {', '.join(sorted(set(symbols)))}" if symbols else "it has none of any symbol"
    return FeaturesAbsent(f"{place} has no features of {symbol}; {have}")
