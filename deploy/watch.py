"""What the gateway of a run says: health, progress of the first training, first new signal."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

ASK_EVERY_S = 1.0
ASK_TIMEOUT_S = 1.0

Name = Literal["restarting", "starting", "back-fill", "training", "service", "live"]
Answer = dict[str, Any]


@dataclass(frozen=True)
class Phase:
    """What the pipeline is at; ``done`` in [0, 1] where it has an end."""

    name: Name
    text: str
    done: float | None = None


@dataclass(frozen=True)
class View:
    """What was answered last.

    Attributes:
        health: Body of ``/health``; None while nobody answers.
        training: Newest step of training, asked for until a model is loaded.
        first: Whether the first new signal of this run came just now.
    """

    health: Answer | None = None
    training: Answer | None = None
    first: bool = False


class Watch:
    """Asks once a second, and notices the first signal that this run made.

    Args:
        url: Of the gateway.
        held_ms: Close of the newest signal from before this run; None when there was none.
    """

    def __init__(self, url: str, held_ms: int | None) -> None:
        self._url = url
        self._held_ms = -1 if held_ms is None else held_ms
        self._asked = 0.0
        self._view = View()
        self._seen = False

    def ask(self) -> View:
        """Return what is known, at most a second old; ``first`` is true once in a run."""
        now = time.monotonic()
        if now - self._asked < ASK_EVERY_S:
            return View(self._view.health, self._view.training)
        health = health_of(self._url)
        waiting = health is not None and not health["model_loaded"]
        training = training_of(self._url) if waiting else None
        first = not self._seen and health is not None and self._has_new_signal()
        self._seen = self._seen or first
        self._asked = now
        self._view = View(health, training, first)
        return self._view

    def _has_new_signal(self) -> bool:
        newest = newest_signal(self._url)
        return newest is not None and newest["event_time_ms"] > self._held_ms


def health_of(url: str) -> Answer | None:
    """Return the gateway's health; None when it does not answer."""
    answer = _ask(f"{url}health")
    return answer if answer and "processes" in answer else None


def training_of(url: str) -> Answer | None:
    """Return the newest step of training; None before the first, or when nobody answers."""
    step: Answer | None = (_ask(f"{url}api/v1/models") or {}).get("training")
    return step


def newest_signal(url: str) -> Answer | None:
    """Return the signal of the newest bar; None when there is none or nobody answers."""
    body = (_ask(f"{url}api/signals?limit=1") or {}).get("data") or {}
    signals: Sequence[Answer] = body.get("signals") or ()
    return signals[0] if signals else None


def _ask(url: str) -> Answer | None:
    try:
        with urllib.request.urlopen(url, timeout=ASK_TIMEOUT_S) as reply:  # noqa: S310 - our own gateway on loopback
            answer = json.load(reply)
    except urllib.error.HTTPError as answered:  # 503 while starting has a body too
        try:
            answer = json.load(answered)
        except (OSError, ValueError):
            return None
    except (OSError, ValueError):
        return None
    return answer if isinstance(answer, dict) else None


def phase_of(view: View, dead: Sequence[str] = ()) -> Phase:
    """Return what the pipeline is at; ``dead`` are processes about to be started again."""
    health = view.health
    if dead:
        return Phase("restarting", f"restarting {', '.join(dead)}")
    if health is None:
        return Phase("starting", "processes are starting")
    ingest = health["processes"].get("ingest", {})
    if ingest.get("state") == "starting" and ingest.get("done") is not None:
        return Phase("back-fill", ingest["detail"], ingest["done"])
    if not health["model_loaded"]:
        return _first_model(view.training)
    bars = sum(symbol["bars"] for symbol in health["symbols"])
    signals = sum(symbol["signals"] for symbol in health["symbols"])
    why = "".join(f"; {reason}" for reason in health["degraded"])
    played = ingest.get("done")  # a replay has an end
    return Phase(
        "live",
        f"live, {health['status']}: {bars} bars, {signals} signals held{why}",
        played if played is not None and played < 1.0 else None,
    )


def _first_model(training: Answer | None) -> Phase:
    from workers.training.progress import STAGES

    stages = [stage for stage, _ in STAGES if stage != "done"]
    if training is None:
        return Phase("training", "the first training waits for features", 0.0)
    stage, note = training["stage"], training["note"]
    if stage == "failed":
        return Phase("training", f"training failed: {note}")
    if stage == "done":
        return Phase("service", "the model goes into service")
    place = f"step {stages.index(stage) + 1} of {len(stages)}, {stage}"
    text = f"first training, {place}" + (f": {note}" if note else "")
    return Phase("training", text, training["done"])


def summary_lines(health: Answer | None, training: Answer | None = None) -> list[str]:
    """Return the state of the pipeline as plain lines."""
    if health is None:
        return ["gateway does not answer yet"]
    lines = [f"status {health['status']}" + "".join(f"\n  {why}" for why in health["degraded"])]
    if training is not None and not health["model_loaded"]:
        lines.append(shown(_first_model(training)))
    for name, process in sorted(health["processes"].items()):
        done = "" if process["done"] is None else f" {process['done']:.0%}"
        lag = "" if process["lag_records"] is None else f", {process['lag_records']} behind"
        lines.append(f"{name:<10} {process['state']}{done}{lag} {process['detail']}".rstrip())
    lines += [
        f"{s['symbol']:<10} {s['bars']} bars, {s['signals']} signals, last {s['last_price']:g}"
        for s in health["symbols"]
    ]
    letters = sum(view["count"] for view in health["dead_letters"].values())
    return [*lines, f"dead letters {letters}"]


def shown(phase: Phase) -> str:
    """Return a phase as one line, with a bar where it has an end."""
    return phase.text if phase.done is None else f"{drawn(phase.done)} {phase.text}"


def drawn(done: float, width: int = 20) -> str:
    """Return a bar of plain characters and its percentage."""
    full = int(done * width)
    return f"[{'#' * full}{'.' * (width - full)}] {done:4.0%}"
