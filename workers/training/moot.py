"""Challenges whose question is moot: the champion serves no more, or the challenger left Staging.

Promotion stands behind challenges in their chain, and a processor reads nothing that comes after
it: so the end is asked for by a command.
"""

from __future__ import annotations

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
    """The active challenges, and where each version of a model stands."""

    def __init__(self) -> None:
        self._active: dict[str, Challenge] = {}
        self._moves: dict[tuple[str, int, str], ModelStageChanged] = {}

    def take(self, record: Record) -> None:
        """Note what has happened to a challenge, or a move of a version."""
        if isinstance(record, ChallengeEvent):
            self._active.pop(record.challenge_id, None)
            if record.challenge.status == "active":
                self._active[record.challenge_id] = record.challenge
        elif isinstance(record, ModelStageChanged):
            self._moves[record.strategy, record.timeframe_ms, record.model_version] = record

    def to_cancel(self, wall_ms: int, by: str) -> list[ChallengeCommand]:
        """Return the commands that end what is moot; each is asked for once."""
        commands = []
        for challenge in list(self._active.values()):
            for role, place in PLACES:
                version = getattr(challenge, role)
                moved = self._moves.get((challenge.strategy, challenge.timeframe_ms, version))
                if moved is None or moved.to_stage == place:
                    continue
                where = f"its {role} {version} is in {moved.to_stage}, no longer in {place}"
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
