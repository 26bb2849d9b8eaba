"""The journal as CSV: what ``journal export`` writes and ``journal import`` takes."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

from deploy.cli.console import read_time_ms
from schemas.ids import derived_id

TRADE = ("side", "entry", "exit", "quantity", "fees")
SAID = (
    *("trade_id", "ticker", "strategy_name", "action"),
    *(*TRADE, "opened", "closed", "notes", "signal_id", "idea_id"),
)
SHOWN = ("grade", "net_return", "profit")  # an import leaves them alone: they are computed
NEEDED = ("ticker", "action", "opened")

Said = dict[str, str]  # what a line says, by its column


def to_csv(trades: Iterable[dict[str, Any]]) -> str:
    """Return trades as the routes show them, oldest first, as a table with a header."""
    text = io.StringIO()
    # With its usual end of a line the library quotes every text that breaks one.
    table = csv.DictWriter(text, (*SAID, *SHOWN))
    table.writeheader()
    for each in trades:
        trade, result, grounds = each["trade"], each["result"] or {}, each["grounds"] or {}
        table.writerow(
            {
                "trade_id": each["trade_id"],
                "ticker": each["symbol"],
                "strategy_name": each["strategy_name"],
                "action": trade["action"],
                **{name: trade[name] for name in (*TRADE, "notes")},
                "opened": _time(trade["opened_ms"]),
                "closed": _time(trade["closed_ms"]),
                "signal_id": None if grounds.get("idea_id") else grounds.get("signal_id"),
                "idea_id": grounds.get("idea_id"),
                "grade": each["grade"],
                "net_return": result.get("net_return"),
                "profit": result.get("profit"),
            }
        )
    return text.getvalue()


def _time(epoch_ms: int | None) -> str | None:
    return None if epoch_ms is None else datetime.fromtimestamp(epoch_ms / 1000, UTC).isoformat()


def read_csv(file: TextIO) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number of each line that ends a trade, and the trade as the route takes it.

    The same line has the same id wherever it stands, so that importing a file again adds only
    what is new in it. Of lines that say the same each is a trade.

    Raises:
        ValueError: A column or a value is none that can be; the message says which and where.
    """
    table = csv.DictReader(file, strict=True)
    try:
        _require_columns(table.fieldnames or ())
        yield from _trades(table)
    except csv.Error as error:
        raise ValueError(f"line {table.reader.line_num}: {error}, expected CSV") from None


def _require_columns(columns: Sequence[str]) -> None:
    unknown = [name for name in columns if name not in (*SAID, *SHOWN)]
    missing = [name for name in NEEDED if name not in columns]
    repeated = [name for name, count in Counter(columns).items() if count > 1]
    if unknown or missing or repeated:
        raise ValueError(
            f"columns {', '.join(columns) or 'none'}: "
            + "; ".join(
                f"{word} {', '.join(names)}"
                for word, names in (
                    ("unknown", unknown),
                    ("missing", missing),
                    ("repeated", repeated),
                )
                if names
            )
            + f"; expected some of {', '.join(SAID)}"
        )


def _trades(table: csv.DictReader[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    alike = Counter[tuple[tuple[str, str], ...]]()
    lines: dict[str, int] = {}
    for row in table:
        said = _said(table.line_num, row)
        line, content = table.line_num, tuple(sorted(said.items()))
        said.setdefault("trade_id", derived_id("journal.import", alike[content], *content))
        alike[content] += 1
        if (first := lines.setdefault(said["trade_id"], line)) != line:
            raise ValueError(f"line {line}: trade_id {said['trade_id']} stands in line {first}")
        yield line, _body(line, said)


def _said(line: int, row: dict[str, Any]) -> Said:
    if None in row or None in row.values():
        raise ValueError(f"line {line}: expected as many values as there are columns")
    told = ((name, value) for name, value in row.items() if name in SAID)
    kept = ((name, value if name == "notes" else value.strip()) for name, value in told)
    said = {name: value for name, value in kept if value}
    empty = [name for name in NEEDED if name not in said]
    if empty:
        raise ValueError(f"line {line}: {', '.join(empty)}: expected a value")
    if ("exit" in said) != ("closed" in said):
        raise ValueError(f"line {line}: exit and closed belong together: give both, or neither")
    return said


def _body(line: int, said: Said) -> dict[str, Any]:
    body: dict[str, Any] = {n: v for n, v in said.items() if n not in ("opened", "closed")}
    for name in ("opened", "closed"):
        if name in said:
            try:
                body[f"{name}_ms"] = read_time_ms(said[name])
            except ValueError as error:
                raise ValueError(f"line {line}: {name}: {error}") from None
    return body
