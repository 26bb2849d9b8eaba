"""What a run shows a human: steps, progress, then the live view; or JSON lines for programs."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

import typer

from deploy.local.run_watch import (
    Phase,
    RunView,
    RunWatch,
    model_text,
    phase_line,
    pipeline_phase,
)
from deploy.time_text import time_text

if TYPE_CHECKING:
    from rich.live import Live

    from deploy.local.pipeline import Screen
    from deploy.local.supervisor import Supervisor

LIVE_EVERY_S = 15.0
PROGRESS_EVERY_S = 5.0


def screen_for(*, as_json: bool) -> Screen:
    """Return the screen that fits: JSON lines, a live view on a terminal, else plain lines."""
    if as_json:
        return JsonScreen()
    return TerminalScreen() if sys.stdout.isatty() else PlainScreen()


class Clock:
    """Seconds since the run began."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def __call__(self) -> float:
        """Return them."""
        return time.monotonic() - self._started

    def line(self, text: str) -> str:
        """Return a line with its time."""
        return f"[{self():6.1f}] {text}"


class PlainScreen:
    """One line a step, then progress and a summary now and then; for logs and pipes."""

    def __init__(self) -> None:
        self._clock = Clock()
        self._watch: RunWatch | None = None
        self._first = ""
        self._phase = Phase("starting", "")
        self._told_at = -LIVE_EVERY_S

    def step(self, text: str, done: float | None = None) -> None:
        """Say what is being done now; of one with progress only some lines."""
        now = self._clock()
        if done in (None, 1.0) or now - self._told_at >= PROGRESS_EVERY_S:
            self._told_at = now
            typer.echo(self._clock.line(text))

    def ready(self, url: str | None, held_ms: int | None) -> None:
        """Say where the dashboard is, and what is continued."""
        self._watch, self._first = _watch(url, held_ms), first_text(held_ms)
        for line in opening_lines(url, held_ms):
            self.step(line)

    def look(self, supervisor: Supervisor) -> None:
        """Print a new phase at once, progress and summaries now and then."""
        if self._watch is None:
            return
        view = self._watch.ask()
        if view.first:
            self.step(self._first.format(self._clock()))
        phase = pipeline_phase(view, dead(supervisor))
        every_s = LIVE_EVERY_S if phase.done is None else PROGRESS_EVERY_S
        due = phase != self._phase and self._clock() - self._told_at >= every_s
        if due or phase.name != self._phase.name:
            self._phase = phase
            self.step(phase_line(phase))

    def close(self) -> None:
        """Nothing is left to be done."""


class JsonScreen:
    """One JSON object a line: steps, progress, then health every few seconds."""

    def __init__(self) -> None:
        self._clock = Clock()
        self._watch: RunWatch | None = None
        self._held_ms: int | None = None
        self._told_at = {"progress": -LIVE_EVERY_S, "health": -LIVE_EVERY_S}

    def _say(self, event: str, **fields: Any) -> None:
        typer.echo(json.dumps({"elapsed_s": round(self._clock(), 2), "event": event, **fields}))

    def step(self, text: str, done: float | None = None) -> None:
        """Say what is being done now."""
        self._say("step", text=text, done=done)

    def ready(self, url: str | None, held_ms: int | None) -> None:
        """Say where the dashboard is, and what is continued."""
        self._watch, self._held_ms = _watch(url, held_ms), held_ms
        self._say("ready", url=url, continued=held_ms is not None, held_ms=held_ms)

    def look(self, supervisor: Supervisor) -> None:
        """Say the first new signal at once, progress every 5 s and the health every 15 s."""
        if self._watch is None:
            return
        view = self._watch.ask()
        if view.first:
            continued = self._held_ms is not None
            self._say("first_signal", after_s=round(self._clock(), 2), continued=continued)
        phase = pipeline_phase(view, dead(supervisor))
        if phase.done is not None and self._due("progress", PROGRESS_EVERY_S):
            self._say("progress", phase=phase.name, text=phase.text, done=phase.done)
        if self._due("health", LIVE_EVERY_S):
            restarts = {child.name: child.restarts for child in supervisor.children}
            training = (view.models or {}).get("training")
            self._say("health", health=view.health, training=training, restarts=restarts)

    def _due(self, event: str, every_s: float) -> bool:
        now = self._clock()
        due = now - self._told_at[event] >= every_s
        if due:
            self._told_at[event] = now
        return due

    def close(self) -> None:
        """Nothing is left to be done."""


class TerminalScreen:
    """Steps as they come, the one under way with its progress; then a table kept up to date."""

    def __init__(self) -> None:
        self._clock = Clock()
        self._watch: RunWatch | None = None
        self._first = ""
        self._url = ""
        self._live: Live | None = None

    def step(self, text: str, done: float | None = None) -> None:
        """Show the step under way; one without progress of its own stays on the screen."""
        live = self._started()
        if done is None:
            live.console.print(self._clock.line(text))
        live.update(_under_way(text, done), refresh=True)

    def ready(self, url: str | None, held_ms: int | None) -> None:
        """Say where the dashboard is, and what is continued."""
        self._watch, self._first = _watch(url, held_ms), first_text(held_ms)
        self._url = url or "no gateway here"
        for line in opening_lines(url, held_ms):
            self.step(line)
        self.step("Ctrl-C stops everything and loses nothing; the next run continues")

    def look(self, supervisor: Supervisor) -> None:
        """Refresh the view."""
        if self._watch is None:
            return
        view = self._watch.ask()
        if view.first:
            self.step(self._first.format(self._clock()))
        phase = phase_line(pipeline_phase(view, dead(supervisor)))
        title = f"{self._url}   {self._clock():.0f} s\n{phase}"
        self._started().update(_under(title, _table(view, supervisor)))

    def close(self) -> None:
        """Give the terminal back."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _started(self) -> Live:
        if self._live is None:
            from rich.console import Console
            from rich.live import Live

            console = Console(markup=False, highlight=False)
            self._live = Live(console=console, refresh_per_second=4, transient=True)
            self._live.start()
        return self._live


def _watch(url: str | None, held_ms: int | None) -> RunWatch | None:
    return None if url is None else RunWatch(url, held_ms)


def opening_lines(url: str | None, held_ms: int | None) -> list[str]:
    """Return where to look, and whether this run continues an earlier one."""
    lines = [f"dashboard: {url}" if url else "no gateway runs here: no dashboard"]
    if held_ms is not None:
        lines.append(
            f"continued: signals up to the bar of {time_text(held_ms)} UTC are held from before"
        )
    return lines


def first_text(held_ms: int | None) -> str:
    """Return what is said of the first signal that this run made; takes the seconds."""
    return ("first signal" if held_ms is None else "first new signal") + " after {:.1f} s"


def dead(supervisor: Supervisor) -> list[str]:
    """Return the processes that do not run now; of one that keeps dying also its last words."""
    return [
        child.name
        + (f" again ({child.restarts} times): {child.last_words(1)}" if child.restarts > 2 else "")
        for child in supervisor.children
        if not child.running and child.state != "waiting"
    ]


def _under_way(text: str, done: float | None) -> Any:
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    told = TextColumn("{task.description}", markup=False)
    progress = Progress(SpinnerColumn(), told, BarColumn(), TimeElapsedColumn())
    progress.add_task(text, total=None if done is None else 100, completed=int(100 * (done or 0)))
    return progress


def _under(title: str, table: Any) -> Any:
    from rich.console import Group

    return Group(title, table)  # a title of the table's own would wrap at its width


def _table(view: RunView, supervisor: Supervisor) -> Any:
    from rich.table import Table

    table = Table()
    for column in ("process", "state", "done", "behind", "restarts", "detail"):
        table.add_column(column, justify="right" if column in ("behind", "restarts") else "left")
    said = (view.health or {}).get("processes", {})
    for child in supervisor.children:
        process = said.get(child.name, {})
        done, lag = process.get("done"), process.get("lag_records")
        table.add_row(
            child.name,
            process.get("state", child.state),
            "" if done is None else f"{done:.0%}",
            "" if lag is None else str(lag),
            str(child.restarts),
            str(process.get("detail", ""))[:60],
        )
    for symbol in (view.health or {}).get("symbols", []):
        table.add_row(
            symbol["symbol"],
            "stale" if symbol["stale"] else "live",
            f"{symbol['last_price']:g}",
            f"{symbol['age_bars']:.1f} bars",
            "",
            f"in view: {symbol['bars']} bars, {symbol['signals']} signals",
        )
    timeframes = (view.health or {}).get("timeframes", [])
    for each in timeframes if len(timeframes) > 1 else ():
        model, done = each["model"], each["model"]["done"]
        share = "" if done is None else f"{done:.0%}"
        table.add_row(each["timeframe"], model["state"], share, "", "", model_text(model)[:60])
    return table
