"""A store that does not answer, from the process that loads a model of it to ``/health``."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import fsspec
import pytest
from moto.server import ThreadedMotoServer

from gateway.context import AppContext
from schemas.models import ModelChanged
from schemas.status import LoadedModel
from streams.runtime.settings import KafkaSettings
from tests.fakes.small_models import change_to, small_model
from tests.gateway.kafka.test_answer_log import gateway_on
from workers.model_watch import ModelWatch
from workers.models.artifact import model_folder
from workers.models.bundle_store import publish
from workers.serving.slots import load_ensemble

pytestmark = [pytest.mark.anyio, pytest.mark.kafka]

NOBODY = "http://127.0.0.1:1"


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def ask_at(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    fsspec.filesystem("s3").clear_instance_cache()


def load(change: ModelChanged) -> LoadedModel:
    return load_ensemble(change.model).status()


async def test_health_names_a_model_whose_store_is_away_until_it_is_loaded(
    endpoint, pipeline_topics, tmp_path, monkeypatch
):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "secret-of-the-store")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("REGIMEFLOW_HOME", str(tmp_path / "serves"))
    ask_at(endpoint, monkeypatch)
    boto3.client("s3").create_bucket(Bucket="desk")
    trained = small_model(tmp_path / "trains")
    model = trained.changed({"uri": f"s3://desk/models/ensemble/{trained.model_version}"})
    publish(model_folder(trained.uri), model.uri)
    ask_at(NOBODY, monkeypatch)
    watch = ModelWatch(KafkaSettings(pipeline_topics), "inference", load)

    def state_is(wanted: str):
        def holds(ctx: AppContext) -> bool:
            inference = ctx.views.statuses.get("inference")
            return inference is not None and (inference.state, bool(inference.models)) == (
                wanted,
                wanted == "running",
            )

        return holds

    try:
        async with gateway_on(pipeline_topics) as gateway:
            watch.status.report("running", "")
            watch.apply([change_to(model, 1)])
            await gateway.until(state_is("degraded"))
            away = (await gateway.client.get("/health")).json()
            ask_at(endpoint, monkeypatch)
            watch._retry_at_s = 0.0
            watch.retry()
            await gateway.until(state_is("running"))
            back = (await gateway.client.get("/health")).json()
    finally:
        watch.status.close()

    [said] = [reason for reason in away["degraded"] if model.uri in reason]
    assert f"model {model.model_version} refused" in said
    assert "cannot be read" in said
    assert "no model serves, so bars wait for it" in said
    assert away["status"] == "degraded"
    assert "secret-of" not in str(away)
    assert "s3://" not in str(back)
