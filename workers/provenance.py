"""Where a result comes from: the commit of the code that made it, and the id that its logs share.

A job of the pipeline has the trace id of its request. A result that was made here has one of its
own, which is the same whenever the same is asked for again.
"""

from __future__ import annotations

import json
import os
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any

from streams.runtime.codec import derive_trace_id

ROOT = Path(__file__).resolve().parents[1]


def with_provenance(result: dict[str, Any], identity: Any) -> dict[str, Any]:
    """Return a result that was made here with its ``git_commit`` and ``trace_id``.

    Args:
        result: Any JSON object.
        identity: What was asked for, and of which data, as JSON.
    """
    asked = json.dumps(identity, sort_keys=True, default=str)
    return result | {
        "git_commit": git_commit(),
        "trace_id": derive_trace_id("local", asked, 0),
    }


@lru_cache(maxsize=1)
def git_commit() -> str:
    """Return the commit of this checkout, or ``unknown`` outside one."""
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"],  # noqa: S607 - wherever it is
            capture_output=True,
            check=True,
            text=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return os.environ.get("REGIMEFLOW_GIT_COMMIT", "unknown")
    return done.stdout.strip()
