"""Streams of jobs: events in order, resumed where they broke off, cancelled when nobody looks."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import orjson
import pytest

from gateway.answers import job_events
from schemas.jobs import BacktestRequest, JobCommand
from tests.build import job_progress, job_result, status
from tests.gateway.answers.test_jobs import GRID, answered, published

pytestmark = pytest.mark.anyio


@pytest.fixture
def streaming(served):
    """A served gateway with the worker running."""
    served.bus.feed(status("backtest"))
    return served


@asynccontextmanager
async def stream(gateway, path="/backtest/optimize/stream", body=GRID, **headers):
    """Yield an iterator over (event, id, body) of a stream."""
    method = "POST" if path.endswith("optimize/stream") else "GET"
    async with (
        asyncio.timeout(20),
        gateway.client.stream(
            method, path, json=body if method == "POST" else None, headers=headers
        ) as response,
    ):
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        yield events(response)


async def events(response):
    fields = {}
    async for line in response.aiter_lines():
        name, _, text = line.partition(": ")
        if line:
            fields[name] = text
        elif "event" in fields:
            yield fields["event"], fields["id"], orjson.loads(fields["data"])
            fields = {}


async def test_init_comes_at_once_then_progress_then_the_result_of_the_plain_route(streaming):
    async with stream(streaming) as stream_events:
        name, _, init = await anext(stream_events)
        job_id = init["job_id"]
        streaming.bus.feed(job_progress(job_id, 0))
        first = await anext(stream_events)
        streaming.bus.feed(job_progress(job_id, 3))
        second = await anext(stream_events)
        streaming.bus.feed(job_result(job_id))
        rest = [event async for event in stream_events]
    streaming.bus.answers = answered()
    plain = (await streaming.client.post("/backtest/optimize", json=GRID)).json()

    assert (name, init["total_trials"], init["status"]) == ("init", 6, "queued")
    assert first[2] | {"trial": 0, "total": 6, "best_sharpe": None, "stage": "init"} == first[2]
    assert second[2] | {"trial": 3, "total": 6, "best_sharpe": 0.5} == second[2]
    assert int(first[1]) < int(second[1])
    ((event, place, result),) = rest
    assert (event, place) == ("result", "end")
    assert result | {"job_id": ""} == plain | {"job_id": ""}


async def test_what_is_wrong_is_told_before_the_stream_begins(streaming):
    wrong = await streaming.client.post(
        "/backtest/optimize/stream", json=GRID | {"symbol": "DOGEUSDT"}
    )

    assert wrong.status_code == 404
    assert "known: BTCUSDT" in wrong.json()["detail"]


async def test_a_failure_is_an_error_event(streaming):
    failed = {"status": "failed", "error": "only 3 days", "fault": "request", "result": None}
    streaming.bus.answers = answered(**failed)

    async with stream(streaming) as stream_events:
        *_, (name, place, body) = [event async for event in stream_events]

    assert (name, place) == ("error", "end")
    assert (body["detail"], body["status"], body["fault"]) == ("only 3 days", "failed", "request")


async def test_a_reader_that_comes_back_gets_what_came_after_its_last_event(streaming):
    async with stream(streaming) as stream_events:
        job_id = (await anext(stream_events))[2]["job_id"]
        streaming.bus.feed(job_progress(job_id, 1))
        _, place, _ = await anext(stream_events)
        path = f"/backtest/jobs/{job_id}/stream"
        async with stream(streaming, path, **{"Last-Event-ID": place}) as again:
            streaming.bus.feed(job_progress(job_id, 5), job_result(job_id))
            resumed = [event async for event in again]
        late = await streaming.client.get(path, headers={"Last-Event-ID": "end"})
        wrong = await streaming.client.get(path, headers={"Last-Event-ID": "x"})
        whole = [event async for event in response_events(await streaming.client.get(path))]

    assert [name for name, _, _ in resumed][-1] == "result"
    assert all(
        name != "init" and not (name == "progress" and body["trial"] == 1)
        for name, _, body in resumed
    )
    assert (late.status_code, wrong.status_code) == (409, 400)
    assert [name for name, _, _ in whole] == ["init", "progress", "result"]


async def response_events(response):
    async for event in events(response):
        yield event


@pytest.mark.parametrize(("flag", "cancelled"), [(True, True), (False, False)])
async def test_a_reader_that_goes_away_cancels_its_job_or_not(
    streaming, monkeypatch, flag, cancelled
):
    monkeypatch.setattr(job_events, "COME_BACK_S", 0.05)
    async with stream(streaming, body=GRID | {"cancel_on_disconnect": flag}) as stream_events:
        job_id = (await anext(stream_events))[2]["job_id"]
    job = streaming.ctx.views.jobs.get(job_id)

    await reader_gone(job)

    assert [c.job_id for c in published(streaming, JobCommand)] == [job_id] * cancelled


async def test_a_reader_that_comes_back_in_time_keeps_its_job(streaming, monkeypatch):
    monkeypatch.setattr(job_events, "COME_BACK_S", 0.2)
    async with stream(streaming) as stream_events:
        job_id = (await anext(stream_events))[2]["job_id"]
    async with stream(streaming, f"/backtest/jobs/{job_id}/stream") as stream_events:
        await anext(stream_events)
        while job_events._abandonments:  # noqa: ASYNC110 - a task of the server
            await asyncio.sleep(0.01)
        streaming.bus.feed(job_result(job_id))
        assert [name async for name, _, _ in stream_events] == ["result"]

    assert published(streaming, JobCommand) == []


async def test_head_of_a_stream_ends_and_cancels_nothing(streaming, monkeypatch):
    monkeypatch.setattr(job_events, "COME_BACK_S", 0.05)
    async with stream(streaming) as stream_events:
        job_id = (await anext(stream_events))[2]["job_id"]
        job = streaming.ctx.views.jobs.get(job_id)

        head = await streaming.client.head(f"/backtest/jobs/{job_id}/stream")

        async with asyncio.timeout(10):
            while job.watchers > 1:  # noqa: ASYNC110 - the server goes on
                await asyncio.sleep(0.01)
        assert head.status_code == 200
        assert head.headers["content-type"].startswith("text/event-stream")
        assert published(streaming, JobCommand) == []


async def test_who_only_watches_a_job_does_not_cancel_it_by_leaving(streaming, monkeypatch):
    monkeypatch.setattr(job_events, "COME_BACK_S", 0.05)
    waiting = asyncio.create_task(streaming.client.post("/backtest/optimize", json=GRID))
    async with asyncio.timeout(10):
        while not published(streaming, BacktestRequest):  # noqa: ASYNC110 - the server goes on
            await asyncio.sleep(0.01)
    job_id = published(streaming, BacktestRequest)[0].request_id
    job = streaming.ctx.views.jobs.get(job_id)

    async with stream(streaming, f"/backtest/jobs/{job_id}/stream") as stream_events:
        await anext(stream_events)
    await reader_gone(job)
    streaming.bus.feed(job_progress(job_id, 1), job_result(job_id))

    assert (await waiting).status_code == 200
    assert published(streaming, JobCommand) == []


async def test_who_asked_by_a_stream_does_not_take_the_job_from_who_waits_for_it(
    streaming, monkeypatch
):
    monkeypatch.setattr(job_events, "COME_BACK_S", 0.05)
    same = {"Idempotency-Key": "same"}
    async with stream(streaming, body=GRID, **same) as stream_events:
        job_id = (await anext(stream_events))[2]["job_id"]
        job = streaming.ctx.views.jobs.get(job_id)
        waiting = asyncio.create_task(
            streaming.client.post("/backtest/optimize", json=GRID, headers=same)
        )
        async with asyncio.timeout(10):
            while job.ends_with_reader:  # noqa: ASYNC110 - the server goes on
                await asyncio.sleep(0.01)
    await reader_gone(job)
    streaming.bus.feed(job_progress(job_id, 1), job_result(job_id))

    assert (await waiting).status_code == 200
    assert published(streaming, JobCommand) == []


async def reader_gone(job):
    """Wait until the server has noticed that the reader left, and has acted on it."""
    async with asyncio.timeout(10):
        while job.watchers or job_events._abandonments:  # noqa: ASYNC110 - the server goes on
            await asyncio.sleep(0.01)


async def test_fifty_readers_of_fifty_jobs_each_get_their_own(streaming):
    streaming.client.timeout = 30

    async def read(seed):
        async with stream(streaming, body=GRID | {"seed": seed}) as stream_events:
            return [(name, body["job_id"]) async for name, _, body in stream_events]

    readers = [asyncio.create_task(read(seed)) for seed in range(50)]
    async with asyncio.timeout(20):
        while len(published(streaming, BacktestRequest)) < 50:  # noqa: ASYNC110 - the server goes on
            await asyncio.sleep(0.01)
    for record in published(streaming, BacktestRequest):
        streaming.bus.feed(job_progress(record.request_id), job_result(record.request_id))
    streams = await asyncio.gather(*readers)

    assert len({job_id for received in streams for _, job_id in received}) == 50
    assert all((received[0][0], received[-1][0]) == ("init", "result") for received in streams)
    assert all(len({job_id for _, job_id in received}) == 1 for received in streams)


async def test_a_silent_stream_is_kept_open_by_comments(streaming, monkeypatch):
    monkeypatch.setattr("fastapi.routing._PING_INTERVAL", 0.05)
    async with (
        asyncio.timeout(10),
        streaming.client.stream("POST", "/backtest/optimize/stream", json=GRID) as response,
    ):
        async for line in response.aiter_lines():
            if line.startswith(": ping"):
                break
