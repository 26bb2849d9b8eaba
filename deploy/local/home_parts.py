"""What lies in a home: what is kept, and what a run makes again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

# What a backup holds. The broker's own folder besides its data is made at each of its starts.
TOPICS = "kafka/data"
FILES = (
    "archive",
    "logged",
    "mlflow-artifacts",
    "mlflow-mirrored.json",
    "mlflow.db",
    "mlflow.db-journal",  # of a mirror that a stop cut off: SQLite rolls back by it
    "models",
    "monitor",
    "results",
    "simulator.json",
    "source.json",
    "tuning",
)
# A restored home belongs to the environment of its restore.
MADE_AGAIN = (
    "bundles",  # the cache of an object store
    *("beats", "environment.json", "kafka", "logs", "run.json", "run.lock"),
    "mlflow.lock",
)
PASSED_OVER = ".lock"  # of Kafka, in its data: empty


def kept_files(home: Path, *, topics: bool) -> Iterator[Path]:
    """Yield every regular file that is kept, in the order of its path; a link is passed over."""
    for part in sorted((*FILES, TOPICS) if topics else FILES):
        place = home / part
        for path in (place, *sorted(place.rglob("*"))):
            linked = any(each.is_symlink() for each in (path, *_between(home, path)))
            if path.is_file() and not linked and path.name != PASSED_OVER:
                yield path


def left_out(home: Path) -> Iterator[str]:
    """Yield what is neither kept nor made again, and the links among what is kept."""
    known = {part.split("/")[0] for part in (*FILES, TOPICS)} | {*MADE_AGAIN}
    for path in sorted(home.iterdir()):
        if path.name not in known:
            yield path.name
    for part in (*FILES, TOPICS):
        place = home / part
        for path in (place, *sorted(place.rglob("*"))):
            if path.is_symlink():
                yield path.relative_to(home).as_posix()


def delete_home(home: Path) -> list[str]:
    """Remove what is kept or made again, then the folder; return what lies there besides, left."""
    for part in (*FILES, *MADE_AGAIN):
        place = home / part
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)
    others = sorted(path.name for path in home.iterdir())
    if not others:
        home.rmdir()
    return others


def _between(home: Path, path: Path) -> Iterator[Path]:
    """Yield the folders from a path up to the home, without it."""
    for folder in path.parents:
        if folder == home:
            return
        yield folder
