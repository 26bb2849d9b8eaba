"""Results that fit on their topic: of a part that is too large they carry the URL.

The files are under any URL that fsspec knows: ``<root>/<job id>/<name>``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue

from schemas.jobs import RESULT_BYTES, JobResult
from workers.process import without_secrets
from workers.storage import location, whole_file

FILE_INDENT = 1  # of files that people read


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
        folder = location(root) / job_id
        paths = {name: folder / name for name in files}
        for name, content in files.items():
            with whole_file(paths[name]) as fresh:
                fresh.write_bytes(content)
    except Exception as failed:  # noqa: BLE001 - whatever the library of a store raises
        kind = root.partition("://")[0] if "://" in root else "file"
        reason = without_secrets(f"{type(failed).__name__}: {failed}")
        raise ResultsError(
            f"REGIMEFLOW_RESULTS_URL: results cannot be written to {kind}:// ({reason}); "
            "give a folder or URL that can be"
        ) from None
    urls = {
        name: f"file://{path.resolve()}" if isinstance(path, Path) else str(path)
        for name, path in paths.items()
    }
    return {name: without_secrets(url) for name, url in urls.items()}


def within_bounds(result: JobResult, root: str) -> JobResult:
    """Return a result that the topic takes; its largest parts are moved to files until it does.

    Args:
        result: Of a job, of any size.
        root: Folder or URL of any kind that fsspec knows; gets ``<job id>/<part>.json``. Writing a
            part again changes nothing.

    Raises:
        ResultsError: Nothing can be written there.
    """
    moved = parts_to_move(result)
    if not moved:
        return result
    parts = result.result or {}
    files = {f"{name}.json": encoded(parts[name], indent=None) for name in moved}
    urls = write_results(root, result.job_id, files)
    return move_parts(result, {name: urls[f"{name}.json"] for name in moved})


def parts_to_move(result: JobResult, indent: int | None = None) -> list[str]:
    """Return the names of the largest parts without which the topic takes a result.

    Args:
        result: Of a job, of any size.
        indent: Of the files that the parts are written to; the largest file moves first.
    """
    size, parts = len(result.encode()), result.result or {}
    moved: list[str] = []
    if size <= RESULT_BYTES:
        return moved
    for name in sorted(parts, key=lambda each: -len(encoded(parts[each], indent))):
        if size <= RESULT_BYTES:
            break
        moved.append(name)
        size -= len(encoded(parts[name], indent=None))
    return moved


def move_parts(result: JobResult, urls: Mapping[str, str]) -> JobResult:
    """Return a result with the URLs of some parts in place of the parts."""
    parts = {**(result.result or {}), **dict.fromkeys(urls)}
    return result.model_copy(update={"result": parts, "urls": {**result.urls, **urls}})


def encoded(value: JsonValue, indent: int | None = FILE_INDENT) -> bytes:
    """Return a JSON document."""
    return json.dumps(value, allow_nan=False, indent=indent).encode()
