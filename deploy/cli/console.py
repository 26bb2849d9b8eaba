"""Settings, the cluster of this home, results and errors: what every command shares.

Exit codes: 0 done; 1 it failed or found something wrong; 2 the call itself was wrong.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer
from typer.core import TyperGroup

from workers.settings_errors import error_lines

if TYPE_CHECKING:
    from pydantic import BaseModel

    from streams.runtime.settings import KafkaSettings
    from workers.settings import Settings

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
MODEL = TypeVar("MODEL", bound="BaseModel")

NAME = "regimeflow"

_wants_json: ContextVar[bool] = ContextVar("wants_json", default=False)


class CommandGroup(TyperGroup):
    """Reports a wrong call like every other error: on one line, and as JSON with ``--json``."""

    def main(  # type: ignore[override]  # always leaves by SystemExit
        self, args: Sequence[str] | None = None, **extra: Any
    ) -> NoReturn:
        """Run one command line and exit; the program has one name however it was started."""
        words = list(sys.argv[1:] if args is None else args)
        _wants_json.set("--json" in words)
        try:
            code = super().main(words, **{**extra, "prog_name": NAME, "standalone_mode": False})
        except typer.TyperException as error:
            message = error.format_message()
            if message.startswith("Usage:"):  # no command was named: the message is the help
                typer.echo(message, err=True)
                sys.exit(error.exit_code)
            context = getattr(error, "ctx", None)
            path = context.command_path if context else NAME
            message = " ".join(message.split()).rstrip(".").replace("Value error, ", "")
            value = _refused_value(words, getattr(error, "param", None))
            if value is not None and repr(value) not in message:
                message += f", not {value!r}"
            code = fail(f"{message}; `{path} --help` explains it", error.exit_code).exit_code
        except BrokenPipeError:  # the reader of the output has closed it
            raise
        except OSError as error:  # such as of a path that no machine has
            code = fail(str(error)).exit_code
        sys.exit(code or 0)


def _refused_value(words: Sequence[str], parameter: Any) -> str | None:
    for name in getattr(parameter, "opts", ()):
        if name in words[:-1]:
            return words[words.index(name) + 1]
        for word in words:
            if word.startswith(f"{name}="):
                return word.partition("=")[2]
    return None


def fail(message: str, code: int = 1) -> typer.Exit:
    """Print what is wrong and what to do on one line of stderr; return what the caller raises.

    With ``--json`` standard output holds the message as a document, so it is always JSON.
    """
    if _wants_json.get():
        typer.echo(json.dumps({"error": message, "exit_code": code}))
    typer.echo(f"{NAME}: {message}", err=True)
    return typer.Exit(code)


def emit(value: Any) -> None:
    """Print one JSON document."""
    typer.echo(json.dumps(value, indent=2, default=str))


def show(
    document: Any, lines: Iterable[str] | Callable[[], Iterable[str]], *, as_json: bool
) -> None:
    """Print a result: the document for programs, or the lines for people.

    Lines that a function returns are made for people alone: JSON needs less of the document.
    """
    if as_json:
        emit(document)
    else:
        typer.echo("\n".join(lines() if callable(lines) else lines))


def write_json(path: Path, document: Any) -> None:
    """Write one JSON document and the folders above it; an infinite number is refused."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, allow_nan=False) + "\n")


@contextmanager
def report_errors(code: int = 1) -> Iterator[None]:
    """Turn the errors that a user can mend into one line and an exit code.

    Args:
        code: For a wrong value or file. What the machine or the cluster lacks is no wrong call.
    """
    from deploy.local.dashboard import DashboardError
    from deploy.local.errors import BrokerError
    from deploy.local.supervisor import SupervisorError
    from deploy.topics.admin import ClusterFailed
    from streams.runtime.settings import Aborted, Fatal
    from workers.process import LogSettings, configure_logging

    configure_logging(LogSettings(NAME, "WARNING"))
    try:
        yield
    except BrokenPipeError:  # the reader of the output has closed it
        raise
    except (BrokerError, SupervisorError, DashboardError) as error:
        raise fail(str(error)) from None
    except (ValueError, OSError) as error:
        raise fail(str(error) or type(error).__name__, code) from None
    except (Fatal, Aborted, ClusterFailed) as error:
        raise fail(f"the Kafka cluster failed: {error}") from None


def validate(kind: type[MODEL], fields: Mapping[str, Any]) -> MODEL:
    """Return a model; a bad field is one line that names it, and exit code 2."""
    from pydantic import ValidationError

    from streams.runtime.environment import EnvironmentRefused

    try:
        return kind(**fields)
    except (ValidationError, EnvironmentRefused) as invalid:
        raise fail("; ".join(error_lines(invalid)), 2) from None


def load_settings(**overrides: Any) -> Settings:
    """Return the settings, options over the environment; an option that is None changes nothing."""
    from workers.settings import Settings
    from workers.storage import use_endpoint

    settings = validate(Settings, {k: v for k, v in overrides.items() if v is not None})
    use_endpoint(settings.s3_endpoint)
    return settings


def parse_symbol(text: str) -> str:
    """Return the canonical name of a symbol in any spelling; exit code 2 for anything else."""
    from schemas.symbols import canonical

    with report_errors(2):
        return canonical(text)


def parse_length_ms(timeframe: str) -> int:
    """Return the length of a bar by its name, e.g. 15m; exit code 2 for anything else."""
    from workers.bars.bar_names import parse_timeframe

    with report_errors(2):
        return parse_timeframe(timeframe)


def parse_running_ms(timeframe: str) -> int:
    """Return the length of a bar that a pipeline can have; exit code 2 for anything else."""
    from schemas.timeframes import TIMEFRAMES_MS

    if timeframe not in TIMEFRAMES_MS:
        known = ", ".join(TIMEFRAMES_MS)
        raise fail(f"--timeframe {timeframe!r} is unknown; expected {known}", 2)
    return TIMEFRAMES_MS[timeframe]


def gateway_port(port: int | None) -> int:
    """Return the gateway's port: the option, ``REGIMEFLOW_PORT``, or 8080; 0 is any free one."""
    from streams.runtime.environment import read_environment

    with report_errors(2):
        named = read_environment().get("REGIMEFLOW_PORT", "8080") if port is None else str(port)
    text = named.strip()
    if not re.fullmatch("[0-9]{1,5}", text) or int(text) > 65_535:
        raise fail(f"port {text!r}, expected a number from 0 (any free one) to 65535", 2)
    return int(text)


def parse_time_ms(text: str) -> int:
    """Return epoch milliseconds as ``read_time_ms`` does; exit code 2 for what is no time."""
    try:
        return read_time_ms(text)
    except ValueError as error:
        raise fail(str(error), 2) from None


def read_time_ms(text: str) -> int:
    """Return epoch milliseconds of ISO 8601 (UTC when it names no zone) or epoch milliseconds.

    Raises ValueError for anything else, and outside the years 1970 to 2200.
    """
    from schemas.bounds import LAST_MS

    try:
        if text.isdecimal():
            time_ms = int(text)
        else:
            parsed = datetime.fromisoformat(text)
            zoned = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
            time_ms = int(zoned.timestamp() * 1000)
    except (ValueError, OverflowError):
        time_ms = -1
    if not 0 <= time_ms <= LAST_MS:
        raise ValueError(
            f"time {text[:40]!r}, expected ISO 8601 such as 2025-01-31T12:00 (UTC), or epoch ms, "
            "from 1970 to 2200"
        )
    return time_ms


def running_facts() -> dict[str, Any] | None:
    """Return ``run.json`` of the run of this home; None when nothing runs.

    A run that is still starting has only its ``pid``.
    """
    from deploy.local.home_lock import holder

    home = load_settings().home
    pid = holder(home / "run.lock").get("pid")
    if not isinstance(pid, int):
        return None
    try:
        facts: dict[str, Any] = json.loads((home / "run.json").read_text())
    except (OSError, ValueError):
        return {"pid": pid}
    return facts if facts.get("pid") == pid else {"pid": pid}


def started_facts() -> dict[str, Any] | None:
    """Return ``run.json`` as above; exit code 1 while the run is still starting."""
    facts = running_facts()
    if facts is not None and "started_at_ms" not in facts:
        raise fail(
            f"process {facts['pid']} is still starting in {load_settings().home}; "
            "`regimeflow status` says how far it is: try again after that"
        )
    return facts


@contextmanager
def cluster() -> Iterator[dict[str, str]]:
    """Yield client settings of the configured cluster, or of this home's broker.

    A home that does not run gets its broker for this one command. Exit code 2 for a home of another
    environment.
    """
    from deploy.local.home_environment import require_environment

    settings = load_settings()
    with report_errors(2):
        require_environment(settings)
    if settings.kafka_bootstrap_servers is not None:
        yield {"bootstrap.servers": settings.kafka_bootstrap_servers, **settings.kafka_client}
        return
    facts = started_facts()
    if facts is not None:
        yield {"bootstrap.servers": facts["bootstrap_servers"]}
        return
    if not (settings.home / "kafka" / "data").exists():
        raise fail(
            f"no cluster: nothing has run in {settings.home} yet. Start with `regimeflow run`, or "
            "set REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS"
        )
    from deploy.local.broker import BrokerSettings, LocalBroker

    with LocalBroker(BrokerSettings(home=settings.home / "kafka"), note) as broker:
        yield {"bootstrap.servers": broker.bootstrap}


@contextmanager
def kafka() -> Iterator[KafkaSettings]:
    """Yield the runtime's settings of the cluster; a failure is one line and an exit code."""
    from deploy.local.pipeline import kafka_settings
    from workers.provenance import git_commit

    with report_errors(), cluster() as client:
        yield replace(kafka_settings(client), git_commit=git_commit())


def note(text: str, done: float | None = None) -> None:
    """Print on stderr what is being done; standard output holds results alone."""
    if done in (None, 1.0):
        typer.echo(text, err=True)


@contextmanager
def progress_bar(title: str) -> Iterator[Any]:
    """Yield ``progress(done, total)``: a bar on stderr of a terminal, nothing elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    console = Console(stderr=True)
    bar = Progress(
        *columns,
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
    with bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
