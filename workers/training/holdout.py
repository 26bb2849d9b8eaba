"""The newest rows of a training: kept from every fold, fit and calibration, and looked at once.

The model that serves is the one that is judged here: it is not fitted again with these rows, so
that its record is its own, and that a later challenger can be compared with it on rows that
neither has seen. The price is that it knows nothing of the newest tenth of the history.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from schemas.gates import Holdout
from workers.models.ensemble import calibrate, pool
from workers.training.answers import ModelAnswers, selected_answers
from workers.training.dataset import Array, Rows
from workers.training.fit import TrainingPlan
from workers.training.fitted import FittedModel
from workers.training.forecasts import baseline_forecasts, score_forecasts
from workers.training.specialists import FittedSpecialists
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


@dataclass(frozen=True)
class AnsweringModel:
    """All of a model that answers: what was fitted, its temperature, and its specialists."""

    fitted: FittedModel
    temperature: float
    specialists: FittedSpecialists

    def forecasts(self, table: TrainingTable, rows: Rows, plan: TrainingPlan) -> dict[str, Array]:
        """Return what it, its members and the baselines say of some rows, shape (n, 3) each.

        ``ensemble`` is the universal model; ``selection`` is there where specialists answer too.
        """
        if len(rows) == 0:
            return {"ensemble": np.empty((0, 3))}
        members = self.fitted.members(table, rows, plan.lstm.window)
        ensemble = self._calibrated(members, plan, self.temperature)
        forecasts = {"ensemble": ensemble}
        if self.specialists.selection.rule != "universal":
            forecasts["selection"] = self._selected(table, rows, members, ensemble, plan)
        return forecasts | members | baseline_forecasts(table, plan.labels, table.usable, rows)

    def _selected(
        self,
        table: TrainingTable,
        rows: Rows,
        members: Mapping[str, Array],
        universal: Array,
        plan: TrainingPlan,
    ) -> Array:
        selection, inputs = self.specialists.selection, self.fitted.forest_rows(table, rows)
        parts = {}
        for name, temperature in selection.temperatures.items():
            forest = self.specialists.chances(name, inputs)
            parts[name] = self._calibrated({**members, "xgboost": forest}, plan, temperature)
        return selected_answers(selection, self.fitted.posteriors[rows], universal, parts)

    def _calibrated(
        self, members: Mapping[str, Array], plan: TrainingPlan, temperature: float
    ) -> Array:
        return calibrate(pool(members, plan.member_weights), self.fitted.prior, temperature)

    def answers(self, forecasts: Mapping[str, Array]) -> ModelAnswers:
        """Return of forecasts those of the model, as it serves and by the universal one alone."""
        universal = forecasts["ensemble"]
        rule = self.specialists.selection.rule
        return ModelAnswers(forecasts.get("selection", universal), universal, rule)


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
