"""What people did to a system, and what it told them: configs, keys, trades, refused records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from gateway.access.keys import draw_key
from schemas.dead_letter import DeadLetter
from schemas.events import SystemEvent
from schemas.market import LedgerEntry, LedgerKind
from schemas.portfolio import AccountPosition, AccountSnapshot
from schemas.record import Record
from schemas.status import OperatorAction
from schemas.timeframes import DAY_MS, MINUTE_MS
from streams.configs.content import SHIPPED
from streams.runtime.wall_clock import wall_ms
from tests.browser import versions
from tests.build import (
    account_snapshot,
    close_time,
    config_command,
    dead_letter,
    journal_command,
    raw_bar,
    system_event,
    training_request,
)
from tests.fakes.command_processor import CommandProcessor
from tests.gateway.access.conftest import stored

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


LAST_GAP = 90  # minute


def config_past(processor: CommandProcessor) -> Iterator[Record]:
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


def refused() -> Iterator[DeadLetter]:
    """Yield open dead letters: of requests, which can be replayed, and of a bar."""
    at_ms = wall_ms() - 5 * MINUTE_MS
    for number in range(3):
        yield dead_letter(
            training_request(number),
            consumer="training",
            kind="rejected",
            cause="timeframe 7m does not run here, expected one of 1m, 15m, 1h",
            event_time_ms=at_ms,
        )
    yield dead_letter(
        raw_bar(symbol="SOLUSDT"),
        consumer="market",
        cause="high 147.2 is below open, close or low",
        event_time_ms=at_ms,
    )


def findings(minute: int = 119) -> Iterator[LedgerEntry]:
    """Yield what the ledger says of the last two hours."""
    booked: tuple[tuple[LedgerKind, int, int, str], ...] = (
        ("gap", 40, 5, ""),
        ("late", 41, 1, "3 bars behind the newest"),
        ("late", 42, 1, "3 bars behind the newest"),
        ("gap", LAST_GAP, 2, ""),
        ("correction", 97, 1, "revision 1, close 64180.5 -> 64181.0"),
        ("zero_volume", 104, 1, ""),
        ("repaired", 110, 1, "fetched again from binanceusdm/simulated"),
    )
    for kind, at, bars, note in booked:
        first = at if kind == "gap" else at - 1
        yield LedgerEntry(
            symbol="SOLUSDT" if at == LAST_GAP else "BTCUSDT",
            timeframe_ms=MINUTE_MS,
            event_time_ms=close_time(min(at + bars, minute)),
            kind=kind,
            from_ms=close_time(first),
            to_ms=close_time(first + bars),
            bars=bars,
            note=note,
        )


def keys() -> Iterator[Record]:
    """Yield a key that counts and one that was revoked, with what stands in the audit of it."""
    now_ms = wall_ms()
    for number, (name, scope) in enumerate((("prometheus", "read"), ("ci robot", "operate"))):
        made_ms = now_ms - (20 - number) * DAY_MS
        ended = {"revoked_ms": now_ms - DAY_MS, "revoked_by": "ada"} if number else {}
        lasts = {"expires_ms": made_ms + 90 * DAY_MS}
        key = stored(draw_key(), name=name, scope=scope, event_time_ms=made_ms, **lasts, **ended)
        yield key
        yield OperatorAction(
            action="access.revoke" if ended else "access.create",
            event_time_ms=now_ms - DAY_MS if ended else made_ms,
            by="ada",
            subject=key.key_id,
            reason=f"{name}, scope {scope}",
        )


def journal(processor: CommandProcessor) -> Iterator[Record]:
    """Yield a journal: trades won, lost, skipped and open, one of them corrected."""
    gains = ((310, "buy"), (-140, "sell"), (420, "buy"), (-260, "buy"), (95, "sell"), (180, "buy"))
    for number in range(18):
        gain, side = gains[number % len(gains)]
        symbol, price = (("BTCUSDT", 64_000), ("ETHUSDT", 3_140))[number % 2]
        opened_ms = close_time(6 * number) - (18 - number) * DAY_MS
        yield from processor.decide(
            journal_command(
                "add",
                6 * number,
                trade_id=f"trade-{number:02d}",
                symbol=symbol,
                side=side,
                entry=str(price),
                exit=str(round(price * (1 + (gain if side == "buy" else -gain) / 64_000), 1)),
                quantity="0.05",
                opened_ms=opened_ms,
                closed_ms=opened_ms + 5 * MINUTE_MS,
                notes="out at the target" if gain > 0 else "",
                grounds=_grounds(number, side) if number % 3 else None,
            )
        )
    passed = {"action": "skipped", "side": "buy", "entry": "147.2", "opened_ms": close_time(110)}
    yield from processor.decide(
        journal_command("add", 110, trade_id="passed", symbol="SOLUSDT", trade=passed)
    )
    for minute, action, quantity in ((115, "add", "0.1"), (116, "correct", "0.05")):
        yield from processor.decide(
            journal_command(
                action,
                minute,
                trade_id="open",
                entry="64180.5",
                quantity=quantity,
                notes="half size",
                reason="typed twice as much" if action == "correct" else "",
            )
        )


def _grounds(number: int, side: str) -> dict[str, Any]:
    return {
        "signal_id": f"signal-{number}",
        "strategy": "ensemble",
        "timeframe_ms": MINUTE_MS,
        "event_time_ms": close_time(6 * number - 1),
        "direction": side,
        "grade": "B",
        "confidence": 0.71,
        "regime": "bull" if side == "buy" else "bear",
        "model_version": "ens-7f3a91c2",
        "config_id": None,
    }


def account() -> AccountSnapshot:
    """Return an account that holds a market long and another one short."""
    held: tuple[tuple[str, Literal["long", "short"], float, float, float, float | None], ...] = (
        ("BTCUSDT", "long", 0.15, 64_180.0, 63_697.0, 41_250.0),
        ("SOLUSDT", "short", 40.0, 148.0, 146.36, None),
    )
    positions = tuple(
        AccountPosition(
            symbol=symbol,
            side=side,
            quantity=quantity,
            entry_price=entry,
            mark_price=mark,
            notional=quantity * mark,
            unrealized_profit=(mark - entry) * quantity * (1 if side == "long" else -1),
            liquidation_price=liquidation,
        )
        for symbol, side, quantity, entry, mark, liquidation in held
    )
    profit = sum(each.unrealized_profit for each in positions)
    return account_snapshot(
        positions=positions,
        unrealized_profit=profit,
        equity=10_000.0 + profit,
        available=8_450.0,
        initial_margin=1_541.0,
        maintenance_margin=77.05,
        day={"realized_profit": 41.2, "commission": -9.63, "funding": -1.15},
    )


def events() -> Iterator[SystemEvent]:
    """Yield what people were told: a feed that stood still, a process, a model, refused records."""
    now_ms = wall_ms()
    yield system_event(
        "model_changed",
        subject="ensemble",
        event_time_ms=now_ms - 50 * MINUTE_MS,
        text="ensemble 1m is served by ensemble-2f9c41d0 now",
    )
    yield system_event(
        "feed_stale",
        subject="BTCUSDT",
        event_time_ms=now_ms - 9 * MINUTE_MS,
        text="no bar of BTCUSDT has arrived for 131 s",
        remedy="look at `regimeflow doctor` and at `regimeflow logs ingest --level warning`",
    )
    yield system_event(
        "process_degraded",
        subject="training",
        event_time_ms=now_ms - 6 * MINUTE_MS,
        text="training is degraded: MLflow is behind",
        remedy="`regimeflow logs training` says why",
    )
    yield system_event(
        "dead_letter",
        subject="training.requests.v1",
        event_time_ms=now_ms - 5 * MINUTE_MS,
        text="training refused 3 records of training.requests.v1",
        remedy="`regimeflow topics dlq list --topic training.requests.v1`",
        count=3,
    )


def records(processor: CommandProcessor) -> Iterator[Record]:
    """Yield all of it."""
    yield from config_past(processor)
    yield from versions.records(processor)
    yield from refused()
    yield from findings()
    yield from journal(processor)
    yield from keys()
    yield from events()
    yield account()
