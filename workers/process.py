"""What every process does alike: it writes its log, and it stops when a signal asks it to.

A log is JSON lines: time, level, process, event, and the event's facts. An event is ``noun.verb``.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import logging
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any
from urllib.parse import unquote, urlsplit

import structlog
from structlog.typing import EventDict, WrappedLogger

from streams.runtime.environment import SECRETS_DIR, EnvironmentRefused, read_environment
from streams.runtime.settings import EXIT_FATAL, EXIT_REFUSED

HEAD = ("time", "level", "process", "event")  # of every line, in this order
GIVE_BACK_EVERY_S = 15.0  # a few ms of the processor each time
HIDDEN = "***"
SECRET_NAME = re.compile(r"key|secret|password|token|credential", re.IGNORECASE)
SHORTEST_SECRET = 4  # characters; hiding a shorter one would blank out ordinary words
SHORTEST_TOKEN = 8  # characters of a part of a notification's URL
NOTIFY_URLS = "REGIMEFLOW_NOTIFY_URLS"
SECRET_URLS = re.compile(r"[\w+.-]+://([^\s/]*:[^\s/]+@|\S*\?\S*=)")

# Of these libraries only errors are news; of all others, warnings too.
QUIET_LIBRARIES = ("aiokafka", "alembic", "matplotlib")
LIBRARY_REPEATS_AFTER_S = 10.0  # while a broker is away, clients say the same ten times a second

log = structlog.get_logger()

Write = Callable[[str], object]


@dataclass(frozen=True)
class LogSettings:
    """Who writes a log, and from which level on; a child process is given its parent's."""

    process: str
    level: str = "INFO"


_current = LogSettings("regimeflow", "WARNING")


def current_log() -> LogSettings:
    """Return the settings of this process's log, for a child to continue it."""
    return _current


def configure_logging(settings: LogSettings, write: Write | None = None) -> None:
    """Send what this process logs to ``write``, by default to standard error.

    The standard library's records, warnings and uncaught exceptions take the same way.
    """
    global _current  # noqa: PLW0603 - one log a process, as in the standard library
    _current = settings
    write = write or _to_stderr
    number = logging.getLevelNamesMapping()[settings.level]
    to_event: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.format_exc_info,
    ]
    to_line: list[Any] = [_in_order(settings.process), SecretFilter(surroundings()), _to_json]
    structlog.configure(
        processors=[*to_event, *to_line],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: _LineLogger(write),
        cache_logger_on_first_use=False,
    )
    _take_standard_library(number, to_event, to_line, write)
    sys.excepthook = _crashed
    threading.excepthook = lambda failed: _crashed(
        failed.exc_type, failed.exc_value, failed.exc_traceback
    )


def give_back_memory() -> None:
    """Give freed memory back to the machine from time to time, in a thread; only glibc keeps it.

    By itself glibc returns what lies at the end of the heap, never the holes before it.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is None:
        return

    def give_back() -> None:
        while True:
            time.sleep(GIVE_BACK_EVERY_S)
            trim(0)

    threading.Thread(target=give_back, daemon=True, name="memory").start()


class SettingsRefused(Exception):
    """The settings cannot work, and starting again would not help; the message says why."""


def refused(cause: str) -> int:
    """Say why the settings cannot work; return the exit code."""
    log.error(
        "process.refused", cause=cause, remedy="change what is named, then start the process again"
    )
    return EXIT_REFUSED


def fatal(cause: object) -> int:
    """Say why the process cannot go on; return the exit code."""
    log.critical("process.fatal", cause=str(cause), remedy="none: it is started again and resumes")
    return EXIT_FATAL


def event_on_signals() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = threading.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
    return stop


class SecretFilter:
    """Hides every secret of the settings in the facts of an event, should one get there.

    Facts are searched as they are: JSON would spell a quote or a backslash of a secret otherwise.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        # The longest first: one secret may be a part of another.
        self._secrets = sorted(secrets_in(environment), key=len, reverse=True)

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Return the event without secrets, as plain values; what heads a line is our own."""
        return {
            name: value if name in HEAD else self._plain(value) for name, value in event.items()
        }

    def _plain(self, value: Any) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping):
            return {self._without(str(key)): self._plain(each) for key, each in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._plain(each) for each in value]
        return self._without(str(value))

    def _without(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text


def without_secrets(text: str) -> str:
    """Return a text in which every secret of the environment is hidden: for what others read."""
    return str(SecretFilter(surroundings())(None, "", {"text": text})["text"])


def surroundings() -> dict[str, str]:
    """Return the variables of the environment and what files of settings and secrets hold."""
    try:
        return {**os.environ, **read_environment()}
    except EnvironmentRefused:  # the start is about to say so
        return dict(os.environ)


def secrets_in(environment: Mapping[str, str]) -> set[str]:
    """Return the secrets among settings: by name, in JSON by key, in URLs."""
    values: set[str] = set()
    for name, value in environment.items():
        if SECRET_NAME.search(name) and not name.endswith(("_FILE", SECRETS_DIR)):
            values.add(value)
        if value.lstrip().startswith("{"):
            with contextlib.suppress(ValueError):
                values |= {str(v) for k, v in json.loads(value).items() if SECRET_NAME.search(k)}
        if name.upper() == NOTIFY_URLS:
            values |= _secrets_of_sinks(value)
        if SECRET_URLS.match(value):
            with contextlib.suppress(ValueError):
                values |= _secrets_of_url(value)
    return {value for value in values if len(value) >= SHORTEST_SECRET}


def _secrets_of_url(url: str) -> set[str]:
    """Return its password and those of its query, as they are written and as they are meant."""
    parts = urlsplit(url)
    password = parts.password or ""
    query = [field.partition("=") for field in parts.query.split("&")]
    written = {password, *(value for name, _, value in query if SECRET_NAME.search(name))}
    return written | {unquote(value) for value in written}


def _secrets_of_sinks(urls: str) -> set[str]:
    """Return the URLs and what may be a token in them: every part but an address and a short word.

    Services have their tokens anywhere, Slack's in place of the host.
    """
    each = [url.strip() for url in urls.split(",")]
    parts = {part for url in each for part in re.split(r"[/:@?&=]", url.partition("://")[2])}
    tokens = {part for part in parts if len(part) >= SHORTEST_TOKEN and "." not in part}
    return {*each, *tokens, *map(unquote, tokens)} - {"localhost"}


class _LineLogger:
    """The end of structlog's way: every level writes the finished line."""

    def __init__(self, write: Write) -> None:
        self._write = write

    def msg(self, line: str) -> None:
        """Write a line."""
        self._write(line)

    debug = info = warning = error = critical = msg


def _to_stderr(line: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # its reader is gone: work goes on without
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def _in_order(process: str) -> Callable[[WrappedLogger, str, EventDict], EventDict]:
    def order(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.setdefault("process", process)
        return {**{name: event.pop(name) for name in HEAD}, **event}

    return order


def _to_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    text = json.dumps(event, ensure_ascii=False)
    return text.encode(errors="replace").decode()  # a name of a file may hold any byte


def _take_standard_library(
    level: int, to_event: list[Any], to_line: list[Any], write: Write
) -> None:
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*to_event[:2], structlog.stdlib.ExtraAdder(), _library],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            to_event[2],
            *to_line,
        ],
    )
    handler = _WriteHandler(write)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))
    for name in QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.captureWarnings(capture=True)


def _library(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Say which library spoke; what it says is its own words, not an event of ours."""
    record: logging.LogRecord = event["_record"]
    return {**event, "event": "library.said", "library": record.name, "said": event["event"]}


class _WriteHandler(logging.Handler):
    """Writes records of libraries, each kind of message once in a while."""

    def __init__(self, write: Write) -> None:
        super().__init__()
        self._write = write
        self._silent_until: dict[object, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        library = record.name.partition(".")[0]
        quiet = library in QUIET_LIBRARIES  # each part of such a one tells the same outage
        kind, now = library if quiet else (record.name, record.msg), time.monotonic()
        if now >= self._silent_until.get(kind, 0.0):
            self._silent_until[kind] = now + LIBRARY_REPEATS_AFTER_S
            self._write(self.format(record))


def _crashed(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    log.critical(
        "process.crashed",
        cause=f"{kind.__name__}: {error}",
        remedy="report this if it comes back; a process of a run is started again",
        exc_info=(kind, error, trace),
    )
