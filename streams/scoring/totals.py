"""Totals of scored signals: the track record of a symbol, however long it is."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.signals import ScoreCell, ScoredSignal, ScoreTotals
from streams.confidence import bin_index


def add_scores(before: ScoreTotals | None, scores: Sequence[ScoredSignal]) -> ScoreTotals:
    """Return the totals of a symbol with more of its scores; there is at least one.

    A score without a knowable outcome counts as a signal and adds to no sum.
    """
    cells = {(cell.group, cell.bin): cell for cell in before.cells} if before else {}
    for cell in map(_cell, scores):
        place = cell.group, cell.bin
        cells[place] = _sum(cells[place], cell) if place in cells else cell
    newest = scores[-1]
    return ScoreTotals(
        subject=f"{newest.symbol}/{newest.timeframe_ms}",
        symbol=newest.symbol,
        timeframe_ms=newest.timeframe_ms,
        event_time_ms=newest.event_time_ms,
        available_time_ms=newest.available_time_ms,
        from_ms=before.from_ms if before else scores[0].signal_time_ms,
        cells=tuple(cells[place] for place in sorted(cells)),
    )


def _cell(score: ScoredSignal) -> ScoreCell:
    known = score.hit is not None
    return ScoreCell(
        group="neutral" if score.direction == "neutral" else score.grade,
        bin=bin_index(score.confidence),
        signals=1,
        known=int(known),
        hits=int(score.hit or 0),
        confidence=score.confidence if known else 0.0,
        net_return=score.net_return or 0.0,
        brier=score.brier or 0.0,
    )


def _sum(one: ScoreCell, other: ScoreCell) -> ScoreCell:
    return ScoreCell(
        group=one.group,
        bin=one.bin,
        signals=one.signals + other.signals,
        known=one.known + other.known,
        hits=one.hits + other.hits,
        confidence=one.confidence + other.confidence,
        net_return=one.net_return + other.net_return,
        brier=one.brier + other.brier,
    )
