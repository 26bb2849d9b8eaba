"""Training worker: a request on real Kafka becomes a registered model, mirrored into MLflow."""

from __future__ import annotations

import itertools
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing

import numpy as np
import pytest

from schemas.clock import ClockTick
from schemas.features import FeatureVector
from schemas.mlflow import MlflowRun
from schemas.models import ModelChanged, ModelRegistered
from schemas.timeframes import HOUR_MS, MINUTE_MS
from schemas.topics import MLFLOW_RUNS, TRAINING_PROGRESS
from schemas.training import TrainingProgress, TrainingRequest
from streams.features.catalog import FEATURE_NAMES, FEATURE_SET_ID
from streams.processor import RecordRejected
from streams.runtime.publisher import Publisher
from streams.runtime.reader import Reader
from streams.runtime.settings import EXIT_REFUSED, KafkaSettings
from tests.build import START_MS, close_time, job_result, regime_parameters, registered
from tests.fakes.small_models import change_to, small_model
from workers.serving.slots import load_ensemble
from workers.settings import Settings
from workers.training import mlflow_follower
from workers.training.judge import serving_filters
from workers.training.mlflow_follower import Mirroring
from workers.training.mlflow_tracking import Tracking
from workers.training.progress import STAGES, overall_share
from workers.training.turns import Turns
from workers.training.worker import run, run_in_children

BARS = 2_300


def vectors(count):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(count, len(FEATURE_NAMES)))
    values[:, FEATURE_NAMES.index("realised_volatility_60")] = 0.001
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.001, count)))
    for m in range(count):
        yield FeatureVector(
            symbol="BTCUSDT",
            timeframe_ms=MINUTE_MS,
            event_time_ms=close_time(m),
            available_time_ms=close_time(m),
            feature_set_id=FEATURE_SET_ID,
            open=close[m],
            close=close[m],
            values=dict(zip(FEATURE_NAMES, values[m].tolist(), strict=True)),
        )


def request(to_bar, from_bar=0):
    return TrainingRequest(
        request_id="r1",
        strategy="ensemble",
        event_time_ms=START_MS,
        symbols=("BTCUSDT",),
        timeframe_ms=MINUTE_MS,
        from_ms=close_time(from_bar),
        to_ms=close_time(to_bar),
        reason="bootstrap",
    )


def published_progress(kafka):
    with Reader(kafka, (TRAINING_PROGRESS,)) as reader:
        records = [message.record for message in reader.read_to_end()]
    return [record for record in records if isinstance(record, TrainingProgress)]


@pytest.mark.kafka
def test_a_request_becomes_a_model_that_loads_and_one_too_short_is_refused(
    pipeline_topics, tmp_path
):
    kafka = KafkaSettings(pipeline_topics)
    publisher = Publisher(kafka, "market")
    for vector in vectors(BARS + 50):
        publisher.publish(vector)
    publisher.publish(ClockTick(event_time_ms=close_time(BARS) + 7, speed=1.0))
    publisher.flush()

    model, *_ = run_in_children(request(BARS - 1), tmp_path, kafka, lambda: False)
    # A later one, whose children come one after the other.
    short = request(BARS - 1, BARS - 200).model_copy(update={"reason": "manual"})
    with pytest.raises(RecordRejected, match="one of 2 folds has"):
        run_in_children(short, tmp_path, kafka, lambda: False)

    assert isinstance(model, ModelRegistered)
    assert load_ensemble(model).version == model.model_version
    assert model.event_time_ms == close_time(BARS) + 7
    assert model.trained_to_ms <= close_time(BARS - 1)
    assert not model.qualified
    assert [report.name for report in model.reports] == [
        *("data", "features", "boosted", "lstm", "ensemble", "promotion")
    ]
    assert model.holdout is not None
    assert model.holdout.from_ms > model.trained_to_ms
    progress = published_progress(kafka)
    shares = [p.done for p in progress if p.stage != "failed"]
    first_run = shares[: shares.index(1.0) + 1]
    assert first_run == sorted(first_run)
    assert progress[-1].stage == "failed"
    assert "unqualified: log-loss" in next(p.note for p in progress if p.stage == "done")


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("s3://key:canary-of-the-url@bucket/models", "the s3:// URL holds a user or options"),
        ("s3://bucket/models?token=canary-of-the-url", "the s3:// URL holds a user or options"),
        ("nfs4://server/models", "nfs4:// is unknown, expected such as abfs, file, gs, s3"),
    ],
)
def test_a_place_of_models_that_cannot_be_used_is_refused_with_its_setting(
    tmp_path, capsys, place, message
):
    settings = Settings(home=tmp_path, model_dir=place)

    assert run(settings, KafkaSettings("127.0.0.1:1")) == EXIT_REFUSED

    said = capsys.readouterr().out
    assert "REGIMEFLOW_MODEL_DIR: " in said
    assert message in said
    assert "canary" not in said


def test_the_process_loads_neither_compiler_nor_torch_before_a_training():
    script = "import sys, workers.training.worker; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout

    assert b"workers.training.turns" in loaded.split()
    assert not {b"numba", b"torch", b"xgboost", b"mlflow", b"shap", b"pandas"} & {*loaded.split()}


@pytest.mark.parametrize(("before", "after"), list(itertools.pairwise(STAGES)))
def test_each_stage_ends_where_the_next_begins(before, after):
    assert overall_share(before[0], 1.0) == pytest.approx(overall_share(after[0], 0.0))
    assert overall_share("failed", 1.0) == 0.0


@pytest.mark.kafka
@pytest.mark.parametrize("broken", [False, True], ids=["reachable", "unreachable"])
def test_mlflow_follows_the_topics_or_the_report_says_why_not(
    pipeline_topics, tmp_path, monkeypatch, broken
):
    monkeypatch.setattr(mlflow_follower, "SETTLES_AFTER_S", 0.5)
    kafka = KafkaSettings(pipeline_topics)
    reports: list[str] = []
    drawn: list[ModelRegistered] = []
    reported, stop = threading.Event(), threading.Event()
    elsewhere = "sqlite:////dev/null/mlflow.db" if broken else None
    settings = Settings(home=tmp_path, mlflow_tracking_uri=elsewhere)
    model = small_model(tmp_path / "models")
    publisher = Publisher(kafka, "promotion")
    publisher.publish(model)
    publisher.publish(change_to(model))
    publisher.publish(job_result("j1", spec={"symbol": "BTCUSDT", "log": True}))
    publisher.publish(job_result("j2"))
    publisher.flush()

    def report(failure):
        reports.append(failure)
        reported.set()

    thread = following(settings, kafka, report, drawn.append, stop)
    assert reported.wait(120.0)
    stop.set()
    thread.join()

    assert drawn == [model]
    if broken:
        assert reports[0].startswith("MLflow is behind: ")
        assert not (tmp_path / mlflow_follower.MARKER).exists()
    else:
        assert reports == [""]
        with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
            places = database.execute("SELECT name, artifact_location FROM experiments").fetchall()
        assert {name for name, _ in places} == {"Default", "ensemble", "backtests"}
        assert [place for _, place in places if str(tmp_path) not in place] == []
        assert _published_runs(kafka) == {f"model/{model.model_version}", "job/j1"}
        assert _starts_no_child_again(settings, kafka)


@pytest.mark.kafka
def test_a_stop_while_mlflow_is_written_is_no_failure_of_it(pipeline_topics, tmp_path, monkeypatch):
    monkeypatch.setattr(mlflow_follower, "SETTLES_AFTER_S", 0.0)
    stop = threading.Event()

    def killed(*_: object, **__: object) -> None:
        stop.set()
        raise InterruptedError("the child was killed")

    turns = Turns()
    monkeypatch.setattr(turns, "call_between", killed)
    kafka = KafkaSettings(pipeline_topics)
    publisher = Publisher(kafka, "promotion")
    publisher.publish(small_model(tmp_path / "models"))
    publisher.flush()
    reports: list[str] = []

    settings = Settings(home=tmp_path)
    mirroring = Mirroring(Tracking.from_settings(settings), kafka, settings.home, turns)
    mlflow_follower.follow_models(mirroring, reports.append, lambda _: None, stop)

    assert reports == []


def following(settings, kafka, report, draw, stop):
    """Return a thread that follows the models' topics."""
    mirroring = Mirroring(Tracking.from_settings(settings), kafka, settings.home, Turns())
    thread = threading.Thread(
        target=mlflow_follower.follow_models, args=(mirroring, report, draw, stop)
    )
    thread.start()
    return thread


def _published_runs(kafka):
    with Reader(kafka, (MLFLOW_RUNS,)) as reader:
        return {m.record.subject for m in reader.read_to_end() if isinstance(m.record, MlflowRun)}


def _starts_no_child_again(settings, kafka):
    reports: list[str] = []
    stop = threading.Event()
    thread = following(settings, kafka, reports.append, lambda _: None, stop)
    deadline = time.monotonic() + 3.0
    while time.monotonic() < deadline and not reports:
        stop.wait(0.1)
    stop.set()
    thread.join()
    return reports == []


def test_regimes_keep_the_names_of_the_filter_that_served_when_a_model_was_asked_for():
    asked = request(to_bar=10)

    def change(version: str, **fields: int) -> ModelChanged:
        model = registered(
            timeframe_ms=fields.get("timeframe_ms", MINUTE_MS),
            regimes=(regime_parameters(model_version=version),),
        )
        return ModelChanged(
            strategy=asked.strategy,
            event_time_ms=fields.get("event_time_ms", asked.event_time_ms),
            effective_from_ms=0,
            model=model,
            reason="qualified",
        )

    later = change("later", event_time_ms=asked.event_time_ms + 1)
    hourly = change("hourly", timeframe_ms=HOUR_MS)

    assert serving_filters([], asked) == {}
    filters = serving_filters([change("first"), change("second"), hourly, later], asked)
    assert {symbol: each.model_version for symbol, each in filters.items()} == {"BTCUSDT": "second"}
