"""Cells of tables: numbers and intervals as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal


def number(value: float | None, pattern: str, absent: str = "n/a") -> str:
    """Return a number by its format pattern, such as ``{:.2f}``."""
    return absent if value is None else pattern.format(value)


def counted(count: int, word: str) -> str:
    """Return ``1 idea``, ``2 ideas``."""
    return f"{count} {word}{'' if count == 1 else 's'}"


def amount(text: str | None, absent: str = "unknown") -> str:
    """Return an exact amount without the zeros at its end."""
    if text is None:
        return absent
    plain = f"{Decimal(text):f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def interval(edges: Sequence[float] | None, pattern: str) -> str:
    """Return both edges of an interval by one pattern."""
    return "n/a" if edges is None else f"{pattern.format(edges[0])}..{pattern.format(edges[1])}"


def columns(cells: Iterable[str], width: int = 10) -> str:
    """Return cells flush right in columns of one width."""
    return "".join(f"{cell:>{width}}" for cell in cells)
