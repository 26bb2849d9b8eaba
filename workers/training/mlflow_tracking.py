"""Where MLflow keeps what is mirrored: the database of the home, or a server by its address."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from workers.settings import Settings

LOCK = "mlflow.lock"  # of the database's schema


@dataclass(frozen=True)
class Tracking:
    """Where MLflow stores runs and files.

    Attributes:
        uri: Tracking and registry.
        artifacts: Folder of a new experiment's files; None lets a server decide.
        access: How MLflow's client logs in, as the variables that it reads.
        database: File of the home whose schema is ours; None: its operator keeps that of another.
        home: Has the results of jobs that ran without a pipeline; None: there are none.
    """

    uri: str
    artifacts: str | None
    access: Mapping[str, str] = field(default_factory=dict, repr=False)
    database: Path | None = None
    home: Path | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> Tracking:
        """Return the place in the home, unless ``MLFLOW_TRACKING_URI`` names another."""
        home = settings.home.resolve()
        database = None if settings.mlflow_tracking_uri else home / "mlflow.db"
        uri = settings.mlflow_tracking_uri or f"sqlite:///{database}"
        is_server = uri.startswith(("http://", "https://"))
        artifacts = None if is_server else (home / "mlflow-artifacts").as_uri()
        password = settings.mlflow_password
        access = {
            "MLFLOW_TRACKING_USERNAME": settings.mlflow_username,
            "MLFLOW_TRACKING_PASSWORD": password.get_secret_value() if password else None,
            "MLFLOW_TRACKING_INSECURE_TLS": None if settings.mlflow_verify_ssl else "true",
        }
        used = {name: value for name, value in access.items() if value}
        return cls(uri, artifacts, used, database, home)

    @contextmanager
    def schema_lock(self) -> Iterator[None]:
        """Let one process of the machine at a time create or upgrade the home's database."""
        if self.database is None:
            yield
            return
        with self.database.with_name(LOCK).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def fingerprint(self) -> str:
        """Return what changes with every write to the home's database; empty for a server."""
        if self.database is None:
            return ""
        try:
            facts = self.database.stat()
        except FileNotFoundError:
            return "absent"
        return f"{facts.st_ino} {facts.st_size} {facts.st_mtime_ns}"
