"""Where a feature's value lies among the values that the same market had before."""

from __future__ import annotations

from collections.abc import Iterable
from math import isnan

from pydantic import BaseModel, Field

from gateway.views.series_view import WINDOW, SeriesView

LEAST_BARS = 500  # a rank among fewer says little


class FeatureRank(BaseModel):
    """The rank of one value among those of the bars held up to it, itself included."""

    share_below: float = Field(description="In [0, 1]; equal values count half")
    bars: int = Field(description="How many values it is compared with")
    from_ms: int = Field(description="Close of the oldest of these bars")


def feature_ranks(view: SeriesView, names: Iterable[str], close_ms: int) -> dict[str, FeatureRank]:
    """Return the rank of each feature at a close, among it and the bars before that are held.

    A feature is left out where its value is unknown, or fewer than ``LEAST_BARS`` values are held.
    No bar after the close counts.
    """
    vectors = view.features.tail(WINDOW, close_ms + 1)
    if not vectors or vectors[-1].event_time_ms != close_ms:
        return {}
    columns = vectors[-1].names
    alike = [vector for vector in vectors if vector.names is columns]
    ranks = {}
    for name in names:
        if name not in columns:
            continue
        place = columns.index(name)
        known = [vector for vector in alike if not isnan(vector.numbers[place])]
        value = vectors[-1].numbers[place]
        if len(known) < LEAST_BARS or known[-1] is not vectors[-1]:
            continue
        numbers = [vector.numbers[place] for vector in known]
        below = sum(number < value for number in numbers) + numbers.count(value) / 2
        ranks[name] = FeatureRank(
            share_below=below / len(numbers), bars=len(numbers), from_ms=known[0].event_time_ms
        )
    return ranks
