"""MLflow mirror: what the topics say, once, on a real SQLite registry."""

from __future__ import annotations

import base64
import json
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from deploy.cli.job_log import logged
from schemas.configs import ActiveConfig
from schemas.dead_letter import DeadLetter
from schemas.models import ModelRegistered
from schemas.research import PerformanceSpec
from schemas.timeframes import HOUR_MS
from schemas.topics import topic_of
from schemas.variants import VariantTest
from schemas.versions import ModelStageChanged
from streams.runtime.codec import Received, Stored
from tests.build import equity_curve, job_result, registered, reliability, training_request
from tests.fakes.small_models import change_to, small_model
from workers.models.artifact import model_folder, read_model
from workers.settings import Settings
from workers.training.mlflow_mirror import MlflowMirror
from workers.training.mlflow_runs import (
    MirroredVersion,
    failed_trainings,
    job_run,
    logged_jobs,
    logging_configs,
    mirrored_versions,
)
from workers.training.mlflow_schema import MirrorIncomplete
from workers.training.mlflow_tracking import Tracking

# MLflow's own imports warn about their dependencies.
pytestmark = pytest.mark.filterwarnings("ignore")


def received(record: Any) -> Received:
    headers = [("git_commit", b"abc123")]
    return Received(Stored(topic_of(record).name, 0, 0, 0, None, b"", headers), record, "trace-1")


def stage_changed(model: ModelRegistered, number: int, stage: Any) -> ModelStageChanged:
    return ModelStageChanged(
        strategy=model.strategy,
        timeframe_ms=model.timeframe_ms,
        number=number,
        model_version=model.model_version,
        from_stage=None,
        to_stage=stage,
        event_time_ms=0,
        effective_from_ms=None,
        action="stage",
        reason="",
        by="desk",
        command_id=None,
        revision=1,
    )


def client(tracking: Tracking) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=tracking.uri, registry_uri=tracking.uri)


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    client(Tracking(f"sqlite:///{path}", None)).search_experiments()  # seconds of migrations
    return path


@pytest.fixture
def tracking(tmp_path, empty_database) -> Iterator[Tracking]:
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    database = tmp_path / "mlflow.db"
    yield Tracking(f"sqlite:///{database}", (tmp_path / "artifacts").as_uri(), {}, database)
    from sqlalchemy.orm import close_all_sessions

    close_all_sessions()


def mirror_versions(tracking: Tracking, versions: Sequence[MirroredVersion]) -> MlflowMirror:
    mirrored = MlflowMirror(tracking)
    mirrored.put_versions(versions)
    mirrored.raise_left_out()
    return mirrored


def dump(tracking: Tracking) -> list[tuple[str, dict[str, str]]]:
    versions = client(tracking).search_model_versions("name = 'ensemble'")
    return sorted((str(each.version), dict(each.tags)) for each in versions)


def test_the_last_change_serves_and_what_served_before_is_archived():
    first, second, third = (registered(model_version=name) for name in ("m1", "m2", "m3"))

    versions = mirrored_versions(
        map(received, (first, second, third, first)),
        map(received, (change_to(first), change_to(third))),
        [],
        {},
    )

    assert [(v.model.model_version, v.stage) for v in versions] == [
        ("m1", "Archived"),
        ("m2", "None"),
        ("m3", "Production"),
    ]
    assert {(v.trace_id, v.git_commit) for v in versions} == {("trace-1", "abc123")}


def test_a_version_is_in_the_stage_that_its_facts_say_and_the_staged_one_is_the_challenger(
    tmp_path, tracking
):
    champion, challenger = small_model(tmp_path, seed=1), small_model(tmp_path, seed=2)
    facts = [
        stage_changed(champion, 1, "Production"),
        stage_changed(challenger, 2, "Production"),
        stage_changed(champion, 1, "Archived"),
        stage_changed(champion, 1, "Production"),
        stage_changed(challenger, 2, "Staging"),
    ]
    versions = mirrored_versions(
        map(received, (champion, challenger)),
        [received(change_to(champion))],
        map(received, facts),
        {},
    )

    shown = mirror_versions(tracking, versions).shown

    mlflow = client(tracking)
    aliased = {
        alias: mlflow.get_model_version_by_alias("ensemble", alias).tags["model_version"]
        for alias in ("champion", "challenger")
    }
    assert aliased == {
        "champion": champion.model_version,
        "challenger": challenger.model_version,
    }
    assert [(run.stage, run.tags["version_number"]) for run in shown.values()] == [
        ("Production", "1"),
        ("Staging", "2"),
    ]


def test_a_model_is_mirrored_with_files_numbers_tags_and_alias(tmp_path, tracking, monkeypatch):
    model, elsewhere = small_model(tmp_path), tmp_path / "where it runs"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    mirror_versions(tracking, [MirroredVersion(model, "Production", "trace-1", "abc123")])

    assert list(elsewhere.iterdir()) == []
    mlflow = client(tracking)
    version = mlflow.get_model_version_by_alias("ensemble", "champion")
    run = mlflow.get_run(version.run_id)
    assert version.tags["stage"] == "Production"
    assert version.tags["model_version"] == model.model_version
    assert (version.tags["git_commit"], version.tags["trace_id"]) == ("abc123", "trace-1")
    assert run.data.metrics["log_loss"] == model.metrics.log_loss
    assert run.data.params["symbols"] == "BTCUSDT"
    assert run.info.status == "FINISHED"
    files = {item.path for item in mlflow.list_artifacts(version.run_id, "model")}
    assert {"model/manifest.json", "model/forest.json", "model/requirements.txt"} <= files


def test_the_active_config_names_the_experiment_and_whether_parameters_are_logged(
    tmp_path, tracking
):
    model = small_model(tmp_path)
    mlflow_part: dict[str, JsonValue] = {
        "experiment_name": "../desk/trials",
        "auto_log_params": False,
    }
    config = ActiveConfig(
        strategy="ensemble",
        config_id="v1-01234567",
        config_hash="0" * 64,
        version_number=1,
        event_time_ms=0,
        effective_from_ms=0,
        revision=1,
        config_data={"mlflow": mlflow_part},
    )

    versions = mirrored_versions([received(model)], [], [], logging_configs([received(config)]))
    mirror_versions(tracking, versions)

    mlflow = client(tracking)
    experiment = mlflow.get_experiment_by_name("../desk/trials")
    [run] = mlflow.search_runs([experiment.experiment_id])
    assert run.data.params == {}
    assert run.data.metrics["log_loss"] == model.metrics.log_loss
    assert experiment.artifact_location == f"{tracking.artifacts}/ensemble"
    assert mlflow.get_experiment_by_name("ensemble") is None


def test_mirroring_again_changes_nothing(tmp_path, tracking):
    versions = [MirroredVersion(small_model(tmp_path), "Production", "trace-1", "abc123")]
    mirror_versions(tracking, versions)
    before = dump(tracking)

    mirror_versions(tracking, versions)

    runs = client(tracking).search_runs(
        [client(tracking).get_experiment_by_name("ensemble").experiment_id]
    )
    assert dump(tracking) == before
    assert len(runs) == 1


def test_a_promotion_archives_the_one_before_and_moves_the_alias(tmp_path, tracking):
    old, new = small_model(tmp_path, seed=1), small_model(tmp_path, seed=2)
    mirror_versions(tracking, [MirroredVersion(old, "Production", "t", "c")])

    mirror_versions(
        tracking,
        [MirroredVersion(old, "Archived", "t", "c"), MirroredVersion(new, "Production", "t", "c")],
    )

    mlflow = client(tracking)
    champion = mlflow.get_model_version_by_alias("ensemble", "champion")
    stages = {tags["model_version"]: tags["stage"] for _, tags in dump(tracking)}
    assert champion.tags["model_version"] == new.model_version
    assert stages == {old.model_version: "Archived", new.model_version: "Production"}


def test_a_model_with_an_altered_file_is_left_out_and_the_others_are_not(tmp_path, tracking):
    good, bad = small_model(tmp_path, seed=1), small_model(tmp_path, seed=2)
    (tmp_path / "ensemble" / bad.model_version / "forest.json").write_text("{}")

    with pytest.raises(MirrorIncomplete, match=f"{bad.model_version}.*altered"):
        mirror_versions(
            tracking,
            [MirroredVersion(bad, "Production", "t", "c"), MirroredVersion(good, "None", "t", "c")],
        )

    assert [tags["model_version"] for _, tags in dump(tracking)] == [good.model_version]


def test_what_somebody_changed_or_deleted_in_mlflow_is_mended(tmp_path, tracking):
    kept, purged = small_model(tmp_path, seed=1), small_model(tmp_path, seed=2)
    versions = [
        MirroredVersion(kept, "Production", "t", "c"),
        MirroredVersion(purged, "Archived", "t", "c"),
    ]
    before = mirror_versions(tracking, versions).shown
    run_ids = {subject.removeprefix("model/"): run.run_id for subject, run in before.items()}
    mlflow = client(tracking)
    mlflow.set_model_version_tag("ensemble", "1", "stage", "Archived")
    mlflow.set_registered_model_alias("ensemble", "champion", "2")
    mlflow.set_registered_model_alias("ensemble", "challenger", "2")
    mlflow.set_tag(run_ids[kept.model_version], "qualified", "perhaps")
    mlflow.delete_run(run_ids[purged.model_version])
    mlflow.delete_model_version("ensemble", "2")
    shutil.rmtree(tmp_path / "artifacts" / "ensemble" / run_ids[kept.model_version])
    mlflow.delete_experiment(mlflow.get_experiment_by_name("ensemble").experiment_id)

    after = mirror_versions(tracking, versions).shown

    assert {run.run_id for run in after.values()} == set(run_ids.values())
    champion = mlflow.get_model_version_by_alias("ensemble", "champion")
    assert champion.tags["model_version"] == kept.model_version
    assert mlflow.get_registered_model("ensemble").aliases == {"champion": champion.version}
    stages = {tags["model_version"]: tags["stage"] for _, tags in dump(tracking)}
    assert stages == {kept.model_version: "Production", purged.model_version: "Archived"}
    files = {item.path for item in mlflow.list_artifacts(champion.run_id, "model")}
    assert "model/manifest.json" in files
    assert after[f"model/{kept.model_version}"].tags["qualified"] != "perhaps"


def test_a_wiped_store_gets_the_same_mirror_again(tmp_path, tracking, empty_database):
    versions = [MirroredVersion(small_model(tmp_path), "Production", "trace-1", "abc123")]
    before, shown = mirror_versions(tracking, versions).shown, dump(tracking)
    shutil.copy(empty_database, tmp_path / "mlflow.db")

    after = mirror_versions(tracking, versions).shown

    same = {"run_id": "", "event_time_ms": 0}
    assert dump(tracking) == shown
    assert [run.model_copy(update=same) for run in after.values()] == [
        run.model_copy(update=same) for run in before.values()
    ]


def test_a_training_that_failed_is_a_failed_run_with_its_cause_and_what_was_asked(tracking):
    request = training_request()
    letter = DeadLetter(
        topic="training.requests.v1",
        partition=0,
        offset=1,
        key="ensemble",
        consumer="training",
        kind="rejected",
        cause="one of 3 folds has 12 training rows, expected at least 300",
        payload_base64=base64.b64encode(request.encode()).decode(),
        event_time_ms=1_000,
        trace_id="trace-2",
    )
    stored = Stored("training.requests.v1.dlq", 0, 0, 0, None, b"", [])
    unreadable = letter.model_copy(update={"payload_base64": "bm90aGluZw=="})
    letters = [Received(stored, each, "trace-2") for each in (letter, unreadable)]
    mirrored = MlflowMirror(tracking)

    for _ in range(2):
        mirrored.put_runs("failed_request_id", failed_trainings(letters, {}))

    [(subject, run)] = mirrored.shown.items()
    stored_run = client(tracking).get_run(run.run_id)
    assert (subject, run.kind, run.experiment) == ("training/r1", "training", "ensemble")
    assert stored_run.info.status == "FAILED"
    assert "expected at least 300" in stored_run.data.tags["cause"]
    assert stored_run.data.params["reason"] == "bootstrap"
    assert len(client(tracking).search_runs([run.experiment_id])) == 1


def test_a_job_that_asked_for_it_is_a_run_and_its_later_result_replaces_the_earlier(tracking):
    part = {"metrics": {"sharpe_ratio": 0.5, "sortino_ratio": None}, "png": {"equity": "aGk="}}
    spec: dict[str, JsonValue] = {"symbol": "BTCUSDT", "strategy": "ema_cross", "log": True}
    early = job_result("j1", spec=spec, status="cancelled", event_time_ms=1_000, result=None)
    late = early.model_copy(
        update={"status": "done", "event_time_ms": 2_000, "result": part, "trials": 9}
    )
    unlogged = job_result("j2")
    results = [received(each) for each in (early, late, unlogged)]
    mirrored = MlflowMirror(tracking)

    for _ in range(2):
        mirrored.put_runs("job_id", logged_jobs(results))

    [(subject, run)] = mirrored.shown.items()
    mlflow = client(tracking)
    assert (subject, run.status, run.experiment) == ("job/j1", "FINISHED", "ema_cross")
    assert (run.metrics["sharpe_ratio"], run.metrics["trials"]) == (0.5, 9.0)
    assert run.params["symbol"] == "BTCUSDT"
    files = {item.path for item in mlflow.list_artifacts(run.run_id, "figures")}
    assert files == {"figures/equity.png"}
    assert len(mlflow.search_runs([run.experiment_id])) == 1


def local_result(**metrics: float) -> dict[str, Any]:
    """Return a back-test as the command line has it."""
    spec = PerformanceSpec(symbol="BTCUSDT", strategy="ema_cross", log=True)
    result = {"metrics": metrics, "spec": spec.model_dump(mode="json"), "trials": 1}
    return result | {"git_commit": "c0ffee", "trace_id": "a" * 32}


@pytest.fixture
def home(tracking, monkeypatch) -> Path:
    """A home whose database has its tables."""
    tmp_path: Path = tracking.database.parent
    monkeypatch.setenv("REGIMEFLOW_HOME", str(tmp_path))
    return tmp_path


def test_a_backtest_of_the_command_line_is_one_run_however_often_it_is_logged(home):
    [first] = logged([local_result(sharpe_ratio=0.5)])
    [again] = logged([local_result(sharpe_ratio=0.5)])

    run = client(Tracking.from_settings(Settings(home=home))).get_run(first["mlflow_run_id"])
    assert again["mlflow_run_id"] == first["mlflow_run_id"]
    assert (run.data.metrics["sharpe_ratio"], run.info.status) == (0.5, "FINISHED")
    assert run.data.tags["job_id"] == f"local-{'a' * 12}"


def test_what_is_logged_while_mlflow_is_away_is_kept_said_and_mirrored_later(
    home, monkeypatch, capsys
):
    monkeypatch.setenv("REGIMEFLOW_MLFLOW_TRACKING_URI", "sqlite:////dev/null/mlflow.db")
    [away] = logged([local_result()])
    (home / "logged" / "torn.json").write_text("{")

    mirrored = MlflowMirror(Tracking.from_settings(Settings(home=home, mlflow_tracking_uri=None)))
    mirrored.put_kept()

    assert away["mlflow_run_id"] is None
    assert "MLflow is away" in capsys.readouterr().err
    assert list(mirrored.shown) == [f"job/local-{'a' * 12}"]


def test_the_scores_of_folds_are_steps_and_the_charts_of_a_report_are_artifacts(tmp_path):
    model = small_model(tmp_path).model_copy(
        update={"reliability": reliability(), "equity": equity_curve()}
    )
    manifest, contents = read_model(model)
    first, later = (
        {
            "rows": 400,
            "from_ms": 1,
            "lstm": {"log_loss": loss, "balanced_accuracy": accuracy},
            "class_prior": {"log_loss": 1.05},
        }
        for loss, accuracy in ((1.02, None), (1.01, 0.4))
    )
    report = json.dumps({"folds": [first, later]}).encode()
    (model_folder(model.uri) / "equity.png").write_bytes(b"drawn")

    run = MirroredVersion(model, "None", "", "").run(manifest, contents | {"report": report})

    assert {each for each in run.metrics if each[0].startswith("fold.lstm")} == {
        ("fold.lstm.log_loss", 1.02, 0),
        ("fold.lstm.log_loss", 1.01, 1),
        ("fold.lstm.balanced_accuracy", 0.4, 1),
    }
    drawings = {name for name in run.files if name.startswith("figures/")}
    assert drawings == {
        *(f"figures/{name}.plotly.json" for name in ("reliability", "equity", "drawdown", "folds")),
        "figures/equity.png",
    }


def test_what_each_way_to_make_the_forests_gained_is_a_metric(tmp_path):
    found = VariantTest(
        variant="search",
        rows=600,
        trials=20,
        log_loss=1.01,
        default_log_loss=1.02,
        difference=0.01,
        interval=(0.001, 0.02),
        level=0.98,
        kept=True,
        reason="better beyond chance",
    )
    model = small_model(tmp_path).model_copy(update={"variants": (found,)})

    run = MirroredVersion(model, "None", "", "").run(*read_model(model))

    assert {each for each in run.metrics if each[0].startswith("variant.")} >= {
        ("variant.search.difference", 0.01, 0),
        ("variant.search.interval_low", 0.001, 0),
        ("variant.search.kept", 1.0, 0),
    }


def test_folds_windows_and_trials_are_steps_and_what_is_no_number_is_none():
    result = {
        "trials": 2,
        "efficiency": 0.4,
        "verdict": "Nothing here",
        "out_of_sample_sharpe_ratio": None,
        "windows": [{"out_of_sample": {"sharpe_ratio": 0.1}}, {"out_of_sample": None}],
        "trial_table": [{"number": 0, "values": {"sharpe": 0.2}}],
        "intervals": {"sharpe_ratio": [0.1, 0.2]},
    }
    spec: dict[str, JsonValue] = {"config": {"auto_log_params": False}, "log": True}

    run = job_run(job_result(spec=spec).model_copy(update={"result": result}))

    assert set(run.metrics) == {
        ("trials", 6.0, 0),
        ("seconds", 0.25, 0),
        ("efficiency", 0.4, 0),
        ("window.out_of_sample.sharpe_ratio", 0.1, 0),
        ("trial.number", 0.0, 0),
        ("trial.values.sharpe", 0.2, 0),
    }
    assert (run.params, run.experiment) == ({}, "backtests")


def test_the_home_s_database_is_created_and_upgraded_by_its_owner_and_never_downgraded(
    tmp_path, tracking
):
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = 'of-tomorrow'")

    with pytest.raises(MirrorIncomplete, match=r"newer MLflow.*move it away"):
        MlflowMirror(tracking)


def test_who_is_killed_while_the_tables_are_made_leaves_no_database(tmp_path, monkeypatch):
    from mlflow.store.db import utils

    def killed(_engine: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(utils, "_upgrade_db", killed)
    database = tmp_path / "mlflow.db"

    with pytest.raises(KeyboardInterrupt):
        MlflowMirror(Tracking(f"sqlite:///{database}", None, {}, database))

    assert not database.exists()


def test_a_half_made_database_is_made_anew(tmp_path, tracking):
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database, database:
        [(newest,)] = database.execute("SELECT version_num FROM alembic_version")
        database.execute("UPDATE alembic_version SET version_num = '7f2a7d5fae7d'")
        database.execute("CREATE TABLE _alembic_tmp_params (key TEXT)")

    MlflowMirror(tracking)

    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
        assert database.execute("SELECT version_num FROM alembic_version").fetchall() == [(newest,)]


def test_by_default_everything_stays_in_the_home(tmp_path):
    default = Tracking.from_settings(Settings(home=tmp_path))
    set_elsewhere = Tracking.from_settings(
        Settings(home=tmp_path, mlflow_tracking_uri="http://127.0.0.1:5000")
    )

    assert default.uri == f"sqlite:///{tmp_path}/mlflow.db"
    assert (default.database, set_elsewhere.database) == (tmp_path / "mlflow.db", None)
    assert default.artifacts == f"{tmp_path.as_uri()}/mlflow-artifacts"
    assert set_elsewhere == Tracking("http://127.0.0.1:5000", None, home=tmp_path)


def test_the_log_in_of_mlflow_reaches_its_client_and_no_text(tmp_path):
    tracking = Tracking.from_settings(
        Settings(
            home=tmp_path,
            mlflow_tracking_uri="https://mlflow.example",
            mlflow_username="desk",
            mlflow_password="hush",  # noqa: S106 - not a real one
            mlflow_verify_ssl=False,
        )
    )

    assert tracking.access == {
        "MLFLOW_TRACKING_USERNAME": "desk",
        "MLFLOW_TRACKING_PASSWORD": "hush",
        "MLFLOW_TRACKING_INSECURE_TLS": "true",
    }
    assert "hush" not in repr(tracking)


def test_models_of_two_timeframes_replace_and_archive_each_other_nowhere(tmp_path, tracking):
    minutes, hours = small_model(tmp_path), small_model(tmp_path, timeframe_ms=HOUR_MS)
    versions = mirrored_versions(
        map(received, (minutes, hours)),
        map(received, (change_to(minutes), change_to(hours))),
        [],
        {},
    )

    mirror_versions(tracking, versions)

    mlflow = client(tracking)
    champions = {
        name: mlflow.get_model_version_by_alias(name, "champion").tags
        for name in ("ensemble", "ensemble-1h")
    }
    assert {name: tags["model_version"] for name, tags in champions.items()} == {
        "ensemble": minutes.model_version,
        "ensemble-1h": hours.model_version,
    }
    assert [tags["timeframe"] for tags in champions.values()] == ["1m", "1h"]
    assert [tags["stage"] for tags in champions.values()] == ["Production", "Production"]
