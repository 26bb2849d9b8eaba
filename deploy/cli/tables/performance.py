"""Figures of ideas, the journal and calls, as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deploy.cli.tables.cells import counted, number
from deploy.time_text import time_text

KINDS = ("ideas", "journal", "calls")
HEAD = (
    f"{'':<26}{'trades':>7}  {'won':<20}{'net of a trade':<30}{'expected':<10}{'R':<23}{'sum':>9}"
    f"{'fall':>8}{'factor':>8}{'costs':>7}{'buy and hold':>14}"
)
MEANING = (
    (
        "Won: earned more than 0 after costs. Factor: wins over losses. Costs: their share of the "
        "return before them."
    ),
    (
        "Intervals cover with 95 % at all looks together; that of a return needs ten whole days "
        "with an exit, and one later."
    ),
    "Sums are of equal stakes; buy and hold: price alone.",
    "Ideas do not overlap, calls do; a human chose the journal, so it proves nothing of a model.",
)

Figures = Mapping[str, Any]


def summary_lines(report: Figures, timeframe: str | None = None) -> Iterator[str]:
    """Yield the daily report of a timeframe, of all without one."""
    at = report["as_of_ms"]
    counted = "every timeframe" if timeframe is None else timeframe
    yield "no bar yet" if at is None else f"{time_text(at)} UTC, market time; {counted}"
    yield HEAD
    for kind in KINDS:
        yield figures_line(kind, report[kind])
    if report["today"] is not None:
        for kind in KINDS:
            yield figures_line(f"{kind}, today", report["today"][kind])
    yield from _decision_lines(report)
    for row in report["refuted"]:
        yield f"grade {row['grade']} of {row['symbol']} {row['timeframe']} breaks its promise"
    yield from MEANING


def group_lines(document: Figures, timeframe: str | None = None) -> Iterator[str]:
    """Yield the rows of each group, of a timeframe or of all."""
    if not document["groups"]:
        yield "nothing has finished yet"
        return
    yield "every timeframe" if timeframe is None else timeframe
    yield HEAD
    for row in document["groups"]:
        for kind in KINDS:
            if row[kind] is not None:
                yield figures_line(f"{row['group']} {kind}", row[kind])
    yield from MEANING


def figures_line(name: str, figures: Figures) -> str:
    """Return one row of figures under ``HEAD``."""
    return (
        f"{name:<26}{figures['trades']:>7}  {_bounded(figures, 'hit_rate', '.0%'):<20}"
        f"{_bounded(figures, 'expectancy', '+.3%'):<30}"
        f"{number(figures['expected'], '{:+.3%}', '-'):<10}"
        f"{_bounded(figures, 'expectancy_r', '+.2f'):<23}"
        f"{number(figures['net_return'], '{:+.2%}', '-'):>9}"
        f"{number(figures['max_drawdown'], '{:.1%}', '-'):>8}"
        f"{number(figures['profit_factor'], '{:.2f}', '-'):>8}"
        f"{number(figures['cost_share'], '{:.0%}', '-'):>7}"
        f"{number(figures['buy_and_hold'], '{:+.2%}', '-'):>14}"
    ).rstrip()


def _bounded(figures: Figures, name: str, form: str) -> str:
    value, low, high = (figures[key] for key in (name, f"{name}_low", f"{name}_high"))
    if value is None:
        return "-"
    said = format(value, form)
    return said if low is None else f"{said} ({low:{form}} to {high:{form}})"


def _decision_lines(report: Figures) -> Iterator[str]:
    followed = report["followed"]
    if followed["trades"]:
        yield (
            f"you followed {counted(followed['trades'], 'idea')}: "
            f"{followed['own_return']:+.3%} a trade, they {followed['idea_return']:+.3%}, "
            f"so you added {_bounded(followed, 'difference', '+.3%')}"
        )
    for action in ("skipped", "missed"):
        let_pass = report[action]
        if let_pass["ideas"]:
            yield (
                f"you {action} {let_pass['ideas']}: {counted(let_pass['winners'], 'winner')}, "
                f"{counted(let_pass['losers'], 'loser')}, {let_pass['net_return']:+.3%} each"
            )
