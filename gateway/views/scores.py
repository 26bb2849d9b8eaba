"""The track record: how often signals came true, what they returned, how well calibrated."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from pydantic import BaseModel, Field

from gateway.views.read_model import ReadModel
from schemas.signals import ScoreCell, ScoreTotals
from streams.evaluation.calibration import Bin, wilson_interval

GROUPS = ("directional", "A+", "A", "B", "C", "neutral")


class ScoreRow(BaseModel):
    """One group of scored signals; grades count directional signals only."""

    group: str = Field(description="directional, A+, A, B, C or neutral")
    signals: int = Field(description="Expired")
    known: int = Field(description="With a knowable outcome")
    hits: int
    hit_rate: float | None
    hit_rate_low: float | None = Field(description="95 % Wilson interval")
    hit_rate_high: float | None
    mean_confidence: float | None
    calibration_gap: float | None = Field(description="Mean confidence minus hit rate")
    mean_net_return: float | None = Field(description="After costs, a fraction")
    mean_brier: float | None = Field(description="Multiclass, in [0, 2]")


class ReliabilityBin(BaseModel):
    """Scored signals of similar confidence: how often they came true."""

    directional: bool = Field(description="false: of neutral signals")
    known: int = Field(description="With a knowable outcome, at least 1")
    mean_confidence: float
    hit_rate: float
    hit_rate_low: float = Field(description="95 % Wilson interval")
    hit_rate_high: float


class ScoreSpan(BaseModel):
    """What the track record covers."""

    from_ms: int = Field(description="Bar close of the first signal counted")
    to_ms: int = Field(description="Expiry of the last")


class TrackRecord(BaseModel):
    """Scores of every signal that has expired, and how well calibrated they were."""

    span: ScoreSpan | None = Field(description="Null: nothing has expired yet")
    summary: list[ScoreRow]
    reliability: list[ReliabilityBin]


def track_record(views: ReadModel, symbols: Sequence[str], timeframe_ms: int) -> TrackRecord:
    """Return a row for each group and a bin for each confidence that has signals.

    Bins are in order: directional first, by rising confidence.
    """
    totals = [
        each
        for each in views.score_totals.values()
        if each.symbol in symbols and each.timeframe_ms == timeframe_ms
    ]
    cells = [cell for each in totals for cell in each.cells]
    groups = {
        group: [cell for cell in cells if group in {cell.group, _side(cell)}] for group in GROUPS
    }
    places = sorted({(cell.group == "neutral", cell.bin) for cell in cells if cell.known})
    return TrackRecord(
        span=_span(totals),
        summary=[_row(group, members) for group, members in groups.items() if members],
        reliability=[
            _bin_row([cell for cell in cells if place == (cell.group == "neutral", cell.bin)])
            for place in places
        ],
    )


def _side(cell: ScoreCell) -> str:
    return "neutral" if cell.group == "neutral" else "directional"


def _span(totals: Sequence[ScoreTotals]) -> ScoreSpan | None:
    if not totals:
        return None
    return ScoreSpan(
        from_ms=min(each.from_ms for each in totals),
        to_ms=max(each.event_time_ms for each in totals),
    )


def _bin_row(cells: Sequence[ScoreCell]) -> ReliabilityBin:
    stated = _bin(cells)
    interval = wilson_interval(stated.hits, stated.count)
    assert interval is not None  # noqa: S101 - a bin is opened by its first known outcome
    return ReliabilityBin(
        directional=cells[0].group != "neutral",
        known=stated.count,
        mean_confidence=stated.mean_confidence,
        hit_rate=stated.hit_rate,
        hit_rate_low=interval.low,
        hit_rate_high=interval.high,
    )


def _bin(cells: Sequence[ScoreCell]) -> Bin:
    return Bin(
        count=sum(cell.known for cell in cells),
        hits=sum(cell.hits for cell in cells),
        confidence=math.fsum(cell.confidence for cell in cells),
    )


def _row(group: str, cells: Sequence[ScoreCell]) -> ScoreRow:
    known = _bin(cells)
    interval = wilson_interval(known.hits, known.count)
    hit_rate = known.hit_rate if known.count else None
    confidence = known.mean_confidence if known.count else None
    return ScoreRow(
        group=group,
        signals=sum(cell.signals for cell in cells),
        known=known.count,
        hits=known.hits,
        hit_rate=hit_rate,
        hit_rate_low=interval.low if interval else None,
        hit_rate_high=interval.high if interval else None,
        mean_confidence=confidence,
        calibration_gap=None if confidence is None or hit_rate is None else confidence - hit_rate,
        mean_net_return=_mean((cell.net_return for cell in cells), known.count),
        mean_brier=_mean((cell.brier for cell in cells), known.count),
    )


def _mean(sums: Iterable[float], count: int) -> float | None:
    return math.fsum(sums) / count if count else None
