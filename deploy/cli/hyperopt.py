"""``regimeflow hyperopt ...``: search a strategy's parameters, on the pipeline or right here."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.console import (
    Json,
    emit,
    fail,
    load_settings,
    note,
    progress_bar,
    report_errors,
    show,
    validate,
)
from deploy.cli.gateway_client import Answer, gateway_url, request_json
from deploy.cli.hyperopt_request import TuningOptions
from deploy.cli.job_log import logged
from deploy.cli.job_strategy import named_strategy
from deploy.cli.options import Url, with_options
from deploy.cli.tables.hyperopt import job_line, result_lines
from deploy.time_text import span_text

if TYPE_CHECKING:
    from threading import Event

    from schemas.research import TuningSpec

app = typer.Typer(
    help="Search a strategy's parameters with Optuna.", no_args_is_help=True, rich_markup_mode=None
)

ROUTE = "api/v1/hyperopt"
LOCAL = "local-"  # begins the name of a search that no pipeline runs
LIVE = ("queued", "running", "cancelling")
LOOK_EVERY_S = 0.5


def _of_the_pipeline(job_id: str) -> str:
    if job_id.startswith(LOCAL):
        raise fail(
            f"{job_id} was searched with --local, no pipeline knows it: the same `hyperopt start` "
            "goes on with it and shows its result",
            2,
        )
    return job_id


JobId = Annotated[
    str,
    typer.Argument(metavar="JOB", help="As `start` and `list` show it.", callback=_of_the_pipeline),
]


@app.command()
@with_options
def start(
    *,
    search: TuningOptions,
    local: Annotated[
        str | None,
        typer.Option(help="Search here on FILE or FILE=SYMBOL:TIMEFRAME, without a broker."),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Wait for the result.")] = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Start a search; --local runs it here, and the same call again goes on where it was."""
    fields = search.fields()
    if local is not None:
        _show_result(_run_here(local, fields), as_json=as_json)
        return
    with report_errors():
        address = gateway_url(url)
        body = _validate(fields).model_dump(mode="json", exclude_unset=True)
        job = request_json(address, ROUTE, body)
    if follow:
        _follow(address, job["job_id"], as_json=as_json)
        return
    show(job, [job["job_id"]], as_json=as_json)
    if not as_json:
        note(f"follow it with `regimeflow hyperopt status {job['job_id']} --follow`")


@app.command(name="list")
def list_jobs(*, url: Url = None, as_json: Json = False) -> None:
    """List the searches, newest first."""
    with report_errors():
        jobs = request_json(gateway_url(url), ROUTE)["jobs"]
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
        job = request_json(address, f"{ROUTE}/{job_id}")
    if follow:
        _follow(address, job_id, as_json=as_json)
        return

    def lines() -> list[str]:
        return [job_line(job), *([job["error"]] if job["error"] else [])]

    show(job, lines, as_json=as_json)
    raise typer.Exit(1 if job["status"] == "failed" else 0)


@app.command()
def result(job_id: JobId, *, url: Url = None, as_json: Json = False) -> None:
    """Show what a search found."""
    with report_errors():
        document = request_json(gateway_url(url), f"{ROUTE}/{job_id}/result")
    _show_result(document, as_json=as_json)


@app.command()
def cancel(job_id: JobId, *, url: Url = None, as_json: Json = False) -> None:
    """Stop a search after the trials under way; what it has found is kept."""
    _order(job_id, "cancel", url, as_json=as_json)


@app.command()
def resume(job_id: JobId, *, url: Url = None, as_json: Json = False) -> None:
    """Go on with a search that was cancelled, failed or ran out of time."""
    _order(job_id, "resume", url, as_json=as_json)


def _order(job_id: str, word: str, url: str | None, *, as_json: bool) -> None:
    with report_errors():
        job = request_json(gateway_url(url), f"{ROUTE}/{job_id}/{word}", method="POST")
    show(job, [f"{job_id}  {job['status']}"], as_json=as_json)


def _follow(address: str, job_id: str, *, as_json: bool) -> None:
    """Show progress until the end, then the result."""
    with report_errors(), progress_bar("trials") as progress:
        while (job := request_json(address, f"{ROUTE}/{job_id}"))["status"] in LIVE:
            progress(job["trial"] or 0, job["total_trials"])
            time.sleep(LOOK_EVERY_S)
    if job["error"]:
        raise fail(job["error"])
    with report_errors():
        document = request_json(address, f"{ROUTE}/{job_id}/result")
    _show_result(document, as_json=as_json)


def _run_here(local: str, fields: Answer) -> Answer:
    """Search on a file, in this process; return the result with its id, status and files."""
    from hashlib import sha256
    from threading import Event

    from workers.bars.bar_names import file_part
    from workers.bars.sources import file_source
    from workers.provenance import with_provenance
    from workers.tuning.job import TuningJob, bars_stamp, tune
    from workers.tuning.results import write_parts

    settings, stop = load_settings(), Event()
    with report_errors(2):
        source = file_source(local)
        spec = named_strategy(_validate(fields | {"symbol": source.symbol}))
        bars = source.bars(spec)
    # The same bars and request have the same id, so that the same call goes on with the study. A
    # file that has grown or rolled is another job: its result is that of its own span.
    stamp = bars_stamp(bars)
    written = spec.model_dump_json(exclude={"config", "log"})  # the same values are the same search
    identity = f"{file_part(source.path).resolve()} {written} {stamp}"
    job_id = f"{LOCAL}{sha256(identity.encode()).hexdigest()[:12]}"
    secret = settings.tuning_storage
    storage = None if secret is None else secret.get_secret_value()
    job = TuningJob(job_id, spec, "local", settings.home, storage)
    with report_errors(), progress_bar("trials") as progress, _stopped_by_ctrl_c(stop):
        searched = tune(job, bars, lambda done, total, *_: progress(done, total), stop)
        document = with_provenance(searched, job_id)
        urls = write_parts(job_id, document, settings.results)
    span = span_text(int(stamp["from_ms"]), int(stamp["to_ms"]))
    note(
        f"job {job_id}: {len(bars)} bars, {span}. A file that changes makes a new job; "
        "--from and --to keep the span of an old one"
    )
    if document["partial"]:
        note("stopped: the same command goes on where it was")
    status = "partial" if document["partial"] else "done"
    document |= {"job_id": job_id, "status": status, "urls": urls}
    if spec.log:
        [document] = logged([document | {"spec": spec.model_dump(mode="json")}])
    return document


@contextmanager
def _stopped_by_ctrl_c(stop: Event) -> Iterator[None]:
    """Let Ctrl-C stop a search after its trial, instead of in it."""
    import signal

    before = signal.signal(signal.SIGINT, lambda *_: stop.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _validate(fields: Answer) -> TuningSpec:
    from schemas.research import TuningSpec

    if "strategy_name" not in fields:
        raise fail("which strategy? `regimeflow hyperopt start ema_cross`", 2)
    return validate(TuningSpec, fields)


def _show_result(document: Answer, *, as_json: bool) -> None:
    # A pipeline's result may lack the parts that were too large for its topic: JSON needs none.
    show(document, lambda: result_lines(document), as_json=as_json)
