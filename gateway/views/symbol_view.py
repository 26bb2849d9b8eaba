"""View of one symbol, and how many bars of it there is room for."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.views.compact import (
    CompactBar,
    CompactExplanation,
    CompactFeatures,
    CompactSignal,
)
from gateway.views.sorted_window import SortedWindow

WINDOW = 5_000  # bars of one symbol, at most
BUDGET = 20_000  # bars of all symbols; when full, the gateway takes 220 MB


def bars_per_symbol(symbols: int) -> int:
    """Return how many bars of each symbol are kept when there are ``symbols`` of them."""
    return min(WINDOW, max(1, BUDGET // max(1, symbols)))


@dataclass(frozen=True)
class SymbolView:
    """The newest records of one symbol, each window in the order of bar closes."""

    bars: SortedWindow[CompactBar] = field(default_factory=lambda: SortedWindow(WINDOW))
    features: SortedWindow[CompactFeatures] = field(default_factory=lambda: SortedWindow(WINDOW))
    regimes: SortedWindow[bytes] = field(default_factory=lambda: SortedWindow(WINDOW))
    signals: SortedWindow[CompactSignal] = field(default_factory=lambda: SortedWindow(WINDOW))
    scores: SortedWindow[bytes] = field(default_factory=lambda: SortedWindow(WINDOW))
    explanations: SortedWindow[CompactExplanation] = field(
        default_factory=lambda: SortedWindow(WINDOW)
    )

    def shrink(self, limit: int) -> list[CompactSignal]:
        """Lower the limit of every window; return the signals pushed out."""
        for window in (self.bars, self.features, self.regimes, self.scores, self.explanations):
            window.shrink(limit)
        return self.signals.shrink(limit)
