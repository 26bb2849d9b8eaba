"""An object store takes the place of a folder: models, results, exports, the archive: s3://."""

from __future__ import annotations

import json

import boto3
import fsspec
import pandas as pd
import pytest
from moto.server import ThreadedMotoServer

from deploy.topics.export import write_bars
from schemas.jobs import RESULT_BYTES, JobResult
from schemas.research import Market
from schemas.topics import BARS
from tests.build import START_MS, bar, registered
from tests.fakes.bundles import write_bundle
from workers.archive.topic_archive import ArchivedRecord, TopicArchive
from workers.bars.sources import archived_sources
from workers.jobs.results import ResultsError, within_bounds
from workers.models.artifact import ArtifactError, bundle_uri, read_model, registered_folder
from workers.models.bundle_store import publish
from workers.storage import location, use_endpoint
from workers.training import publishing
from workers.training.publishing import publish_bundles

BUCKET = "desk"
SECRET = "canary-of-the-store"  # noqa: S105 - moto takes any


@pytest.fixture(scope="module")
def endpoint():
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint, monkeypatch):
    """URL of an empty bucket; the endpoint and the keys are set as an operator would."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1",  # ours goes before it
    }.items():
        monkeypatch.setenv(name, value)
    use_endpoint(endpoint)
    store = boto3.client("s3")
    store.create_bucket(Bucket=BUCKET)
    fsspec.filesystem("s3").clear_instance_cache()
    yield f"s3://{BUCKET}"
    for row in store.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        store.delete_object(Bucket=BUCKET, Key=row["Key"])
    store.delete_bucket(Bucket=BUCKET)


def result(cells: int) -> JobResult:
    return JobResult(
        job_id="job-1",
        kind="optimize",
        event_time_ms=START_MS,
        status="done",
        trials=1,
        seconds=1.0,
        spec={},
        result={"best": 1.5, "table": list(range(cells))},
    )


def test_a_result_that_its_topic_does_not_take_lies_in_the_bucket(bucket):
    large = within_bounds(result(300_000), f"{bucket}/results")

    assert large.result == {"best": 1.5, "table": None}
    assert len(large.encode()) < RESULT_BYTES
    assert large.urls == {"table": f"{bucket}/results/job-1/table.json"}
    with fsspec.open(large.urls["table"]) as file:
        assert json.load(file) == list(range(300_000))


@pytest.mark.usefixtures("bucket")
def test_a_bucket_that_is_not_there_is_named_with_the_setting():
    with pytest.raises(
        ResultsError, match=r"REGIMEFLOW_RESULTS_URL: .* to s3://.*bucket does not exist"
    ):
        within_bounds(result(300_000), "s3://nowhere/results")


def test_the_archive_in_a_bucket_goes_on_where_it_stopped_and_can_be_read(bucket):
    archive = location(f"{bucket}/archive")
    rows = [ArchivedRecord(0, offset, 0, bar(offset)) for offset in range(5)]

    TopicArchive(archive, BARS).write(rows[:3])
    assert TopicArchive(archive, BARS).next_offsets() == {0: 3}
    TopicArchive(archive, BARS).write(rows)

    [source] = archived_sources(archive)
    assert len(source.bars(Market(symbol=source.symbol))) == 5
    assert len(pd.read_parquet(f"{bucket}/archive/{BARS.name}")) == 5


def test_bars_are_exported_into_a_bucket(bucket):
    [exported] = write_bars([bar(minute) for minute in range(3)], location(f"{bucket}/out"))

    assert str(exported.path) == f"{bucket}/out/BTCUSDT_perp_1m.parquet"
    assert len(pd.read_parquet(str(exported.path))) == 3


def take_down(monkeypatch):
    """Let nothing answer where the store was."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    fsspec.filesystem("s3").clear_instance_cache()


def stored_model(home, monkeypatch, place):
    """Return a model as a training on a machine with this home registers it."""
    monkeypatch.setenv("REGIMEFLOW_HOME", str(home))
    monkeypatch.setenv("REGIMEFLOW_MODEL_DIR", f"{place}/models")
    manifest, folder = write_bundle(home / "bundles")
    return registered(
        strategy=manifest.strategy, model_version=manifest.version, uri=bundle_uri(folder)
    )


def test_a_model_in_a_bucket_is_read_through_a_cache_that_needs_no_network(
    bucket, tmp_path, monkeypatch
):
    model = stored_model(tmp_path / "trains", monkeypatch, bucket)
    assert model.uri == f"{bucket}/models/ensemble/{model.model_version}"
    publish(registered_folder(model), model.uri)
    monkeypatch.setenv("REGIMEFLOW_HOME", str(tmp_path / "serves"))

    fetched = read_model(model)

    assert fetched[0].version == model.model_version
    cached = registered_folder(model)
    assert cached == tmp_path / "serves/bundles/ensemble" / model.model_version
    assert not list(cached.parent.glob("_*"))
    (cached / "forest.json").write_bytes(b"altered")
    assert read_model(model) == fetched  # and mends the cache
    take_down(monkeypatch)
    assert read_model(model) == fetched
    (cached / "forest.json").write_bytes(b"altered")
    with pytest.raises(
        ArtifactError, match=r"s3://desk/models/.*/manifest.json cannot be read"
    ) as e:
        read_model(model)
    assert SECRET not in str(e.value)


def test_a_bundle_waits_for_its_store_and_is_lost_by_nothing(
    endpoint, bucket, tmp_path, monkeypatch
):
    monkeypatch.setattr(publishing, "RETRY_EVERY_S", 0.0)
    model = stored_model(tmp_path, monkeypatch, bucket)
    said = []

    def report(failure):
        said.append(failure)
        use_endpoint(endpoint)  # the store is back

    take_down(monkeypatch)
    publish_bundles([model], report, lambda: False)

    assert f"model {model.model_version} waits for its store: {model.uri}" in said[0]
    assert said[-1] == ""
    assert SECRET not in "".join(said)
    assert location(f"{model.uri}/manifest.json").exists()
