"""Where the search for a hidden Markov model begins."""

from __future__ import annotations

import warnings

import numpy as np

from streams.regimes.hamilton import Array
from workers.training.baum_welch import STATES, HiddenMarkovModel

CLUSTERED_ROWS = 4_000  # enough to place three centres


def starting_models(
    observations: Array, count: int, freedom: float, rng: np.random.Generator
) -> list[HiddenMarkovModel]:
    """Draw starts: half from k-means, half from three random bars, each with its persistence.

    Args:
        observations: Standardised bars, shape (T, D), NaN where missing.
        count: How many.
        freedom: Of every state; infinite for a Gaussian.
        rng: Of all draws.

    Raises:
        ValueError: Fewer than three bars have every observation.
    """
    from scipy.cluster.vq import kmeans2

    complete = observations[~np.isnan(observations).any(axis=1)]
    if len(complete) < STATES:
        raise ValueError(f"{len(complete)} bars have every observation, expected at least {STATES}")
    starts = []
    for number in range(count):
        sample = complete[rng.integers(0, len(complete), min(len(complete), CLUSTERED_ROWS))]
        if number % 2 == 0:
            with warnings.catch_warnings():
                # An empty cluster keeps its first centre, which is as good a start as any.
                warnings.simplefilter("ignore")
                centres, labels = kmeans2(sample, STATES, minit="++", rng=rng)
            groups = [sample[labels == k] for k in range(STATES)]
            scale = np.array(
                [
                    group.std(axis=0) if len(group) > 1 else np.ones(sample.shape[1])
                    for group in groups
                ]
            )
        else:
            centres, scale = sample[:STATES], np.exp(rng.normal(0.0, 0.4, sample[:STATES].shape))
        stay = 1.0 - 10.0 ** rng.uniform(-2.5, -1.0)
        transition = np.full((STATES, STATES), (1.0 - stay) / (STATES - 1))
        np.fill_diagonal(transition, stay)
        starts.append(
            HiddenMarkovModel(
                np.full(STATES, 1.0 / STATES),
                transition,
                np.ascontiguousarray(centres),
                np.maximum(scale, 0.05),
                np.full(STATES, freedom),
            )
        )
    return starts
