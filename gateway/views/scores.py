"""The track record: how often signals came true, what they returned, how well calibrated."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pydantic import BaseModel, Field

from gateway.views.read_model import ReadModel
from schemas.signals import ScoreCell, ScoreChain, ScoreTotals
from streams.evaluation.calibration import Bin
from streams.evaluation.hit_rate import hit_rate_sequence
from streams.evaluation.interval import Interval

GROUPS = ("directional", "A+", "A", "B", "C", "neutral")


class ScoreRow(BaseModel):
    """One group of scored signals; grades count directional signals only."""

    group: str = Field(description="directional, A+, A, B, C or neutral")
    signals: int = Field(description="Expired")
    known: int = Field(description="With a knowable outcome")
    hits: int
    hit_rate: float | None
    independent: int = Field(
        description="Known ones of a ticker that do not overlap, a mean of all"
    )
    hit_rate_low: float | None = Field(
        description="95 % at all looks together, of those that do not overlap; tickers move "
        "together, so that several say no more than one"
    )
    hit_rate_high: float | None
    promise: float | None = Field(
        description="Least hit rate that the grade stands for; null: it promises nothing"
    )
    refuted: bool = Field(description="Whether the hit rate lies below the promise")
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
    hit_rate_low: float | None = Field(description="As of a row; null: of an older release")
    hit_rate_high: float | None


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
    kept = [chain for each in totals for chain in each.chains]
    groups = {
        group: [cell for cell in cells if group in {cell.group, _side(cell)}] for group in GROUPS
    }
    places = sorted({(cell.group == "neutral", cell.bin) for cell in cells if cell.known})
    return TrackRecord(
        span=_span(totals),
        summary=[_row(group, members, kept) for group, members in groups.items() if members],
        reliability=[
            _bin_row([cell for cell in cells if place == (cell.group == "neutral", cell.bin)], kept)
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


def _bin_row(cells: Sequence[ScoreCell], chains: Sequence[ScoreChain]) -> ReliabilityBin:
    stated = _bin(cells)
    interval = _kept(chains, _side(cells[0]), cells[0].bin).interval
    return ReliabilityBin(
        directional=cells[0].group != "neutral",
        known=stated.count,
        mean_confidence=stated.mean_confidence,
        hit_rate=stated.hit_rate,
        hit_rate_low=interval.low if interval else None,
        hit_rate_high=interval.high if interval else None,
    )


def _bin(cells: Sequence[ScoreCell]) -> Bin:
    return Bin(
        count=sum(cell.known for cell in cells),
        hits=sum(cell.hits for cell in cells),
        confidence=math.fsum(cell.confidence for cell in cells),
    )


def _row(group: str, cells: Sequence[ScoreCell], chains: Sequence[ScoreChain]) -> ScoreRow:
    known, kept = _bin(cells), _kept(chains, group)
    interval = kept.interval
    hit_rate = known.hit_rate if known.count else None
    confidence = known.mean_confidence if known.count else None
    return ScoreRow(
        group=group,
        signals=sum(cell.signals for cell in cells),
        known=known.count,
        hits=known.hits,
        hit_rate=hit_rate,
        independent=kept.known,
        hit_rate_low=interval.low if interval else None,
        hit_rate_high=interval.high if interval else None,
        promise=kept.promise,
        refuted=kept.refuted,
        mean_confidence=confidence,
        calibration_gap=None if confidence is None or hit_rate is None else confidence - hit_rate,
        mean_net_return=_mean((cell.net_return for cell in cells), known.count),
        mean_brier=_mean((cell.brier for cell in cells), known.count),
    )


class _Kept(NamedTuple):
    """What the signals of a group have kept that do not overlap.

    Attributes:
        known: How many, of a ticker in the mean.
        interval: Of their hit rate; None without any.
        promise: What their grades promise in the mean; None: nothing.
    """

    known: int
    interval: Interval | None
    promise: float | None

    @property
    def refuted(self) -> bool:
        """Whether the whole interval lies below the promise."""
        if self.interval is None or self.promise is None:
            return False
        return self.interval.high < self.promise


def _kept(chains: Iterable[ScoreChain], group: str, bin_: int | None = None) -> _Kept:
    """Return what a group has kept over its tickers, each of which has a chain of it."""
    members = [chain for chain in chains if (chain.group, chain.bin) == (group, bin_)]
    if not members:
        return _Kept(0, None, None)
    known = sum(chain.known for chain in members)
    hits, tickers = sum(chain.hits for chain in members), len(members)
    promise = math.fsum(chain.promise for chain in members) / known
    interval = hit_rate_sequence(hits / tickers, known / tickers)
    return _Kept(known // tickers, interval, promise or None)


def refuted_grades(views: ReadModel, symbol: str, timeframe_ms: int) -> frozenset[str]:
    """Return the grades of a symbol and timeframe that have kept less than they promise."""
    totals = views.score_totals.get(f"{symbol}/{timeframe_ms}")
    if totals is None:
        return frozenset()
    grades = {chain.group for chain in totals.chains if chain.promise}
    return frozenset(grade for grade in grades if _kept(totals.chains, grade).refuted)


def _mean(sums: Iterable[float], count: int) -> float | None:
    return math.fsum(sums) / count if count else None
