"""Searches and what they found, as lines for a terminal."""

from __future__ import annotations

from deploy.cli.console import time_text
from deploy.cli.gateway_client import Answer


def job_line(job: Answer) -> str:
    """Return how a search stands, on one line."""
    done = "" if job["trial"] is None else f"  {job['trial']}/{job['total_trials'] or '?'} trials"
    best = "" if job["best"] is None else f"  {job['objective'] or 'best'} {job['best']:.4g}"
    return f"{job['status']:<10} {job['symbol']}  since {job['requested_at']}{done}{best}"


def result_lines(found: Answer) -> list[str]:
    """Return a result for people."""
    market = found["market"]
    span = f"{time_text(market['from_ms'])} to {time_text(market['to_ms'])}"
    lines = [
        f"{found['strategy']} on {market['symbol']} {market['timeframe']}, {span}",
        (
            f"{found['trials']} of {found['n_trials']} trials ({found['pruned']} pruned, "
            f"{found['failed']} failed), {found['sampler']}, seed {found['seed']}"
        ),
    ]
    if found["best_params"] is not None:
        params = "  ".join(f"{name}={_short(v)}" for name, v in found["best_params"].items())
        lines += [f"best        trial {found['best_trial']}: {params}", ""]
        lines.append(f"{'':<12}{'in sample':>12}{'holdout':>12}{'buy & hold':>12}")
        hold = found["benchmarks"][0]["metrics"]
        for name in ("sharpe_ratio", "total_return", "max_drawdown"):
            row = (found["in_sample"][name], found["out_of_sample"][name], hold[name])
            cells = "".join(f"{'-' if v is None else f'{v:.3f}':>12}" for v in row)
            lines.append(f"{name.replace('_', ' '):<12}{cells}")
        lines.append("")
    lines.append(found["verdict"])
    lines += [f"{name:<17} {place}" for name, place in found.get("urls", {}).items()]
    return lines


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
