"""Size and risk of a signal for the account that is connected, by the ACTIVE config.

Ideas that are open count as open trades, whether the account holds them or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.answers.portfolio import ReadAccount, require_account
from gateway.context import AppContext
from gateway.errors import Unavailable
from schemas.risk import RiskPolicy
from streams.account_risk import (
    Contract,
    Proposal,
    RiskAdvice,
    RiskLimits,
    advise,
    missing_advice,
)

DEFAULT_LIMITS = RiskLimits(RiskPolicy())


def risk_advice(ctx: AppContext, signal: Mapping[str, Any]) -> RiskAdvice:
    """Return the advice for a signal; every check fails where the account is not known.

    Args:
        ctx: Of the application.
        signal: With ``symbol``, ``strategy``, ``direction``, ``reference_price`` and
            ``invalidation_price``.
    """
    try:
        account = require_account(ctx)
    except Unavailable as unknown:
        return missing_advice(unknown.message)
    if account.stale:
        return missing_advice(_too_old(account))
    proposal = Proposal(
        symbol=signal["symbol"],
        direction=signal["direction"],
        price=signal["reference_price"],
        invalidation=signal["invalidation_price"],
        contract=_contract(ctx, signal["symbol"]),
    )
    strategy = signal["strategy"]
    ideas = ctx.views.ideas.open_symbols(strategy)
    return advise(proposal, account.snapshot, _limits(ctx, strategy), ideas)


def _too_old(account: ReadAccount) -> str:
    return f"the account was read {account.age_ms / 1000:,.0f} s ago"


def _contract(ctx: AppContext, symbol: str) -> Contract | None:
    """Return what the venue says of a symbol; None where it says no step."""
    table = ctx.views.refdata.tables.get("symbol")
    row = next((row for row in table.rows if row.get("symbol") == symbol), None) if table else None
    values = {name: None if row is None else row.get(name) for name in Contract._fields}
    if not all(isinstance(value, float | int | None) for value in values.values()):
        return None
    contract = Contract(**values)  # type: ignore[arg-type]  # looked at, but for the step
    return contract if (contract.step_size or 0.0) > 0.0 else None


def _limits(ctx: AppContext, strategy: str) -> RiskLimits:
    """Return the limits of the config that is ACTIVE; those of the defaults without one."""
    active = ctx.views.configs.active(strategy, ctx.wall_ms())
    if active is None:
        return DEFAULT_LIMITS
    config = ctx.views.configs.parsed(active)
    defaults = config.strategy_service.defaults
    return RiskLimits(config.risk, defaults.stake_amount, defaults.max_open_trades)
