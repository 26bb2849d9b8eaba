"""The journal: what a human did about the market, in exact decimals; corrections keep history.

Commands by the gateway; entries written by ``streams.journal``.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from schemas.bounds import Count
from schemas.commands import Command, CommandId
from schemas.configs import StrategyName
from schemas.record import Milliseconds, Record, Symbol
from schemas.trades import DecimalText, EntryGrounds, Side

JournalAction = Literal["executed", "skipped", "missed"]

_PATTERN = r"^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,12})?$"
_EXPECTED = (
    "expected a decimal number such as 45000.5, at most 15 digits before the point and 12 after it"
)


def decimal_text(value: object) -> str:
    """Return a number as the shortest plain decimal text; raises ``ValueError`` for what is none.

    >>> decimal_text("45000.50"), decimal_text(1e-7), decimal_text("-0")
    ('45000.5', '0.0000001', '0')
    """
    text = ""
    if isinstance(value, float):
        value = round(value, 12)  # a computed price has digits that no market has
    # Decimal reads 1_000 besides, and spaces around it.
    plain = not isinstance(value, str) or re.fullmatch(r"[-+.\deE]+", value)
    if plain and isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            number = Decimal("NaN")
        if number.is_finite() and abs(number.adjusted()) < 100:
            text = format(number.normalize(), "f") if number else "0"
    if not re.fullmatch(_PATTERN, text):
        raise ValueError(f"got {str(value)[:40]!r}, {_EXPECTED}")
    return text


def _positive(text: str) -> str:
    if Decimal(text) <= 0:
        raise ValueError(f"got {text}, expected more than 0")
    return text


_LARGEST = 10**15
_Said = Annotated[str, Field(max_length=40)] | Annotated[float, Field(gt=-_LARGEST, lt=_LARGEST)]
Amount = Annotated[
    DecimalText,
    BeforeValidator(decimal_text, json_schema_input_type=_Said),
    Field(json_schema_extra={"pattern": _PATTERN}),
]
PositiveAmount = Annotated[Amount, AfterValidator(_positive)]
TradeId = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", max_length=64, description="The Kafka key"),
]


class JournalTrade(Record):
    """One trade that a human has made, or has let pass."""

    action: JournalAction = Field(
        description="executed; skipped: seen and not taken; missed: not seen in time"
    )
    side: Side = Field(description="buy: long, sell: short")
    entry: PositiveAmount | None = Field(
        default=None, description="Price; of what was not executed the one that was to be had"
    )
    exit: PositiveAmount | None = Field(default=None, description="Price; null: it is open")
    quantity: PositiveAmount | None = Field(default=None, description="In the base currency")
    fees: Amount | None = Field(
        default=None,
        description="All of it, in the quote currency; negative: a rebate; null: not known",
    )
    opened_ms: Milliseconds = Field(description="Market time of the entry, or of the decision")
    closed_ms: Milliseconds | None = Field(
        default=None, description="The same of the exit; null: none"
    )
    notes: str = Field(default="", max_length=2_000)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.entry is None and (self.action == "executed" or self.exit is not None):
            raise ValueError(f"entry: got null, expected the price of what was {self.action}")
        if (self.exit is None) != (self.closed_ms is None):
            raise ValueError("exit and closed_ms belong together: give both, or neither")
        if self.closed_ms is not None and self.closed_ms < self.opened_ms:
            raise ValueError(
                f"closed_ms: got {self.closed_ms}, expected {self.opened_ms} or later, the entry's"
            )
        if self.fees is not None and (self.action != "executed" or self.quantity is None):
            raise ValueError("fees: expected with action executed and a quantity alone")
        return self


class JournalCommand(Command):
    """Add a trade, or correct one: the whole of it as it shall stand."""

    strategy: StrategyName
    trade_id: TradeId
    symbol: Symbol
    action: Literal["add", "correct"]
    trade: JournalTrade
    grounds: EntryGrounds | None = Field(
        default=None, description="Of the signal that it is about, as the edge has read it"
    )


class JournalEntry(Record):
    """A trade as it stands after a command; the entries of one id are its history."""

    strategy: StrategyName
    trade_id: TradeId
    symbol: Symbol
    revision: Count = Field(description="1: as it was added")
    event_time_ms: Milliseconds = Field(description="Of the command, wall clock")
    trade: JournalTrade
    grounds: EntryGrounds | None = None
    command_id: CommandId
    by: str
    reason: str = ""
