"""``regimeflow hyperopt ...``: search a strategy's parameters, on the pipeline or right here."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.console import (
    Json,
    emit,
    fail,
    load_settings,
    note,
    parse_symbol,
    parse_time_ms,
    progress_bar,
    report_errors,
)
from deploy.cli.gateway_client import Answer, ask, gateway_url
from deploy.cli.hyperopt_request import parse_parameter, read_optimization, read_request
from deploy.cli.tables.hyperopt import job_line, result_lines

if TYPE_CHECKING:
    from schemas.research import TuningSpec

app = typer.Typer(
    help="Search a strategy's parameters with Optuna.", no_args_is_help=True, rich_markup_mode=None
)

ROUTE = "api/v1/hyperopt"
LIVE = ("queued", "running", "cancelling")
LOOK_EVERY_S = 0.5

Url = Annotated[str | None, typer.Option(help="Of the gateway; default: that of this home's run.")]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="As `start` and `list` show it.")]


@app.command()
def start(
    strategy: Annotated[
        str | None, typer.Argument(help="A shipped one, e.g. ema_cross; or in --spec.")
    ] = None,
    *,
    symbol: Annotated[str | None, typer.Option(help="In any spelling [BTCUSDT].")] = None,
    timeframe: Annotated[str | None, typer.Option(help="A multiple of the stored bars.")] = None,
    since: Annotated[str | None, typer.Option("--from", help="First open.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Last close.")] = None,
    n_trials: Annotated[
        int | None, typer.Option("--trials", "--epochs", min=1, help="[the preset's, or 100]")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="quick, standard, production, or one of --config.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="tradai.yaml of the strategy: its optimization part.")
    ] = None,
    sampler: Annotated[
        str | None, typer.Option(help="TPESampler, RandomSampler, CmaEsSampler, NSGAIISampler.")
    ] = None,
    loss: Annotated[
        list[str] | None, typer.Option(help="sharpe, sortino, calmar, total_return.")
    ] = None,
    spaces: Annotated[list[str] | None, typer.Option(help="Group of parameters.")] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(help="NAME=LOW:HIGH, NAME=LOW:HIGH:STEP, NAME=LOW:HIGH:log or NAME=A,B."),
    ] = None,
    windows: Annotated[int | None, typer.Option(min=1, help="Of each trial [4].")] = None,
    pruning: Annotated[bool, typer.Option("--pruning", help="Stop poor trials early.")] = False,
    batch: Annotated[int | None, typer.Option(min=1, help="Trials at a time [1].")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="[0]")] = None,
    timeout_s: Annotated[float | None, typer.Option("--timeout", help="Seconds.")] = None,
    spec: Annotated[
        Path | None, typer.Option(help="JSON of a request; options replace its fields.")
    ] = None,
    local: Annotated[
        str | None,
        typer.Option(help="Search here on FILE or FILE=SYMBOL:TIMEFRAME, without a broker."),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Wait for the result.")] = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Start a search; --local runs it here, and the same call again goes on where it was."""
    given = {
        "strategy_name": strategy,
        "symbol": parse_symbol(symbol) if symbol else None,
        "timeframe": timeframe,
        "from_ms": parse_time_ms(since) if since else None,
        "to_ms": parse_time_ms(until) if until else None,
        "n_trials": n_trials,
        "preset": preset,
        "optimization": read_optimization(config) if config else None,
        "sampler": sampler,
        "loss_function": loss or None,
        "spaces": spaces or None,
        "param_space": dict(map(parse_parameter, param)) if param else None,
        "windows": windows,
        "pruning": pruning or None,
        "batch": batch,
        "seed": seed,
        "timeout_s": timeout_s,
    }
    fields = read_request(spec) | {
        name: value for name, value in given.items() if value is not None
    }
    if local is not None:
        _tell(_run_here(local, fields), as_json=as_json)
        return
    with report_errors():
        address = gateway_url(url)
        body = _checked(fields).model_dump(mode="json", exclude_unset=True)
        job = ask(address, ROUTE, body)
    if follow:
        _follow(address, job["job_id"], as_json=as_json)
    elif as_json:
        emit(job)
    else:
        typer.echo(job["job_id"])
        note(f"follow it with `regimeflow hyperopt status {job['job_id']} --follow`")


@app.command(name="list")
def list_jobs(*, url: Url = None, as_json: Json = False) -> None:
    """List the searches, newest first."""
    with report_errors():
        jobs = ask(gateway_url(url), ROUTE)["jobs"]
    if as_json:
        emit(jobs)
        return
    for job in jobs:
        typer.echo(f"{job['job_id']}  {job_line(job)}")
    if not jobs:
        note("no search yet: `regimeflow hyperopt start STRATEGY`")


@app.command()
def status(
    job_id: JobId,
    *,
    follow: Annotated[bool, typer.Option("--follow", help="Until its end.")] = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Say how a search stands; exit code 1 when it failed."""
    with report_errors():
        address = gateway_url(url)
        job = ask(address, f"{ROUTE}/{job_id}")
    if follow:
        _follow(address, job_id, as_json=as_json)
        return
    if as_json:
        emit(job)
    else:
        typer.echo(job_line(job))
        if job["error"]:
            typer.echo(job["error"])
    raise typer.Exit(1 if job["status"] == "failed" else 0)


@app.command()
def result(job_id: JobId, *, url: Url = None, as_json: Json = False) -> None:
    """Show what a search found."""
    with report_errors():
        found = ask(gateway_url(url), f"{ROUTE}/{job_id}/result")
    _tell(found, as_json=as_json)


@app.command()
def cancel(job_id: JobId, *, url: Url = None, as_json: Json = False) -> None:
    """Stop a search after the trials under way; what it has found is kept."""
    _command(job_id, "cancel", url, as_json=as_json)


@app.command()
def resume(job_id: JobId, *, url: Url = None, as_json: Json = False) -> None:
    """Go on with a search that was cancelled, failed or ran out of time."""
    _command(job_id, "resume", url, as_json=as_json)


def _command(job_id: str, word: str, url: str | None, *, as_json: bool) -> None:
    with report_errors():
        job = ask(gateway_url(url), f"{ROUTE}/{job_id}/{word}", method="POST")
    if as_json:
        emit(job)
    else:
        typer.echo(f"{job_id}  {job['status']}")


def _follow(address: str, job_id: str, *, as_json: bool) -> None:
    """Show progress until the end, then the result."""
    with report_errors(), progress_bar("trials") as progress:
        while (job := ask(address, f"{ROUTE}/{job_id}"))["status"] in LIVE:
            progress(job["trial"] or 0, job["total_trials"])
            time.sleep(LOOK_EVERY_S)
    if job["error"]:
        raise fail(job["error"])
    with report_errors():
        found = ask(address, f"{ROUTE}/{job_id}/result")
    _tell(found, as_json=as_json)


def _run_here(local: str, fields: Answer) -> Answer:
    from hashlib import sha256
    from threading import Event

    from workers.bars.sources import source_of
    from workers.tuning.job import Job, tune

    settings, stop = load_settings(), Event()
    with report_errors(2):
        source = source_of(local)
        spec = _checked(fields | {"symbol": source.symbol})
        bars = source.bars(spec)
    told = f"{Path(source.path.partition('=')[0]).resolve()} {spec.model_dump_json()}"
    job_id = f"local-{sha256(told.encode()).hexdigest()[:12]}"
    secret = settings.tuning_storage
    storage = None if secret is None else secret.get_secret_value()
    job = Job(job_id, spec, "local", settings.home, storage)
    with report_errors(), progress_bar("trials") as progress, _interrupted(stop):
        found = tune(job, bars, lambda done, total, *_: progress(done, total), stop)
        urls = _write(job_id, found, settings.results)
    if found["partial"]:
        note("stopped: the same command goes on where it was")
    return found | {"job_id": job_id, "status": "partial" if found["partial"] else "done"} | urls


def _write(job_id: str, found: Answer, root: str) -> Answer:
    from workers.tuning.results import write_parts

    return {"urls": write_parts(job_id, found, root)}


class _interrupted:  # noqa: N801 - reads as the statement it is
    """Lets Ctrl-C stop a search after its trial, instead of in it."""

    def __init__(self, stop: Any) -> None:
        self._stop = stop

    def __enter__(self) -> None:
        import signal

        self._before = signal.signal(signal.SIGINT, lambda *_: self._stop.set())

    def __exit__(self, *_: object) -> None:
        import signal

        signal.signal(signal.SIGINT, self._before)


def _checked(fields: Answer) -> TuningSpec:
    from pydantic import ValidationError

    from schemas.research import TuningSpec
    from workers.settings_errors import error_lines

    if "strategy_name" not in fields:
        raise fail("which strategy? `regimeflow hyperopt start ema_cross`", 2)
    try:
        return TuningSpec(**fields)
    except ValidationError as invalid:
        raise fail("; ".join(error_lines(invalid)), 2) from None


def _tell(found: Answer, *, as_json: bool) -> None:
    if as_json:
        emit(found)
    else:
        typer.echo("\n".join(result_lines(found)))
