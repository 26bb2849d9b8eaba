"""What processes say about themselves, what the monitor sees, what operators did."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.bounds import LAST_MS, Count
from schemas.record import Milliseconds, Record, Timeframe
from schemas.specialists import SelectionRule, SpecialistName


class LoadedSpecialist(Record):
    """A specialist of a model in a worker's memory."""

    name: SpecialistName
    parameters: Count = Field(description="As those of the model: with the network that it shares")
    qualified: bool


class LoadedModel(Record):
    """One model in a worker's memory."""

    name: str
    version: str
    loaded_at_ms: Milliseconds
    device: str
    parameters: Count = Field(description="Weights of the network plus nodes of the forest")
    qualified: bool
    load_seconds: float | None = Field(default=None, ge=0, description="How long loading took")
    timeframe_ms: Timeframe | None = Field(default=None, description="Whose bars it predicts")
    selection: SelectionRule | None = Field(
        default=None, description="Who answers; null: of an older release, universal"
    )
    specialists: tuple[LoadedSpecialist, ...] = ()

    def part_name(self, listed: str, part: str) -> str:
        """Return the name of a part of this model where it is listed by a name: its own, a suffix.

        Of ``ensemble/1h`` the bull specialist is ``bull_specialist/1h``.
        """
        return part + listed.removeprefix(self.name)


class WorkerStatus(Record):
    """State of one process, compacted by its name."""

    process: str = Field(description="Its name; of a further instance <name>@<instance>")
    event_time_ms: Milliseconds
    state: Literal["starting", "restoring", "running", "degraded", "holding", "stopping", "failed"]
    detail: str = ""
    done: float | None = Field(default=None, ge=0, le=1, description="Progress of what it does")
    models: tuple[LoadedModel, ...] = ()
    refused: dict[str, str] = Field(
        default_factory=dict,
        description="Model versions that should serve and cannot be loaded, and why; the last of "
        "models of the same timeframe answers",
    )
    device: str | None = None
    ended: dict[str, Milliseconds] = Field(
        default_factory=dict, description="Symbols that get no more bars, and their last close"
    )


def process_label(process: str, instance: str) -> str:
    """Return under which name an instance of a process speaks; the first, "0", has its own name."""
    return process if instance == "0" else f"{process}@{instance}"


def process_name(label: str) -> str:
    """Return the process of a label, whichever instance it is."""
    return label.partition("@")[0]


class MonitorWindow(Record):
    """Approximate rates and ages of one topic, symbol and timeframe (read uncommitted)."""

    subject: str = Field(
        description="<topic>/<symbol>, of a higher timeframe <topic>/<symbol>/<timeframe_ms>: the "
        "Kafka key"
    )
    topic: str
    symbol: str
    event_time_ms: Milliseconds = Field(description="Wall clock of the window's end")
    window_ms: int = Field(gt=0, le=LAST_MS)
    records: Count
    per_second: float = Field(ge=0)
    lateness_p50_ms: float | None = Field(
        description="Append time minus that of the raw bar of the same trace: delay downstream of "
        "it at any market speed; null on the raw topic itself"
    )
    lateness_max_ms: float | None
    staleness_ms: float | None = Field(description="Since the last record's append, wall clock")
    approximate: Literal[True] = True
    timeframe_ms: Timeframe | None = None


class CanaryTrace(Record):
    """A base bar's trace followed through the chain; null stages have not been seen."""

    trace_id: str
    symbol: str
    event_time_ms: Milliseconds
    stages_ms: dict[str, float | None] = Field(
        description="Topic to ms of append after the raw bar"
    )
    complete: bool


class OperatorAction(Record):
    """Something a human did to the system."""

    action: str = Field(description="The Kafka key, e.g. dlq.replay")
    event_time_ms: Milliseconds
    by: str
    subject: str
    reason: str = ""
    command_id: str | None = Field(default=None, description="Null: it was no command of a topic")
    trace_id: str | None = None
    outcome: Literal["accepted", "refused", "unchanged"] | None = None
    detail: str | None = Field(default=None, description="Why it was decided so")
    before: str | None = Field(default=None, description="The subject before, in a word")
    after: str | None = None
    dry_run: bool | None = None
