"""Export a span of a topic into one Parquet or CSV file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from schemas.market import RawBar
from schemas.record import Record, Topic
from streams.runtime.reader import Reader
from streams.runtime.settings import KafkaSettings
from workers.archive.columns import arrow_schema, arrow_table
from workers.storage import whole_file

if TYPE_CHECKING:
    from workers.storage import Location

ROWS_AT_ONCE = 20_000


@dataclass(frozen=True)
class ExportSpan:
    """Records with event time from_ms <= t < to_ms, of one key and timeframe or of all."""

    from_ms: int = 0
    to_ms: int | None = None
    key: str | None = None
    timeframe_ms: int | None = None

    def holds(self, topic: Topic, record: Record) -> bool:
        """Return whether a record of the topic belongs to the span."""
        time_ms = getattr(record, "event_time_ms", 0)
        late = self.to_ms is not None and time_ms >= self.to_ms
        length_ms = getattr(record, "timeframe_ms", self.timeframe_ms)
        return (
            time_ms >= self.from_ms
            and not late
            and self.key in (None, topic.key_of(record))
            and self.timeframe_ms in (None, length_ms)
        )


def export_topic(kafka: KafkaSettings, topic: Topic, path: Location, span: ExportSpan) -> int:
    """Write the records of a span that the topic holds now; returns their number.

    Bars get a first column ``date`` (open time, UTC), so that a file of one key and timeframe can
    be replayed. Parquet keeps nested values; CSV omits them.

    Raises:
        ValueError: The name ends neither in .parquet nor in .csv, or the span is empty.
    """
    if path.suffix not in (".parquet", ".csv"):
        raise ValueError(f"{path}: expected a name that ends in .parquet or .csv")
    tables = list(_tables(kafka, topic, span))
    if not tables:
        raise ValueError(f"{topic.name} holds no record in that span")
    table = pa.concat_tables(tables)
    if issubclass(topic.record, RawBar):
        opened = table["open_time_ms"].cast(pa.timestamp("ms", tz="UTC"))
        table = table.add_column(0, "date", opened)
    with whole_file(path) as fresh:
        if path.suffix == ".parquet":
            pq.write_table(table, fresh, compression="zstd")
        else:
            flat = [f.name for f in table.schema if not pa.types.is_nested(f.type)]
            pyarrow.csv.write_csv(table.select(flat), fresh)
    return int(table.num_rows)


def _tables(kafka: KafkaSettings, topic: Topic, span: ExportSpan) -> Iterator[pa.Table]:
    schema, rows = arrow_schema(topic.record), list[dict[str, Any]]()
    with Reader(kafka, (topic,)) as reader:
        for message in reader.read_to_end():
            if not span.holds(topic, message.record):
                continue
            stored = message.stored
            position = {"partition": stored.partition, "offset": stored.offset}
            rows.append(message.record.model_dump() | position)
            if len(rows) >= ROWS_AT_ONCE:
                yield arrow_table(schema, rows)
                rows = []
    if rows:
        yield arrow_table(schema, rows)
