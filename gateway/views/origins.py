"""View of where the few records stand that others were made of: models, configs, jobs, commands."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from gateway.views.arrival import Arrival
from gateway.views.newest import drop_oldest
from schemas.commands import CommandOutcome
from schemas.configs import ConfigChanged
from schemas.jobs import BacktestRequest, JobResult, TuningRequest
from schemas.models import ModelServing

LIMIT = 10_000  # held; the oldest leave
ORIGINS = (
    ModelServing,
    ConfigChanged,
    CommandOutcome,
    BacktestRequest,
    TuningRequest,
    JobResult,
)


class OriginsView:
    """The newest of those records, without the results of jobs, which may be large."""

    def __init__(self) -> None:
        self._arrivals: OrderedDict[tuple[str, int, int], Arrival] = OrderedDict()

    def put(self, arrival: Arrival) -> None:
        """Take one of these records from its place."""
        record = arrival.record
        if isinstance(record, JobResult):
            record = record.model_copy(update={"result": None})
        place = arrival.topic, arrival.partition, arrival.offset
        self._arrivals[place] = Arrival(
            record,
            b"",
            *place,
            arrival.appended_ms,
            arrival.trace_id,
            arrival.git_commit,
        )
        drop_oldest(self._arrivals, LIMIT)

    def __iter__(self) -> Iterator[Arrival]:
        return iter(self._arrivals.values())
