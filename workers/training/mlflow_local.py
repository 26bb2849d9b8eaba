"""Results of jobs that ran here, without a pipeline: kept in the home, and mirrored from there.

No topic has them. Their folder is the record that MLflow is mended from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import structlog
from pydantic import ValidationError

from schemas.jobs import JobResult
from workers.storage import whole_file
from workers.training.mlflow_runs import LoggedRun, job_run

log = structlog.get_logger()

LOGGED = "logged"  # folder in the home


def keep_results(home: Path, results: Sequence[JobResult]) -> None:
    """Keep results to be mirrored; a later one of the same job replaces the earlier."""
    for result in results:
        with whole_file(home / LOGGED / f"{result.job_id}.json") as fresh:
            fresh.write_bytes(result.encode())


def kept_runs(home: Path) -> Iterator[LoggedRun]:
    """Yield the run of each kept result, in the order of their names; what is none is logged."""
    for path in sorted((home / LOGGED).glob("*.json")):
        try:
            result = JobResult.decode(path.read_bytes())
        except (OSError, ValidationError) as unreadable:
            log.warning(
                "read.failed",
                file=str(path),
                cause=type(unreadable).__name__,
                remedy="none is needed: the other runs are mirrored; delete the file",
            )
        else:
            yield job_run(result)


def newest_kept_ns(home: Path) -> int:
    """Return when the newest result was kept; 0 without any."""
    folder = home / LOGGED
    return folder.stat().st_mtime_ns if folder.is_dir() else 0
