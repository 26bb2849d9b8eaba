"""The part of a model's report about its confidence: how far it is off, and what is certified."""

from __future__ import annotations

from html import escape
from typing import Any

from schemas.models import ModelMetrics

HEADS = ("Grade", "Promised", "Calls", "Blocks of time", "Came true", "p", "Certified")


def calibration_section(
    metrics: ModelMetrics, promises: list[dict[str, Any]] | None, *, has_tables: bool
) -> str:
    """Return the part as HTML; empty for a model that nobody asked.

    Args:
        metrics: Of the model, out of sample.
        promises: Those of ``grade_promises``, as the report holds them.
        has_tables: Whether its predictions carry bounds.
    """
    if promises is None:
        return ""
    bounds = "carry" if has_tables else "do not carry"
    return (
        f"<h2>Calibration</h2><p>{_error(metrics)} Its predictions {bounds} Venn-Abers bounds of "
        f"their confidence.</p>{_promises(promises)}"
    )


def _error(metrics: ModelMetrics) -> str:
    plain, debiased = metrics.calibration_error, metrics.calibration_error_debiased
    if plain is None:
        return "There are no rows to judge the confidence by."
    if debiased is None or metrics.calibration_p_value is None:
        return (
            f"The confidence is off by {plain:.4f} (ECE); too few blocks of time are there to say "
            "how much of that is chance."
        )
    return (
        f"The confidence is off by {plain:.4f} (ECE){_span(metrics.calibration_error_interval)}. "
        f"Without what chance adds, {debiased:.4f} is left"
        f"{_span(metrics.calibration_error_debiased_interval)}. Calibrated confidence would be off "
        f"as far with a probability of {metrics.calibration_p_value:.3f}."
    )


def _span(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f" (5-95 %: {interval[0]:.4f} to {interval[1]:.4f})"


def _promises(promises: list[dict[str, Any]]) -> str:
    heads = "".join(f"<th>{head}</th>" for head in HEADS)
    return (
        "<h2>What the grades promise</h2><p>A grade promises that calls of its confidence come "
        "true at least as often as its lower edge says. Learn-then-Test certifies a promise at "
        "95 %, from B up; a block of time counts once, because outcomes overlap.</p>"
        f"<div class='wide'><table><thead><tr>{heads}</tr></thead>"
        f"<tbody>{''.join(map(_row, promises))}</tbody></table></div>"
    )


def _row(promise: dict[str, Any]) -> str:
    rate, p_value = promise["hit_rate"], promise["p_value"]
    word = "yes" if promise["certified"] else "no"
    cells = (
        f"{promise['lower_edge']:.0%}",
        f"{promise['calls']:,}",
        f"{promise['blocks']:,}",
        "-" if rate is None else f"{rate:.1%}",
        "-" if p_value is None else f"{p_value:.3f}",
        f"{word}: {promise['reason']}",
    )
    columns = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f"<tr><th scope='row'>{escape(promise['grade'])}</th>{columns}</tr>"
