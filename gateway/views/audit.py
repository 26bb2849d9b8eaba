"""View of what operators did: the newest actions."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.views.newest import NewestRecords
from schemas.status import OperatorAction

ACTIONS = 5_000  # held; older ones stay on operators.audit.v1


class AuditView(NewestRecords[OperatorAction]):
    """The newest actions, in the order of their topic."""

    def __init__(self) -> None:
        super().__init__(ACTIONS)

    def newest(
        self, action: str | None = None, subject: str | None = None
    ) -> Iterator[tuple[int, OperatorAction]]:
        """Yield offset and action, newest first.

        Args:
            action: Such as configs.activate; None: any.
            subject: The whole subject, or what it begins with before a slash; None: any.
        """
        for offset, each in self.backwards():
            fits = subject is None or f"{each.subject}/".startswith(f"{subject}/")
            if fits and action in (None, each.action):
                yield offset, each
