"""Every operation as its document says: no server error, nothing valid refused, nothing unsaid."""

from __future__ import annotations

from functools import partial
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, settings

from gateway import app as gateway_app
from gateway.settings import GatewaySettings
from schemas.jobs import BacktestRequest
from schemas.predictions import PredictionReply, PredictionRequest
from schemas.refdata import TABLES
from tests.build import account_snapshot, explanation, job_progress, job_result, refdata, status
from tests.fakes.command_processor import CommandProcessor
from tests.fakes.gateway import WALL_MS, FakeBus, api_document, feed_live_markets

# What a schema cannot say: rules between two fields, and names that only the tables know.
RULES = (
    *(
        " is below min ",
        "is not after from_ms",
        "mode '",
        "whole numbers",
        "a strategy takes",
        "space has",
    ),
    *(", expected both: a stop", "a gain that falls with age"),
    *(
        "combinations, at most",
        "exactly one of them",
        "expected one of them, got both",
        "is unknown",
        "expected low < high",
    ),
    *("a categorical parameter", "choices belong", "a log scale", "an int parameter"),
    *("several loss_function", "pruning needs", "is not loaded", "names: ", "is no id of an event"),
    *("exactly one of config_data", "unknown key", "as_of", "config: ", "says it too", ": got "),
    ": Input should be a valid integer",  # 2.0 is one in JSON Schema
    *("Idempotency-Key", "in the future", "expected ISO 8601", "is no column"),
    *("does not run here", "belong together"),
)
EXAMPLES = 8


def answered(record: Any) -> tuple[Any, ...]:
    """What a worker says to a request: a reply at once, or progress and then a result."""
    if isinstance(record, PredictionRequest):
        asked: dict[str, Any] = {"request_id": record.request_id, "reply_to": record.reply_to}
        return (PredictionReply(**asked, event_time_ms=WALL_MS, status="unknown_bar"),)
    if not isinstance(record, BacktestRequest):
        return ()
    kind = record.spec.kind
    ended = job_result(record.request_id, kind=kind, event_time_ms=WALL_MS + 1)
    return job_progress(record.request_id, event_time_ms=WALL_MS), ended


def documented_gateway() -> Any:
    """Return the app with live markets, workers that answer at once, and an explanation."""
    bus = FakeBus()
    app = gateway_app.create_app(GatewaySettings(), bus, lambda: WALL_MS)
    bus.inbox = partial(gateway_app._receive, app.state.ctx)
    configs = CommandProcessor()
    bus.answers = lambda record: answered(record) or configs.decide(record)
    feed_live_markets(bus)
    bus.feed(*configs.first)
    strategy = refdata("strategy", {"name": "ema_cross", "active": True})
    others = [refdata(name) for name in TABLES if name != "strategy"]
    bus.feed(status("backtest"), status("tuning"), strategy, *others, explanation(19))
    bus.feed(account_snapshot())
    return app


app = documented_gateway()
schema = schemathesis.openapi.from_dict(api_document())


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_operation_answers_as_it_is_documented(case: Any) -> None:
    response = case.call(app=app, base_url="http://127.0.0.1")

    case.validate_response(
        response,
        excluded_checks=[
            schemathesis.checks.CHECKS.get_one("negative_data_rejection"),
            schemathesis.checks.CHECKS.get_one("positive_data_acceptance"),
        ],
    )
    if response.status_code == 400 and case.meta.generation.mode.is_positive:
        assert any(rule in response.text for rule in RULES), response.text
