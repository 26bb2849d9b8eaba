"""Trades of the journal: what their routes take, what they show, and the commands they become."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError, field_validator
from starlette.responses import Response

from gateway import errors
from gateway.answers import commands
from gateway.answers.commands import Caller, ReasonedBody
from gateway.context import AppContext
from gateway.envelope import raw, success
from gateway.errors import Refused, Unknown
from schemas.bounds import Count, Ticker, TimeMs
from schemas.configs import StrategyName
from schemas.ideas import IdeaEvent
from schemas.journal import (
    Amount,
    JournalAction,
    JournalCommand,
    JournalEntry,
    JournalTrade,
    PositiveAmount,
    TradeId,
)
from schemas.signals import Signal
from schemas.trades import EntryGrounds, Side, TradeResult
from streams.ideas.result import entry_grounds

TradeState = Literal["open", "closed", "passed"]
DEFAULT_STRATEGY = "ensemble"
TRADE_FIELDS = set(JournalTrade.model_fields)


class TradeBody(ReasonedBody):
    """A trade to record. Prices and amounts may be numbers or decimal text; text is exact."""

    trade_id: TradeId | None = Field(default=None, description="Null: it gets one")
    ticker: Ticker
    strategy_name: StrategyName | None = Field(
        default=None, description="Null: that of the signal, else the one that runs"
    )
    action: JournalAction
    side: Side | None = Field(default=None, description="Null: the signal's; without one buy")
    entry: PositiveAmount | None = None
    exit: PositiveAmount | None = Field(default=None, description="Null: it is open")
    quantity: PositiveAmount | None = None
    fees: Amount | None = Field(
        default=None, description="Of both sides, quote currency; null: a taker's are assumed"
    )
    opened_ms: TimeMs | None = Field(default=None, description="Null: now, market time")
    closed_ms: TimeMs | None = Field(default=None, description="Null: now, where it has an exit")
    notes: str = Field(default="", max_length=2_000)
    signal_id: str | None = Field(
        default=None, min_length=1, max_length=200, description="Of the signal that it is about"
    )
    idea_id: str | None = Field(
        default=None, min_length=1, max_length=200, description="Of the idea, in place of a signal"
    )

    @field_validator("trade_id")
    @classmethod
    def _has_an_address(cls, trade_id: str | None) -> str | None:
        if trade_id == "performance":
            raise ValueError("got 'performance', which is another route; expected another id")
        return trade_id


class CorrectionBody(ReasonedBody):
    """What is to stand otherwise; what is left out stays, null takes a value back."""

    action: JournalAction | None = None
    side: Side | None = None
    entry: PositiveAmount | None = None
    exit: PositiveAmount | None = None
    quantity: PositiveAmount | None = None
    fees: Amount | None = None
    opened_ms: TimeMs | None = None
    closed_ms: TimeMs | None = None
    notes: str | None = Field(default=None, max_length=2_000)
    signal_id: str | None = Field(default=None, min_length=1, max_length=200)
    idea_id: str | None = Field(default=None, min_length=1, max_length=200)
    expected_revision: Count | None = Field(
        default=None, description="As last read; 409 if it has changed. Null: as seen by this call"
    )


class TradeView(BaseModel):
    """A trade as it stands."""

    trade_id: str
    symbol: str
    strategy_name: str
    state: TradeState = Field(description="passed: it was skipped or missed")
    revision: int = Field(description="1: as it was added")
    recorded_ms: int = Field(description="Wall clock, of the newest revision")
    by: str
    trade: JournalTrade
    grade: str | None = Field(description="Of the signal; null: it was about none")
    grounds: EntryGrounds | None
    result: TradeResult | None = Field(description="Null while it has no end")


class TradeDetails(TradeView):
    """A trade with every revision."""

    history: list[JournalEntry] = Field(description="The oldest first")


class TradeList(BaseModel):
    """Trades of the journal, those that were added last first."""

    trades: list[TradeView]
    after: str | None = Field(description="Ask for the next page with it; null: this is the last")


class TradeAnswer(BaseModel):
    """How a command was decided, and the trade as it stands."""

    outcome: commands.OutcomeView
    trade: TradeView | None = Field(description="Null where a dry run would add it")


def state(entry: JournalEntry) -> TradeState:
    """Return whether a trade runs, has ended, or was let pass."""
    if entry.trade.action != "executed":
        return "passed"
    return "open" if entry.trade.exit is None else "closed"


def entity(ctx: AppContext, entry: JournalEntry) -> dict[str, Any]:
    """Return a trade as the routes show it."""
    grounds = entry.grounds
    return {
        "trade_id": entry.trade_id,
        "symbol": entry.symbol,
        "strategy_name": entry.strategy,
        "state": state(entry),
        "revision": entry.revision,
        "recorded_ms": entry.event_time_ms,
        "by": entry.by,
        "trade": entry.trade.model_dump(),
        "grade": None if grounds is None else grounds.grade,
        "grounds": None if grounds is None else grounds.model_dump(),
        "result": raw(ctx.views.results.encoded("journal", entry.trade_id)),
    }


async def add(caller: Caller, body: TradeBody) -> Response:
    """Return the answer to a trade that is recorded."""
    ctx = caller.ctx
    symbol = ctx.symbol(body.ticker)

    def new(told: dict[str, Any]) -> JournalCommand:
        stands = _stands(ctx, body.trade_id)
        grounds = _grounds(ctx, body, symbol, stands)
        said = body.model_dump(include=TRADE_FIELDS)
        said["side"] = body.side or _side(grounds)
        _keep_times(stands, said)
        return JournalCommand(
            **told,
            trade_id=body.trade_id or told["command_id"],
            strategy=_strategy(ctx, body.strategy_name, grounds),
            symbol=symbol,
            action="add",
            trade=_trade(ctx, said),
            grounds=grounds,
        )

    return await _answer(caller, body, {"journal": "add", **body.model_dump()}, new)


async def correct(caller: Caller, trade_id: str, body: CorrectionBody) -> Response:
    """Return the answer to a correction of a trade."""
    ctx = caller.ctx
    entry = ctx.views.journal.require(trade_id)[-1]
    said = body.model_dump(exclude_unset=True)

    def corrected(told: dict[str, Any]) -> JournalCommand:
        grounds = entry.grounds
        if "signal_id" in said or "idea_id" in said:
            grounds = _grounds(ctx, body, entry.symbol, entry)
        changes = {name: value for name, value in said.items() if name in TRADE_FIELDS}
        if changes.get("exit", "") is None:
            changes.setdefault("closed_ms", None)
        for name in ("action", "side", "opened_ms", "notes"):
            if changes.get(name, "") is None:
                raise Refused(f"{name}: got null, expected a value, or to be left out")
        revision = body.expected_revision
        return JournalCommand(
            **told,
            trade_id=trade_id,
            expected_revision=entry.revision if revision is None else revision,
            strategy=entry.strategy,
            symbol=entry.symbol,
            action="correct",
            trade=_trade(ctx, entry.trade.model_dump() | changes),
            grounds=grounds,
        )

    asked = {"journal": "correct", "trade_id": trade_id, **said}
    return await _answer(caller, body, asked, corrected)


def _trade(ctx: AppContext, said: dict[str, Any]) -> JournalTrade:
    """Return a whole trade, its times filled in; raises ``Refused``, also for a future one."""
    market_ms = ctx.market_ms()
    now_ms = ctx.wall_ms() if market_ms is None else market_ms
    if said.get("opened_ms") is None:
        closed_ms = said.get("closed_ms")
        said["opened_ms"] = now_ms if closed_ms is None else min(now_ms, closed_ms)
    if said.get("exit") is not None and said.get("closed_ms") is None:
        said["closed_ms"] = max(now_ms, said["opened_ms"])
    latest_ms = max(now_ms, ctx.wall_ms())  # a market that is played may be far behind
    for name in ("opened_ms", "closed_ms"):
        if (said.get(name) or 0) > latest_ms:
            raise Refused(f"{name}: got {said[name]}, expected {latest_ms}, now, or before")
    try:
        return JournalTrade.model_validate(said)
    except ValidationError as error:
        raise Refused(errors.describe(error.errors())) from None


def _grounds(
    ctx: AppContext, body: TradeBody | CorrectionBody, symbol: str, stands: JournalEntry | None
) -> EntryGrounds | None:
    """Return what a trade takes of what it is about; raises ``Unknown`` or ``Refused``.

    A trade that ``stands`` and is about the same keeps it: the signal may be held no longer.
    """
    if body.signal_id is not None and body.idea_id is not None:
        raise Refused("signal_id, idea_id: expected one of them, got both")
    known = None if stands is None or stands.symbol != symbol else stands.grounds
    if known is not None and _about(known) == (body.signal_id, body.idea_id):
        return known
    if body.idea_id is not None:
        idea = IdeaEvent.decode(ctx.views.ideas.require(body.idea_id).raw)
        if idea.symbol != symbol:
            raise Refused(f"idea_id: an idea of {idea.symbol}, expected one of {symbol}")
        return entry_grounds(idea)
    return None if body.signal_id is None else _signal_grounds(ctx, body.signal_id, symbol)


def _about(grounds: EntryGrounds) -> tuple[str | None, str | None]:
    """Return the signal and the idea as a request names them: an idea in place of its signal."""
    idea_id = grounds.idea_id
    return (grounds.signal_id if idea_id is None else None), idea_id


def _signal_grounds(ctx: AppContext, signal_id: str, symbol: str) -> EntryGrounds:
    compact = ctx.views.signals.get(signal_id)
    if compact is None:
        raise Unknown(
            f"signal_id: {signal_id!r} is not among the newest held; GET /api/signals lists them"
        )
    if compact.symbol != symbol:
        raise Refused(f"signal_id: a signal of {compact.symbol}, expected one of {symbol}")
    signal = Signal.decode(compact.raw)
    return EntryGrounds(
        signal_id=signal.signal_id,
        strategy=signal.strategy,
        timeframe_ms=signal.timeframe_ms,
        event_time_ms=signal.event_time_ms,
        direction=signal.direction,
        grade=signal.grade,
        confidence=signal.confidence,
        regime=signal.regime.most_probable,
        model_version=signal.model_version,
        config_id=signal.config_id,
        invalidation_price=signal.invalidation_price,
        expected_net_return=signal.expected_net_return,
    )


def _side(grounds: EntryGrounds | None) -> Side:
    if grounds is None:
        return "buy"
    if grounds.direction == "neutral":
        raise Refused("side: expected buy or sell, because the signal says neutral")
    return grounds.direction


def _strategy(ctx: AppContext, said: str | None, grounds: EntryGrounds | None) -> str:
    """Return the strategy of a trade, by default the one that runs; raises ``Unknown``."""
    running = [each.strategy for each in ctx.views.history.values()] or [DEFAULT_STRATEGY]
    if said is not None and said not in running:
        ctx.views.configs.require(said)
    return said or (grounds.strategy if grounds else running[0])


def _stands(ctx: AppContext, trade_id: str | None) -> JournalEntry | None:
    """Return a trade as it stands; None for one that has no id, or is new."""
    if trade_id is None or not ctx.views.journal.revision(trade_id):
        return None
    return ctx.views.journal.require(trade_id)[-1]


def _keep_times(stands: JournalEntry | None, said: dict[str, Any]) -> None:
    """Take times that are left out from the trade as it stands: adding it again adds nothing."""
    if stands is None:
        return
    if said["opened_ms"] is None:
        said["opened_ms"] = stands.trade.opened_ms
    if said["exit"] is not None and said["closed_ms"] is None:
        said["closed_ms"] = stands.trade.closed_ms


async def _answer(
    caller: Caller,
    body: ReasonedBody,
    asked: dict[str, Any],
    make: Callable[[dict[str, Any]], JournalCommand],
) -> Response:
    """Return how a command was decided, and its trade as it stands then; as ``Caller.decided``."""
    ctx, outcome = caller.ctx, await caller.decided(body, asked, make)
    if isinstance(outcome, dict):
        return success(outcome, 202)
    journal, name = ctx.views.journal, outcome.subject
    if not outcome.dry_run:
        await journal.wait_for(name, outcome.revision, commands.WAIT_S)
    return success(
        {
            "outcome": commands.body(outcome.command_id, outcome, dry_run=outcome.dry_run),
            "trade": entity(ctx, journal.require(name)[-1]) if journal.revision(name) else None,
        }
    )
