"""View of the outcomes of commands, by their ids."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict

from gateway.views.newest import drop_oldest
from schemas.commands import CommandOutcome

OUTCOMES = 20_000  # held; the oldest leave


class OutcomesView:
    """The newest outcomes, and who waits for one; written on the event loop only."""

    def __init__(self) -> None:
        self._outcomes: OrderedDict[str, CommandOutcome] = OrderedDict()
        # The first of each, by its id.
        self._of_requests: OrderedDict[str, CommandOutcome] = OrderedDict()
        self._waiting: dict[str, asyncio.Event] = {}
        # Fingerprints, by the ids of commands.
        self._undecided: OrderedDict[str, str | None] = OrderedDict()

    def put(self, outcome: CommandOutcome) -> None:
        """Take an outcome; the first one of a command counts."""
        self._outcomes.setdefault(outcome.command_id, outcome)
        drop_oldest(self._outcomes, OUTCOMES)
        self.release(outcome.command_id)
        if outcome.request_id is not None:
            self._of_requests.setdefault(outcome.request_id, outcome)
            drop_oldest(self._of_requests, OUTCOMES)
            self.release(outcome.request_id)
        waiting = self._waiting.pop(outcome.command_id, None)
        if waiting is not None:
            waiting.set()

    def claim(self, command_id: str, fingerprint: str | None) -> bool:
        """Note that a request claims an id, its own or a command's; return whether no other has.

        It holds until the command is decided or given up: two requests with one id may be about
        different subjects, whose processor would decide both.
        """
        claimed = self._undecided.setdefault(command_id, fingerprint)
        drop_oldest(self._undecided, OUTCOMES)
        return claimed == fingerprint

    def release(self, command_id: str) -> None:
        """Forget the claim on a command."""
        self._undecided.pop(command_id, None)

    def get(self, command_id: str) -> CommandOutcome | None:
        """Return the outcome of a command; None before it is known."""
        return self._outcomes.get(command_id)

    def of_request(self, request_id: str | None) -> CommandOutcome | None:
        """Return an outcome of a request that commands several things; None before there is one."""
        return None if request_id is None else self._of_requests.get(request_id)

    async def wait(self, command_id: str, within_s: float) -> CommandOutcome | None:
        """Return the outcome of a command; None when it is late."""
        if command_id not in self._outcomes:
            event = self._waiting.setdefault(command_id, asyncio.Event())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await event.wait()
        return self._outcomes.get(command_id)
