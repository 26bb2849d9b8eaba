"""Model watch: the latest models are loaded, a bad one is refused and said, one voice for all."""

from __future__ import annotations

import threading

import pytest

from schemas.models import ModelChanged
from schemas.status import WorkerStatus
from schemas.topics import WORKER_STATUS
from streams.runtime.publisher import Publisher
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings
from tests.build import close_time
from tests.fakes.small_models import small_model
from workers.model_watch import Arrivals, ModelWatch
from workers.models.artifact import folder_of
from workers.serving.slots import KEPT, Slots, load


def change(model, minute=0):
    return ModelChanged(
        strategy=model.strategy,
        event_time_ms=close_time(minute),
        effective_from_ms=close_time(minute),
        model=model,
        reason="qualified",
    )


def statuses(kafka):
    with Reader(kafka, (WORKER_STATUS,)) as reader:
        records = [message.record for message in reader.read_to_end()]
    statuses = [record for record in records if isinstance(record, WorkerStatus)]
    return [status for status in statuses if status.process == "inference"]


def test_waiting_ends_when_a_version_is_settled():
    arrivals, went_on = Arrivals(), threading.Event()
    waiting = threading.Thread(target=lambda: (arrivals.wait_for("m1"), went_on.set()))
    waiting.start()

    arrivals.settle("m1")

    assert went_on.wait(10.0)
    waiting.join()


def test_a_version_that_never_comes_is_waited_for_once():
    arrivals = Arrivals()
    arrivals.wait_for("nobody", within_s=0.01)

    arrivals.wait_for("nobody", within_s=3600.0)


@pytest.mark.kafka
def test_an_altered_model_is_refused_while_the_one_before_serves(pipeline_topics, tmp_path):
    kafka = KafkaSettings(pipeline_topics)
    good, bad = small_model(tmp_path, seed=1), small_model(tmp_path, seed=2)
    (folder_of(bad.uri) / "lstm.safetensors").write_bytes(b"altered")
    slots = Slots()

    def take(changed):
        loaded = load(changed.model)
        slots.put(changed, loaded)
        return loaded.status()

    publisher = Publisher(kafka, "promotion")
    publisher.publish(change(good, 1))
    publisher.flush()
    watch, caught_up = ModelWatch(kafka, "inference", take), threading.Event()
    thread = threading.Thread(target=watch.run, args=(caught_up,))
    thread.start()
    assert caught_up.wait(60.0)
    watch.status.report("running", "partitions [0]")

    publisher.publish(change(bad, 2))
    publisher.flush()
    watch.arrivals.wait_for(bad.model_version)
    watch.stop.set()
    thread.join()
    watch.status.close()

    said = statuses(kafka)
    assert said[-1].state == "degraded"
    assert "lstm.safetensors" in said[-1].detail
    assert "altered" in said[-1].detail
    assert [m.version for m in said[-1].models] == [good.model_version]
    assert slots.for_bar(close_time(9)).version == good.model_version
    assert {s.state for s in said} == {"starting", "running", "degraded"}


@pytest.mark.kafka
def test_of_the_past_only_the_latest_models_are_loaded(pipeline_topics, tmp_path):
    kafka = KafkaSettings(pipeline_topics)
    model = small_model(tmp_path)
    taken = []

    def take(changed):
        taken.append(changed.effective_from_ms)
        return load(changed.model).status()

    watch = ModelWatch(kafka, "inference", take)
    watch.apply([change(model, minute) for minute in range(KEPT + 3)])
    watch.status.close()

    assert taken == [close_time(minute) for minute in range(3, KEPT + 3)]
