"""Counts the values of a stage that move when only what came after them is changed.

A stage is anything between a log and what a model uses: a feature, a label, a fitted scaler, a
chosen threshold. It says of each value from when it may be used. The log is cut off at some time,
and its future is replaced by another; what was usable at that time must be the same bits.

Sources: Kaufman, Rosset, Perlich and Stitelman (2012), Leakage in data mining, ACM TKDD 6(4); the
purge of labels as in Lopez de Prado (2018), ch. 7.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from operator import itemgetter
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from schemas.certificates import CertificateCheck
from workers.training.dataset import Array, Rows


class Timed(Protocol):
    """A frozen dataclass of arrays over time."""

    @property
    def times(self) -> NDArray[np.int64]:
        """Increasing, ms, shape (T,)."""


class Stamped(NamedTuple):
    """Values, shape (N, ...), and from when each may be used, ms, shape (N,)."""

    usable_at: Rows
    values: NDArray[Any]

    @classmethod
    def digest(cls, usable_at_ms: int, content: bytes) -> Stamped:
        """Return the SHA-256 of one artefact in place of the artefact."""
        digest = np.frombuffer(hashlib.sha256(content).digest(), np.uint8)
        return cls(np.array([usable_at_ms]), digest[None])

    def bits(self, until_ms: int) -> NDArray[np.uint8]:
        """Return what may be used at a time, one row of bytes for each value."""
        usable = np.ascontiguousarray(self.values[self.usable_at <= until_ms])
        width = usable.itemsize * int(np.prod(usable.shape[1:]))
        return usable.reshape(-1).view(np.uint8).reshape(len(usable), width)


L = TypeVar("L", bound=Timed)
Parts = Mapping[str, Stamped]  # by name
Stage = Callable[[Mapping[str, L]], Parts]


def check_stage(
    kind: str,
    stage: Stage[L],
    log: Mapping[str, L],
    cuts: Sequence[int],
    rng: np.random.Generator,
) -> CertificateCheck:
    """Return how many values of a stage moved when only the future of some cuts was changed.

    A value that is missing then, or that is new, has moved.

    Args:
        kind: What the stage makes.
        stage: A pure function of the log.
        log: By symbol.
        cuts: Times, ms; what closes at a cut is still known.
        rng: Of the changed futures.
    """
    whole = stage(log)
    values, moved = 0, dict.fromkeys(whole, 0)
    for cut in cuts:
        for other in (cut_off(log, cut), change_future(log, cut, rng)):
            again = stage(other)
            for name, part in whole.items():
                ours = part.bits(cut)
                values += len(ours)
                moved[name] += _unequal(ours, again[name].bits(cut) if name in again else ours[:0])
    return CertificateCheck(
        kind=kind,
        parts=len(whole),
        cuts=len(cuts),
        values=values,
        moved={name: count for name, count in moved.items() if count},
    )


def _unequal(ours: NDArray[np.uint8], theirs: NDArray[np.uint8]) -> int:
    if ours.shape != theirs.shape:
        return max(len(ours), len(theirs))
    return int((ours != theirs).any(axis=1).sum())


def draw_cuts(log: Mapping[str, L], count: int, rng: np.random.Generator) -> list[int]:
    """Return random closes of the second half of a log, increasing, without the last one."""
    times = np.unique(np.concatenate([one.times for one in log.values()]))
    later = times[len(times) // 2 : -1]
    return sorted(rng.choice(later, min(count, len(later)), replace=False).tolist())


def cut_off(log: Mapping[str, L], cut_ms: int) -> dict[str, L]:
    """Return a log as it was at a time; a symbol without bars by then is not in it."""
    known = {s: int(np.searchsorted(one.times, cut_ms, side="right")) for s, one in log.items()}
    return {s: _mapped(log[s], itemgetter(slice(n))) for s, n in known.items() if n}


def newest(log: Mapping[str, L], count: int) -> dict[str, L]:
    """Return the last rows of each symbol."""
    return {symbol: _mapped(one, itemgetter(slice(-count, None))) for symbol, one in log.items()}


def change_future(log: Mapping[str, L], cut_ms: int, rng: np.random.Generator) -> dict[str, L]:
    """Return a log whose numbers after a time are others; times and holes stay.

    One factor for each row keeps the order of its prices, so that bars stay bars.
    """

    def changed(one: L) -> L:
        later = one.times > cut_ms
        factors = rng.lognormal(0.0, 0.5, len(later))

        def other(column: Array) -> Array:
            if column.dtype.kind != "f":
                return column
            factor = factors.reshape(-1, *[1] * (column.ndim - 1))
            return np.where(later.reshape(factor.shape), factor * (column + 1.0), column)

        return _mapped(one, other)

    return {symbol: changed(one) for symbol, one in log.items()}


def _mapped(one: L, change: Callable[[Any], Any]) -> L:
    """Return a copy with every array changed."""
    dataclass: Any = one
    arrays = {f.name: getattr(one, f.name) for f in fields(dataclass)}
    changes = {n: change(value) for n, value in arrays.items() if isinstance(value, np.ndarray)}
    copy: L = replace(dataclass, **changes)
    return copy
