"""Folders and object stores alike, and files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from upath import UPath

    Location = Path | UPath
    """A folder or file, local or of an object store."""


def location(url: str | Path, options: Mapping[str, Any] = MappingProxyType({})) -> Location:
    """Return the place of a local path, or of a URL of any kind that fsspec knows.

    Args:
        url: The path or URL.
        options: Of the library of the URL's kind.

    Raises:
        ValueError: The URL's kind is unknown; the message names it.
    """
    if isinstance(url, Path) or "://" not in url:
        return Path(url)
    from upath import UPath

    if url.startswith("file://"):
        return Path(UPath(url).path)
    place: UPath = UPath(url, **options)
    return place


def known_kinds() -> set[str]:
    """Return the kinds of URL that fsspec knows; none of their libraries is imported."""
    from fsspec import available_protocols

    return set(available_protocols())


def use_endpoint(endpoint: str | None) -> None:
    """Let ``s3://`` URLs name objects of this store instead of AWS's; None changes nothing."""
    if endpoint is not None:
        os.environ["AWS_ENDPOINT_URL_S3"] = endpoint


@contextmanager
def whole_file(path: Location) -> Iterator[Path]:
    """Yield the local place to write a file to; it becomes ``path`` when the block ends.

    Readers of ``path`` see the old file or the new one, never a part. If the block raises, the old
    file stays and what was written is removed. Readers of a Parquet folder skip the place: its
    name begins with ``_``.
    """
    if not isinstance(path, Path):
        with tempfile.TemporaryDirectory() as folder:
            fresh = Path(folder) / path.name
            yield fresh
            path.write_bytes(fresh.read_bytes())  # an object store replaces an object at once
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"_{path.name}.new")
    try:
        yield fresh
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
