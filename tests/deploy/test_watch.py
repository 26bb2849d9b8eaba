"""What a run says of itself: its phase, how far it is, and the first signal that is its own."""

from __future__ import annotations

import pytest

from deploy import watch
from deploy.watch import View, Watch, phase_of, shown, summary_lines

URL = "http://127.0.0.1:1/"


def body(*, model=False, ingest=None, symbols=(), degraded=()):
    return {
        "status": "degraded" if degraded else "healthy",
        "model_loaded": model,
        "degraded": list(degraded),
        "processes": {} if ingest is None else {"ingest": ingest},
        "symbols": list(symbols),
        "dead_letters": {},
    }


def ingest(state, detail, done):
    return {"state": state, "detail": detail, "done": done, "lag_records": None, "device": None}


@pytest.fixture
def gateway(monkeypatch):
    """Answers by path, to be changed by the test; every call of ``ask`` asks."""
    answers = {"health": body(model=True)}
    monkeypatch.setattr(watch, "ASK_EVERY_S", 0.0)
    monkeypatch.setattr(watch, "_ask", lambda url: answers.get(url.removeprefix(URL)))
    return answers


def signals(*closes_ms):
    return {"data": {"signals": [{"event_time_ms": close_ms} for close_ms in closes_ms]}}


def test_signals_held_from_an_earlier_run_are_not_the_first_one(gateway):
    watched = Watch(URL, held_ms=60_000)

    gateway["api/signals?limit=1"] = signals(60_000)
    held = watched.ask().first
    gateway["api/signals?limit=1"] = signals(120_000)

    assert (held, watched.ask().first, watched.ask().first) == (False, True, False)


def test_in_a_new_home_every_signal_is_new(gateway):
    gateway["api/signals?limit=1"] = signals()
    watched = Watch(URL, held_ms=None)
    before = watched.ask().first

    gateway["api/signals?limit=1"] = signals(0)

    assert (before, watched.ask().first) == (False, True)


def test_training_is_asked_for_until_a_model_is_loaded(gateway):
    gateway["api/v1/models"] = {"training": {"stage": "folds", "done": 0.4, "note": "fold 2 of 4"}}
    watched = Watch(URL, None)
    gateway["health"] = body()
    training = watched.ask().training

    gateway["health"] = body(model=True)

    assert training == {"stage": "folds", "done": 0.4, "note": "fold 2 of 4"}
    assert watched.ask().training is None


def test_nobody_answers():
    assert Watch(URL, None).ask() == View()


@pytest.mark.parametrize(
    ("view", "told"),
    [
        (View(), "processes are starting"),
        (
            View(body(ingest=ingest("starting", "back-fill BTCUSDT", 0.25))),
            "[#####...............]  25% back-fill BTCUSDT",
        ),
        (
            View(body(ingest=ingest("running", "live: 4 symbols", 1.0))),
            "[....................]   0% the first training waits for features",
        ),
        (
            View(body(), {"stage": "folds", "done": 0.5, "note": "fold 3 of 6"}),
            "[##########..........]  50% first training, step 2 of 6, folds: fold 3 of 6",
        ),
        (
            View(body(), {"stage": "boosted", "done": 0.84, "note": ""}),
            "[################....]  84% first training, step 4 of 6, boosted",
        ),
        (View(body(), {"stage": "done", "done": 1.0, "note": ""}), "the model goes into service"),
        (
            View(body(), {"stage": "failed", "done": 0.0, "note": "12 rows, expected 500"}),
            "training failed: 12 rows, expected 500",
        ),
        (
            View(
                body(
                    model=True,
                    symbols=[{"bars": 10, "signals": 3}, {"bars": 11, "signals": 4}],
                    degraded=["m1 is unqualified"],
                )
            ),
            "live, degraded: 21 bars, 7 signals held; m1 is unqualified",
        ),
        (
            View(body(model=True, ingest=ingest("running", "replay, live: 60 bars", 0.6))),
            "[############........]  60% live, healthy: 0 bars, 0 signals held",
        ),
    ],
)
def test_a_phase_says_how_far_it_is(view, told):
    assert shown(phase_of(view)) == told


def test_a_dead_process_is_told_before_all_else():
    assert phase_of(View(body(model=True)), ["market"]).text == "restarting market"


def test_status_tells_the_first_training_only_while_nothing_serves():
    step = {"stage": "lstm", "done": 0.9, "note": ""}

    assert any("step 5 of 6, lstm" in line for line in summary_lines(body(), step))
    assert not any("lstm" in line for line in summary_lines(body(model=True), step))
