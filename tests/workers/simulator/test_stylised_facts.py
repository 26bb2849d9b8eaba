"""Stylised facts (Cont, 2001): the simulated hour looks like an hour of BTC."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields

import numpy as np
import pytest
from scipy import stats

from tests.real_data import real_file
from workers.simulator import kernel
from workers.simulator.market import SimulatedMarket

WINDOW = 2_000  # hours, a quarter: facts of crises and calms differ, so quarters are compared
HOURS = 4 * WINDOW


@dataclass(frozen=True)
class Facts:
    """What is compared, of hourly log returns and volume."""

    excess_kurtosis: float
    tail_ratio: float  # 95 % range over interquartile range; 2.91 for a Gaussian
    tail_index: float  # Hill, largest 5 %; about 3 on most markets
    linear_memory: float  # largest |autocorrelation| of returns, lags 1 to 5
    clustering: float  # mean autocorrelation of |return|, lags 1 to 5
    long_clustering: float  # the same, lags 6 to 24
    volume_follows: float  # rank correlation of |return| and volume
    volume_memory: float  # autocorrelation of log volume, lag 1


NAMES = [field.name for field in fields(Facts)]
# SOURCE: lowest and highest quarter of BTCUSDT perpetual 1h bars, 2019-12 to 2026-05, 28
# quarters of 2,000 hours, computed with ``facts`` below.
BTC_LOWEST = Facts(5.43, 4.06, 2.03, 0.020, 0.050, 0.012, 0.410, 0.574)
BTC_HIGHEST = Facts(72.1, 6.20, 3.29, 0.094, 0.299, 0.186, 0.625, 0.767)
# How far outside BTC's own range the simulated market may lie, in the fact's unit. Volume
# persists a little too much: regimes are the only thing that moves it from hour to hour.
TOLERANCE = Facts(1.0, 0.2, 0.3, 0.005, 0.02, 0.02, 0.03, 0.10)


def autocorrelation(series, lag):
    return float(np.corrcoef(series[lag:], series[:-lag])[0, 1])


def facts(close, volume):
    returns = np.diff(np.log(close))
    size, traded = np.abs(returns), volume[1:]
    low, quarter, three, high = np.quantile(returns, [0.025, 0.25, 0.75, 0.975])
    ordered = np.sort(size)[::-1]
    tail = len(ordered) // 20
    return Facts(
        excess_kurtosis=float(stats.kurtosis(returns)),
        tail_ratio=float((high - low) / (three - quarter)),
        tail_index=float(1.0 / np.mean(np.log(ordered[:tail] / ordered[tail]))),
        linear_memory=max(abs(autocorrelation(returns, lag)) for lag in range(1, 6)),
        clustering=float(np.mean([autocorrelation(size, lag) for lag in range(1, 6)])),
        long_clustering=float(np.mean([autocorrelation(size, lag) for lag in range(6, 25)])),
        volume_follows=float(stats.spearmanr(size, traded).statistic),
        volume_memory=autocorrelation(np.log1p(traded), 1),
    )


def quarters(close, volume):
    starts = range(0, len(close) - WINDOW + 1, WINDOW)
    return np.array([astuple(facts(close[i : i + WINDOW], volume[i : i + WINDOW])) for i in starts])


@pytest.fixture(scope="module")
def simulated():
    """Median quarter of each contract."""
    drawn = SimulatedMarket(7, ["BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT"])
    out = {}
    for symbol in drawn.symbols:
        bars = drawn.bars(symbol, 0, HOURS * 60)
        close = bars.prices(kernel.CLOSE)[59::60]
        volume = bars.volume.reshape(-1, 60).sum(axis=1)
        out[symbol] = np.median(quarters(close, volume), axis=0)
    return out


@pytest.mark.parametrize("name", NAMES)
def test_median_quarter_of_every_contract_lies_in_the_range_of_btc(simulated, name):
    column = NAMES.index(name)
    slack = getattr(TOLERANCE, name)

    for symbol, median in simulated.items():
        low, high = getattr(BTC_LOWEST, name) - slack, getattr(BTC_HIGHEST, name) + slack
        assert low <= median[column] <= high, f"{symbol} {name} {median[column]:.3f}"


def test_range_of_btc_is_as_written_here():
    import pandas as pd

    bars = pd.read_parquet(real_file("ohlcv/BTCUSDT_perp_1h.parquet")).iloc[WINDOW:]

    real = quarters(bars["close"].to_numpy(), bars["volume"].to_numpy())

    np.testing.assert_allclose(real.min(axis=0), astuple(BTC_LOWEST), rtol=0.02, atol=1e-3)
    np.testing.assert_allclose(real.max(axis=0), astuple(BTC_HIGHEST), rtol=0.02, atol=1e-3)


def test_facts_of_gaussian_noise_are_those_of_gaussian_noise():
    noise = np.random.default_rng(5).normal(0.0, 0.01, 50_000)

    plain = facts(np.exp(np.cumsum(noise)), np.ones(50_000) + noise)

    assert abs(plain.excess_kurtosis) < 0.1
    assert plain.tail_ratio == pytest.approx(2 * 1.96 / (2 * 0.6745), rel=0.02)
    assert plain.clustering < 0.02
    assert plain.linear_memory < 0.02
