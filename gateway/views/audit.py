"""View of what operators did: the newest actions."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from schemas.status import OperatorAction

ACTIONS = 5_000  # held; older ones stay on operators.audit.v1


class AuditView:
    """The newest actions, in the order of their topic."""

    def __init__(self) -> None:
        self._actions: deque[tuple[int, OperatorAction]] = deque(maxlen=ACTIONS)
        self._last = -1  # offset; the topic has one partition

    def put(self, action: OperatorAction, offset: int) -> None:
        """Take an action from its place; one that was taken before changes nothing."""
        if offset > self._last:
            self._last = offset
            self._actions.append((offset, action))

    def newest(
        self, action: str | None = None, subject: str | None = None
    ) -> Iterator[tuple[int, OperatorAction]]:
        """Yield offset and action, newest first.

        Args:
            action: Such as configs.activate; None: any.
            subject: The whole subject, or what it begins with before a slash; None: any.
        """
        for offset, each in reversed(self._actions):
            fits = subject is None or f"{each.subject}/".startswith(f"{subject}/")
            if fits and action in (None, each.action):
                yield offset, each
