"""A record of a topic as one line for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deploy.time_text import time_text
from schemas.timeframes import timeframe_name

LONGEST_LINE = 400  # characters
MOST_ENTRIES = 5  # of a list or an object; of more only the number is shown
TIMEFRAME = "timeframe_ms"
TIMES = ("event_time_ms", "appended_ms")


def record_line(record: Mapping[str, Any]) -> str:
    """Return time, symbol and timeframe, then the other values by name; nulls are left out.

    A long line is cut: ``--json`` has all of it.
    """
    time_ms = next((record[name] for name in TIMES if record.get(name)), None)
    when = time_text(time_ms) if time_ms else ""
    length_ms = record.get(TIMEFRAME)
    timeframe = timeframe_name(length_ms) if isinstance(length_ms, int) else None
    head = "  ".join(filter(None, (when, record.get("symbol"), timeframe)))
    facts = [
        f"{name.removesuffix('_ms') if _is_time(name, value) else name}={_cell(name, value)}"
        for name, value in record.items()
        if name not in {*TIMES, "symbol", TIMEFRAME} and value is not None
    ]
    line = "  ".join(filter(None, (head, " ".join(facts))))
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 1]}…"


def _is_time(name: str, value: object) -> bool:
    """Whether a value is a point in time: a length in ms is far smaller."""
    return name.endswith("_ms") and isinstance(value, int) and value > 10**11


def _cell(name: str, value: Any) -> str:
    if _is_time(name, value):
        return time_text(value).replace(" ", "T")
    if isinstance(value, float):
        return f"{value:.5g}"
    if isinstance(value, Mapping):
        inner = [f"{key} {_cell(key, item)}" for key, item in value.items() if item is not None]
        return _entries(inner, "{}")
    if isinstance(value, list):
        return _entries([_cell(name, item) for item in value], "[]")
    text = str(value)
    return text if text and not set(text) & set(" \n\t") else repr(text)


def _entries(cells: list[str], brackets: str) -> str:
    if len(cells) > MOST_ENTRIES:
        return f"{brackets[0]}{len(cells)} values{brackets[1]}"
    return f"{brackets[0]}{', '.join(cells)}{brackets[1]}"
