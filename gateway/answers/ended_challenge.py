"""Which challenge a move of a version has ended."""

from __future__ import annotations

from gateway.context import AppContext
from schemas.commands import CommandOutcome
from schemas.versions import ModelAction

ENDING = ("stage", "promote", "archive", "rollback")  # of a champion or challenger: its challenge
ENDED_WITHIN_S = 1.0  # both are of one transaction; a version that is in no challenge ends none


async def ended_challenge(
    ctx: AppContext, challenge_id: str | None, action: ModelAction, outcome: CommandOutcome
) -> str | None:
    """Return in words which challenge a move has ended; the one named was active before it."""
    moved = action in ENDING and outcome.status == "accepted" and not outcome.dry_run
    if not moved:
        return None
    views = ctx.views.challenges
    if challenge_id is not None:
        await views.wait_for(outcome.command_id, ENDED_WITHIN_S)
    ended = views.ended_by(outcome.command_id)  # also where the command is known by its key
    return None if ended is None else f"{ended.challenge_id} is {ended.status}: {ended.reason}"
