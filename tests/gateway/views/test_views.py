"""Views: the newest window of each market, whatever the order and repetition of arrivals."""

from __future__ import annotations

from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.views import clock
from gateway.views.arrival import Arrival
from gateway.views.newest import drop_oldest
from gateway.views.read_model import ReadModel
from gateway.views.series_view import BUDGET, WINDOW, bars_per_series
from gateway.views.sorted_window import SLACK, SortedWindow
from schemas.market import Bar
from schemas.record import Record
from schemas.signals import SignalAcknowledged
from schemas.timeframes import HOUR_MS, MINUTE_MS
from schemas.topics import SIGNALS, TOPICS, topic_of
from tests.build import bar, close_time, explanation, features, regimes, scored, signal
from tests.fakes.gateway import WALL_MS, live, tick

pairs = st.lists(st.tuples(st.integers(0, 400), st.integers()), max_size=600)


def folded(*records: Record) -> ReadModel:
    views = ReadModel((MINUTE_MS,))
    for offset, record in enumerate(records):
        name = topic_of(record).name
        views.fold(Arrival(record, record.encode(), name, 0, offset, WALL_MS))
    return views


@given(pairs)
def test_a_window_is_the_newest_of_a_sorted_dictionary(puts):
    window: SortedWindow[int] = SortedWindow(limit=50)
    truth: dict[int, int] = {}

    for key, item in puts:
        pushed_out = window.put(key, item)
        truth[key] = item
        for old in sorted(truth)[: len(pushed_out)]:
            truth.pop(old)

    assert list(zip(window.keys, window.items, strict=True)) == sorted(truth.items())
    assert len(window) <= 50 + 50 // SLACK


@given(pairs, st.integers(-1, 401))
def test_looking_up_a_moment_finds_the_last_item_not_after_it(puts, moment):
    window: SortedWindow[int] = SortedWindow(limit=1_000)
    for key, item in puts:
        window.put(key, item)

    truth = dict(puts)
    earlier = [key for key in truth if key <= moment]

    assert window.at_or_before(moment) == (truth[max(earlier)] if earlier else None)
    assert window.get(moment) == truth.get(moment)
    assert window.tail(3, before=moment) == [truth[k] for k in sorted(truth) if k < moment][-3:]


def test_reading_a_topic_twice_changes_nothing():
    records = [*live(), scored(0), explanation(1), tick()]

    once, twice = folded(*records), folded(*records, *records)

    assert (
        once.series("BTCUSDT", MINUTE_MS).signals.keys
        == twice.series("BTCUSDT", MINUTE_MS).signals.keys
    )
    assert (
        once.series("BTCUSDT", MINUTE_MS).bars.items
        == twice.series("BTCUSDT", MINUTE_MS).bars.items
    )
    assert (
        once.series("BTCUSDT", MINUTE_MS).scores.items
        == twice.series("BTCUSDT", MINUTE_MS).scores.items
    )
    assert len(once.signals) == len(twice.signals)


def test_a_correction_replaces_its_bar():
    views = folded(bar(0), bar(1), bar(0, revision=1, close=99.5))

    bars = views.series("BTCUSDT", MINUTE_MS).bars
    assert len(bars) == 2
    assert b'"close":99.5' in bars.items[0].raw


def test_a_signal_that_leaves_the_window_leaves_everything_and_moves_the_horizon(monkeypatch):
    monkeypatch.setattr("gateway.views.series_view.WINDOW", 10)
    count = 10 + SLACK
    views = folded(*(signal(minute) for minute in range(count)))

    assert len(views.signals) == len(views.series("BTCUSDT", MINUTE_MS).signals) == 10
    assert "signal-BTCUSDT-0" not in views.signals
    assert views.horizon == {0: SLACK}


def test_signals_asked_for_early_or_late_are_the_same_in_the_order_of_their_arrival(monkeypatch):
    monkeypatch.setattr("gateway.views.series_view.WINDOW", 10)
    records = [
        signal(minute, symbol=symbol) for minute in range(35) for symbol in ("BTCUSDT", "ETHUSDT")
    ]
    late, early = folded(*records), ReadModel((MINUTE_MS,))
    assert early.signals == {}
    for offset, record in enumerate(records):
        early.fold(Arrival(record, record.encode(), SIGNALS.name, 0, offset, WALL_MS))

    assert list(late.signals) == list(early.signals)
    assert [each.offset for each in late.signals.values()] == list(range(50, 70))


@given(st.lists(st.integers(), unique=True), st.integers(0, 10))
def test_what_came_first_is_dropped_first(keys, most):
    entries: OrderedDict[int, int] = OrderedDict()
    dropped = []
    for key in keys:
        entries[key] = key
        dropped += drop_oldest(entries, most)

    assert [*dropped, *entries] == keys
    assert len(entries) == min(most, len(keys))


@given(st.integers(0, BUDGET))
def test_what_is_held_and_read_of_some_symbols_is_within_the_budget(symbols):
    assert 1 <= bars_per_series(symbols) <= WINDOW
    assert symbols * bars_per_series(symbols) <= BUDGET


def test_all_symbols_together_stay_within_the_budget_however_many_there_are(monkeypatch):
    monkeypatch.setattr("gateway.views.series_view.WINDOW", 100)
    monkeypatch.setattr("gateway.views.series_view.BUDGET", 400)
    views = ReadModel((MINUTE_MS,))
    for count in (4, 5, 40):
        for number in range(count):
            symbol = f"S{number:02}USDT"
            for minute in range(200):
                for record in (bar(minute, symbol=symbol), signal(minute, symbol=symbol)):
                    offset = number * 200 + minute
                    name = topic_of(record).name
                    views.fold(Arrival(record, record.encode(), name, 0, offset, WALL_MS))

        filled = [views.series(symbol, MINUTE_MS) for symbol in views.known_symbols()]
        bound = 400 + 400 // SLACK
        assert len(filled) == count
        assert min(len(view.bars) for view in filled) >= min(100, 400 // count)
        assert sum(len(view.bars) for view in filled) <= bound
        assert sum(len(view.signals) for view in filled) == len(views.signals) <= bound
        assert {view.bars.items[-1].event_time_ms for view in filled} == {close_time(199)}


def test_the_first_acknowledgement_is_the_one_that_counts():
    first = SignalAcknowledged(signal_id="s", symbol="BTCUSDT", event_time_ms=1, by="ada")
    second = first.model_copy(update={"by": "bob"})

    assert folded(first, second).acknowledged["s"].by == "ada"


def test_features_keep_their_nulls():
    views = folded(features(0, rsi_14=50.0, natr_14=None))

    compact = views.series("BTCUSDT", MINUTE_MS).features.newest()
    assert compact is not None
    assert compact.values() == {"rsi_14": 50.0, "natr_14": None}


def test_the_past_fills_a_series_up_to_its_limit_and_replaces_nothing(monkeypatch):
    monkeypatch.setattr("gateway.views.series_view.WINDOW", 40)
    views = folded(*(bar(minute) for minute in range(50, 60)))
    append_ms = dict(views.last_append_ms)

    def fold_past(*records: Record) -> None:
        for record in records:
            views.fold_past(Arrival(record, record.encode(), topic_of(record).name))

    assert views.lengths_with_room(Bar) == {MINUTE_MS}
    fold_past(*(bar(minute, close=99.5) for minute in range(30, 55)))
    assert views.lengths_with_room(Bar) == {MINUTE_MS}
    fold_past(*(bar(minute) for minute in range(30)))

    held = views.series("BTCUSDT", MINUTE_MS).bars
    assert views.lengths_with_room(Bar) == frozenset()
    assert held.keys == [close_time(minute) for minute in range(60 - len(held), 60)]
    assert 40 <= len(held) <= 40 + 40 // SLACK
    assert b'"close":99.5' not in held.at_or_before(close_time(52)).raw  # type: ignore[union-attr]
    assert views.last_append_ms == append_ms


def test_the_past_of_what_does_not_run_is_passed_over():
    views = folded(bar(5))
    opened = close_time(5) // HOUR_MS * HOUR_MS
    hour = {"timeframe_ms": HOUR_MS, "open_time_ms": opened, "event_time_ms": opened + HOUR_MS}
    hour["available_time_ms"] = opened + HOUR_MS

    for record in (bar(1, symbol="OLDUSDT"), bar(**hour), features(1, symbol="OLDUSDT")):
        views.fold_past(Arrival(record, record.encode(), topic_of(record).name))

    assert views.known_symbols() == ["BTCUSDT"]
    assert len(views.newest_bars()) == 1


def test_a_market_is_known_by_its_bars():
    views = folded(regimes(0, symbol="ETHUSDT"), bar(0))

    assert views.known_symbols() == ["BTCUSDT"]


def test_every_topic_that_the_gateway_reads_can_be_folded():
    from gateway.kafka.topics import READS

    folds = ReadModel((MINUTE_MS,))._folds

    assert {topic.record for topic in TOPICS if topic.name in READS} <= folds.keys()


def test_the_topology_names_the_topics_that_the_gateway_reads():
    from gateway.kafka.topics import READS
    from streams.topology import WORKERS

    [row] = [worker for worker in WORKERS if worker.name == "gateway"]

    assert {topic.name for topic in row.reads} == READS.keys()


@pytest.mark.parametrize(
    ("seconds", "speed", "bars"), [(0, 1.0, 0.0), (60, 1.0, 1.0), (1, 60, 1.0)]
)
def test_market_time_runs_on_between_ticks_at_their_speed(seconds, speed, bars):
    views = folded(bar(0), tick(0, speed=speed))

    now = clock.market_ms(views, WALL_MS + seconds * 1000)

    assert now is not None
    assert clock.age(close_time(0), MINUTE_MS, now).bars == bars


def test_market_time_is_unknown_before_anything_was_seen_and_never_behind_a_bar():
    assert clock.market_ms(ReadModel((MINUTE_MS,)), WALL_MS) is None
    assert clock.market_ms(folded(bar(3)), WALL_MS) == close_time(3)
    assert clock.market_ms(folded(bar(3), tick(0)), WALL_MS) == close_time(3)
