"""The state record of the features processor, as it lies on the changelog."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from schemas.record import Record

WINDOW = 264  # bars; a few more than the longest ring, whose oldest value looks back too


class FeaturesState(Record):
    """What must survive a restart of one symbol and timeframe; ``refill`` rebuilds ``windows``."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    event_time_ms: int = -1
    layout: str = ""
    recursions: bytes = b""
    windows: bytes = Field(default=b"", exclude=True)
