"""Results are read when a sum first needs them, and once."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gateway.views.late_outcome import LateOutcome, known_outcomes, read_call, read_trade
from streams.evaluation.trade_outcome import TradeOutcome
from tests.build import scored, trade_result


def test_a_result_says_what_its_record_came_to():
    trade, call = trade_result(), scored()

    assert LateOutcome(trade.encode(), read_trade).outcome() == TradeOutcome.of_trade(trade)
    assert LateOutcome(call.encode(), read_call).outcome() == TradeOutcome.of_call(call) is not None


def test_what_is_withdrawn_neutral_or_unknowable_came_to_nothing():
    withdrawn = LateOutcome(trade_result(withdrawn=True).encode(), read_trade)
    neutral = LateOutcome(scored(direction="neutral").encode(), read_call)
    prices: dict[str, Any] = {"entry_price": None, "exit_price": None}
    unknown = prices | {"outcome": None, "hit": None, "gross_return": None, "net_return": None}
    nobody_knows = LateOutcome(scored(**unknown).encode(), read_call)
    known = LateOutcome(scored().encode(), read_call)

    assert list(known_outcomes([withdrawn, neutral, known, nobody_knows])) == [known.outcome()]


def test_a_result_is_read_once_and_not_before_somebody_asks():
    reads: Counter[bytes] = Counter()

    def read(raw: bytes) -> TradeOutcome | None:
        reads[raw] += 1
        return read_trade(raw)

    raw = trade_result().encode()
    result = LateOutcome(raw, read)
    assert reads[raw] == 0

    assert result.outcome() is result.outcome()
    assert reads[raw] == 1


def test_threads_that_ask_at_once_are_told_the_same():
    results = [LateOutcome(trade_result(trade_id=f"t{n}").encode(), read_trade) for n in range(500)]

    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda _: list(known_outcomes(results)), range(4)))

    assert [each.trade_id for each in told[0]] == [f"t{n}" for n in range(500)]
    assert told.count(told[0]) == 4
