"""Every operation, called with its own example, answers with its main status."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from pydantic import JsonValue

from schemas.gates import GateFigure, GateReport
from schemas.jobs import BacktestRequest, TuningRequest
from schemas.models import ModelRegistered
from schemas.record import Record
from schemas.refdata import TABLES
from tests.build import (
    account_snapshot,
    challenge_command,
    challenge_trade,
    close_time,
    closed_idea,
    comparison,
    dead_letter,
    drift_report,
    explanation,
    feature_drift,
    idea_event,
    job_progress,
    job_result,
    mlflow_run,
    refdata,
    registered,
    suppressed_totals,
    training_request,
)
from tests.fakes.command_processor import CommandProcessor
from tests.fakes.gateway import WALL_MS, RunningGateway, api_document, higher
from tests.gateway.routes.test_dead_letter_routes import stored

pytestmark = pytest.mark.anyio

CONFIGS = "/api/v1/strategies/{}/configs"
SYMBOLS = ["BTC/USDT:USDT"]


def answer_jobs(record: Record) -> Sequence[Record]:
    """Return what a worker says to a request: progress, and then its result."""
    if not isinstance(record, BacktestRequest | TuningRequest):
        return ()
    job_id, kind = record.request_id, record.spec.kind
    ended = job_result(job_id, kind=kind, event_time_ms=WALL_MS + 1)
    return job_progress(job_id, event_time_ms=WALL_MS), ended


async def post(gateway: RunningGateway, path: str, body: Any = None) -> Any:
    response = await gateway.client.post(path, json=body)
    assert response.is_success, response.text
    return response.json()


async def drafted(gateway: RunningGateway, strategy: str, content: Any) -> str:
    path = CONFIGS.format(strategy)
    return str((await post(gateway, path, {"config_data": content}))["config"]["config_id"])


def example_model(number: int, version: str) -> ModelRegistered:
    """Return a model of the examples; the second one is better than the first."""
    figures = (
        GateFigure(name=name, value=value, verdict="shown")
        for name, value in {
            "sharpe_ratio": 1.32,
            "profit_factor": 1.61,
            "max_drawdown": 0.124,
            "total_trades": 213.0,
            "win_rate": 0.541,
        }.items()
    )
    return registered(
        model_version=version,
        event_time_ms=close_time(2 * number),
        request_id=f"run-{number}",
        reports=(GateReport(name="ensemble", passed=True, figures=tuple(figures)),),
        comparison=comparison("68d1f0c2a7b94e35") if number == 1 else None,
    )


def challenged(processor: CommandProcessor) -> list[Record]:
    """Return what comes of two models of a strategy, and of a challenge of the first."""
    models = [
        example_model(number, version).model_copy(update={"strategy": "PascalStrategy"})
        for number, version in ((0, "c51e0f7a93b2d864"), (2, "d98a4b6e1f03c725"))
    ]
    champion, challenger = models
    challenge = challenge_command(
        minute=4,
        event_time_ms=WALL_MS,
        strategy="PascalStrategy",
        champion=champion,
        challenger=challenger,
        basis="trades",
        min_trades=None,
    )
    trades = (
        challenge_command(
            "trade",
            14 + number,
            event_time_ms=WALL_MS,
            strategy="PascalStrategy",
            challenge_id="challenge-ad3e84931178",
            trade=challenge_trade(number + 2, variant, net_return=earned),
        )
        for number, (variant, earned) in enumerate(
            (
                ("champion", -0.002),
                ("challenger", 0.006),
                ("champion", 0.001),
                ("challenger", 0.003),
            )
        )
    )
    made = [record for model in models for record in processor.register(model)]
    return [
        *made,
        *(each for command in (challenge, *trades) for each in processor.decide(command)),
    ]


async def prepare(gateway: RunningGateway) -> dict[str, str]:
    """Make what the examples are about; return the ids that no example can know.

    A path with a slash before its id says of which family it is.
    """
    processor = CommandProcessor()
    gateway.bus.feed(*processor.first)
    for number, version in enumerate(("68d1f0c2a7b94e35", "a469c6cb3bf99d37", "b7e3a9015dc2f846")):
        gateway.bus.feed(*processor.register(example_model(number, version)))
    gateway.bus.feed(*challenged(processor))
    for offset in (4, 5):
        stored(gateway, dead_letter(training_request(offset)), offset)
    gateway.bus.answers = processor.decide
    rows = [refdata(name) for name in TABLES if name != "strategy"]
    gateway.bus.feed(*higher(900_000), explanation(19), *rows)
    gateway.bus.feed(account_snapshot())
    gateway.bus.feed(mlflow_run(number="2"), mlflow_run("job/1", experiment_id="2", model=None))
    gateway.bus.feed(drift_report(timeframe_ms=900_000), feature_drift(timeframe_ms=900_000))
    gateway.bus.feed(closed_idea(2), idea_event(18), suppressed_totals(19))
    await drafted(gateway, "MyStrategy", {"timeframe": "1h", "symbols": SYMBOLS})
    await drafted(gateway, "MyStrategy", {"timeframe": "4h", "symbols": SYMBOLS})
    parameters: JsonValue = {name: {"type": "int"} for name in ("fast", "slow", "short")}
    known = refdata("strategy", {"name": "ema_cross", "parameters": parameters})
    gateway.bus.feed(known.model_copy(update={"event_time_ms": 2**41}))
    entry_point = {"strategy": {"entry_point": "ema_cross"}}
    config_id = await drafted(gateway, "PascalStrategy", entry_point)
    activation = f"{CONFIGS.format('PascalStrategy')}/{config_id}/activate"
    command_id = (await post(gateway, activation))["outcome"]["command_id"]
    search = {"strategy_name": "ema_cross"}
    cut = await post(gateway, "/api/v1/hyperopt", search)
    gateway.bus.feed(job_result(cut["job_id"], kind="hyperopt", status="cancelled"))
    gateway.bus.answers = lambda record: answer_jobs(record) or processor.decide(record)
    ended = await post(gateway, "/api/v1/hyperopt", search)
    tested = await post(
        gateway, "/backtest/performance", {"symbol": "BTC-USD", "window": 20, "signal": 1.0}
    )
    trade = {"trade_id": "btc-1", "ticker": "BTC-USD", "action": "executed", "entry": "45000"}
    await post(gateway, "/api/trades", trade | {"quantity": "0.2", "opened_ms": close_time(3)})
    return {
        "/signals/{signal_id}": "/signals/signal-BTCUSDT-1",
        "/trace/{id}": "/trace/signal-BTCUSDT-1",
        "/commands/{command_id}": f"/commands/{command_id}",
        "/hyperopt/{job_id}/resume": f"/hyperopt/{cut['job_id']}/resume",
        "/hyperopt/{job_id}": f"/hyperopt/{ended['job_id']}",
        "/jobs/{job_id}": f"/jobs/{tested['job_id']}",
    }


def example_request(method: str, path: str, operation: Any) -> httpx.Request:
    """Return the request that the examples of an operation make."""
    placed: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "header": {}}
    for parameter in operation.get("parameters", ()):
        placed[parameter["in"]][parameter["name"]] = parameter["example"]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return httpx.Request(
        method.upper(),
        "http://127.0.0.1" + path.format_map(placed["path"]),
        params=placed["query"],
        headers={name: str(value) for name, value in placed["header"].items()},
        json=body.get("example"),
    )


async def test_every_operation_called_with_its_own_example_answers_with_its_main_status(bench):
    known = await prepare(bench)
    document = api_document()
    refused: dict[str, str] = {}

    for path, operations in document["paths"].items():
        place = path
        for template, real in known.items():
            place = place.replace(template, real)
        for method, operation in operations.items():
            response = await bench.client.send(example_request(method, place, operation))
            main = min(code for code in operation["responses"] if code.startswith("2"))
            if response.status_code != int(main):
                refused[f"{method} {path}"] = f"{response.status_code} {response.text[:300]}"

    assert refused == {}
