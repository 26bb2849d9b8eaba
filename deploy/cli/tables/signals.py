"""Signal back-tests as tables: grades, calibration, equity, and differences from the topics."""

from __future__ import annotations

from typing import Any

from deploy.cli.tables.cells import interval, number
from deploy.cli.tables.replay import difference_line, nothing_compared
from deploy.time_text import span_text
from deploy.topics.verify import RecordDifference


def signal_lines(document: dict[str, Any]) -> list[str]:
    """Return the document of ``backtest signals`` as lines."""
    if document["first_signal_ms"] is None:
        timeframe = f" of {document['timeframe']} bars" if document["timeframe"] else ""
        cause = "no model served there, or its features were not complete"
        return [
            f"no signal{timeframe} in that span: {cause}",
            *document["refused_models"],
            *_verified(document["verified"]),
        ]
    bars = f"{document['bars']} bars of {document['timeframe']}"
    span = span_text(document["first_signal_ms"], document["last_bar_ms"])
    symbols = ", ".join(document["symbols"])
    gaps = (document["calibration_error"], document["directional_calibration_error"])
    errors = [number(gap, "{:.3f}") for gap in gaps]
    return [
        f"{document['signals']} signals of {symbols}, {span}, {bars}, {document['seconds']:.1f} s",
        *(_model(model) for model in document["models"]),
        *document["refused_models"],
        "",
        *_groups(document["groups"]),
        "",
        *map(_scores, document["scores"]),
        f"calibration error {errors[0]}, directional {errors[1]}",
        "",
        *_accounts(document["rows"]),
        *(document[name] for name in ("span_note", "funding_note") if document[name]),
        *_verified(document["verified"]),
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
        f"{number(row['hit_rate'], '{:.1%}'):>10}"
        f"{interval(row['hit_rate_block_interval'], '{:.1%}'):>16}"
        f"{number(row['mean_confidence'], '{:.1%}'):>12}"
        f"{number(row['mean_net_return'], '{:+.3%}'):>12}"
        f"{interval(row['mean_net_return_interval'], '{:+.3%}'):>20}"
        for row in groups
        if row["signals"]
    ]
    return [heads, *lines]


def _scores(row: dict[str, Any]) -> str:
    edge = number(row["log_loss_edge"], "{:+.4f}")
    losses = [number(row[name], "{:.4f}") for name in ("log_loss", "prior_log_loss")]
    briers = [number(row[name], "{:.4f}") for name in ("brier", "prior_brier")]
    return (
        f"{row['group']:<12}log-loss {losses[0]}, of class shares {losses[1]}, edge {edge} "
        f"({interval(row['log_loss_edge_interval'], '{:+.4f}')}); "
        f"Brier {briers[0]}, of class shares {briers[1]}"
    )


def _accounts(rows: list[dict[str, Any]]) -> list[str]:
    width = max(len(row["name"]) for row in rows)
    lines = [f"{'':<{width}}{'total':>10}{'a year':>10}{'Sharpe':>9}{'max fall':>10}{'trades':>9}"]
    for row in rows:
        metrics = row["metrics"]
        lines.append(
            f"{row['name']:<{width}}{number(metrics['total_return'], '{:+.1%}'):>10}"
            f"{number(metrics['annual_return'], '{:+.1%}'):>10}"
            f"{number(metrics['sharpe_ratio'], '{:.2f}'):>9}"
            f"{number(metrics['max_drawdown'], '{:.1%}'):>10}{metrics['trades']:>9}"
        )
    return lines


def _verified(verified: dict[str, Any] | None) -> list[str]:
    if verified is None:
        return []
    lines = [difference_line(RecordDifference(**fields)) for fields in verified["differences"]]
    if not verified["compared"]:
        return [nothing_compared(sum(c["behind"] for c in verified["topics"].values()))]
    counts = ", ".join(f"{c['equal']} of {name}" for name, c in verified["topics"].items())
    if verified["differing"]:
        return [*lines, f"NOT THE SAME: {verified['differing']} records differ from the topics"]
    behind = sum(c["behind"] for c in verified["topics"].values())
    later = f"; {behind} were not on the topics yet" if behind else ""
    return [*lines, f"the same as the topics, byte for byte: {counts}{later}"]
