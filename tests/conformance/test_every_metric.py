"""Every metric: equal to an independent definition, in its range, null where it says nothing."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from schemas.timeframes import HOUR_MS
from streams.evaluation.metrics import daily_returns
from streams.evaluation.report import METRICS, FinishedRun, Metrics, Trades, report
from tests.conformance.metric_oracles import ORACLES
from tests.real_data import real_file

BESIDE = {"days", "trades", "sharpe_interval"}  # of the record, not numbers with a range

OF_TRADES = {m.name for m in METRICS if "trades" in m.arguments.__code__.co_names}
OF_DAYS = (  # all but the total return, which one day has
    {m.name for m in METRICS if m.arguments.__name__ in {"_returns", "_equity", "_traded"}}
    - {"total_return"}
)
PATH = {  # depend on which day came after which
    "autocorrelation_adjusted_sharpe_ratio",
    "calmar_ratio",
    "max_drawdown",
    "max_drawdown_days",
    "ulcer_index",
}
SCALE_FREE = {
    "sharpe_ratio",
    "sharpe_standard_error",
    "autocorrelation_adjusted_sharpe_ratio",
    "probabilistic_sharpe_ratio",
    "minimum_track_record_length",
    "t_statistic",
    "sortino_ratio",
    "omega_ratio",
    "tail_ratio",
    "skewness",
    "kurtosis",
    "win_rate",
    "profit_factor",
    "expectancy_ratio",
    "cost_share",
}
# Of the shape of the days, which no steady gain improves.
SHAPE = {"annual_volatility", "sharpe_standard_error", "skewness", "tail_ratio"}
NEED_SPREAD = {m.name for m in METRICS if m.arguments.__name__ == "_returns"} - {
    "annual_volatility",
    "omega_ratio",
    "sortino_ratio",
    "tail_ratio",
}


def cases(names: set[str] | None = None) -> list[object]:
    """Return the metrics of ``names``, all of them by default, as parameters of a test."""
    return [pytest.param(m, id=m.name) for m in METRICS if names is None or m.name in names]


def finished_run(seed: int, days: int = 700, drift: float = 5e-4) -> FinishedRun:
    """Return fat-tailed days that remember a little, and 150 trades, some of them of zero."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_t(4, days + 1) * 0.012
    pnl = np.round(rng.standard_t(5, 150) * 40.0 + 8.0)
    return FinishedRun(
        returns=drift + noise[1:] + 0.2 * noise[:-1],
        position=rng.choice([-1.0, 0.0, 0.0, 2.0], 24 * days),
        traded=rng.exponential(0.8, 300),
        trades=Trades(pnl, rng.exponential(2.0, 150) - 0.3, rng.exponential(4e7, 150)),
    )


def bitcoin() -> FinishedRun:
    """Return bitcoin held for the six years of the hourly file."""
    import pandas as pd

    frame = pd.read_parquet(real_file("ohlcv/BTCUSDT_perp_1h.parquet"))
    opened = frame["date"].dt.tz_convert(None).to_numpy("datetime64[ms]").astype(np.int64)
    close = frame["close"].to_numpy(np.float64)
    return replace(finished_run(1), returns=daily_returns(opened + HOUR_MS, close))


finite = st.floats(-0.5, 0.5).map(lambda x: round(x, 9))
series = st.integers(0, 40).flatmap(lambda n: arrays(np.float64, n, elements=finite))


def test_every_metric_has_an_oracle_and_a_field_of_its_name():
    names = [metric.name for metric in METRICS]

    assert sorted(ORACLES) == sorted(names)
    assert set(Metrics.model_fields) == set(names) | BESIDE
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("metric", cases())
@pytest.mark.parametrize("seed", range(3))
def test_a_metric_equals_its_oracle_on_fat_tails(metric, seed):
    run = finished_run(seed, drift=3e-3)

    assert metric.of(run) == pytest.approx(ORACLES[metric.name](run), rel=1e-9)


@pytest.mark.parametrize("metric", cases())
def test_a_metric_equals_its_oracle_on_bitcoin(metric):
    run = bitcoin()

    assert metric.of(run) == pytest.approx(ORACLES[metric.name](run), rel=1e-9)


@given(days=series, pnl=series, position=series, traded=series)
def test_a_metric_is_null_or_finite_and_in_its_range(days, pnl, position, traded):
    run = FinishedRun(
        days, position, np.abs(traded), Trades(pnl, np.abs(pnl) / 3.0, 1e6 * np.abs(pnl))
    )

    values = {metric: metric.of(run) for metric in METRICS}

    for metric, value in values.items():
        if value is not None:
            low, high = metric.range
            assert type(value) is float, metric.name
            assert math.isfinite(value), metric.name
            assert low is None or value >= low - 1e-12, metric.name
            assert high is None or value <= high + 1e-12, metric.name


@pytest.mark.parametrize("metric", cases())
def test_a_metric_of_nothing_is_null(metric):
    none = np.empty(0)

    assert metric.of(FinishedRun(none, none, none)) is None


@pytest.mark.parametrize("metric", cases(OF_DAYS))
@pytest.mark.parametrize("each", [0.03, 0.0, -0.5, -1.0])
def test_one_day_has_no_year_no_ratio_and_no_drawdown(metric, each):
    assert metric.of(replace(finished_run(1), returns=np.array([each]))) is None


@pytest.mark.parametrize("metric", cases())
@pytest.mark.parametrize("each", [0.0, 0.1, -0.003, 1e-7])
@pytest.mark.parametrize("days", [1, 2, 1000])
def test_a_series_without_spread_has_no_ratio_to_it(metric, each, days):
    value = metric.of(replace(finished_run(1), returns=np.full(days, each)))

    assert value is None or math.isfinite(value)
    if metric.name in NEED_SPREAD:
        assert value is None


@pytest.mark.parametrize("metric", cases(OF_TRADES))
def test_the_order_of_trades_changes_nothing(metric):
    run = finished_run(4)
    order = np.random.default_rng(0).permutation(run.trades.pnl.size)
    trades = Trades(*(getattr(run.trades, f)[order] for f in ("pnl", "cost", "hold_ms")))

    assert metric.of(replace(run, trades=trades)) == pytest.approx(metric.of(run), rel=1e-12)


@pytest.mark.parametrize("metric", cases())
def test_the_order_of_days_changes_what_is_of_the_path_and_nothing_else(metric):
    run = finished_run(4)

    value = metric.of(replace(run, returns=np.sort(run.returns)))

    if metric.name in PATH:
        assert value != pytest.approx(metric.of(run), rel=1e-9)
    else:
        assert value == pytest.approx(metric.of(run), rel=1e-9)


@pytest.mark.parametrize("metric", cases(SCALE_FREE))
@pytest.mark.parametrize("factor", [1e-3, 0.5, 4.0])
def test_a_ratio_does_not_depend_on_the_size_of_the_bet(metric, factor):
    run = finished_run(5, drift=3e-3)
    trades = Trades(run.trades.pnl * factor, run.trades.cost * factor, run.trades.hold_ms)

    scaled = replace(run, returns=run.returns * factor, trades=trades)

    assert metric.of(scaled) == pytest.approx(metric.of(run), rel=1e-9)


@pytest.mark.parametrize("metric", cases())
def test_a_better_run_is_better_in_the_direction_that_the_catalogue_states(metric):
    run = finished_run(6, drift=3e-3)
    trades = Trades(run.trades.pnl + 1.0, run.trades.cost, run.trades.hold_ms)

    value, better = (
        metric.of(run),
        metric.of(replace(run, returns=run.returns + 1e-3, trades=trades)),
    )

    if metric.better == "either":
        assert better == pytest.approx(value)
    elif metric.name not in SHAPE:
        assert (better > value) == (metric.better == "higher")


def test_the_report_carries_every_metric_of_the_run_and_survives_the_wire():
    run = finished_run(7)

    made = report(run)

    assert all(getattr(made, metric.name) == metric.of(run) for metric in METRICS)
    assert (made.days, made.trades) == (700, 150)
    assert Metrics.decode(made.encode()) == made
