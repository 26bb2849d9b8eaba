"""Searches and their results as tables."""

from __future__ import annotations

from deploy.cli.gateway_client import Answer
from deploy.cli.tables.cells import columns, number
from deploy.time_text import span_text

SHARPES = (
    "In sample is one run over all windows; the verdict takes their daily returns, each window "
    "begun anew."
)


def job_line(job: Answer) -> str:
    """Return the progress of a search on one line."""
    done = "" if job["trial"] is None else f"  {job['trial']}/{job['total_trials'] or '?'} trials"
    best = "" if job["best"] is None else f"  {job['objective'] or 'best'} {job['best']:.4g}"
    market = f"{job['request'].get('strategy_name', '?')} {job['symbol']}"
    return f"{job['status']:<10} {market}  since {job['requested_at']}{done}{best}"


def result_lines(document: Answer) -> list[str]:
    """Return the result of a search."""
    market = document["market"]
    span = span_text(market["from_ms"], market["to_ms"])
    lines = [
        f"{document['strategy']} on {market['symbol']} {market['timeframe']}, {span}",
        (
            f"{document['trials']} of {document['n_trials']} trials ({document['pruned']} pruned, "
            f"{document['failed']} failed), {document['sampler']}, seed {document['seed']}"
        ),
    ]
    if document["best_params"] is not None:
        params = "  ".join(f"{name}={_short(v)}" for name, v in document["best_params"].items())
        value = number(document["best_value"], "{:.4g}")
        lines.append(f"best        trial {document['best_trial']}: {params}")
        lines += [f"objective   {document['objective']} {value}, mean of the windows", ""]
        lines.append(f"{'':<12}{'in sample':>12}{'holdout':>12}{'buy & hold':>12}")
        hold = document["benchmarks"][0]["metrics"]
        for name in ("sharpe_ratio", "total_return", "max_drawdown"):
            values = (document["in_sample"][name], document["out_of_sample"][name], hold[name])
            cells = columns((number(value, "{:.3f}", "-") for value in values), 12)
            lines.append(f"{name.replace('_', ' '):<12}{cells}")
        lines += ["", SHARPES]
    lines.append(document["verdict"])
    lines += [f"{name:<17} {place}" for name, place in document.get("urls", {}).items()]
    return lines


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
