"""For every test: logging as before. For those marked ``kafka``: a real broker, fresh topics."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import itertools
import json
import logging
import os
import shutil
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import structlog

from deploy.local.broker import BrokerSettings, LocalBroker
from deploy.local.jars import ensure_jars
from deploy.local.kernels import drop_stale_code
from deploy.local.log_files import LEVELS
from deploy.topics.admin import apply_topics, delete_topics, list_topics
from deploy.topics.plan import COMPACTED, TopicPlan, planned_topics
from streams.runtime.settings import KafkaSettings
from tests.groups import forget_groups
from workers.process import LogSettings, configure_logging

NewTopic = Callable[..., str]
LogLines = Callable[..., list[dict[str, Any]]]
NewBroker = Callable[..., LocalBroker]

_numbers = itertools.count()

os.environ["REGIMEFLOW_ENV_FILE"] = ""  # a .env of this checkout is the developer's, not the tests'

# In a fresh checkout the first example compiles a kernel, and a busy machine is no failure.
hypothesis.settings.register_profile("regimeflow", deadline=None)
hypothesis.settings.load_profile("regimeflow")


def pytest_configure(config: pytest.Config) -> None:
    """Test the kernels as they are written now; once, before any worker of pytest starts."""
    if not hasattr(config, "workerinput"):
        drop_stale_code()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Never look for garbage in what collecting makes, which stays: it costs a tenth of the run."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that wait for brokers and pages first: the others compute beside them until the end."""
    waits = {
        item.path
        for item in items
        if item.get_closest_marker("kafka") or item.get_closest_marker("browser")
    }
    items.sort(key=lambda item: item.path not in waits)


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Undo what a command or a process that ran inside a test made of logging."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    hooks = sys.excepthook, threading.excepthook
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    sys.excepthook, threading.excepthook = hooks
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.fixture
def log_lines() -> LogLines:
    """All that this process logs from INFO on, in the test: ``log_lines(level) -> lines``."""
    written: list[str] = []
    configure_logging(LogSettings("test", "INFO"), written.append)

    def lines(lowest: str = "warning") -> list[dict[str, Any]]:
        parsed = [json.loads(line) for line in written]
        return [line for line in parsed if LEVELS.index(line["level"]) >= LEVELS.index(lowest)]

    return lines


@pytest.fixture(scope="session")
def formatted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that Kafka has formatted, once for all processes of pytest: copy it."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    with (shared / "formatted.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        broker = LocalBroker(BrokerSettings(home=shared / "formatted", min_free_mb=100))
        data = broker.home / "data"
        if not data.exists():
            broker._prepare_folder()
            broker._format(broker._java(ensure_jars(broker.settings.cache, broker._progress)))
            broker.stop()
    return data


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory, formatted: Path) -> Iterator[str]:
    """Bootstrap address of a broker shared by the whole run."""
    home = tmp_path_factory.mktemp("broker")
    shutil.copytree(formatted, home / "data")
    with LocalBroker(BrokerSettings(home=home, min_free_mb=100)) as running:
        yield running.bootstrap


@pytest.fixture
def new_topic(broker: str) -> NewTopic:
    """Makes a topic with a name of its own: ``new_topic(partitions=3, compact=True) -> name``."""

    def make(partitions: int = 1, *, compact: bool = False) -> str:
        name = f"test.{next(_numbers)}"
        config = COMPACTED if compact else {}
        apply_topics({"bootstrap.servers": broker}, partitions, [TopicPlan(name, config)])
        return name

    return make


@contextlib.contextmanager
def project_topics(bootstrap: str) -> Iterator[KafkaSettings]:
    """Create every topic of the project; afterwards empty them, and forget every group.

    Stop every consumer before it ends. A topic that was written or altered is deleted, the others
    stay for the next test: a broker needs a second to delete them all.
    """
    cluster = {"bootstrap.servers": bootstrap}
    apply_topics(cluster)
    yield KafkaSettings(bootstrap)
    forget_groups(cluster)
    ours = {topic.name for topic in planned_topics()}
    written = {topic.name for topic in list_topics(cluster) if topic.end}
    altered = {difference.topic for difference in apply_topics(cluster).differing}
    delete_topics(cluster, sorted(ours & (written | altered)))


@pytest.fixture
def pipeline_topics(broker: str) -> Iterator[str]:
    """Bootstrap address, every topic of the project there and empty, no group known."""
    with project_topics(broker):
        yield broker


@pytest.fixture
def new_broker(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[NewBroker]:
    """Makes brokers that a test may kill, not started: ``new_broker(fresh=False, **settings)``.

    A fresh one has no data yet, and formats its folder itself.
    """
    made: list[LocalBroker] = []

    def make(*, fresh: bool = False, **settings: Any) -> LocalBroker:
        home = settings.setdefault("home", tmp_path_factory.mktemp("broker"))
        settings.setdefault("min_free_mb", 100)
        if not fresh:
            shutil.copytree(request.getfixturevalue("formatted"), home / "data")
        made.append(LocalBroker(BrokerSettings(**settings)))
        return made[-1]

    yield make
    for each in made:
        each.stop()
