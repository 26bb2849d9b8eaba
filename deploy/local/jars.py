"""The local broker's jars: fetched by Maven coordinate, checked against a committed lock.

``jars.lock`` names every jar by coordinate and SHA-256, so every machine runs the same jars. For
another Kafka version edit ``KAFKA`` and run ``python -m deploy.local.jars > jars.lock`` here.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from deploy.local.errors import JarsError

LOCK = Path(__file__).with_name("jars.lock")

# Each root is resolved alone: in one request the second downgrades kafka-clients to 3.9, and the
# formatter fails. Of the second only its one jar is used: it binds the broker's log to log4j.
KAFKA = "org.apache.kafka:kafka_2.13:4.3.1"
LOG_BINDING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"

ATTEMPTS = 3  # an incomplete download is fetched again; after three wrong jars it is an error
TIMEOUT_S = 60


class OnStep(Protocol):
    """Called with the step that is under way, and its progress in [0, 1] where it has parts."""

    def __call__(self, text: str, done: float | None = None, /) -> None:
        """Report the step."""


@dataclass(frozen=True)
class Jar:
    """One locked jar."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """Name in the cache, e.g. kafka-clients-4.3.1.jar."""
        return f"{self.artifact}-{self.version}.jar"

    def __str__(self) -> str:
        """Coordinate as Maven writes it."""
        return f"{self.group}:{self.artifact}:{self.version}"


def default_cache() -> Path:
    """Return the folder of downloads: REGIMEFLOW_CACHE, or the user's cache folder."""
    if folder := os.environ.get("REGIMEFLOW_CACHE"):
        return Path(folder)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "regimeflow"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "regimeflow"


def parse_lock(text: str) -> tuple[Jar, ...]:
    """Read ``group:artifact:version sha256`` lines; raises ValueError naming a bad line."""
    jars = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line or line.startswith("#"):
            continue
        coordinate, _, sha256 = line.partition(" ")
        parts = coordinate.split(":")
        if len(parts) != 3 or len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
            raise ValueError(
                f"jars.lock line {number} is {line!r}, expected 'group:artifact:version sha256'"
            )
        jars.append(Jar(parts[0], parts[1], parts[2], sha256))
    return tuple(jars)


def ensure_jars(cache: Path, progress: OnStep) -> list[Path]:
    """Return the class path in lock order; fetch and check every jar that is missing.

    Of a jar that was checked before, only size and modification time are compared.

    Raises:
        JarsError: A jar cannot be fetched, or differs from the lock.
    """
    text = LOCK.read_text()
    jars = parse_lock(text)
    folder = cache / f"kafka-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / ".lock"):
        changed = [jar for jar in jars if not _unchanged(folder, jar)]
        wrong = [jar for jar in changed if _sha256(folder / jar.file_name) != jar.sha256]
        if wrong:
            _fetch(wrong, folder, progress)
        (folder / "checked.json").write_text(
            json.dumps({jar.file_name: _stamp(folder / jar.file_name) for jar in jars})
        )
    return [folder / jar.file_name for jar in jars]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _stamp(path: Path) -> list[int] | None:
    if not path.exists():
        return None
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns]


def _unchanged(folder: Path, jar: Jar) -> bool:
    checked = folder / "checked.json"
    if not checked.exists():
        return False
    stamp = _stamp(folder / jar.file_name)
    try:
        stamps = json.loads(checked.read_text())
    except ValueError:
        return False
    return stamp is not None and stamps.get(jar.file_name) == stamp


def _sha256(path: Path) -> str | None:
    if not path.exists():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _maven(repo_cache: str) -> Any:
    from jgo.config import GlobalSettings
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext

    # The user's mirrors in jgo's settings file come first.
    repositories = {**GlobalSettings.load().repositories, "central": MAVEN_CENTRAL_URL}
    return MavenContext(repo_cache=Path(repo_cache), remote_repos=repositories, timeout=TIMEOUT_S)


def _fetch(jars: list[Jar], folder: Path, progress: OnStep) -> None:
    done = 0

    def fetch(jar: Jar) -> None:
        nonlocal done
        _fetch_one(jar, folder)
        done += 1
        progress(f"Kafka jars {done} of {len(jars)}", done / len(jars))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fetch, jars))


def _fetch_one(jar: Jar, folder: Path) -> None:
    problem = ""
    for attempt in range(ATTEMPTS):
        # Each attempt has its own repository, so that no incomplete download is used again.
        with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as repo_cache:
            project = _maven(repo_cache).project(jar.group, jar.artifact)
            try:
                path = Path(project.at_version(jar.version).artifact().resolve())
            except (OSError, RuntimeError) as error:  # requests' errors are OSErrors
                problem = str(error)
                time.sleep(attempt)
                continue
            sha256 = _sha256(path)
            if sha256 == jar.sha256:
                path.replace(folder / jar.file_name)
                return
            problem = f"its SHA-256 is {sha256}, the lock expects {jar.sha256}"
    raise JarsError(
        f"cannot get the broker's jar {jar}: {problem}. Check the network or the mirror, then run "
        "again; or set REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS to use a cluster of your own."
    )


def _resolve() -> Iterator[Jar]:
    with tempfile.TemporaryDirectory() as repo_cache:
        maven = _maven(repo_cache)
        roots, rest = maven.resolver.resolve([maven.create_dependency(KAFKA)])
        needed = [*roots, *(d for d in rest if d.scope in {"compile", "runtime"})]
        needed.append(maven.create_dependency(LOG_BINDING))
        artifacts = [dependency.artifact for dependency in needed]
        for artifact in artifacts:
            sha256 = hashlib.sha256(Path(artifact.resolve()).read_bytes()).hexdigest()
            yield Jar(artifact.groupId, artifact.artifactId, artifact.version, sha256)


if __name__ == "__main__":
    print("# The local broker's class path, in order; written by python -m deploy.local.jars")  # noqa: T201 - the file itself
    for locked in _resolve():
        print(locked, locked.sha256)  # noqa: T201 - the file itself
