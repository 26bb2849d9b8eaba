"""Log files of a home: one a process, rotated by size, read together in the order of time."""

from __future__ import annotations

import contextlib
import heapq
import json
import os
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

MOST_BYTES = 10_000_000  # of one file; then it becomes <name>.log.1, and that <name>.log.2
OLDER_FILES = 3
LAST_WORDS = 20  # errors and unformatted lines kept in memory: why a process ended
LEVELS = ("debug", "info", "warning", "error", "critical")

Line = Mapping[str, Any]


class LogFile:
    """The log of one process; lines from several threads stay whole."""

    def __init__(self, folder: Path, process: str, most_bytes: int = MOST_BYTES) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{process}.log"
        self._process, self._most_bytes = process, most_bytes
        self._lock = threading.Lock()
        self.last_words: deque[str] = deque(maxlen=LAST_WORDS)

    def write(self, line: str) -> None:
        """Append one line; what is no line of our own log is wrapped as one.

        A line that cannot be written, such as to a full disk, is lost: whoever logs goes on.
        """
        event = _event(line)
        if event is None:
            self.last_words.append(line)
        elif event["level"] in {"error", "critical"}:
            self.last_words.append(str(event.get("cause", event["event"])))
        whole = _wrapped(self._process, line) if event is None else line
        with self._lock, contextlib.suppress(OSError):
            if self.path.exists() and self.path.stat().st_size > self._most_bytes:
                rotate(self.path)
            with self.path.open("ab") as file:
                file.write(f"{whole}\n".encode())

    def follow(self, output: IO[bytes]) -> threading.Thread:
        """Write what a process says, in a thread that ends with its output."""

        def copy() -> None:
            with output:
                for raw in output:
                    if line := raw.decode(errors="replace").rstrip():
                        self.write(line)

        thread = threading.Thread(target=copy, daemon=True, name=f"log of {self._process}")
        thread.start()
        return thread


def rotate(path: Path) -> None:
    """Let a log begin anew; the oldest of its older files is gone."""
    for number in range(OLDER_FILES, 0, -1):
        with contextlib.suppress(FileNotFoundError):
            older_file(path, number - 1).replace(older_file(path, number))


def older_file(path: Path, number: int) -> Path:
    """Return the file that a log was some rotations ago; 0 is the log itself."""
    return path.with_name(f"{path.name}.{number}") if number else path


def _event(line: str) -> Line | None:
    """Return a line of our own log; None for any other text."""
    try:
        event = json.loads(line) if line.startswith("{") else None
    except ValueError:
        return None
    if not isinstance(event, dict):
        return None
    texts = all(isinstance(event.get(name), str) for name in ("time", "level", "event"))
    return event if texts and event["level"] in LEVELS else None


def _wrapped(process: str, text: str) -> str:
    """Return words of an interpreter or a native library as a line of the log."""
    return json.dumps(
        {
            "time": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "level": "warning",
            "process": process,
            "event": "process.said",
            "said": text,
        },
        ensure_ascii=False,
    )


@dataclass(frozen=True)
class Wanted:
    """Which lines are wanted.

    Attributes:
        processes: Names; empty: all.
        level: The lowest.
        since: ISO 8601 in UTC, as the lines have it; empty: from the first line on.
    """

    processes: Sequence[str] = ()
    level: str = "debug"
    since: str = ""

    def __contains__(self, line: Line) -> bool:
        """Whether a line is wanted."""
        loud = LEVELS.index(line["level"]) >= LEVELS.index(self.level)
        return loud and line["time"] >= self.since


def process_names(folder: Path) -> list[str]:
    """Return the processes that have a log."""
    return sorted(path.stem for path in folder.glob("*.log"))


class LogReader:
    """Reads logs from where it stopped the last time."""

    def __init__(self, folder: Path, wanted: Wanted) -> None:
        self._folder, self._wanted = folder, wanted
        self._read: dict[int, int] = {}  # bytes read of each file by its inode: names rotate

    def read(self) -> list[Line]:
        """Return the wanted lines that are new, in the order of time."""
        names = self._wanted.processes or process_names(self._folder)
        parts = [list(self._new(self._folder / f"{name}.log")) for name in names]
        return list(heapq.merge(*parts, key=lambda line: str(line["time"])))

    def _new(self, path: Path) -> Iterator[Line]:
        files = [older_file(path, number) for number in range(OLDER_FILES, 0, -1)]
        for file in (*files, path):
            if not file.exists():
                continue
            with file.open("rb") as stored:
                facts = os.fstat(stored.fileno())
                inode = facts.st_ino
                if facts.st_size < self._read.get(inode, 0):
                    del self._read[inode]  # the number of a file that is gone was given again
                stored.seek(self._read.get(inode, 0))
                for raw in stored:
                    if not raw.endswith(b"\n"):
                        break  # it is being written: the next look has it whole
                    self._read[inode] = self._read.get(inode, 0) + len(raw)
                    line = _event(raw.decode(errors="replace"))
                    if line is not None and line in self._wanted:
                        yield line  # what is none was cut by a crash, or is older than this format


def newest_step(folder: Path) -> str | None:
    """Return what the newest run said last that it does; None before its first step."""
    step = None
    for line in LogReader(folder, Wanted(("run",))).read():
        if line["event"] in {"run.started", "run.step"}:
            step = line.get("text")  # a start forgets the run before
    return step
