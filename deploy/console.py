"""What every command shares: settings, the cluster of this home, and how results and errors look.

Exit codes: 0 done; 1 it failed or found something wrong; 2 the call itself was wrong.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from streams.cluster import KafkaSettings
    from workers.settings import Settings

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


def fail(message: str, code: int = 1) -> typer.Exit:
    """Say what is wrong and what to do, on one line of stderr; raise the result."""
    typer.echo(f"regimeflow: {message}", err=True)
    return typer.Exit(code)


def emit(value: Any) -> None:
    """Print one JSON document."""
    typer.echo(json.dumps(value, indent=2, default=str))


@contextmanager
def spoken_errors() -> Iterator[None]:
    """Turn the errors that a user can mend into one line and exit code 1."""
    from deploy.dashboard import DashboardError
    from deploy.local.errors import BrokerError
    from deploy.local.supervisor import SupervisorError
    from deploy.topics import ClusterFailed
    from streams.cluster import Aborted, Fatal

    try:
        yield
    except (BrokerError, SupervisorError, DashboardError, ValueError, OSError) as error:
        raise fail(str(error) or type(error).__name__) from None
    except (Fatal, Aborted, ClusterFailed) as error:
        raise fail(f"the Kafka cluster failed: {error}") from None


def settings_of(**overrides: Any) -> Settings:
    """Return the settings; a bad value is one line that names it, and exit code 2."""
    from pydantic import ValidationError

    from workers.settings import Settings

    try:
        return Settings(**{k: v for k, v in overrides.items() if v is not None})
    except ValidationError as invalid:
        said = "; ".join(
            f"{'.'.join(map(str, error['loc'])) or 'settings'}: {error['msg']}"
            for error in invalid.errors()
        )
        raise fail(said, 2) from None


def chosen_port(port: int | None) -> int:
    """Return the gateway's port: the option, ``REGIMEFLOW_PORT``, or 8080."""
    text = os.environ.get("REGIMEFLOW_PORT", "8080") if port is None else str(port)
    if not text.isdecimal() or not 0 < int(text) < 65_536:
        raise fail(f"port {text!r}, expected a number from 1 to 65535", 2)
    return int(text)


def moment_ms(text: str) -> int:
    """Return a point in time given as ISO 8601 (UTC when it names no zone) or epoch ms."""
    if text.isdecimal():
        return int(text)
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise fail(
            f"time {text!r}, expected ISO 8601 such as 2025-01-31T12:00 (UTC), or epoch ms", 2
        ) from None
    return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp() * 1000)


def shown_time(time_ms: int) -> str:
    """Return a point in time for people, UTC."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def running_facts() -> dict[str, Any] | None:
    """Return what the run of this home wrote about itself; None when nothing runs.

    A run that is still starting has only its ``pid``.
    """
    from deploy.local.home_lock import holder

    home = settings_of().home
    pid = holder(home / "run.lock").get("pid")
    if not isinstance(pid, int):
        return None
    try:
        facts: dict[str, Any] = json.loads((home / "run.json").read_text())
    except (OSError, ValueError):
        return {"pid": pid}
    return facts if facts.get("pid") == pid else {"pid": pid}


@contextmanager
def cluster() -> Iterator[dict[str, str]]:
    """Yield client settings of the cluster: the one that is set, or this home's.

    The broker of a home that does not run is started for this one command.
    """
    settings = settings_of()
    if settings.kafka_bootstrap_servers is not None:
        yield {"bootstrap.servers": settings.kafka_bootstrap_servers, **settings.kafka_client}
        return
    facts = running_facts()
    if facts is not None:
        if "bootstrap_servers" not in facts:
            raise fail(f"process {facts['pid']} is still starting in {settings.home}; try again")
        yield {"bootstrap.servers": facts["bootstrap_servers"]}
        return
    if not (settings.home / "kafka" / "data").exists():
        raise fail(
            f"no cluster: nothing has run in {settings.home} yet. Start with `regimeflow run`, or "
            "set REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS"
        )
    from deploy.local.broker import BrokerSettings, LocalBroker

    with LocalBroker(BrokerSettings(home=settings.home / "kafka"), aside) as broker:
        yield {"bootstrap.servers": broker.bootstrap}


@contextmanager
def kafka() -> Iterator[KafkaSettings]:
    """Yield the runtime's settings of the cluster; errors are spoken."""
    from deploy.pipeline import git_commit
    from streams.cluster import KafkaSettings

    with spoken_errors(), cluster() as client:
        others = {key: value for key, value in client.items() if key != "bootstrap.servers"}
        yield KafkaSettings(client["bootstrap.servers"], others, git_commit())


def aside(text: str, done: float | None = None) -> None:
    """Say on stderr what is being done, so that output stays what was asked for."""
    if done in (None, 1.0):
        typer.echo(text, err=True)


@contextmanager
def bar(title: str) -> Iterator[Any]:
    """Yield ``progress(done, total)``: one bar on stderr, nothing where no one watches."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    console = Console(stderr=True)
    drawn = Progress(
        *columns,
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
    with drawn:
        task = drawn.add_task(title, total=None)
        yield lambda done, total: drawn.update(task, completed=done, total=total)


def now_ms() -> int:
    """Return the wall clock, UTC epoch milliseconds."""
    return int(time.time() * 1000)
