"""Results as files under any URL that fsspec knows: ``<root>/<job>/result.json`` and others."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import fsspec
from fsspec.core import url_to_fs
from pydantic import JsonValue

from schemas.jobs import RESULT_BYTES, JobResult


class ResultsError(ValueError):
    """The results cannot be written; the message names the URL's kind and the reason."""


def write_results(root: str, job_id: str, files: Mapping[str, bytes]) -> dict[str, str]:
    """Write files of a job, replacing those of an earlier run; return their URLs by name.

    Args:
        root: Folder or URL, ``file://``, ``s3://`` or any other of fsspec.
        job_id: Folder of its own under the root.
        files: Content by file name.

    Raises:
        ResultsError: Nothing can be written there.
    """
    try:
        system, path = url_to_fs(root)
        folder = f"{path.rstrip('/')}/{job_id}"
        system.makedirs(folder, exist_ok=True)
        for name, content in files.items():
            _write(system, f"{folder}/{name}", content)
    except (ImportError, OSError, ValueError) as failed:
        kind = root.partition("://")[0] if "://" in root else "file"
        raise ResultsError(
            f"REGIMEFLOW_RESULTS_URL: results cannot be written to {kind}:// "
            f"({type(failed).__name__}: {failed}); give a folder or URL that can be"
        ) from None
    return {name: system.unstrip_protocol(f"{folder}/{name}") for name in files}


def stored(result: JobResult, root: str) -> JobResult:
    """Return a result whose files are written, small enough for its topic.

    Parts that the topic does not take are left to ``result.json``.

    Raises:
        ResultsError: Nothing can be written there.
    """
    parts = dict(result.result or {})
    urls = write_parts(result.job_id, parts, root)
    size = len(result.model_copy(update={"urls": urls}).encode())
    for name in sorted(parts, key=lambda each: -len(encoded(parts[each]))):
        if size <= RESULT_BYTES:
            break
        size -= len(encoded(parts[name], indent=None))
        urls[name], parts[name] = urls["result.json"], None
    return result.model_copy(update={"result": parts, "urls": urls})


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


def _write(system: fsspec.AbstractFileSystem, path: str, content: bytes) -> None:
    # A file system has rename: readers see a whole file. Object stores write whole ones anyway.
    if "file" in system.protocol or system.protocol == "file":
        system.pipe_file(f"{path}.tmp", content)
        system.mv(f"{path}.tmp", path)
    else:
        system.pipe_file(path, content)


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


def encoded(value: JsonValue, indent: int | None = 1) -> bytes:
    """Return a JSON document."""
    return json.dumps(value, allow_nan=False, indent=indent).encode()
