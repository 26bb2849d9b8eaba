"""``regimeflow journal``: what a human did; add, correct, list, summary, CSV. It orders nothing."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode

import typer

from deploy.cli.config_commands import next_steps
from deploy.cli.console import Json, fail, note, parse_time_ms, progress_bar, show
from deploy.cli.gateway_client import Answer, GatewayFailed, gateway_url, request_json
from deploy.cli.journal_csv import read_csv, to_csv
from deploy.cli.options import DryRun, Url, with_options
from deploy.cli.tables.journal import details_lines, recorded_lines, summary_lines, trade_lines

app = typer.Typer(
    help="What you did about the market: trades that you executed, skipped or missed.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

ROUTE = "api/trades"
PAGE = 500
HINTS = {
    404: "`regimeflow journal list` lists the trades, `regimeflow ideas` the ideas, "
    "`regimeflow status` the markets",
    409: "`regimeflow journal show ID` shows how it stands",
    503: "`regimeflow status` shows what runs",
}
Action = Literal["executed", "skipped", "missed"]
Ticker = Annotated[str | None, typer.Option(help="Only this market, in any spelling.")]
TradeName = Annotated[str, typer.Argument(metavar="ID", help="Of the trade.")]


def _reported() -> AbstractContextManager[None]:
    return next_steps(HINTS)


@dataclass(frozen=True)
class TradeOptions:
    """What a trade may say; prices and amounts are taken to the last digit."""

    side: Annotated[
        Literal["buy", "sell"] | None,
        typer.Option(help="buy: long; default: the signal's, or buy."),
    ] = None
    entry: Annotated[str | None, typer.Option(help="Price.")] = None
    exit: Annotated[str | None, typer.Option(help="Price; left out, it is open.")] = None
    quantity: Annotated[str | None, typer.Option(help="In the base currency.")] = None
    fees: Annotated[
        str | None, typer.Option(help="Of both sides, quote currency; a taker's are assumed.")
    ] = None
    opened: Annotated[str | None, typer.Option(help="ISO 8601 (UTC) or ms; now, market time.")] = (
        None
    )
    closed: Annotated[str | None, typer.Option(help="The same of the exit.")] = None
    notes: Annotated[str | None, typer.Option(help="Why, in your words.")] = None
    signal: Annotated[str | None, typer.Option(help="Id of the signal that it is about.")] = None
    idea: Annotated[str | None, typer.Option(help="Id of the idea, in place of a signal.")] = None

    def said(self) -> dict[str, Any]:
        """Return what was said, as the routes take it; exit code 2 for a time that is none."""
        fields: dict[str, Any] = vars(self) | {"signal_id": self.signal, "idea_id": self.idea}
        for name in ("opened", "closed"):
            fields[f"{name}_ms"] = None if fields[name] is None else parse_time_ms(fields[name])
        left = ("signal", "idea", "opened", "closed")
        return {n: v for n, v in fields.items() if v is not None and n not in left}


@app.command()
@with_options
def add(
    *,
    action: Annotated[Action, typer.Option(help="What you did.")],
    ticker: Annotated[str, typer.Option(help="Any spelling, such as BTC-USD.")],
    trade: TradeOptions,
    trade_id: Annotated[
        str | None, typer.Option("--id", help="Of your own; adding it again adds nothing.")
    ] = None,
    dry_run: DryRun = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Record a trade that you executed, skipped or missed."""
    if action == "executed" and trade.entry is None:
        raise fail("an executed trade needs its price: --entry 45000", 2)
    body = {"action": action, "ticker": ticker, "dry_run": dry_run, **trade.said()}
    if trade_id is not None:
        body["trade_id"] = trade_id
    with _reported():
        answer = _send(gateway_url(url), ROUTE, body)
    show(answer, lambda: recorded_lines(answer), as_json=as_json)


@app.command()
@with_options
def correct(
    *,
    name: Annotated[str, typer.Option("--id", help="Of the trade.")],
    trade: TradeOptions,
    action: Annotated[Action | None, typer.Option(help="What you did.")] = None,
    clear: Annotated[
        list[str] | None,
        typer.Option(
            help="Takes a value back: exit, quantity, fees, signal_id or idea_id; repeatable."
        ),
    ] = None,
    reason: Annotated[str, typer.Option(help="Kept with the revision.")] = "",
    dry_run: DryRun = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Correct a trade, such as by its exit; every revision is kept."""
    said, cleared = trade.said(), clear or []
    if both := sorted(said.keys() & set(cleared)):
        raise fail(f"{', '.join(both)}: give a value, or take it back with --clear", 2)
    body: dict[str, Any] = {**said, **dict.fromkeys(cleared)}
    if action is not None:
        body["action"] = action
    if not body:
        raise fail("nothing to correct: expected an option such as --exit 45500", 2)
    body |= {"reason": reason, "dry_run": dry_run}
    with _reported():
        path = f"{ROUTE}/{quote(name, safe='')}"
        answer = _send(gateway_url(url), path, body, method="PUT")
    show(answer, lambda: recorded_lines(answer), as_json=as_json)


@app.command("list")
def list_trades(
    *,
    ticker: Ticker = None,
    action: Annotated[Action | None, typer.Option(help="Only these.")] = None,
    state: Annotated[
        Literal["open", "closed", "passed"] | None,
        typer.Option(help="Only these; passed: skipped or missed."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=PAGE, help="At most so many.")] = 20,
    after: Annotated[str | None, typer.Option(help="Where the page before ended.")] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List the trades, those that were added last first."""
    query = {"ticker": ticker, "action": action, "state": state, "limit": limit, "after": after}
    with _reported():
        document = _get(gateway_url(url), ROUTE, **query)
    show(document, lambda: trade_lines(document), as_json=as_json)


@app.command("show")
def show_trade(name: TradeName, *, url: Url = None, as_json: Json = False) -> None:
    """Show one trade with every revision."""
    if name == "performance":
        raise fail("no trade can be called performance: `regimeflow journal summary` shows that", 2)
    with _reported():
        row = _get(gateway_url(url), f"{ROUTE}/{quote(name, safe='')}")
    show(row, lambda: details_lines(row), as_json=as_json)


@app.command()
def summary(*, ticker: Ticker = None, url: Url = None, as_json: Json = False) -> None:
    """Show what the finished trades have earned after costs, and how many were let pass."""
    with _reported():
        figures = _get(gateway_url(url), f"{ROUTE}/performance", ticker=ticker)
    show(figures, lambda: summary_lines(figures), as_json=as_json)


@app.command()
def export(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A new one; left out: standard output.")
    ] = None,
    *,
    ticker: Ticker = None,
    url: Url = None,
) -> None:
    """Write the trades as CSV, oldest first, as ``import`` takes them."""
    if file is not None and file.exists():
        raise fail(f"{file} exists; name a new file, or delete it")
    with _reported():
        trades = list(_all_trades(gateway_url(url), ticker))
        text = to_csv(reversed(trades))
        if file is None:
            sys.stdout.write(text)
            return
        file.write_text(text, encoding="utf-8")
    note(f"{len(trades)} trades are in {file}")


def _all_trades(address: str, ticker: str | None) -> Iterator[dict[str, Any]]:
    after = None
    while True:
        page = _get(address, ROUTE, ticker=ticker, limit=PAGE, after=after)
        yield from page["trades"]
        after = page["after"]
        if after is None:
            return


@app.command("import")
def import_trades(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="CSV with a header."),
    ],
    *,
    dry_run: DryRun = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Record the trades of a CSV file; one that is recorded already is left as it stands.

    A file that cannot be read records nothing. Of a line that is refused the others are recorded,
    and the exit code is 1.
    """
    with _reported(), file.open(encoding="utf-8-sig", newline="") as lines:
        try:
            rows = list(read_csv(lines))
        except UnicodeDecodeError:
            raise ValueError(f"{file}: no UTF-8 text, expected CSV") from None
    counts = {"done": 0, "same": 0}
    refused: list[dict[str, Any]] = []
    address = gateway_url(url)
    with _reported(), progress_bar("recording trades") as bar:
        for number, (line, body) in enumerate(rows, start=1):
            try:
                answer = _send(address, ROUTE, {**body, "dry_run": dry_run})
            except GatewayFailed as failed:
                if failed.status not in (400, 404, 409):
                    raise
                refused.append({"line": line, "reason": str(failed)})
            else:
                counts[answer["outcome"]["code"]] += 1
            bar(number, len(rows))
    document = {"added": counts["done"], "unchanged": counts["same"], "refused": refused}
    show(document, lambda: _import_lines(document, dry_run=dry_run), as_json=as_json)
    if refused:
        raise typer.Exit(1)


def _import_lines(document: dict[str, Any], *, dry_run: bool) -> list[str]:
    word = "would be added" if dry_run else "added"
    lines = [f"{document['added']} {word}, {document['unchanged']} stood like that already"]
    return [*lines, *(f"line {row['line']}: {row['reason']}" for row in document["refused"])]


def _get(address: str, path: str, **query: Any) -> Answer:
    asked = {name: value for name, value in query.items() if value is not None}
    answer: Answer = request_json(address, f"{path}?{urlencode(asked)}" if asked else path)["data"]
    return answer


def _send(address: str, path: str, body: dict[str, Any], method: str | None = None) -> Answer:
    """Return the answer to a command; exit code 1 when its outcome is late."""
    said = {"by": getpass.getuser()[:100], **body}
    answer: Answer = request_json(address, path, said, method=method)["data"]
    if "outcome" not in answer:
        raise fail(f"command {answer['command_id']} is {answer['detail']} at {address}")
    return answer
