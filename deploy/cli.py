"""The one command: ``regimeflow <noun> ...``. Heavy imports wait for the command that needs them.

Exit codes: 0 done; 1 it failed or found something wrong; 2 the call itself was wrong.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from workers.settings import Settings

app = typer.Typer(
    help="Crypto-futures market data in; explained, graded, honestly scored signals out. "
    "Analysis only: nothing here can place an order.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
topics = typer.Typer(help="The topics on the cluster.", no_args_is_help=True)
dlq = typer.Typer(help="Dead letters: what could not be read, and why.", no_args_is_help=True)
data = typer.Typer(help="Market data: fetch, check, export.", no_args_is_help=True)
app.add_typer(topics, name="topics")
topics.add_typer(dlq, name="dlq")
app.add_typer(data, name="data")

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


def main() -> None:
    """Run the command line; an expected error is one line on stderr and exit code 1."""
    app()


def fail(message: str, code: int = 1) -> typer.Exit:
    """Say what is wrong and what to do; raise the result."""
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

    try:
        yield
    except (BrokerError, SupervisorError, DashboardError, ValueError, OSError) as error:
        raise fail(str(error)) from None


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


@app.command()
def run(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PROCESS...]", help="Some processes; with --replay: FILE..."),
    ] = None,
    *,
    replay_files: Annotated[
        bool, typer.Option("--replay", help="The arguments are recorded bars to run over.")
    ] = False,
    exchange: Annotated[
        str | None, typer.Option(help="simulated (default) or binanceusdm, the real venue.")
    ] = None,
    speed: Annotated[
        float | None, typer.Option(help="Market seconds per second; replay: as fast as it goes.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of the simulated market.")] = None,
    port: Annotated[int | None, typer.Option(help="Gateway port on loopback.")] = None,
    as_json: Json = False,
) -> None:
    """Run the live pipeline; Ctrl-C stops it, and the next run continues from there."""
    from deploy.live import screen_for
    from deploy.pipeline import Run, process_names, run_pipeline

    if replay_files and not names:
        raise fail("--replay needs at least one file of bars (Parquet or CSV)", 2)
    settings = settings_of(
        exchange="replay" if replay_files else exchange,
        speed=speed,
        seed=seed,
        replay_files=tuple(names or ()) if replay_files else None,
    )
    everything = process_names(settings.exchange)
    wanted = everything if replay_files or not names else tuple(names)
    if unknown := [name for name in wanted if name not in everything]:
        raise fail(f"unknown process {', '.join(unknown)}; expected {', '.join(everything)}", 2)
    with spoken_errors():
        code = run_pipeline(Run(settings, chosen_port(port), wanted), screen_for(as_json=as_json))
    raise typer.Exit(code)


def chosen_port(port: int | None) -> int:
    """Return the gateway's port: the option, ``REGIMEFLOW_PORT``, or 8080."""
    return port if port is not None else int(os.environ.get("REGIMEFLOW_PORT", "8080"))


@app.command()
def stop(*, as_json: Json = False) -> None:
    """Stop the run of this home and wait until it has ended."""
    facts = running_facts()
    if facts is None:
        raise fail("nothing runs in this home; REGIMEFLOW_HOME chooses another")
    os.kill(facts["pid"], signal.SIGTERM)
    deadline = time.monotonic() + 40.0
    while running_facts() is not None and time.monotonic() < deadline:
        time.sleep(0.2)
    ended = running_facts() is None
    if as_json:
        emit({"stopped": ended, "pid": facts["pid"]})
    if not ended:
        raise fail(f"process {facts['pid']} is still stopping; look at its logs")
    if not as_json:
        typer.echo("stopped; the next run continues from here")


def running_facts() -> dict[str, Any] | None:
    """Return what the run of this home wrote about itself; None when nothing runs."""
    path = settings_of().home / "run.json"
    try:
        facts: dict[str, Any] = json.loads(path.read_text())
        os.kill(facts["pid"], 0)
    except (OSError, ValueError):
        return None
    return facts


@app.command()
def status(*, as_json: Json = False) -> None:
    """Say what runs in this home and how it is; exit code 1 when it is not healthy."""
    from deploy.live import health_of, summary_lines

    facts = running_facts()
    health = health_of(facts["url"]) if facts else None
    if as_json:
        emit({"run": facts, "health": health})
    elif facts is None:
        typer.echo("nothing runs in this home")
    else:
        typer.echo(f"{facts['exchange']} since pid {facts['pid']}, {facts['url']}")
        typer.echo("\n".join(summary_lines(health)))
    raise typer.Exit(0 if health and health.get("status") == "healthy" else 1)


@app.command()
def doctor(*, as_json: Json = False) -> None:
    """Explain what is missing on this machine and the command that mends it."""
    from deploy.preflight import examine

    findings = examine(settings_of().home, chosen_port(None))
    if as_json:
        emit([finding.__dict__ for finding in findings])
    else:
        for finding in findings:
            mark = {"ok": "ok     ", "note": "note   ", "missing": "MISSING"}[finding.state]
            typer.echo(f"{mark} {finding.name}: {finding.detail}")
            if finding.mend:
                typer.echo(f"        mend: {finding.mend}")
    raise typer.Exit(1 if any(f.state == "missing" for f in findings) else 0)


@app.command()
def graph(*, as_json: Json = False) -> None:
    """Draw the flow: every process, what it reads and what it writes."""
    from deploy.drawing import edges, flow_text

    if as_json:
        emit([{"from": a, "topic": t, "to": b} for a, t, b in edges()])
    else:
        typer.echo(flow_text())


def cluster_of() -> dict[str, str]:
    """Return client settings of the cluster: the configured one, else the running local one."""
    settings = settings_of()
    if settings.kafka_bootstrap_servers is not None:
        return {"bootstrap.servers": settings.kafka_bootstrap_servers, **settings.kafka_client}
    facts = running_facts()
    if facts is None:
        raise fail(
            "no cluster: start one with `regimeflow run`, or set REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS"
        )
    return {"bootstrap.servers": facts["bootstrap_servers"]}


@topics.command("list")
def topics_list(*, as_json: Json = False) -> None:
    """List every topic with its records and the lag of each consumer group."""
    from deploy.topics import list_lags, list_topics

    cluster = cluster_of()
    with spoken_errors():
        states, lags = list_topics(cluster), list_lags(cluster)
    if as_json:
        emit({"topics": [s.__dict__ for s in states], "lags": [lag.__dict__ for lag in lags]})
        return
    width = max((len(state.name) for state in states), default=0)
    for state in states:
        behind = ", ".join(
            f"{lag.group} {lag.lag} behind" for lag in lags if lag.topic == state.name
        )
        typer.echo(f"{state.name:<{width}}  {state.end - state.start:>9}  {behind}")


@topics.command("apply")
def topics_apply(
    *,
    partitions: Annotated[int, typer.Option(min=1, help="Of topics that are created.")] = 1,
    mend: Annotated[bool, typer.Option(help="Set differing settings as wanted.")] = False,
    as_json: Json = False,
) -> None:
    """Create what is missing of the topic table; report what differs (exit code 1)."""
    from deploy.topics import apply_topics, mend_topics

    cluster = cluster_of()
    with spoken_errors():
        applied = apply_topics(cluster, partitions)
        if mend:
            mend_topics(cluster, applied.differing)
            applied = apply_topics(cluster, partitions)
    if as_json:
        emit(
            {
                "created": applied.created,
                "unchanged": applied.unchanged,
                "differing": [difference.__dict__ for difference in applied.differing],
            }
        )
    else:
        typer.echo(f"{len(applied.created)} created, {len(applied.unchanged)} as wanted")
        for difference in applied.differing:
            typer.echo(
                f"{difference.topic}: {difference.setting} is {difference.found}, "
                f"expected {difference.wanted} (--mend sets it)"
            )
    raise typer.Exit(1 if applied.differing else 0)


@topics.command("tail")
def topics_tail(
    topic: Annotated[str, typer.Argument(help="A topic of the table.")],
    *,
    symbol: Annotated[str | None, typer.Option(help="Only this symbol.")] = None,
    count: Annotated[int, typer.Option("-n", min=1, help="Stop after so many.")] = 10,
    follow: Annotated[bool, typer.Option("--follow", help="Wait for new records.")] = False,
    as_json: Json = False,
) -> None:
    """Print the newest records of a topic, one JSON document a line."""
    from deploy.tail import newest

    with spoken_errors():
        for record in newest(cluster_of(), topic, symbol=symbol, count=count, follow=follow):
            typer.echo(record if as_json else record[:400])


if __name__ == "__main__":
    main()
