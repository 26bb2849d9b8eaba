"""A fair race of two pieces of work: interleaved, repeated, distinct inputs, median of ratios."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

REPETITIONS = 7

Row = dict[str, object]
Work = Callable[[int], object]


@dataclass(frozen=True)
class Entry:
    """One runner: ``work(i)`` with a different i each time, timed ``calls`` times a round.

    ``clock`` tells the seconds that have gone by; another one counts the CPU's instead.
    """

    work: Work
    calls: int
    clock: Callable[[], float] = time.perf_counter


def race(name: str, peer_name: str, bar: float, ours: Entry, peer: Entry) -> Row:
    """Return a row of the bench table: how many times faster than the peer a call of ours is.

    The ratio is the median over rounds of (peer's median call / our median call); the spread is
    the range between the quartiles of the rounds over that median. Odd rounds start with the
    peer, so that a neighbour's load or a warming clock favours neither.
    """
    ratios = []
    for repetition in range(REPETITIONS + 1):
        first, second = (peer, ours) if repetition % 2 else (ours, peer)
        times = {id(entry): _median_seconds(entry, repetition) for entry in (first, second)}
        ratios.append(times[id(peer)] / times[id(ours)])
    return row(name, peer_name, ratios[1:], bar)  # the first round fills caches


def row(name: str, peer: str, ratios: Sequence[float], bar: float) -> Row:
    """Return a row of the bench table: the median of the rounds and the range of its quartiles."""
    ratio = statistics.median(ratios)
    low, _, high = statistics.quantiles(ratios, n=4)
    return {
        "name": name,
        "peer": peer,
        "ratio": round(ratio, 2),
        "spread": round((high - low) / ratio, 2) if ratio else None,  # 0: an answer never came
        "bar": bar,
        "holds": ratio >= bar,
    }


def _median_seconds(entry: Entry, repetition: int) -> float:
    seconds = []
    for call in range(entry.calls):
        started = entry.clock()
        entry.work(repetition * entry.calls + call)
        seconds.append(entry.clock() - started)
    return statistics.median(seconds)
