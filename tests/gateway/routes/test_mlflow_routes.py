"""MLflow's routes answer from what was mirrored, and name what there is where there is nothing."""

from __future__ import annotations

import pytest

from tests.build import job_result, mlflow_run

pytestmark = pytest.mark.anyio

JOB = {"kind": "backtest", "model": None, "number": None, "stage": None, "aliases": ()}


async def test_a_registered_model_has_its_versions_with_run_stage_and_alias(gateway):
    gateway.bus.feed(
        mlflow_run("model/m1", run_id="a", stage="Archived", aliases=()),
        mlflow_run("model/m2", run_id="b", number="2", tags={"model_version": "m2"}),
    )

    body = (await gateway.client.get("/api/v1/mlflow/models/ensemble")).json()
    first = (await gateway.client.get("/api/v1/mlflow/models/ensemble?version=1")).json()

    assert [(v["version"], v["run_id"], v["stage"], v["aliases"]) for v in body["versions"]] == [
        ("2", "b", "Production", ["champion"]),
        ("1", "a", "Archived", []),
    ]
    assert [version["run_id"] for version in first["versions"]] == ["a"]


async def test_an_experiment_is_named_by_its_id_or_its_name_and_lists_the_newest_first(gateway):
    gateway.bus.feed(
        mlflow_run("job/j1", event_time_ms=1, experiment="desk/trials", experiment_id="7", **JOB),
        mlflow_run("job/j2", event_time_ms=2, experiment="desk/trials", experiment_id="7", **JOB),
        mlflow_run("model/m1"),
    )

    by_id = (await gateway.client.get("/api/v1/mlflow/experiments/7?limit=1")).json()
    by_name = (await gateway.client.get("/api/v1/mlflow/experiments/desk/trials")).json()

    assert (by_id["name"], by_id["total"]) == ("desk/trials", 2)
    assert [run["subject"] for run in by_id["runs"]] == ["job/j2"]
    assert [run["subject"] for run in by_name["runs"]] == ["job/j2", "job/j1"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("models/nothing", "no model nothing of ours; there are ensemble"),
        ("models/ensemble?version=9", "no version 9; there are 1"),
        ("experiments/9", "no experiment 9 of ours; there are 1 (ensemble)"),
    ],
)
async def test_what_is_unknown_is_named_with_what_there_is(gateway, path, expected):
    gateway.bus.feed(mlflow_run())

    answer = await gateway.client.get(f"/api/v1/mlflow/{path}")

    assert answer.status_code == 404
    assert expected in answer.json()["detail"]


async def test_before_the_first_mirror_it_is_said_where_to_look(gateway):
    answer = await gateway.client.get("/api/v1/mlflow/models/ensemble")

    assert answer.status_code == 404
    assert "nothing is mirrored into MLflow yet" in answer.json()["detail"]


@pytest.mark.parametrize("run_first", [True, False])
async def test_a_job_names_its_run_whichever_is_read_first(gateway, run_first):
    records = [job_result("j1"), mlflow_run("job/j1", run_id="r1", **JOB)]
    gateway.bus.feed(*(reversed(records) if run_first else records))

    body = (await gateway.client.get("/backtest/jobs/j1")).json()

    assert body["mlflow_run_id"] == "r1"
