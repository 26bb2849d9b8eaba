"""What the features processor remembers of a symbol and timeframe."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from schemas.record import Record

WINDOW = 264  # bars; a few more than the longest ring: the oldest value looks back itself


class FeaturesState(Record):
    """What must survive a restart; ``windows`` is rebuilt by ``refill``."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    event_time_ms: int = -1
    layout: str = ""
    recursions: bytes = b""
    windows: bytes = Field(default=b"", exclude=True)
