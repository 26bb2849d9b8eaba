"""What a run says of itself: its phase, how far it is, and the first signal that is its own."""

from __future__ import annotations

import pytest

from deploy.local import run_watch as watch
from deploy.local.run_watch import (
    RunView,
    RunWatch,
    phase_line,
    pipeline_phase,
    process_lines,
    summary_lines,
)

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
    watched = RunWatch(URL, held_ms=60_000)

    gateway["api/signals?limit=1"] = signals(60_000)
    old = watched.ask().first
    gateway["api/signals?limit=1"] = signals(120_000)

    assert (old, watched.ask().first, watched.ask().first) == (False, True, False)


def test_in_a_new_home_every_signal_is_new(gateway):
    gateway["api/signals?limit=1"] = signals()
    watched = RunWatch(URL, held_ms=None)
    before = watched.ask().first

    gateway["api/signals?limit=1"] = signals(0)

    assert (before, watched.ask().first) == (False, True)


def models(training=None, serving=()):
    return {"training": training, "serving": {v: {"model_version": v} for v in serving}}


def step(stage, done, note=""):
    return models({"stage": stage, "done": done, "note": note})


def symbol(bars, signals=0, age_bars=0.0):
    return {"bars": bars, "signals": signals, "age_bars": age_bars, "stale": age_bars > 2.0}


def test_models_are_asked_for_until_one_is_loaded(gateway):
    gateway["api/v1/models"] = step("folds", 0.4)
    watched = RunWatch(URL, None)
    gateway["health"] = body()
    answer = watched.ask().models

    gateway["health"] = body(model=True)

    assert answer == step("folds", 0.4)
    assert watched.ask().models is None


def test_nobody_answers():
    assert RunWatch(URL, None).ask() == RunView()


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (RunView(), "processes are starting"),
        (
            RunView(body(ingest=ingest("starting", "", None)), models()),
            "waiting for the first bars",
        ),
        (
            RunView(body(ingest=ingest("degraded", "binanceusdm has not answered", 0.2)), models()),
            "ingest is degraded: binanceusdm has not answered",
        ),
        (
            RunView(body(ingest=ingest("starting", "back-fill BTCUSDT", 0.25))),
            "[#####...............]  25% back-fill BTCUSDT",
        ),
        (
            RunView(
                body(symbols=[symbol(100, age_bars=200.0), symbol(200, age_bars=100.0)]), models()
            ),
            "[##########..........]  50% features of the history, 300 bars to go",
        ),
        (
            RunView(body(symbols=[symbol(300)]), models()),
            "the first training is about to begin",
        ),
        (
            RunView(body(), step("folds", 0.5, "fold 3 of 6")),
            "[##########..........]  50% first training, step 2 of 6, folds: fold 3 of 6",
        ),
        (
            RunView(body(), step("boosted", 0.84)),
            "[################....]  84% first training, step 4 of 6, boosted",
        ),
        (RunView(body(), step("done", 1.0)), "the model goes into service"),
        (
            RunView(body(), step("failed", 0.0, "12 rows, expected 500")),
            "training failed: 12 rows, expected 500",
        ),
        (RunView(body(), models(serving=["m1"])), "inference loads model m1"),
        (
            RunView(
                body(model=True, symbols=[symbol(10, 3), symbol(11, 4)], degraded=["m1 drifts"])
            ),
            "live, degraded: the newest 21 bars and 7 signals in view; m1 drifts",
        ),
        (
            RunView(body(model=True, ingest=ingest("running", "replay, live: 60 bars", 0.6))),
            "[############........]  60% live, healthy: the newest 0 bars and 0 signals in view",
        ),
    ],
)
def test_a_phase_says_how_far_it_is(view, expected):
    assert phase_line(pipeline_phase(view)) == expected


def test_a_dead_process_is_told_before_all_else():
    assert pipeline_phase(RunView(body(model=True)), ["market"]).text == "restarting market"


def test_status_tells_how_far_the_first_model_is_only_until_it_is_loaded():
    training = step("lstm", 0.9)

    assert any("step 5 of 6, lstm" in line for line in summary_lines(RunView(body(), training)))
    assert not any("lstm" in line for line in summary_lines(RunView(body(model=True), training)))


def life(state="running", restarts=0, last_end=None):
    return {"state": state, "since_ms": 0, "restarts": restarts, "last_end": last_end}


def test_status_shows_how_each_process_lives_also_those_that_say_nothing_on_the_topics():
    process = ingest("running", "live: 4 symbols", 1.0)
    elsewhere = ingest("running", "", None)
    health = body(model=True, ingest=process)
    health["processes"]["inference@b"] = elsewhere
    lives = {
        "simulator": life(),
        "ingest": life(restarts=1, last_end="hung"),
        "gateway": life("restarting", 7, "exit code 1"),
    }
    day = "1970-01-01 00:00:00 UTC"

    gateway = f"gateway    restarting since {day}, started again 7 times, last end: exit code 1"
    restarted = f"up since {day}, started again once, last end: hung"
    assert summary_lines(RunView(health), lives)[1:-1] == [
        gateway,
        "inference@b running",
        f"ingest     running 100%, live: 4 symbols, {restarted}",
        f"simulator  up since {day}",
    ]
    assert summary_lines(RunView(), lives)[:2] == ["gateway does not answer yet", gateway]


def test_status_has_one_line_a_process():
    process = ingest("running", "live: 4 symbols", 1.0) | {"lag_records": 3}

    lines = summary_lines(RunView(body(model=True, ingest=process, degraded=["ETHUSDT is old"])))

    assert lines == [
        "status degraded",
        "  ETHUSDT is old",
        "ingest     running 100%, 3 behind, live: 4 symbols",
        "dead letters 0",
    ]


def timeframe(name, **model):
    told = {
        "state": "serving",
        "detail": "",
        "model_version": "m1",
        "qualified": True,
        "done": None,
    }
    return {"timeframe": name, "bars": 10, "signals": 3, "model": told | model}


def test_status_says_of_which_timeframe_each_model_is():
    none = {"model_version": None, "qualified": None}
    failed = "the training of the first one failed: 12 rows, expected 300"
    health = body(model=True) | {
        "timeframes": [
            timeframe("1m", qualified=False, done=0.4),
            timeframe("15m", **none, state="training", detail="it is being trained", done=0.5),
            timeframe("1h", **none, state="failed", detail=failed),
            timeframe("4h"),
        ]
    }

    assert summary_lines(RunView(health))[1:-1] == [
        "1m         model m1 serves, unqualified; another is 40% trained",
        "15m        no model yet: it is being trained, 50% trained",
        f"1h         no model yet: {failed}",
        "4h         model m1 serves",
    ]


def test_one_timeframe_alone_takes_no_line():
    health = body(model=True) | {"timeframes": [timeframe("1m")]}

    assert summary_lines(RunView(health)) == ["status healthy", "dead letters 0"]


def test_timeframes_that_share_the_view_are_counted_each():
    alone = [{"timeframe": "1m", "bars": 5_000, "signals": 40}]
    markets = [{"bars": 5_000, "signals": 40}]
    one = body(model=True, symbols=markets) | {"timeframes": alone}
    both = one | {"timeframes": [*alone, {"timeframe": "15m", "bars": 12, "signals": 3}]}

    assert watch.view_text(one) == "the newest 5000 bars and 40 signals in view"
    assert watch.view_text(both) == (
        "the newest 5000 bars of 1m, 12 bars of 15m and 43 signals share the view"
    )
    assert watch.view_text(both) in pipeline_phase(RunView(both)).text


def test_a_process_that_has_not_begun_has_no_time_of_its_start():
    waiting = {"state": "waiting", "since_ms": 0, "restarts": 0}

    assert process_lines({}, {"market": waiting}) == ["market     not begun"]
