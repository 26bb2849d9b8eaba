"""A whole ``regimeflow run`` by default: its memory, and the seconds until it serves.

It starts once without a model and once with it. Every process must end within 30 s of SIGTERM.
Memory is watched from the first signal on, while the models of the higher timeframes are trained,
until a while after all of them serve. It is PSS: a page that n processes share counts 1/n for each.
Where PSS cannot be read it is RSS, which counts the page n times.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.dashboard import build_dashboard
from deploy.local.ports import usable_port
from deploy.local.run_watch import read_health, read_models, read_newest_signal
from tests.fakes.processes import ends

Row = dict[str, object]

MEBIBYTE = 1 << 20
LIMIT_MIB = 2.5 * 1024
GATEWAY_LIMIT_MIB = 300
COLD_LIMIT_S = 120.0
ALL_LIMIT_S = 300.0
WARM_LIMIT_S = 60.0
GIVE_UP_S = 300.0
ALL_GIVE_UP_S = 900.0
STOP_WITHIN_S = 30.0
WATCH_S = 20.0  # once all timeframes serve; the largest sample of all counts
POLL_S = 0.25


@dataclass(frozen=True)
class Start:
    """A run that has given its first signal.

    Attributes:
        seconds: From its start to that.
    """

    pid: int
    url: str
    seconds: float


def rows() -> list[Row]:
    """Start twice, measure the memory, stop twice."""
    build_dashboard(say)  # the limits hold for a machine that is set up
    subprocess.run([sys.executable, "-m", "deploy.local.kernels"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with running(home, resumed=False) as cold:
            all_serve_s, (total, gateway, kind) = largest_memory(cold)
        with running(home, resumed=True) as warm:
            pass
    return [
        within(f"whole run once live, {kind}, MiB", LIMIT_MIB, total),
        within("gateway once live, RSS, MiB", GATEWAY_LIMIT_MIB, gateway),
        within("first signal, first model to be trained, s", COLD_LIMIT_S, cold.seconds),
        within("all timeframes serve, models to be trained, s", ALL_LIMIT_S, all_serve_s),
        within("first new signal of a later start, s", WARM_LIMIT_S, warm.seconds),
    ]


def within(name: str, limit: float, measured: float) -> Row:
    """Return a row of the bench table for an absolute limit."""
    say(f"{name}: {measured:.0f} of {limit:.0f} (load {os.getloadavg()[0]:.1f})")
    return {
        "name": name,
        "peer": "spec",
        "ratio": round(limit / measured, 2),
        "spread": 0.0,
        "bar": 1.0,
        "holds": measured <= limit,
    }


@contextmanager
def running(home: Path, *, resumed: bool) -> Iterator[Start]:
    """Run the pipeline until its first signal, yield, then stop it.

    Asserts that every process ends in time.
    """
    port = usable_port(0)
    url = f"http://127.0.0.1:{port}/"
    with (home / "run.log").open("ab") as log:
        started = time.monotonic()
        run = subprocess.Popen(
            [sys.executable, "-m", "deploy.cli.app", "run", "--json", "--port", str(port)],
            stdout=log,
            stderr=log,
            env={**os.environ, "REGIMEFLOW_HOME": str(home)},
        )
    family: set[int] = {run.pid}
    try:
        wait_for_signal(run, url, home, resumed=resumed)
        yield Start(run.pid, url, time.monotonic() - started)
        family |= descendants(run.pid)
        stopped = time.monotonic()
        run.send_signal(signal.SIGTERM)
        code = run.wait(STOP_WITHIN_S)
        assert code == 0, f"the run ended with {code}"
        left = STOP_WITHIN_S - (time.monotonic() - stopped)
        alive = [pid for pid in family if not ends(pid, max(left, 0.1))]
        assert not alive, f"{alive} still run {STOP_WITHIN_S:.0f} s after SIGTERM"
        say(f"stopped {len(family)} processes in {time.monotonic() - stopped:.1f} s")
    finally:
        if run.poll() is None:  # it failed: leave nothing behind
            run.terminate()
            run.wait(2 * STOP_WITHIN_S)


def wait_for_signal(run: subprocess.Popen[bytes], url: str, home: Path, *, resumed: bool) -> None:
    """Wait for the first signal; after a resume, for one newer than the first that is shown."""
    deadline = time.monotonic() + GIVE_UP_S
    known_ms = None if resumed else -1
    while True:
        newest = read_newest_signal(url) if views_are_read(url) else None
        if newest is not None and known_ms is None:
            known_ms = newest["event_time_ms"]
        if newest is not None and known_ms is not None and newest["event_time_ms"] > known_ms:
            return
        log_tail = "\n".join((home / "run.log").read_text().splitlines()[-12:])
        assert run.poll() is None, f"the run ended:\n{log_tail}"
        assert time.monotonic() < deadline, f"no signal in {GIVE_UP_S:.0f} s:\n{log_tail}"
        time.sleep(POLL_S)


def views_are_read(url: str) -> bool:
    """Return whether the gateway has read all that was there when it started."""
    health = read_health(url)
    return health is not None and health["status"] != "starting"


def largest_memory(start: Start) -> tuple[float, tuple[float, float, str]]:
    """Return when all timeframes serve, and what memory a run takes until a while after that.

    Returns: seconds since its start; the largest MiB of the process tree and of the gateway in it,
    and the kind of memory.
    """
    totals, gateways, kinds = [], [], set()
    began = time.monotonic() - start.seconds
    all_serve_s, until = None, began + ALL_GIVE_UP_S
    while time.monotonic() < until:
        if all_serve_s is None and all_serve(start.url):
            all_serve_s = time.monotonic() - began
            until = time.monotonic() + WATCH_S
        family = descendants(start.pid) | {start.pid}
        samples = [memory(member) for member in family]
        totals.append(sum(used for used, _ in samples))
        kinds |= {kind for used, kind in samples if used}
        gateways += [rss(member) for member in family if command(member)[-1:] == ["gateway"]]
        time.sleep(1.0)
    assert gateways, "no gateway runs"
    pending = (read_health(start.url) or {}).get("pending")
    assert all_serve_s is not None, f"not all serve in {ALL_GIVE_UP_S:.0f} s: {pending}"
    return all_serve_s, (max(totals), max(gateways), " and ".join(sorted(kinds)))


def all_serve(url: str) -> bool:
    """Return whether a model of each timeframe is loaded and serves."""
    health, models = read_health(url), read_models(url)
    if health is None or models is None:
        return False
    serving = {model["timeframe"] for model in models["models"].values() if model["serving"]}
    return serving == {each["timeframe"] for each in health["timeframes"]}


def descendants(pid: int) -> set[int]:
    """Return every living descendant of a process."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        if (text := read(path)) is not None:
            parents[int(path.parent.name)] = int(text.rpartition(")")[2].split()[1])
    family: set[int] = set()
    newest = {pid}
    while newest:
        newest = {child for child, parent in parents.items() if parent in newest} - family
        family |= newest
    return family


def memory(pid: int) -> tuple[float, str]:
    """Return the PSS of a process in MiB, or its RSS where PSS cannot be read; 0: it has ended."""
    text = read(Path(f"/proc/{pid}/smaps_rollup"))
    for line in (text or "").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024, "PSS"
    return rss(pid), "RSS"


def rss(pid: int) -> float:
    """Return the resident memory of a process in MiB; 0: it has ended."""
    text = read(Path(f"/proc/{pid}/statm"))
    return 0.0 if text is None else int(text.split()[1]) * os.sysconf("SC_PAGESIZE") / MEBIBYTE


def command(pid: int) -> list[str]:
    """Return the command line of a process; empty: it has ended."""
    return (read(Path(f"/proc/{pid}/cmdline")) or "").rstrip("\0").split("\0")


def read(path: Path) -> str | None:
    """Return a file of /proc; None when the process has ended or is not ours."""
    try:
        return path.read_text()
    except OSError:
        return None


def say(text: str) -> None:
    """Tell the person who waits."""
    print(f"  {text}", file=sys.stderr, flush=True)  # noqa: T201 - progress


if __name__ == "__main__":
    print(*rows(), sep="\n")  # noqa: T201 - a run by hand
