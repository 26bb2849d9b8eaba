"""Compiles every numba kernel once, into the cache beside its file: ``python -m deploy.kernels``.

A line for each family, such as ``3 of 8 regime fit: 2.1 s``; one whose machine code is cached
already takes next to no time.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

from deploy.local.supervisor import ONE_THREAD


def features() -> None:
    """Prepare the features kernel, incremental and batch."""
    from streams.features.kernel import prepare

    prepare()


def regimes() -> None:
    """Prepare the forward filter, one bar and a history."""
    import numpy as np

    from streams.regimes.hamilton import hamilton_filter, hamilton_step, make_filter

    even = np.full((3, 3), 1 / 3)
    packed = make_filter(even, np.zeros((3, 1)), np.ones((3, 1)), np.full(3, np.inf))
    hamilton_step(packed, np.full(3, 1 / 3), np.zeros(1), 1)
    hamilton_filter(packed, np.full(3, 1 / 3), np.zeros((1, 1)), np.ones(1, np.int64))


def regime_fit() -> None:
    """Prepare expectation maximisation of the regime filters."""
    import numpy as np

    from workers.training.baum_welch import HiddenMarkov, Series, expect

    even = np.full((3, 3), 1 / 3)
    model = HiddenMarkov(
        even[0].copy(), even, np.zeros((3, 1)), np.ones((3, 1)), np.full(3, np.inf)
    )
    expect(model, Series.of([np.zeros((2, 1))]))


def forest() -> None:
    """Prepare the compiled booster."""
    from workers.inference.forest import warm_up

    warm_up()


def lstm() -> None:
    """Prepare the LSTM's step."""
    from workers.inference.lstm import warm_up

    warm_up()


def treeshap() -> None:
    """Prepare the attributions of the booster."""
    from workers.explain.treeshap import warm_up

    warm_up()


def lstm_attribution() -> None:
    """Prepare the attributions of the LSTM."""
    from workers.explain.lstm_attribution import warm_up

    warm_up()


def simulator() -> None:
    """Prepare the simulated market, its bars and its trades."""
    from workers.simulator.market import BAR_MS, Market

    Market(0, ["BTCUSDT"]).unfinished("BTCUSDT", 0, BAR_MS)


FAMILIES: tuple[Callable[[], None], ...] = (
    features,
    regimes,
    regime_fit,
    forest,
    lstm,
    treeshap,
    lstm_attribution,
    simulator,
)


def main() -> int:
    """Prepare every family and say how long each took; return the exit code."""
    os.environ.update(ONE_THREAD)
    for number, family in enumerate(FAMILIES, start=1):
        started = time.monotonic()
        family()
        seconds = time.monotonic() - started
        name = family.__name__.replace("_", " ")
        sys.stdout.write(f"{number} of {len(FAMILIES)} {name}: {seconds:.1f} s\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
