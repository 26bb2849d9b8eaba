"""Jobs name a strategy that has an ACTIVE config: what the config says counts, and is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import JsonValue

from schemas.configs import Content
from schemas.jobs import BacktestRequest, TuningRequest
from tests.build import job_result, refdata
from tests.fakes.command_processor import decide_configs
from tests.fakes.documented_config import TRADAI_YAML
from tests.fakes.gateway import RunningGateway

pytestmark = pytest.mark.anyio

DAY_MS = 86_400_000
FROM_MS, TO_MS = 1_704_067_200_000, 1_733_011_200_000  # 2024-01-01, 2024-12-01
PASCAL = {
    "strategy_name": "PascalStrategy",
    "n_trials": 100,
    "sampler": "TPESampler",
    "param_space": {
        "roi_min": {"type": "float", "low": 0.01, "high": 0.1},
        "stoploss": {"type": "float", "low": -0.15, "high": -0.03},
    },
}
FAST = {"fast": {"type": "int", "low": 5, "high": 20}}
PARAMETERS: dict[str, JsonValue] = {
    "fast": {"type": "int", "low": 2, "high": 100, "default": 20, "group": "buy"},
    "slow": {"type": "int", "low": 5, "high": 500, "default": 100, "group": "buy"},
    "short": {"type": "int", "low": 0, "high": 1, "default": 1, "group": "sell"},
}
ENTRY_POINT = "mystrategy.strategy:MyStrategy"


@pytest.fixture
def research(bench: RunningGateway) -> RunningGateway:
    """A gateway with workers of jobs, a registry of one strategy, and the processor of configs."""
    row: dict[str, JsonValue] = {"name": "ema_cross", "parameters": PARAMETERS}
    bench.bus.feed(refdata("strategy", row).model_copy(update={"event_time_ms": 2**41}))
    decide_configs(bench)
    decide = bench.bus.answers
    bench.bus.answers = lambda record: (
        [job_result(record.request_id, kind=record.spec.kind, event_time_ms=2**41)]
        if isinstance(record, BacktestRequest)
        else decide(record)
    )
    return bench


async def activate(
    gateway: RunningGateway, content: Content | str, name: str = "PascalStrategy"
) -> str:
    """Make a content the ACTIVE config of a strategy; return its id."""
    root = f"/api/v1/strategies/{name}/configs"
    body = {"yaml": content} if isinstance(content, str) else {"config_data": content}
    created = (await gateway.client.post(root, json=body)).json()
    config_id = created["config"]["config_id"]
    response = await gateway.client.post(f"{root}/{config_id}/activate")
    assert response.status_code == 200, response.text
    return str(config_id)


async def post(
    gateway: RunningGateway,
    path: str,
    body: Mapping[str, Any],
    status: int = 202,
    **headers: str,
) -> Any:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    response = await gateway.client.post(path, json=dict(body), headers=names)
    assert response.status_code == status, response.text
    return response.json()


def requests(gateway: RunningGateway) -> list[TuningRequest | BacktestRequest]:
    kinds = (TuningRequest, BacktestRequest)
    return [record for record, _ in gateway.bus.published if isinstance(record, kinds)]


def config_of(entry_point: str | None = "ema_cross", **defaults: Any) -> Content:
    strategy = {} if entry_point is None else {"entry_point": entry_point}
    return {"strategy": strategy, "strategy_service": {"defaults": defaults}}


async def test_a_search_takes_from_the_documented_config_what_it_does_not_say(
    research: RunningGateway,
):
    config_id = await activate(research, TRADAI_YAML, "MyStrategy")

    answer = await post(
        research, "/api/v1/hyperopt", {"strategy_name": "MyStrategy", "preset": "quick"}
    )

    (request,) = requests(research)
    spec = request.spec
    assert (spec.kind, spec.symbol, spec.timeframe) == ("hyperopt", "BTCUSDT", "1h")
    assert (spec.from_ms, spec.to_ms) == (FROM_MS, TO_MS)
    assert (spec.equity, spec.leverage) == (3000.0, 1000.0 / 3000.0)
    assert isinstance(request, TuningRequest)
    assert request.spec.strategy_name == ENTRY_POINT
    assert request.spec.optimization is not None
    assert request.spec.optimization.presets["quick"].epochs == 50
    assert TuningRequest.decode(request.encode()) == request
    told = answer["config"]
    assert (told["strategy"], told["config_id"]) == ("MyStrategy", config_id)
    assert told["experiment_name"] == "strategies/mystrategy"
    assert told["auto_log_params"]
    assert told["taken"].items() >= {"symbol": "BTCUSDT", "timeframe": "1h", "equity": 3000}.items()
    assert told["taken"].keys() == {
        "symbol", "timeframe", "from_ms", "to_ms", "equity", "leverage", "optimization",
    }  # fmt: skip
    shown = await research.get(f"/api/v1/hyperopt/{answer['job_id']}")
    assert shown["config"] == told


async def test_what_a_request_says_wins(research: RunningGateway):
    await activate(research, config_of(timerange="20240101-", symbols=["BTC-USD"], stake_amount=50))
    said = {"symbol": "ETHUSDT", "from_ms": None, "leverage": 2.0, "timeframe": None}

    answer = await post(research, "/api/v1/hyperopt", {"strategy_name": "PascalStrategy", **said})

    (request,) = requests(research)
    assert (request.spec.symbol, request.spec.from_ms, request.spec.leverage) == (
        "ETHUSDT", None, 2.0,
    )  # fmt: skip
    assert answer["config"]["taken"] == {"equity": 50.0}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("performance", {"params": {"fast": 10}}),
        ("optimize", {"space": {"fast": [5, 20, 5]}}),
        ("walk-forward", {"space": {"fast": [5, 20, 5]}}),
    ],
)
async def test_a_back_test_names_a_config_and_its_answer_says_what_it_took(
    research: RunningGateway, path: str, body: dict[str, Any]
):
    config_id = await activate(research, config_of(timerange="-20241201", max_open_trades=4))
    named = {"symbol": "BTCUSDT", "strategy": "PascalStrategy", **body}

    answer = await post(research, f"/backtest/{path}", named, 200)

    (request,) = requests(research)
    assert isinstance(request, BacktestRequest)
    assert request.spec.strategy == "ema_cross"
    assert request.spec.to_ms == TO_MS
    assert answer["config"]["config_id"] == config_id
    assert answer["config"]["taken"] == {"leverage": 0.25, "to_ms": TO_MS}
    detail = await research.get(f"/backtest/jobs/{answer['job_id']}")
    assert detail["config"] == answer["config"]
    assert detail["spec"]["config"]["config_id"] == config_id


async def test_the_documented_search_runs_once_a_config_of_its_strategy_is_active(
    research: RunningGateway,
):
    before = await post(research, "/api/v1/hyperopt", PASCAL, 400)
    await activate(research, config_of() | {"exits": {"hold_bars": 12}})

    accepted = await post(research, "/api/v1/hyperopt", PASCAL)

    (request,) = requests(research)
    assert "'PascalStrategy' is unknown" in before["detail"]
    assert accepted["config"]["strategy"] == "PascalStrategy"
    assert accepted["config"]["taken"]["exits"]["hold_bars"] == 12
    assert isinstance(request, TuningRequest)
    assert request.spec.fixed_exits.hold_bars == 12
    assert request.spec.param_space.keys() == {"roi_min", "stoploss"}
    assert TuningRequest.decode(request.encode()) == request


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (
            "/api/v1/hyperopt",
            {"param_space": {"stoploss": {"type": "float", "low": 0.03, "high": 0.15}}},
            "param_space: stoploss is 0.03, expected a loss from -1 to below 0",
        ),
        (
            "/backtest/performance",
            {"params": {"trailing_stop": 0.1}},
            "params: trailing_stop is 0.1 without trailing_offset, expected both",
        ),
        ("/backtest/optimize", {"space": {"roi_min": [0, 0.1, 0.1]}}, "space: roi_min is 0.0, exp"),
        ("/backtest/optimize", {"space": {"hold_bars": [1, 3, 0.5]}}, "space: hold_bars is 1.5, e"),
        ("/backtest/performance", {"exits": {"stoploss": -2}}, "exits.stoploss: stoploss is -2, e"),
        ("/backtest/performance", {"exits": {"stop": -0.1}}, "exits.stop: Extra inputs are not"),
        (
            "/api/v1/hyperopt",
            {"exits": {"minimal_roi": {"0": 0.01, "60": 0.05}}},
            "exits.minimal_roi: minimal_roi is 0.05 at 60 minutes and 0.01 at 0, expected a gain",
        ),
    ],
)
async def test_exits_that_no_position_can_have_are_400_with_value_and_expectation(
    research: RunningGateway, path: str, body: dict[str, Any], message: str
):
    tuned = path.endswith("hyperopt")
    named = (
        {"strategy_name": "ema_cross"} if tuned else {"symbol": "BTCUSDT", "strategy": "ema_cross"}
    )

    refused = await post(research, path, named | body, 400)

    assert message in refused["detail"]
    assert not requests(research)


async def test_the_documented_search_is_taken_where_a_package_may_have_its_parameters(
    research: RunningGateway,
):
    await activate(research, config_of(ENTRY_POINT))

    await post(research, "/api/v1/hyperopt", PASCAL)

    (request,) = requests(research)
    assert isinstance(request, TuningRequest)
    assert request.spec.strategy_name == ENTRY_POINT


@pytest.mark.parametrize(
    ("content", "body", "message"),
    [
        (None, {}, "'PascalStrategy' is unknown; expected one of ema_cross, or the name of a"),
        (config_of(None), {}, "config v1-"),
        (config_of("nothing"), {}, "'nothing' is unknown; expected one of ema_cross"),
        (config_of(timerange="20240101-"), {"to_ms": 0, "from_ms": 5}, "to_ms 0 is not after"),
        (config_of(stake_amount=1e6), {"equity": 1}, "PascalStrategy's ACTIVE config v1-"),
        (config_of(), {"strategy_name": ENTRY_POINT}, "is unknown"),
        (
            config_of(),
            {"param_space": {"x": FAST["fast"]}},
            "unknown parameter x; expected one of f",
        ),
        (config_of(), {"spaces": ["night"]}, "unknown space night; expected one of buy, roi, sell"),
        (config_of(), {"preset": "slow"}, "unknown preset slow; expected one of production, quick"),
        (config_of(), {"param_space": {"fast": FAST["fast"] | {"low": 1}}}, "fast goes from 2 to"),
    ],
)
async def test_what_cannot_run_is_400_in_words(
    research: RunningGateway, content: Content | None, body: dict[str, Any], message: str
):
    if content is not None:
        await activate(research, content)

    named = {"strategy_name": "PascalStrategy", **body}
    refused = await post(research, "/api/v1/hyperopt", named, 400)

    assert message in refused["detail"]
    assert not requests(research)


async def test_a_strategy_without_an_active_config_is_said(research: RunningGateway):
    await research.client.post(
        "/api/v1/strategies/PascalStrategy/configs", json={"config_data": config_of()}
    )

    refused = await post(research, "/api/v1/hyperopt", {"strategy_name": "PascalStrategy"}, 400)

    assert "PascalStrategy has no ACTIVE config; activate one of v1-" in refused["detail"]


async def test_the_same_key_is_the_same_job_after_another_config_is_active(
    research: RunningGateway,
):
    body = {"strategy_name": "PascalStrategy"}
    await activate(research, config_of(stake_amount=100))
    one = await post(research, "/api/v1/hyperopt", body, Idempotency_Key="once")
    await activate(research, config_of(stake_amount=200))

    again = await post(research, "/api/v1/hyperopt", body, Idempotency_Key="once")
    other = await post(research, "/api/v1/hyperopt", body)

    assert again == one
    assert one["config"]["taken"] == {"equity": 100.0, "leverage": 1.0}
    assert other["config"]["taken"] == {"equity": 200.0, "leverage": 1.0}


async def test_a_stored_request_is_asked_again_as_it_is_and_no_other_tells_a_config(
    research: RunningGateway,
):
    await activate(research, config_of(ENTRY_POINT, stake_amount=100))
    first = await post(research, "/api/v1/hyperopt", {"strategy_name": "PascalStrategy"})
    await activate(research, config_of(stake_amount=200))
    spec = (await research.get(f"/api/v1/hyperopt/{first['job_id']}"))["spec"]

    again = await post(research, "/api/v1/hyperopt", spec)
    forged = await post(research, "/api/v1/hyperopt", spec | {"strategy_name": "os:system"}, 400)

    assert again["config"] == first["config"]
    one, two = requests(research)
    assert one.spec == two.spec
    assert "leave config out" in forged["detail"]
