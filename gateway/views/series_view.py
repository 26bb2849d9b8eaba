"""View of one symbol at one timeframe, and how many of its bars there is room for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gateway.views.compact import (
    CompactBar,
    CompactExplanation,
    CompactFeatures,
    CompactSignal,
)
from gateway.views.late_outcome import LateOutcome
from gateway.views.sorted_window import SortedWindow
from schemas.features import FeatureVector
from schemas.market import Bar
from schemas.record import Record
from schemas.regimes import RegimeProbabilities
from schemas.timeframes import timeframe_name

WINDOW = 5_000  # bars of one series, at most
BUDGET = 20_000  # bars of all series; when full, the gateway takes 220 MB


def bars_per_series(count: int) -> int:
    """Return how many bars of each series are kept when there are ``count`` of them."""
    return min(WINDOW, max(1, BUDGET // max(1, count)))


@dataclass(frozen=True)
class SeriesView:
    """The newest records of one symbol at one timeframe, each window in the order of closes."""

    symbol: str
    timeframe_ms: int
    bars: SortedWindow[CompactBar] = field(default_factory=lambda: SortedWindow(WINDOW))
    features: SortedWindow[CompactFeatures] = field(default_factory=lambda: SortedWindow(WINDOW))
    regimes: SortedWindow[bytes] = field(default_factory=lambda: SortedWindow(WINDOW))
    signals: SortedWindow[CompactSignal] = field(default_factory=lambda: SortedWindow(WINDOW))
    scores: SortedWindow[LateOutcome] = field(default_factory=lambda: SortedWindow(WINDOW))
    explanations: SortedWindow[CompactExplanation] = field(
        default_factory=lambda: SortedWindow(WINDOW)
    )

    @property
    def timeframe(self) -> str:
        """Name of the timeframe."""
        return timeframe_name(self.timeframe_ms)

    def heading(self) -> dict[str, Any]:
        """Return what names the series in an answer about it."""
        return {
            "symbol": self.symbol,
            "timeframe": self.timeframe,
            "timeframe_ms": self.timeframe_ms,
        }

    def drawn_window(self, kind: type[Record]) -> SortedWindow[Any]:
        """Return the window of a kind of records that a chart draws, each by its close."""
        by_kind: dict[type[Record], SortedWindow[Any]] = {
            Bar: self.bars,
            FeatureVector: self.features,
            RegimeProbabilities: self.regimes,
        }
        return by_kind[kind]

    def shrink(self, limit: int) -> list[CompactSignal]:
        """Lower the limit of every window; return the signals pushed out."""
        for window in (self.bars, self.features, self.regimes, self.scores, self.explanations):
            window.shrink(limit)
        return self.signals.shrink(limit)
