"""Returns of trades as totals that add up, without keeping the trades.

Welford, B. P. (1962), "Note on a method for calculating corrected sums of squares and products",
Technometrics 4(3); totals are joined as by Chan, Golub and LeVeque (1979).
"""

from __future__ import annotations

from schemas.challenges import ReturnTotals

NO_RETURNS = ReturnTotals()


def add_return(totals: ReturnTotals, net_return: float) -> ReturnTotals:
    """Return the totals with one more trade.

    >>> add_return(add_return(ReturnTotals(), 0.02), -0.01)
    ReturnTotals(trades=2, wins=1, mean=0.005, squares=0.00045)
    """
    one = ReturnTotals(trades=1, wins=int(net_return > 0.0), mean=net_return)
    return join(totals, one)


def join(one: ReturnTotals, other: ReturnTotals) -> ReturnTotals:
    """Return the totals of the trades of both."""
    trades = one.trades + other.trades
    if trades == 0:
        return one
    gap, share = other.mean - one.mean, other.trades / trades
    return ReturnTotals(
        trades=trades,
        wins=one.wins + other.wins,
        mean=one.mean + gap * share,
        squares=one.squares + other.squares + gap * gap * one.trades * share,
    )
