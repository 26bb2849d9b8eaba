"""Monitor: rates over a window, delays behind the raw bar, silence, canaries."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.timeframes import HOUR_MS, MINUTE_MS
from schemas.topics import BARS, SIGNALS
from streams.monitor.windows import (
    CANARY_EVERY_MS,
    CANARY_WITHIN_MS,
    FRESH_MS,
    STAGES,
    START,
    TRACES_KEPT,
    WINDOW_MS,
    Sighting,
    TopicTraffic,
)
from tests.build import raw_bar

NOW = 1_760_000_000_999  # the end of a second: windows are made of whole ones


def sighting(topic=START, append=NOW, trace="t", symbol="BTCUSDT", minute=0, **bar):
    record = raw_bar(minute, symbol=symbol, **bar) if topic == START else None
    return Sighting(topic, symbol, trace, append, bar.get("timeframe_ms", MINUTE_MS), record)


def traffic_after(*seen, now=NOW):
    traffic = TopicTraffic(NOW - WINDOW_MS)
    for each in seen:
        traffic.see(each, now)
    return traffic


def windows_by_subject(traffic, now=NOW):
    return {(window.topic, window.symbol): window for window in traffic.windows(now)}


def test_rate_counts_the_records_of_the_last_minute_by_topic_and_symbol():
    bars = [sighting(append=NOW - 500 * i, trace=f"b{i}", minute=-i) for i in range(120)]
    other = [sighting(append=NOW - 500, trace="e", symbol="ETHUSDT")]

    windows = windows_by_subject(traffic_after(*bars, *other))

    assert windows[START, "BTCUSDT"].records == 120
    assert windows[START, "BTCUSDT"].per_second == pytest.approx(2.0)
    assert windows[START, "ETHUSDT"].records == 1
    assert windows[START, "ETHUSDT"].staleness_ms == 500


def test_records_leave_the_window_and_the_silence_stays():
    traffic = traffic_after(sighting())

    later = windows_by_subject(traffic, NOW + WINDOW_MS + 5000)[START, "BTCUSDT"]

    assert later.records == 0
    assert later.per_second == 0.0
    assert later.staleness_ms == WINDOW_MS + 5000


def test_a_young_monitor_divides_by_the_time_it_has_watched():
    traffic = TopicTraffic(NOW - 10_000)
    for i in range(20):
        traffic.see(sighting(append=NOW - 400 * i, trace=f"b{i}", minute=-i), NOW)

    window = windows_by_subject(traffic)[START, "BTCUSDT"]

    assert window.window_ms == 10_000
    assert window.per_second == pytest.approx(2.0)


def test_delay_is_counted_from_the_raw_bar_of_the_same_trace():
    traffic = traffic_after(
        sighting(trace="a", append=NOW - 3000),
        sighting(trace="b", append=NOW - 2000, minute=1),
        sighting(SIGNALS.name, trace="a", append=NOW - 2960),
        sighting(SIGNALS.name, trace="b", append=NOW - 1980),
    )

    windows = windows_by_subject(traffic)

    assert windows[SIGNALS.name, "BTCUSDT"].lateness_p50_ms == 30.0
    assert windows[SIGNALS.name, "BTCUSDT"].lateness_max_ms == 40.0
    assert windows[START, "BTCUSDT"].lateness_p50_ms is None


def test_delay_without_a_raw_bar_is_null():
    window = windows_by_subject(traffic_after(sighting(SIGNALS.name)))[SIGNALS.name, "BTCUSDT"]

    assert window.records == 1
    assert window.lateness_p50_ms is None
    assert window.lateness_max_ms is None


@given(st.permutations([START, *STAGES]), st.lists(st.integers(0, 5), min_size=6, max_size=6))
def test_any_order_of_topics_and_any_repeat_give_the_same_delays_and_canary(order, repeats):
    delays = {topic: 10 * i for i, topic in enumerate((START, *STAGES))}
    traffic = TopicTraffic(NOW - WINDOW_MS)
    for topic, times in zip(order, repeats, strict=True):
        for _ in range(times + 1):
            traffic.see(sighting(topic, append=NOW - 1000 + delays[topic]), NOW)

    (trace,) = traffic.canaries(NOW)

    assert trace.complete
    assert trace.stages_ms == {topic: float(delays[topic]) for topic in STAGES}
    windows = windows_by_subject(traffic)
    assert [windows[topic, "BTCUSDT"].lateness_p50_ms for topic in STAGES] == [
        delays[topic] for topic in STAGES
    ]


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=30))
def test_median_and_maximum_are_those_of_the_statistics_module(delays):
    traffic = TopicTraffic(NOW - WINDOW_MS)
    for i, delay in enumerate(delays):
        traffic.see(sighting(trace=f"b{i}", append=NOW - delay, minute=i), NOW)
        traffic.see(sighting(BARS.name, trace=f"b{i}", append=NOW), NOW)

    window = windows_by_subject(traffic)[BARS.name, "BTCUSDT"]

    assert window.lateness_p50_ms == statistics.median(delays)
    assert window.lateness_max_ms == max(delays)


def test_a_canary_that_does_not_arrive_in_time_keeps_its_stages_null():
    traffic = traffic_after(sighting(), sighting(BARS.name, append=NOW + 7))

    early = traffic.canaries(NOW + CANARY_WITHIN_MS)
    (late,) = traffic.canaries(NOW + CANARY_WITHIN_MS + 1)

    assert early == []
    assert not late.complete
    assert late.stages_ms == dict.fromkeys(STAGES) | {BARS.name: 7.0}
    assert traffic.canaries(NOW + 2 * CANARY_WITHIN_MS) == []


def test_each_symbol_sends_one_canary_at_a_time_and_not_too_often():
    traffic = traffic_after(sighting(trace="a"), sighting(trace="e", symbol="ETHUSDT"))
    for topic in STAGES:
        traffic.see(sighting(topic, trace="a"), NOW)
    first = traffic.canaries(NOW)
    traffic.see(sighting(trace="b", minute=1), NOW)
    due = NOW + CANARY_EVERY_MS
    traffic.see(sighting(trace="c", minute=2, append=due), due)
    for topic in STAGES:
        traffic.see(sighting(topic, trace="b"), due)
        traffic.see(sighting(topic, trace="c", append=due), due)

    second = traffic.canaries(due)

    assert [trace.trace_id for trace in first] == ["a"]
    assert [trace.trace_id for trace in second] == ["c"]


@pytest.mark.parametrize(
    "seen",
    [
        sighting(minute=1, revision=1),
        sighting(minute=0),
        sighting(minute=1, append=NOW - FRESH_MS - 1),
    ],
    ids=["a correction", "a repeat", "an old bar"],
)
def test_a_bar_that_need_not_come_through_is_no_canary(seen):
    traffic = traffic_after(sighting(trace="first", minute=0, append=NOW - FRESH_MS - 1))

    traffic.see(seen._replace(trace_id="second"), NOW)

    assert traffic.canaries(NOW + 2 * CANARY_WITHIN_MS) == []


def test_memory_is_bounded_by_the_traces_kept():
    traffic = TopicTraffic(NOW)

    for i in range(TRACES_KEPT + 10):
        traffic.see(sighting(BARS.name, trace=f"b{i}"), NOW)

    assert len(traffic._traces) == TRACES_KEPT
    assert len(traffic._subjects[BARS.name, "BTCUSDT", MINUTE_MS].seconds) == 1


@given(st.permutations([(topic, ms) for topic in STAGES for ms in (MINUTE_MS, HOUR_MS)]))
def test_each_timeframe_of_a_trace_has_its_own_delay_and_silence(order):
    traffic = traffic_after(sighting(append=NOW - 1000))
    for topic, timeframe_ms in order:
        later = 40 if timeframe_ms == HOUR_MS else 10
        traffic.see(sighting(topic, append=NOW - 1000 + later, timeframe_ms=timeframe_ms), NOW)

    windows = {window.subject: window for window in traffic.windows(NOW + 2000)}

    assert {window.lateness_p50_ms for window in windows.values()} == {None, 10.0, 40.0}
    for topic in STAGES:
        base, higher = windows[f"{topic}/BTCUSDT"], windows[f"{topic}/BTCUSDT/{HOUR_MS}"]
        assert (base.timeframe_ms, base.records, base.lateness_p50_ms) == (MINUTE_MS, 1, 10.0)
        assert (higher.timeframe_ms, higher.records, higher.lateness_p50_ms) == (HOUR_MS, 1, 40.0)


def test_a_quiet_higher_timeframe_ages_by_itself():
    traffic = traffic_after(sighting(SIGNALS.name, append=NOW - 50_000, timeframe_ms=HOUR_MS))
    traffic.see(sighting(SIGNALS.name, trace="b", append=NOW), NOW)

    ages = {window.subject: window.staleness_ms for window in traffic.windows(NOW)}

    assert ages == {
        f"{SIGNALS.name}/BTCUSDT": 0.0,
        f"{SIGNALS.name}/BTCUSDT/{HOUR_MS}": 50_000.0,
    }


def test_only_base_bars_are_followed_by_canaries():
    traffic = traffic_after(sighting(trace="a"))
    traffic.see(sighting(trace="h", symbol="BTCUSDT", minute=60, timeframe_ms=HOUR_MS), NOW)
    for topic in STAGES:
        traffic.see(sighting(topic, trace="a", timeframe_ms=HOUR_MS), NOW)

    assert traffic.canaries(NOW) == []
    [late] = traffic.canaries(NOW + CANARY_WITHIN_MS + 1)
    assert (late.trace_id, late.complete) == ("a", False)
