"""The state of a run, read from its gateway: health, first training, first new signal."""

from __future__ import annotations

import json
import time
import urllib.error
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import structlog

from deploy.local.gateway_request import SIGN_IN, open_gateway
from deploy.time_text import time_text
from schemas.status import process_name

log = structlog.get_logger()

STARTING = "processes are starting"
ASK_EVERY_S = 1.0
ASK_TIMEOUT_S = 1.0
FIRST_SIGNAL_FACTS = (
    "symbol",
    "event_time_ms",
    "direction",
    "grade",
    "confidence",
    "model_version",
)

Name = Literal[
    "restarting",
    "locked",
    "starting",
    "degraded",
    "back-fill",
    "features",
    "training",
    "service",
    "live",
]
Answer = dict[str, Any]
Lives = Mapping[str, Answer]  # by process, of ``run.json``


@dataclass(frozen=True)
class Phase:
    """The phase of the pipeline; ``done`` in [0, 1] where it has an end."""

    name: Name
    text: str
    done: float | None = None


@dataclass(frozen=True)
class RunView:
    """The last answers of the gateway.

    Attributes:
        health: Body of ``/health``; None while the gateway does not answer.
        models: Body of ``/api/v1/models``; None once a model is loaded.
        first: Whether this answer brought the first new signal of the run.
        locked: Whether the gateway tells no more before it knows who asks.
    """

    health: Answer | None = None
    models: Answer | None = None
    first: bool = False
    locked: bool = False


class RunWatch:
    """Asks the gateway once a second, and notices the first new signal of the run.

    Args:
        url: Of the gateway.
        held_ms: Bar close of the newest signal before this run; None when there was none.
    """

    def __init__(self, url: str, held_ms: int | None) -> None:
        self._url = url
        self._held_ms = -1 if held_ms is None else held_ms
        self._asked_at = 0.0
        self._view = RunView()
        self._first_reported = False

    def ask(self) -> RunView:
        """Return the last answers, at most a second old; ``first`` is true once in a run."""
        now = time.monotonic()
        if now - self._asked_at < ASK_EVERY_S:
            return replace(self._view, first=False)
        health, locked = ask_health(self._url)
        waiting = health is not None and not health["model_loaded"]
        models = read_models(self._url) if waiting else None
        first = not self._first_reported and health is not None and self._has_first_signal()
        self._first_reported = self._first_reported or first
        self._asked_at = now
        self._view = RunView(health, models, first, locked)
        return self._view

    def _has_first_signal(self) -> bool:
        newest = read_newest_signal(self._url)
        if newest is None or newest["event_time_ms"] <= self._held_ms:
            return False
        log.info("signal.first", **{name: newest.get(name) for name in FIRST_SIGNAL_FACTS})
        return True


def read_health(url: str) -> Answer | None:
    """Return the whole health; None when the gateway does not answer, or asks who asks."""
    return ask_health(url)[0]


def ask_health(url: str) -> tuple[Answer | None, bool]:
    """Return the gateway's health, and whether it tells it in full to whom it knows alone."""
    answer = _ask(f"{url}health") or {}
    whole = "processes" in answer
    return answer if whole else None, "access" in answer and not whole


def read_models(url: str) -> Answer | None:
    """Return the models in training and in service; None when the gateway does not answer."""
    answer = _ask(f"{url}api/v1/models")
    return answer if answer and "serving" in answer else None


def read_newest_signal(url: str) -> Answer | None:
    """Return the signal of the newest bar; None without one, or without an answer."""
    body = (_ask(f"{url}api/signals?limit=1") or {}).get("data") or {}
    signals: Sequence[Answer] = body.get("signals") or ()
    return signals[0] if signals else None


def _ask(url: str) -> Answer | None:
    try:
        with open_gateway(url, ASK_TIMEOUT_S) as reply:
            answer = json.load(reply)
    except urllib.error.HTTPError as error:  # 503 while starting has a body too
        try:
            answer = json.load(error)
        except (OSError, ValueError):
            return None
    except (OSError, ValueError):
        return None
    return answer if isinstance(answer, dict) else None


def pipeline_phase(view: RunView, dead: Sequence[str] = ()) -> Phase:
    """Return the phase; ``dead`` are processes that the supervisor is about to restart."""
    health = view.health
    if dead:
        return Phase("restarting", f"restarting {', '.join(dead)}")
    if health is None:
        return Phase("locked", SIGN_IN) if view.locked else Phase("starting", STARTING)
    ingest = health["processes"].get("ingest", {})
    if ingest.get("state") == "starting" and ingest["done"] is not None:
        return Phase("back-fill", ingest["detail"], ingest["done"])
    if not health["model_loaded"]:
        if ingest.get("state") in {"degraded", "failed", "silent"}:
            return Phase("degraded", f"ingest is {ingest['state']}: {ingest['detail']}")
        return _before_the_first_model(health, view.models)
    said = [*health["degraded"], *health.get("pending", ())]
    reasons = "".join(f"; {reason}" for reason in said)
    done = ingest.get("done")  # a replay has an end
    return Phase(
        "live",
        f"live, {health['status']}: {view_text(health)}{reasons}",
        done if done is not None and done < 1.0 else None,
    )


def view_text(health: Answer) -> str:
    """Return how many bars and signals the gateway holds; timeframes share its room."""
    held = [each for each in health.get("timeframes", ()) if each["bars"]]
    if len(held) < 2:
        bars = sum(symbol["bars"] for symbol in health["symbols"])
        signals = sum(symbol["signals"] for symbol in health["symbols"])
        return f"the newest {bars} bars and {signals} signals in view"
    counts = ", ".join(f"{each['bars']} bars of {each['timeframe']}" for each in held)
    signals = sum(each["signals"] for each in held)
    return f"the newest {counts} and {signals} signals share the view"


def _before_the_first_model(health: Answer, models: Answer | None) -> Phase:
    if models is None:
        return Phase("starting", STARTING)
    for serving in models["serving"].values():
        return Phase("service", f"inference loads model {serving['model_version']}")
    if models["training"] is not None:
        return _training(models["training"])
    bars = sum(symbol["bars"] for symbol in health["symbols"])
    behind = round(sum(s["age_bars"] for s in health["symbols"] if s["stale"]))
    if behind:
        text = f"features of the history, {behind} bars to go"
        return Phase("features", text, bars / (bars + behind))
    if bars:
        return Phase("training", "the first training is about to begin")
    return Phase("starting", "waiting for the first bars")


def _training(step: Answer) -> Phase:
    from workers.training.progress import STAGES

    stage, note = step["stage"], step["note"]
    if stage == "failed":
        return Phase("training", f"training failed: {note}")
    if stage == "done":
        return Phase("service", "the model goes into service")
    stages = [name for name, _ in STAGES if name != "done"]
    place = f"step {stages.index(stage) + 1} of {len(stages)}, {stage}"
    text = f"first training, {place}" + (f": {note}" if note else "")
    return Phase("training", text, step["done"])


def summary_lines(view: RunView, lives: Lives | None = None) -> list[str]:
    """Return the state of the pipeline as plain lines; ``lives`` are of its supervisor."""
    health, lives = view.health, lives or {}
    if health is None:
        said = SIGN_IN if view.locked else "gateway does not answer yet"
        return [said, *process_lines({}, lives)]
    lines = [f"status {health['status']}", *(f"  {reason}" for reason in health["degraded"])]
    if not health["model_loaded"]:
        lines.append(phase_line(pipeline_phase(view)))
    lines += process_lines(health["processes"], lives)
    lines += [
        f"{s['symbol']:<10} last {s['last_price']:g}, the newest {s['bars']} bars and "
        f"{s['signals']} signals in view"
        for s in health["symbols"]
    ]
    lines += timeframe_lines(health)
    letters = sum(topic["count"] for topic in health["dead_letters"].values())
    return [*lines, f"dead letters {letters}"]


def timeframe_lines(health: Answer) -> list[str]:
    """Return a line for each timeframe with its model, where more than one runs."""
    timeframes = health.get("timeframes", [])
    if len(timeframes) < 2:
        return []
    return [f"{each['timeframe']:<10} {model_text(each['model'])}" for each in timeframes]


def model_text(model: Answer) -> str:
    """Return which model of a timeframe serves, or why none does yet."""
    trains = "" if model["done"] is None else f", {model['done']:.0%} trained"
    if model["model_version"] is None:
        return f"no model yet: {model['detail']}{trains}"
    qualified = "" if model["qualified"] else ", unqualified"
    another = trains and f"; another is{trains.removeprefix(',')}"
    return f"model {model['model_version']} serves{qualified}{another}"


def process_lines(statuses: Mapping[str, Answer], lives: Lives) -> list[str]:
    """Return a line for each process: what it says on the topics, and how it lives.

    Args:
        statuses: By label, of the gateway's health. A simulator, a monitor and a gateway say none.
        lives: By name, of the supervisor; other hosts run what is missing there.
    """
    silent = lives.keys() - {process_name(label) for label in statuses}
    lines = []
    for label in sorted({*statuses, *silent}):
        status, life = statuses.get(label), lives.get(process_name(label))
        facts = [*_status_facts(status), *_life_facts(life)]
        lines.append(f"{label:<10} {', '.join(filter(None, facts))}")
    return lines


def _status_facts(status: Answer | None) -> Sequence[str]:
    if status is None:
        return ()
    done = "" if status["done"] is None else f" {status['done']:.0%}"
    lag = "" if status["lag_records"] is None else f"{status['lag_records']} behind"
    return f"{status['state']}{done}", lag, status["detail"]


def _life_facts(life: Answer | None) -> Sequence[str]:
    if life is None:
        return ()
    if life["state"] == "waiting":
        return ("not begun",)
    state = "up" if life["state"] == "running" else life["state"]
    since = f"{state} since {time_text(life['since_ms'])} UTC"
    if not life["restarts"]:
        return (since,)
    times = "once" if life["restarts"] == 1 else f"{life['restarts']} times"
    return since, f"started again {times}, last end: {life['last_end']}"


def metrics_lines(facts: Mapping[str, Any]) -> list[str]:
    """Return where each process of a run serves its metrics; ``facts`` are of ``run.json``."""
    return [f"metrics    {url} ({name})" for name, url in facts.get("metrics", {}).items()]


def phase_line(phase: Phase) -> str:
    """Return a phase as one line, with a bar where it has an end."""
    return phase.text if phase.done is None else f"{text_bar(phase.done)} {phase.text}"


def text_bar(done: float, width: int = 20) -> str:
    """Return a bar of plain characters and its percentage."""
    full = int(done * width)
    return f"[{'#' * full}{'.' * (width - full)}] {done:4.0%}"
