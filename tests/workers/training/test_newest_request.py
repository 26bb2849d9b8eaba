"""A change of the features: a model is asked for, and its history is made again."""

from __future__ import annotations

import numpy as np
import pytest

from schemas.features import FeatureVector
from schemas.market import Bar, HistoryReady
from schemas.models import ModelChanged
from schemas.record import Record
from schemas.timeframes import HOUR_MS, MINUTE_MS
from schemas.topics import MODEL_COMMANDS
from schemas.versions import ModelCommand
from streams.features.catalog import FEATURE_NAMES, FEATURE_SET_ID
from streams.features.processor import PROCESSOR as FEATURES
from streams.runtime.memory_driver import replay
from streams.runtime.publisher import Publisher
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings
from tests.build import bar, close_time, registered, training_request
from tests.narrow import all_are
from workers.training.dataset import collect_series
from workers.training.fit_regimes import OBSERVATIONS
from workers.training.newest_request import (
    ask_after_feature_change,
    newest_closes,
    ready_histories,
)
from workers.training.train import MODEL_FEATURES
from workers.training.worker import read_series

pytestmark = pytest.mark.kafka

BARS = 30
OLD_SET = "an-older-set"


@pytest.fixture
def kafka(pipeline_topics) -> KafkaSettings:
    return KafkaSettings(pipeline_topics)


def publish(kafka: KafkaSettings, *records: Record) -> None:
    publisher = Publisher(kafka, "test")
    for record in records:
        publisher.publish(record)
    publisher.flush()


def history(*symbols: str, timeframe_ms: int = MINUTE_MS) -> HistoryReady:
    return HistoryReady(
        source="simulated:7",
        symbols=symbols or ("BTCUSDT",),
        timeframe_ms=timeframe_ms,
        from_ms=close_time(0),
        to_ms=close_time(9),
        event_time_ms=close_time(9),
        base_ms=None if timeframe_ms == MINUTE_MS else MINUTE_MS,
    )


def changed(
    feature_set_id: str,
    version: str = "v1",
    timeframe_ms: int = MINUTE_MS,
    feature_names: tuple[str, ...] = FEATURE_NAMES[:2],
) -> ModelChanged:
    return ModelChanged(
        strategy="ensemble",
        event_time_ms=close_time(9),
        effective_from_ms=close_time(12),
        model=registered(
            feature_set_id=feature_set_id,
            model_version=version,
            timeframe_ms=timeframe_ms,
            feature_names=feature_names,
        ),
        reason="first",
    )


RUNNING = (MINUTE_MS, HOUR_MS)


def bars() -> list[Bar]:
    return [bar(minute, close=100.0 + minute % 7 / 10) for minute in range(BARS)]


def vectors() -> list[FeatureVector]:
    """The vectors of those bars, as the live kernel makes them."""
    return [v for v in replay([FEATURES], bars()) if isinstance(v, FeatureVector)]


def hourly(vectors: list[FeatureVector]) -> list[FeatureVector]:
    """The vectors as those of a higher timeframe."""
    return [vector.model_copy(update={"timeframe_ms": HOUR_MS}) for vector in vectors]


def commands(kafka: KafkaSettings) -> list[ModelCommand]:
    with Reader(kafka, (MODEL_COMMANDS,)) as reader:
        return all_are(ModelCommand, [message.record for message in reader.read_to_end()])


def closes_of_each(kafka: KafkaSettings) -> list[tuple[int, dict[str, int]]]:
    ready = ready_histories(kafka, "ensemble", RUNNING)
    return list(zip(ready, newest_closes(kafka, list(ready.values())), strict=True))


def test_a_model_of_another_feature_set_has_one_asked_for_by_the_same_command(kafka):
    publish(kafka, history(), *vectors(), changed(OLD_SET))

    ask_after_feature_change(kafka, "ensemble", RUNNING)
    ask_after_feature_change(kafka, "ensemble", RUNNING)

    command, again = commands(kafka)
    assert (command.action, command.cause, command.force) == ("retrain", "features", False)
    assert command.closes == {"BTCUSDT": close_time(BARS - 1)}
    assert again.command_id == command.command_id


def test_the_limits_of_retraining_hold_unless_the_model_can_no_longer_predict(kafka):
    publish(kafka, history(), *vectors(), changed(OLD_SET, feature_names=("rsi_14", "gone")))

    ask_after_feature_change(kafka, "ensemble", RUNNING)

    [command] = commands(kafka)
    assert command.force
    assert "without gone it cannot predict" in command.reason


def test_a_model_of_this_feature_set_and_a_home_without_one_ask_for_nothing(kafka):
    publish(kafka, history())
    ask_after_feature_change(kafka, "ensemble", RUNNING)
    publish(kafka, changed(FEATURE_SET_ID))
    ask_after_feature_change(kafka, "ensemble", RUNNING)

    assert commands(kafka) == []


def test_a_feature_set_that_comes_back_has_a_model_asked_for_again(kafka):
    publish(kafka, history(), *vectors())
    for version in ("first", "second"):
        publish(kafka, changed(OLD_SET, version))
        ask_after_feature_change(kafka, "ensemble", RUNNING)

    assert len({command.command_id for command in commands(kafka)}) == 2


def test_only_the_timeframes_whose_model_has_another_feature_set_are_asked_for(kafka):
    publish(kafka, history(), history(timeframe_ms=HOUR_MS), *vectors(), *hourly(vectors()[:-5]))
    publish(kafka, changed(OLD_SET, "hours", HOUR_MS), changed(FEATURE_SET_ID, "minutes"))

    ask_after_feature_change(kafka, "ensemble", RUNNING)

    [command] = commands(kafka)
    assert (command.timeframe_ms, command.market_ms) == (HOUR_MS, close_time(BARS - 6))


def test_each_timeframe_has_its_own_newest_bar_and_the_base_is_first(kafka):
    publish(kafka, history(timeframe_ms=HOUR_MS), history())
    publish(kafka, *vectors()[:-2], *hourly(vectors()))

    assert closes_of_each(kafka) == [
        (MINUTE_MS, {"BTCUSDT": close_time(BARS - 3)}),
        (HOUR_MS, {"BTCUSDT": close_time(BARS - 1)}),
    ]


@pytest.mark.parametrize("behind", [1, BARS - 2])
def test_a_market_that_has_ended_or_is_behind_does_not_hold_back_a_training(kafka, behind):
    ended = [v.model_copy(update={"symbol": "ETHUSDT"}) for v in vectors()[:-behind]]
    publish(kafka, history("BTCUSDT", "ETHUSDT", "NEWUSDT"), *vectors(), *ended)

    [(_, closes)] = closes_of_each(kafka)

    assert closes == {
        "BTCUSDT": close_time(BARS - 1),
        "ETHUSDT": close_time(BARS - 1 - behind),
        "NEWUSDT": close_time(9),
    }


@pytest.mark.parametrize("older", [0, 12, BARS])
def test_a_training_sees_features_of_one_set_only(kafka, older):
    stored = [
        vector.model_copy(update={"feature_set_id": OLD_SET, "values": {}})
        if place < older
        else vector
        for place, vector in enumerate(vectors())
    ]
    publish(kafka, history(), *bars(), *stored)
    request = training_request(to_ms=close_time(BARS - 1))

    read = read_series(request, kafka, lambda *_: None)

    expected = collect_series(vectors(), MODEL_FEATURES, OBSERVATIONS)
    assert read.keys() == expected.keys()
    for symbol, series in read.items():
        for name, values in vars(expected[symbol]).items():
            np.testing.assert_array_equal(getattr(series, name), values)


def test_a_timeframe_that_no_longer_runs_is_not_asked_for(kafka):
    vectors_1m = vectors()
    publish(kafka, history(), history(timeframe_ms=HOUR_MS), *vectors_1m, *hourly(vectors_1m))
    publish(kafka, changed(OLD_SET), changed(OLD_SET, "v60", HOUR_MS))

    ask_after_feature_change(kafka, "ensemble", (MINUTE_MS,))

    assert [command.timeframe_ms for command in commands(kafka)] == [MINUTE_MS]
    assert list(ready_histories(kafka, "ensemble", ())) == [MINUTE_MS]  # the base always runs
