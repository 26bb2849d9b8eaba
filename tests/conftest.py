"""For every test: logging as before. For those marked ``kafka``: a real broker, fresh topics."""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import hypothesis
import pytest
import structlog

from deploy.local.broker import BrokerSettings, LocalBroker
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
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Bootstrap address of a broker shared by the whole run."""
    settings = BrokerSettings(home=tmp_path_factory.mktemp("broker"), min_free_mb=100)
    with LocalBroker(settings) as running:
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
def new_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewBroker]:
    """Makes brokers that a test may kill, not started: ``new_broker(**settings)``."""
    made: list[LocalBroker] = []

    def make(**settings: object) -> LocalBroker:
        settings.setdefault("home", tmp_path_factory.mktemp("broker"))
        settings.setdefault("min_free_mb", 100)
        made.append(LocalBroker(BrokerSettings(**settings)))  # type: ignore[arg-type]  # keywords of the record
        return made[-1]

    yield make
    for each in made:
        each.stop()
