"""Funding, mark and index: the venue's formula, and nothing of later."""

from __future__ import annotations

import numpy as np
import pytest

from workers.simulator import funding, kernel
from workers.simulator.market import BAR_MS, EPOCH_MS, SimulatedMarket

MARKET = SimulatedMarket(7, ["BTCUSDT", "A3USDT"])
EIGHT_HOURS = 480


def by_hand(premium):
    """SOURCE: the venue's FAQ: F = P + clamp(0.01 % - P, -0.05 %, 0.05 %)."""
    return premium + np.clip(1e-4 - premium, -5e-4, 5e-4)


def test_each_rate_is_the_formula_over_the_mean_premium_of_its_interval():
    closes = MARKET.bars("BTCUSDT", 0, 6 * EIGHT_HOURS).floats[kernel.PREMIUM]
    opening = np.concatenate([[0.0], closes[:-1]]).reshape(6, EIGHT_HOURS)

    past = funding.history(MARKET, "BTCUSDT", EPOCH_MS, EPOCH_MS + 6 * EIGHT_HOURS * BAR_MS)

    assert [p.rate for p in past] == pytest.approx(by_hand(opening.mean(axis=1)))
    assert [(p.time_ms - EPOCH_MS) / BAR_MS for p in past] == [i * 480.0 for i in range(1, 7)]


def test_bulls_pay_and_bears_receive():
    regimes = MARKET.bars("BTCUSDT", 0, 100_000).regimes
    premium = MARKET.bars("BTCUSDT", 0, 100_000).floats[kernel.PREMIUM]

    bull, bear, sideways = (premium[regimes == r].mean() for r in range(3))

    assert bear < sideways < bull


def test_a_contract_of_four_hours_pays_twice_as_often():
    symbol = next(
        f"A{i}USDT"
        for i in range(99)
        if SimulatedMarket(7, [f"A{i}USDT"]).contract(f"A{i}USDT").funding_interval_hours == 4
    )

    past = funding.history(SimulatedMarket(7, [symbol]), symbol, EPOCH_MS, EPOCH_MS + 1440 * BAR_MS)

    assert len(past) == 6


@pytest.mark.parametrize("elapsed_ms", [0, 1, 20_000, 59_999])
def test_mark_and_index_stay_near_the_last_price_of_now(elapsed_ms):
    now_ms = EPOCH_MS + 5000 * BAR_MS + elapsed_ms
    column = MARKET.unfinished("BTCUSDT", 5000, elapsed_ms)
    before = MARKET.bars("BTCUSDT", 4999, 5000).prices(kernel.CLOSE)[0]
    last = before if column is None else column[kernel.CLOSE] * 0.1

    quote = funding.quote(MARKET, "BTCUSDT", now_ms)

    assert quote.mark == pytest.approx(last, rel=2e-3)
    assert quote.index == pytest.approx(last, rel=5e-3)
    assert quote.next_funding_ms == EPOCH_MS + 11 * EIGHT_HOURS * BAR_MS


def test_the_first_moment_of_the_market_has_a_quote():
    quote = funding.quote(MARKET, "BTCUSDT", EPOCH_MS)

    assert quote.mark == pytest.approx(95_000.0)
