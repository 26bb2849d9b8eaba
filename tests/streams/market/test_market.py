"""Market: every bar leaves once and in order, and the ledger says what was wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.dead_letter import DeadLetter
from schemas.market import Bar, LedgerEntry, RawBar
from schemas.timeframes import HOUR_MS, MINUTE_MS
from streams.market.processor import PROCESSOR
from streams.market.quality import find_fault, without
from streams.runtime.memory_driver import replay
from tests.build import START_MS, raw_bar
from tests.narrow import all_are


def bars_of(outputs):
    return [out for out in outputs if isinstance(out, Bar)]


def ledger_of(outputs):
    return [(out.kind, out.bars) for out in outputs if isinstance(out, LedgerEntry)]


def test_clean_bars_pass_unchanged_and_leave_no_finding():
    raw = [raw_bar(minute=m, mark_price=99.5, funding_rate=1e-4) for m in range(5)]

    out = replay([PROCESSOR], raw)

    assert [bar.model_dump() for bar in out] == [bar.model_dump() for bar in raw]


def test_hole_is_counted_on_the_next_bar_and_in_the_ledger():
    out = replay([PROCESSOR], [raw_bar(minute=0), raw_bar(minute=4)])

    assert [bar.bars_missing for bar in bars_of(out)] == [0, 3]
    (gap,) = [entry for entry in out if isinstance(entry, LedgerEntry)]
    assert (gap.kind, gap.bars) == ("gap", 3)
    assert (gap.from_ms, gap.to_ms) == (START_MS + MINUTE_MS, START_MS + 4 * MINUTE_MS)


def test_repeated_bar_is_a_duplicate_and_goes_no_further():
    out = replay([PROCESSOR], [raw_bar(0), raw_bar(1), raw_bar(1), raw_bar(0)])

    assert [bar.event_time_ms for bar in bars_of(out)] == sorted(
        {raw_bar(m).event_time_ms for m in (0, 1)}
    )
    assert ledger_of(out) == [("duplicate", 1), ("duplicate", 1)]


def test_late_bar_fills_its_hole_in_the_ledger_alone_and_only_once():
    out = replay([PROCESSOR], [raw_bar(0), raw_bar(3), raw_bar(1), raw_bar(1), raw_bar(2)])

    assert len(bars_of(out)) == 2
    assert ledger_of(out) == [("gap", 2), ("late", 1), ("duplicate", 1), ("late", 1)]


def test_bar_before_the_first_is_late():
    out = replay([PROCESSOR], [raw_bar(5), raw_bar(4)])

    assert ledger_of(out) == [("late", 1)]


def test_correction_says_what_changed_and_emits_no_bar():
    out = replay([PROCESSOR], [raw_bar(0), raw_bar(0, revision=1, close=100.7)])

    assert len(bars_of(out)) == 1
    (entry,) = all_are(LedgerEntry, out[1:])
    assert entry.kind == "correction"
    assert "close 100.5 -> 100.7" in entry.note


def test_unannounced_change_of_the_newest_bar_is_a_correction():
    out = replay([PROCESSOR], [raw_bar(0), raw_bar(0, volume=11.0)])

    assert ledger_of(out) == [("correction", 1)]


def test_older_bar_with_a_revision_is_a_correction():
    out = replay([PROCESSOR], [raw_bar(0), raw_bar(1), raw_bar(0, revision=2)])

    assert ledger_of(out) == [("correction", 1)]


def test_correction_of_a_bar_never_seen_passes():
    out = replay([PROCESSOR], [raw_bar(0), raw_bar(1, revision=1)])

    assert len(bars_of(out)) == 2
    assert ledger_of(out) == [("correction", 1)]


def test_zero_volume_and_repaired_bars_pass_with_a_finding():
    out = replay([PROCESSOR], [raw_bar(0, volume=0.0), raw_bar(1, origin="repair")])

    assert len(bars_of(out)) == 2
    assert ledger_of(out) == [("zero_volume", 1), ("repaired", 1)]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"close": -5.0, "low": -6.0}, "low -6.0"),
        ({"open": 0.0}, "open 0.0"),
        ({"high": 99.5}, "high 99.5"),
        ({"low": 100.2}, "low 100.2"),
        ({"volume": -1.0}, "volume -1.0"),
        ({"trades": -3}, "trades -3"),
        ({"mark_price": -1.0}, "mark_price -1.0"),
        ({"symbol": "BTC/USDT:USDT"}, "expected 'BTCUSDT'"),
        ({"symbol": "btcusdt"}, "expected 'BTCUSDT'"),
        ({"symbol": "???"}, "'???' is not a symbol"),
        ({"event_time_ms": START_MS + MINUTE_MS - 1}, f"close time {START_MS + MINUTE_MS - 1}"),
        ({"available_time_ms": START_MS}, "not final"),
        (
            {"open_time_ms": START_MS + 1, "event_time_ms": START_MS + 1 + MINUTE_MS},
            f"open time {START_MS + 1}",
        ),
    ],
)
def test_bad_bar_becomes_a_dead_letter_that_names_the_value(fields, named):
    out = replay([PROCESSOR], [raw_bar(0, **fields), raw_bar(1)])

    letters = [letter for letter in out if isinstance(letter, DeadLetter)]
    assert [letter.kind for letter in letters] == ["rejected"]
    assert named in letters[0].cause
    assert len(bars_of(out)) == 1


def test_rejected_bar_leaves_a_hole():
    out = replay([PROCESSOR], [raw_bar(0), raw_bar(1, high=1.0), raw_bar(2)])

    assert [bar.bars_missing for bar in bars_of(out)] == [0, 1]


def test_first_bar_keeps_the_hole_that_ingest_knew_of():
    (out,) = all_are(Bar, replay([PROCESSOR], [raw_bar(9, bars_missing=4)]))

    assert out.bars_missing == 4


def test_timeframes_do_not_disturb_each_other():
    hour = HOUR_MS
    hourly = raw_bar(0, timeframe_ms=hour, open_time_ms=0, event_time_ms=hour)

    out = replay([PROCESSOR], [raw_bar(0), hourly, raw_bar(1)])

    assert ledger_of(out) == []


@given(st.lists(st.integers(0, 30), min_size=1, max_size=60))
def test_any_arrival_order_gives_rising_bars_and_accounts_for_every_record(minutes):
    out = replay([PROCESSOR], [raw_bar(m) for m in minutes])

    times = [bar.event_time_ms for bar in bars_of(out)]
    assert times == sorted(set(times))
    explained = [kind for kind, _ in ledger_of(out) if kind in ("late", "duplicate")]
    assert len(times) + len(explained) == len(minutes)
    late = sum(kind == "late" for kind, _ in ledger_of(out))
    assert len(times) + late == len(set(minutes))


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=5),
    st.integers(0, 20),
)
def test_without_removes_exactly_one_minute(spans, minute):
    holes = tuple((a, b) for a, b in spans if a < b)

    left = without(holes, (minute, minute + 1))

    def covered(holes):
        return {m for a, b in holes for m in range(a, b)}

    assert covered(left) == covered(holes) - {minute}


def test_sound_bar_has_no_fault():
    assert find_fault(raw_bar(0)) is None


@pytest.mark.parametrize(
    "numbers",
    [
        dict.fromkeys(("open", "high", "low", "close"), 1e-101),
        dict.fromkeys(("open", "high", "low", "close"), 1e300),
        {"mark_price": 1e300},
        {"volume": 1e300},
        {"volume": 5e-324},
        {"volume": 0.0, "taker_buy_volume": 5.0},
        {"volume": 2.0, "taker_buy_volume": 2.1},
        {"funding_rate": -1.1},
    ],
)
def test_a_number_that_would_make_a_wrong_feature_is_refused_by_name(numbers):
    (letter,) = replay([PROCESSOR], [raw_bar(0, **numbers)])

    name, value = list(numbers.items())[-1 if len(numbers) < 4 else 0]
    assert isinstance(letter, DeadLetter)
    assert f"{name} {value!r}, expected" in letter.cause


@pytest.mark.parametrize("price", [1e-100, 1e-12, 1e12, 1e100])
def test_very_small_and_large_prices_are_sound(price):
    assert find_fault(raw_bar(0, open=price, high=price, low=price, close=price)) is None


FUTURE = 10 * 365 * 24 * 60  # minutes


def test_one_bar_from_the_future_is_refused_and_the_others_go_on():
    out = replay([PROCESSOR], [raw_bar(0), raw_bar(FUTURE), raw_bar(1), raw_bar(2)])

    assert [bar.event_time_ms for bar in bars_of(out)] == [
        raw_bar(minute).event_time_ms for minute in range(3)
    ]
    [refused] = [entry for entry in out if isinstance(entry, LedgerEntry)]
    assert (refused.kind, refused.from_ms) == ("rejected", raw_bar(FUTURE).open_time_ms)
    assert refused.note == f"{FUTURE - 1} bars ahead, none followed"


def test_a_long_hole_that_a_second_bar_confirms_is_a_hole():
    minutes = (0, 500, 501, 502)
    out = replay([PROCESSOR], [raw_bar(minute) for minute in minutes])

    assert [bar.bars_missing for bar in bars_of(out)] == [0, 499, 0, 0]
    assert ledger_of(out) == [("gap", 499)]


def test_a_hole_of_an_hour_needs_no_second_bar():
    out = replay([PROCESSOR], [raw_bar(0), raw_bar(61)])

    assert [bar.bars_missing for bar in bars_of(out)] == [0, 60]


def test_two_bars_from_different_futures_confirm_nothing():
    minutes = (0, FUTURE, 2 * FUTURE, FUTURE // 2, 1, 2)
    out = replay([PROCESSOR], [raw_bar(minute) for minute in minutes])

    assert len(bars_of(out)) == 3
    assert ledger_of(out) == [("rejected", 1)] * 3


def test_a_repeated_bar_of_the_future_confirms_nothing():
    out = replay([PROCESSOR], [raw_bar(0), raw_bar(FUTURE), raw_bar(FUTURE), raw_bar(1)])

    assert len(bars_of(out)) == 2
    assert ledger_of(out) == [("rejected", 1)]


def test_a_correction_of_a_held_bar_takes_its_place():
    raw = [raw_bar(0), raw_bar(100), raw_bar(100, revision=1, close=100.7), raw_bar(101)]
    out = replay([PROCESSOR], raw)

    assert [bar.close for bar in bars_of(out)] == [100.5, 100.7, 100.5]


M5 = 5 * MINUTE_MS


def kline(number: int, **fields: int) -> RawBar:
    """Return a bar of five minutes, as the venue tells it."""
    opened = START_MS // M5 * M5 + number * M5
    times = {"open_time_ms": opened, "event_time_ms": opened + M5, "available_time_ms": opened + M5}
    return raw_bar(timeframe_ms=M5, **times, **fields)


@pytest.mark.parametrize("away", [2, 500])
def test_bars_that_base_bars_had_made_are_no_gap_before_a_kline_and_a_lone_one_is_no_leap(away):
    made = {"made_until_ms": kline(away).open_time_ms}

    out = replay([PROCESSOR], [kline(0), kline(away, **made)])

    assert [bar.bars_missing for bar in bars_of(out)] == [0, 0]
    assert [bar.made_until_ms for bar in bars_of(out)] == [None, None]
    assert ledger_of(out) == []


def test_a_hole_behind_the_bars_that_base_bars_had_made_is_a_gap():
    made = {"made_until_ms": kline(500).open_time_ms}

    out = replay(
        [PROCESSOR], [kline(0), kline(503, **made), kline(504, **made), kline(506, **made)]
    )

    assert [bar.bars_missing for bar in bars_of(out)] == [0, 3, 0, 1]
    assert ledger_of(out) == [("gap", 3), ("gap", 1)]


def test_a_kline_far_behind_the_bars_that_base_bars_had_made_waits_for_the_one_behind_it():
    made = {"made_until_ms": kline(500).open_time_ms}

    alone = replay([PROCESSOR], [kline(0), kline(600, **made), kline(1)])
    followed = replay([PROCESSOR], [kline(0), kline(600, **made), kline(601, **made)])

    assert [(e.kind, e.note) for e in alone if isinstance(e, LedgerEntry)] == [
        ("rejected", "100 bars ahead, none followed")
    ]
    assert [bar.bars_missing for bar in bars_of(followed)] == [0, 100, 0]


@pytest.mark.parametrize("made_ms", [kline(1).open_time_ms + M5, kline(1).open_time_ms - 1])
def test_a_kline_that_tells_of_impossible_bars_before_it_is_refused(made_ms):
    (letter,) = replay([PROCESSOR], [kline(1, made_until_ms=made_ms)])

    assert isinstance(letter, DeadLetter)
    assert f"made_until_ms {made_ms}, expected a multiple of {M5} ms, at most" in letter.cause
