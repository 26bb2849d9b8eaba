"""What one finished trade, or one call that has expired, came to: small, and sorted by its end."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

from schemas.regimes import RegimeName
from schemas.signals import Grade, ScoredSignal
from schemas.trades import TradeResult


class TradeOutcome(NamedTuple):
    """A trade after costs; the first two fields put outcomes in order.

    Attributes:
        closed_ms: Exit, or expiry of a call.
        trade_id: Of the trade; of a call its signal's.
        opened_ms: Entry; of a call the close of its bar.
        symbol: Canonical.
        entry_price, exit_price: Above 0.
        gross_return, net_return: Fractions of the entry, before and after costs and funding.
        signal_id: Of the signal it was about; None as the next four: it was about none.
        timeframe_ms: Of that signal, and its grade, most probable regime and model.
        expected: Net return expected at the decision; None: it was not stated.
        r_multiple: Net return over the distance to the stop; None: there was none.
        profit: Decimal text in the quote currency; None: the quantity is unknown.
        fees_assumed: Its fees were not said.
    """

    closed_ms: int
    trade_id: str
    opened_ms: int
    symbol: str
    entry_price: float
    exit_price: float
    gross_return: float
    net_return: float
    signal_id: str | None = None
    timeframe_ms: int | None = None
    grade: Grade | None = None
    regime: RegimeName | None = None
    model_version: str | None = None
    expected: float | None = None
    r_multiple: float | None = None
    profit: str | None = None
    fees_assumed: bool = False

    @classmethod
    def of_trade(cls, result: TradeResult) -> Self:
        """Return what a trade came to."""
        grounds, expected = result.grounds, result.expected_net_return
        about: tuple[Any, Any, Any, Any, Any] = (None,) * 5
        if grounds is not None:
            about = (
                grounds.signal_id,
                grounds.timeframe_ms,
                grounds.grade,
                grounds.regime,
                grounds.model_version,
            )
        return cls(
            result.closed_ms,
            result.trade_id,
            result.opened_ms,
            result.symbol,
            result.entry_price,
            result.exit_price,
            result.gross_return,
            result.net_return,
            *about,
            None if expected is None else expected.mean,
            result.r_multiple,
            result.profit,
            result.fees_assumed,
        )

    @classmethod
    def of_call(cls, score: ScoredSignal) -> Self | None:
        """Return what a call came to; None for a neutral one, and where nobody can know."""
        entry, exit_ = score.entry_price, score.exit_price
        gross, net = score.gross_return, score.net_return
        if score.direction == "neutral" or entry is None or exit_ is None:
            return None
        if gross is None or net is None:
            return None
        return cls(
            score.event_time_ms,
            score.signal_id,
            score.signal_time_ms,
            score.symbol,
            entry,
            exit_,
            gross,
            net,
            score.signal_id,
            score.timeframe_ms,
            score.grade,
            score.regime,
            score.model_version,
        )
