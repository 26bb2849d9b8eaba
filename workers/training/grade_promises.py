"""Whether the promise of a grade is certified: calls of its band are right often enough.

A band of confidence promises a hit rate of its lower edge or more. Learn-then-Test certifies it
(Angelopoulos et al., 2021): the promise is held to be broken until the outcomes speak against
that. A grade lowered by a confirmation promises what the grade below it does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from streams.signals.grading import DEFAULT_POLICY, GRADES
from workers.training.blocks import SumsByBlock, time_blocks
from workers.training.labels import NEUTRAL
from workers.training.metrics import StitchedRows

LEVEL = 0.05  # chance that any promise is certified which does not hold


@dataclass(frozen=True)
class GradePromise:
    """What is known of the promise of one grade.

    Attributes:
        grade: Of calls whose confirmations pass.
        lower_edge, upper_edge: Of its confidence; the lower one is the promise.
        calls: Directional ones of that confidence, out of sample.
        blocks: Blocks of time with such calls; each counts once, because outcomes overlap.
        hit_rate: Mean over the blocks; None without calls.
        p_value: Of a hit rate below the promise; None without calls.
        certified: Whether it is ruled out, with the promises of all lower grades.
        reason: One sentence for people.
    """

    grade: str
    lower_edge: float
    upper_edge: float
    calls: int
    blocks: int
    hit_rate: float | None
    p_value: float | None
    certified: bool
    reason: str


def grade_promises(test: StitchedRows, block_ms: int) -> list[GradePromise]:
    """Return the promises of B, A and A+, in the order in which they are tested.

    The sequence is fixed, from the band with the most calls up: each is tested at the whole level,
    and none after one that fails, so that the level holds for all of them together.
    """
    predicted, confidence = test.probabilities.argmax(axis=1), test.probabilities.max(axis=1)
    right, blocks = predicted == test.classes, time_blocks(test.times, block_ms)
    bounds = sorted(DEFAULT_POLICY.grade_bands)
    promises: list[GradePromise] = []
    for grade, low, high in zip(GRADES[2::-1], bounds, (*bounds[1:], 1.0), strict=True):
        chosen = (predicted != NEUTRAL) & (confidence >= low)
        if high < 1.0:
            chosen &= confidence < high
        only = np.zeros(int(chosen.sum()), np.int64)
        sums = SumsByBlock.of(right[chosen].astype(np.float64), only, blocks[chosen], 1)
        called = sums.counts[:, 0] > 0.0
        rates = sums.sums[called, 0] / sums.counts[called, 0]
        below = next((p.grade for p in promises if not p.certified), "")
        promises.append(_promise((grade, low, high), len(only), rates.tolist(), below))
    return promises


def _promise(
    band: tuple[str, float, float], calls: int, rates: list[float], below: str
) -> GradePromise:
    grade, low, high = band
    blocks, fewest = len(rates), math.ceil(math.log(LEVEL) / math.log(low))
    hit_rate = math.fsum(rates) / blocks if blocks else None
    p_value = None if hit_rate is None else hoeffding_bentkus(1 - hit_rate, blocks, 1 - low)
    certified = p_value is not None and p_value <= LEVEL and not below
    if p_value is None:
        reason = "it has no calls"
    elif certified:
        reason = f"a hit rate below {low:.0%} is ruled out at {1 - LEVEL:.0%}"
    elif blocks < fewest:
        reason = f"{blocks} blocks of time have calls, fewer than {fewest} can certify nothing"
    elif p_value > LEVEL:
        reason = f"a hit rate below {low:.0%} is not ruled out at {1 - LEVEL:.0%}"
    else:
        reason = f"it is not tested, because {below} is not certified"
    return GradePromise(
        grade=grade,
        lower_edge=low,
        upper_edge=high,
        calls=calls,
        blocks=blocks,
        hit_rate=hit_rate,
        p_value=p_value,
        certified=certified,
        reason=reason,
    )


def hoeffding_bentkus(risk: float, count: int, bound: float) -> float:
    """Return the p-value of a mean risk above ``bound``, of independent risks in [0, 1].

    Source: Bates et al. (2021), JACM 68(6); Angelopoulos et al. (2021), section 3.

    Args:
        risk: Mean of the risks.
        count: How many there are, 1 or more.
        bound: In (0, 1).

    >>> round(hoeffding_bentkus(0.1, 100, 0.2), 4)
    0.0155
    """
    from scipy.special import bdtr

    less = min(risk, bound)
    divergence = _times_log(less, bound) + _times_log(1.0 - less, 1.0 - bound)
    bentkus = math.e * float(bdtr(math.ceil(count * risk - 1e-9), count, bound))
    return min(math.exp(-count * divergence), bentkus, 1.0)


def _times_log(share: float, of: float) -> float:
    return share * math.log(share / of) if share > 0.0 else 0.0
