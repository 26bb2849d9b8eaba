"""Index price, mark price and funding of a simulated contract, from its premium.

The funding rate follows the venue's formula: the mean premium of the interval, plus the interest
rate's distance from it, clamped to 5 bps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.simulator import kernel
from workers.simulator.kernel import Floats
from workers.simulator.market import BAR_MS, EPOCH_MS, SimulatedMarket

INTEREST_RATE = 1e-4  # of eight hours
CLAMP = 5e-4
CAP = 3e-3
MARK_SHARE = 1.0 / 3.0  # of the premium that the mark price smooths away
HOUR_BARS = 60


@dataclass(frozen=True)
class Quote:
    """Mark and index price of one contract at a moment, in USDT, and its next funding."""

    mark: float
    index: float
    funding_rate: float
    next_funding_ms: int


@dataclass(frozen=True)
class Settlement:
    """One settlement of funding: the rate that longs paid to shorts."""

    time_ms: int
    rate: float
    mark: float


def opening_premium(market: SimulatedMarket, symbol: str, first: int, last: int) -> Floats:
    """Return the premium of contract over index at each bar's open, shape (last - first,)."""
    if first > 0:
        earlier: Floats = market.bars(symbol, first - 1, max(first, last) - 1).floats[
            kernel.PREMIUM
        ]
        return earlier
    later = market.bars(symbol, 0, max(0, last - 1)).floats[kernel.PREMIUM]
    return np.concatenate([np.zeros(min(1, last)), later])


def mark_factor(premium: Floats) -> Floats:
    """Return mark price over last price at a premium."""
    return 1.0 - MARK_SHARE * premium


def quote(market: SimulatedMarket, symbol: str, now_ms: int) -> Quote:
    """Return mark, index and estimated funding now; uses no trade after ``now_ms``."""
    bar, elapsed_ms = divmod(now_ms - EPOCH_MS, BAR_MS)
    column = market.unfinished(symbol, bar, elapsed_ms)
    tick = float(market.contract(symbol).tick_size)
    if column is None:
        # Before a minute's first trade the price is the last close.
        done = market.bars(symbol, max(0, bar - 1), bar)
        last = float(done.prices(kernel.CLOSE)[-1]) if len(done) else _anchor(market, symbol)
    else:
        last = float(column[kernel.CLOSE]) * tick
    premium = float(opening_premium(market, symbol, bar, bar + 1)[0])
    interval = interval_bars(market, symbol)
    stamp = bar // interval
    return Quote(
        mark=last * (1.0 - MARK_SHARE * premium),
        index=last * (1.0 - premium),
        funding_rate=_rate(market, symbol, stamp * interval, max(bar, stamp * interval + 1)),
        next_funding_ms=EPOCH_MS + (stamp + 1) * interval * BAR_MS,
    )


def history(market: SimulatedMarket, symbol: str, first_ms: int, last_ms: int) -> list[Settlement]:
    """Return the settlements with first_ms <= time <= last_ms, oldest first."""
    interval = interval_bars(market, symbol)
    step_ms = interval * BAR_MS
    begin = max(1, -((EPOCH_MS - first_ms) // step_ms))
    return [
        _settlement(market, symbol, stamp * interval)
        for stamp in range(begin, (last_ms - EPOCH_MS) // step_ms + 1)
    ]


def interval_bars(market: SimulatedMarket, symbol: str) -> int:
    """Return the bars from one settlement to the next."""
    return market.contract(symbol).funding_interval_hours * HOUR_BARS


def _settlement(market: SimulatedMarket, symbol: str, bar: int) -> Settlement:
    rate = _rate(market, symbol, bar - interval_bars(market, symbol), bar)
    done = market.bars(symbol, bar - 1, bar)
    premium = float(done.floats[kernel.PREMIUM, 0])
    mark = float(done.prices(kernel.CLOSE)[0]) * (1.0 - MARK_SHARE * premium)
    return Settlement(time_ms=EPOCH_MS + bar * BAR_MS, rate=rate, mark=mark)


def _rate(market: SimulatedMarket, symbol: str, first: int, last: int) -> float:
    premium = float(opening_premium(market, symbol, first, last).mean())
    share = market.contract(symbol).funding_interval_hours / 8.0
    rate = premium + min(CLAMP, max(-CLAMP, INTEREST_RATE - premium))
    return min(CAP, max(-CAP, rate * share))


def _anchor(market: SimulatedMarket, symbol: str) -> float:
    return market.contract(symbol).anchor_price_usd
