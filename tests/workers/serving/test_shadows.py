"""Challengers predict beside the model that serves, from the same inputs, and change no answer."""

from __future__ import annotations

import threading

from schemas.challenges import ShadowPrediction
from schemas.predictions import Prediction
from streams.runtime.memory_driver import replay
from tests.build import challenge, challenge_event, close_time
from tests.fakes.small_models import WINDOW, small_model
from tests.workers.serving.test_processor import (
    SYMBOLS,
    bars,
    nothing_to_wait_for,
    predictions,
    serve,
)
from tests.workers.serving.test_processor import processor as alone
from workers.inference.challengers import Challengers
from workers.models.artifact import ArtifactError
from workers.serving.processor import inference_processor
from workers.serving.shadows import Shadows
from workers.serving.slots import load_ensemble

FROM = WINDOW + 2


def challenged(tmp_path, **fields):
    """Return the models of a champion and a challenger, and a challenge of them."""
    champion, challenger = (small_model(tmp_path, seed=seed) for seed in (0, 1))
    about = challenge(
        champion=champion.model_version,
        challenger=challenger.model_version,
        symbols=SYMBOLS[:2],
        from_ms=close_time(FROM),
        **fields,
    )
    return champion, challenger, about


def test_each_bar_of_the_challenge_is_predicted_by_both_and_the_answers_stay_the_same(tmp_path):
    champion, challenger, about = challenged(tmp_path)
    shadows = Shadows()
    shadows.put(about, load_ensemble(challenger))
    records = bars(range(FROM + 30), SYMBOLS)
    steps = inference_processor(serve(champion), lambda: 0, nothing_to_wait_for, shadows)

    made = replay([steps], records)

    answers = [each for each in made if isinstance(each, Prediction)]
    said = [each for each in made if isinstance(each, ShadowPrediction)]
    assert answers == predictions(alone(serve(champion)), records)
    compared = [
        each
        for each in answers
        if each.event_time_ms >= close_time(FROM) and each.symbol in about.symbols
    ]
    assert [each.champion for each in said] == compared
    own = predictions(alone(serve(challenger)), records)
    by_bar = {(each.symbol, each.event_time_ms): each for each in own}
    assert all(each.challenger == by_bar[each.symbol, each.event_time_ms] for each in said)
    assert [each.block for each in said][:: 2 * 24] == [0, 1]


def test_nothing_is_compared_with_another_champion_or_after_the_end(tmp_path):
    champion, challenger, about = challenged(tmp_path)
    shadows = Shadows()
    shadows.put(about.changed({"champion": "another"}), load_ensemble(challenger))
    steps = inference_processor(serve(champion), lambda: 0, nothing_to_wait_for, shadows)
    records = bars(range(FROM + 5))

    before = predictions(steps, records)
    shadows.end(about)
    shadows.put(about, load_ensemble(challenger))
    shadows.end(about)

    assert before == predictions(steps, records)


def test_a_challenger_is_loaded_while_its_challenge_lasts_and_tried_again_where_it_was_refused(
    tmp_path,
):
    _, challenger, about = challenged(tmp_path)
    tried: list[str] = []

    def load(model):
        tried.append(model.model_version)
        if len(tried) == 1:
            raise ArtifactError("the folder is away")
        return load_ensemble(model)

    shadows, short = Shadows(), list[str]()
    challengers = Challengers(shadows, load, short.append)
    created = challenge_event(challenge=about, model=challenger)

    challengers.take([created])
    challengers.load()
    challengers.load()  # too early
    challengers._retry_at_s = 0.0
    challengers.load()

    assert len(tried) == 2
    assert short == [f"{about.challenge_id} compares no bar: the folder is away", ""]
    assert shadows._by_timeframe.keys() == {about.timeframe_ms}
    ended = about.changed({"status": "cancelled"})
    challengers.take([created.changed({"challenge": ended, "action": "cancelled"})])
    challengers.load()
    assert shadows._by_timeframe == {}
    assert len(tried) == 2


def test_a_challenge_that_has_ended_or_is_about_trades_loads_nothing(tmp_path):
    _, challenger, about = challenged(tmp_path)
    challengers = Challengers(Shadows(), lambda _: threading.Event())  # type: ignore[arg-type, return-value]

    for changes in ({"basis": "trades"}, {"status": "concluded"}):
        event = challenge_event(challenge=about.changed(changes), model=challenger)
        challengers.take([event])
    challengers.load()

    assert challengers._waiting == {}


def test_a_challenge_that_ends_without_its_challenger_leaves_no_complaint(tmp_path):
    _, challenger, about = challenged(tmp_path)

    def load(_):
        raise ArtifactError("the folder is away")

    short = list[str]()
    challengers = Challengers(Shadows(), load, short.append)
    created = challenge_event(challenge=about, model=challenger)
    challengers.take([created])
    challengers.load()
    challengers.take([created.changed({"challenge": about.changed({"status": "cancelled"})})])

    assert short == [f"{about.challenge_id} compares no bar: the folder is away", ""]
