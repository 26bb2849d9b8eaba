"""What a journalled trade earned, in exact decimals."""

from __future__ import annotations

from decimal import Decimal, localcontext

from schemas.journal import JournalEntry
from schemas.trades import TradeResult
from streams.costs import DEFAULT_COSTS, direction_sign

DIGITS = 80  # a price times an amount has 54, and an eighth place after the point


def is_finished(entry: JournalEntry | None) -> bool:
    """Return whether a trade was made and has ended."""
    trade = None if entry is None else entry.trade
    return trade is not None and trade.action == "executed" and trade.exit is not None


def trade_result(entry: JournalEntry, *, withdrawn: bool = False) -> TradeResult:
    """Return what a finished trade earned: see ``_result``."""
    with localcontext(prec=DIGITS):
        return _result(entry, withdrawn=withdrawn)


def _result(entry: JournalEntry, *, withdrawn: bool) -> TradeResult:
    """Return what a finished trade earned after fees; those of a taker where none were said.

    Args:
        entry: Of a trade that ``is_finished``.
        withdrawn: It is no longer, or has no end.
    """
    trade = entry.trade
    entry_price, exit_price = Decimal(trade.entry or 0), Decimal(trade.exit or 0)
    gross = direction_sign(trade.side) * (exit_price - entry_price) / entry_price
    quantity = None if trade.quantity is None else Decimal(trade.quantity)
    # One side's fee is paid on what is bought, the other's on what is sold.
    cost = Decimal(str(DEFAULT_COSTS.taker_fee)) * (entry_price + exit_price) / entry_price
    if trade.fees is not None and quantity is not None:
        cost = Decimal(trade.fees) / (entry_price * quantity)
    net = gross - cost
    profit = None if quantity is None else net * entry_price * quantity
    grounds, risk = entry.grounds, _risk(entry, entry_price)
    follows = grounds is not None and grounds.direction == trade.side
    return TradeResult(
        trade_id=entry.trade_id,
        kind="journal",
        symbol=entry.symbol,
        strategy=entry.strategy,
        revision=entry.revision,
        withdrawn=withdrawn,
        side=trade.side,
        opened_ms=trade.opened_ms,
        closed_ms=trade.closed_ms or trade.opened_ms,
        entry_price=float(entry_price),
        exit_price=float(exit_price),
        quantity=trade.quantity,
        gross_return=float(gross),
        cost=float(cost),
        fees_assumed=trade.fees is None,
        net_return=float(net),
        profit=None if profit is None else _money(profit),
        grounds=grounds,
        timeframe_ms=None if grounds is None else grounds.timeframe_ms,
        idea_id=None if grounds is None else grounds.idea_id,
        r_multiple=None if risk is None else float(net / risk),
        expected_net_return=grounds.expected_net_return if grounds and follows else None,
    )


def _risk(entry: JournalEntry, entry_price: Decimal) -> Decimal | None:
    """Return the distance to where the signal was wrong, a fraction of the entry.

    None without such a price, and where the entry is beyond it.
    """
    grounds = entry.grounds
    if grounds is None or grounds.invalidation_price is None:
        return None
    lost = entry_price - Decimal(str(grounds.invalidation_price))
    risk = direction_sign(entry.trade.side) * lost / entry_price
    return risk if risk > 0 else None


def _money(amount: Decimal) -> str:
    """Return an amount to eight places after the point, the finest unit of a quote currency."""
    rounded = amount.quantize(Decimal("1e-8")).normalize()
    return format(rounded, "f") if rounded else "0"
