"""``regimeflow mlflow`` and ``get-experiment``: what is mirrored into MLflow, for people."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from deploy.cli.console import Json, fail, load_settings, note, report_errors, show
from deploy.cli.gateway_client import gateway_url, request_json
from deploy.cli.options import Url
from deploy.cli.tables.mlflow import experiment_lines

if TYPE_CHECKING:
    from workers.training.mlflow_tracking import Tracking

PORT = 5000  # MLflow's own
LOCKED_S = 5.0  # so long the database may be held by the mirror


def mlflow(
    *,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Of 127.0.0.1; 0: any free one.")
    ] = PORT,
) -> None:
    """Open MLflow's pages about this home's models and runs, on loopback, until Ctrl-C.

    Where the settings name a server, its address is shown instead.
    """
    from workers.process import without_secrets
    from workers.training.mlflow_tracking import Tracking

    settings = load_settings()
    tracking = Tracking.from_settings(settings)
    if tracking.artifacts is None:
        typer.echo(without_secrets(tracking.uri))
        return
    if tracking.database is not None and not tracking.database.is_file():
        raise fail(
            f"nothing is mirrored in {settings.home} yet: the first model is, half a minute after "
            "its registration, while no other is trained; `regimeflow status` shows how far that is"
        )
    if tracking.database is not None:
        _require_readable(tracking.database)
    raise typer.Exit(_serve(tracking, port))


def _require_readable(database: Path) -> None:
    """Exit with code 1 where MLflow's server could not open a database."""
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", LOCKED_S, uri=True)) as opened:
            opened.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        raise fail(
            f"{database} cannot be read ({error}): try again where another process holds it; a "
            "damaged one can be moved away, and is written again from the topics"
        ) from None


def _serve(tracking: Tracking, port: int) -> int:
    """Run MLflow's server until it ends; return its exit code, 0 after Ctrl-C."""
    from deploy.local.ports import LOOPBACK, usable_port
    from deploy.local.supervisor import interrupt_on_signals
    from deploy.local.surroundings import port_problem, require

    with report_errors():
        require(port_problem(port) if port else None)
        chosen = port or usable_port(0)
    options = ("--host", LOOPBACK, "--port", str(chosen), "--workers", "1")
    hosts = ("--allowed-hosts", f"localhost:{chosen},{LOOPBACK}:{chosen}")
    # The address may hold a password, and anybody can read the arguments of a process.
    stores = {"MLFLOW_BACKEND_STORE_URI": tracking.uri, "MLFLOW_REGISTRY_STORE_URI": tracking.uri}
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    command = (sys.executable, "-m", "mlflow", "server", *options, *hosts, "--no-serve-artifacts")
    note(f"MLflow: http://{LOOPBACK}:{chosen} in some seconds; Ctrl-C stops it")
    interrupt_on_signals()
    own = {**os.environ, **stores, **quiet}
    # In a group of its own: the server starts processes that its own end would leave.
    with subprocess.Popen(command, env=own, start_new_session=True) as server:
        try:
            return server.wait()
        except KeyboardInterrupt:
            os.killpg(server.pid, signal.SIGTERM)
            return 0


def get_experiment(
    experiment: Annotated[str, typer.Argument(metavar="ID", help="MLflow's id, or the name.")],
    *,
    limit: Annotated[int, typer.Option(min=1, max=500, help="Newest runs.")] = 20,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Show the runs of an experiment of MLflow: models, failed trainings, logged back-tests."""
    path = f"api/v1/mlflow/experiments/{quote(experiment, safe='/')}?limit={limit}"
    with report_errors():
        document = request_json(gateway_url(url), path)
    show(document, lambda: experiment_lines(document), as_json=as_json)
