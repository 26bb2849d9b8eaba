"""Where studies are kept: a journal file of each job under the home, or a database for many."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import BaseJournalBackend

DRIVERS = {"sqlite": "sqlite3", "postgresql": "pg8000", "mysql": "pymysql"}
BUSY_FOR_S = 60.0  # how long SQLite waits for another writer


class StorageError(ValueError):
    """The storage cannot be opened; the message names it without its password."""


def journal_path(home: Path, job_id: str) -> Path:
    """Return the journal file of a job."""
    return home / "tuning" / f"{job_id}.journal"


def open_storage(url: str | None, home: Path, job_id: str) -> BaseStorage:
    """Open the storage of a job's study.

    Args:
        url: SQLAlchemy URL of SQLite, PostgreSQL or MySQL; None for the journal file.
        home: Holds the journal files.
        job_id: Also the name of the study.

    Raises:
        StorageError: It cannot be reached, or its driver is not installed.
    """
    if url is None:
        return JournalStorage(Journal(journal_path(home, job_id)))
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, SQLAlchemyError
    from sqlalchemy.pool import NullPool

    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StorageError(
            "REGIMEFLOW_TUNING_STORAGE is no database URL such as postgresql://user@host/name"
        ) from None
    family = parsed.get_backend_name()
    if family not in DRIVERS:
        raise StorageError(f"tuning storage {family!r}, expected one of {', '.join(DRIVERS)}")
    if parsed.drivername == family and family != "sqlite":
        parsed = parsed.set(drivername=f"{family}+{DRIVERS[family]}")
    shown = parsed.render_as_string(hide_password=True)
    options: dict[str, Any] = {"poolclass": NullPool}  # no connection outlives its use
    if family == "sqlite":
        options = {"connect_args": {"timeout": BUSY_FOR_S}}
    try:
        return RDBStorage(parsed.render_as_string(hide_password=False), engine_kwargs=options)
    except ImportError as missing:
        raise StorageError(f"{shown} needs a driver: install {missing.name}") from None
    except SQLAlchemyError as failed:
        raise StorageError(f"{shown} does not answer ({type(failed).__name__})") from None


class Journal(BaseJournalBackend):
    """A study's log in a file of JSON lines, for the processes of one machine.

    Differs from Optuna's file in three ways: its lock goes with a process that is killed, a line
    torn by a crash is cut off, and only the end of a trial waits for the disk.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._lock = path, path.with_name(f"{path.name}.lock")
        self._starts = [0]  # byte offset of each line read so far, and of the next
        path.touch()
        with self._alone():
            _cut_torn_line(path)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._lock.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """Yield what was written from that line on."""
        number = min(log_number_from, len(self._starts) - 1)
        with self._path.open("rb") as file:
            file.seek(self._starts[number])
            for line in file:
                if not line.endswith(b"\n"):
                    return  # being written: the next reading has it
                if number + 1 == len(self._starts):
                    self._starts.append(self._starts[number] + len(line))
                if number >= log_number_from:
                    yield json.loads(line)
                number += 1

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write lines; the end of a trial is on disk when this returns."""
        lines = b"".join(json.dumps(log, separators=(",", ":")).encode() + b"\n" for log in logs)
        ends = any("state" in log for log in logs)
        with self._alone(), self._path.open("ab") as file:
            file.write(lines)
            file.flush()
            if ends:
                os.fsync(file.fileno())


def _cut_torn_line(path: Path) -> None:
    """Cut what follows the last newline: its writer died in the middle of the line."""
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)
