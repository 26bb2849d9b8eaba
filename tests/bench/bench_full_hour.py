"""A full hour: 1m, 15m and 1h bars of fifty symbols close together, from the bar to WebSockets.

Against the same peer and by the same limits as ``bench_pipeline``. A burst is the 50 base bars that
are the last of their hour. The market makes the other 100 bars of them and of the 59 minutes
before, which went through both stacks untimed. Every client gets 150 signals of it.
"""

from __future__ import annotations

from schemas.timeframes import HOUR_MS, MINUTE_MS
from tests.bench.bench_pipeline import CLIENTS, Plan, Row, rows_of
from tests.bench.pipeline_market import SYMBOLS

PLAN = Plan(
    f"full hour: 1m, 15m, 1h bars to {CLIENTS} WebSockets, {len(SYMBOLS)} symbols",
    (MINUTE_MS, 15 * MINUTE_MS, HOUR_MS),
    bursts=3,
)


def rows() -> list[Row]:
    """Run it: 30 hours of each stack, 27 of them timed."""
    return rows_of(PLAN)


if __name__ == "__main__":
    print(*rows(), sep="\n")  # noqa: T201 - a run by hand
