"""Tuning on a real broker: one result whatever is killed, cancelled, resumed or shared."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from schemas.jobs import JobCommand, JobResult, TuningRequest
from schemas.research import TuningSpec
from schemas.topics import BARS, JOB_PROGRESS, JOB_RESULTS, TUNING_REQUESTS
from streams.runtime.codec import Received, dead_letter_topic
from streams.runtime.publisher import Publisher
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings
from tests.fakes.hourly_markets import records, trends
from workers.studies.storage import journal_path, open_storage
from workers.tuning.job import TuningJob, tune

pytestmark = pytest.mark.kafka

WITHIN_S = 120.0
TRIALS = 80
WORKER = """
import sys
from streams.runtime.settings import KafkaSettings
from workers.settings import Settings
from workers.tuning import worker

worker.IDLE_FOR_S = 0.2
bootstrap, home, instance = sys.argv[1:]
sys.exit(worker.run(Settings(home=home), KafkaSettings(bootstrap, instance=instance)))
"""


@pytest.fixture
def kafka(pipeline_topics):
    """A cluster with bars of a market that a fast cross earns on."""
    settings = KafkaSettings(pipeline_topics)
    publish(settings, *records(trends()))
    return settings


def publish(kafka, *told):
    publisher = Publisher(kafka, "test")
    for record in told:
        publisher.publish(record)
    publisher.flush()


def request(event_time_ms=1_000, **given):
    asked = {"strategy_name": "ema_cross", "n_trials": TRIALS} | given
    return TuningRequest(request_id="job-1", event_time_ms=event_time_ms, spec=TuningSpec(**asked))


@contextlib.contextmanager
def worker(kafka, home, instance="0"):
    command = [sys.executable, "-c", WORKER, kafka.bootstrap_servers, str(home), instance]
    process = subprocess.Popen(command)
    try:
        yield process
    finally:
        process.terminate()
        assert process.wait(WITHIN_S) in {0, -signal.SIGKILL}


def on(kafka, topic):
    with Reader(kafka, (topic,)) as reader:
        return [message.record for message in reader.read_to_end()]


def until(what, condition):
    deadline = time.monotonic() + WITHIN_S
    while not (found := condition()):
        assert time.monotonic() < deadline, f"no {what} within {WITHIN_S:.0f} s"
        time.sleep(0.3)  # the children are nice: whoever polls faster starves them
    return found


def result(kafka, number: int = 0) -> JobResult:
    reader, results = Reader(kafka, (JOB_RESULTS,)), list[JobResult]()
    deadline = time.monotonic() + WITHIN_S
    while len(results) <= number:
        assert time.monotonic() < deadline, f"no result within {WITHIN_S:.0f} s"
        for message in reader.take(timeout_s=1.0):
            assert isinstance(message, Received)
            assert isinstance(message.record, JobResult)
            results.append(message.record)
    reader.close()
    return results[number]


def parts(job: JobResult) -> dict[str, Any]:
    """Return the parts of a result that has some."""
    assert job.result is not None
    return job.result


def trials_of(home):
    """The trials so far; none before there is a study."""
    if not journal_path(home, "job-1").exists():
        return []
    storage = open_storage(None, home, "job-1")
    with contextlib.suppress(KeyError):
        return optuna.load_study(study_name="job-1", storage=storage).get_trials(deepcopy=False)
    return []


def ended(home, count):
    return until(
        f"{count} trials",
        lambda: sum(t.state == TrialState.COMPLETE for t in trials_of(home)) >= count,
    )


def test_a_worker_and_its_child_killed_in_mid_study_cost_no_trial(kafka, tmp_path):
    publish(kafka, request())
    with worker(kafka, tmp_path) as first:
        ended(tmp_path, 20)
        until("progress on its topic", lambda: on(kafka, JOB_PROGRESS))  # else nothing tells of it
        first.kill()
    before = len(trials_of(tmp_path))

    with worker(kafka, tmp_path):
        found = result(kafka)

    alone = TuningJob("job-1", request().spec, "alone", tmp_path / "alone")
    expected = tune(alone, trends(), lambda *_: None, threading.Event())
    assert isinstance(found, JobResult)
    assert found.status == "done"
    assert before < TRIALS
    assert found.trials == TRIALS
    table = parts(found)["trial_table"]
    assert [row["params"] for row in table] == [r["params"] for r in expected["trial_table"]]
    assert [row["values"] for row in table] == [r["values"] for r in expected["trial_table"]]
    assert parts(found)["out_of_sample"] == expected["out_of_sample"]
    assert len(on(kafka, JOB_RESULTS)) == 1
    assert set(found.urls) == {"result.json", "plots.json", "trials.parquet"}
    assert (tmp_path / "results" / "job-1" / "trials.parquet").is_file()
    written = json.loads((tmp_path / "results" / "job-1" / "result.json").read_text())
    assert found.trace_id
    assert (written["git_commit"], written["trace_id"]) == (found.git_commit, found.trace_id)
    told = on(kafka, JOB_PROGRESS)
    assert [p.stage for p in told].count("init") == 2
    assert told[-1].trial == told[-1].total == TRIALS


def test_a_cancelled_job_keeps_its_trials_and_a_resumed_one_ends_them(kafka, tmp_path):
    publish(kafka, request(n_trials=2_000))
    with worker(kafka, tmp_path):
        ended(tmp_path, 15)
        publish(kafka, JobCommand(job_id="job-1", event_time_ms=2_000, command="cancel"))
        stopped = result(kafka)
        had = stopped.trials
        publish(kafka, request(event_time_ms=3_000, n_trials=had + 20))
        resumed = result(kafka, 1)

    assert stopped.status == "cancelled"
    assert parts(stopped)["partial"]
    assert 15 <= had < 2_000
    assert resumed.status == "done"
    assert resumed.trials == had + 20
    first = [row["params"] for row in parts(stopped)["trial_table"]]
    assert [row["params"] for row in parts(resumed)["trial_table"]][:had] == first


def test_two_processes_share_a_job_and_the_other_gets_it_when_its_owner_dies(kafka, tmp_path):
    publish(kafka, request(n_trials=20_000, sampler="RandomSampler"))

    def claims(state):
        found = [t.user_attrs.get("claim") for t in trials_of(tmp_path) if t.state == state]
        return [claim["worker"] for claim in found if claim]

    def begun():
        return sum(told.stage == "init" for told in on(kafka, JOB_PROGRESS))

    with worker(kafka, tmp_path, "a") as one:
        ended(tmp_path, 5)
        with worker(kafka, tmp_path, "b"):
            both = {"tuning-a", "tuning-b"}
            until("second worker", lambda: set(claims(TrialState.COMPLETE)) == both)
            one.kill()
            until("second owner", lambda: begun() == 2)
            left = claims(TrialState.RUNNING).count("tuning-a")
            publish(kafka, JobCommand(job_id="job-1", event_time_ms=2_000, command="cancel"))
            found = result(kafka)

    assert left <= 1
    assert found.status == "cancelled"
    assert found.trials == len(claims(TrialState.COMPLETE))
    assert len(on(kafka, JOB_RESULTS)) == 1


def test_a_request_that_cannot_be_run_fails_with_the_reason(kafka, tmp_path):
    publish(kafka, request(strategy_name="PascalStrategy"))
    with worker(kafka, tmp_path):
        strategy = result(kafka)
        publish(kafka, request(event_time_ms=2_000, symbol="ETHUSDT"))
        symbol = result(kafka, 1)

    assert (strategy.status, strategy.fault) == ("failed", "request")
    assert strategy.error is not None
    assert "there is no strategy 'PascalStrategy'; there are ema_cross" in strategy.error
    assert (symbol.status, symbol.fault) == ("failed", "request")
    assert symbol.error is not None
    assert "no bars of ETHUSDT are held; known: BTCUSDT" in symbol.error
    assert on(kafka, dead_letter_topic(TUNING_REQUESTS)) == []
    assert on(kafka, BARS)
