"""Runs of MLflow as lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# The first ones that a run has are shown.
SHOWN = ("log_loss", "prior_log_loss", "sharpe_ratio", "total_return", "best_value")


def experiment_lines(document: Mapping[str, Any]) -> list[str]:
    """Return an experiment and its runs, newest first."""
    runs = document["runs"]
    head = f"experiment {document['experiment_id']}  {document['name']}"
    shown = "" if len(runs) == document["total"] else f", the newest {len(runs)}"
    return [f"{head}: {document['total']} runs{shown}", *map(_run_line, runs)]


def _run_line(run: Mapping[str, Any]) -> str:
    metrics = [f"{name} {run['metrics'][name]:.4g}" for name in SHOWN if name in run["metrics"]]
    said = run["tags"].get("cause") or run["tags"].get("error") or "  ".join(metrics)
    return (
        f"{run['run_id']}  {run['ended_at']}  {run['kind']:<8}  {run['status']:<8}  "
        f"{run['subject']}  {said}"
    ).rstrip()
