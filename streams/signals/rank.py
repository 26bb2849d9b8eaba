"""The rank of a signal: where its expected net return stands among the last ones of its market."""

from __future__ import annotations

import struct

WINDOW = 1_000  # signals with a direction and an expected net return
FEWEST = 100  # a percentile among fewer says little
SINGLE = "<f4"  # a window is 4 kB in the state; ties differ by less than 1e-7 of a return


def ranked(window: bytes, expected: float) -> tuple[bytes, float | None]:
    """Return the window with one more mean return, and the percentile of that one in it.

    Equal ones count half, so that the percentile lies strictly between 0 and 100. None among fewer
    than ``FEWEST``.

    Args:
        window: Means of the last signals as 4-byte floats, the oldest first.
        expected: Mean expected net return, a fraction of notional.
    """
    import numpy as np  # reading the topology stays fast

    window = (window + struct.pack("<f", expected))[-4 * WINDOW :]
    last = np.frombuffer(window, SINGLE)
    if len(last) < FEWEST:
        return window, None
    below = np.count_nonzero(last < last[-1])
    equal = np.count_nonzero(last == last[-1])
    return window, 100.0 * (below + 0.5 * equal) / len(last)
