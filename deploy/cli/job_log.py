"""Jobs that ran here as runs of MLflow: kept in the home first, then mirrored if MLflow answers."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from deploy.cli.console import load_settings, note, report_errors

if TYPE_CHECKING:
    from schemas.jobs import JobResult
    from workers.training.mlflow_tracking import Tracking

ADDED = ("spec", "git_commit", "trace_id", "job_id", "status", "urls")  # beside a job's result


def logged(documents: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return results with the ``mlflow_run_id`` of each; null while MLflow is away.

    What is away is said. The results are kept in the home, and the pipeline's mirror, or the next
    call with ``--log``, brings them to MLflow.

    Args:
        documents: Results with their spec, commit and trace id. The same request on the same bars
            is the same run.
    """
    from workers.process import without_secrets
    from workers.training.mlflow_local import keep_results
    from workers.training.mlflow_tracking import Tracking

    settings = load_settings()
    results = [_job_result(document) for document in documents]
    with report_errors():
        keep_results(settings.home, results)
    ids: dict[str, str] = {}
    try:
        ids = _mirrored_ids(Tracking.from_settings(settings))
    except Exception as away:  # noqa: BLE001 - whatever MLflow raises: the results are kept
        note(
            without_secrets(
                f"MLflow is away ({type(away).__name__}: {away}): the result is kept in "
                f"{settings.home / 'logged'} and mirrored later"
            )
        )
    run_ids = [ids.get(f"job/{result.job_id}") for result in results]
    if known := [run_id for run_id in run_ids if run_id]:
        note(f"MLflow has {len(known)} of {len(run_ids)} as {', '.join(known[:3])}")
    return [
        document | {"mlflow_run_id": run_id}
        for document, run_id in zip(documents, run_ids, strict=True)
    ]


def _mirrored_ids(tracking: Tracking) -> dict[str, str]:
    """Bring all kept results to MLflow; return the id of the run of each subject."""
    os.environ["MLFLOW_CONFIGURE_LOGGING"] = "0"
    from workers.training.mlflow_mirror import MlflowMirror

    with contextlib.chdir(tracking.home or "."):  # MLflow's Default experiment takes its place
        mirrored = MlflowMirror(tracking)
        mirrored.put_kept()
    return {subject: run.run_id for subject, run in mirrored.shown.items()}


def _job_result(document: dict[str, Any]) -> JobResult:
    from schemas.jobs import JobResult
    from streams.runtime.wall_clock import wall_ms

    partial = bool(document.get("partial"))
    return JobResult(
        job_id=document.get("job_id") or f"local-{document['trace_id'][:12]}",
        kind=document["spec"]["kind"],
        event_time_ms=wall_ms(),
        status="partial" if partial else "done",
        trials=document.get("trials") or 0,
        seconds=0.0,
        spec=document["spec"],
        result=json.loads(json.dumps({n: v for n, v in document.items() if n not in ADDED})),
        urls=document.get("urls", {}),
        git_commit=document["git_commit"],
        trace_id=document["trace_id"],
    )
