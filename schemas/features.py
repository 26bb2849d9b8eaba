"""Feature vectors: what the models see of one symbol at one bar close.

Written by ``streams.features``; read by ``streams.regimes``, ``workers.inference``, training.
"""

from __future__ import annotations

from pydantic import Field

from schemas.bounds import Count
from schemas.record import Milliseconds, Record, Symbol, Timeframe


class FeatureVector(Record):
    """All features at one bar close; every value uses data up to the close, never after."""

    symbol: Symbol
    timeframe_ms: Timeframe
    event_time_ms: Milliseconds = Field(description="Bar close, UTC epoch milliseconds")
    available_time_ms: Milliseconds
    feature_set_id: str = Field(description="Hash of the ordered catalogue that made it")
    open: float = Field(gt=0, description="Open of the bar: where the signal before it trades")
    close: float = Field(gt=0, description="Close of the bar: shown, never traded")
    funding_rate: float | None = None
    funding_time_ms: Milliseconds | None = Field(
        default=None, description="Stamp of that settlement"
    )
    bars_missing: Count = Field(default=0, description="As of the bar: the hole before it")
    bars_missing_200: Count = Field(
        default=0, description="Bars missing between the last 200, which long windows span"
    )
    bars_until_complete: Count | None = Field(
        default=None,
        description="Bars until no feature is null for want of bars; 0: none is; null: not told",
    )
    values: dict[str, float | None] = Field(
        description="In catalogue order; null in warm-up and where a window spans a hole"
    )
    high: float | None = Field(default=None, gt=0, description="Null in older records, as low")
    low: float | None = Field(default=None, gt=0)

    def __getitem__(self, name: str) -> float:
        """Return one value; raises ``ValueError`` when it is absent or null."""
        value = self.values.get(name)
        if value is None:
            raise ValueError(f"feature {name} is missing at {self.event_time_ms}")
        return value

    def complete(self, names: tuple[str, ...]) -> bool:
        """Whether every named feature has a value."""
        return all(self.values.get(name) is not None for name in names)
