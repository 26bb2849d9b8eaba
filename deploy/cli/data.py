"""``regimeflow data ...``: market data as files and on the topics."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from deploy.cli.console import (
    Json,
    fail,
    kafka,
    load_settings,
    parse_running_ms,
    parse_symbol,
    parse_time_ms,
    progress_bar,
    report_errors,
    running_facts,
    show,
)
from deploy.time_text import span_text

if TYPE_CHECKING:
    from deploy.topics.export import ExportedFile
    from workers.bars.ledger import Ledger

app = typer.Typer(
    help="Market data: fetch, check, export.", no_args_is_help=True, rich_markup_mode=None
)

Folder = Annotated[Path, typer.Option("--output", help="Folder of the files.")]


@app.command()
def fetch(
    symbols: Annotated[
        list[str] | None,
        typer.Argument(help="In any spelling, e.g. BTCUSDT or BTC-USD; without: the universe."),
    ] = None,
    *,
    since: Annotated[
        str | None,
        typer.Option("--from", help="First open: ISO 8601 (UTC) or ms [10,000 bars before --to]."),
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="Last close; default: now.")] = None,
    timeframe: Annotated[str, typer.Option(help="1m, 5m, 1h, ...")] = "1h",
    exchange: Annotated[
        Literal["binanceusdm", "simulated"],
        typer.Option(help="The real venue, or the simulated one while this home runs."),
    ] = "binanceusdm",
    output: Folder = Path(),
    as_json: Json = False,
) -> None:
    """Fetch final bars from the venue; files are continued at both ends, without a hole."""
    from workers.ingest.fetch_files import FetchRequest, fetch_history
    from workers.venue.exchange import ExchangeError, VenueAccess

    facts = running_facts() if exchange == "simulated" else None
    settings = load_settings(
        exchange=exchange, timeframes=(timeframe,), simulator_url=(facts or {}).get("simulator_url")
    )
    symbol_names = tuple(dict.fromkeys(map(parse_symbol, symbols or settings.universe)))
    from_ms = parse_time_ms(since) if since else None
    to_ms = parse_time_ms(until) if until else None
    if from_ms is not None and to_ms is not None and to_ms <= from_ms:
        raise fail(f"--to {until} is not after --from {since}", 2)
    request = FetchRequest(symbol_names, settings.timeframe, from_ms, to_ms)
    with report_errors(), progress_bar(f"{settings.timeframe} bars") as progress:
        shares = dict.fromkeys(symbol_names, 0.0)

        def report_share(symbol: str, share: float) -> None:
            shares[symbol] = share
            progress(sum(shares.values()), len(shares))

        try:
            files = fetch_history(
                VenueAccess.from_settings(settings), request, output, report_share
            )
        except ExchangeError as error:
            raise fail(
                f"{exchange} did not give it: {error}. Check the network and the symbols, then "
                "run it again: files are continued"
            ) from None
    names = [str(file.path) for file in files]
    lines = [
        f"{f.path}  {f.new_bars} new of {f.bars} bars, {span_text(f.from_ms, f.to_ms)}"
        for f in files
    ]
    show(names, lines, as_json=as_json)


@app.command()
def ledger(
    paths: Annotated[
        list[str] | None,
        typer.Argument(help="Files or folders of bars; without: what the topics hold."),
    ] = None,
    *,
    each: Annotated[bool, typer.Option("--each", help="Every finding, not only counts.")] = False,
    as_json: Json = False,
) -> None:
    """Say what is held, missing or suspect; exit code 1 if anything is.

    Zero volume, repairs and late funding are told, but are nothing wrong.
    """
    from workers.bars.ledger import SUSPECT, ledger_of_files

    if paths:
        with report_errors(2):  # a file that is named wrong is a wrong call
            account = ledger_of_files(paths)
    else:
        account = _read_ledger()
    wrong = any(f.entry.kind in (*SUSPECT, "gap", "rejected") for f in account.findings)
    wrong = wrong or bool(account.skipped and not account.holdings)
    document = {
        "held": [holding.__dict__ for holding in account.holdings],
        "findings": [{"name": f.name, **f.entry.model_dump()} for f in account.findings],
        "skipped": [{"name": name, "cause": cause} for name, cause in account.skipped],
    }
    show(document, _ledger_lines(account, each=each), as_json=as_json)
    raise typer.Exit(1 if wrong else 0)


def _read_ledger() -> Ledger:
    from schemas.market import Bar, LedgerEntry
    from schemas.topics import BARS, LEDGER
    from streams.runtime.reader import Reader
    from workers.bars.ledger import ledger_of_records

    with kafka() as settings, Reader(settings, (BARS, LEDGER)) as reader:
        records = (message.record for message in reader.read_to_end())
        return ledger_of_records(r for r in records if isinstance(r, Bar | LedgerEntry))


def _ledger_lines(account: Ledger, *, each: bool) -> list[str]:
    lines = []
    counts = account.counts()
    for holding in account.holdings:
        span = span_text(holding.from_ms, holding.to_ms)
        lines.append(f"{holding.name}  {holding.bars} held, {span}")
        for (name, kind), (entries, bars) in counts.items():
            if name == holding.name:
                lines.append(f"    {kind:<16} {entries:>6}  ({bars} bars)")
    if each:
        lines.append("")
        lines += [
            f"{f.name}  {f.entry.kind}  {span_text(f.entry.from_ms, f.entry.to_ms)}  "
            f"{f.entry.bars}  {f.entry.note}".rstrip()
            for f in account.findings
        ]
    return [*lines, *(f"{name}: not read: {cause}" for name, cause in account.skipped)]


@app.command()
def export(
    *,
    output: Annotated[str, typer.Option("--output", help="Folder of the files, or a URL.")],
    topics: Annotated[
        list[str] | None,
        typer.Option("--topic", help="Whole topics by key and day instead, as the archive does."),
    ] = None,
    symbol: Annotated[str | None, typer.Option(help="Only this symbol's bars.")] = None,
    timeframe: Annotated[str | None, typer.Option(help="Only these bars, e.g. 15m.")] = None,
    as_json: Json = False,
) -> None:
    """Write checked bars, a file for each symbol and timeframe, or whole topics, as Parquet."""
    from deploy.topics.export import export_bars, export_topics
    from deploy.topics.tail import topic_row
    from workers.storage import location

    if topics and (symbol or timeframe):
        chosen = "--symbol" if symbol else "--timeframe"
        raise fail(f"{chosen} chooses bars; with --topic whole topics are written", 2)
    with report_errors(2):
        rows = [topic_row(name) for name in topics or ()]
    wanted = parse_symbol(symbol) if symbol else None
    length_ms = parse_running_ms(timeframe) if timeframe is not None else None
    with report_errors(2):
        folder = location(output)
    with kafka() as settings:
        if not rows:
            _show_files(export_bars(settings, wanted, length_ms, folder), as_json=as_json)
            return
        count = export_topics(settings, rows, folder)
    document = {"folder": str(folder), "topics": [row.name for row in rows], "records": count}
    show(document, [f"{count} records written under {folder}"], as_json=as_json)


def _show_files(files: list[ExportedFile], *, as_json: bool) -> None:
    if not files:
        raise fail("the topics hold no bars of it; `regimeflow data ledger` says what they hold")
    lines = [f"{f.path}  {f.bars} bars, {span_text(f.from_ms, f.to_ms)}" for f in files]
    show([file.__dict__ for file in files], lines, as_json=as_json)
