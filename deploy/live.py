"""What a run shows a human: steps, progress, then the live view; or JSON lines for programs."""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.live import Live

    from deploy.local.supervisor import Supervisor
    from deploy.pipeline import Screen

ASK_EVERY_S = 1.0
PLAIN_EVERY_S = 15.0
ASK_TIMEOUT_S = 1.0


def health_of(url: str) -> dict[str, Any] | None:
    """Return the gateway's health; None when it does not answer."""
    health: dict[str, Any] | None = _ask(f"{url}health")
    return health


def _ask(url: str) -> Any:
    try:
        with urllib.request.urlopen(url, timeout=ASK_TIMEOUT_S) as reply:  # noqa: S310 - our own gateway on loopback
            return json.load(reply)
    except urllib.error.HTTPError as answered:  # 503 while starting has the same body
        try:
            return json.load(answered)
        except ValueError:
            return None
    except (OSError, ValueError):
        return None


def newest_signal(url: str) -> dict[str, Any] | None:
    """Return the newest signal; None when there is none or nobody answers."""
    answer = _ask(f"{url}api/signals?limit=1")
    data = (answer or {}).get("data") or {}
    signals = data.get("signals", data) if isinstance(data, dict) else data
    return signals[0] if signals else None


def summary_lines(health: dict[str, Any] | None) -> list[str]:
    """Return the state of the pipeline as plain lines."""
    if health is None:
        return ["gateway does not answer yet"]
    lines = [f"status {health['status']}" + "".join(f"\n  {why}" for why in health["degraded"])]
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


def screen_for(*, as_json: bool) -> Screen:
    """Return the screen that fits: JSON lines, a live view on a terminal, else plain lines."""
    if as_json:
        return JsonScreen()
    return TerminalScreen() if sys.stdout.isatty() else PlainScreen()


class _Asking:
    """Asks the gateway once a second, and notices the first signal."""

    def __init__(self) -> None:
        self.url = ""
        self._started = time.monotonic()
        self._asked = 0.0
        self._health: dict[str, Any] | None = None
        self.first_signal_after_s: float | None = None

    @property
    def elapsed_s(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._started

    def ask(self) -> tuple[dict[str, Any] | None, bool]:
        """Return the health, at most a second old, and whether the first signal just came."""
        if time.monotonic() - self._asked < ASK_EVERY_S:
            return self._health, False
        self._health = health_of(self.url)
        self._asked = time.monotonic()
        first = False
        if self._health and self.first_signal_after_s is None:
            first = any(symbol["signals"] for symbol in self._health["symbols"])
            if first:
                self.first_signal_after_s = self.elapsed_s
        return self._health, first


class PlainScreen:
    """One line a step, then a summary now and then; for logs and pipes."""

    def __init__(self) -> None:
        self._asking = _Asking()
        self._told = ""
        self._told_at = 0.0

    def step(self, text: str) -> None:
        """Say what is being done now."""
        typer.echo(f"[{self._asking.elapsed_s:6.1f}] {text}")

    def ready(self, url: str) -> None:
        """Say where the dashboard is."""
        self._asking.url = url
        self.step(f"dashboard: {url}")

    def look(self, supervisor: Supervisor) -> None:
        """Print progress when it changes, a summary every 15 s, the first signal when it comes."""
        health, first = self._asking.ask()
        if first:
            self.step(f"first signal after {self._asking.first_signal_after_s:.1f} s")
        now = _progress_line(health, supervisor)
        due = time.monotonic() - self._told_at > PLAIN_EVERY_S
        if now != self._told and (due or now.split(" ")[:2] != self._told.split(" ")[:2]):
            self.step(now)
            self._told, self._told_at = now, time.monotonic()


class JsonScreen:
    """One JSON object a line: steps, then health every few seconds."""

    def __init__(self) -> None:
        self._asking = _Asking()
        self._told_at = 0.0

    def _say(self, **fields: Any) -> None:
        typer.echo(json.dumps({"elapsed_s": round(self._asking.elapsed_s, 2), **fields}))

    def step(self, text: str) -> None:
        """Say what is being done now."""
        self._say(event="step", text=text)

    def ready(self, url: str) -> None:
        """Say where the dashboard is."""
        self._asking.url = url
        self._say(event="ready", url=url)

    def look(self, supervisor: Supervisor) -> None:
        """Say the first signal at once, and the health every 15 s."""
        health, first = self._asking.ask()
        if first:
            self._say(event="first_signal", after_s=self._asking.first_signal_after_s)
        if time.monotonic() - self._told_at > PLAIN_EVERY_S:
            restarts = {child.name: child.restarts for child in supervisor.children}
            self._say(event="health", health=health, restarts=restarts)
            self._told_at = time.monotonic()


class TerminalScreen:
    """Steps as they come, then one table that is kept up to date."""

    def __init__(self) -> None:
        self._asking = _Asking()
        self._live: Live | None = None

    def step(self, text: str) -> None:
        """Say what is being done now, above the live view."""
        line = f"[{self._asking.elapsed_s:6.1f}] {text}"
        if self._live is not None:
            self._live.console.print(line, highlight=False, markup=False)
        else:
            typer.echo(line)
        if text == "stopping" and self._live is not None:
            self._live.stop()
            self._live = None

    def ready(self, url: str) -> None:
        """Say where the dashboard is and begin the live view."""
        from rich.live import Live

        self._asking.url = url
        self.step(f"dashboard: {url}   (Ctrl-C stops everything; the next run continues)")
        self._live = Live(refresh_per_second=2, transient=True)
        self._live.start()

    def look(self, supervisor: Supervisor) -> None:
        """Refresh the view."""
        health, first = self._asking.ask()
        if first:
            self.step(f"first signal after {self._asking.first_signal_after_s:.1f} s")
        if self._live is not None:
            self._live.update(_table(health, supervisor))


def _progress_line(health: dict[str, Any] | None, supervisor: Supervisor) -> str:
    dead = [child.name for child in supervisor.children if not child.running]
    if dead:
        return f"restarting {', '.join(dead)}"
    if health is None:
        return "gateway starting"
    processes = health["processes"]
    for name in ("ingest", "training"):
        process = processes.get(name)
        if process and process["done"] is not None and process["done"] < 1.0:
            return f"{name} {process['detail']} {process['done']:.0%}"
    if not health["model_loaded"]:
        return "waiting for the first model"
    signals = sum(symbol["signals"] for symbol in health["symbols"])
    bars = sum(symbol["bars"] for symbol in health["symbols"])
    why = "".join(f"; {reason}" for reason in health["degraded"])
    return f"live {health['status']}: {bars} bars, {signals} signals held{why}"


def _table(health: dict[str, Any] | None, supervisor: Supervisor) -> Any:
    from rich.table import Table

    table = Table(title=_progress_line(health, supervisor), title_justify="left", expand=False)
    for column in ("process", "state", "done", "behind", "restarts", "detail"):
        table.add_column(column, justify="right" if column in ("behind", "restarts") else "left")
    said = (health or {}).get("processes", {})
    for child in supervisor.children:
        process = said.get(child.name, {})
        done, lag = process.get("done"), process.get("lag_records")
        table.add_row(
            child.name,
            process.get("state", "running" if child.running else "restarting"),
            "" if done is None else f"{done:.0%}",
            "" if lag is None else str(lag),
            str(child.restarts),
            str(process.get("detail", ""))[:60],
        )
    for symbol in (health or {}).get("symbols", []):
        table.add_row(
            symbol["symbol"],
            "stale" if symbol["stale"] else "live",
            f"{symbol['last_price']:g}",
            f"{symbol['age_bars']:.1f} bars",
            "",
            f"{symbol['bars']} bars, {symbol['signals']} signals",
        )
    return table
