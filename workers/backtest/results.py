"""Results that fit on their topic: what is too large lies in files beside it, named by URL."""

from __future__ import annotations

import json

from fsspec.core import url_to_fs

from schemas.jobs import RESULT_BYTES, JobResult


def within_bounds(result: JobResult, root: str) -> JobResult:
    """Return a result that the topic takes; its largest parts are moved to files until it does.

    Args:
        result: Of a job, of any size.
        root: Folder or URL of any kind that fsspec knows; gets ``<job id>/<part>.json``. Writing a
            part again changes nothing.
    """
    size = len(result.encode())
    if size <= RESULT_BYTES or result.result is None:
        return result
    system, path = url_to_fs(root)
    folder = f"{path.rstrip('/')}/{result.job_id}"
    system.makedirs(folder, exist_ok=True)
    parts, urls = dict(result.result), dict(result.urls)
    encoded = {name: json.dumps(part).encode() for name, part in parts.items()}
    for name in sorted(encoded, key=lambda each: -len(encoded[each])):
        place = f"{folder}/{name}.json"
        system.pipe_file(place, encoded[name])
        urls[name], parts[name] = system.unstrip_protocol(place), None
        size -= len(encoded[name])
        if size <= RESULT_BYTES:
            break
    return result.model_copy(update={"result": parts, "urls": urls})
