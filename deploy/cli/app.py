"""The command ``regimeflow <noun> ...``. A heavy import waits for the command that needs it.

Exit codes: 0 done; 1 it failed or found something wrong; 2 the call itself was wrong.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.cli import backtest as cli_backtest
from deploy.cli import backup as cli_backup
from deploy.cli import challenge as cli_challenge
from deploy.cli import data as cli_data
from deploy.cli import deployment as cli_deployment
from deploy.cli import features as cli_features
from deploy.cli import home as cli_home
from deploy.cli import hyperopt as cli_hyperopt
from deploy.cli import journal as cli_journal
from deploy.cli import keys as cli_keys
from deploy.cli import models as cli_models
from deploy.cli import notify as cli_notify
from deploy.cli import regimes as cli_regimes
from deploy.cli import strategy as cli_strategy
from deploy.cli import topics as cli_topics
from deploy.cli.backtest_signals import signals
from deploy.cli.config_file import validate
from deploy.cli.console import (
    NAME,
    CommandGroup,
    Json,
    emit,
    fail,
    gateway_port,
    load_settings,
    report_errors,
    running_facts,
    show,
)
from deploy.cli.drift import drift
from deploy.cli.gateway import health, serve
from deploy.cli.ideas import ideas
from deploy.cli.loadtest import loadtest
from deploy.cli.logs import logs
from deploy.cli.mcp import mcp
from deploy.cli.mlflow import get_experiment, mlflow
from deploy.cli.models_import import import_version
from deploy.cli.performance import performance
from deploy.cli.replay import replay
from deploy.cli.settings import config, refuse_unexpected, settings_in_force
from deploy.cli.strategy import get_strategy, list_strategies
from deploy.cli.trace import trace
from deploy.cli.train import train
from deploy.time_text import time_text

app = typer.Typer(
    cls=CommandGroup,
    help="Crypto-futures market data in; explained, graded, honestly scored signals out. "
    "Analysis only: nothing here can place an order. "
    "Exit codes: 0 done, 1 failed or found something wrong, 2 wrong call.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(cli_topics.app, name="topics")
app.add_typer(cli_data.app, name="data")
app.add_typer(cli_features.app, name="features")
app.add_typer(cli_regimes.app, name="regimes")
app.add_typer(cli_backtest.app, name="backtest")
app.add_typer(cli_hyperopt.app, name="hyperopt")
app.add_typer(cli_keys.app, name="keys")
app.add_typer(cli_notify.app, name="notify")
app.add_typer(cli_strategy.app, name="strategy")
app.add_typer(cli_models.app, name="models")
app.add_typer(cli_deployment.app, name="deploy")
app.add_typer(cli_challenge.app, name="challenge")
app.add_typer(cli_journal.app, name="journal")
app.add_typer(cli_backup.app, name="backup")
app.add_typer(cli_home.app, name="home")
cli_backtest.app.command()(signals)
cli_strategy.app.command()(cli_models.set_version)
cli_deployment.app.command()(cli_models.rollback)
cli_models.app.command("import")(import_version)
app.command()(logs)

STOP_WITHIN_S = 40.0


def show_version(asked: bool) -> None:  # noqa: FBT001 - typer calls it with the flag's value
    """Say the version and end, where it was asked for."""
    if asked:
        from importlib.metadata import version

        typer.echo(f"{NAME} {version('regimeflow')}")
        raise typer.Exit


@app.callback()
def take_options(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=show_version, help="Say the version and end."
        ),
    ] = False,
) -> None:
    """Take what stands before a command."""


def main() -> None:
    """Run the command line; an expected error is one line on stderr and an exit code."""
    app()


@app.command()
def run(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PROCESS...]", help="Some processes; with --replay: FILE..."),
    ] = None,
    *,
    replay_files: Annotated[
        bool,
        typer.Option(
            "--replay", help="The arguments are recorded bars to run over: FILE[=SYMBOL:TIMEFRAME]."
        ),
    ] = False,
    exchange: Annotated[
        str | None, typer.Option(help="simulated (default) or binanceusdm, the real venue.")
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(
            min=0.001, help="Market seconds per second [60]; with --replay as fast as it goes."
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the simulated market.")] = None,
    trend: Annotated[
        float | None,
        typer.Option(min=0.0, help="Drift of its regimes, times that of bitcoin's [1]."),
    ] = None,
    port: Annotated[int | None, typer.Option(help="Gateway port [8080]; 0: any free one.")] = None,
    as_json: Json = False,
) -> None:
    """Run the pipeline until Ctrl-C; a next run continues."""
    from deploy.local.live_view import screen_for
    from deploy.local.pipeline import Run, run_pipeline
    from deploy.local.ports import usable_port
    from deploy.local.process_names import default_processes, process_names

    if replay_files:
        overrides = _replay_settings(names or [], exchange, speed)
    else:
        overrides = {"exchange": exchange, "speed": speed}
        if exchange is None:
            _refuse_without_files()
    settings = load_settings(seed=seed, trend=trend, **overrides)
    known = process_names(settings.exchange)
    chosen = default_processes(settings) if replay_files or not names else tuple(names)
    if unknown := [name for name in chosen if name not in known]:
        hint = "; files need --replay" if any(Path(name).suffix for name in unknown) else ""
        raise fail(f"unknown process {', '.join(unknown)}; expected {', '.join(known)}{hint}", 2)
    wanted_port = gateway_port(port)
    refuse_unexpected(settings, gateway="gateway" in chosen)
    with report_errors():
        usable = wanted_port or usable_port(0)
        code = run_pipeline(Run(settings, usable, chosen), screen_for(as_json=as_json))
    raise typer.Exit(code)


def _refuse_without_files() -> None:
    """Refuse, before anything starts, to go on in a home of a replay without its files."""
    from workers.ingest.home_binding import bound_market

    settings = load_settings()
    bound = bound_market(settings.home) or {}
    if bound.get("exchange") == "replay" and settings.exchange != "replay":
        files = " ".join(row[0] for row in bound.get("files", ()))
        raise fail(
            f"{settings.home} holds a replay: go on with `regimeflow run --replay {files}` "
            "(with their folder), or choose another home with REGIMEFLOW_HOME",
            2,
        )


def _replay_settings(files: list[str], exchange: str | None, speed: float | None) -> dict[str, Any]:
    """Return the settings of a replay; every file has been read to its end and is valid."""
    if not files:
        raise fail("--replay needs at least one file of bars (Parquet or CSV)", 2)
    if exchange is not None:
        raise fail(f"--replay runs over files, not over --exchange {exchange}", 2)
    from deploy.local.doctor import read_recorded_market
    from schemas.timeframes import timeframes_of

    with report_errors(2):
        symbols, base = read_recorded_market(files)
    return {
        "exchange": "replay",
        "replay_files": tuple(files),
        "replay_speed": speed,
        "universe": symbols,
        "timeframes": timeframes_of(base, load_settings().timeframes),
    }


@app.command()
def stop(*, as_json: Json = False) -> None:
    """Stop the run of this home and wait until it has ended."""
    facts = running_facts()
    if facts is None:
        raise fail(f"nothing runs in {load_settings().home}; REGIMEFLOW_HOME chooses another home")
    os.kill(facts["pid"], signal.SIGTERM)
    deadline = time.monotonic() + STOP_WITHIN_S
    while running_facts() is not None:
        if time.monotonic() < deadline:
            time.sleep(0.2)
            continue
        raise fail(
            f"process {facts['pid']} is still stopping after {STOP_WITHIN_S:.0f} s; look at "
            f"{load_settings().home / 'logs'}"
        )
    show({"stopped": facts["pid"]}, ["stopped; the next run continues from here"], as_json=as_json)


@app.command()
def status(*, as_json: Json = False) -> None:
    """Say what runs here; exit code 1 unless it is healthy."""
    from deploy.local.log_files import newest_step
    from deploy.local.run_watch import (
        RunView,
        ask_health,
        metrics_lines,
        process_lines,
        read_models,
        summary_lines,
    )

    home, facts = load_settings().home, running_facts()
    url = (facts or {}).get("url")
    health, locked = ask_health(url) if url else (None, False)
    view = RunView(health, read_models(url) if url else None, locked=locked)
    lives = (facts or {}).get("supervised", {})
    step = newest_step(home / "logs") if facts and "started_at_ms" not in facts else None
    if as_json:
        training = (view.models or {}).get("training")
        emit(
            {
                "home": str(home),
                "run": facts,
                "starting": step,
                "health": view.health,
                "training": training,
            }
        )
    elif facts is None:
        typer.echo(f"nothing runs in {home}; start with `regimeflow run`")
    elif "started_at_ms" not in facts:
        typer.echo(f"process {facts['pid']} is starting in {home}: {step or 'nothing is said yet'}")
    elif url is None:
        typer.echo(
            f"process {facts['pid']} runs {', '.join(facts['processes'])} in {home}; no gateway "
            "runs here to ask for their health: `regimeflow logs` shows what they say"
        )
        typer.echo("\n".join([*process_lines({}, lives), *metrics_lines(facts)]))
    else:
        since = time_text(facts["started_at_ms"])
        typer.echo(f"{facts['exchange']} market, process {facts['pid']} since {since} UTC")
        typer.echo(f"dashboard  {url}\nhome       {home}")
        typer.echo("\n".join([*summary_lines(view, lives), *metrics_lines(facts)]))
    up = all(life["state"] == "running" for life in lives.values())
    raise typer.Exit(0 if up and view.health and view.health["status"] == "healthy" else 1)


@app.command()
def doctor(*, as_json: Json = False) -> None:
    """Check this machine and what the environment expects of the settings; say what mends each.

    Exit code 1 when something is missing: then nothing starts.
    """
    from deploy.local.doctor import examine, examine_settings

    facts = running_facts()
    settings = load_settings()
    checks = (
        *examine_settings(settings_in_force(settings)),
        *examine(settings, gateway_port(None), facts["pid"] if facts else None),
    )
    missing = sum(check.state == "missing" for check in checks)
    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        mark = {"ok": "ok     ", "note": "note   ", "missing": "MISSING"}[check.state]
        lines.append(f"{mark}  {check.name:<{width}}  {check.detail}")
        if check.mend:
            lines.append(f"         {'':<{width}}  -> {check.mend}")
    lines.append(f"{missing} missing" if missing else "ready: `regimeflow run`")
    show([check.__dict__ for check in checks], lines, as_json=as_json)
    raise typer.Exit(1 if missing else 0)


@app.command()
def graph(*, as_json: Json = False) -> None:
    """Draw the flow: each process, what it reads and writes."""
    from deploy.generate.flow_graph import edges, flow_text

    show([edge.__dict__ for edge in edges()], [flow_text()], as_json=as_json)


app.command()(serve)
app.command()(health)
app.command()(mcp)
app.command()(mlflow)
app.command()(get_experiment)
app.command()(drift)
app.command()(ideas)
app.command()(performance)
app.command()(replay)
app.command()(trace)
app.command()(train)
app.command()(cli_models.retrain)
app.command()(cli_models.get_model)
app.command()(loadtest)
app.command()(list_strategies)
app.command()(get_strategy)
app.command()(validate)
app.command()(config)

if __name__ == "__main__":
    main()
