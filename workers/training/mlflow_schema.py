"""The tables of the home's MLflow database: its one owner makes them, and brings them up to date.

SQLite commits each change of a table by itself, and the child that makes them may be killed at any
point. So they are made in a file beside, which takes the place of the database when it is whole.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import structlog

from workers.storage import whole_file

log = structlog.get_logger()


class MirrorIncomplete(Exception):
    """Some models could not be mirrored; the others were."""


def bring_up(database: Path) -> None:
    """Let a database have the tables that this MLflow expects.

    One that cannot be brought there is half made, by a release that was killed while it worked on
    the database itself: it is made anew, and the topics have what it should hold.

    Raises:
        MirrorIncomplete: It is of a newer MLflow.
    """
    from alembic.util.exc import CommandError
    from sqlalchemy.exc import OperationalError

    if database.exists() and _is_current(database):
        return
    with whole_file(database) as fresh:
        fresh.unlink(missing_ok=True)
        try:
            if database.exists():
                with (
                    closing(sqlite3.connect(database)) as old,
                    closing(sqlite3.connect(fresh)) as new,
                ):
                    old.backup(new)  # with what its journal takes back
            _migrate(fresh)
        except CommandError as unknown:
            raise MirrorIncomplete(
                f"{database} is of a newer MLflow than this one ({unknown}): move it away, and it "
                "is written again from the topics"
            ) from None
        except OperationalError as half_made:
            log.warning(
                "mlflow.renewed",
                database=str(database),
                cause=str(half_made.orig),
                remedy="none: it is written again from the topics",
            )
            fresh.unlink()
            _migrate(fresh)


def _is_current(database: Path) -> bool:
    db, engine = _connected(database)
    try:
        current = db._get_schema_version(engine) == db._get_latest_schema_revision()  # noqa: SLF001
        return bool(current)
    finally:
        engine.dispose()


def _migrate(database: Path) -> None:
    db, engine = _connected(database)
    try:
        if db._is_empty_database(engine):  # noqa: SLF001
            db._safe_initialize_tables(engine)  # noqa: SLF001
        else:
            db._upgrade_db(engine)  # noqa: SLF001
    finally:
        engine.dispose()


def _connected(database: Path) -> tuple[Any, Any]:
    """Return MLflow's own means, which have no public names, and its engine of a database."""
    from mlflow.store.db import utils
    from mlflow.store.tracking import sqlalchemy_store  # noqa: F401 - makes its tables known

    db: Any = utils  # untyped
    return db, db.create_sqlalchemy_engine_with_retry(f"sqlite:///{database}")
