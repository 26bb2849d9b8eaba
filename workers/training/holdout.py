"""The newest rows of a training: kept from every fold, fit and calibration, and looked at once.

The model that serves is the one that is judged here: it is not fitted again with these rows, so
that its record is its own, and that a later challenger can be compared with it on rows that
neither has seen. The price is that it knows nothing of the newest tenth of the history.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from schemas.gates import Holdout
from workers.training.dataset import Array, Rows
from workers.training.forecasts import score_forecasts
from workers.training.split import known_before
from workers.training.table import TrainingTable


def split_holdout(
    table: TrainingTable, share: float, embargo_bars: int
) -> tuple[TrainingTable, Rows]:
    """Return the table without its newest usable rows, and their numbers in order of the table.

    Of the rest only those stay usable whose labels were known an embargo before the first of them.

    Args:
        table: All rows.
        share: Of the usable rows, 0 to 1; rows of one time stay together.
        embargo_bars: Gap between the last label that is kept and the first row held out.
    """
    usable = table.usable
    times = np.sort(table.times[usable])
    count = round(share * len(times))
    if count == 0:
        return table, usable[:0]
    starts_ms = int(times[-count])
    known = known_before(starts_ms, table.known_at[usable], embargo_bars * table.timeframe_ms)
    return replace(table, usable=usable[known]), usable[table.times[usable] >= starts_ms]


def holdout_record(table: TrainingTable, rows: Rows, forecasts: dict[str, Array]) -> Holdout | None:
    """Return what each forecast scored on the rows held out; None without any."""
    if len(rows) == 0:
        return None
    return Holdout(
        from_ms=int(table.times[rows].min()),
        to_ms=int(table.times[rows].max()),
        rows=len(rows),
        scores=score_forecasts(forecasts, table.classes[rows]),
    )
