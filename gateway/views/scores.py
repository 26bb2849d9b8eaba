"""The track record: how often signals came true, what they returned, how well calibrated."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from pydantic import BaseModel, Field

from gateway.views.compact import CompactScore
from gateway.views.read_model import ReadModel
from streams.evaluation.calibration import Bin, bin_index, wilson_interval

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


def summary(views: ReadModel, symbols: Sequence[str]) -> list[dict[str, object]]:
    """Return one row for each group that has signals."""
    groups: dict[str, list[CompactScore]] = {group: [] for group in GROUPS}
    for symbol in symbols:
        for score in views.symbol(symbol).scores.items:
            if score.direction == "neutral":
                groups["neutral"].append(score)
            else:
                groups["directional"].append(score)
                groups[score.grade].append(score)
    return [_row(group, scores).model_dump() for group, scores in groups.items() if scores]


def reliability(views: ReadModel, symbols: Sequence[str]) -> list[dict[str, object]]:
    """Return the bins that hold signals, directional first, by rising confidence."""
    bins: dict[tuple[bool, int], list[CompactScore]] = {}
    for symbol in symbols:
        for score in views.symbol(symbol).scores.items:
            if score.hit is not None:
                key = (score.direction == "neutral", bin_index(score.confidence))
                bins.setdefault(key, []).append(score)
    return [_bin_row(bins[key], directional=not key[0]).model_dump() for key in sorted(bins)]


def _bin_row(scores: Sequence[CompactScore], *, directional: bool) -> ReliabilityBin:
    hits = sum(bool(score.hit) for score in scores)
    stated = Bin(len(scores), hits, math.fsum(score.confidence for score in scores))
    interval = wilson_interval(hits, stated.count)
    assert interval is not None  # noqa: S101 - a bin is opened by its first score
    return ReliabilityBin(
        directional=directional,
        known=stated.count,
        mean_confidence=stated.mean_confidence,
        hit_rate=stated.hit_rate,
        hit_rate_low=interval.low,
        hit_rate_high=interval.high,
    )


def _row(group: str, scores: Sequence[CompactScore]) -> ScoreRow:
    known = [score for score in scores if score.hit is not None]
    hits = sum(bool(score.hit) for score in known)
    interval = wilson_interval(hits, len(known))
    hit_rate = hits / len(known) if known else None
    confidence = _mean(score.confidence for score in known)
    return ScoreRow(
        group=group,
        signals=len(scores),
        known=len(known),
        hits=hits,
        hit_rate=hit_rate,
        hit_rate_low=interval.low if interval else None,
        hit_rate_high=interval.high if interval else None,
        mean_confidence=confidence,
        calibration_gap=None if confidence is None or hit_rate is None else confidence - hit_rate,
        mean_net_return=_mean(s.net_return for s in known if s.net_return is not None),
        mean_brier=_mean(s.brier for s in known if s.brier is not None),
    )


def _mean(numbers: Iterable[float]) -> float | None:
    terms = list(numbers)
    return math.fsum(terms) / len(terms) if terms else None
