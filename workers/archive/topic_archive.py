"""Parquet by topic, key and day; ``pandas.read_parquet(<home>/archive/<topic>)`` reads it all.

``<topic>/<key>/<YYYY-MM-DD>.parquet`` by event time. Writing a record again changes nothing: it
is known by partition and offset. ``_offsets.json`` is written last: a crash repeats a batch.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.record import Record, Topic
from workers.archive.columns import arrow_schema, arrow_table

OFFSETS = "_offsets.json"  # readers of Parquet folders pass over names with an underscore
UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


class ArchivedRecord(NamedTuple):
    """One record and where it lay."""

    partition: int
    offset: int
    append_time_ms: int
    record: Record


class TopicArchive:
    """The archive of one topic under a folder."""

    def __init__(self, folder: Path, topic: Topic) -> None:
        self.folder = folder / topic.name
        self._topic = topic
        self._schema = arrow_schema(topic.record)

    def next_offsets(self) -> dict[int, int]:
        """Return by partition the offset from which on nothing is archived for sure."""
        try:
            stored = json.loads((self.folder / OFFSETS).read_text())
        except FileNotFoundError:
            return {}
        return {int(partition): int(offset) for partition, offset in stored.items()}

    def write(self, records: Iterable[ArchivedRecord]) -> None:
        """Add records to the files of their days, and note how far the archive reaches."""
        days: dict[tuple[str, str], list[ArchivedRecord]] = defaultdict(list)
        reached = self.next_offsets()
        for each in records:
            days[self._key(each.record), day_of(each)].append(each)
            reached[each.partition] = max(reached.get(each.partition, 0), each.offset + 1)
        for (key, day), rows in days.items():
            self._add(self.folder / key / f"{day}.parquet", rows)
        if days:
            _replace(self.folder / OFFSETS, json.dumps(reached).encode())

    def _add(self, path: Path, rows: list[ArchivedRecord]) -> None:
        known = pq.read_table(path, schema=self._schema) if path.exists() else None
        held = _positions(known) if known is not None else set()
        new = [row for row in rows if (row.partition, row.offset) not in held]
        if not new:
            return
        table = arrow_table(self._schema, [_row(row) for row in new])
        if known is not None:
            table = pa.concat_tables([known, table])
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        _replace(path, sink.getvalue().to_pybytes())

    def _key(self, record: Record) -> str:
        return UNSAFE.sub("_", self._topic.key_of(record)) or "_"


def day_of(archived: ArchivedRecord) -> str:
    """Return the UTC day of a record's event time, else of its arrival, e.g. 2025-01-31."""
    time_ms = getattr(archived.record, "event_time_ms", archived.append_time_ms)
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d")


def _row(archived: ArchivedRecord) -> dict[str, Any]:
    position = {"partition": archived.partition, "offset": archived.offset}
    return archived.record.model_dump() | position


def _positions(table: pa.Table) -> set[tuple[int, int]]:
    columns = (table[name].to_pylist() for name in ("partition", "offset"))
    return set(zip(*columns, strict=True))


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"_{path.name}.new")
    fresh.write_bytes(content)
    fresh.replace(path)
