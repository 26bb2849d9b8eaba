"""The same back-test as ``fills``, said once more in plain Python: the oracle of the compiled one.

    bars, decisions  -->  [fills]  -->  marks

A pure step over records in the order in which they happen: the bar that closes, then the decision
that was made of it. The step keeps a wallet and a mean entry price as a venue's account page does,
and nothing of the compiled arithmetic; levels and order of exits are the one definition of both.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from schemas.record import Record
from streams.exits import (
    EXIT_REASONS,
    LIQUIDATED,
    NO_EXIT,
    REVERSAL,
    ROI,
    SIGNAL,
    BarPrices,
    ExitRules,
    HeldPosition,
    best_price,
    exit_rules,
    find_exit,
    mean_entry,
)
from streams.processor import Outputs, Processor
from streams.runtime.memory_driver import replay
from workers.bars.arrays import Bars
from workers.research.fill_bars import Floats
from workers.research.fill_kernel import FillPoint
from workers.research.fills import WITHOUT_EXITS, DecidedExits, FillModel
from workers.research.reference_records import (
    DECISIONS,
    MARKET_BARS,
    MARKS,
    Decision,
    EquityMark,
    MarketBar,
    ReferenceAccount,
    Trade,
)


class AccountTerms(NamedTuple):
    """What an account trades by."""

    model: FillModel
    rules: ExitRules


def fill_processor(terms: AccountTerms) -> Processor:
    """Return the processor that fills decisions."""

    def step(
        account: ReferenceAccount, record: MarketBar | Decision
    ) -> tuple[ReferenceAccount, Outputs]:
        if isinstance(record, Decision):
            decided = {"decided": record.target, "exits": record.exits}
            return account.model_copy(update=decided), ()
        return _live(account, record, terms)

    return Processor(
        name="fills",
        reads=(MARKET_BARS, DECISIONS),
        writes=(MARKS,),
        initial=ReferenceAccount(wallet=terms.model.equity),
        state_key=("symbol",),
        step=step,
    )


def replayed_marks(
    bars: Bars, target: Floats, model: FillModel, exits: DecidedExits = WITHOUT_EXITS
) -> list[EquityMark]:
    """Return the mark of every bar, the decisions replayed in memory."""
    terms = AccountTerms(model, exit_rules(exits.sets, bars.timeframe_ms))
    outputs = replay([fill_processor(terms)], bars_and_decisions(bars, target, exits))
    return [record for record in outputs if isinstance(record, EquityMark)]


def bars_and_decisions(
    bars: Bars, target: Floats, exits: DecidedExits = WITHOUT_EXITS
) -> Iterator[Record]:
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
        yield Decision(
            symbol=bars.symbol,
            event_time_ms=closed,
            target=float(target[t]),
            exits=0 if exits.row is None else int(exits.row[t]),
        )


def liquidation_price(account: ReferenceAccount, maintenance_margin: float) -> float:
    """Return the mark price at which the account's position is liquidated; below 0 there is none.

    Source: the venue's formula for one-way positions, one contract, first tier (no cumulative
    amount): ``(WB - side * size * entry) / (size * MMR - side * size)``.
    """
    size, side = abs(account.units), 1.0 if account.units > 0.0 else -1.0
    entry = side * size * account.mean_price
    return (account.wallet - entry) / (size * maintenance_margin - side * size)


def _live(
    before: ReferenceAccount, bar: MarketBar, terms: AccountTerms
) -> tuple[ReferenceAccount, Outputs]:
    """Return the account after a bar, and its mark."""
    account, model = before.model_copy(), terms.model
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
            account, traded = _traded(account, bar, terms, closed)
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


def _traded(
    account: ReferenceAccount, bar: MarketBar, terms: AccountTerms, closed: list[Trade]
) -> tuple[ReferenceAccount, float]:
    """Return the account at a bar's close, and the share of equity that was traded in it."""
    model, shares = terms.model, []
    if account.to_be_sized:
        at_open = BarPrices(bar.open, bar.open, bar.open)
        account, share = _left(account, bar, at_open, terms, closed)
        shares.append(share)
    if account.liquidated_at_ms is None:
        account, share = _filled(account, bar, model, closed)
        shares.append(share)
    if account.liquidated_at_ms is None:
        prices = BarPrices(bar.open, bar.low, bar.high)
        account, share = _left(account, bar, prices, terms, closed)
        shares.append(share)
    if account.liquidated_at_ms is not None:
        return account, sum(shares)
    if account.units != 0.0:
        side = math.copysign(1.0, account.units)
        best = best_price(side, account.best, bar.low, bar.high)
        account = account.model_copy(update={"best": best})
    gone = _beyond(account, *_worst(bar), model)
    if model.funding and not gone:
        account = _settled(account, bar)
    if gone or _ruined(account, bar, model):
        account = _liquidated(account, bar.event_time_ms, account.bars + 1, closed)
    return account, sum(shares)


def _worst(bar: MarketBar) -> tuple[float, float]:
    """Return the lowest and highest price of a bar, by the mark where it is known."""
    low, high = bar.mark_low, bar.mark_high
    return bar.low if low is None else low, bar.high if high is None else high


def _left(
    account: ReferenceAccount,
    bar: MarketBar,
    prices: BarPrices,
    terms: AccountTerms,
    closed: list[Trade],
) -> tuple[ReferenceAccount, float]:
    """Return the account after its exits at some prices of a bar, and the share that was traded."""
    if account.trade is None or account.leaving != NO_EXIT or bar.volume == 0.0:
        return account, 0.0
    age_ms = bar.open_time_ms - account.trade.entry_time_ms
    side, model = math.copysign(1.0, account.units), terms.model
    held = HeldPosition(side, account.entry, account.best, age_ms)
    why, level = find_exit(held, prices, terms.rules, account.exits)
    if why == NO_EXIT:
        return account, 0.0
    inside = level != bar.open
    nearer = why == ROI or _beyond(account, level, level, model)
    if inside and nearer and _beyond(account, *_worst(bar), model):
        return account, 0.0  # the margin ends first
    at = FillPoint(level, bar.event_time_ms if inside else bar.open_time_ms, account.bars + inside)
    account = account.model_copy(update={"leaving": why, "wanted": 0.0})
    return _ordered(account, at, bar.volume, model, closed)


def _filled(
    account: ReferenceAccount, bar: MarketBar, model: FillModel, closed: list[Trade]
) -> tuple[ReferenceAccount, float]:
    """Return the account after the open's fill, and the share of equity that was traded."""
    if bar.volume == 0.0:
        return account, 0.0
    if account.to_be_sized:
        sized = {"wanted": _size(account, bar.open, model), "leaving": NO_EXIT}
        account = account.model_copy(update=sized | {"to_be_sized": False})
    if account.wanted == account.units:
        return account, 0.0
    at = FillPoint(bar.open, bar.open_time_ms, account.bars)
    return _ordered(account, at, bar.volume, model, closed)


def _ordered(
    account: ReferenceAccount, at: FillPoint, volume: float, model: FillModel, closed: list[Trade]
) -> tuple[ReferenceAccount, float]:
    """Return the account after its order met the market, and the share of equity traded."""
    missing = account.wanted - account.units
    before = account.equity(at.price)
    price = at.price * (1.0 + math.copysign(model.slippage, missing))
    full = model.participation is None or abs(missing) <= model.participation * volume
    amount = missing if full else math.copysign((model.participation or 0.0) * volume, missing)
    if before <= 0.0:
        return _liquidated(account, at.time_ms, at.stop, closed), 0.0
    traded = abs(amount) * price / before
    if account.units * amount < 0.0:
        part = math.copysign(min(abs(amount), abs(account.units)), amount)
        account = _reduced(account, at, (part, price), model, closed)
        if account.units == 0.0 and account.wallet <= 0.0:
            return _bankrupt(account, at, closed), abs(part) * price / before
        amount -= part
    if amount != 0.0:
        account = _increased(account, at, (amount, price), model)
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
    account: ReferenceAccount, at: FillPoint, fill: tuple[float, float], model: FillModel
) -> ReferenceAccount:
    amount, price = fill
    trade = account.trade or Trade(
        entry_time_ms=at.time_ms, side=1 if amount > 0.0 else -1, entry_bar=at.stop
    )
    fee = abs(amount) * price * model.taker_fee
    units = account.units + amount
    mean = (account.units * account.mean_price + amount * price) / units
    trade = trade.model_copy(
        update={
            "units": trade.units + abs(amount),
            "entered_for": trade.entered_for + abs(amount) * price,
            "fees": trade.fees + fee,
            "slippage": trade.slippage + abs(amount) * at.price * model.slippage,
        }
    )
    changed = {
        "wallet": account.wallet - fee,
        "units": units,
        "mean_price": mean,
        "trade": trade,
        "entry": mean_entry(account.entry, price, abs(amount), trade.units),
        "best": price if account.trade is None else account.best,
    }
    return account.model_copy(update=changed)


def _reduced(
    account: ReferenceAccount,
    at: FillPoint,
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
            "slippage": account.trade.slippage + abs(amount) * at.price * model.slippage,
        }
    )
    changed = {"wallet": account.wallet + gained - fee, "units": units, "trade": trade}
    if units == 0.0 and trade is not None:
        turned = REVERSAL if account.wanted * amount > 0.0 else SIGNAL
        why = turned if account.leaving == NO_EXIT else account.leaving
        ended = {"exit_time_ms": at.time_ms, "last_bar": at.stop, "exit_reason": EXIT_REASONS[why]}
        closed.append(trade.model_copy(update=ended))
        changed |= {"trade": None, "leaving": NO_EXIT}
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


def _bankrupt(account: ReferenceAccount, at: FillPoint, closed: list[Trade]) -> ReferenceAccount:
    """Return an account whose exit cost more than it held: the trade lost that much, no more."""
    trade = closed.pop()
    forgiven = trade.exited_for - account.wallet * trade.side
    lost = {"exited_for": forgiven, "liquidated": True, "exit_reason": EXIT_REASONS[LIQUIDATED]}
    closed.append(trade.model_copy(update=lost))
    return account.model_copy(update={"wallet": 0.0, "liquidated_at_ms": at.time_ms})


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
        "exit_reason": EXIT_REASONS[LIQUIDATED],
    }
    closed.append(account.trade.model_copy(update=changed))
    empty = {"wallet": 0.0, "units": 0.0, "trade": None, "liquidated_at_ms": time_ms}
    return account.model_copy(update=empty)
