"""Parts of a model's report as HTML: gates, members, folds, comparison, certificate, drawings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from schemas.certificates import ModelCertificate
from schemas.gates import ForecastScore, GateFigure, GateReport, ModelComparison, Rule
from schemas.models import ModelRegistered
from workers.research.charts.charts import Chart
from workers.research.charts.svg import to_svg
from workers.training.report_charts import (
    DRAWN_FORECASTS,
    drawdown_chart,
    equity_chart,
    folds_chart,
    reliability_chart,
    rows_chart,
)

SIGNS: Mapping[Rule, str] = {"above": ">", "at_least": "≥", "below": "<", "at_most": "≤"}
SCORES = ("log_loss", "brier", "accuracy", "balanced_accuracy", "macro_f1", "calibration_error")
WIDE, TALL, FLAT = 560, 220, 90


def drawings_section(model: ModelRegistered) -> str:
    """Return equity and reliability side by side; empty for a model of an older release."""
    cards = []
    if model.equity is not None:
        cards.append(
            _card(
                equity_chart(model.equity),
                f"{to_svg(drawdown_chart(model.equity), WIDE, FLAT)}<p class='quiet-text'>"
                f"{model.equity.trades:,} trades, one at a time and market, stakes shared out "
                "evenly; below, how far it lay under its highest value.</p>",
            )
        )
    if model.reliability:
        cards.append(
            _card(
                reliability_chart(model.reliability),
                f"{to_svg(rows_chart(model.reliability), WIDE, FLAT)}<p class='quiet-text'>"
                "Uprights are 5-95 % by blocks of time; on the dashed line confidence is honest. "
                "Below, how many rows.</p>",
            )
        )
    return f'<section><div class="cards large">{"".join(cards)}</div></section>' if cards else ""


def _card(chart: Chart, below: str) -> str:
    drawn = to_svg(chart, WIDE, TALL)
    return f'<article class="card"><h3>{escape(chart.title)}</h3>{drawn}{below}</article>'


def gates_section(reports: Sequence[GateReport]) -> str:
    """Return each gate with its figures; a gate that failed is open."""
    if not reports:
        return ""
    return f"<h2>Gates</h2>{''.join(map(_gate, reports))}"


def _gate(report: GateReport) -> str:
    tone, word = ("up", "passed") if report.passed else ("down", "failed")
    rows = [(figure.name, *_figure(figure)) for figure in report.figures]
    table = _table(("Figure", "Value", "Threshold", "Verdict"), rows) if rows else ""
    return (
        f"<details{'' if report.passed else ' open'}><summary><b class='{tone}'>{word}</b> "
        f"<b>{escape(report.name)}</b> {escape(report.detail)}</summary>{table}</details>"
    )


def _figure(figure: GateFigure) -> tuple[str, str, str]:
    limit = "" if figure.rule is None else f"{SIGNS[figure.rule]} {figure.threshold:.4g}"
    informs = "" if figure.required or figure.rule is None else ", informs"
    return _number(figure.value, "{:.5g}"), limit, f"{figure.verdict}{informs}"


def members_section(model: ModelRegistered) -> str:
    """Return the scores of the members and the baselines, on the folds and on the holdout."""
    parts = [("Members and baselines on the folds", model.scores)]
    if model.holdout is not None:
        title = f"The same on the {model.holdout.rows:,} newest rows, which nothing had seen"
        parts.append((title, model.holdout.scores))
    return "".join(f"<h2>{title}</h2>{_scores(scores)}" for title, scores in parts if scores)


def _scores(scores: Iterable[ForecastScore]) -> str:
    rows = [
        (_plain(each.forecast), *(_number(getattr(each, name), "{:.4f}") for name in SCORES))
        for each in scores
    ]
    return _table(("Forecast", *map(_plain, SCORES)), rows)


def folds_section(folds: Sequence[Mapping[str, Any]]) -> str:
    """Return each member's gain fold by fold, drawn and in numbers; empty without folds."""
    if not folds:
        return ""
    names = [name for name in DRAWN_FORECASTS if name in folds[0]]
    heads = ("Fold", "Rows", *(f"{_plain(name)}: log-loss, ECE" for name in names))
    rows = [
        (
            str(number),
            f"{fold['rows']:,}",
            *(f"{_score(fold[name], 'log_loss')}, {_score(fold[name], 'calibration_error')}"
              for name in names),
        )
        for number, fold in enumerate(folds, 1)
    ]  # fmt: skip
    chart = folds_chart(folds)
    legend = "".join(
        f'<span><i style="background:var(--{DRAWN_FORECASTS[name][1]})"></i>'
        f"{DRAWN_FORECASTS[name][0]}</span>"
        for name in names
    )
    card = _card(chart, f'<p class="legend">{legend}</p>')
    return f'<h2>Folds</h2><div class="cards large">{card}</div>{_table(heads, rows)}'


def _score(scores: Mapping[str, Any], name: str) -> str:
    return _number(scores[name], "{:.4f}")


def comparison_section(comparison: ModelComparison | None) -> str:
    """Return the table, the difference and the verdict; empty where there was no champion."""
    if comparison is None:
        return ""
    rows = [
        (
            _plain(row.metric),
            _number(row.champion, "{:.4g}"),
            _number(row.challenger, "{:.4g}"),
            f"{SIGNS[row.rule]} {row.threshold:.4g}",
            f"{row.weight}{', required' if row.required else ''}",
            "passed" if row.passed else "failed",
        )
        for row in comparison.metrics
    ]
    heads = ("Metric", "Champion", "This model", "Must be", "Weight", "Verdict")
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in comparison.reasons)
    return (
        f"<h2>Beside the champion {escape(comparison.champion)}</h2><p><b>"
        f"{_plain(comparison.verdict)}</b>, on {comparison.rows:,} rows that neither was trained "
        f"on. {_difference(comparison)}</p><ul>{reasons}</ul>{_table(heads, rows) if rows else ''}"
    )


def _difference(comparison: ModelComparison) -> str:
    if comparison.difference is None:
        return ""
    text = f"Gain in log-loss {comparison.difference:+.5f} nats a row"
    if comparison.difference_interval is not None:
        low, high = comparison.difference_interval
        text += f" ({comparison.level:.0%}: {low:+.5f} to {high:+.5f})"
    rules = {comparison.champion_rule, comparison.challenger_rule}
    if comparison.universal_difference is None or rules <= {"universal", None}:
        return f"{text}."
    return (
        f"{text}: {comparison.challenger_rule} beside {comparison.champion_rule}; of the universal "
        f"models alone {comparison.universal_difference:+.5f}."
    )


def certificate_section(certificate: ModelCertificate | None) -> str:
    """Return whether anything moved with the future; empty for a model of an older release."""
    if certificate is None:
        return ""
    verdict = "; ".join(certificate.violations) or "nothing moved when only the future was changed"
    rows = [
        (check.kind, f"{check.parts:,}", f"{check.cuts:,}", f"{check.values:,}",
         ", ".join(check.moved) or "0")
        for check in certificate.checks
    ]  # fmt: skip
    left_out = "".join(
        f"<p>{escape(kind)} was left out: {escape(reason)}.</p>"
        for kind, reason in certificate.left_out.items()
    )
    heads = ("What", "Parts", "Cuts", "Values compared", "Moved")
    return f"<h2>Certificate</h2><p>{escape(verdict)}.</p>{_table(heads, rows)}{left_out}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    columns = "".join(f"<th scope='col'>{escape(head)}</th>" for head in heads)
    body = "".join(
        f"<tr><th scope='row'>{escape(first)}</th>"
        f"{''.join(f'<td>{escape(cell)}</td>' for cell in rest)}</tr>"
        for first, *rest in rows
    )
    return (
        f"<div class='wide'><table><thead><tr>{columns}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _plain(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _number(value: float | None, pattern: str) -> str:
    return "n/a" if value is None else pattern.format(value)
