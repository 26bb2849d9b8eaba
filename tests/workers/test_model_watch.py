"""Model watch: loads the latest models, refuses a bad one, and reports both in one status."""

from __future__ import annotations

import threading

import pytest

from schemas.status import WorkerStatus
from schemas.timeframes import HOUR_MS, MINUTE_MS
from schemas.topics import WORKER_STATUS
from streams.runtime.publisher import Publisher
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings
from tests.build import close_time
from tests.fakes.small_models import change_to, small_model
from workers import model_watch
from workers.model_watch import ModelReadiness, ModelWatch
from workers.models.artifact import model_folder
from workers.serving.slots import MODELS_IN_MEMORY, Slots, load_ensemble


def statuses(kafka):
    with Reader(kafka, (WORKER_STATUS,)) as reader:
        records = [message.record for message in reader.read_to_end()]
    reported = [record for record in records if isinstance(record, WorkerStatus)]
    return [status for status in reported if status.process == "inference"]


def test_waiting_ends_when_a_version_is_settled():
    readiness, went_on = ModelReadiness(), threading.Event()

    def wait():
        readiness.wait_for("m1")
        went_on.set()

    waiting = threading.Thread(target=wait)
    waiting.start()

    readiness.settle("m1")

    assert went_on.wait(10.0)
    waiting.join()


def test_a_version_that_never_comes_is_waited_for_once():
    readiness = ModelReadiness()
    readiness.wait_for("nobody", within_s=0.01)

    readiness.wait_for("nobody", within_s=3600.0)


def test_a_version_that_comes_back_is_waited_for_until_its_change_is_applied():
    readiness, applied, asked = ModelReadiness(), threading.Event(), threading.Event()
    readiness.settle("m1")

    def serves():
        asked.set()
        return applied.is_set()

    waiting = threading.Thread(target=readiness.wait_for, args=("m1", serves, 3600.0))
    waiting.start()
    assert asked.wait(10.0)
    assert waiting.is_alive()
    applied.set()
    readiness.settle("m1")
    waiting.join(10.0)

    assert not waiting.is_alive()


def test_a_change_that_is_refused_or_never_comes_is_waited_for_once():
    readiness = ModelReadiness()
    readiness.settle("refused", refused=True)
    readiness.settle("late")

    readiness.wait_for("refused", lambda: False, within_s=3600.0)
    readiness.wait_for("late", lambda: False, within_s=0.01)
    readiness.wait_for("late", lambda: False, within_s=3600.0)


@pytest.mark.kafka
def test_an_altered_model_is_refused_while_the_one_before_serves(pipeline_topics, tmp_path):
    kafka = KafkaSettings(pipeline_topics)
    good, bad = small_model(tmp_path, seed=1), small_model(tmp_path, seed=2)
    (model_folder(bad.uri) / "lstm.safetensors").write_bytes(b"altered")
    slots = Slots()

    def load(changed):
        loaded = load_ensemble(changed.model)
        slots.put(changed, loaded)
        return loaded.status()

    publisher = Publisher(kafka, "promotion")
    publisher.publish(change_to(good, 1))
    publisher.flush()
    watch, caught_up = ModelWatch(kafka, "inference", load), threading.Event()
    thread = threading.Thread(target=watch.run, args=(caught_up,))
    thread.start()
    assert caught_up.wait(60.0)
    watch.status.report("running", "partitions [0]")

    publisher.publish(change_to(bad, 2))
    publisher.flush()
    watch.readiness.wait_for(bad.model_version)
    watch.stop.set()
    thread.join()
    watch.status.close()

    reported = statuses(kafka)
    assert reported[-1].state == "degraded"
    assert "lstm.safetensors" in reported[-1].detail
    assert "altered" in reported[-1].detail
    assert [m.version for m in reported[-1].models] == [good.model_version]
    assert reported[-1].refused == {bad.model_version: reported[-1].detail}
    serving = slots.for_bar(MINUTE_MS, close_time(9))
    assert serving is not None
    assert serving.version == good.model_version
    assert {s.state for s in reported} == {"starting", "running", "degraded"}


def loaded_of_past(bootstrap, changes):
    """Return from which bars the models of a past count that a watch loads."""
    loaded = []

    def load(changed):
        loaded.append(changed.effective_from_ms)
        return load_ensemble(changed.model).status()

    watch = ModelWatch(KafkaSettings(bootstrap), "inference", load)
    watch.apply(changes)
    watch.status.close()
    return loaded


@pytest.mark.kafka
def test_of_the_past_only_the_latest_models_are_loaded(pipeline_topics, tmp_path):
    models = [small_model(tmp_path, seed=seed) for seed in range(MODELS_IN_MEMORY + 3)]

    loaded = loaded_of_past(
        pipeline_topics, [change_to(model, minute) for minute, model in enumerate(models)]
    )

    assert loaded == [close_time(minute) for minute in range(3, MODELS_IN_MEMORY + 3)]


@pytest.mark.kafka
def test_of_the_past_a_row_of_rollbacks_is_loaded_whole(pipeline_topics, tmp_path):
    models = [small_model(tmp_path, seed=seed) for seed in (1, 2)]
    changes = [change_to(models[minute % 2], minute) for minute in range(3 * MODELS_IN_MEMORY)]

    assert loaded_of_past(pipeline_topics, changes) == [
        change.effective_from_ms for change in changes
    ]


@pytest.mark.kafka
def test_of_the_past_all_changes_that_have_their_bar_to_come_are_loaded(pipeline_topics, tmp_path):
    first, *models = [small_model(tmp_path, seed=seed) for seed in range(2 * MODELS_IN_MEMORY)]
    to_come = [change_to(model, minute) for minute, model in enumerate(models, 20)]
    told = [each.model_copy(update={"event_time_ms": close_time(15)}) for each in to_come]

    loaded = loaded_of_past(pipeline_topics, [change_to(first, 1), change_to(first, 10), *told])

    assert loaded == [close_time(10), *(each.effective_from_ms for each in told)]


@pytest.mark.kafka
def test_of_the_past_each_timeframe_has_its_own_latest_models(pipeline_topics, tmp_path):
    kafka = KafkaSettings(pipeline_topics)
    hours, minutes = small_model(tmp_path, timeframe_ms=HOUR_MS), small_model(tmp_path)
    watch = ModelWatch(kafka, "inference", lambda changed: load_ensemble(changed.model).status())

    later = [change_to(minutes, minute) for minute in range(1, MODELS_IN_MEMORY + 2)]
    watch.apply([change_to(hours, 0), *later])
    watch.status.close()

    loaded = [(model.version, model.timeframe_ms) for model in statuses(kafka)[-1].models]
    assert loaded == [(hours.model_version, HOUR_MS), (minutes.model_version, MINUTE_MS)]


@pytest.mark.kafka
@pytest.mark.parametrize("bad_ms", [MINUTE_MS, HOUR_MS])
def test_only_a_refused_base_model_lets_bars_wait_and_another_timeframe_hides_no_refusal(
    pipeline_topics, tmp_path, bad_ms
):
    kafka = KafkaSettings(pipeline_topics)
    good_ms = HOUR_MS if bad_ms == MINUTE_MS else MINUTE_MS
    bad = small_model(tmp_path, timeframe_ms=bad_ms)
    good = small_model(tmp_path, timeframe_ms=good_ms)
    (model_folder(bad.uri) / "lstm.safetensors").write_bytes(b"altered")
    watch = ModelWatch(kafka, "inference", lambda changed: load_ensemble(changed.model).status())
    watch.status.report("running")

    watch.apply([change_to(bad, 1), change_to(good, 2)])
    watch.status.close()

    [*_, last] = statuses(kafka)
    assert (last.state, [m.version for m in last.models]) == ("degraded", [good.model_version])
    if bad_ms == MINUTE_MS:
        assert "no model serves, so bars wait for it" in last.detail
        assert watch.readiness._held == {bad.model_version}
    else:
        assert "no model serves bars of 1h, they go on without a prediction" in last.detail
        watch.readiness.wait_for(bad.model_version, within_s=3600.0)


@pytest.mark.kafka
def test_bars_wait_for_the_only_model_and_a_restored_file_needs_no_restart(
    pipeline_topics, tmp_path, monkeypatch
):
    monkeypatch.setattr(model_watch, "RETRY_EVERY_S", 0.1)
    kafka, slots = KafkaSettings(pipeline_topics), Slots()
    only = small_model(tmp_path, seed=1)
    network = model_folder(only.uri) / "lstm.safetensors"
    content = network.read_bytes()
    network.write_bytes(b"altered")

    def load(changed):
        loaded = load_ensemble(changed.model)
        slots.put(changed, loaded)
        return loaded.status()

    publisher = Publisher(kafka, "promotion")
    publisher.publish(change_to(only, 1))
    publisher.flush()
    watch = ModelWatch(kafka, "inference", load)
    caught_up, went_on = threading.Event(), threading.Event()
    thread = threading.Thread(target=watch.run, args=(caught_up,))
    thread.start()
    assert caught_up.wait(60.0)
    watch.status.report("running", "partitions [0]")

    def wait() -> None:
        watch.readiness.wait_for(only.model_version, within_s=0.0)
        went_on.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert not went_on.wait(1.0)

    network.write_bytes(content)

    assert went_on.wait(60.0)
    watch.stop.set()
    thread.join()
    waiting.join()
    watch.status.close()
    reported = statuses(kafka)
    held = next(status for status in reported if status.state == "degraded")
    assert "no model serves, so bars wait for it" in held.detail
    assert reported[-1].state == "running"
    assert [model.version for model in slots.all()] == [only.model_version]
