"""One process of the pipeline, as the supervisor starts it: ``python -m deploy.process NAME``."""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import sys
import threading
import time
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if __name__ in {"__main__", "__mp_main__"}:  # the process, or a child of it
    # structlog loads rich where it is installed, to colour tracebacks: 4 MiB. Our lines are JSON.
    sys.modules["rich"] = None  # type: ignore[assignment]

import structlog

from deploy.local.priorities import BACKGROUND, NICENESS
from deploy.local.supervisor import HEARTBEAT, ONE_THREAD, interrupt_on_signals

if TYPE_CHECKING:
    from gateway.settings import GatewaySettings
    from streams.runtime.settings import KafkaSettings
    from workers.settings import Settings

log = structlog.get_logger()

PR_SET_PDEATHSIG = 1
LOOK_EVERY_S = 0.5
SAY_NO_STATUS = ("simulator", "gateway", "monitor")


def main() -> int:
    """Run the named process until SIGTERM; return its exit code."""
    began_s = time.monotonic()
    name = sys.argv[1]
    if name in BACKGROUND:
        os.nice(NICENESS)
    os.environ.update(ONE_THREAD)
    beats_file = os.environ.pop(HEARTBEAT, None)  # not inherited: a child is no main loop
    interrupt_on_signals()  # until the process has a main loop, which sets its own
    from pydantic import ValidationError

    from streams.runtime.environment import EnvironmentRefused
    from streams.runtime.settings import EXIT_REFUSED
    from workers.process import (
        LogSettings,
        SettingsRefused,
        configure_logging,
        give_back_memory,
        refused,
    )
    from workers.settings import Settings
    from workers.settings_errors import error_lines
    from workers.storage import use_endpoint

    configure_logging(LogSettings(name))
    drain_with_supervisor()
    give_back_memory()
    try:
        settings = Settings()
        use_endpoint(settings.s3_endpoint)
        configure_logging(LogSettings(name, settings.log_level))
        say_versions()
        serve_metrics(name)
        say_starting(name, settings)
        beat_into(beats_file)  # only now: from the first beat on, a silence is a hang
        code = run(name, settings)
        if code == EXIT_REFUSED:
            say_failed(
                name, settings, "it is not started again before what its log names is mended"
            )
    except KeyboardInterrupt:  # nothing had begun, or the web server has stopped and says so
        code = 0
    except (
        ValidationError,
        EnvironmentRefused,
    ) as invalid:  # of these settings, or of the gateway's own
        return refused("; ".join(error_lines(invalid)))
    except SettingsRefused as refusal:
        say_failed(name, settings, str(refusal))
        return refused(str(refusal))
    if code == 0:
        log.info("process.drained", lived_s=round(time.monotonic() - began_s, 1))
    return code


def beat_into(file: str | None) -> None:
    """Touch that file with each beat of the main loop."""
    from streams.runtime.heartbeat import heartbeat

    if file is not None:
        heartbeat.write_to(Path(file))


def say_versions() -> None:
    """Log what is about to run."""
    log.info(
        "process.started",
        version=version("regimeflow"),
        git_commit=os.environ.get("REGIMEFLOW_GIT_COMMIT", "unknown"),
        python=platform.python_version(),
        confluent_kafka=version("confluent-kafka"),
        pid=os.getpid(),
    )


def run(name: str, settings: Settings) -> int:
    """Run one process by name; raises ``KeyError`` for an unknown one."""
    from streams.runtime.heartbeat import heartbeat

    if name == "simulator":
        from workers.simulator.worker import run as simulate

        simulate(settings)
        return 0
    if name == "gateway":
        from gateway.app import run as serve
        from gateway.settings import GatewaySettings

        gateway = GatewaySettings()
        require_expected(settings, gateway)
        return serve(gateway, heartbeat.beat)
    kafka = kafka_of(settings)
    if name == "monitor":
        from streams.monitor.app import credentials
        from streams.monitor.app import run as watch
        from workers.process import SettingsRefused

        try:
            credentials(kafka.client)
        except (ValueError, OSError) as error:
            raise SettingsRefused(f"kafka_client: {error}") from None
        return watch(kafka, settings.home / "monitor") or 0
    from streams.topology import CHAINS, WORKERS

    if name in {worker.name for worker in WORKERS}:
        return import_module(f"workers.{name}.worker").run(settings, kafka) or 0
    from streams.runtime.chain import run_until_signalled

    chain = {row.name: row for row in CHAINS}[name]
    for processor in chain.processors:
        if processor.prepare is not None:
            processor.prepare()
    return run_until_signalled(chain.name, chain.processors, kafka) or 0


def require_expected(settings: Settings, gateway: GatewaySettings) -> None:
    """Raise SettingsRefused for what the environment does not allow; others can reach a gateway."""
    from deploy.environments import SettingsInForce, refusals
    from streams.runtime.environment import setting_sources
    from workers.process import SettingsRefused

    if refused := refusals(SettingsInForce(settings, gateway, setting_sources())):
        raise SettingsRefused("; ".join(refused))


def say_starting(name: str, settings: Settings) -> None:
    """Take back what the process said in its last life, before it loads anything heavy."""
    if name in SAY_NO_STATUS:
        return
    from streams.runtime.status import StatusPublisher

    status = StatusPublisher(kafka_of(settings), name)
    status.report("starting")
    status.close()


def say_failed(name: str, settings: Settings, why: str) -> None:
    """Say that the process is not started again, where a cluster is named that can be told."""
    if name in SAY_NO_STATUS or settings.kafka_bootstrap_servers is None:
        return
    from streams.runtime.status import StatusPublisher

    status = StatusPublisher(kafka_of(settings), name)
    status.report("failed", why)
    status.close()


def serve_metrics(name: str) -> None:
    """Serve ``/metrics`` on ``REGIMEFLOW_METRICS_PORT``, if set; the gateway has its own route."""
    port = os.environ.get("REGIMEFLOW_METRICS_PORT")
    if port is None or name == "gateway":
        return
    from prometheus_client import start_http_server

    from workers.process import SettingsRefused

    host = os.environ.get("REGIMEFLOW_METRICS_HOST", "127.0.0.1")
    try:
        start_http_server(int(port), host)
    except (OSError, ValueError, OverflowError) as error:
        raise SettingsRefused(
            f"REGIMEFLOW_METRICS_PORT={port} on {host} cannot be used: {error}; expected a free "
            "port of 0 to 65535 and an address of this machine"
        ) from None


def kafka_of(settings: Settings) -> KafkaSettings:
    """Return how to reach the cluster; the supervisor has put the local broker's address there."""
    from streams.runtime.settings import KafkaSettings
    from workers.process import SettingsRefused

    if settings.kafka_bootstrap_servers is None:
        raise SettingsRefused(
            "no Kafka cluster: set REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS, or use `regimeflow run`, "
            "which starts a local broker"
        )
    return KafkaSettings(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        client=dict(settings.kafka_client),
        git_commit=os.environ.get("REGIMEFLOW_GIT_COMMIT", "unknown"),
        instance=settings.instance,
    )


def drain_with_supervisor() -> None:
    """Ask for SIGTERM when the supervisor is gone, however it went."""
    parent = os.getppid()
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_EVERY_S)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=look, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
