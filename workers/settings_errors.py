"""Validation errors as lines that name the setting, its value and what is expected."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

# Beginnings of the names of secrets.
SECRET_PREFIXES = ("binance_", "kafka_client", "redis_url", "tuning_storage")


def error_lines(invalid: ValidationError) -> list[str]:
    """Return one line for each wrong setting; no line holds the value of a secret."""
    return [_error_line(error["loc"], error["input"], error["msg"]) for error in invalid.errors()]


def _error_line(place: tuple[int | str, ...], value: object, message: str) -> str:
    text = message.removeprefix("Value error, ")
    if not place:  # an error of several settings together: its text names them
        return text
    name = str(place[0]).removeprefix("regimeflow_")
    if name.startswith(SECRET_PREFIXES):
        return f"{name}: {text}"
    return f"{name} {value!r}: {text}"
