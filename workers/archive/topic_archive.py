"""The Parquet files of a topic: ``<topic>/<key>/<YYYY-MM-DD>.parquet``, by event time.

``pandas.read_parquet(<archive>/<topic>)`` reads a whole topic. A record is identified by
partition and offset, so writing it again changes nothing. ``_offsets.json`` is written last, so
a crash repeats a batch and loses none.
"""

from __future__ import annotations

import json
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.record import Record, Topic
from workers.archive.columns import arrow_schema, arrow_table
from workers.storage import whole_file

if TYPE_CHECKING:
    from workers.storage import Location

OFFSETS = "_offsets.json"  # readers of a Parquet folder skip names that begin with _


class ArchivedRecord(NamedTuple):
    """One record with its position on the topic."""

    partition: int
    offset: int
    append_time_ms: int
    record: Record

    @property
    def day(self) -> str:
        """UTC day of the event time, else of the append time, e.g. 2025-01-31."""
        time_ms = getattr(self.record, "event_time_ms", self.append_time_ms)
        return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d")

    def values(self) -> dict[str, Any]:
        """Return the values by column."""
        position = {"partition": self.partition, "offset": self.offset}
        return self.record.model_dump() | position


class TopicArchive:
    """The archive of one topic under a folder."""

    def __init__(self, folder: Location, topic: Topic) -> None:
        self.folder = folder / topic.name
        self._topic = topic
        self._schema = arrow_schema(topic.record)

    def next_offsets(self) -> dict[int, int]:
        """Return by partition the first offset that may not be archived yet."""
        try:
            stored = json.loads((self.folder / OFFSETS).read_text())
        except FileNotFoundError:
            return {}
        return {int(partition): int(offset) for partition, offset in stored.items()}

    def write(self, records: Iterable[ArchivedRecord]) -> None:
        """Add records to the files of their days, then save how far the archive reaches."""
        days: dict[tuple[str, str], list[ArchivedRecord]] = defaultdict(list)
        next_offsets = self.next_offsets()
        for row in records:
            days[self._key(row.record), row.day].append(row)
            next_offset = max(next_offsets.get(row.partition, 0), row.offset + 1)
            next_offsets[row.partition] = next_offset
        for (key, day), rows in days.items():
            self._add(self.folder / key / f"{day}.parquet", rows)
        if days:
            _replace(self.folder / OFFSETS, json.dumps(next_offsets).encode())

    def _add(self, path: Location, rows: list[ArchivedRecord]) -> None:
        existing = self._table(path) if path.exists() else None
        archived = _positions(existing) if existing is not None else set()
        new = [row for row in rows if (row.partition, row.offset) not in archived]
        if not new:
            return
        table = arrow_table(self._schema, [row.values() for row in new])
        if existing is not None:
            table = pa.concat_tables([existing, table])
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        _replace(path, sink.getvalue().to_pybytes())

    def _table(self, path: Location) -> pa.Table:
        return pq.read_table(pa.BufferReader(path.read_bytes()), schema=self._schema)

    def _key(self, record: Record) -> str:
        return folder_name(self._topic.key_of(record))


def folder_name(key: str) -> str:
    """Return the folder of a key: letters of any script, marks, digits, - and _ stay."""
    safe = (c if c in "-_" or unicodedata.category(c)[0] in "LMN" else "_" for c in key)
    return "".join(safe) or "_"


def _positions(table: pa.Table) -> set[tuple[int, int]]:
    columns = (table[name].to_pylist() for name in ("partition", "offset"))
    return set(zip(*columns, strict=True))


def _replace(path: Location, content: bytes) -> None:
    with whole_file(path) as fresh:
        fresh.write_bytes(content)
