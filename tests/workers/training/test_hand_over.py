"""What one child of a training hands over arrives in the next as it was, bit by bit."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from schemas.timeframes import MINUTE_MS
from workers.training.dataset import FeatureSeries
from workers.training.fit import FittedNetworks
from workers.training.hand_over import (
    COLUMNS,
    read_networks,
    read_series_files,
    write_networks,
    write_series,
)

NAMES = ("momentum", "log_return_1")


def series(symbol: str, rows: np.ndarray) -> FeatureSeries:
    count = len(rows)
    ramp = np.arange(count, dtype=np.float64)
    return FeatureSeries(
        symbol=symbol,
        timeframe_ms=MINUTE_MS,
        names=NAMES,
        times=np.arange(count) * MINUTE_MS,
        rows=rows,
        observed=rows[:, :1].copy(),
        open=ramp,
        high=ramp + 2,
        low=ramp - 1,
        close=ramp + 1,
        natr=ramp / 100,
        funding=-ramp,
    )


@given(rows=arrays.arrays(np.float64, st.tuples(st.integers(1, 5), st.just(2))))
def test_series_keep_their_bits_and_their_order(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("series")
    written = {symbol: series(symbol, rows) for symbol in ("ETHUSDT", "BTCUSDT", "1000PEPEUSDT")}

    write_series(folder, written)
    read = read_series_files(folder)

    assert list(read) == list(written)
    for symbol, one in read.items():
        assert (one.symbol, one.timeframe_ms, one.names) == (symbol, MINUTE_MS, NAMES)
        for name in COLUMNS:
            expected = getattr(written[symbol], name)
            assert getattr(one, name).dtype == expected.dtype
            assert getattr(one, name).tobytes() == expected.tobytes()


@given(folds=st.lists(st.binary(min_size=1, max_size=40), max_size=12), last=st.binary(min_size=1))
def test_networks_keep_their_bytes_and_their_order(tmp_path_factory, folds, last):
    folder = tmp_path_factory.mktemp("networks")
    answers = np.array([[0.1, np.nan, -0.0]])

    write_networks(folder, FittedNetworks(tuple(folds), last, answers))
    read = read_networks(folder)

    assert (read.folds, read.last) == (tuple(folds), last)
    assert read.answers.tobytes() == answers.tobytes()
