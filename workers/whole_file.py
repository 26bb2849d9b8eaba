"""Files that appear whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield the place to write a file to; it becomes ``path`` when the block ends.

    Readers of ``path`` see the old file or the new one, never a part. If the block raises, the old
    file stays and what was written is removed. Readers of a Parquet folder skip the place: its
    name begins with ``_``.
    """
    fresh = path.with_name(f"_{path.name}.new")
    try:
        yield fresh
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
