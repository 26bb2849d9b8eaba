"""Which timeframes run, by one rule, and what is said of one that does not."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.timeframes import timeframe_name


def running_timeframes(named_ms: tuple[int, ...], recorded_ms: int | None) -> tuple[int, ...]:
    """Return the lengths of the bars that run, ascending; the first is the base.

    The settings name them. A recording has the bars of its files, whatever the settings say: they
    are the base, and of the settings those run that can be made of it.

    Args:
        named_ms: Those of the settings, ascending.
        recorded_ms: Length of the recorded bars; None where there are none.

    >>> running_timeframes((60_000, 900_000, 3_600_000), None)
    (60000, 900000, 3600000)
    >>> running_timeframes((60_000, 900_000, 3_600_000), 900_000)
    (900000, 3600000)
    """
    if recorded_ms is None:
        return named_ms
    higher = (each for each in named_ms if each > recorded_ms and each % recorded_ms == 0)
    return (recorded_ms, *higher)


def running_length(name: str, running_ms: Sequence[int]) -> int:
    """Return the length of a timeframe's bars; raises ``ValueError`` for one that does not run."""
    by_name = {timeframe_name(each): each for each in running_ms}
    if name not in by_name:
        raise ValueError(f"timeframe: {name!r} does not run here; expected {', '.join(by_name)}")
    return by_name[name]
