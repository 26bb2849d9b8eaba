"""Cells of tables: numbers and intervals as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def number(value: float | None, pattern: str, absent: str = "n/a") -> str:
    """Return a number by its format pattern, such as ``{:.2f}``."""
    return absent if value is None else pattern.format(value)


def interval(edges: Sequence[float] | None, pattern: str) -> str:
    """Return both edges of an interval by one pattern."""
    return "n/a" if edges is None else f"{pattern.format(edges[0])}..{pattern.format(edges[1])}"


def columns(cells: Iterable[str], width: int = 10) -> str:
    """Return cells flush right in columns of one width."""
    return "".join(f"{cell:>{width}}" for cell in cells)
