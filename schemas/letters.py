"""Commands on dead letters: what an operator wants done about one."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.commands import Command
from schemas.dead_letter import DeadLetter

MAX_LETTERS = 100  # of one request


class LetterCommand(Command):
    """What is to become of one dead letter."""

    letter_id: str = Field(min_length=1, max_length=300, description="Its place: the Kafka key")
    action: Literal["replay", "drop"]
    letter: DeadLetter | None = Field(
        default=None, description="With its bytes, as its topic holds it; to drop one takes none"
    )
