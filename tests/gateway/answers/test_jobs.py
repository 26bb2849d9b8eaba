"""Research jobs over HTTP: asked for once, answered or told why not, cancelled, found again."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.answers import job_bodies, job_events
from gateway.errors import Unavailable
from gateway.views import jobs
from schemas.jobs import BacktestRequest, JobCommand, TuningRequest
from tests.build import (
    backtest_request,
    job_progress,
    job_result,
    optimize_spec,
    status,
)
from tests.fakes.gateway import WALL_MS
from tests.gateway.test_contract import json_values

pytestmark = pytest.mark.anyio

GRID = {"symbol": "BTC-USD", "window_range": [10, 20, 10], "signal_range": [0.5, 1.5, 0.5]}
FIXED = {"symbol": "BTCUSDT", "window": 20, "signal": 1.0}
SEARCH = {
    "strategy_name": "ema_cross",
    "n_trials": 100,
    "sampler": "TPESampler",
    "param_space": {"fast": {"type": "float", "low": 0.01, "high": 0.1}},
}


def answered(**fields):
    """What a worker says to a request: progress, and then its result."""

    def answer(record):
        if not isinstance(record, BacktestRequest):
            return ()
        progress = job_progress(record.request_id, event_time_ms=WALL_MS)
        kind = record.spec.kind
        ended = {"kind": kind, "event_time_ms": WALL_MS + 1} | fields
        return progress, job_result(record.request_id, **ended)

    return answer


def published(gateway, kind):
    return [record for record, _ in gateway.bus.published if isinstance(record, kind)]


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        ("optimize", GRID, "optimize"),
        ("performance", FIXED, "performance"),
        ("walk-forward", GRID, "walk_forward"),
    ],
)
async def test_a_request_is_published_and_its_result_answered(bench, path, body, kind):
    bench.bus.answers = answered()

    response = await bench.client.post(f"/backtest/{path}", json=body)

    (request,) = published(bench, BacktestRequest)
    assert (request.spec.kind, request.spec.symbol) == (kind, "BTCUSDT")
    assert response.json() == {
        "job_id": request.request_id,
        "status": "done",
        "urls": {},
        "trials": 6,
        "top": [{"window": 10, "signal": 0.5, "sharpe": 0.5}],
        "git_commit": "c0ffee123456",
        "trace_id": "trace-1",
        "mlflow_run_id": None,
        "config": None,
    }


@pytest.mark.parametrize(
    ("outcome", "expected", "message"),
    [
        ({"status": "failed", "error": "only 3 days", "fault": "request"}, 400, "only 3 days"),
        ({"status": "failed", "error": "a bug", "fault": "worker"}, 500, "a bug"),
        ({"status": "cancelled", "result": None}, 409, "cancelled before it had any"),
    ],
)
async def test_a_job_without_a_result_says_why(bench, outcome, expected, message):
    bench.bus.answers = answered(**outcome)

    response = await bench.client.post("/backtest/optimize", json=GRID)

    assert response.status_code == expected
    assert message in response.json()["detail"]
    assert response.json().get("job_id") or expected == 409


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("optimize", GRID | {"window_range": [20, 10, 5]}, "window_range: max 10 is below min 20"),
        ("optimize", GRID | {"signal_range": [0, 1, 0]}, "signal_range.step: Input should be gr"),
        ("optimize", GRID | {"mode": "multi"}, "mode 'multi' needs at least one of factors"),
        ("optimize", GRID | {"data_column": "colour"}, "data_column: Input should be 'price'"),
        ("optimize", GRID | {"sampler": "dice"}, "sampler: Input should be 'grid'"),
        ("optimize", GRID | {"from_ms": 5, "to_ms": 5}, "to_ms 5 is not after from_ms 5"),
        (
            "optimize",
            GRID | {"window_range": [2, 100_000, 1], "signal_range": [0, 10, 0.1]},
            "10,099,899 combinations, at most 1,000,000",
        ),
        (
            "performance",
            FIXED | {"leverage": 0},
            "leverage: Input should be greater than",
        ),
        ("performance", {"symbol": "BTCUSDT", "strategy": "nope"}, "one of ema_cross"),
        ("walk-forward", GRID | {"scheme": "spiral"}, "scheme: Input should be 'rolling'"),
        ("walk-forward", {"symbol": "BTCUSDT"}, "needs window_range and signal_range"),
    ],
)
async def test_a_wrong_request_is_400_and_says_what_was_expected(bench, path, body, message):
    response = await bench.client.post(f"/backtest/{path}", json=body)

    assert response.status_code == 400
    assert message in response.json()["detail"]
    assert published(bench, BacktestRequest) == []


@pytest.mark.parametrize("spelling", ["Volume", "volume", "VOLUME"])
async def test_a_column_is_named_in_any_case(bench, spelling):
    bench.bus.answers = answered()

    response = await bench.client.post("/backtest/optimize", json=GRID | {"data_column": spelling})

    assert response.status_code == 200
    (request,) = published(bench, BacktestRequest)
    assert request.spec.data_column == "volume"


async def test_an_unknown_symbol_is_404_with_those_known(bench):
    response = await bench.client.post("/backtest/optimize", json=GRID | {"symbol": "DOGEUSDT"})

    assert response.status_code == 404
    assert "known: BTCUSDT, ETHUSDT" in response.json()["detail"]


@pytest.mark.parametrize("state", [None, "stopping", "failed"])
async def test_a_worker_that_is_away_is_named(gateway, state):
    if state:
        gateway.bus.feed(status("backtest", state=state))

    response = await gateway.client.post("/backtest/optimize", json=GRID)

    assert response.status_code == 503
    assert "the process backtest" in response.json()["detail"]
    assert published(gateway, BacktestRequest) == []


async def test_a_job_that_nobody_takes_stays_queued_and_is_told(bench, monkeypatch):
    monkeypatch.setattr(job_events, "TAKEN_WITHIN_S", 0.01)

    response = await bench.client.post("/backtest/optimize", json=GRID)

    body = response.json()
    assert response.status_code == 503
    assert "backtest has not taken job" in body["detail"]
    assert (await bench.get(f"/backtest/jobs/{body['job_id']}"))["status"] == "queued"


async def test_a_job_that_takes_long_goes_on_and_is_fetched_later(bench, monkeypatch):
    monkeypatch.setattr(job_events, "ANSWER_WITHIN_S", 0.02)
    bench.bus.answers = lambda record: (job_progress(record.request_id),)

    response = await bench.client.post("/backtest/optimize", json=GRID)
    job_id = response.json()["job_id"]
    running = await bench.get(f"/backtest/jobs/{job_id}")
    bench.bus.feed(job_result(job_id))
    ended = await bench.get(f"/backtest/jobs/{job_id}")

    assert response.status_code == 504
    assert (running["status"], running["trial"], running["total_trials"]) == ("running", 3, 6)
    assert (running["result"], running["best"], running["objective"]) == (None, 0.5, "sharpe")
    assert (ended["status"], ended["trial"], ended["seconds"]) == ("done", 6, 0.25)
    assert ended["result"]["trials"] == 6
    assert ended["spec"]["window_range"] == {"min": 10.0, "max": 20.0, "step": 10.0}


@pytest.mark.parametrize("told", [True, False])
async def test_a_result_says_which_code_made_it_and_for_which_request(bench, told):
    provenance = {
        "git_commit": "c0ffee123456" if told else None,
        "trace_id": "monday" if told else None,
    }
    bench.bus.answers = answered(**provenance)

    result = (await bench.client.post("/backtest/optimize", json=GRID)).json()
    detail = await bench.get(f"/backtest/jobs/{result['job_id']}")
    bench.bus.feed(backtest_request("waiting"))
    waiting = await bench.get("/backtest/jobs/waiting")

    assert result.items() >= provenance.items()
    assert detail.items() >= provenance.items()
    assert (waiting["git_commit"], waiting["trace_id"]) == (None, None)


async def test_the_same_key_is_the_same_job_and_another_request_under_it_is_refused(bench):
    bench.bus.answers = answered()
    key = {"Idempotency-Key": "monday-1"}

    one = await bench.client.post("/backtest/optimize", json=GRID, headers=key)
    two = await bench.client.post("/backtest/optimize", json=GRID, headers=key)
    other = await bench.client.post("/backtest/optimize", json=GRID | {"seed": 1}, headers=key)
    wrong = await bench.client.post(
        "/backtest/optimize", json=GRID, headers={"Idempotency-Key": "a b"}
    )

    assert one.json() == two.json()
    assert len(published(bench, BacktestRequest)) == 1
    assert (other.status_code, wrong.status_code) == (409, 400)


async def test_a_request_that_never_left_is_no_job(bench):
    async def away(*_, **__):
        raise Unavailable("away")

    bench.bus.publish = away

    response = await bench.client.post("/backtest/optimize", json=GRID)

    assert response.status_code == 503
    assert (await bench.get("/backtest/jobs"))["jobs"] == []


async def test_jobs_are_listed_newest_first_and_cancelled_once(bench):
    bench.bus.feed(backtest_request("a"), backtest_request("b"), job_result("a"))

    listed = (await bench.get("/backtest/jobs"))["jobs"]
    ended = await bench.client.delete("/backtest/jobs/a")
    cancelling = await bench.client.delete("/backtest/jobs/b")
    unknown = await bench.client.delete("/backtest/jobs/c")

    assert [(job["job_id"], job["status"]) for job in listed] == [("b", "queued"), ("a", "done")]
    assert ended.json()["status"] == "done"
    assert cancelling.json()["status"] == "cancelling"
    assert [command.job_id for command in published(bench, JobCommand)] == ["b"]
    assert unknown.status_code == 404


async def test_a_search_is_started_followed_and_answered(bench):
    started = await bench.client.post("/api/v1/hyperopt", json=SEARCH)
    job_id = started.json()["job_id"]
    early = await bench.client.get(f"/api/v1/hyperopt/{job_id}/result")
    bench.bus.feed(job_progress(job_id, 10, total=100))
    running = await bench.get(f"/api/v1/hyperopt/{job_id}")
    bench.bus.feed(job_result(job_id, kind="hyperopt", result={"best_params": {"fast": 0.05}}))
    result = await bench.get(f"/api/v1/hyperopt/{job_id}/result")

    assert (started.status_code, early.status_code) == (202, 409)
    assert started.headers["Location"] == f"/api/v1/hyperopt/{job_id}"
    (request,) = published(bench, TuningRequest)
    assert request.spec.n_trials == 100
    assert (running["status"], running["trial"], running["total_trials"]) == ("running", 10, 100)
    assert result["best_params"] == {"fast": 0.05}
    assert [job["job_id"] for job in (await bench.get("/api/v1/hyperopt"))["jobs"]] == [job_id]
    assert (await bench.get("/backtest/jobs"))["jobs"] == []


async def test_a_search_that_was_cut_short_is_resumed_under_its_id(bench):
    job_id = (await bench.client.post("/api/v1/hyperopt", json=SEARCH)).json()["job_id"]
    at_once = await bench.client.post(f"/api/v1/hyperopt/{job_id}/resume")
    cancelled = await bench.client.post(f"/api/v1/hyperopt/{job_id}/cancel")
    late = {"kind": "hyperopt", "status": "cancelled", "event_time_ms": WALL_MS}
    bench.bus.feed(job_result(job_id, **late))

    resumed = await bench.client.post(f"/api/v1/hyperopt/{job_id}/resume")

    requests = published(bench, TuningRequest)
    commands = published(bench, JobCommand)
    assert (at_once.status_code, resumed.status_code) == (409, 202)
    assert cancelled.json()["status"] == "cancelling"
    assert [request.request_id for request in requests] == [job_id, job_id]
    assert [command.command for command in commands] == ["cancel", "resume"]
    assert requests[0].event_time_ms <= commands[0].event_time_ms < requests[1].event_time_ms
    assert resumed.json()["status"] == "queued"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (SEARCH | {"sampler": "GridSampler"}, "sampler: Input should be 'TPESampler'"),
        (SEARCH | {"strategy_name": "nope"}, "expected one of ema_cross"),
        (SEARCH | {"param_space": {"a": {"type": "int", "low": 5, "high": 1}}}, "low < high"),
        (SEARCH | {"n_trials": 0}, "n_trials: Input should be greater than or equal to 1"),
        (SEARCH | {"surprise": 1}, "surprise: Extra inputs are not permitted"),
    ],
)
async def test_a_wrong_search_is_400(bench, body, message):
    response = await bench.client.post("/api/v1/hyperopt", json=body)

    assert response.status_code == 400
    assert message in response.json()["detail"]


async def test_an_unknown_search_is_404_everywhere(bench):
    for method, path in (
        ("GET", ""),
        ("GET", "/result"),
        ("GET", "/stream"),
        ("POST", "/cancel"),
        ("POST", "/resume"),
    ):
        response = await bench.client.request(method, f"/api/v1/hyperopt/nope{path}")

        assert response.status_code == 404, path


def test_results_beyond_the_room_leave_and_their_jobs_stay(monkeypatch):
    monkeypatch.setattr(jobs, "RESULTS_BYTES", 250)
    view = jobs.JobIndex()
    for number in range(5):
        view.request(backtest_request(f"job-{number}"))
        view.result(job_result(f"job-{number}", result={"x": "y" * 90}))

    details = [job_bodies.detail(job) for job in reversed(view.newest("optimize"))]

    assert [detail["result"] is None for detail in details] == [True, True, True, False, False]
    assert {detail["status"] for detail in details} == {"done"}


def test_what_an_earlier_run_says_late_does_not_end_a_resumed_job():
    view = jobs.JobIndex()
    job = view.request(backtest_request(event_time_ms=10))
    view.result(job_result(event_time_ms=20, status="cancelled"))
    view.request(backtest_request(event_time_ms=30))

    view.result(job_result(event_time_ms=20, status="cancelled"))
    view.progress(job_progress(event_time_ms=25), 7)

    assert (job.status, job.progress) == ("queued", None)


def test_a_result_whose_request_was_not_read_is_a_job_too():
    view = jobs.JobIndex()

    view.result(job_result())

    assert view.require("job-1", "optimize").status == "done"
    assert job_bodies.summary(view.require("job-1", "optimize"))["total_trials"] == 6


def test_the_oldest_jobs_leave(monkeypatch):
    monkeypatch.setattr(jobs, "JOBS", 3)
    view = jobs.JobIndex()
    for number in range(5):
        view.request(backtest_request(f"job-{number}"))
        view.result(job_result(f"job-{number}"))

    assert [job.job_id for job in view.newest("optimize")] == ["job-4", "job-3", "job-2"]


async def test_fifty_wait_for_results_at_once(bench):
    posts = [
        asyncio.create_task(bench.client.post("/backtest/optimize", json=GRID | {"seed": n}))
        for n in range(50)
    ]
    while len(published(bench, BacktestRequest)) < 50:  # noqa: ASYNC110 - requests go in turn
        await asyncio.sleep(0)
    for record in published(bench, BacktestRequest):
        bench.bus.feed(job_progress(record.request_id))
        spec = optimize_spec(seed=record.spec.seed).model_dump(mode="json")
        bench.bus.feed(job_result(record.request_id, spec=spec, result={"n": record.spec.seed}))

    assert [(await post).json()["n"] for post in posts] == list(range(50))


names = st.sampled_from([*GRID, *FIXED, *SEARCH, "mode", "factors", "space", "strategy", "from_ms"])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.dictionaries(names | st.text(max_size=8), json_values, max_size=6))
async def test_no_body_makes_a_500(bench, body):
    bench.bus.answers = answered()
    for path, valid in (
        ("/backtest/optimize", GRID),
        ("/backtest/performance", FIXED),
        ("/backtest/walk-forward", GRID),
        ("/api/v1/hyperopt", SEARCH),
    ):
        response = await bench.client.post(path, json=valid | body)

        assert response.status_code in {200, 202, 400, 404}, response.text


async def test_lists_say_what_was_asked_and_what_came_of_it(bench):
    best = {"params": {"window": 10}, "metrics": {"sharpe_ratio": 0.5, "total_return": 0.02}}
    result = {"verdict": "Not proven: x", "best": best, "best_params": best["params"]}
    bench.bus.answers = answered(result=result)
    await bench.client.post("/backtest/optimize", json=GRID)

    (job,) = (await bench.client.get("/backtest/jobs")).json()["jobs"]

    assert job["request"]["window_range"] == {"min": 10.0, "max": 20.0, "step": 10.0}
    assert "strategy" not in job["request"]
    assert job["outcome"] == {
        "verdict": "Not proven: x",
        "params": {"window": 10},
        "best_value": None,
        "total_return": 0.02,
        "sharpe_ratio": 0.5,
    }


@pytest.mark.parametrize("result", [{}, {"best": 0.5}, {"metrics": None}, {"best": None}])
def test_a_result_of_another_shape_has_no_figures(result):
    view = jobs.JobIndex()
    view.request(backtest_request())
    view.result(job_result(result=result))

    outcome = job_bodies.summary(view.require("job-1", "optimize"))["outcome"]

    assert set(outcome.values()) == {None}


async def test_the_back_test_of_a_trial_is_found_by_its_id_and_in_no_list(bench):
    bench.bus.answers = answered()
    shown = await bench.client.post("/backtest/performance", json=FIXED | {"trial_of": "job-0"})
    await bench.client.post("/backtest/performance", json=FIXED)
    await bench.client.post("/backtest/optimize", json=GRID)

    listed = (await bench.client.get("/backtest/jobs")).json()["jobs"]
    newest = (await bench.client.get("/backtest/jobs?limit=1")).json()["jobs"]

    assert [job["kind"] for job in listed] == ["optimize", "performance"]
    assert newest == listed[:1]
    job_id = shown.json()["job_id"]
    assert job_id not in {job["job_id"] for job in listed}
    assert (await bench.client.get(f"/backtest/jobs/{job_id}")).status_code == 200
