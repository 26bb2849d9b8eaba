"""What people did to a system, and what it told them: configs with a past."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from schemas.record import Record
from schemas.timeframes import DAY_MS
from streams.configs.content import SHIPPED
from streams.runtime.wall_clock import wall_ms
from tests.build import config_command
from tests.fakes.config_processor import ConfigProcessor

TIGHTER: dict[str, Any] = {
    **SHIPPED,
    "decision": {
        **SHIPPED["decision"],
        "grade_bands": [0.9, 0.8, 0.7],
        "max_entropy": 0.85,
    },
}
CHEAPER: dict[str, Any] = {
    "strategy": {**SHIPPED["strategy"], "version": "1.1.0", "timeframe": "15m"},
    "strategy_service": {"defaults": {"symbols": ["BTCUSDT", "ETHUSDT"], "stake_amount": 1000.0}},
    "mlflow": {"experiment_name": "strategies/ensemble"},
    "decision": {
        "confirmations": ["trend_state", "volume", "entropy"],
        "max_entropy": 0.85,
        "taker_fee": 0.0004,
        "slippage": 0.0002,
    },
}


def config_past(processor: ConfigProcessor) -> Iterator[Record]:
    """Yield a past of configs: one deprecated, one ACTIVE, one DRAFT."""
    now_ms = wall_ms()
    commands = [
        config_command("create", 1, content=TIGHTER, description="Fewer, surer signals"),
        config_command("activate", 2, content=TIGHTER),
        config_command("create", 3, content=CHEAPER, description="Two markets, the new fee level"),
    ]
    yield from processor.first
    for days, command in zip((12, 12, 1), commands, strict=True):
        at_ms = now_ms - days * DAY_MS
        said = {"event_time_ms": at_ms, "by": "ada", "reason": "agreed in the weekly review"}
        yield from processor.decide(command.model_copy(update=said))


def records(processor: ConfigProcessor) -> Iterator[Record]:
    """Yield all of it."""
    yield from config_past(processor)
