"""Challenges: a model in Staging compared with the one in Production, until the test decides."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.responses import Response

from gateway.answers import challenges
from gateway.answers.challenges import (
    CancelChallengeBody,
    ChallengeAnswer,
    ChallengeBody,
    ChallengeDetails,
    ChallengeList,
    ChallengeTradeBody,
    EvaluationView,
)
from gateway.answers.commands import CallerDep, OutcomeView
from gateway.answers.model_commands import requested_line
from gateway.context import ContextDep, TimeframeQuery
from gateway.envelope import plain
from gateway.errors import Detail
from schemas.configs import StrategyName
from schemas.timeframes import timeframe_name

router = APIRouter(prefix="/api/v1", tags=["challenges"])

Model = Annotated[StrategyName, Path(description="Of the strategy, which is that of its model")]
ChallengeName = Annotated[str, Path(max_length=64, description="Of the challenge")]
LATE: dict[int | str, dict[str, Any]] = {
    202: {"model": OutcomeView, "description": "Not decided yet; ask its url"},
    409: {"model": Detail, "description": "The stages, or the challenge, do not allow it"},
}


@router.post("/models/{model_name}/challenges", response_model=ChallengeAnswer, responses=LATE)
async def create(model_name: Model, body: ChallengeBody, caller: CallerDep) -> Response:
    """Compare a version in Staging with the one in Production; one challenge of a model at a time.

    On `log_loss` both predict the same bars, and nobody sees the challenger's. On `trades` those
    count that are posted.
    """
    return await challenges.create(caller, model_name, body)


@router.get("/models/{model_name}/challenges", response_model=ChallengeList)
async def list_challenges(
    model_name: Model, ctx: ContextDep, timeframe: TimeframeQuery = None
) -> Response:
    """Return the challenges of a model, the newest first."""
    strategy, timeframe_ms = requested_line(ctx, model_name, timeframe)
    known = ctx.views.challenges.of(strategy, timeframe_ms)
    return plain(
        {
            "strategy_name": strategy,
            "timeframe": timeframe_name(timeframe_ms),
            "challenges": [challenges.entity(ctx, challenge) for challenge in known],
        }
    )


@router.get("/models/{model_name}/challenges/active", response_model=ChallengeDetails)
async def active(model_name: Model, ctx: ContextDep, timeframe: TimeframeQuery = None) -> Response:
    """Return the active challenge of a model; 404 where there is none."""
    line = requested_line(ctx, model_name, timeframe)
    return plain(challenges.details(ctx, ctx.views.challenges.active(*line)))


@router.get("/challenges/{challenge_id}", response_model=ChallengeDetails)
async def challenge(challenge_id: ChallengeName, ctx: ContextDep) -> Response:
    """Return a challenge, and how the interval of its gain has shrunk."""
    ctx.require_ready()
    return plain(challenges.details(ctx, ctx.views.challenges.require(challenge_id)))


@router.post("/challenges/{challenge_id}/trades", response_model=ChallengeAnswer, responses=LATE)
async def add_trade(
    challenge_id: ChallengeName, body: ChallengeTradeBody, caller: CallerDep
) -> Response:
    """Count a trade of one of the two models; one of a known id counts once."""
    return await challenges.add_trade(caller, challenge_id, body)


@router.get("/challenges/{challenge_id}/evaluate", response_model=EvaluationView)
async def evaluate(challenge_id: ChallengeName, ctx: ContextDep) -> Response:
    """Return what a challenge comes to; it may be asked after every outcome.

    The recommendation rests on `sequence`, which holds at all looks together. The tests beside it
    are those of the document, and hold at one look alone. Below `min_trades` of either model it is
    INCONCLUSIVE.
    """
    ctx.require_ready()
    return plain(challenges.evaluation(ctx, ctx.views.challenges.require(challenge_id)))


@router.post("/challenges/{challenge_id}/cancel", response_model=ChallengeAnswer, responses=LATE)
async def cancel(
    challenge_id: ChallengeName, caller: CallerDep, body: CancelChallengeBody | None = None
) -> Response:
    """End a challenge without a decision; what it has spent of the error stays spent."""
    return await challenges.cancel(caller, challenge_id, body or CancelChallengeBody())
