"""Confidence intervals: a value's bounds, and the normal distribution that gives most of them.

Imports no numerical library, so that the gateway can use it.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

NORMAL = NormalDist()


@dataclass(frozen=True)
class Interval:
    """Where a value lies with probability ``level``."""

    low: float
    high: float
    level: float
