"""A signal back-test for people: grades, calibration, equity, and what differs from the topics."""

from __future__ import annotations

from typing import Any

from deploy.cli.console import time_text


def signal_lines(found: dict[str, Any]) -> list[str]:
    """Return the document of ``backtest signals`` as lines."""
    if found["first_signal_ms"] is None:
        return [
            "no signal in that span: no model served there, or its features were not complete",
            *found["refused_models"],
            *_verified(found["verified"]),
        ]
    bars = f"{found['bars']} bars of {found['timeframe'] or 'several timeframes'}"
    span = f"{time_text(found['first_signal_ms'])} to {time_text(found['last_bar_ms'])}"
    symbols = ", ".join(found["symbols"])
    gaps = (found["calibration_error"], found["directional_calibration_error"])
    both = [_number(gap, "{:.3f}") for gap in gaps]
    return [
        f"{found['signals']} signals of {symbols}, {span}, {bars}, {found['seconds']:.1f} s",
        *(_model(model) for model in found["models"]),
        *found["refused_models"],
        "",
        *_groups(found["groups"]),
        "",
        *map(_scores, found["scores"]),
        f"calibration error {both[0]}, directional {both[1]}",
        "",
        *_accounts(found["rows"]),
        *([found["funding_note"]] if found["funding_note"] else []),
        *_verified(found["verified"]),
    ]


def _model(model: dict[str, Any]) -> str:
    word = "qualified" if model["qualified"] else "unqualified"
    return f"model {model['model_version']} ({word}): {model['signals']} signals"


def _groups(groups: list[dict[str, Any]]) -> list[str]:
    heads = (
        f"{'':<12}{'signals':>9}{'buy':>8}{'sell':>8}{'known':>8}{'hit rate':>10}"
        f"{'by days':>16}{'confidence':>12}{'net return':>12}{'by days':>20}"
    )
    lines = [
        f"{row['group']:<12}{row['signals']:>9}{row['buys']:>8}{row['sells']:>8}{row['known']:>8}"
        f"{_number(row['hit_rate'], '{:.1%}'):>10}"
        f"{_pair(row['hit_rate_block_interval'], '{:.1%}'):>16}"
        f"{_number(row['mean_confidence'], '{:.1%}'):>12}"
        f"{_number(row['mean_net_return'], '{:+.3%}'):>12}"
        f"{_pair(row['mean_net_return_interval'], '{:+.3%}'):>20}"
        for row in groups
        if row["signals"]
    ]
    return [heads, *lines]


def _scores(row: dict[str, Any]) -> str:
    edge = _number(row["log_loss_edge"], "{:+.4f}")
    losses = [_number(row[name], "{:.4f}") for name in ("log_loss", "prior_log_loss")]
    briers = [_number(row[name], "{:.4f}") for name in ("brier", "prior_brier")]
    return (
        f"{row['group']:<12}log-loss {losses[0]}, of class shares {losses[1]}, edge {edge} "
        f"({_pair(row['log_loss_edge_interval'], '{:+.4f}')}); "
        f"Brier {briers[0]}, of class shares {briers[1]}"
    )


def _accounts(rows: list[dict[str, Any]]) -> list[str]:
    width = max(len(row["name"]) for row in rows)
    lines = [f"{'':<{width}}{'total':>10}{'a year':>10}{'Sharpe':>9}{'max fall':>10}{'trades':>9}"]
    for row in rows:
        found = row["metrics"]
        lines.append(
            f"{row['name']:<{width}}{_number(found['total_return'], '{:+.1%}'):>10}"
            f"{_number(found['annual_return'], '{:+.1%}'):>10}"
            f"{_number(found['sharpe_ratio'], '{:.2f}'):>9}"
            f"{_number(found['max_drawdown'], '{:.1%}'):>10}{found['trades']:>9}"
        )
    return lines


def _verified(verified: dict[str, Any] | None) -> list[str]:
    if verified is None:
        return []
    lines = [
        f"{each['kind'].upper()} {each['topic']} {each['symbol']} "
        f"{time_text(each['event_time_ms'])}: {each['detail']}"
        for each in verified["differences"]
    ]
    counts = ", ".join(f"{c['equal']} of {name}" for name, c in verified["topics"].items())
    if verified["differing"]:
        return [*lines, f"NOT THE SAME: {verified['differing']} records differ from the topics"]
    return [*lines, f"the same as the topics, byte for byte: {counts}"]


def _number(value: float | None, pattern: str) -> str:
    return "n/a" if value is None else pattern.format(value)


def _pair(pair: list[float] | None, pattern: str) -> str:
    return "n/a" if pair is None else f"{pattern.format(pair[0])}..{pattern.format(pair[1])}"
