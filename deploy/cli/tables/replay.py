"""The report of a replay: a table for people, a document for programs."""

from __future__ import annotations

from typing import Any

from deploy.cli.tables.cells import columns
from deploy.time_text import time_text
from deploy.topics.verify import RecordDifference, ReplayReport, TopicCount
from schemas.timeframes import timeframe_name


def report_document(report: ReplayReport, *, verified: bool) -> dict[str, Any]:
    """Return the report as one JSON document."""
    return {
        "verified": verified,
        "raw_bars": report.raw_bars,
        "rejected": report.rejected,
        "refused_models": report.refused_models,
        "compared": report.compared,
        "differing": report.differing,
        "topics": {name: count.__dict__ for name, count in report.topics.items()},
        "timeframes": {name: count.__dict__ for name, count in _by_timeframe(report)},
        "differences": [difference.__dict__ for difference in report.differences],
    }


def exit_code(report: ReplayReport, *, verified: bool) -> int:
    """Return 1 when a record differs, or when nothing was there to compare; else 0."""
    return 1 if report.differing or (verified and not report.compared) else 0


def report_lines(report: ReplayReport, *, verified: bool) -> list[str]:
    """Return the report as lines: counts by topic, then the described differences.

    Several timeframes have their counts, too.
    """
    width = max(map(len, report.topics))
    lines = [f"{report.raw_bars} raw bars, {report.rejected} records rejected", ""]
    heads = (
        ("recomputed", "equal", "differing", "not yet") if verified else ("recomputed", "sha256")
    )
    lines.append(f"{'topic':<{width}}" + columns(heads, 12))
    lines += [_count_line(f"{n:<{width}}", c, verified=verified) for n, c in report.topics.items()]
    if len(report.timeframes) > 1:
        lines += ["", f"{'timeframe':<{width}}" + columns(heads, 12)]
        lines += [
            _count_line(f"{name:<{width}}", count, verified=verified)
            for name, count in _by_timeframe(report)
        ]
    lines += ["", *report.refused_models, *map(difference_line, report.differences)]
    hidden = report.differing - len(report.differences)
    if hidden > 0:
        lines.append(f"and {hidden} more differences (--shown N describes more)")
    if verified:
        lines.append(_verdict(report))
    return lines


def _by_timeframe(report: ReplayReport) -> list[tuple[str, TopicCount]]:
    counts = sorted(report.timeframes.items())
    return [(timeframe_name(length_ms), count) for length_ms, count in counts]


def _count_line(name: str, count: TopicCount, *, verified: bool) -> str:
    cells: tuple[int | str, ...] = (count.recomputed, f"  {count.sha256[:16]}")
    if verified:
        cells = (count.recomputed, count.equal, count.differing, count.behind)
    return f"{name}{columns(map(str, cells), 12)}"


def nothing_compared(behind: int) -> str:
    """Return what a verification says that had nothing to compare."""
    cause = f"{behind} records are not written yet" if behind else "that span has no record"
    return f"NOTHING COMPARED: {cause}; `regimeflow data ledger` says what the topics hold"


def difference_line(difference: RecordDifference) -> str:
    """Return one differing record on one line."""
    when, kind = time_text(difference.event_time_ms), difference.kind.upper()
    length_ms, what = difference.timeframe_ms, f"{difference.topic} {difference.symbol}"
    what += "" if length_ms is None else f" {timeframe_name(length_ms)}"
    return f"{kind} {what} {when}: {difference.detail}"


def _verdict(report: ReplayReport) -> str:
    if report.differing:
        return (
            f"NOT THE SAME: {report.differing} records differ from what the code makes of the log"
        )
    behind = sum(count.behind for count in report.topics.values())
    if not report.compared:
        return nothing_compared(behind)
    waiting = f"; {behind} are not written yet" if behind else ""
    return f"the same: {report.compared} records, byte for byte{waiting}"
