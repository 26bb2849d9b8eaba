"""Bundles under a URL: published whole, and read through a cache on this machine.

    <REGIMEFLOW_MODEL_DIR>/<strategy>/<version>/...   e.g. s3://bucket/models
    <home>/bundles/<strategy>/<version>/...           the cache

A version is the hash of its manifest, so what is cached never grows old. Whoever reads it checks
each file by its SHA-256; one that is missing or altered is fetched again. The store's library is
imported where a store is asked, never for folders.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from workers.process import without_secrets
from workers.storage import known_kinds, location

if TYPE_CHECKING:
    from workers.storage import Location

CACHE = "bundles"  # folder of a home
UNFINISHED = ".new"  # ends the folder of files that are being written
ABANDONED_S = 3600.0  # an unfinished folder that old belongs to a process that was killed
MEGABYTE = 1_000_000
# A store that does not answer is given up soon: the model before goes on serving meanwhile.
S3_OPTIONS = {
    "config_kwargs": {"connect_timeout": 5, "read_timeout": 20, "retries": {"max_attempts": 1}}
}


class StoreError(RuntimeError):
    """A store cannot be reached or refuses; the message names the URL and the cause."""


def is_remote(place: str) -> bool:
    """Whether a place of models is neither a path nor a ``file://`` URL."""
    return "://" in place and not place.startswith("file://")


def check_url(url: str) -> None:
    """Refuse a URL that no library reads, or that tells a secret.

    Raises:
        ValueError: The message says what is wrong and never shows a secret.
    """
    parts = urlsplit(url)
    if "@" in parts.netloc or parts.query:
        raise ValueError(
            f"the {parts.scheme}:// URL holds a user or options, and it stands in every model's "
            "record: give credentials as the store's own variables, such as AWS_ACCESS_KEY_ID"
        )
    if parts.scheme not in (kinds := known_kinds()):
        known = ", ".join(sorted({"file", "s3", "gs", "abfs"} & kinds))
        raise ValueError(f"model URL {url}: {parts.scheme}:// is unknown, expected such as {known}")


def publish(folder: Path, url: str) -> None:
    """Write a bundle's files to a store, the manifest last: with it the bundle is whole.

    Raises:
        StoreError: A file cannot be written.
    """
    try:
        paths = sorted(folder.iterdir(), key=lambda path: path.name == "manifest.json")
        place = _place(url)
        for path in paths:
            (place / path.name).write_bytes(path.read_bytes())
    except Exception as failed:  # noqa: BLE001 - whatever the library of a store raises
        raise _store_error(url, "written", failed) from None


def fetch(url: str, name: str) -> bytes:
    """Return a file of a bundle.

    Raises:
        StoreError: It cannot be read.
    """
    try:
        path = _place(url) / name
        content: bytes = path.fs.cat_file(path.path)  # type: ignore[union-attr]  # no local path
    except Exception as failed:  # noqa: BLE001 - whatever the library of a store raises
        raise _store_error(f"{url}/{name}", "read", failed) from None
    return content


def keep(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write files into a folder of the cache, each of them whole; processes may do so at once.

    Raises:
        OSError: A file cannot be written, as on a full disk.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix="_", suffix=UNFINISHED, dir=folder.parent, ignore_cleanup_errors=True
    ) as fresh:
        for name, content in contents.items():
            (Path(fresh) / name).write_bytes(content)
        for name in contents:
            (Path(fresh) / name).replace(folder / name)


def mark_used(folder: Path) -> None:
    """Let ``trim`` remove a bundle later than those that were not used since."""
    with contextlib.suppress(OSError):
        os.utime(folder)


def trim(cache: Path, limit_mb: int, spare: Path) -> None:
    """Remove the bundles that were used longest ago until a cache is small enough.

    Args:
        cache: Folder of all strategies.
        limit_mb: What may lie there, in megabytes.
        spare: A bundle that stays.
    """
    bundles: list[tuple[float, int, Path]] = []
    for folder in cache.glob("[!.]*/*"):
        with contextlib.suppress(OSError):  # another process has removed it
            used_s = folder.stat().st_mtime
            if folder.name.endswith(UNFINISHED):
                if time.time() - used_s > ABANDONED_S:
                    shutil.rmtree(folder, ignore_errors=True)
                continue
            bundles.append((used_s, sum(p.stat().st_size for p in folder.iterdir()), folder))
    total = sum(size for _, size, _ in bundles)
    for _, size, folder in sorted(bundles):
        if total <= limit_mb * MEGABYTE:
            return
        if folder != spare:
            shutil.rmtree(folder, ignore_errors=True)
            total -= size


def _place(url: str) -> Location:
    return location(url, S3_OPTIONS if url.startswith("s3://") else {})


def _store_error(url: str, done: str, failed: Exception) -> StoreError:
    cause = without_secrets(f"{type(failed).__name__}: {failed}")
    return StoreError(f"{without_secrets(url)} cannot be {done} ({cause})")
