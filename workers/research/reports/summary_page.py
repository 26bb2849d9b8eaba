"""The report of all back-tests as one HTML file: no script, nothing loaded, dark or light."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

import numpy as np

from workers.research.charts.charts import Chart, ChartSeries, kept_points
from workers.research.charts.document import html_document
from workers.research.charts.svg import to_svg
from workers.research.reports.summary import (
    HOLD,
    Failure,
    Result,
    benchmark_summary,
    ranked,
    summary_verdict,
)

CARD_POINTS = 500  # of each line
FULL_TONE = 0.15  # monthly return at which a cell has its whole colour


def summary_page(results: Sequence[Result], failures: Sequence[Failure]) -> str:
    """Return the report as one HTML file."""
    ordered = ranked(results)
    sources = sorted({r["source"] for r in results})
    sections = "".join(_section(source, ordered) for source in sources)
    return html_document(
        "back-tests",
        f"{_header(results, failures)}"
        f'<div class="verdict"><p>{escape(summary_verdict(results))}</p></div>'
        f"{_failed(failures)}{_table(ordered)}{sections}{_footer(results)}",
    )


def _header(results: Sequence[Result], failures: Sequence[Failure]) -> str:
    markets = {r["source"] for r in results}
    strategies = {r["strategy"] for r in results}
    span = ""
    if results:
        first = min(r["market"]["from_ms"] for r in results)
        span = f", {_day(first)} to {_day(max(r['market']['to_ms'] for r in results))}"
    failed = f", {len(failures)} failed" if failures else ""
    choices = "".join(
        f'<label><input type="radio" name="theme" id="{name.lower()}"{checked}>{name}</label>'
        for name, checked in (("Auto", " checked"), ("Light", ""), ("Dark", ""))
    )
    return (
        "<header><div><h1>Back-tests</h1>"
        f'<p class="lead">{len(markets)} markets, {len(strategies)} strategies{span}{failed}</p>'
        f'</div><div class="theme" role="group" aria-label="Colours">{choices}</div></header>'
    )


def _failed(failures: Sequence[Failure]) -> str:
    if not failures:
        return ""
    lines = "".join(
        f"<p><b>{escape(f.source)}</b> {escape(', '.join(f.strategies))}: {escape(f.reason)}</p>"
        for f in failures
    )
    return f'<div class="verdict failed"><h3>Failed</h3>{lines}</div>'


HEADS = (
    ("Sharpe", "sharpe_ratio", "{:.2f}"),
    ("Total return", "total_return", "{:+.1%}"),
    ("A year", "annual_return", "{:+.1%}"),
    ("Max drawdown", "max_drawdown", "{:.1%}"),
    ("Calmar", "calmar_ratio", "{:.2f}"),
    ("Win rate", "win_rate", "{:.0%}"),
    ("Profit factor", "profit_factor", "{:.2f}"),
    ("Trades", "trades", "{:,}"),
    ("Exposure", "exposure", "{:.0%}"),
)


def _table(ordered: Sequence[Result]) -> str:
    heads = "".join(f"<th>{head}</th>" for head, _, _ in HEADS)
    rows = [
        f'<tr><td><a href="#{_anchor(r)}">{escape(r["strategy"])}</a> '
        f'<span class="quiet-text">{escape(r["source"])}</span></td>'
        f"{_cells(r['metrics'])}<td>{_spark(r)}</td></tr>"
        for r in ordered
    ]
    benchmarks = benchmark_summary(ordered)
    shown = [b for b in benchmarks if b["name"] == HOLD] + benchmarks[-1:]  # cash is one for all
    rows += [
        f'<tr class="benchmark"><td>{escape(row["name"])} '
        f'<span class="quiet-text">{escape(row["source"]) if row["name"] == HOLD else ""}</span>'
        "</td>"
        f"{_cells(row['metrics'])}<td></td></tr>"
        for row in shown
    ]
    return (
        f'<div class="wide"><table><thead><tr><th>Strategy</th>{heads}<th>Equity, log</th></tr>'
        f"</thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _cells(metrics: dict[str, Any]) -> str:
    cells = []
    for _, field, pattern in HEADS:
        value = metrics[field]
        tone = ""
        if field in ("sharpe_ratio", "total_return", "annual_return") and value is not None:
            tone = ' class="up"' if value > 0 else ' class="down"' if value < 0 else ""
        cells.append(f"<td{tone}>{_number(value, pattern)}</td>")
    return "".join(cells)


def _section(source: str, ordered: Sequence[Result]) -> str:
    members = [r for r in ordered if r["source"] == source]
    market = members[0]["market"]
    gaps = f"{market['gaps']:,} missing" if market["gaps"] else "none missing"
    span = f"{_day(market['from_ms'])} to {_day(market['to_ms'])}"
    facts = f"{market['bars']:,} bars of {market['timeframe']}, {span}, {gaps}"
    cards = "".join(_card(result) for result in members)
    return (
        f'<section><h2>{escape(source)} <small class="quiet-text">{facts}</small></h2>'
        f'<div class="cards">{cards}</div></section>'
    )


def _card(result: Result) -> str:
    metrics, interval = result["metrics"], result["intervals"].get("sharpe_ratio")
    under = f"<small>{interval[0]:.2f} to {interval[1]:.2f}</small>" if interval else ""
    numbers = "".join(
        f"<div><dt>{name}</dt><dd>{_number(metrics[field], pattern)}{more}</dd></div>"
        for name, field, pattern, more in (
            ("Sharpe, 95 %", "sharpe_ratio", "{:.2f}", under),
            ("Total return", "total_return", "{:+.0%}", ""),
            ("Max drawdown", "max_drawdown", "{:.0%}", ""),
            ("Trades", "trades", "{:,}", ""),
        )
    )
    params = ", ".join(f"{name} {value:g}" for name, value in result["params"].items())
    curve = _thinned(result["equity"])
    equity = Chart(
        f"Equity of {result['strategy']}",
        "",
        "",
        (
            ChartSeries(HOLD, curve["time_ms"], curve["buy_and_hold"], tone="quiet"),
            ChartSeries(result["strategy"], curve["time_ms"], curve["equity"], tone="main"),
        ),
        x_kind="time",
        y_log=True,
    )
    falls = [-depth for depth in curve["drawdown"]]
    drawdown = Chart(
        f"Drawdown of {result['strategy']}",
        "",
        "",
        (ChartSeries("drawdown", curve["time_ms"], falls, "area", "bad"),),
        x_kind="time",
        y_unit="percent",
    )
    return (
        f'<article class="card" id="{_anchor(result)}"><h3>{escape(result["strategy"])}</h3>'
        f'<p class="quiet-text">{escape(params)}</p><dl class="numbers">{numbers}</dl>'
        f"{to_svg(equity, 400, 170)}{to_svg(drawdown, 400, 90)}"
        '<p class="legend"><span><i style="background:var(--main)"></i>strategy</span>'
        f'<span><i style="background:var(--quiet)"></i>{HOLD}</span>'
        '<span><i style="background:var(--bad)"></i>drawdown</span></p>'
        f"<details><summary>Months</summary>{_months(result['monthly'])}</details></article>"
    )


def _thinned(curve: dict[str, Any]) -> dict[str, list[float]]:
    """Return the curves at no more points than a card is wide, the extremes of equity kept."""
    rows = kept_points(np.array(curve["equity"], dtype=float), CARD_POINTS).tolist()
    names = ("time_ms", "equity", "buy_and_hold", "drawdown")
    return {name: [curve[name][i] for i in rows] for name in names}


def _months(rows: Sequence[dict[str, Any]]) -> str:
    heads = "".join(f"<th>{letter}</th>" for letter in "JFMAMJJASOND")
    lines = []
    for row in rows:
        cells = "".join(map(_month, row["months"]))
        whole = _number(row["total"], "{:+.0%}")
        lines.append(f"<tr><td>{row['year']}</td>{cells}<td><b>{whole}</b></td></tr>")
    return (
        f'<table class="months"><thead><tr><th></th>{heads}<th>Year</th></tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table>"
    )


def _month(value: float | None) -> str:
    if value is None:
        return "<td></td>"
    heat = min(abs(value) / FULL_TONE, 1.0) * 70
    tone = "good" if value >= 0 else "bad"
    return f'<td style="--heat:{heat:.0f};--tone:var(--{tone})">{value * 100:+.1f}</td>'


def _spark(result: Result) -> str:
    values = [v for v in result["equity"]["equity"] if v is not None and v > 0]
    if len(values) < 2:
        return ""
    logs = np.log(values)[:: max(1, len(values) // 80)]
    reach = float(logs.max() - logs.min()) or 1.0
    x = np.linspace(1, 119, len(logs))
    y = 24 - (logs - logs.min()) / reach * 22
    path = "M" + "L".join(f"{a:.0f},{b:.1f}" for a, b in zip(x, y, strict=True))
    tone = "good" if logs[-1] >= logs[0] else "bad"
    line = f'<path class="stroke {tone}" d="{path}"/>'
    return f'<svg viewBox="0 0 120 26" aria-hidden="true">{line}</svg>'


def _footer(results: Sequence[Result]) -> str:
    if not results:
        return ""
    costs = results[0]["costs"]
    notes = "".join(
        f"<p>{escape(note)}</p>" for note in sorted({r["funding_note"] for r in results})
    )
    return (
        f"<footer><p>Decided at a close, filled at the next open. Fee {costs['fee_bps']:g} bps and "
        f"slippage {costs['slippage_bps']:g} bps a side, leverage {costs['leverage']:g}. Sharpe "
        "ratios are of daily returns over 365 days a year; parameters are the strategies' own and "
        "were not chosen on these bars by this run. Past results, analysis only.</p>"
        f"{notes}</footer>"
    )


def _anchor(result: Result) -> str:
    return escape(f"{result['strategy']}-{result['source']}", quote=True)


def _number(value: float | None, pattern: str) -> str:
    return "n/a" if value is None else pattern.format(value)


def _day(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d")
