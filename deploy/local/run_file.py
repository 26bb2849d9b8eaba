"""``run.json`` of a home: who runs there, and what became of each process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import structlog

from deploy.local.supervisor import Supervisor
from workers.storage import whole_file

log = structlog.get_logger()


class RunFile:
    """The file that ``regimeflow status`` and ``stop`` read; replaced whole, and only by news.

    Args:
        path: Of the file.
        facts: What stays as it is while the run is on.
    """

    def __init__(self, path: Path, facts: dict[str, Any]) -> None:
        self._path, self._facts = path, facts
        self._written: dict[str, Any] | None = None
        self._lost = False

    def write(self, supervisor: Supervisor) -> None:
        """Write what the supervisor knows of its processes, where that is news.

        Raises:
            OSError: The home cannot be written.
        """
        supervised = {child.name: child.life for child in supervisor.children}
        if supervised == self._written:
            return
        with whole_file(self._path) as fresh:
            fresh.write_text(json.dumps({**self._facts, "supervised": supervised}))
        self._written, self._lost = supervised, False

    def keep_up(self, supervisor: Supervisor) -> None:
        """Write as above, but go on without it: the run is worth more than its status."""
        try:
            self.write(supervisor)
        except OSError as failed:
            if not self._lost:
                log.warning(
                    "status.lost",
                    cause=str(failed),
                    remedy="free space in the home; `regimeflow status` is behind until then",
                )
            self._lost = True
