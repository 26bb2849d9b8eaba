"""Why settings were refused, in words that name each setting, its value and what is expected."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

# How the names of secrets begin.
SECRET = ("binance_", "kafka_client", "redis_url", "tuning_storage")


def error_lines(invalid: ValidationError) -> list[str]:
    """Return one line for each setting that is wrong; no secret is repeated."""
    return [_reason(error["loc"], error["input"], error["msg"]) for error in invalid.errors()]


def _reason(place: tuple[int | str, ...], value: object, message: str) -> str:
    said = message.removeprefix("Value error, ")
    if not place:  # of several together: the message names them
        return said
    name = str(place[0]).removeprefix("regimeflow_")
    if name.startswith(SECRET):
        return f"{name}: {said}"
    return f"{name} {value!r}: {said}"
