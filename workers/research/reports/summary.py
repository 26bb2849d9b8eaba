"""All back-tests of a run as one JSON document, ``backtest_summary.json``.

Rows carry the documented names (Sharpe Ratio, Max Drawdown, ...) beside all of ours. What failed
is listed with its reason beside what did not. ``page`` shows the same as HTML.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from streams.evaluation.interval import NORMAL
from streams.evaluation.overfitting import expected_max_sharpe

Result = dict[str, Any]  # what ``performance`` returns

DOCUMENTED = {
    "Sharpe Ratio": "sharpe_ratio",
    "Max Drawdown": "max_drawdown",
    "Win Rate": "win_rate",
    "Profit Factor": "profit_factor",
    "Total Return": "total_return",
}
HOLD = "buy and hold"
LEAST_TRADES = 10  # as a comparison asks for: the Sharpe ratio of fewer is chance


@dataclass(frozen=True)
class Failure:
    """Pairs of one market that could not be tested, and why."""

    source: str
    strategies: tuple[str, ...]
    reason: str


def summary_document(results: Sequence[Result], failures: Sequence[Failure]) -> dict[str, Any]:
    """Return the document of ``backtest_summary.json``, best Sharpe ratio first.

    ``rank`` is null where it has no Sharpe ratio or fewer than ``LEAST_TRADES`` trades.

    Drawdown, win rate and returns are fractions. ``luck`` is the Sharpe ratio that the best of so
    many worthless pairs is expected to show over as many days.
    """
    ordered = ranked(results)
    rows = [
        _row(result) | {"rank": place if comparable(result) else None}
        for place, result in enumerate(ordered, 1)
    ]
    return {
        "results": rows,
        "benchmarks": benchmark_summary(results),
        "failed": [failure.__dict__ for failure in failures],
        "pairs": len(results) + sum(len(failure.strategies) for failure in failures),
        "luck": expected_best_sharpe(results),
        "verdict": summary_verdict(results),
    }


def ranked(results: Sequence[Result]) -> list[Result]:
    """Return results by Sharpe ratio, best first; then those of few trades, undefined last."""

    def key(result: Result) -> tuple[bool, bool, float]:
        sharpe = result["metrics"]["sharpe_ratio"]
        return (sharpe is None, not comparable(result), -(sharpe or 0.0))

    return sorted(results, key=key)


def comparable(result: Result) -> bool:
    """Whether a result has a Sharpe ratio and enough trades to be set against others."""
    metrics = result["metrics"]
    return metrics["sharpe_ratio"] is not None and metrics["trades"] >= LEAST_TRADES


def expected_best_sharpe(results: Sequence[Result]) -> float | None:
    """Return the yearly Sharpe ratio expected of the best of so many worthless pairs.

    Their spread is taken from the standard error over the median span: what pure noise would show.
    None below two pairs. Source: Bailey and Lopez de Prado (2014).
    """
    errors = [r["metrics"]["sharpe_standard_error"] for r in results if comparable(r)]
    known = [error for error in errors if error is not None]
    if len(known) < 2:
        return None
    return expected_max_sharpe(len(known), float(np.median(known)))


def summary_verdict(results: Sequence[Result]) -> str:
    """Return in words what the best of these pairs is worth, given how many there were."""
    tested = [result for result in ranked(results) if comparable(result)]
    luck = expected_best_sharpe(results)
    if not tested or luck is None:
        return f"Too few pairs have {LEAST_TRADES} trades or more to say anything of the best."
    best = tested[0]
    sharpe, error = (best["metrics"][k] for k in ("sharpe_ratio", "sharpe_standard_error"))
    hold = _benchmark_metrics(best, HOLD)["sharpe_ratio"]
    sure = NORMAL.cdf((sharpe - luck) / error) if error else 0.0
    name = f"{best['strategy']} on {best['source']}"
    said = (
        f"The best of {len(tested)} is {name} with a Sharpe ratio of {sharpe:.2f}. The best of as "
        f"many worthless ones would show about {luck:.2f}; the probability that this one beats "
        f"that is {sure:.2f}, where 0.95 is asked for"
    )
    few = len(results) - len(tested)
    asked = f"a Sharpe ratio of {LEAST_TRADES} trades or more"
    left_out = f" {few} without {asked} are not ranked." if few else ""
    behind = " It is behind buy and hold." if hold is not None and hold >= sharpe else ""
    if sure >= 0.95:
        return f"{said}: it is more than luck in this span.{behind}{left_out}"
    return f"Nothing here beyond luck. {said}.{behind}{left_out}"


def _row(result: Result) -> dict[str, Any]:
    metrics = result["metrics"]
    return {
        "symbol": result["market"]["symbol"],
        "timeframe": result["market"]["timeframe"],
        "source": result["source"],
        "strategy": result["strategy"],
        "params": result["params"],
        **{name: metrics[field] for name, field in DOCUMENTED.items()},
        "metrics": metrics,
        "intervals": result["intervals"],
        "market": result["market"],
        "costs": result["costs"],
        "funding_note": result["funding_note"],
    }


def benchmark_summary(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Return buy-and-hold and cash of every market, once each."""
    seen: dict[tuple[str, str], dict[str, Any]] = {}
    for result in results:
        for row in result["benchmarks"]:
            metrics = row["metrics"]
            seen[result["source"], row["name"]] = {
                "symbol": result["market"]["symbol"],
                "source": result["source"],
                "name": row["name"],
                **{name: metrics[field] for name, field in DOCUMENTED.items()},
                "metrics": metrics,
            }
    return list(seen.values())


def _benchmark_metrics(result: Result, benchmark: str) -> dict[str, Any]:
    return next(r["metrics"] for r in result["benchmarks"] if r["name"] == benchmark)
