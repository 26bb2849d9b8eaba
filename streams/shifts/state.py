"""The state record of the shifts processor, as it lies on the changelog."""

from __future__ import annotations

from pydantic import ConfigDict

from schemas.drift import DriftReference
from schemas.record import Record


class ServedFrom(Record):
    """A model and the first bar that it serves."""

    effective_from_ms: int
    model_version: str


class ShiftState(Record):
    """The references, the model that serves, and the rows of its half windows."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    event_time_ms: int = -1
    referenced_ms: int = -1
    served_ms: int = -1
    pending: tuple[ServedFrom, ...] = ()
    serving: str = ""
    references: tuple[DriftReference, ...] = ()  # the oldest is dropped first
    from_ms: tuple[int, ...] = ()  # first bar of each half window, the earlier first
    rows: int = 0  # of the later half
    above: tuple[bytes, ...] = ()  # of each half, rows above each edge: uint16, 9 x features
