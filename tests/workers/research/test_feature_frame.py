"""The frame of features has the values of the topic, bit for bit, whichever way it is made."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deploy.topics.export import write_bars
from schemas.features import FeatureVector
from schemas.market import RawBar
from schemas.record import Record
from schemas.timeframes import MINUTE_MS
from schemas.topics import FEATURE_VECTORS
from streams.features.catalog import FEATURE_NAMES, FEATURES
from streams.features.processor import PROCESSOR as FEATURE_PROCESSOR
from streams.market.processor import PROCESSOR as MARKET_PROCESSOR
from streams.runtime.memory_driver import replay
from tests.fakes.small_day import MINUTES, SYMBOLS, raw_bars
from workers.archive.topic_archive import ArchivedRecord, TopicArchive
from workers.bars.table_files import BarFileRejected
from workers.research.notebook import build_features

HOLED = SYMBOLS[1]
M1, M15 = MINUTE_MS, 15 * MINUTE_MS


def published_vectors(bars: Sequence[Record]) -> list[FeatureVector]:
    outputs = replay((MARKET_PROCESSOR, FEATURE_PROCESSOR), bars)
    return [record for record in outputs if isinstance(record, FeatureVector)]


@pytest.fixture(scope="module")
def vectors() -> list[FeatureVector]:
    """What the pipeline publishes of a small day, one symbol with a hole."""
    return published_vectors(raw_bars())


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REGIMEFLOW_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def archive(home: Path, vectors: list[FeatureVector], first: int = 0) -> None:
    records = [ArchivedRecord(0, first + n, 0, vector) for n, vector in enumerate(vectors)]
    TopicArchive(home / "archive", FEATURE_VECTORS).write(records)


def published(vectors: list[FeatureVector], symbol: str) -> np.ndarray:
    rows = [list(v.model_dump()["values"].values()) for v in vectors if v.symbol == symbol]
    return np.array(rows, dtype=np.float64)


@pytest.mark.parametrize("spelling", ["ETHUSDT", "ETH-USD", "eth/usdt:usdt"])
def test_a_home_gives_what_its_topic_holds_bit_for_bit(home, vectors, spelling):
    archive(home, vectors[300:], first=300)
    archive(home, vectors[:300])

    frame = build_features(spelling)

    np.testing.assert_array_equal(frame.to_numpy(), published(vectors, "ETHUSDT"))
    assert tuple(frame.columns) == FEATURE_NAMES
    assert frame.index.is_monotonic_increasing
    assert frame.attrs["symbol"] == "ETHUSDT"


def test_a_file_gives_what_a_home_that_plays_it_publishes(home, tmp_path):
    no_funding = dict.fromkeys(("mark_price", "funding_rate", "funding_time_ms"))  # as in a file
    bars = [b.model_copy(update=no_funding) for b in raw_bars() if isinstance(b, RawBar)]
    archive(home, published_vectors(bars))
    write_bars(bars, tmp_path)

    for symbol in SYMBOLS:
        of_file = build_features(symbol, tmp_path / f"{symbol}_perp_1m.parquet")

        pd.testing.assert_frame_equal(of_file, build_features(symbol), check_exact=True)
        assert len(of_file) == MINUTES - 3 * (symbol == HOLED)


def with_quarters(bars: Sequence[Record]) -> list[RawBar]:
    """Return bars of a file that carry bars of fifteen minutes."""
    no_funding = dict.fromkeys(("mark_price", "funding_rate", "funding_time_ms"))
    update = {**no_funding, "higher_ms": (M15,)}
    return [b.model_copy(update=update) for b in bars if isinstance(b, RawBar)]


def test_a_frame_is_of_one_timeframe_of_a_home_a_file_or_a_folder(home, tmp_path):
    bars = with_quarters(raw_bars())
    both = published_vectors(bars)
    archive(home, both)
    write_bars([b for b in replay((MARKET_PROCESSOR,), bars) if isinstance(b, RawBar)], tmp_path)
    file = tmp_path / f"{HOLED}_perp_1m.parquet"

    for name, length_ms in (("1m", M1), ("15m", M15)):
        of_topic = published([v for v in both if v.timeframe_ms == length_ms], HOLED)
        for data in (None, file):
            frame = build_features(HOLED, data, timeframe=name)
            np.testing.assert_array_equal(frame.to_numpy(), of_topic)
            assert frame.attrs["timeframe"] == name
    assert build_features(HOLED).attrs["timeframe"] == "1m"
    assert build_features(HOLED, tmp_path, timeframe="15m").attrs["timeframe"] == "15m"


def test_a_timeframe_that_is_not_there_is_told_with_those_that_are(home, tmp_path):
    bars = with_quarters(raw_bars(minutes=60))
    archive(home, published_vectors(bars))
    write_bars(bars, tmp_path)
    file = f"{tmp_path}/BTCUSDT_perp_1m.parquet"

    with pytest.raises(ValueError, match="no features of 5m bars, only of 1m, 15m"):
        build_features("BTCUSDT", timeframe="5m")
    with pytest.raises(ValueError, match="its 60 bars of 1m make none of 1d"):
        build_features("BTCUSDT", file, timeframe="1d")
    with pytest.raises(ValueError, match="its 60 bars of 1m make none of 90m"):
        build_features("BTCUSDT", file, timeframe="90m")
    with pytest.raises(ValueError, match="timeframe 'hourly', expected whole minutes"):
        build_features("BTCUSDT", file, timeframe="hourly")


def test_vectors_of_an_older_feature_set_are_not_mixed_in(home, vectors):
    old = vectors[0].model_copy(update={"feature_set_id": "old", "values": {"rsi_7": 1.0}})
    archive(home, [old, *vectors[2:]])

    assert len(build_features("BTCUSDT")) == MINUTES - 1


def test_dropna_leaves_no_null_and_keeps_all_that_the_source_gives(home, vectors):
    nulls = {feature.name: None for feature in FEATURES if feature.optional}
    ready = [v for v in vectors if v.symbol == "BTCUSDT"]
    plain = [v.model_copy(update={"values": {**v.model_dump()["values"], **nulls}}) for v in ready]
    whole = dict.fromkeys(FEATURE_NAMES, 1.0) | nulls
    archive(home, [*plain[:-1], plain[-1].model_copy(update={"values": whole})])

    frame = build_features("BTCUSDT", dropna=True)

    assert frame.shape == (1, len(FEATURE_NAMES) - len(nulls))
    assert not frame.isna().any().any()


def test_bars_that_never_complete_say_what_is_null(home, vectors):
    archive(home, vectors)

    with pytest.raises(ValueError, match=r"none of the 420 bars .* the newest lacks \d+, such as"):
        build_features("BTCUSDT", dropna=True)


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        ("SOL-USD", "has no features of SOLUSDT; it has BTCUSDT, ETHUSDT"),
        ("?", "expected e.g. BTCUSDT, BTC-USD, BTC/USDT or BTC/USDT:USDT"),
    ],
)
def test_a_symbol_that_is_not_held_is_told_with_those_that_are(home, vectors, symbol, expected):
    archive(home, vectors)

    with pytest.raises(ValueError, match=f"{re.escape(expected)}$"):
        build_features(symbol)


@pytest.mark.usefixtures("home")
def test_a_home_without_features_and_a_file_of_another_symbol_are_told(tmp_path):
    write_bars([bar for bar in raw_bars(minutes=3) if isinstance(bar, RawBar)], tmp_path)

    with pytest.raises(ValueError, match="it has none of any symbol"):
        build_features("BTCUSDT")
    with pytest.raises(ValueError, match="has no features of SOLUSDT; it has BTCUSDT"):
        build_features("SOLUSDT", f"{tmp_path}/BTCUSDT_perp_1m.parquet")
    with pytest.raises(BarFileRejected, match="no such file"):
        build_features("SOLUSDT", tmp_path / "SOLUSDT_1m.csv")
