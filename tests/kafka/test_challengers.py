"""Challengers over a real broker: past challenges that go on are loaded, ended ones forgotten."""

from __future__ import annotations

import threading

import pytest

from streams.runtime.publisher import Publisher
from streams.runtime.settings import KafkaSettings
from tests.build import challenge, challenge_event
from tests.fakes.running_chains import wait_for
from tests.fakes.small_models import small_model
from workers.inference.challengers import Challengers, follow_challenges
from workers.serving.shadows import Shadows
from workers.serving.slots import load_ensemble

pytestmark = pytest.mark.kafka


def test_a_challenger_predicts_from_the_news_of_its_challenge_until_its_end(
    pipeline_topics, tmp_path
):
    kafka = KafkaSettings(pipeline_topics)
    publisher, model = Publisher(kafka, "test"), small_model(tmp_path)
    over = challenge(challenge_id="challenge-ffffffffffff", status="cancelled")
    publisher.publish(challenge_event(challenge=over, action="cancelled", model=None))
    publisher.publish(challenge_event(model=model))
    publisher.flush()
    shadows, loaded, stop = Shadows(), list[str](), threading.Event()

    def load(registered):
        loaded.append(registered.model_version)
        return load_ensemble(registered)

    follower = threading.Thread(
        target=follow_challenges, args=(Challengers(shadows, load), kafka, stop)
    )
    follower.start()
    try:
        wait_for(lambda: bool(shadows._by_timeframe))
        ended = challenge(status="concluded", recommendation="KEEP_CHAMPION")
        publisher.publish(challenge_event(challenge=ended, action="concluded", model=None))
        publisher.flush()
        wait_for(lambda: not shadows._by_timeframe)
    finally:
        stop.set()
        follower.join(10.0)

    assert loaded == [model.model_version]
    assert not follower.is_alive()
