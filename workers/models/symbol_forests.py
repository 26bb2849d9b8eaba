"""What a symbol may have of its own: features of the forest, and a forest.

A feature that is not a symbol's own is missing in its rows, as every null is: trees send it the
way that they learnt for missing values. So all forests of a model take rows of one shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import orjson
from numpy.typing import NDArray

Array = NDArray[np.float64]
Columns = NDArray[np.int64]


def other_columns(
    names: Sequence[str], features: Mapping[str, Sequence[str]]
) -> dict[str, Columns]:
    """Return by symbol the columns that are not its own; a symbol that has all is left out.

    Args:
        names: Of the columns, in order.
        features: By symbol, its own.
    """
    own = {symbol: set(chosen) for symbol, chosen in features.items()}
    columns = {
        symbol: np.array([i for i, name in enumerate(names) if name not in chosen], np.int64)
        for symbol, chosen in own.items()
    }
    return {symbol: others for symbol, others in columns.items() if len(others)}


def own_features(rows: Array, symbols: Sequence[str], others: Mapping[str, Columns]) -> Array:
    """Return rows without what is not of their symbol; the same rows where nothing is.

    Args:
        rows: Shape (N, F).
        symbols: Of the rows.
        others: Of ``other_columns``.
    """
    if others.keys().isdisjoint(symbols):
        return rows
    rows = rows.copy()
    for symbol, places in places_by_symbol(symbols):
        if symbol in others:
            rows[np.ix_(places, others[symbol])] = np.nan
    return rows


def own_answers(
    pooled: Array,
    rows: Array,
    symbols: Sequence[str],
    answer: Mapping[str, Callable[[Array], Array]],
) -> Array:
    """Return pooled answers, but for a symbol with a forest of its own those of that one.

    Args:
        pooled: Of the forest of all symbols, shape (N, 3).
        rows: Shape (N, F).
        symbols: Of the rows.
        answer: By symbol, its forest.
    """
    if answer.keys().isdisjoint(symbols):
        return pooled
    answers = pooled.copy()
    for symbol, places in places_by_symbol(symbols):
        if symbol in answer:
            answers[places] = answer[symbol](rows[places])
    return answers


def places_by_symbol(symbols: Sequence[str]) -> Iterator[tuple[str, Columns]]:
    """Yield each symbol once with the places of its rows, in order of the names."""
    names, place = np.unique(np.asarray(symbols), return_inverse=True)
    for number, name in enumerate(names.tolist()):
        yield name, np.flatnonzero(place == number)


def encode_forests(forests: Mapping[str, bytes]) -> bytes:
    """Return the file that holds the forests of all symbols: one JSON object, by symbol."""
    return orjson.dumps({symbol: orjson.Fragment(raw) for symbol, raw in sorted(forests.items())})


def decode_forests(content: bytes) -> dict[str, bytes]:
    """Return what ``encode_forests`` wrote; raises ValueError for anything else."""
    forests = orjson.loads(content)
    if not isinstance(forests, dict):
        raise ValueError("expected an object of forests by symbol")  # noqa: TRY004 - of the file
    return {symbol: orjson.dumps(forest) for symbol, forest in forests.items()}
