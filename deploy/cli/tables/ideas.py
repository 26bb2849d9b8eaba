"""Ideas as lines for people: what each expects, where it enters and leaves, what it came to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deploy.cli.tables.cells import counted, number
from deploy.time_text import time_text

NONE = "no idea"
UNJUDGED = "no signal has been judged yet: ideas are made of signals"
REASONS: Mapping[str, str] = {
    "neutral": "no direction",
    "unqualified": "the model is not qualified",
    "grade": "below the least grade of the config",
    "no_tables": "the model has no tables of returns",
    "edge": "not surely worth more than its costs",
    "data": "data old or missing",
    "open": "an idea of the market runs",
}
HEAD = (
    f"{'decided (market time)':<23}{'symbol':<10}{'bars':<6}{'side':<6}{'grade':<7}{'rank':<6}"
    f"{'expected after costs':<28}{'entry':>11}{'target':>11}{'stop':>11}  state"
)


def idea_lines(rows: Sequence[Mapping[str, Any]], why: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each idea, and its id, by which the journal takes it; of none, ``why``."""
    if not rows:
        yield NONE
        yield from _why_lines(why)
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
            f"{row['side']:<6}{row['grade']:<7}{number(row['rank'], '{:.0f}', '-'):<6}"
            f"{mean:<28}{prices}  {_state(row)}  {row['idea_id']}"
        )


def _why_lines(why: Mapping[str, Any]) -> Iterator[str]:
    """Yield what stood against the signals that opened none, the most frequent first."""
    if not why["signals"]:
        yield UNJUDGED
        return
    yield f"{counted(why['signals'], 'signal')} opened none:"
    for reason, count in sorted(why["reasons"].items(), key=lambda item: -item[1]):
        yield f"  {REASONS.get(reason, reason):<38}{count:>9}"
    best = why["best_expected_net_return"]
    if best is not None:
        yield f"of the newest signals the best expects {best:+.2%} after costs"


def _state(row: Mapping[str, Any]) -> str:
    if row["action"] != "closed":
        return "open" if row["action"] == "opened" else "enters at the next open"
    reason = row["exit_reason"] or "ended"
    net = row["net_return"]
    return f"{reason}, net {net:+.2%}" if net is not None else f"{reason}, net unknown"
