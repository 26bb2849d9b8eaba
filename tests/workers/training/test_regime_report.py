"""The report of a filter: every number is of bars after the fit, by the probabilities alone."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from schemas.regimes import normalised_entropy
from streams.features.catalog import FEATURE_NAMES
from streams.features.kernel import BarColumns, batch_features
from streams.regimes.hamilton import filtered_probabilities
from tests.fakes.regime_markets import SYMBOLS, market_frame, write_markets
from workers.bars.recording import read_recording
from workers.training.fit_regimes import OBSERVATIONS, RegimePlan, SymbolBars, fit_regimes
from workers.training.regime_report import (
    REGIMES,
    ReportPlan,
    adjusted_rand_index,
    regime_report,
    run_lengths,
)

READ = tuple(name for name in OBSERVATIONS if name != "mark_basis")  # a file has no mark price
TRAIN, BLOCK = 1_200, 500
PLAN = ReportPlan(TRAIN, BLOCK, RegimePlan(starts=2, trial_iterations=4, finalists=1))
LABELS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=60)


def ignore(done, total):
    pass


def report(paths, plan=PLAN):
    return regime_report(read_recording(paths).files, plan, ignore)


@given(LABELS)
def test_agreement_of_labels_is_that_of_scikit_learn(labels):
    ours, theirs = np.array(labels).T

    assert adjusted_rand_index(ours, theirs) == pytest.approx(adjusted_rand_score(ours, theirs))


@given(st.lists(st.integers(0, 2), min_size=1))
def test_runs_are_those_of_equal_neighbours(labels):
    runs = [len(list(group)) for _, group in itertools.groupby(labels)]

    assert run_lengths(np.array(labels)).tolist() == runs


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return write_markets(tmp_path_factory.mktemp("bars"), TRAIN + 2 * BLOCK + 100)


@pytest.fixture(scope="module")
def document(paths):
    return report(paths)


def features(bars):
    """All features of one market's first bars, by the batch kernel alone."""
    frame = market_frame(SYMBOLS.index("BTCUSDT"), bars)
    closes = frame["date"].astype("datetime64[ms, UTC]").astype("int64").to_numpy() + 60_000
    columns = {name: frame[name] for name in ("open", "high", "low", "close", "volume")}
    return closes, batch_features(BarColumns.of(closes // 60_000, **columns))


def test_a_block_is_filtered_by_a_fit_of_the_bars_before_it(tmp_path):
    path = tmp_path / "BTCUSDT_perp_1m.parquet"
    market_frame(0, TRAIN + BLOCK).to_parquet(path)
    closes, values = features(TRAIN + BLOCK)
    observed = np.ascontiguousarray(values[:, [FEATURE_NAMES.index(name) for name in READ]])
    returns = values[:, FEATURE_NAMES.index("log_return_1")]
    fit = fit_regimes(
        {"BTCUSDT": SymbolBars(observed[:TRAIN], returns[:TRAIN])}, READ, PLAN.regimes
    )
    record = fit.parameters("BTCUSDT", 60_000, int(closes[TRAIN - 1]))

    document = report([str(path)])

    posteriors = filtered_probabilities(record, closes, observed)[TRAIN:]
    entropy = [normalised_entropy(tuple(row)) for row in posteriors.tolist()]
    named, market = posteriors.argmax(axis=1), document["markets"]["BTCUSDT"]
    assert (document["fits"], market["bars"], market["from_ms"]) == (1, BLOCK, closes[TRAIN])
    assert market["entropy"]["p50"] == pytest.approx(np.median(entropy))
    assert market["entropy_confirmation_fails"] == np.mean(np.array(entropy) > 0.9)
    assert market["almost_certain"] == (posteriors.max(axis=1) > 0.99).mean()
    assert market["switches_per_1000_bars"] == 1_000 * (np.diff(named) != 0).sum() / BLOCK
    for k, name in enumerate(REGIMES):
        after = 1e4 * returns[TRAIN + 1 :][named[:-1] == k]
        regime = market["regimes"][name]
        assert regime["share"] == (named == k).mean()
        if len(after):
            assert regime["next_return_bps"]["mean"] == pytest.approx(after.mean())
            assert regime["next_volatility_bps"]["mean"] == pytest.approx(
                np.sqrt((after**2).mean())
            )


def test_every_bar_after_the_first_fit_is_judged_once(document):
    assert document["fits"] == 3
    assert list(document["markets"]) == list(SYMBOLS)
    for market in document["markets"].values():
        assert market["bars"] == 2 * BLOCK + 100
        assert market["dwell_bars"] * (
            1 + market["switches_per_1000_bars"] * market["bars"] / 1_000
        ) == pytest.approx(market["bars"])
        for kind in ("regimes", "trend_states"):
            assert sum(each["share"] for each in market[kind].values()) == pytest.approx(1.0)
        assert market["next_bar"]["rows"] == market["bars"] - 1  # the last has no next bar
        assert -1.0 <= market["refits"]["least_adjusted_rand"] <= 1.0
        assert market["refits"]["adjusted_rand"] >= market["refits"]["least_adjusted_rand"]


def test_same_files_give_the_same_report(paths, document):
    assert report(paths) == document


def test_what_does_not_suffice_is_refused_with_numbers(tmp_path):
    still = market_frame(0, TRAIN + BLOCK)
    still[["open", "high", "low", "close"]] = 100.0
    path = tmp_path / "BTCUSDT_perp_1m.parquet"
    still.to_parquet(path)
    late = pd.concat([market_frame(1, TRAIN), market_frame(1, TRAIN + 2 * BLOCK).tail(1)])
    late.to_parquet(tmp_path / "ETHUSDT_perp_1m.parquet")
    market_frame(2, TRAIN + BLOCK).to_parquet(tmp_path / "SOLUSDT_perp_1m.parquet")

    with pytest.raises(ValueError, match="no observation varies"):
        report([str(path)])
    with pytest.raises(ValueError, match="1,700 bars in common, expected more than the 2,000"):
        report([str(path)], ReportPlan(2_000, BLOCK))
    with pytest.raises(ValueError, match="ETHUSDT has no bar after the first 1,200"):
        report([str(tmp_path / f"{s}_perp_1m.parquet") for s in ("ETHUSDT", "SOLUSDT")])
