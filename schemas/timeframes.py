"""Lengths of time in milliseconds, and bar lengths by name."""

from __future__ import annotations

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

STALE_BARS = 2.0  # age of the newest bar beyond which whoever looks at it is warned

TIMEFRAMES_MS = {
    "1m": MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": HOUR_MS,
    "4h": 4 * HOUR_MS,
    "1d": DAY_MS,
}
_NAMES = {length: name for name, length in TIMEFRAMES_MS.items()}


def timeframe_name(timeframe_ms: int) -> str:
    """Return the name of a bar length; another one in minutes, else in ms."""
    if timeframe_ms % MINUTE_MS:
        return f"{timeframe_ms} ms"
    return _NAMES.get(timeframe_ms, f"{timeframe_ms // MINUTE_MS}m")


def days_text(length_ms: int) -> str:
    """Return a length in days, rounded down to a hundredth.

    >>> days_text(DAY_MS * 3 // 2), days_text(2 * DAY_MS - 1)
    ('1.5', '1.99')
    """
    return f"{length_ms * 100 // DAY_MS / 100:g}"
