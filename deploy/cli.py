"""The one command: ``regimeflow <noun> ...``. Heavy imports wait for the command that needs them.

Exit codes: 0 done; 1 it failed or found something wrong; 2 the call itself was wrong.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy import cli_data, cli_topics
from deploy.console import (
    Json,
    bar,
    chosen_port,
    emit,
    fail,
    kafka,
    moment_ms,
    running_facts,
    settings_of,
    shown_time,
    spoken_errors,
)

app = typer.Typer(
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

STOP_WITHIN_S = 40.0


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
    port: Annotated[int | None, typer.Option(help="Gateway port on loopback [8080].")] = None,
    as_json: Json = False,
) -> None:
    """Run the pipeline until Ctrl-C; the next run continues from there."""
    from deploy.live import screen_for
    from deploy.pipeline import Run, process_names, run_pipeline

    if replay_files:
        overrides = _recorded(names or [], exchange, speed)
    else:
        overrides = {"exchange": exchange, "speed": speed}
    settings = settings_of(seed=seed, **overrides)
    everything = process_names(settings.exchange)
    wanted = everything if replay_files or not names else tuple(names)
    if unknown := [name for name in wanted if name not in everything]:
        hint = "; files need --replay" if any(Path(name).suffix for name in unknown) else ""
        raise fail(
            f"unknown process {', '.join(unknown)}; expected {', '.join(everything)}{hint}", 2
        )
    with spoken_errors():
        code = run_pipeline(Run(settings, chosen_port(port), wanted), screen_for(as_json=as_json))
    raise typer.Exit(code)


def _recorded(files: list[str], exchange: str | None, speed: float | None) -> dict[str, Any]:
    """Return the settings of a replay; every file has been read and is right."""
    if not files:
        raise fail("--replay needs at least one file of bars (Parquet or CSV)", 2)
    if exchange is not None:
        raise fail(f"--replay runs over files, not over --exchange {exchange}", 2)
    from deploy.preflight import recorded_market

    with spoken_errors():
        symbols, timeframe = recorded_market(files)
    return {
        "exchange": "replay",
        "replay_files": tuple(files),
        "replay_speed": speed,
        "universe": symbols,
        "timeframe": timeframe,
    }


@app.command()
def stop(*, as_json: Json = False) -> None:
    """Stop the run of this home and wait until it has ended."""
    facts = running_facts()
    if facts is None:
        raise fail(f"nothing runs in {settings_of().home}; REGIMEFLOW_HOME chooses another home")
    os.kill(facts["pid"], signal.SIGTERM)
    deadline = time.monotonic() + STOP_WITHIN_S
    while (ended := running_facts() is None) is False and time.monotonic() < deadline:
        time.sleep(0.2)
    if as_json:
        emit({"stopped": ended, "pid": facts["pid"]})
    if not ended:
        raise fail(
            f"process {facts['pid']} is still stopping after {STOP_WITHIN_S:.0f} s; look at "
            f"{settings_of().home / 'logs'}"
        )
    if not as_json:
        typer.echo("stopped; the next run continues from here")


@app.command()
def status(*, as_json: Json = False) -> None:
    """Say what runs here; exit code 1 unless it is healthy."""
    from deploy.live import health_of, summary_lines

    home, facts = settings_of().home, running_facts()
    health = health_of(facts["url"]) if facts and "url" in facts else None
    if as_json:
        emit({"home": str(home), "run": facts, "health": health})
    elif facts is None:
        typer.echo(f"nothing runs in {home}; start with `regimeflow run`")
    elif "url" not in facts:
        typer.echo(f"process {facts['pid']} is starting in {home}")
    else:
        since = shown_time(facts["started_at_ms"])
        typer.echo(f"{facts['exchange']} market, process {facts['pid']} since {since} UTC")
        typer.echo(f"dashboard  {facts['url']}\nhome       {home}")
        typer.echo("\n".join(summary_lines(health)))
    raise typer.Exit(0 if health and health.get("status") == "healthy" else 1)


@app.command()
def doctor(*, as_json: Json = False) -> None:
    """Explain what is missing, and the command that mends it."""
    from deploy.preflight import examine

    facts = running_facts()
    findings = examine(settings_of(), chosen_port(None), facts["pid"] if facts else None)
    missing = sum(finding.state == "missing" for finding in findings)
    if as_json:
        emit([finding.__dict__ for finding in findings])
    else:
        width = max(len(finding.name) for finding in findings)
        for finding in findings:
            mark = {"ok": "ok     ", "note": "note   ", "missing": "MISSING"}[finding.state]
            typer.echo(f"{mark}  {finding.name:<{width}}  {finding.detail}")
            if finding.mend:
                typer.echo(f"         {'':<{width}}  -> {finding.mend}")
        typer.echo(f"{missing} missing" if missing else "ready: `regimeflow run`")
    raise typer.Exit(1 if missing else 0)


@app.command()
def graph(*, as_json: Json = False) -> None:
    """Draw the flow: each process, what it reads and writes."""
    from deploy.drawing import edges, flow_text

    if as_json:
        emit([edge.__dict__ for edge in edges()])
    else:
        typer.echo(flow_text())


@app.command()
def replay(
    *,
    since: Annotated[
        str | None, typer.Option("--from", help="First close that counts: ISO 8601 (UTC) or ms.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="Last close that counts.")] = None,
    symbol: Annotated[str | None, typer.Option(help="Only this symbol, in any spelling.")] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare with the topics byte for byte.")
    ] = False,
    shown: Annotated[int, typer.Option(min=1, help="Differences described.")] = 20,
    as_json: Json = False,
) -> None:
    """Recompute a span of the log; compare it with --verify.

    Exit code 1 when a record differs. States begin at the first raw bar, so everything before the
    span is recomputed too.
    """
    from deploy.recompute import inference_of_models
    from deploy.recorded import Span
    from deploy.replay_report import report_lines, report_of
    from deploy.verify import replay_log
    from schemas.symbols import canonical

    with spoken_errors():
        span = Span(
            moment_ms(since) if since else 0,
            moment_ms(until) if until else None,
            canonical(symbol) if symbol else None,
        )
    if span.to_ms is not None and span.to_ms < span.from_ms:
        raise fail(f"--to {until} lies before --from {since}", 2)
    with kafka() as settings, bar("raw bars") as progress:
        report = replay_log(
            settings,
            span,
            inference_of_models(),
            verify=verify,
            shown=shown,
            progress=progress,
        )
    if as_json:
        emit(report_of(report, verified=verify))
    else:
        typer.echo("\n".join(report_lines(report, verified=verify)))
    raise typer.Exit(1 if report.differing else 0)


@app.command()
def loadtest(
    *,
    url: Annotated[
        str | None, typer.Option(help="Of the gateway; default: that of this home's run.")
    ] = None,
    requests: Annotated[int, typer.Option(min=1, help="In all.")] = 1_000,
    concurrent: Annotated[int, typer.Option(min=1, help="Connections that ask at once.")] = 10,
    output: Annotated[Path | None, typer.Option(help="Write the report there as JSON.")] = None,
    as_json: Json = False,
) -> None:
    """Measure predict requests; exit code 1 when one failed."""
    from deploy.loadtest import loadtest as measure

    facts = running_facts() if url is None else None
    address = url or (facts or {}).get("url") or f"http://127.0.0.1:{chosen_port(None)}"
    with spoken_errors():
        report = measure(address, requests, concurrent, output)
    if as_json:
        emit(report)
    else:
        latency = ", ".join(f"{name} {value:g}" for name, value in report["latency_ms"].items())
        actions = ", ".join(f"{name} {count}" for name, count in report["actions"].items())
        typer.echo(
            f"{report['requests']} requests to {address} over {concurrent} connections in "
            f"{report['elapsed_s']:g} s: {report['requests_per_second']:g} a second"
        )
        typer.echo(f"success   {report['success_rate']:.2%}   statuses {report['statuses']}")
        typer.echo(f"ms        {latency}\nactions   {actions}")
    raise typer.Exit(0 if report["success_rate"] == 1.0 else 1)


if __name__ == "__main__":
    main()
