"""The gates of a model as lines: each figure with its threshold and verdict, and the comparison."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from deploy.cli.tables.cells import interval, number

if TYPE_CHECKING:
    from schemas.gates import ForecastScore, GateFigure, GateReport, ModelComparison
    from schemas.models import ModelRegistered

SIGNS = {"above": ">", "at_least": ">=", "below": "<", "at_most": "<="}


def report_lines(model: ModelRegistered) -> Iterator[str]:
    """Yield what the gates, the baselines, the holdout and the comparison say of a model."""
    word = "qualified" if model.qualified else "unqualified"
    yield f"model {model.model_version}, {', '.join(model.symbols)}: {word}"
    if not model.reports:
        yield "an older release trained it: its gates are " + ", ".join(
            f"{name} {'passed' if passed else 'failed'}" for name, passed in model.gates.items()
        )
    for report in model.reports:
        yield from _gate(report)
    yield from _scores("out of sample", model.scores)
    if model.holdout:
        yield from _scores(f"holdout, {model.holdout.rows:,} rows", model.holdout.scores)
    if model.comparison:
        yield from _comparison(model.comparison)


def _gate(report: GateReport) -> Iterator[str]:
    yield f"{report.name}: {'passed' if report.passed else 'failed'} ({report.detail})"
    yield from map(_figure, report.figures)


def _figure(figure: GateFigure) -> str:
    limit = f"{SIGNS[figure.rule]} {figure.threshold:.4g}" if figure.rule else ""
    informs = "" if figure.required or figure.rule is None else ", informs"
    value = number(figure.value, "{:.5g}")
    return f"  {figure.name:<34}{value:>12}  {limit:<12}{figure.verdict}{informs}"


def _scores(title: str, scores: tuple[ForecastScore, ...]) -> Iterator[str]:
    if not scores:
        return
    yield f"{title}: log-loss, Brier score, accuracy"
    for score in scores:
        cells = (number(v, "{:.4f}") for v in (score.log_loss, score.brier, score.accuracy))
        yield f"  {score.forecast:<34}" + "".join(f"{cell:>10}" for cell in cells)


def _comparison(comparison: ModelComparison) -> Iterator[str]:
    edges = interval(comparison.difference_interval, "{:+.5f}")
    yield (
        f"beside {comparison.champion} on {comparison.rows:,} rows: {comparison.verdict}; gain in "
        f"log-loss {number(comparison.difference, '{:+.5f}')} ({edges})"
    )
    for row in comparison.metrics:
        values = "".join(f"{number(v, '{:.4g}'):>12}" for v in (row.champion, row.challenger))
        limit = f"{SIGNS[row.rule]} {row.threshold:.4g}"
        needed = "required" if row.required else "informs"
        verdict = "passed" if row.passed else "failed"
        yield f"  {row.metric:<22}{values}  {limit:<10}{row.weight:<8}{needed:<10}{verdict}"
    yield from (f"  {reason}" for reason in comparison.reasons)
