"""The same back-test as ``fills``, said once more in plain Python: the oracle of the compiled one.

    bars, decisions  -->  [fills]  -->  marks

A pure step over records in the order in which they happen: the bar that closes, then the decision
that was made of it. The step keeps a wallet and a mean entry price as a venue's account page does,
and nothing of the compiled arithmetic. Its records and topics are private: nobody publishes them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from pydantic import Field

from schemas.record import Milliseconds, Record, Symbol, Topic
from streams.processor import Outputs, Processor
from streams.runtime.memory_driver import replay
from workers.bars.arrays import Bars
from workers.research.fill_kernel import Floats
from workers.research.fills import FillModel


class MarketBar(Record):
    """One bar with all that an account needs of it."""

    symbol: Symbol
    open_time_ms: Milliseconds
    event_time_ms: Milliseconds
    open: float
    high: float
    low: float
    close: float
    volume: float
    mark_high: float | None
    mark_low: float | None
    mark: float | None = Field(description="At the close")
    funding_due: float = Field(description="Of one unit long, for stamps in (open, close]")


class Decision(Record):
    """The position wanted at a close, a signed multiple of equity."""

    symbol: Symbol
    event_time_ms: Milliseconds
    target: float


class Trade(Record):
    """A round trip; fields as in ``fill_kernel.TRADE``."""

    entry_time_ms: int
    exit_time_ms: int | None = None
    side: int
    entry_bar: int
    last_bar: int = 0
    units: float = 0.0
    entered_for: float = 0.0
    exited: float = 0.0
    exited_for: float = 0.0
    fees: float = 0.0
    slippage: float = 0.0
    funding: float = 0.0
    liquidated: bool = False


class ReferenceAccount(Record):
    """State: a wallet, one position at its mean price, and the order on its way."""

    wallet: float = 0.0
    units: float = 0.0
    mean_price: float = 0.0
    target: float = 0.0
    decided: float = 0.0
    to_be_sized: bool = False
    wanted: float = 0.0
    bars: int = 0
    trade: Trade | None = None
    liquidated_at_ms: int | None = None

    def equity(self, price: float) -> float:
        """Wallet and what the position has gained at a price."""
        return self.wallet + self.units * (price - self.mean_price)


class EquityMark(Record):
    """What one bar came to: equity and position at its close, trades that ended in it."""

    symbol: Symbol
    event_time_ms: Milliseconds
    equity: float
    units: float
    traded: float = Field(description="Notional filled over the equity before")
    closed: tuple[Trade, ...]
    trade: Trade | None = Field(description="Still open")
    liquidated_at_ms: int | None


MARKET_BARS = Topic("backtest.bars.v1", MarketBar, "symbol", "Bars of a back-test")
DECISIONS = Topic("backtest.decisions.v1", Decision, "symbol", "Positions wanted")
MARKS = Topic("backtest.marks.v1", EquityMark, "symbol", "Equity at each close")


def fill_processor(model: FillModel) -> Processor:
    """Return the processor that fills decisions under a model."""

    def step(
        account: ReferenceAccount, record: MarketBar | Decision
    ) -> tuple[ReferenceAccount, Outputs]:
        if isinstance(record, Decision):
            return account.model_copy(update={"decided": record.target}), ()
        return _live(account, record, model)

    return Processor(
        name="fills",
        reads=(MARKET_BARS, DECISIONS),
        writes=(MARKS,),
        initial=ReferenceAccount(wallet=model.equity),
        state_key=("symbol",),
        step=step,
    )


def replayed_marks(bars: Bars, target: Floats, model: FillModel) -> list[EquityMark]:
    """Return the mark of every bar, the decisions replayed in memory."""
    outputs = replay([fill_processor(model)], bars_and_decisions(bars, target))
    return [record for record in outputs if isinstance(record, EquityMark)]


def bars_and_decisions(bars: Bars, target: Floats) -> Iterator[Record]:
    """Yield bars and decisions by event time, a bar before the decision made of it."""
    for t in range(len(bars)):
        closed = int(bars.close_time_ms[t])
        known = {
            name: None if math.isnan(value) else value
            for name in ("mark_high", "mark_low", "mark")
            for value in [float(getattr(bars, name)[t])]
        }
        yield MarketBar(
            symbol=bars.symbol,
            open_time_ms=int(bars.open_time_ms[t]),
            event_time_ms=closed,
            open=float(bars.open[t]),
            high=float(bars.high[t]),
            low=float(bars.low[t]),
            close=float(bars.close[t]),
            volume=float(bars.volume[t]),
            funding_due=float(bars.funding_due[t]),
            **known,
        )
        yield Decision(symbol=bars.symbol, event_time_ms=closed, target=float(target[t]))


def liquidation_price(account: ReferenceAccount, maintenance_margin: float) -> float:
    """Return the mark price at which the account's position is liquidated; below 0 there is none.

    Source: the venue's formula for one-way positions, one contract, first tier (no cumulative
    amount): ``(WB - side * size * entry) / (size * MMR - side * size)``.
    """
    size, side = abs(account.units), 1.0 if account.units > 0.0 else -1.0
    entry = side * size * account.mean_price
    return (account.wallet - entry) / (size * maintenance_margin - side * size)


def _live(
    before: ReferenceAccount, bar: MarketBar, model: FillModel
) -> tuple[ReferenceAccount, Outputs]:
    """Return the account after a bar, and its mark."""
    account = before.model_copy()
    closed: list[Trade] = []
    traded = 0.0
    if account.liquidated_at_ms is None:
        if account.decided != account.target:
            account = account.model_copy(update={"target": account.decided, "to_be_sized": True})
        low, high = bar.mark_low, bar.mark_high
        opened_low = bar.open if low is None else max(bar.open, low)
        opened_high = bar.open if high is None else min(bar.open, high)
        if _beyond(account, opened_low, opened_high, model):
            account = _liquidated(account, bar.open_time_ms, account.bars, closed)
        else:
            account, traded = _filled(account, bar, model, closed)
            worst = bar.low if low is None else low, bar.high if high is None else high
            gone = _beyond(account, *worst, model)
            if model.funding and not gone:
                account = _settled(account, bar)
            if gone or _ruined(account, bar, model):
                account = _liquidated(account, bar.event_time_ms, account.bars + 1, closed)
    account = account.model_copy(update={"bars": account.bars + 1})
    mark = EquityMark(
        symbol=bar.symbol,
        event_time_ms=bar.event_time_ms,
        equity=account.equity(bar.close),
        units=account.units,
        traded=traded,
        closed=tuple(closed),
        trade=account.trade,
        liquidated_at_ms=account.liquidated_at_ms,
    )
    return account, (mark,)


def _filled(
    account: ReferenceAccount, bar: MarketBar, model: FillModel, closed: list[Trade]
) -> tuple[ReferenceAccount, float]:
    """Return the account after the open's fill, and the share of equity that was traded."""
    if bar.volume == 0.0:
        return account, 0.0
    if account.to_be_sized:
        wanted = _size(account, bar.open, model)
        account = account.model_copy(update={"wanted": wanted, "to_be_sized": False})
    missing = account.wanted - account.units
    if missing == 0.0:
        return account, 0.0
    before = account.equity(bar.open)
    price = bar.open * (1.0 + math.copysign(model.slippage, missing))
    full = model.participation is None or abs(missing) <= model.participation * bar.volume
    amount = missing if full else math.copysign((model.participation or 0.0) * bar.volume, missing)
    if before <= 0.0:
        return _liquidated(account, bar.open_time_ms, account.bars, closed), 0.0
    traded = abs(amount) * price / before
    if account.units * amount < 0.0:
        part = math.copysign(min(abs(amount), abs(account.units)), amount)
        account = _reduced(account, bar, (part, price), model, closed)
        if account.units == 0.0 and account.wallet <= 0.0:
            return _bankrupt(account, bar, closed), abs(part) * price / before
        amount -= part
    if amount != 0.0:
        account = _increased(account, bar, (amount, price), model)
    if full:
        account = account.model_copy(update={"units": account.wanted})
    return account, traded


def _size(account: ReferenceAccount, price: float, model: FillModel) -> float:
    """Return the units that the target asks for at an open."""
    value = account.target * model.leverage * max(account.equity(price), 0.0)
    buys = value / price > account.units
    wanted = value / (price * (1.0 + (model.slippage if buys else -model.slippage)))
    reached = wanted <= account.units if buys else wanted >= account.units
    return account.units if reached else wanted


def _increased(
    account: ReferenceAccount, bar: MarketBar, fill: tuple[float, float], model: FillModel
) -> ReferenceAccount:
    amount, price = fill
    trade = account.trade or Trade(
        entry_time_ms=bar.open_time_ms, side=1 if amount > 0.0 else -1, entry_bar=account.bars
    )
    fee = abs(amount) * price * model.taker_fee
    units = account.units + amount
    mean = (account.units * account.mean_price + amount * price) / units
    trade = trade.model_copy(
        update={
            "units": trade.units + abs(amount),
            "entered_for": trade.entered_for + abs(amount) * price,
            "fees": trade.fees + fee,
            "slippage": trade.slippage + abs(amount) * bar.open * model.slippage,
        }
    )
    changed = {"wallet": account.wallet - fee, "units": units, "mean_price": mean, "trade": trade}
    return account.model_copy(update=changed)


def _reduced(
    account: ReferenceAccount,
    bar: MarketBar,
    fill: tuple[float, float],
    model: FillModel,
    closed: list[Trade],
) -> ReferenceAccount:
    amount, price = fill
    fee = abs(amount) * price * model.taker_fee
    gained = -amount * (price - account.mean_price)
    units = account.units + amount
    assert account.trade is not None  # noqa: S101 - there is a position
    trade: Trade | None = account.trade.model_copy(
        update={
            "exited": account.trade.exited + abs(amount),
            "exited_for": account.trade.exited_for + abs(amount) * price,
            "fees": account.trade.fees + fee,
            "slippage": account.trade.slippage + abs(amount) * bar.open * model.slippage,
        }
    )
    if units == 0.0 and trade is not None:
        ended = {"exit_time_ms": bar.open_time_ms, "last_bar": account.bars}
        closed.append(trade.model_copy(update=ended))
        trade = None
    changed = {"wallet": account.wallet + gained - fee, "units": units, "trade": trade}
    return account.model_copy(update=changed)


def _settled(account: ReferenceAccount, bar: MarketBar) -> ReferenceAccount:
    if account.trade is None or bar.funding_due == 0.0:
        return account
    paid = account.units * bar.funding_due
    trade = account.trade.model_copy(update={"funding": account.trade.funding + paid})
    return account.model_copy(update={"wallet": account.wallet - paid, "trade": trade})


def _beyond(account: ReferenceAccount, low: float, high: float, model: FillModel) -> bool:
    if account.units == 0.0:
        return False
    price = liquidation_price(account, model.maintenance_margin)
    return low <= price if account.units > 0.0 else high >= price


def _ruined(account: ReferenceAccount, bar: MarketBar, model: FillModel) -> bool:
    """Whether a close leaves nothing of a position: by its mark, or by the price itself."""
    mark = bar.close if bar.mark is None else bar.mark
    nothing = account.units != 0.0 and account.equity(bar.close) <= 0.0
    return nothing or _beyond(account, mark, mark, model)


def _bankrupt(account: ReferenceAccount, bar: MarketBar, closed: list[Trade]) -> ReferenceAccount:
    """Return an account whose exit cost more than it held: the trade lost that much, no more."""
    trade = closed.pop()
    forgiven = trade.exited_for - account.wallet * trade.side
    closed.append(trade.model_copy(update={"exited_for": forgiven, "liquidated": True}))
    return account.model_copy(update={"wallet": 0.0, "liquidated_at_ms": bar.open_time_ms})


def _liquidated(
    account: ReferenceAccount, time_ms: int, bar: int, closed: list[Trade]
) -> ReferenceAccount:
    """Return an account that has lost its wallet; the position goes where nothing is left."""
    assert account.trade is not None  # noqa: S101 - there is a position
    nothing_left = account.mean_price - account.wallet / account.units
    size = abs(account.units)
    changed = {
        "exit_time_ms": time_ms,
        "last_bar": bar,
        "exited": account.trade.exited + size,
        "exited_for": account.trade.exited_for + size * nothing_left,
        "liquidated": True,
    }
    closed.append(account.trade.model_copy(update=changed))
    empty = {"wallet": 0.0, "units": 0.0, "trade": None, "liquidated_at_ms": time_ms}
    return account.model_copy(update=empty)
