"""Versions of models, deployments and commands on them, as lines for people."""

from __future__ import annotations

from typing import Any

from deploy.cli.config_commands import outcome_lines
from deploy.time_text import time_text


def version_lines(document: dict[str, Any]) -> list[str]:
    """Return the versions of a list, oldest first."""
    rows = document["versions"]
    if not rows:
        return [f"{document['strategy_name']} {document['timeframe']} had no versions then"]
    first = f"{document['strategy_name']} {document['timeframe']}, for another: --timeframe"
    return [first, *(_line(row) for row in rows)]


def _line(row: dict[str, Any]) -> str:
    word = "qualified" if row["qualified"] else "unqualified"
    return (
        f"{row['version']:>4}  {row['model_version']:<16}  {row['stage']:<10}  "
        f"{row['since'][:16].replace('T', ' ')}  {word}: {row['reason']}"
    )


def details_lines(row: dict[str, Any]) -> list[str]:
    """Return one version with its gates and its history."""
    gates = ", ".join(f"{name} {'ok' if ok else 'FAILED'}" for name, ok in row["gates"].items())
    lines = [
        _line(row).strip(),
        (
            f"trained on {', '.join(row['symbols'])} of {row['timeframe']}, {_span(row)}, "
            f"by {row['request_id']}"
        ),
        _record(row["metrics"]),
        f"gates: {gates or 'none'}",
        f"files: {row['uri']}",
        f"run of MLflow: {row['mlflow_run_id'] or 'not mirrored yet'}",
    ]
    lines += policy_lines(row)
    moves = (
        f"  {time_text(move['event_time_ms'])}  {move['from_stage'] or 'registered'} -> "
        f"{move['to_stage']} by {move['by']}: {move['reason']}"
        for move in row["history"]
    )
    return [*lines, "history, by market time:", *moves]


def _span(row: dict[str, Any]) -> str:
    if row["trained_from"] is None:
        return "unknown when: imported"
    return f"{row['trained_from'][:16]} to {row['trained_to'][:16]}"


def _record(metrics: dict[str, Any]) -> str:
    if metrics["log_loss"] is None:
        return "no record out of sample: its drift is not watched"
    return (
        f"log-loss {metrics['log_loss']:.4f}, class prior {metrics['prior_log_loss']:.4f}, "
        f"{metrics['rows']} rows out of sample"
    )


def policy_lines(row: dict[str, Any]) -> list[str]:
    """Return whose thresholds judged a version, each with the value that was found."""
    if row["policy"] is None:
        return []
    lines = [f"judged by the gates of {row['policy']['config_id'] or 'the defaults'}:"]
    decided = [move["decision"] for move in row["history"] if move["decision"]]
    for figure in decided[0]["figures"] if decided else []:
        value = "undefined" if figure["value"] is None else f"{figure['value']:.6g}"
        word = figure["verdict"] if figure["required"] else f"{figure['verdict']}, informs"
        lines.append(
            f"  {figure['name']} {value}, expected {figure['rule'].replace('_', ' ')} "
            f"{figure['threshold']:g}: {word}"
        )
    return lines


def decided_lines(answer: dict[str, Any]) -> list[str]:
    """Return how a command on a version was decided, and from which bar on it counts."""
    outcome, version = answer["outcome"], answer["version"]
    lines = outcome_lines(outcome)
    if answer.get("config") is not None:
        lines += outcome_lines(answer["config"])
    if outcome["dry_run"]:
        return [*lines, "next: the same without --dry-run"]
    serves = version is not None and version["stage"] == "Production"
    if serves and outcome["status"] == "accepted":
        at = version["effective_from"][:16].replace("T", " ")
        lines.append(f"it counts from the bar that closes at {at} UTC")
    return lines
