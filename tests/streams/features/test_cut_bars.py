"""An aggregated bar that lacks base bars counts as a hole of its features."""

from __future__ import annotations

from schemas.features import FeatureVector
from schemas.market import Bar
from schemas.timeframes import MINUTE_MS
from streams.features.processor import PROCESSOR as FEATURES
from streams.market.processor import PROCESSOR as MARKET
from streams.runtime.memory_driver import replay
from tests.streams.market.test_aggregation import DAY_START_MS, base_bar

LENGTH_MS = 3 * MINUTE_MS


def vectors(missing: frozenset[int]) -> dict[int, FeatureVector]:
    raws = [base_bar(n, higher_ms=(LENGTH_MS,)) for n in range(900) if n not in missing]
    bars = [b for b in replay([MARKET], raws) if isinstance(b, Bar) and b.timeframe_ms == LENGTH_MS]
    made = [v for v in replay([FEATURES], bars) if isinstance(v, FeatureVector)]
    return {v.event_time_ms: v for v in made}


def test_no_window_that_spans_a_cut_bar_has_a_value_and_long_memories_go_on():
    whole, cut = vectors(frozenset()), vectors(frozenset({601}))
    at = DAY_START_MS + 603 * MINUTE_MS

    assert whole.keys() == cut.keys()
    assert (whole[at].bars_missing, cut[at].bars_missing) == (0, 1)
    assert whole[at].values["log_return_1"] is not None
    assert cut[at].values["log_return_1"] is None
    after = [cut[at + k * LENGTH_MS] for k in range(1, 61)]
    assert after[0].values["bollinger_position_20"] is None
    assert after[0].values["ema_slope_20"] is not None
    assert after[-1].values["bollinger_position_20"] is not None


def test_no_rung_counts_a_cut_bar_as_one_of_its_bars():
    whole, cut = vectors(frozenset()), vectors(frozenset({601}))
    rung_close = DAY_START_MS + 205 * LENGTH_MS  # of five bars, the first of them cut

    assert whole[rung_close].values["htf1_log_return_1"] is not None
    assert cut[rung_close].values["htf1_log_return_1"] is None
    assert cut[rung_close + 10 * LENGTH_MS].values["htf1_log_return_1"] is not None
