"""Where the finished fits of a training lie until it is registered or refused."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path


def kept_folder(models: Path, request_id: str) -> Path:
    """Return where the fits of a request are kept, under the root of all models."""
    return models / ".training" / hashlib.sha256(request_id.encode()).hexdigest()[:32]


def remove_kept(models: Path, request_id: str) -> None:
    """Remove what was kept of a request."""
    shutil.rmtree(kept_folder(models, request_id), ignore_errors=True)
