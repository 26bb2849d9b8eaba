"""What the training of a model reports, as lines: gates, members, folds, comparison, evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from deploy.cli.tables.cells import columns, interval, number
from schemas.timeframes import timeframe_name

if TYPE_CHECKING:
    from schemas.certificates import ModelCertificate
    from schemas.diagnostics import ConfidenceBin
    from schemas.gates import ForecastScore, GateFigure, GateReport, ModelComparison
    from schemas.models import ModelRegistered
    from schemas.specialists import ModelSelection
    from schemas.variants import VariantTest

FOLD_FORECASTS = ("ensemble", "selection", "xgboost", "lstm")
SIGNS = {"above": ">", "at_least": ">=", "below": "<", "at_most": "<="}


def report_lines(
    model: ModelRegistered, record: Mapping[str, Any], place: int | None = None
) -> Iterator[str]:
    """Yield what its training reports of a model.

    Args:
        model: The registered record.
        record: Its ``report.json``; empty where it cannot be read.
        place: Number of the version; None while promotion has given it none.
    """
    word = "qualified" if model.qualified else "unqualified"
    line = f"{model.strategy}/{timeframe_name(model.timeframe_ms)}"
    yield (
        f"{line} version {place or 'not numbered yet'}, model {model.model_version}, "
        f"{', '.join(model.symbols)}: {word}"
    )
    if not model.reports:
        yield "an older release trained it: its gates are " + ", ".join(
            f"{name} {'passed' if passed else 'failed'}" for name, passed in model.gates.items()
        )
    for report in model.reports:
        yield from _gate(report)
    yield from _scores("out of sample", model.scores)
    if model.holdout:
        yield from _scores(f"holdout, {model.holdout.rows:,} rows", model.holdout.scores)
    yield from _folds(record.get("folds", ()))
    yield from variant_lines(model.variants)
    if model.comparison:
        yield from _comparison(model.comparison)
    if model.certificate:
        yield from _certificate(model.certificate)
    if model.selection:
        yield from _selection(model.selection)
    yield from _reliability(model.reliability)
    if model.equity and model.equity.equity:
        lowest, end = min(model.equity.equity), model.equity.equity[-1]
        yield (
            f"equity out of sample: 1 became {end:.4f} by {model.equity.trades:,} trades after "
            f"costs, at the lowest {lowest:.4f}"
        )


def variant_lines(variants: tuple[VariantTest, ...]) -> Iterator[str]:
    """Yield what other ways to make the forests gained, and what each search tried and chose."""
    if variants:
        yield "other ways to make the forests, each beside the simpler one out of sample"
    for test in variants:
        edges = interval(test.interval, "{:+.5f}")
        yield (
            f"  {test.variant:<10}{'kept' if test.kept else 'not kept'}: gain in log-loss "
            f"{test.difference:+.5f} ({edges}), {test.rows:,} rows, {test.trials} tried; "
            f"{test.reason}"
        )
        for fold, search in enumerate(test.searches, start=1):
            chosen = ", ".join(f"{name} {value:.4g}" for name, value in search.parameters.items())
            yield (
                f"    fit {fold}: {search.trials} trials on {search.rows:,} rows, log-loss "
                f"inside {search.log_loss:.5f}, defaults {search.default_log_loss:.5f}; "
                f"{chosen or 'defaults'}"
            )


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


def _folds(folds: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not folds:
        return
    names = [name for name in FOLD_FORECASTS if name in folds[0]]
    yield f"folds: log-loss and ECE of {', '.join(names)}"
    for place, fold in enumerate(folds, 1):
        cells = "".join(_losses(fold[name]) for name in names)
        yield f"  {place:<4}{fold['rows']:>9,} rows{cells}"


def _losses(scores: Mapping[str, float | None]) -> str:
    cells = (number(scores[name], "{:.4f}") for name in ("log_loss", "calibration_error"))
    return columns(cells, 11)


def _certificate(certificate: ModelCertificate) -> Iterator[str]:
    checked = ", ".join(f"{each.kind} {each.values:,} values" for each in certificate.checks)
    moved = "; ".join(certificate.violations) or "nothing moved with the future"
    yield f"certificate: {moved} ({checked})"
    yield from (f"  {kind} left out: {why}" for kind, why in certificate.left_out.items())


def _selection(selection: ModelSelection) -> Iterator[str]:
    yield f"who answers: {selection.rule} ({selection.reason})"
    for test in selection.tests:
        verdict = "beats" if test.beats else "does not beat"
        edges = interval(test.interval, "{:+.5f}")
        yield f"  {test.rule} {verdict} universal: {test.difference:+.5f} nats ({edges})"
    for each in selection.specialists:
        losses = (number(v, "{:.4f}") for v in (each.log_loss, each.universal_log_loss))
        yield f"  {each.name:<22}{' beside universal '.join(losses)}: {each.reason}"


def _reliability(bins: tuple[ConfidenceBin, ...]) -> Iterator[str]:
    if not bins:
        return
    yield "reliability: promised, came true, 5-95 %, rows"
    for each in bins:
        edges = interval(each.interval, "{:.1%}")
        yield f"  {each.confidence:>7.1%}{each.hit_rate:>9.1%}  {edges:<16}{each.rows:>9,}"


def _comparison(comparison: ModelComparison) -> Iterator[str]:
    edges = interval(comparison.difference_interval, "{:+.5f}")
    yield (
        f"beside {comparison.champion} on {comparison.rows:,} rows: {comparison.verdict}; gain in "
        f"log-loss {number(comparison.difference, '{:+.5f}')} ({edges})"
    )
    if {comparison.champion_rule, comparison.challenger_rule} - {"universal", None}:
        yield (
            f"  {comparison.challenger_rule} beside {comparison.champion_rule}; of the universal "
            f"models alone {number(comparison.universal_difference, '{:+.5f}')}"
        )
    for row in comparison.metrics:
        values = "".join(f"{number(v, '{:.4g}'):>12}" for v in (row.champion, row.challenger))
        limit = f"{SIGNS[row.rule]} {row.threshold:.4g}"
        needed = "required" if row.required else "informs"
        verdict = "passed" if row.passed else "failed"
        yield f"  {row.metric:<22}{values}  {limit:<10}{row.weight:<8}{needed:<10}{verdict}"
    yield from (f"  {reason}" for reason in comparison.reasons)
