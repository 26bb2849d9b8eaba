"""Size and risk of a proposal: numbers of every limit, and nothing unknown ever passes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.portfolio import AccountSnapshot
from schemas.risk import RiskPolicy
from streams.account_risk import (
    CHECKS,
    Contract,
    Proposal,
    RiskAdvice,
    RiskLimits,
    advise,
    exposure,
    missing_advice,
)
from tests.build import account_position, account_snapshot

CONTRACT = Contract(step_size=0.001, min_quantity=0.001, max_quantity=1_000.0, min_notional=5.0)


def proposal(**fields: Any) -> Proposal:
    defaults: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "direction": "buy",
        "price": 50_000.0,
        "invalidation": 48_000.0,
        "contract": CONTRACT,
    }
    return Proposal(**(defaults | fields))


def advised(
    account: AccountSnapshot | None = None,
    ideas: tuple[str, ...] = (),
    *,
    stake: float | None = None,
    most: int | None = None,
    policy: dict[str, float] | None = None,
    **fields: Any,
) -> RiskAdvice:
    limits = RiskLimits(RiskPolicy(**(policy or {})), stake, most)
    return advise(proposal(**fields), account or account_snapshot(), limits, ideas)


def outcomes(advice: RiskAdvice) -> dict[str, str]:
    return {check.name: check.outcome for check in advice.checks}


def test_the_size_loses_the_risked_fraction_of_equity_at_the_invalidation():
    advice = advised()

    assert advice.quantity == 0.05  # 1 % of 10,000 over a distance of 2,000
    assert outcomes(advice) == dict.fromkeys(CHECKS, "pass")
    position, concentration, day = advice.checks
    assert (position.value, position.limit) == (2_500.0, 100_000.0)
    assert (concentration.value, concentration.limit) == (0.25, 1.0)
    assert (day.value, day.limit) == (0.0, -0.03)
    assert (advice.approved, advice.why) == (True, "")


def test_a_short_is_sized_as_a_long():
    assert advised(direction="sell", invalidation=52_000.0).quantity == 0.05


@pytest.mark.parametrize(
    ("change", "quantity", "warns"),
    [
        ({"stake": 1_000.0}, 0.02, set()),
        ({"policy": {"max_position_notional": 2_000.0}}, 0.04, {"position_limit"}),
        ({"policy": {"max_concentration": 0.1}}, 0.02, {"concentration"}),
        ({"policy": {"max_gross_exposure": 0.2}}, 0.04, {"concentration"}),
        ({"contract": CONTRACT._replace(max_quantity=0.03)}, 0.03, set()),
        ({"contract": Contract(step_size=0.02)}, 0.04, set()),
        ({"policy": {"max_daily_loss": 0.009}}, 0.05, {"daily_loss_limit"}),
    ],
)
def test_what_cuts_a_size_is_told(change, quantity, warns):
    advice = advised(**change)

    assert advice.quantity == quantity
    assert {name for name, outcome in outcomes(advice).items() if outcome == "warn"} == warns
    assert advice.approved


def test_what_is_held_counts_in_its_own_direction_and_others_count_in_gross():
    held = account_position(notional=9_000.0)
    other = account_position(symbol="ETHUSDT", side="short", notional=20_500.0)

    more = advised(account_snapshot(positions=(held,)))
    less = advised(account_snapshot(positions=(held,)), direction="sell", invalidation=52_000.0)
    crowded = advised(account_snapshot(positions=(other,)))

    assert more.quantity == 0.02  # 1,000 of 10,000 are left
    assert (less.quantity, less.checks[0].value) == (0.05, 6_500.0)
    assert crowded.checks[1].limit == pytest.approx(0.95)  # of 3 times the equity 2.05 are taken


def test_a_position_beyond_its_limit_fails_unless_it_is_reduced():
    account = account_snapshot(positions=(account_position(notional=40_000.0),))

    added = advised(account)
    reduced = advised(account, direction="sell", invalidation=52_000.0)
    held = advised(account, direction="neutral", invalidation=None)

    assert (added.quantity, outcomes(added)["concentration"]) == (None, "fail")
    assert added.why == "failing: concentration"
    assert (reduced.quantity, outcomes(reduced)["concentration"]) == (0.05, "warn")
    assert outcomes(held)["concentration"] == "fail"


def test_a_limit_includes_its_own_value():
    exact = account_snapshot(positions=(account_position(notional=7_500.0),))
    loss = {"realized_profit": -300.0}
    lost = account_snapshot(wallet_balance=9_700.0, day=loss)
    worse = account_snapshot(wallet_balance=9_700.0, unrealized_profit=-0.01, day=loss)

    assert outcomes(advised(exact))["concentration"] == "pass"
    assert outcomes(advised(lost, direction="neutral"))["daily_loss_limit"] == "pass"
    assert outcomes(advised(worse, direction="neutral"))["daily_loss_limit"] == "fail"


def test_a_transfer_is_no_gain_and_money_put_in_today_may_be_lost():
    account = account_snapshot(
        wallet_balance=10_850.0, day={"realized_profit": -150.0, "transferred": 1_000.0}
    )

    day = advised(account, direction="neutral").checks[2]

    assert day.value == pytest.approx(-150.0 / 11_000.0)


@pytest.mark.parametrize(
    ("held", "ideas", "fails"),
    [
        (("ETHUSDT",), ("SOLUSDT",), True),
        (("ETHUSDT",), ("ETHUSDT",), False),
        (("ETHUSDT", "SOLUSDT"), (), True),
        (("ETHUSDT", "SOLUSDT", "BTCUSDT"), (), False),  # it is open already
        ((), ("BTCUSDT", "ETHUSDT"), False),
    ],
)
def test_positions_and_open_ideas_of_other_symbols_count_as_open_trades(held, ideas, fails):
    positions = tuple(account_position(symbol=symbol, notional=10.0) for symbol in held)

    advice = advised(account_snapshot(positions=positions), ideas, most=2)

    assert (outcomes(advice)["position_limit"] == "fail") is fails
    assert (advice.quantity is None) is fails


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"direction": "neutral"}, "neutral"),
        ({"contract": CONTRACT._replace(min_notional=3_000.0)}, "less than the venue takes, 0.06"),
        ({"contract": CONTRACT._replace(min_quantity=0.1)}, "less than the venue takes, 0.1"),
        ({"contract": Contract(step_size=1.0)}, "less than the venue takes, 1"),
    ],
)
def test_without_a_quantity_the_reason_is_told_and_the_checks_still_stand(change, why):
    advice = advised(**change)

    assert advice.quantity is None
    assert why in advice.why
    assert advice.approved


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"contract": None}, "data missing: the contract's step"),
        ({"invalidation": None}, "data missing: no invalidation"),
        ({"invalidation": 50_000.0}, "data missing: no invalidation"),
    ],
)
def test_a_size_that_is_unknown_fails_the_limits_of_sizes(change, why):
    advice = advised(**change)

    assert outcomes(advice) == {**dict.fromkeys(CHECKS, "fail"), "daily_loss_limit": "pass"}
    assert all(why in each for each in (advice.why, *(c.detail for c in advice.checks[:2])))
    assert (advice.quantity, advice.approved) == (None, False)


@pytest.mark.parametrize(
    "advice",
    [
        missing_advice("no account is connected"),
        advised(account_snapshot(equity=0.0)),
        advised(account_snapshot(equity=-5.0)),
    ],
)
def test_an_unknown_account_fails_every_check_and_says_data_missing(advice):
    assert outcomes(advice) == dict.fromkeys(CHECKS, "fail")
    assert all(check.detail.startswith("data missing: ") for check in advice.checks)
    assert (advice.quantity, advice.approved) == (None, False)


@pytest.mark.parametrize(
    "account",
    [
        account_snapshot(day={"unvalued": ("BNB",)}),
        account_snapshot(wallet_balance=0.0),
    ],
)
def test_a_day_that_cannot_be_valued_fails_closed(account):
    advice = advised(account)

    assert outcomes(advice)["daily_loss_limit"] == "fail"
    assert advice.checks[2].detail.startswith("data missing: ")
    assert advice.checks[2].value is None
    assert advice.quantity is None


amounts = st.floats(min_value=0.01, max_value=1e9)
positions = st.builds(
    lambda symbol, side, notional: account_position(symbol=symbol, side=side, notional=notional),
    st.sampled_from(("BTCUSDT", "ETHUSDT", "SOLUSDT")),
    st.sampled_from(("long", "short")),
    amounts,
)


@given(
    equity=amounts,
    held=st.lists(positions, max_size=5),
    price=st.floats(min_value=1e-6, max_value=1e6),
    distance=st.floats(min_value=1e-6, max_value=0.9),
    direction=st.sampled_from(("buy", "sell")),
    step=st.sampled_from((1e-4, 0.001, 0.01, 1.0, 100.0)),
    result=st.floats(min_value=-1e6, max_value=1e6),
)
def test_a_recommended_quantity_keeps_every_limit_and_is_a_whole_number_of_steps(
    *, equity, held, price, distance, direction, step, result
):
    sign = 1 if direction == "buy" else -1
    account = account_snapshot(
        equity=equity, positions=tuple(held), day={"realized_profit": result}
    )
    contract = Contract(step, step, 1e12, 5.0)

    advice = advised(
        account,
        direction=direction,
        price=price,
        invalidation=price * (1 - sign * distance),
        contract=contract,
    )

    assert [check.name for check in advice.checks] == list(CHECKS)
    if advice.quantity is None:
        assert advice.why
        return
    assert advice.approved
    assert Decimal(str(advice.quantity)) % Decimal(str(step)) == 0
    assert advice.quantity * price >= 5.0
    loss = advice.quantity * price * distance
    assert loss <= 0.01 * equity * (1 + 1e-6)
    before = exposure(p for p in held if p.symbol == "BTCUSDT").net
    after = before + sign * advice.quantity * price
    if abs(after) > abs(before):
        assert abs(after) <= min(100_000.0, equity) * (1 + 1e-6)
    for check in advice.checks[:2]:
        if check.outcome == "pass":
            assert (check.value or 0.0) <= (check.limit or 0.0) * (1 + 1e-6)


@given(st.lists(positions, max_size=6))
def test_exposure_adds_up_over_any_split(held):
    whole, first, rest = exposure(held), exposure(held[:2]), exposure(held[2:])

    assert whole.gross == pytest.approx(first.gross + rest.gross)
    assert whole.net == pytest.approx(first.net + rest.net, abs=1e-3)
    assert abs(whole.net) <= whole.gross * (1 + 1e-12)
