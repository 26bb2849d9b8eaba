"""How much a strategy may risk: the limits that its config sets."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.bounds import MAX_EQUITY
from schemas.record import Record

Multiple = Annotated[float, Field(gt=0.0, le=1_000.0)]  # of equity


class RiskPolicy(Record):
    """The limits of a strategy's config; all of them are advice."""

    risk_per_trade: float = Field(
        default=0.01, gt=0.0, le=1.0, description="Fraction of equity that an invalidation may cost"
    )
    max_position_notional: float = Field(
        default=100_000.0, gt=0.0, le=MAX_EQUITY, description="Of one symbol, US dollars"
    )
    max_concentration: Multiple = Field(
        default=1.0, description="Notional of one symbol over equity"
    )
    max_gross_exposure: Multiple = Field(
        default=3.0, description="Notional of all symbols over equity: they fall together"
    )
    max_daily_loss: float = Field(
        default=0.03,
        gt=0.0,
        le=1.0,
        description="Since midnight UTC with what is unrealised, a fraction of the wallet then",
    )
