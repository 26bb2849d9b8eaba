"""Say in a test what type a value has; the test fails where it has another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


def known(value: T | None) -> T:
    """Return a value that must not be None."""
    assert value is not None
    return value


def all_are(kind: type[T], values: Iterable[object]) -> list[T]:
    """Return values that must all be of one type."""
    typed = []
    for value in values:
        assert isinstance(value, kind)
        typed.append(value)
    return typed
