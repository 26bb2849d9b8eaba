"""Challenges whose question is moot: the champion serves no more, or the challenger left Staging.

Promotion stands behind challenges in their chain, and a processor reads nothing that comes after
it: so the end is asked for by a command.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from schemas.challenges import Challenge, ChallengeCommand, ChallengeEvent
from schemas.ids import derived_id
from schemas.record import Record
from schemas.topics import CHALLENGE_COMMANDS
from schemas.versions import ModelStageChanged, VersionStage

PLACES: tuple[tuple[str, VersionStage], ...] = (
    ("champion", "Production"),
    ("challenger", "Staging"),
)


class MootChallenges:
    """The active challenges, and each move of a version of a model."""

    def __init__(self) -> None:
        self._active: dict[str, Challenge] = {}
        self._since_ms: dict[str, int] = {}  # market time of a challenge's first event
        self._moves = defaultdict[tuple[str, int, str], list[ModelStageChanged]](list)

    def take(self, record: Record) -> None:
        """Note what has happened to a challenge, or a move of a version."""
        if isinstance(record, ChallengeEvent):
            self._active.pop(record.challenge_id, None)
            self._since_ms.setdefault(record.challenge_id, record.event_time_ms)
            if record.challenge.status == "active":
                self._active[record.challenge_id] = record.challenge
        elif isinstance(record, ModelStageChanged):
            self._moves[record.strategy, record.timeframe_ms, record.model_version].append(record)

    def to_cancel(self, wall_ms: int, by: str) -> list[ChallengeCommand]:
        """Return the commands that end what is moot; each is asked for once."""
        commands = []
        for challenge in list(self._active.values()):
            for role, place in PLACES:
                version = getattr(challenge, role)
                moves = self._moves[challenge.strategy, challenge.timeframe_ms, version]
                moved = _left(moves, place, self._since_ms[challenge.challenge_id])
                if moved is None:
                    continue
                where = f"its {role} {version} is in {moved.to_stage}, no longer in {place}"
                if moved is not moves[-1]:
                    where = f"its {role} {version} was in {moved.to_stage} for some bars"
                commands.append(
                    ChallengeCommand(
                        command_id=derived_id(
                            CHALLENGE_COMMANDS.name, challenge.challenge_id, "moot"
                        ),
                        event_time_ms=wall_ms,
                        by=by,
                        reason=f"{where}: {moved.reason}"[:1_000],
                        strategy=challenge.strategy,
                        timeframe_ms=challenge.timeframe_ms,
                        action="cancel",
                        market_ms=moved.event_time_ms,
                        challenge_id=challenge.challenge_id,
                    )
                )
                del self._active[challenge.challenge_id]
                break
        return commands


def _left(
    moves: Sequence[ModelStageChanged], place: VersionStage, since_ms: int
) -> ModelStageChanged | None:
    """Return how a version left its place; None where it has stood there all the while.

    One that has come back, as by a rollback, was away for some bars.
    """
    away = (m for m in moves if m.to_stage != place)
    return next((m for m in away if m is moves[-1] or m.event_time_ms > since_ms), None)
