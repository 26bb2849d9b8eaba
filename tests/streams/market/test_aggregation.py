"""Higher bars are what a resample of the checked base bars gives, and say what they lack."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pandas as pd
import pytest

from schemas.dead_letter import DeadLetter
from schemas.market import Bar, LedgerEntry, RawBar
from schemas.timeframes import DAY_MS, HOUR_MS, MINUTE_MS, TIMEFRAMES_MS
from streams.market.processor import PROCESSOR
from streams.runtime.memory_driver import MemoryDriver, replay
from tests.build import START_MS, raw_bar

M15 = 15 * MINUTE_MS
PAIRS = [
    (base, higher)
    for base, higher in itertools.combinations(TIMEFRAMES_MS.values(), 2)
    if higher % base == 0
]
DAY_START_MS = START_MS - START_MS % DAY_MS


def base_bar(number: int, base_ms: int = MINUTE_MS, **fields) -> RawBar:
    """Return base bar ``number`` since a midnight; its prices follow from the number."""
    opened = DAY_START_MS + number * base_ms
    low = 100.0 + np.sin(number / 7.0)
    shape = {"open": low + 0.5, "high": low + 1.0 + number % 5, "low": low, "close": low + 0.25}
    times = {"open_time_ms": opened, "event_time_ms": opened + base_ms}
    return raw_bar(
        **{
            "timeframe_ms": base_ms,
            **times,
            "available_time_ms": opened + base_ms,
            **shape,
            "volume": 1.0 + number % 3,
            "quote_volume": 100.0 + number % 7,
            "taker_buy_volume": 0.5,
            "trades": 3 + number % 4,
            **fields,
        }
    )


def bars_of(outputs, timeframe_ms):
    return [o for o in outputs if isinstance(o, Bar) and o.timeframe_ms == timeframe_ms]


def ledger_of(outputs, timeframe_ms):
    found = [o for o in outputs if isinstance(o, LedgerEntry) and o.timeframe_ms == timeframe_ms]
    return [(o.kind, o.from_ms, o.to_ms, o.bars) for o in found]


def resampled(base_bars: list[Bar], higher_ms: int) -> pd.DataFrame:
    """Return what pandas makes of base bars: every higher bar that has one."""
    columns = ["open", "high", "low", "close", "volume", "quote_volume", "taker_buy_volume"]
    rows = [[b.open_time_ms, *(getattr(b, c) for c in columns), b.trades] for b in base_bars]
    table = pd.DataFrame(rows, columns=["opened", *columns, "trades"])
    table.index = pd.to_datetime(table.pop("opened"), unit="ms")
    bins = table.resample(pd.Timedelta(milliseconds=higher_ms), origin="epoch")
    rules = {"open": "first", "high": "max", "low": "min", "close": "last"}
    made = bins.agg({**rules, **dict.fromkeys([*columns[4:], "trades"], "sum")})
    made["parts"] = bins["close"].count()
    return made[made.parts > 0]


def scattered(seed: int, base_ms: int, higher_ms: int) -> list[RawBar]:
    """Return base bars that begin inside a higher bar, with holes, repeats and corrections."""
    draw = random.Random(f"{seed}/{base_ms}/{higher_ms}")
    ratio = higher_ms // base_ms
    first = draw.randrange(ratio)
    numbers = list(range(first, first + 4 * ratio + draw.randrange(ratio)))
    for _ in range(draw.randrange(4)):
        start = draw.choice(numbers)
        length = draw.randrange(1, draw.choice([2, ratio, 3 * ratio]) + 1)
        numbers = [n for n in numbers if not start <= n < start + length] or numbers
    raws: list[RawBar] = []
    for number in numbers:
        bar = base_bar(number, base_ms, higher_ms=(higher_ms,))
        raws.append(bar)
        if draw.random() < 0.05:
            raws.append(bar)
        if draw.random() < 0.05:
            raws.append(bar.model_copy(update={"close": bar.low, "revision": 1}))
        if draw.random() < 0.05 and len(raws) > 3:
            raws.append(base_bar(number - 2, base_ms, higher_ms=(higher_ms,)))
    return raws


@pytest.mark.parametrize(("base_ms", "higher_ms"), PAIRS)
def test_higher_bars_are_those_of_a_brute_force_resample(base_ms, higher_ms):
    for seed in range(3 if higher_ms // base_ms > 100 else 8):
        outputs = replay([PROCESSOR], scattered(seed, base_ms, higher_ms))
        base, made = bars_of(outputs, base_ms), bars_of(outputs, higher_ms)
        first = base[0].open_time_ms
        expected = resampled(base, higher_ms)
        opened = pd.DatetimeIndex(expected.index).as_unit("ms").astype("int64").to_numpy()
        whole_from = -(-first // higher_ms) * higher_ms
        seen = opened >= whole_from
        closed = opened + higher_ms <= base[-1].event_time_ms
        expected = expected[seen & closed]

        assert [b.open_time_ms for b in made] == opened[seen & closed].tolist()
        for name in ("open", "high", "low", "close", "trades"):
            assert [getattr(b, name) for b in made] == expected[name].tolist()
        for name in ("volume", "quote_volume", "taker_buy_volume"):
            assert [getattr(b, name) for b in made] == pytest.approx(expected[name].tolist())
        since = [whole_from, *(b.event_time_ms for b in made)]
        assert [b.bars_missing for b in made] == [
            (bar.event_time_ms - start) // base_ms - parts
            for bar, start, parts in zip(made, since, expected.parts.tolist(), strict=False)
        ]
        assert all(b.origin == "aggregated" and b.higher_ms == () for b in made)


@pytest.mark.parametrize("seed", range(5))
def test_several_lengths_at_once_are_each_what_one_alone_gives(seed):
    lengths = (3 * MINUTE_MS, M15, HOUR_MS)
    raws = scattered(seed, MINUTE_MS, HOUR_MS)

    together = replay([PROCESSOR], [r.model_copy(update={"higher_ms": lengths}) for r in raws])

    for length in lengths:
        alone = replay([PROCESSOR], [r.model_copy(update={"higher_ms": (length,)}) for r in raws])
        assert bars_of(together, length) == bars_of(alone, length)
        assert ledger_of(together, length) == ledger_of(alone, length)
    none = replay([PROCESSOR], [r.model_copy(update={"higher_ms": ()}) for r in raws])
    assert bars_of(together, MINUTE_MS) == bars_of(none, MINUTE_MS)
    assert {b.timeframe_ms for b in none if isinstance(b, Bar)} == {MINUTE_MS}


def test_the_base_bar_that_closes_a_higher_bar_sends_it_in_the_same_step():
    driver = MemoryDriver([PROCESSOR])
    steps = [driver.feed(base_bar(n, higher_ms=(M15, HOUR_MS))) for n in range(60)]

    lengths = [[b.timeframe_ms for b in step if isinstance(b, Bar)] for step in steps]

    assert lengths[13] == [MINUTE_MS]
    assert lengths[14] == [MINUTE_MS, M15]
    assert lengths[59] == [MINUTE_MS, M15, HOUR_MS]
    assert sum(map(len, lengths)) == 60 + 4 + 1


def test_a_missing_last_base_bar_lets_the_higher_bar_leave_with_the_next_one():
    raws = [base_bar(n, higher_ms=(M15,)) for n in range(17) if n != 14]

    outputs = replay([PROCESSOR], raws)

    (made,) = bars_of(outputs, M15)
    assert (made.event_time_ms, made.bars_missing) == (DAY_START_MS + M15, 1)
    assert made.available_time_ms == base_bar(15).event_time_ms
    assert outputs.index(made) < outputs.index(
        next(o for o in bars_of(outputs, MINUTE_MS) if o.event_time_ms > made.event_time_ms)
    )
    assert ledger_of(outputs, M15) == [("partial", DAY_START_MS, DAY_START_MS + M15, 1)]


def test_higher_bars_without_a_single_base_bar_are_a_gap():
    raws = [base_bar(n, higher_ms=(M15,)) for n in range(95) if not 20 <= n < 65]

    outputs = replay([PROCESSOR], raws)

    opened = [(b.open_time_ms - DAY_START_MS) // M15 for b in bars_of(outputs, M15)]
    assert opened == [0, 1, 4, 5]
    assert [b.bars_missing for b in bars_of(outputs, M15)] == [0, 10, 35, 0]
    hole = (DAY_START_MS + 2 * M15, DAY_START_MS + 4 * M15, 2)
    assert ("gap", *hole) in ledger_of(outputs, M15)


def test_a_bar_whose_beginning_was_not_seen_is_left_out():
    raws = [base_bar(n, higher_ms=(M15,)) for n in range(1, 31)]

    assert [b.bars_missing for b in bars_of(replay([PROCESSOR], raws), M15)] == [0]


def test_lengths_that_come_later_begin_with_a_whole_bar():
    before = [base_bar(n) for n in range(20)]
    after = [base_bar(n, higher_ms=(M15,)) for n in range(20, 46)]

    made = bars_of(replay([PROCESSOR], before + after), M15)

    assert [b.open_time_ms for b in made] == [DAY_START_MS + 2 * M15]


def test_marks_and_funding_are_the_last_known_of_the_base_bars():
    raws = [
        base_bar(n, higher_ms=(M15,), mark_price=99.0 + n if n < 10 else None) for n in range(15)
    ]
    raws[3] = raws[3].model_copy(update={"funding_rate": 1e-4, "funding_time_ms": DAY_START_MS})
    raws[5] = raws[5].model_copy(update={"trades": None})

    (made,) = bars_of(replay([PROCESSOR], raws), M15)

    assert (made.mark_price, made.funding_rate) == (108.0, 1e-4)
    assert made.funding_time_ms == DAY_START_MS
    assert made.trades is None
    assert made.taker_buy_volume == 7.5


@pytest.mark.parametrize(
    "lengths",
    [
        (MINUTE_MS,),  # the bar itself
        (30_000,),
        (90_000,),
        (HOUR_MS, M15),
        (M15, M15),
        (M15, HOUR_MS + 1),
        tuple(n * MINUTE_MS for n in range(2, 8)),
    ],
)
def test_a_bar_that_asks_for_higher_bars_that_cannot_be_is_refused_and_the_others_go_on(lengths):
    raws = [base_bar(n, higher_ms=(M15,)) for n in range(30)]
    raws[20] = raws[20].model_copy(update={"higher_ms": lengths})

    outputs = replay([PROCESSOR], raws)

    (letter,) = [o for o in outputs if isinstance(o, DeadLetter)]
    assert "higher_ms" in letter.cause
    assert "expected" in letter.cause
    assert [b.bars_missing for b in bars_of(outputs, M15)] == [0, 1]
    assert {b.timeframe_ms for b in outputs if isinstance(b, Bar)} == {MINUTE_MS, M15}
