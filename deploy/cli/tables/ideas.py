"""Ideas as lines for people: what each expects, where it enters and leaves, what it came to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deploy.cli.tables.cells import number
from deploy.time_text import time_text

NONE = "no idea: GET /api/ideas/suppressed says what signals fell short of"
HEAD = (
    f"{'decided (market time)':<23}{'symbol':<10}{'bars':<6}{'side':<6}{'grade':<7}"
    f"{'expected after costs':<28}{'entry':>11}{'target':>11}{'stop':>11}  state"
)


def idea_lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each idea, and its id, by which the journal takes it."""
    if not rows:
        yield NONE
        return
    yield HEAD
    for row in rows:
        expected = row["expected_net_return"]
        mean = f"{expected['mean']:+.2%} ({expected['low']:+.2%} to {expected['high']:+.2%})"
        prices = "".join(
            f"{number(row[name], '{:.6g}', '-'):>11}"
            for name in ("entry_price", "target_price", "stop_price")
        )
        yield (
            f"{time_text(row['opened_ms'])[:16]:<23}{row['symbol']:<10}{row['timeframe']:<6}"
            f"{row['side']:<6}{row['grade']:<7}{mean:<28}{prices}  {_state(row)}  "
            f"{row['idea_id']}"
        )


def _state(row: Mapping[str, Any]) -> str:
    if row["action"] != "closed":
        return "open" if row["action"] == "opened" else "enters at the next open"
    reason = row["exit_reason"] or "ended"
    net = row["net_return"]
    return f"{reason}, net {net:+.2%}" if net is not None else f"{reason}, net unknown"
