"""Back-tests, searches and walk-forwards as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from deploy.cli.tables.cells import columns, number

Result = dict[str, Any]

METRICS = (
    ("total return", "total_return", "{:+.2%}"),
    ("annual return", "annual_return", "{:+.2%}"),
    ("annual volatility", "annual_volatility", "{:.2%}"),
    ("Sharpe ratio", "sharpe_ratio", "{:.2f}"),
    ("probabilistic Sharpe", "probabilistic_sharpe_ratio", "{:.2f}"),
    ("Sortino ratio", "sortino_ratio", "{:.2f}"),
    ("Calmar ratio", "calmar_ratio", "{:.2f}"),
    ("max drawdown", "max_drawdown", "{:.2%}"),
    ("longest drawdown, days", "max_drawdown_days", "{:.0f}"),
    ("trades", "trades", "{:,}"),
    ("win rate", "win_rate", "{:.1%}"),
    ("profit factor", "profit_factor", "{:.2f}"),
    ("expectancy", "expectancy", "{:+,.2f}"),
    ("exposure", "exposure", "{:.1%}"),
    ("turnover a year", "turnover", "{:,.0f}"),
)


def performance_lines(result: Result) -> list[str]:
    """Return one back-test: each metric with its interval, beside buy-and-hold and cash."""
    metrics, intervals = result["metrics"], result["intervals"]
    others = [row["metrics"] for row in result["benchmarks"]]
    names = [row["name"] for row in result["benchmarks"]]
    lines = [*_ground(result), f"{result['strategy']}  {_params(result['params'])}", ""]
    head = f"{'':<24}{'value':>12}  {'95 %':<22}"
    lines.append((head + columns(names, 14)).rstrip())
    for title, name, pattern in METRICS:
        interval = intervals.get(name)
        span = "" if interval is None else " to ".join(pattern.format(edge) for edge in interval)
        row = f"{title:<24}{number(metrics[name], pattern):>12}  {span:<22}"
        lines.append(row + columns((number(o[name], pattern) for o in others), 14))
    reasons = {why: n for why, n in result["trades"]["reasons"].items() if why != "open"}
    if reasons:
        ended = sorted(reasons.items(), key=lambda item: -item[1])
        lines.append("trades ended by " + ", ".join(f"{why} {n:,}" for why, n in ended))
    if result["liquidated_at_ms"] is not None:
        lines.append(f"LIQUIDATED on {_day(result['liquidated_at_ms'])}")
    return lines


def optimize_lines(result: Result) -> list[str]:
    """Return a search: the verdict first, then the best sets."""
    lines = [*_ground(result), result["verdict"], ""]
    if result["partial"]:
        lines.append(f"PARTIAL: {result['trials']:,} of {result['total']:,} sets ran")
    neighbours = result["neighbourhood"]
    if neighbours is not None and neighbours["mean"] is not None:
        lines.append(
            f"neighbourhood: {neighbours['shape']}, optimum {neighbours['optimum']:.2f}, mean of "
            f"{neighbours['neighbours']} neighbours {neighbours['mean']:.2f}"
        )
    heads = ("Sharpe", "deflated", "return", "drawdown", "trades")
    lines.append(columns(heads) + "  parameters")
    for row in result["top_10"]:
        metrics = row["metrics"]
        cells = (
            number(metrics["sharpe_ratio"], "{:.2f}"),
            number(row["deflated_sharpe_ratio"], "{:.2f}"),
            number(metrics["total_return"], "{:+.1%}"),
            number(metrics["max_drawdown"], "{:.1%}"),
            f"{metrics['trades']:,}",
        )
        lines.append(columns(cells) + f"  {_params(row['params'])}")
    return lines + _benchmarks(result)


def walk_forward_lines(result: Result) -> list[str]:
    """Return a walk-forward: the verdict, its warnings, then window by window."""
    lines = [*_ground(result), result["verdict"]]
    lines += [f"warning: {text}" for text in result["warnings"]]
    ratios = (
        f"overfitting ratio {number(result['overfitting_ratio'], '{:.2f}')}, efficiency "
        f"{number(result['efficiency'], '{:.2f}')}, t {number(result['t_statistic'], '{:.2f}')}, "
        f"PBO {number(result['pbo'], '{:.2f}')}, {result['trials']:,} sets"
    )
    heads = ("in sample", "out of", "return", "drawdown", "trades")
    lines += ["", ratios, f"{'traded from':<12}{'to':<12}" + columns(heads)]
    for row in result["windows"]:
        inside, outside = row["in_sample"], row["out_of_sample"]
        cells = (
            number(None if inside is None else inside["sharpe_ratio"], "{:.2f}"),
            number(outside["sharpe_ratio"], "{:.2f}"),
            number(outside["total_return"], "{:+.1%}"),
            number(outside["max_drawdown"], "{:.1%}"),
            f"{outside['trades']:,}",
        )
        span = f"{_day(row['test']['from_ms']):<12}{_day(row['test']['to_ms']):<12}"
        params = "  flat" if row["params"] is None else f"  {_params(row['params'])}"
        lines.append(span + columns(cells) + params)
    out = {"name": "joined, out of sample", "metrics": result["metrics"]}
    return lines + _benchmarks({"benchmarks": [out, *result["benchmarks"]]})


def summary_lines(summary: Result, passed_over: Sequence[str]) -> list[str]:
    """Return all back-tests, best first, then what failed or was passed over."""
    lines = [summary["verdict"], ""]
    heads = ("Sharpe", "return", "drawdown", "win rate", "profit", "trades")
    lines.append(f"{'':<46}" + columns(heads))
    for row in summary["results"]:
        name = f"{row['strategy']} {row['source']}"
        lines.append(f"{name:<46}" + _cells(row["metrics"]))
    lines += [
        f"{row['name'] + ' ' + row['source']:<46}" + _cells(row["metrics"])
        for row in summary["benchmarks"]
        if row["name"] != "cash"
    ]
    lines += [
        f"FAILED {f['source']} ({', '.join(f['strategies'])}): {f['reason']}"
        for f in summary["failed"]
    ]
    return [*lines, *(f"passed over: {text}" for text in passed_over)]


def _cells(metrics: Mapping[str, Any]) -> str:
    cells = (
        number(metrics["sharpe_ratio"], "{:.2f}"),
        number(metrics["total_return"], "{:+.1%}"),
        number(metrics["max_drawdown"], "{:.1%}"),
        number(metrics["win_rate"], "{:.0%}"),
        number(metrics["profit_factor"], "{:.2f}"),
        f"{metrics['trades']:,}",
    )
    return columns(cells)


def _ground(result: Result) -> list[str]:
    market, costs = result["market"], result["costs"]
    ground = (
        f"{market['symbol']} {market['timeframe']}, {market['bars']:,} bars from "
        f"{_day(market['from_ms'])} to {_day(market['to_ms'])}, {market['gaps']} missing; fee "
        f"{costs['fee_bps']:g} bps, slippage {costs['slippage_bps']:g} bps a side, leverage "
        f"{costs['leverage']:g}"
    )
    return [ground, *([f"note: {result['funding_note']}"] if result["funding_note"] else [])]


def _benchmarks(result: Result) -> list[str]:
    return [
        "",
        *(
            f"{row['name']}: Sharpe {number(row['metrics']['sharpe_ratio'], '{:.2f}')}, return "
            f"{number(row['metrics']['total_return'], '{:+.1%}')}, drawdown "
            f"{number(row['metrics']['max_drawdown'], '{:.1%}')}"
            for row in result["benchmarks"]
        ),
    ]


def _params(params: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in params.items())


def _day(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d")
