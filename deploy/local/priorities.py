"""Which processes go first: at a start, and wherever CPU is short."""

from __future__ import annotations

# What gives the first bars, and the page that shows them; they take the longest to load, too.
FIRST = frozenset({"simulator", "ingest", "market", "gateway"})

# No signal waits for these. They give way from their first import on.
BACKGROUND = frozenset(
    {"explain", "backtest", "tuning", "archive", "monitor", "notify", "letters", "account"}
)
NICENESS = 10


def start_order(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return processes, which are in flow order, in the order of their start."""
    return tuple(sorted(names, key=lambda name: (name in BACKGROUND, name not in FIRST)))
