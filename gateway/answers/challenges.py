"""Challenges: what their routes take and show, and the commands that they become."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, Field
from starlette.responses import Response

from gateway.answers import commands
from gateway.answers.challenge_ideas import ChallengeIdeas, ideas
from gateway.answers.commands import Caller, ReasonedBody
from gateway.answers.model_commands import VersionName, requested_line
from gateway.context import AppContext
from gateway.envelope import iso, plain
from gateway.errors import Conflict, Refused
from gateway.views import clock
from gateway.views.versions import Line, VersionLine
from schemas.bounds import MAX_COUNT, TimeMs
from schemas.challenges import (
    Challenge,
    ChallengeBasis,
    ChallengeCommand,
    ChallengeStatus,
    ChallengeTrade,
    Recommendation,
    ReturnFraction,
    ReturnTotals,
    Variant,
)
from schemas.policies import Hours, MinTrades
from schemas.timeframes import timeframe_name
from schemas.versions import ModelVersion
from streams.evaluation.fixed_sample import Sample, TestResult, welch_test, win_rate_test


class ChallengeBody(ReasonedBody):
    """Two versions to compare. All that decides is fixed with it."""

    timeframe: str | None = Field(
        default=None, max_length=40, description="One that runs, such as 15m; the base if left"
    )
    challenger: VersionName = Field(description="In Staging: its number, or its model version")
    champion: VersionName | None = Field(
        default=None, description="Null: the one in Production, which it must be"
    )
    basis: ChallengeBasis = Field(
        default="log_loss",
        description="log_loss: both predict the same bars; trades: those that are posted",
    )
    min_trades: MinTrades | None = Field(
        default=None, description="Of each variant; null: gates.challenge of the ACTIVE config"
    )
    deadline_hours: Hours | None = Field(
        default=None, description="Wall clock; null: as min_trades"
    )


class ChallengeTradeBody(ReasonedBody):
    """A trade of one of the two models. Posted again under its id it counts once."""

    trade_id: str = Field(min_length=1, max_length=100)
    variant: Variant
    net_return: ReturnFraction = Field(description="After costs, fraction of the entry")
    opened_ms: TimeMs = Field(description="Market time; the challenge has begun by then")
    closed_ms: TimeMs = Field(description="Market time; not after now")


class CancelChallengeBody(ReasonedBody):
    """Why a challenge is cancelled."""


class VariantView(BaseModel):
    """What one of the two models has earned."""

    version: int | None = Field(description="Its number; null where the versions do not tell")
    model_version: str
    trades: int
    wins: int
    win_rate: float | None
    mean_return: float | None = Field(description="Net, of a trade, a fraction")
    deviation: float | None = Field(description="Of those returns; null below two")


class ChallengeView(BaseModel):
    """A challenge as it stands."""

    challenge_id: str
    strategy_name: str
    timeframe: str
    number: int = Field(ge=1, le=MAX_COUNT, description="Of the strategy")
    status: ChallengeStatus
    recommendation: Recommendation
    reason: str
    basis: ChallengeBasis
    champion: VariantView
    challenger: VariantView
    symbols: list[str]
    min_trades: int
    automatic: bool = Field(description="Its winner is promoted without being asked")
    config_id: str | None
    created: str = Field(description="Wall clock, ISO 8601")
    deadline: str = Field(description="Wall clock, ISO 8601")
    starts: str = Field(description="Market time, ISO 8601: bars and trades count from it")


class TestView(BaseModel):
    """A test that holds at one look, at a number of trades fixed beforehand; it decides nothing."""

    statistic: float = Field(description="Above 0: the challenger is better")
    p_value: float
    degrees: float | None = Field(description="Of freedom; null: by the normal distribution")
    significant: bool = Field(description="At the alpha of the challenge")


class SequenceView(BaseModel):
    """The test that decides: its interval holds at all looks together."""

    family: str
    alpha: float = Field(description="What the ledger of the strategy grants this challenge")
    horizon_bars: int
    block_bars: int = Field(description="Of trades: each is a block")
    outcomes: int = Field(description="Bars, or trades, that have been compared")
    blocks: int
    gain: float | None = Field(
        description="Log-loss less, or net return more, than the champion; null before a block"
    )
    low: float | None = Field(description="Null: too few blocks, or all alike")
    high: float | None
    more_bars: int | None = Field(
        description="Until it decides if all goes on like that; null: too early, or of trades"
    )
    more_trades: int | None = Field(
        description="The same of a challenge on trades: of both together, none beside another"
    )


class EvaluationView(BaseModel):
    """What a challenge comes to by now."""

    challenge_id: str
    status: ChallengeStatus
    recommendation: Recommendation
    reason: str
    sequence: SequenceView
    welch_test: TestView | None = Field(description="Of mean returns; null where undefined")
    win_rate_test: TestView | None = Field(description="Pooled by trades; null where undefined")
    champion: VariantView
    challenger: VariantView
    min_trades: int
    deadline: str


class PointView(BaseModel):
    """The interval at one look."""

    time: str = Field(description="Market time, ISO 8601")
    blocks: int
    gain: float | None
    low: float | None
    high: float | None


class ChallengeDetails(ChallengeView):
    """A challenge with its test, how the interval has shrunk, and what its ideas came to."""

    sequence: SequenceView
    points: list[PointView]
    ideas: ChallengeIdeas = Field(description="None of either where trades are posted")


class ChallengeList(BaseModel):
    """The challenges of a model, the newest first."""

    strategy_name: str
    timeframe: str
    challenges: list[ChallengeView]


class ChallengeAnswer(BaseModel):
    """How a command was decided, and the challenge as it stands."""

    outcome: commands.OutcomeView
    challenge: ChallengeView | None = Field(description="Null where a dry run would create it")


def entity(ctx: AppContext, challenge: Challenge) -> dict[str, Any]:
    """Return a challenge as the routes show it; one that is past its deadline keeps the champion.

    The processor says so within an hour of market time.
    """
    found, reason = challenge.recommendation, challenge.reason
    if challenge.status == "active" and ctx.wall_ms() >= challenge.deadline_ms:
        found, reason = "KEEP_CHAMPION", f"its deadline has passed: {reason}"
    return {
        "challenge_id": challenge.challenge_id,
        "strategy_name": challenge.strategy,
        "timeframe": timeframe_name(challenge.timeframe_ms),
        "number": challenge.number,
        "status": challenge.status,
        "recommendation": found,
        "reason": reason,
        "basis": challenge.basis,
        "champion": _variant(ctx, challenge, "champion"),
        "challenger": _variant(ctx, challenge, "challenger"),
        "symbols": list(challenge.symbols),
        "min_trades": challenge.min_trades,
        "automatic": challenge.automatic,
        "config_id": challenge.config_id,
        "created": iso(challenge.created_ms),
        "deadline": iso(challenge.deadline_ms),
        "starts": iso(challenge.from_ms),
    }


def details(ctx: AppContext, challenge: Challenge) -> dict[str, Any]:
    """Return a challenge with its test, the interval at each look, and what its ideas came to."""
    points = ctx.views.challenges.points(challenge.challenge_id)
    return {
        **entity(ctx, challenge),
        "sequence": _sequence(challenge),
        "points": [
            {
                "time": iso(point.event_time_ms),
                **dict(zip(point._fields[1:], point[1:], strict=True)),
            }
            for point in points
        ],
        "ideas": ideas(ctx.views.challenges, challenge.challenge_id),
    }


def evaluation(ctx: AppContext, challenge: Challenge) -> dict[str, Any]:
    """Return what a challenge comes to, with the documented tests beside the one that decides."""
    shown = entity(ctx, challenge)
    ours, theirs = challenge.challenger_trades, challenge.champion_trades
    names = ("challenge_id", "status", "recommendation", "reason", "champion", "challenger")
    return {
        **{name: shown[name] for name in (*names, "min_trades", "deadline")},
        "sequence": _sequence(challenge),
        "welch_test": _test(welch_test(_sample(ours), _sample(theirs)), challenge.alpha),
        "win_rate_test": _test(
            win_rate_test(ours.wins, ours.trades, theirs.wins, theirs.trades), challenge.alpha
        ),
    }


def _sample(totals: ReturnTotals) -> Sample:
    variance = totals.squares / (totals.trades - 1) if totals.trades > 1 else 0.0
    return Sample(totals.trades, totals.mean, variance)


def _test(result: TestResult | None, alpha: float) -> dict[str, Any] | None:
    if result is None:
        return None
    return {
        "statistic": result.statistic,
        "p_value": result.p_value,
        "degrees": result.degrees,
        "significant": result.p_value < alpha,
    }


def _sequence(challenge: Challenge) -> dict[str, Any]:
    return challenge.model_dump(include=set(SequenceView.model_fields))


def _variant(ctx: AppContext, challenge: Challenge, variant: Variant) -> dict[str, Any]:
    ours = variant == "challenger"
    totals = challenge.challenger_trades if ours else challenge.champion_trades
    name = challenge.challenger if ours else challenge.champion
    known = ctx.views.versions.version(challenge.strategy, challenge.timeframe_ms, name)
    sample = _sample(totals)
    return {
        "version": None if known is None else known.number,
        "model_version": name,
        "trades": totals.trades,
        "wins": totals.wins,
        "win_rate": totals.wins / totals.trades if totals.trades else None,
        "mean_return": totals.mean if totals.trades else None,
        "deviation": math.sqrt(sample.variance) if totals.trades > 1 else None,
    }


async def create(caller: Caller, name: str, body: ChallengeBody) -> Response:
    """Return the answer to a challenge that is created."""
    line = requested_line(caller.ctx, name, body.timeframe)
    asked = {"challenge": "create", "name": name, **body.model_dump()}
    return await _answer(caller, line, body, asked, lambda: _arms(caller.ctx, line, body))


def _arms(ctx: AppContext, line: Line, body: ChallengeBody) -> dict[str, Any]:
    """Return what is particular to a challenge that is created; raises ``GatewayError``."""
    versions = ctx.views.versions
    champion = _serving(versions.require(*line), line[0])
    if body.champion is not None:
        named = versions.require_version(*line, str(body.champion))
        if named.number != champion.number:
            raise Conflict(
                f"champion: version {named.number} is {named.stage}, expected version "
                f"{champion.number}, which is in Production"
            )
    challenger = versions.require_version(*line, str(body.challenger))
    if challenger.stage not in ("Staging", "Production"):  # the latter is refused by its name
        raise Conflict(
            f"challenger: version {challenger.number} is {challenger.stage}, expected Staging: "
            f"move it there first"
        )
    return {
        "action": "create",
        "effective_from_ms": clock.effective_from_ms(ctx.views, ctx.wall_ms()),
        "champion": champion.model,
        "challenger": challenger.model,
        **body.model_dump(include={"basis", "min_trades", "deadline_hours"}),
    }


def _serving(line: VersionLine, name: str) -> ModelVersion:
    for version in line.versions.values():
        if version.stage == "Production":
            return version
    raise Conflict(f"{name} has no version in Production: there is no champion to challenge")


async def add_trade(caller: Caller, challenge_id: str, body: ChallengeTradeBody) -> Response:
    """Return the answer to a trade that is posted."""
    challenge = caller.ctx.views.challenges.require(challenge_id)
    if body.closed_ms < body.opened_ms:
        raise Refused(f"closed_ms: got {body.closed_ms}, expected {body.opened_ms} or later")
    trade = ChallengeTrade(**body.model_dump(include=set(ChallengeTrade.model_fields)))
    return await _about(caller, challenge, body, {"action": "trade", "trade": trade})


async def cancel(caller: Caller, challenge_id: str, body: CancelChallengeBody) -> Response:
    """Return the answer to a challenge that is cancelled."""
    challenge = caller.ctx.views.challenges.require(challenge_id)
    return await _about(caller, challenge, body, {"action": "cancel"})


async def _about(
    caller: Caller, challenge: Challenge, body: ReasonedBody, asked: dict[str, Any]
) -> Response:
    about = {"challenge": challenge.challenge_id, **body.model_dump(), **asked}
    line = (challenge.strategy, challenge.timeframe_ms)
    told = {"challenge_id": challenge.challenge_id, **asked}
    return await _answer(caller, line, body, about, lambda: told)


async def _answer(
    caller: Caller,
    line: Line,
    body: ReasonedBody,
    asked: dict[str, Any],
    derive: Callable[[], dict[str, Any]],
) -> Response:
    """Return how a command was decided, and its challenge as it stands then.

    Args:
        caller: Who asks.
        line: The strategy and timeframe it is about.
        body: Of the request.
        asked: All that the request asks for.
        derive: Checks a request that is new; returns further fields of its command.
    """
    ctx, (strategy, timeframe_ms) = caller.ctx, line
    outcome = await caller.decided(
        body,
        asked,
        lambda told: ChallengeCommand(
            **told,
            market_ms=clock.commanded_ms(ctx.views, ctx.wall_ms()),
            strategy=strategy,
            timeframe_ms=timeframe_ms,
            **derive(),
        ),
    )
    if isinstance(outcome, dict):
        return plain(outcome, 202)
    challenges = ctx.views.challenges
    if outcome.code == "done" and not outcome.dry_run:
        await challenges.wait_for(outcome.command_id, commands.WAIT_S)
    known = [each for each in challenges.of(*line) if each.challenge_id == outcome.subject]
    view = commands.body(outcome.command_id, outcome, dry_run=outcome.dry_run)
    return plain({"outcome": view, "challenge": entity(ctx, known[0]) if known else None})
