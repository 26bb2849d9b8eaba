"""/api/system/dead-letters: which records were refused, and what is to become of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field, field_validator
from starlette.responses import Response

from gateway.answers import commands
from gateway.answers.commands import Caller, CallerDep, OutcomeView, ReasonedBody
from gateway.context import AppContext, ContextDep
from gateway.envelope import Envelope, success
from gateway.errors import Conflict, Unknown
from schemas.commands import CommandOutcome
from schemas.dead_letter import DeadLetter, letter_place
from schemas.letters import MAX_LETTERS, LetterCommand

router = APIRouter(prefix="/api/system/dead-letters", tags=["system"])

Action = Literal["replay", "drop"]


class DeadLetterCause(BaseModel):
    """Open dead letters of one topic and cause."""

    topic: str
    kind: Literal["undecodable", "rejected", "bug"]
    cause: str
    count: int
    names: list[str] = Field(description="Of up to 100 of them, oldest first")
    name: str = Field(description="Of the newest, for `regimeflow topics dlq`")
    newest: DeadLetter = Field(description="Without its bytes")


class DeadLetterList(BaseModel):
    """Open dead letters by topic and cause, as far back as is read."""

    total: int
    groups: list[DeadLetterCause]


class LettersBody(ReasonedBody):
    """Letters that something is to be done about."""

    ids: list[Annotated[str, Field(min_length=1, max_length=300)]] = Field(
        min_length=1,
        max_length=MAX_LETTERS,
        description="Names of letters, each once",
        json_schema_extra={"uniqueItems": True},
    )

    @field_validator("ids")
    @classmethod
    def _each_once(cls, ids: list[str]) -> list[str]:
        if len(set(ids)) < len(ids):
            raise ValueError("expected each name once")
        return ids


class DropBody(LettersBody):
    """Letters that need nothing more, and why."""

    reason: str = Field(pattern=r"\S", max_length=1_000, description="Kept for ever")


class LettersAnswer(BaseModel):
    """How each letter was decided."""

    accepted: int
    unchanged: int
    refused: int
    pending: int = Field(description="Not decided yet; ask the url of each")
    outcomes: list[OutcomeView] = Field(description="In the order of the request")


RESPONSES: dict[int | str, dict[str, Any]] = {
    202: {"model": Envelope[LettersAnswer], "description": "Some are not decided yet"},
    409: {
        "model": Envelope[None],
        "description": "A letter was settled before, or every letter was refused so",
    },
}


@router.get("", response_model=Envelope[DeadLetterList])
async def dead_letters(ctx: ContextDep) -> Response:
    """Return how many open dead letters each topic has by cause, with the newest of each."""
    ctx.require_ready()
    groups = [
        {
            "topic": group.topic,
            "kind": group.newest.kind,
            "cause": group.newest.cause,
            "count": group.count,
            "names": list(group.names),
            "name": group.name,
            "newest": group.newest.model_dump(),
        }
        for group in ctx.views.dead_letters.by_cause()
    ]
    return success({"total": sum(group["count"] for group in groups), "groups": groups})


@router.post("/replay", response_model=Envelope[LettersAnswer], responses=RESPONSES)
async def replay(body: LettersBody, caller: CallerDep) -> Response:
    """Let the records of commands and requests be read again.

    Each letter is decided by itself. An error answers where none was accepted: that of the first.
    """
    return await _settle(caller, "replay", body)


@router.post("/drop", response_model=Envelope[LettersAnswer], responses=RESPONSES)
async def drop(body: DropBody, caller: CallerDep) -> Response:
    """Say that letters need nothing more; they stay on their topic. It needs a reason."""
    return await _settle(caller, "drop", body)


async def _settle(caller: Caller, action: Action, body: LettersBody) -> Response:
    ctx, said = caller.ctx, body.model_dump(exclude={"ids"})
    asked = {"action": action, "ids": sorted(body.ids), **said}
    identities = {name: caller.told(body, asked, name) for name in body.ids}
    new = [name for name, each in identities.items() if not _decided(ctx, each["command_id"])]
    for name in new:
        _require_open(ctx, name)
    letters = await _letters(ctx, new) if action == "replay" else {}
    wanted = [
        LetterCommand(
            **told,
            letter_id=name,
            action=action,
            letter=letters.get(name),
        )
        for name, told in identities.items()
    ]
    # What goes back to its topic keeps the trace that it had.
    decided = await asyncio.gather(
        *(
            commands.decide(ctx, each, each.letter.trace_id if each.letter else "")
            for each in wanted
        )
    )
    return _answer(wanted, decided)


def _decided(ctx: AppContext, command_id: str) -> bool:
    return ctx.views.outcomes.get(command_id) is not None


def _require_open(ctx: AppContext, name: str) -> None:
    match ctx.views.dead_letters.state(name):
        case "open":
            return
        case None:
            raise Unknown(
                f"no dead letter {name} among the newest; `topics dlq list --each` names all"
            )
        case state:
            raise Conflict(f"{name} was {state} before; expected an open letter")


async def _letters(ctx: AppContext, names: list[str]) -> dict[str, DeadLetter]:
    """Return letters with their bytes, which no view holds."""
    fetched = await ctx.bus.fetch([letter_place(name) for name in names])
    letters = {}
    for name, record in zip(names, fetched, strict=True):
        if not isinstance(record, DeadLetter):
            raise Unknown(f"{name} is no longer on its topic")
        letters[name] = record
    return letters


def _answer(wanted: list[LetterCommand], decided: list[CommandOutcome | None]) -> Response:
    statuses = Counter("pending" if each is None else each.status for each in decided)
    refusals = [each for each in decided if each is not None and each.status == "refused"]
    if len(refusals) == len(decided):
        commands.raise_refusal(refusals[0])
    answer = {
        **{name: statuses[name] for name in ("accepted", "unchanged", "refused", "pending")},
        "outcomes": [
            commands.body(command.command_id, outcome, dry_run=command.dry_run)
            for command, outcome in zip(wanted, decided, strict=True)
        ],
    }
    return success(answer, 202 if statuses["pending"] else 200)
