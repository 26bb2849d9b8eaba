"""Validation errors as lines that name the setting, its value and what is expected."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

    from streams.runtime.environment import EnvironmentRefused


def error_lines(invalid: ValidationError | EnvironmentRefused) -> list[str]:
    """Return one line for each wrong setting; no line holds the value of a secret."""
    from pydantic import ValidationError

    if not isinstance(invalid, ValidationError):
        return [str(invalid)]
    return [_error_line(error["loc"], error["input"], error["msg"]) for error in invalid.errors()]


def _error_line(place: tuple[int | str, ...], value: object, message: str) -> str:
    text = message.removeprefix("Value error, ")
    if not place:  # an error of several settings together: its text names them
        return text
    name = str(place[0]).removeprefix("regimeflow_")
    from streams.runtime.environment import SECRETS

    if name.upper() in SECRETS:
        return f"{name}: {text}"
    return f"{name} {value!r}: {text}"
