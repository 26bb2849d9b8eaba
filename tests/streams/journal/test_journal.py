"""The journal: exact money, corrections that keep history, results that can be withdrawn."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.commands import CommandOutcome
from schemas.journal import JournalCommand, JournalEntry, JournalTrade, decimal_text
from schemas.status import OperatorAction
from schemas.trades import TradeResult
from streams.journal.processor import PROCESSOR
from streams.runtime.memory_driver import MemoryDriver
from tests.build import close_time, journal_command

MINUTE = close_time(0)


class JournalRun:
    """The processor, fed by hand."""

    def __init__(self) -> None:
        self.driver = MemoryDriver([PROCESSOR])

    def outputs(self, command: JournalCommand):
        return list(self.driver.feed(command))

    def outcome(self, command: JournalCommand) -> CommandOutcome:
        [outcome] = [each for each in self.outputs(command) if isinstance(each, CommandOutcome)]
        return outcome


def of(kind, outputs):
    return [output for output in outputs if isinstance(output, kind)]


def test_a_finished_trade_is_an_entry_and_a_result():
    outputs = JournalRun().outputs(journal_command(entry="45000", exit="45500", quantity="0.2"))

    [entry], [result] = of(JournalEntry, outputs), of(TradeResult, outputs)
    assert (entry.revision, entry.trade.exit) == (1, "45500")
    assert result.profit == "90.95"  # 100 less a taker's fee on 9,000 and on 9,100
    assert result.fees_assumed
    assert result.net_return == pytest.approx(90.95 / 9000)
    [audited] = of(OperatorAction, outputs)
    assert (audited.action, audited.after) == ("journal.add", "executed")


def test_fees_that_are_said_count_to_the_last_digit():
    command = journal_command(
        side="sell", entry="0.1", exit="0.3", quantity="3", fees="0.000000000001"
    )

    [result] = of(TradeResult, JournalRun().outputs(command))

    assert result.profit == "-0.6"  # money has eight places, the return has all
    assert not result.fees_assumed
    assert result.gross_return == pytest.approx(-2.0)


def test_the_largest_amounts_that_can_be_said_are_counted_to_the_last_digit():
    most, least = "9" * 15, "0.000000000001"

    [gain] = of(TradeResult, JournalRun().outputs(journal_command(entry=most, exit=f"{most}.5")))
    large = journal_command(entry=least, exit=most, quantity=most, fees=least)
    [result] = of(TradeResult, JournalRun().outputs(large))

    assert gain.gross_return == pytest.approx(5e-16)
    assert result.profit == str((10**15 - 1) ** 2 - 1000)


GROUNDS = {
    "signal_id": "s1",
    "strategy": "ensemble",
    "timeframe_ms": 60_000,
    "event_time_ms": MINUTE,
    "direction": "buy",
    "grade": "B",
    "confidence": 0.7,
    "regime": "bull",
    "model_version": "m1",
    "config_id": None,
    "invalidation_price": 95.0,
    "expected_net_return": {"mean": 0.004, "low": 0.001, "high": 0.007},
}


@pytest.mark.parametrize(
    ("trade", "r_multiple", "expected"),
    [
        ({"side": "buy", "exit": "110"}, 1.979, 0.004),  # 10 % less fees of 0.105 %, over 5 %
        ({"side": "buy", "exit": "95"}, -1.0195, 0.004),
        ({"side": "buy", "entry": "94", "exit": "95"}, None, 0.004),  # beyond where it was wrong
        ({"side": "sell", "exit": "90"}, None, None),  # against the signal
    ],
)
def test_a_result_is_measured_by_the_risk_of_its_signal(trade, r_multiple, expected):
    [result] = of(TradeResult, JournalRun().outputs(journal_command(**trade, grounds=GROUNDS)))

    assert result.r_multiple == (None if r_multiple is None else pytest.approx(r_multiple))
    assert (result.expected_net_return and result.expected_net_return.mean) == expected
    assert result.timeframe_ms == 60_000


def test_an_open_trade_has_no_result_until_it_is_corrected_with_its_exit():
    run = JournalRun()
    opened = run.outputs(journal_command(exit=None))
    closed = run.outputs(journal_command("correct", 1, exit="101"))

    assert of(TradeResult, opened) == []
    assert [entry.revision for entry in of(JournalEntry, closed)] == [2]
    assert [result.revision for result in of(TradeResult, closed)] == [2]


def test_a_correction_of_a_correction_takes_the_result_back():
    run = JournalRun()
    run.outputs(journal_command(exit="101"))
    run.outputs(journal_command("correct", 1, exit="99"))
    taken_back = run.outputs(journal_command("correct", 2, exit=None))

    [result] = of(TradeResult, taken_back)
    assert (result.withdrawn, result.revision, result.exit_price) == (True, 3, 99.0)


def test_the_same_trade_again_changes_nothing_and_another_one_under_its_id_is_refused():
    run = JournalRun()
    run.outputs(journal_command())

    assert run.outcome(journal_command("add", 1)).code == "same"
    assert run.outcome(journal_command("add", 2, entry="7")).code == "conflict"
    assert run.outcome(journal_command("correct", 3, symbol="ETHUSDT")).code == "conflict"
    assert run.outcome(journal_command("correct", 4, trade_id="other")).code == "unknown"


def test_of_two_corrections_meant_for_one_revision_one_wins():
    run = JournalRun()
    run.outputs(journal_command())

    codes = [
        run.outcome(journal_command("correct", n, entry=str(n), expected_revision=1)).code
        for n in (1, 2)
    ]

    assert codes == ["done", "stale"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"entry": None}, "expected the price of what was executed"),
        ({"exit": "1", "closed_ms": None}, "belong together"),
        ({"exit": "1", "closed_ms": MINUTE - 1}, "or later, the entry's"),
        ({"quantity": None, "fees": "1"}, "fees: expected with action executed and a quantity"),
        ({"action": "skipped", "fees": "1"}, "fees: expected with action executed"),
        ({"entry": "-1"}, "got -1, expected more than 0"),
        ({"entry": "0.0"}, "got 0, expected more than 0"),
        ({"entry": "1e16"}, "got '1e16', expected a decimal number"),
        ({"quantity": "0.0000000000001"}, "12 after it"),
        ({"entry": "one"}, "got 'one', expected a decimal number"),
        ({"entry": True}, "got 'True', expected a decimal number"),
        ({"entry": float("nan")}, "got 'nan', expected a decimal number"),
        ({"entry": "١٢"}, None),
        ({"entry": "1e999999999"}, "expected a decimal number"),
    ],
)
def test_a_trade_that_cannot_have_been_is_refused_by_value_and_expectation(fields, said):
    known = {"action": "executed", "side": "buy", "entry": "100", "opened_ms": MINUTE}

    if said is None:  # digits of another script mean the same number
        assert JournalTrade.model_validate(known | fields).entry == "12"
        return
    with pytest.raises(ValidationError) as refused:
        JournalTrade.model_validate(known | fields)

    assert said in str(refused.value)


@given(st.decimals(min_value=Decimal("1e-12"), max_value=Decimal(10) ** 14, places=12))
def test_decimal_text_is_the_same_number_written_one_way(number):
    text = decimal_text(str(number))

    assert Decimal(text) == number
    assert decimal_text(f"{text}0" if "." in text else f"{text}.0") == text


@pytest.mark.parametrize("text", ["1_000", " 5 ", "5\n", "0x10", "1,000", "", "Infinity"])
def test_what_only_some_programs_read_as_a_number_is_refused(text):
    with pytest.raises(ValueError, match="expected a decimal number such as 45000"):
        decimal_text(text)


@given(
    side=st.sampled_from(("buy", "sell")),
    entry=st.integers(1, 10**9),
    exit_=st.integers(1, 10**9),
    quantity=st.integers(1, 10**6),
    fees=st.integers(-100, 10**6),
)
def test_profit_is_what_is_received_less_what_is_paid(side, entry, exit_, quantity, fees):
    command = journal_command(
        side=side, entry=str(entry), exit=str(exit_), quantity=str(quantity), fees=str(fees)
    )

    [result] = of(TradeResult, JournalRun().outputs(command))

    paid, received = (entry, exit_) if side == "buy" else (exit_, entry)
    assert Decimal(result.profit or "") == (received - paid) * quantity - fees
    assert result.net_return == pytest.approx(
        ((received - paid) * quantity - fees) / (entry * quantity), rel=1e-9, abs=1e-9
    )
