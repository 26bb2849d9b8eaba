"""Lengths of time in milliseconds, and bar lengths by name."""

from __future__ import annotations

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS

MOST_TIMEFRAMES = 6  # of one pipeline
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


def parse_timeframes(value: object) -> tuple[str, ...]:
    """Return the names of some timeframes, the base first, e.g. of ``1m,15m,1h``.

    Raises:
        ValueError: One is unknown, there are more than ``MOST_TIMEFRAMES``, or they are not
            ascending multiples of the first.
    """
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise ValueError(f"{value!r}: expected names of timeframes, separated by commas")
    names = tuple(part.strip() for part in parts)
    listed = ",".join(names)
    for name in names:
        if name not in TIMEFRAMES_MS:
            known = ", ".join(TIMEFRAMES_MS)
            raise ValueError(f"timeframe {name!r} of {listed!r} is unknown; expected {known}")
    if len(names) > MOST_TIMEFRAMES:
        raise ValueError(f"{listed!r} are {len(names)}; expected at most {MOST_TIMEFRAMES}")
    for place, name in enumerate(names[1:]):
        before = names[place]
        if TIMEFRAMES_MS[name] <= TIMEFRAMES_MS[before]:
            raise ValueError(f"{listed!r}: {name} comes after {before}; expected ascending lengths")
        if TIMEFRAMES_MS[name] % TIMEFRAMES_MS[names[0]]:
            raise ValueError(f"{listed!r}: {name} is no multiple of the base bar {names[0]}")
    return names


def timeframes_of(base: str, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Return a base timeframe and those of some others that are made of its bars, ascending.

    >>> timeframes_of("15m", ("1m", "15m", "1h"))
    ('15m', '1h')
    """
    base_ms = TIMEFRAMES_MS[base]
    lengths = {TIMEFRAMES_MS[name] for name in wanted}
    higher = sorted(each for each in lengths if each > base_ms and each % base_ms == 0)
    return (base, *(timeframe_name(each) for each in higher))


def days_text(length_ms: int) -> str:
    """Return a length in days, rounded down to a hundredth.

    >>> days_text(DAY_MS * 3 // 2), days_text(2 * DAY_MS - 1)
    ('1.5', '1.99')
    """
    return f"{length_ms * 100 // DAY_MS / 100:g}"
