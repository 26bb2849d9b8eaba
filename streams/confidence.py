"""Bins of similar confidence, for whoever asks whether stated probabilities come true."""

from __future__ import annotations

BINS = 10  # of equal width over [0, 1]


def bin_index(confidence: float) -> int:
    """Return the index of the bin of a probability.

    >>> bin_index(0.95), bin_index(1.0)
    (9, 9)
    """
    return min(int(confidence * BINS), BINS - 1)
