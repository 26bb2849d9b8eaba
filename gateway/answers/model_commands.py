"""Commands on versions of models: what their routes share."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from gateway.answers.commands import Caller, ReasonedBody
from gateway.views import clock
from gateway.views.versions import Line
from schemas.bounds import Count
from schemas.versions import ModelAction, ModelCommand


class ModelBody(ReasonedBody):
    """What a command on a version may say."""

    expected_revision: Count | None = Field(
        default=None, description="As last read; 409 if it has changed. Null: as seen by this call"
    )


def model_command(
    caller: Caller, line: Line, action: ModelAction, body: ModelBody, asked: dict[str, Any]
) -> ModelCommand:
    """Return the command of a request.

    Args:
        caller: Who asks.
        line: The strategy and timeframe it is about.
        action: What is to be done.
        body: Of the request.
        asked: Further fields of the command, as the request says them.
    """
    ctx, (strategy, timeframe_ms), revision = caller.ctx, line, body.expected_revision
    now_ms = ctx.wall_ms()
    said = body.model_dump(include=set(ModelBody.model_fields))
    named = {"action": action, "strategy": strategy, "timeframe_ms": timeframe_ms}
    market_ms = clock.market_ms(ctx.views, now_ms)
    return ModelCommand(
        **caller.identity({**named, **asked, **said}),
        by=caller.principal.signature(body.by),
        reason=body.reason,
        dry_run=body.dry_run,
        # Of two that come together one wins: both were meant for what they saw.
        expected_revision=ctx.views.versions.revision(*line) if revision is None else revision,
        strategy=strategy,
        timeframe_ms=timeframe_ms,
        action=action,
        market_ms=now_ms if market_ms is None else market_ms,
        effective_from_ms=clock.effective_from_ms(ctx.views, now_ms),
        **asked,
    )
