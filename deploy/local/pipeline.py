"""One run of the pipeline: broker, topics, kernels, dashboard, processes, and their end."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from deploy.environments import log_retention_days
from deploy.local.home_environment import bind_environment
from deploy.local.log_retention import LogRetention
from deploy.local.ports import free_ports
from deploy.local.priorities import start_order
from deploy.local.run_file import RunFile
from deploy.local.stalls import Stalls, StallWatch
from deploy.local.supervisor import (
    Supervisor,
    SupervisorError,
    interrupt_on_signals,
    stop_on_signals,
)
from deploy.local.surroundings import (
    home_problem,
    loopback_problem,
    port_problem,
    require,
    semaphore_problem,
)
from deploy.local.told_settings import setting_variables, told_sources
from streams.runtime.environment import SOURCES
from workers.provenance import git_commit

if TYPE_CHECKING:
    from deploy.local.jars import OnStep
    from streams.runtime.settings import KafkaSettings
    from workers.settings import Settings

log = structlog.get_logger()

ROOT = Path(__file__).resolve().parents[2]
LOOPBACK = "127.0.0.1"
METRICS_PORT = "REGIMEFLOW_METRICS_PORT"
LAST_PORT = 65_535
LOOK_EVERY_S = 0.25
WITH_CHILDREN = {"training", "backtest", "tuning"}  # these compute in child processes


class Screen(Protocol):
    """Where a run tells a human what it does."""

    def step(self, text: str, done: float | None = None, /) -> None:
        """Say what is being done now, and how far it is in [0, 1] where it has parts."""

    def ready(self, url: str | None, held_ms: int | None) -> None:
        """Say where the dashboard is, and up to which bar an earlier run made signals.

        Without a gateway there is no dashboard: ``url`` is None.
        """

    def look(self, supervisor: Supervisor) -> None:
        """Show the state of the running pipeline; called several times a second."""

    def close(self) -> None:
        """Give the terminal back."""


class LoggedScreen:
    """A screen whose words stand in the log of the run too."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def step(self, text: str, done: float | None = None, /) -> None:
        """Say and log what is being done now; progress is only shown."""
        if done is None:
            log.info("run.step", text=text)
        self._screen.step(text, done)

    def ready(self, url: str | None, held_ms: int | None) -> None:
        """Say and log where the dashboard is, and what is continued."""
        log.info("run.ready", url=url, continues_from_ms=held_ms)
        self._screen.ready(url, held_ms)

    def look(self, supervisor: Supervisor) -> None:
        """Show the state of the running pipeline."""
        self._screen.look(supervisor)

    def close(self) -> None:
        """Give the terminal back."""
        self._screen.close()


@dataclass(frozen=True)
class Run:
    """What is to be run.

    Attributes:
        settings: Of every process.
        port: Of the gateway.
        processes: Names, in flow order; all of them by default.
        metrics_ports: Where each process but the gateway serves its metrics.
    """

    settings: Settings
    port: int
    processes: tuple[str, ...]
    metrics_ports: Mapping[str, int] = field(default_factory=dict)


def run_pipeline(run: Run, screen: Screen) -> int:
    """Run until Ctrl-C or SIGTERM, then stop everything; return the exit code.

    Raises:
        BrokerError, SupervisorError: With what is wrong and what to do.
    """
    from deploy.local.dashboard import DashboardError
    from deploy.local.errors import BrokerError
    from deploy.local.home_lock import HomeLock
    from deploy.local.log_files import LogFile
    from workers.process import LogSettings, configure_logging

    home = run.settings.home
    check_machine(run)
    home.mkdir(parents=True, exist_ok=True)
    interrupt_on_signals()
    lock = HomeLock(home / "run.lock")
    lock.take()
    screen = LoggedScreen(screen)
    configure_logging(
        LogSettings("run", run.settings.log_level), LogFile(home / "logs", "run").write
    )
    log.info(
        "run.started",
        version=version("regimeflow"),
        git_commit=git_commit(),
        python=platform.python_version(),
        env=run.settings.env,
        exchange=run.settings.exchange,
        home=home,
        installed_in_s=os.environ.get("INSTALLED_IN_S"),
    )
    try:
        check_port(run)
        bind_environment(run.settings)
        with cluster(run, screen) as found:
            prepare(run, found.client, screen.step)
            stop = threading.Event()
            stop_on_signals(stop)
            return _supervise(run, found, stop, screen)
    except (BrokerError, SupervisorError, DashboardError, OSError) as error:
        log.error("run.failed", cause=str(error), remedy="do what it says, then run again")
        raise
    except KeyboardInterrupt:
        screen.step("stopped before anything ran; the next run begins here")
        return 0
    finally:
        screen.close()
        (home / "run.json").unlink(missing_ok=True)
        lock.release()


def _supervise(run: Run, found: Cluster, stop: threading.Event, screen: Screen) -> int:
    run = replace(run, metrics_ports=metrics_ports(run))
    home = run.settings.home
    environment = process_environment(run, found.client)
    if "simulator" in run.processes and run.settings.simulator_url is None:
        [port] = free_ports(1, {run.port, *run.metrics_ports.values()})
        environment["REGIMEFLOW_SIMULATOR_URL"] = f"http://{LOOPBACK}:{port}"
    environment[SOURCES] = told_sources(run.settings, environment)

    def look() -> None:
        found.keep_up()
        for stall in stalls.take():
            if supervisor.end_stalled(stall):
                screen.step(
                    f"{stall.name} stood still {stall.behind} records behind; started again"
                )
        run_file.keep_up(supervisor)
        retention.keep_up()
        screen.look(supervisor)

    own = {name: {METRICS_PORT: str(port)} for name, port in run.metrics_ports.items()}
    retention = LogRetention(home / "logs", log_retention_days(run.settings))
    supervisor = Supervisor(start_order(run.processes), home / "logs", environment, own=own)
    held_ms = None
    if "gateway" in run.processes:
        held_ms = newest_signal_ms(found.client)
        if held_ms is None:
            say_bars_held(found.client, screen)
    screen.step(f"starting {len(run.processes)} processes")
    try:
        run_file = RunFile(home / "run.json", run_facts(run, environment))
        run_file.write(supervisor)
        screen.ready(gateway_url(run), held_ms)
        with stall_watch(run, found.client) as stalls:
            supervisor.watch(stop, LOOK_EVERY_S, look)
    finally:
        screen.step("stopping")
        stopping_s = time.monotonic()
        killed = supervisor.stop()
        log.info(
            "run.stopped",
            processes=len(run.processes),
            killed=killed,
            restarts={
                child.name: child.restarts for child in supervisor.children if child.restarts
            },
            seconds=round(time.monotonic() - stopping_s, 1),
        )
    for name in killed:
        screen.step(f"{name} did not stop in time and was killed; it resumes from its last commit")
    return 0


def stall_watch(run: Run, client: Mapping[str, str]) -> StallWatch:
    """Return the watch of those processes of a run that commit all the time.

    A job commits when it ends, and what only watches or serves commits nothing.
    """
    from deploy.topics.admin import group_positions
    from deploy.topics.tail import has_record
    from streams.topology import CHAINS, WORKERS

    steady = {*(chain.name for chain in CHAINS), *(row.name for row in WORKERS if row.stateful)}
    names = tuple(name for name in run.processes if name in steady)
    kafka = kafka_settings(client)
    return StallWatch(
        Stalls(names, lambda: group_positions(client, names), functools.partial(has_record, kafka))
    )


def gateway_url(run: Run) -> str | None:
    """Return the address of the run's gateway; None when it runs without one."""
    return f"http://{LOOPBACK}:{run.port}/" if "gateway" in run.processes else None


def check_machine(run: Run) -> None:
    """Raise SupervisorError for what the machine lacks, before anything is made or started."""
    require(home_problem(run.settings.home))
    require(loopback_problem())
    if WITH_CHILDREN & set(run.processes):
        require(semaphore_problem())


def metrics_ports(run: Run) -> dict[str, int]:
    """Return the port at which each process but the gateway serves its metrics.

    ``REGIMEFLOW_METRICS_PORT`` is that of the first, and the others follow in flow order. Without
    it each has a free one.

    Raises:
        SupervisorError: The setting is no port, or they do not fit between it and 65535.
    """
    names = [name for name in run.processes if name != "gateway"]
    setting = os.environ.get(METRICS_PORT, "0")
    first = int(setting) if setting.isascii() and setting.isdigit() else -1
    ports = range(first, first + len(names))
    if first < 0 or ports.stop > LAST_PORT + 1 or (first and run.port in ports):
        raise SupervisorError(
            f"{METRICS_PORT} is {setting!r}, expected the first of {len(names)} ports up to "
            f"{LAST_PORT} without the gateway's, {run.port}; 0 or unset: free ones"
        )
    return dict(zip(names, ports if first else free_ports(len(names), {run.port}), strict=True))


def metrics_urls(run: Run) -> dict[str, str]:
    """Return where each process serves its metrics."""
    host = os.environ.get("REGIMEFLOW_METRICS_HOST", LOOPBACK)
    urls = {name: f"http://{host}:{port}/metrics" for name, port in run.metrics_ports.items()}
    gateway = gateway_url(run)
    return urls if gateway is None else {**urls, "gateway": f"{gateway}metrics"}


def check_port(run: Run) -> None:
    """Raise when the gateway's port is taken, or the ports of metrics cannot be had."""
    metrics_ports(run)
    if "gateway" not in run.processes:
        return
    require(port_problem(run.port))


@dataclass(frozen=True)
class Cluster:
    """The cluster of a run: client settings, and what starts a dead local broker again."""

    client: Mapping[str, str]
    keep_up: Callable[[], object]


@contextlib.contextmanager
def cluster(run: Run, screen: Screen) -> Iterator[Cluster]:
    """Yield the cluster that is set, or a local broker that ends with the block."""
    from deploy.local.broker import BrokerSettings, LocalBroker
    from deploy.local.broker_keeper import BrokerKeeper

    external = run.settings.kafka_bootstrap_servers
    if external is not None:
        client = {"bootstrap.servers": external, **run.settings.kafka_client}
        yield Cluster(client, lambda: None)
        return
    with LocalBroker(BrokerSettings(home=run.settings.home / "kafka"), screen.step) as broker:
        # One that died comes back on the same port.
        keeper = BrokerKeeper(broker.start, screen.step)
        yield Cluster({"bootstrap.servers": broker.bootstrap}, keeper.keep_up)


def prepare(run: Run, cluster_settings: Mapping[str, str], step: OnStep) -> None:
    """Create topics, fill tables, compile kernels, build the dashboard; quick when all is there."""
    from deploy.local.kernels import compile_kernels
    from deploy.topics.admin import apply_topics
    from deploy.topics.plan import planned_topics
    from deploy.topics.refdata import publish_refdata

    step("topics")
    topics = planned_topics(log_retention_days(run.settings))
    applied = apply_topics(cluster_settings, run.settings.partitions, topics)
    publish_refdata(kafka_settings(cluster_settings))
    for difference in applied.differing:
        step(f"topic {difference}")
    if run.processes != ("gateway",):
        compile_kernels(step)
    if "gateway" in run.processes:
        from deploy.local.dashboard import build_dashboard

        build_dashboard(step)


def newest_signal_ms(client: Mapping[str, str]) -> int | None:
    """Return the bar close of the newest signal that earlier runs made; None before the first."""
    from deploy.topics.tail import newest_close_ms
    from schemas.topics import SIGNALS

    return newest_close_ms(kafka_settings(client), SIGNALS)


def say_bars_held(client: Mapping[str, str], screen: Screen) -> None:
    """Say that a run continues one that ended before its first signal."""
    from deploy.time_text import time_text
    from deploy.topics.tail import newest_close_ms
    from schemas.topics import RAW_BARS

    bars_ms = newest_close_ms(kafka_settings(client), RAW_BARS)
    if bars_ms is not None:
        screen.step(
            f"continued: bars up to {time_text(bars_ms)} UTC are held from before, no signal yet"
        )


def kafka_settings(client: Mapping[str, str]) -> KafkaSettings:
    """Return the settings of our own clients from those of a librdkafka client."""
    from streams.runtime.settings import KafkaSettings

    others = {name: value for name, value in client.items() if name != "bootstrap.servers"}
    return KafkaSettings(client["bootstrap.servers"], others)


def process_environment(run: Run, client: Mapping[str, str]) -> dict[str, str]:
    """Return what every process of a run on a cluster is told."""
    return setting_variables(run.settings) | {
        "REGIMEFLOW_PORT": str(run.port),
        "REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS": client["bootstrap.servers"],
        "REGIMEFLOW_GIT_COMMIT": git_commit(),
    }


def run_facts(run: Run, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return who runs here, for ``regimeflow status`` and ``stop``."""
    return {
        "pid": os.getpid(),
        "port": run.port,
        "url": gateway_url(run),
        "bootstrap_servers": environment["REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS"],
        "simulator_url": environment.get("REGIMEFLOW_SIMULATOR_URL"),
        "exchange": run.settings.exchange,
        "processes": list(run.processes),
        "metrics": metrics_urls(run),
        "started_at_ms": int(time.time() * 1000),
    }
