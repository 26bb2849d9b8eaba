"""What it takes to evaluate a challenge of 10,000 outcomes: the bar is a time, 2 ms.

One look takes the next outcome and answers with everything that is shown: the always-valid
interval, how long is left to wait, and the tests at one look.
"""

from __future__ import annotations

import random
import time

from schemas.blocks import BlockSums
from streams.evaluation.confidence_sequence import add_outcome, blocks_to_decide, mean_sequence
from streams.evaluation.fixed_sample import Sample, welch_test, win_rate_test
from tests.bench.race import Row, row

OUTCOMES, BLOCK = 10_000, 96
LOOKS, ROUNDS = 100, 7
LOOK_S = 2e-3


def rows() -> list[Row]:
    """Time a look at the last of the outcomes."""
    generator = random.Random(7)
    sums = BlockSums()
    for outcome in range(OUTCOMES):
        sums = add_outcome(sums, outcome // BLOCK, generator.gauss(0.05, 1.0))
    seconds = [_seconds_a_look(sums) for _ in range(ROUNDS)]
    name = f"a challenge of {OUTCOMES:,} outcomes evaluated"
    return [row(name, f"{LOOK_S * 1e3:g} ms", [LOOK_S / each for each in seconds], 1.0)]


def _seconds_a_look(sums: BlockSums) -> float:
    started = time.perf_counter()
    for look in range(LOOKS):
        one = Sample(OUTCOMES // 2, 0.001 * look, 1.0)
        after = add_outcome(sums, sums.block, 0.1)
        answers = (
            mean_sequence(after, 0.975),
            blocks_to_decide(after, 0.975),
            welch_test(one, Sample(OUTCOMES // 2, 0.0, 1.1)),
            win_rate_test(2_600 + look, OUTCOMES // 2, 2_600, OUTCOMES // 2),
        )
        assert None not in answers, answers
    return (time.perf_counter() - started) / LOOKS
