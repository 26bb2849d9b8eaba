"""Advice for an account: what it holds, how much a signal may add, and which limits that meets.

Amounts are in the currency of the account, shares are fractions of its equity. Nothing here is an
order. What is unknown fails the checks and says "data missing".
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import Literal, NamedTuple

from schemas.portfolio import AccountPosition, AccountSnapshot
from schemas.risk import RiskPolicy
from schemas.signals import Direction
from streams.costs import direction_sign

CheckName = Literal["position_limit", "concentration", "daily_loss_limit"]
CheckOutcome = Literal["pass", "warn", "fail"]
ROUNDING = 1e-9  # of a notional: a product of doubles
CHECKS: tuple[CheckName, ...] = ("position_limit", "concentration", "daily_loss_limit")


@dataclass(frozen=True)
class Exposure:
    """Notional of long and of short positions, both at least 0."""

    long: float = 0.0
    short: float = 0.0

    @property
    def gross(self) -> float:
        """Long and short together."""
        return self.long + self.short

    @property
    def net(self) -> float:
        """Long less short; below 0 it is short."""
        return self.long - self.short


def exposure(positions: Iterable[AccountPosition]) -> Exposure:
    """Return the notional of some positions."""
    long = short = 0.0
    for each in positions:
        if each.side == "long":
            long += each.notional
        else:
            short += each.notional
    return Exposure(long, short)


class Contract(NamedTuple):
    """What the venue lets one order have; None: it names no such bound."""

    step_size: float
    min_quantity: float | None = None
    max_quantity: float | None = None
    min_notional: float | None = None


@dataclass(frozen=True)
class Proposal:
    """What a signal proposes.

    Attributes:
        symbol: Canonical.
        direction: neutral proposes nothing, and the account is checked as it is.
        price: Close at the signal, above 0.
        invalidation: Where it is wrong; None: it is unknown.
        contract: None: the venue has not told it.
    """

    symbol: str
    direction: Direction
    price: float
    invalidation: float | None
    contract: Contract | None


@dataclass(frozen=True)
class RiskLimits:
    """What bounds a size.

    Attributes:
        policy: Of the config.
        stake_amount: Notional of one trade at most; None: no bound.
        max_open_trades: Symbols that may be held at once; None: no bound.
    """

    policy: RiskPolicy
    stake_amount: float | None = None
    max_open_trades: int | None = None


class LimitCheck(NamedTuple):
    """One limit: what there would be, and up to where it may go, the limit included."""

    name: CheckName
    outcome: CheckOutcome
    detail: str
    value: float | None = None
    limit: float | None = None


@dataclass(frozen=True)
class RiskAdvice:
    """How much to take, and how each limit stands with it.

    Attributes:
        quantity: None: nothing, or it is unknown, which ``why`` tells.
        checks: Every one of ``CHECKS``.
        why: Why there is no quantity; empty with one.
    """

    quantity: float | None
    checks: tuple[LimitCheck, ...]
    why: str = ""

    @property
    def approved(self) -> bool:
        """Whether no check fails."""
        return all(check.outcome != "fail" for check in self.checks)


def missing_advice(why: str) -> RiskAdvice:
    """Return the advice where the account is unknown: every check fails."""
    detail = f"data missing: {why}"
    return RiskAdvice(None, tuple(LimitCheck(name, "fail", detail) for name in CHECKS), detail)


def advise(
    proposal: Proposal,
    account: AccountSnapshot,
    limits: RiskLimits,
    open_symbols: Iterable[str] = (),
) -> RiskAdvice:
    """Return size and checks of a proposal.

    The size risks ``risk_per_trade`` of the equity between price and invalidation. It is cut where
    a limit is met, then rounded down to the contract's step; where a check fails there is none.

    Args:
        proposal: Of one symbol.
        account: As it was read last.
        limits: Of the config.
        open_symbols: Of ideas that are open; each counts as an open trade.
    """
    if account.equity <= 0.0:
        return missing_advice(f"equity is {account.equity:,.2f}, expected more than 0")
    bounds = _bounds(proposal, account, limits, open_symbols)
    wanted, why = _wanted_notional(proposal, account.equity, limits)
    if wanted is None:
        unknown = (LimitCheck(bound.name, "fail", why) for bound in bounds)
        return RiskAdvice(None, (*unknown, _daily_loss(account, limits.policy)), why)
    size = min(wanted, *(bound.room for bound in bounds))
    quantity, too_small = _rounded(size / proposal.price, proposal)
    checks = (
        *(bound.check(quantity * proposal.price, wanted) for bound in bounds),
        _daily_loss(account, limits.policy, _loss(proposal, quantity)),
    )
    advice = RiskAdvice(quantity or None, checks, why or too_small)
    failing = ", ".join(check.name for check in checks if check.outcome == "fail")
    return RiskAdvice(None, checks, f"failing: {failing}") if failing else advice


@dataclass(frozen=True)
class _Bound:
    """Up to where the notional of a symbol may go, in a direction."""

    name: CheckName
    held: float  # signed notional
    sign: int
    limit: float  # of the notional, at least 0
    unit: float  # of what is shown: 1, or the equity
    words: str  # with the places value and limit

    @property
    def room(self) -> float:
        """What may be added in the direction."""
        return max(0.0, self.limit - self.sign * self.held)

    def check(self, added: float, wanted: float) -> LimitCheck:
        """Return how the limit stands when some notional is added, of what was wanted."""
        after = abs(self.held + self.sign * added)
        outcome: CheckOutcome = "pass"
        if after > self.limit * (1.0 + ROUNDING):
            outcome = "warn" if after < abs(self.held) else "fail"  # less of it is no harm
        elif self.room < wanted:
            outcome = "warn" if added else "fail"
        value, limit = after / self.unit, self.limit / self.unit
        detail = self.words.format(value=f"{value:,.2f}", limit=f"{limit:,.2f}")
        return LimitCheck(self.name, outcome, detail, value, limit)


def _bounds(
    proposal: Proposal, account: AccountSnapshot, limits: RiskLimits, open_symbols: Iterable[str]
) -> tuple[_Bound, _Bound]:
    """Return the bounds of the position and of the concentration."""
    symbol, policy, equity = proposal.symbol, limits.policy, account.equity
    held = exposure(p for p in account.positions if p.symbol == symbol).net
    others = exposure(p for p in account.positions if p.symbol != symbol).gross
    sign = direction_sign(proposal.direction)
    others_open = {*open_symbols, *(p.symbol for p in account.positions)} - {symbol}
    most, largest = limits.max_open_trades, policy.max_position_notional
    words = "{value} in this symbol, at most {limit}"
    if most is not None and not held and len(others_open) >= most:
        largest, words = 0.0, f"{len(others_open)} other symbols are open, at most {most} in all"
    room = max(0.0, policy.max_gross_exposure - others / equity)
    share = min(policy.max_concentration, room)
    shares = (
        f"{{value}} of equity in this symbol, at most {{limit}}; {others / equity:,.2f} in others"
    )
    return (
        _Bound("position_limit", held, sign, largest, 1.0, words),
        _Bound("concentration", held, sign, share * equity, equity, shares),
    )


def _wanted_notional(
    proposal: Proposal, equity: float, limits: RiskLimits
) -> tuple[float | None, str]:
    """Return the notional without limits of the account, else why: 0 for neutral, None: unknown."""
    if proposal.direction == "neutral":
        return 0.0, "neutral: nothing to take"
    if proposal.contract is None:
        return None, "data missing: the contract's step"
    distance = 0.0 if proposal.invalidation is None else abs(proposal.price - proposal.invalidation)
    if distance == 0.0:
        return None, "data missing: no invalidation to measure the risk by"
    wanted = limits.policy.risk_per_trade * equity / distance * proposal.price
    return min(wanted, math.inf if limits.stake_amount is None else limits.stake_amount), ""


def _rounded(quantity: float, proposal: Proposal) -> tuple[float, str]:
    """Return a quantity that the contract takes, rounded down; 0 and why where it takes none."""
    contract = proposal.contract
    if contract is None or quantity <= 0.0:
        return 0.0, ""
    step = Decimal(str(contract.step_size))
    capped = min(quantity, math.inf if contract.max_quantity is None else contract.max_quantity)
    steps = (Decimal(str(capped)) / step).to_integral_value(ROUND_FLOOR)
    rounded = float(steps * step)
    least = max(contract.min_quantity or 0.0, (contract.min_notional or 0.0) / proposal.price)
    if rounded <= 0.0 or rounded < least:
        return 0.0, f"{quantity:.6g} is less than the venue takes, {max(least, float(step)):.6g}"
    return rounded, ""


def _loss(proposal: Proposal, quantity: float) -> float:
    """Return what the invalidation would cost, before fees."""
    invalidation = proposal.invalidation
    return 0.0 if invalidation is None else quantity * abs(proposal.price - invalidation)


def _daily_loss(account: AccountSnapshot, policy: RiskPolicy, at_risk: float = 0.0) -> LimitCheck:
    """Return how the result since midnight stands, and how it would after one more loss."""
    name: CheckName = "daily_loss_limit"
    day, wallet = account.day, account.wallet_balance - account.day.result
    if day.unvalued:
        assets = ", ".join(day.unvalued)
        return LimitCheck(name, "fail", f"data missing: what bookings in {assets} are worth")
    if wallet <= 0.0:
        return LimitCheck(name, "fail", f"data missing: the wallet at midnight is {wallet:,.2f}")
    value, limit = (day.result + account.unrealized_profit) / wallet, -policy.max_daily_loss
    after = value - at_risk / wallet
    outcome: CheckOutcome = "fail" if value < limit else "warn" if after < limit else "pass"
    detail = f"{value:.2%} since midnight UTC, {after:.2%} if this one fails, {limit:.2%} at most"
    return LimitCheck(name, outcome, detail, value, limit)
