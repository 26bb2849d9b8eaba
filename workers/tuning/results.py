"""Results of searches: all parts in files, those that the topic takes in the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from schemas.jobs import JobResult
from workers.jobs.results import FILE_INDENT, encoded, move_parts, parts_to_move, write_results


def stored(result: JobResult, root: str) -> JobResult:
    """Return a result whose files are written, small enough for its topic.

    ``result.json`` says too what code made the result, and in which trace.
    The record has the URL of ``result.json`` in place of each part that the topic does not take.

    Raises:
        ResultsError: Nothing can be written there.
    """
    provenance = {"git_commit": result.git_commit, "trace_id": result.trace_id}
    urls = write_parts(result.job_id, {**(result.result or {}), **provenance}, root)
    complete = result.model_copy(update={"result": result.result or {}, "urls": urls})
    moved = parts_to_move(complete, indent=FILE_INDENT)
    return move_parts(complete, dict.fromkeys(moved, urls["result.json"]))


def write_parts(job_id: str, parts: Mapping[str, JsonValue], root: str) -> dict[str, str]:
    """Write ``result.json``, ``plots.json`` and ``trials.parquet``; return their URLs by name.

    Raises:
        ResultsError: Nothing can be written there.
    """
    files = {"result.json": encoded(dict(parts)), "plots.json": encoded(parts.get("plots"))}
    rows = parts.get("trial_table")
    if isinstance(rows, list) and rows:
        files["trials.parquet"] = trials_parquet(rows)
    return write_results(root, job_id, files)


def trials_parquet(rows: Sequence[Any]) -> bytes:
    """Return the table of trials, one row each, as Parquet.

    Parameters are columns ``param_<name>``, objectives ``value_<name>``.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    flat = [
        {
            "number": row["number"],
            "state": row["state"],
            "seconds": row["seconds"],
            **{f"value_{name}": value for name, value in (row["values"] or {}).items()},
            **{f"param_{name}": value for name, value in row["params"].items()},
        }
        for row in rows
    ]
    names = list(dict.fromkeys(name for row in flat for name in row))
    table = pa.table({name: [row.get(name) for row in flat] for name in names})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue())
