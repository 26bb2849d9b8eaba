"""The track record: how often signals came true, what they returned, how honest they were."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from pydantic import BaseModel, Field

from gateway.views.views import HeldScore, Views

Z95 = 1.959963984540054  # two-sided 95 % quantile of the normal distribution
BINS = 10  # of equal width over [0, 1]
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


def wilson(hits: int, trials: int) -> tuple[float, float] | None:
    """Return the 95 % interval of a proportion; None without trials.

    Source: Wilson (1927), Journal of the American Statistical Association 22, 209-212.
    """
    if trials == 0:
        return None
    share = hits / trials
    spread = Z95 * math.sqrt(share * (1 - share) / trials + Z95**2 / (4 * trials**2))
    scale = 1 + Z95**2 / trials
    centre = share + Z95**2 / (2 * trials)
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def summary(views: Views, symbols: Sequence[str]) -> list[dict[str, object]]:
    """Return one row for each group that has signals."""
    groups: dict[str, list[HeldScore]] = {group: [] for group in GROUPS}
    for symbol in symbols:
        for score in views.of(symbol).scores.items:
            if score.direction == "neutral":
                groups["neutral"].append(score)
            else:
                groups["directional"].append(score)
                groups[score.grade].append(score)
    return [_row(group, scores).model_dump() for group, scores in groups.items() if scores]


def reliability(views: Views, symbols: Sequence[str]) -> list[dict[str, object]]:
    """Return the bins that hold signals, directional first, by rising confidence."""
    bins: dict[tuple[bool, int], list[HeldScore]] = {}
    for symbol in symbols:
        for score in views.of(symbol).scores.items:
            if score.hit is not None:
                place = min(int(score.confidence * BINS), BINS - 1)
                bins.setdefault((score.direction == "neutral", place), []).append(score)
    return [_bin(not neutral, bins[neutral, place]) for neutral, place in sorted(bins)]


def _bin(directional: bool, scores: Sequence[HeldScore]) -> dict[str, object]:  # noqa: FBT001 - names the group
    hits = sum(bool(score.hit) for score in scores)
    low, high = wilson(hits, len(scores)) or (0.0, 1.0)
    made = ReliabilityBin(
        directional=directional,
        known=len(scores),
        mean_confidence=math.fsum(score.confidence for score in scores) / len(scores),
        hit_rate=hits / len(scores),
        hit_rate_low=low,
        hit_rate_high=high,
    )
    return made.model_dump()


def _row(group: str, scores: Sequence[HeldScore]) -> ScoreRow:
    known = [score for score in scores if score.hit is not None]
    hits = sum(bool(score.hit) for score in known)
    interval = wilson(hits, len(known))
    hit_rate = hits / len(known) if known else None
    confidence = _mean(score.confidence for score in known)
    return ScoreRow(
        group=group,
        signals=len(scores),
        known=len(known),
        hits=hits,
        hit_rate=hit_rate,
        hit_rate_low=interval[0] if interval else None,
        hit_rate_high=interval[1] if interval else None,
        mean_confidence=confidence,
        calibration_gap=None if confidence is None or hit_rate is None else confidence - hit_rate,
        mean_net_return=_mean(s.net_return for s in known if s.net_return is not None),
        mean_brier=_mean(s.brier for s in known if s.brier is not None),
    )


def _mean(numbers: Iterable[float]) -> float | None:
    found = list(numbers)
    return math.fsum(found) / len(found) if found else None
