"""A signal back-test as one HTML file, and its charts: no script, nothing loaded, dark or light."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape

from workers.research.charts.charts import Chart, ChartSeries, Tone
from workers.research.charts.document import html_document
from workers.research.charts.svg import to_svg
from workers.research.replay.signal_report import (
    EVERY,
    HOLD,
    EquityRow,
    GroupRow,
    Pair,
    ProperScores,
    SignalReport,
)


def equity_chart(report: SignalReport) -> Chart:
    """Return the accounts over time."""
    curve = report.equity
    return Chart(
        "Equity of every signal at standard size",
        "",
        "start = 1",
        (
            ChartSeries(HOLD, curve.time_ms, curve.buy_and_hold, tone="quiet"),
            ChartSeries(EVERY, curve.time_ms, curve.every_signal),
        ),
        x_kind="time",
    )


def reliability_chart(report: SignalReport) -> Chart:
    """Return what came true over what was stated, with 95 %; on the diagonal they agree."""
    kinds: tuple[tuple[str, Tone], ...] = (("directional", "main"), ("neutral", "second"))
    honest = ChartSeries("honest", (0.0, 1.0), (0.0, 1.0), "dashed", "quiet")
    lines = [honest]
    for name, tone in kinds:
        rows = [row for row in report.reliability if row.directional is (name == "directional")]
        stated = [row.mean_confidence for row in rows]
        ends = [(*row.hit_rate_interval, None) for row in rows]  # one upright, then a hole
        lines += [
            ChartSeries(name, stated, [row.hit_rate for row in rows], tone=tone),
            ChartSeries(
                f"{name}, 95 %",
                [at for at in stated for _ in range(3)],
                [end for three in ends for end in three],
                tone=tone,
            ),
        ]
    return Chart("Reliability", "stated", "came true", tuple(lines))


def signal_page(report: SignalReport) -> str:
    """Return the report as one HTML file."""
    if report.first_signal_ms is None or report.last_bar_ms is None:
        body = "<header><div><h1>Signals</h1></div></header><p>No signal in that span.</p>"
    else:
        span = f"{_day(report.first_signal_ms)} to {_day(report.last_bar_ms)}"
        markets = f"{', '.join(report.symbols)}, {report.timeframe} bars"
        lead = f"{report.signals:,} signals of {markets}, {span}"
        body = (
            f'<header><div><h1>Signals</h1><p class="lead">{escape(lead)}</p></div></header>'
            f"{_models(report)}{_groups(report.groups)}"
            '<section><div class="cards">'
            f'<article class="card"><h3>Equity</h3>{to_svg(equity_chart(report))}{_legend()}'
            f'</article><article class="card"><h3>Reliability</h3>'
            f"{to_svg(reliability_chart(report))}{_calibration(report)}</article></div></section>"
            f"<section>{_accounts(report.rows)}</section>{_footer(report)}"
        )
    return html_document("signals", body)


def _models(report: SignalReport) -> str:
    lines = "".join(
        f"<p>Model {escape(m.model_version)} ({'qualified' if m.qualified else 'unqualified'}): "
        f"{m.signals:,} signals</p>"
        for m in report.models
    )
    scores = "".join(map(_scores, report.scores))
    return f'<div class="verdict">{lines}{scores}</div>'


def _scores(row: ProperScores) -> str:
    losses = [_number(value, "{:.4f}") for value in (row.log_loss, row.prior_log_loss)]
    edge = _number(row.log_loss_edge, "{:+.4f}")
    interval = _pair(row.log_loss_edge_interval, "{:+.4f}")
    return (
        f"<p>{escape(row.group.capitalize())}: log-loss {losses[0]}, class shares {losses[1]}, "
        f"edge {edge} ({interval})</p>"
    )


def _groups(groups: tuple[GroupRow, ...]) -> str:
    heads = "".join(
        f"<th>{name}</th>"
        for name in (
            *("Group", "Signals", "Buy", "Sell", "Known", "Hit rate", "95 %, by days"),
            *("Confidence", "Net return", "95 %, by days"),
        )
    )
    rows = "".join(
        f"<tr><td>{escape(g.group)}</td><td>{g.signals:,}</td><td>{g.buys:,}</td>"
        f"<td>{g.sells:,}</td><td>{g.known:,}</td><td>{_number(g.hit_rate, '{:.1%}')}</td>"
        f"<td>{_pair(g.hit_rate_block_interval, '{:.1%}')}</td>"
        f"<td>{_number(g.mean_confidence, '{:.1%}')}</td>"
        f"<td>{_number(g.mean_net_return, '{:+.3%}')}</td>"
        f"<td>{_pair(g.mean_net_return_interval, '{:+.3%}')}</td></tr>"
        for g in groups
        if g.signals
    )
    return _table(heads, rows)


def _accounts(rows: tuple[EquityRow, ...]) -> str:
    heads = "".join(
        f"<th>{name}</th>"
        for name in ("Account", "Total", "A year", "Sharpe", "95 %", "Max drawdown", "Trades")
    )
    lines = "".join(
        f"<tr><td>{escape(row.name)}</td><td>{_number(row.metrics.total_return, '{:+.1%}')}</td>"
        f"<td>{_number(row.metrics.annual_return, '{:+.1%}')}</td>"
        f"<td>{_number(row.metrics.sharpe_ratio, '{:.2f}')}</td>"
        f"<td>{_pair(row.intervals.get('sharpe_ratio'), '{:.2f}')}</td>"
        f"<td>{_number(row.metrics.max_drawdown, '{:.1%}')}</td>"
        f"<td>{row.metrics.trades:,}</td></tr>"
        for row in rows
    )
    return _table(heads, lines)


def _table(heads: str, rows: str) -> str:
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div class="wide">{table}</div>'


def _legend() -> str:
    return (
        '<p class="legend"><span><i style="background:var(--main)"></i>every signal</span>'
        f'<span><i style="background:var(--quiet)"></i>{HOLD}</span></p>'
    )


def _calibration(report: SignalReport) -> str:
    return (
        '<p class="legend"><span><i style="background:var(--main)"></i>directional</span>'
        '<span><i style="background:var(--second)"></i>neutral</span></p>'
        f"<p>Calibration error {_number(report.calibration_error, '{:.3f}')}, directional "
        f"{_number(report.directional_calibration_error, '{:.3f}')}</p>"
    )


def _footer(report: SignalReport) -> str:
    notes = (
        *report.assumptions,
        report.span_note,
        report.funding_note,
        "Past results, analysis only.",
    )
    return f"<footer>{''.join(f'<p>{escape(note)}</p>' for note in notes if note)}</footer>"


def _number(value: float | None, pattern: str) -> str:
    return "n/a" if value is None else pattern.format(value)


def _pair(pair: Pair | None, pattern: str) -> str:
    return "n/a" if pair is None else f"{pattern.format(pair[0])} to {pattern.format(pair[1])}"


def _day(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d")
