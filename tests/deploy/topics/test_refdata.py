"""Reference data: seeds are in step with the code and reach the topic once."""

from __future__ import annotations

import json

import pytest

from deploy.topics.refdata import FOLDER, publish_refdata, read_seeds, read_tables, seed_files
from schemas.refdata import TABLES, RefdataTable
from streams.runtime.publisher import Publisher
from streams.runtime.settings import KafkaSettings


def test_seeds_are_in_step_with_the_codes_own_tables():
    written = {path.name: path.read_text() for path in FOLDER.glob("*.json")}

    assert written == seed_files(), "run `python -m deploy.topics.refdata`"


def test_every_table_has_a_seed_and_every_row_says_whether_it_is_active():
    tables = {table.table: table for table in read_seeds(0)}

    assert tuple(sorted(tables)) == TABLES
    assert all("active" in row for table in tables.values() for row in table.rows)


def test_the_version_follows_from_the_rows_alone():
    one = RefdataTable.of("t", [{"a": 1}], "x", 1)

    assert one.version == RefdataTable.of("t", [{"a": 1}], "y", 2).version
    assert one.version != RefdataTable.of("t", [{"a": 2}], "x", 1).version


def test_a_seed_that_is_no_list_of_rows_is_named(tmp_path):
    (tmp_path / "indicator.json").write_text('{"a": 1}')

    with pytest.raises(ValueError, match=r"indicator\.json: expected a list of rows"):
        read_seeds(0, tmp_path)


@pytest.mark.kafka
def test_seeds_are_published_once_again_when_they_change_and_never_over_a_venues_table(
    pipeline_topics, tmp_path
):
    kafka = KafkaSettings(pipeline_topics)
    venue = RefdataTable.of("symbol", [{"symbol": "BTCUSDT"}], "simulated", 1)
    for name, text in seed_files().items():
        (tmp_path / name).write_text(text)

    first = publish_refdata(kafka, tmp_path)
    publisher = Publisher(kafka, "ingest")
    publisher.publish(venue)
    publisher.flush()
    second = publish_refdata(kafka, tmp_path)
    for table in ("exchange", "symbol"):
        (tmp_path / f"{table}.json").write_text(json.dumps([{"name": "new"}]))
    third = publish_refdata(kafka, tmp_path)

    assert (first, second, third) == (TABLES, (), ("exchange",))
    tables = read_tables(kafka)
    assert tables["symbol"] == venue
    assert tables["exchange"].rows == ({"name": "new"},)
