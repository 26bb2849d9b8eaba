"""Trades of the journal and what they have earned, as lines for people."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from deploy.cli.config_commands import outcome_lines
from deploy.cli.tables.cells import amount, counted, number
from deploy.time_text import time_text

COUNTS = {"trades": "finished", "open": "open", "skipped": "skipped", "missed": "missed"}


def trade_line(row: dict[str, Any]) -> str:
    """Return one trade as a line."""
    trade, result = row["trade"], row["result"]
    at = datetime.fromtimestamp(trade["opened_ms"] / 1000, UTC).strftime("%Y-%m-%d %H:%M")
    earned = ""
    if result is not None:
        money = "" if result["profit"] is None else f", {amount(result['profit'])}"
        earned = f"  net {result['net_return']:+.2%}{money}"
    grade = f"  grade {row['grade']}" if row["grade"] else ""
    return (
        f"{row['trade_id']}  {at}  {row['symbol']:<9} {trade['action']:<8} {trade['side']:<4} "
        f"{_deal(trade)}{earned}{grade}"
    ).rstrip()


def _deal(trade: dict[str, Any]) -> str:
    size = "" if trade["quantity"] is None else f" x {trade['quantity']}"
    return f"{trade['entry'] or '?'} -> {trade['exit'] or '?'}{size}"


def trade_lines(document: dict[str, Any]) -> list[str]:
    """Return a page of trades, the newest first."""
    lines = [trade_line(row) for row in document["trades"]]
    if lines:
        lines.append("times: market time, of the entry or the decision")
    if document["after"] is not None:
        lines.append(f"next: the same with --after {document['after']}")
    return lines or ["the journal has no such trade; `regimeflow journal add` records one"]


def recorded_lines(answer: dict[str, Any]) -> list[str]:
    """Return how a command on a trade was decided, and the trade."""
    trade = answer["trade"]
    return [*outcome_lines(answer["outcome"]), *([] if trade is None else [trade_line(trade)])]


def details_lines(row: dict[str, Any]) -> list[str]:
    """Return one trade with its notes and its revisions."""
    notes = [f"notes: {row['trade']['notes']}"] if row["trade"]["notes"] else []
    history = (
        f"  {entry['revision']}: {entry['trade']['action']} "
        f"{_deal(entry['trade'])} by {entry['by']}, "
        f"{time_text(entry['event_time_ms'])}"
        f"{': ' + entry['reason'] if entry['reason'] else ''}"
        for entry in row["history"]
    )
    return [
        f"{trade_line(row)}  (time: market time)",
        *notes,
        "revisions, by wall clock:",
        *history,
    ]


def summary_lines(figures: dict[str, Any]) -> list[str]:
    """Return what the finished trades have earned."""
    counts = (f"{figures[name]} {word}" for name, word in COUNTS.items())
    lines = [f"{', '.join(counts)}; of every timeframe"]
    if not figures["trades"]:
        return lines
    factor = number(figures["profit_factor"], "{:.2f}", "undefined without a loss")
    rate = _with_bounds(figures, "hit_rate", ".0%")
    expectancy = _with_bounds(figures, "expectancy", "+.3%")
    lines += [
        (
            f"{rate} won after costs; net return of a trade {expectancy}, expected "
            f"{number(figures['expected'], '{:+.3%}', 'of none')}"
        ),
        (
            f"profit {amount(figures['profit'])} of {figures['profit_trades']} with a "
            f"quantity, profit factor {factor}"
        ),
        (
            f"deepest fall {figures['max_drawdown']:.2%}, with equal stakes; share of costs "
            f"{number(figures['cost_share'], '{:.0%}', 'undefined without a gain before them')}"
        ),
    ]
    if figures["expectancy_low"] is None:
        lines.append(
            f"exits on {counted(figures['days'], 'day')}: an interval needs ten whole days "
            "of them, and one on a later day"
        )
    if figures["fees_assumed"]:
        lines.append(f"fees of {figures['fees_assumed']} were not said: a taker's are assumed")
    return lines


def _with_bounds(figures: dict[str, Any], name: str, form: str) -> str:
    low, high = figures[f"{name}_low"], figures[f"{name}_high"]
    value = format(figures[name], form)
    return value if low is None else f"{value} ({low:{form}} to {high:{form}})"
