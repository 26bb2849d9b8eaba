"""Bar lengths by name."""

from __future__ import annotations

TIMEFRAMES_MS = {
    "1m": 60_000,
    "3m": 180_000,
    "5m": 300_000,
    "15m": 900_000,
    "30m": 1_800_000,
    "1h": 3_600_000,
    "4h": 14_400_000,
    "1d": 86_400_000,
}
_NAMES = {length: name for name, length in TIMEFRAMES_MS.items()}


def timeframe_name(timeframe_ms: int) -> str:
    """Return the name of a bar length, in minutes where it has none of its own."""
    return _NAMES.get(timeframe_ms, f"{timeframe_ms // 60_000}m")
