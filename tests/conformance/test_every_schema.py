"""Every record: golden bytes decode for ever, unknown fields pass, documents are in step."""

from __future__ import annotations

import json
import math
from pathlib import Path

import jsonschema
import pytest
from pydantic import ValidationError

from deploy.generate.contract import FOLDER, documents, json_schema, record_types
from schemas.record import Record
from schemas.topics import TOPICS, topic_named, topic_of

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "schemas"
RECORDS = {record.schema_name(): record for record in record_types()}


def golden_lines():
    for path in sorted(GOLDEN.glob("*.jsonl")):
        for number, line in enumerate(path.read_text().splitlines()):
            yield pytest.param(path.stem, line, id=f"{path.stem}:{number}")


def current(name: str) -> type[Record]:
    """The type that reads a released version: the newest of that record."""
    return RECORDS[name]


def kept(written: object, read: object) -> bool:
    """Whether everything that was written is still there; a newer record may add fields."""
    if isinstance(written, dict) and isinstance(read, dict):
        return all(key in read and kept(value, read[key]) for key, value in written.items())
    if isinstance(written, list) and isinstance(read, list):
        return len(written) == len(read) and all(map(kept, written, read))
    return written == read


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_every_record_version_has_golden_bytes(name):
    assert (GOLDEN / f"{name}.jsonl").exists(), f"add tests/golden/schemas/{name}.jsonl"


@pytest.mark.parametrize(("name", "line"), list(golden_lines()))
def test_golden_bytes_decode_and_survive_a_round_trip(name, line):
    record = current(name).decode(line.encode())

    assert type(record).decode(record.encode()) == record
    assert kept(json.loads(line), json.loads(record.encode()))


@pytest.mark.parametrize(("name", "line"), list(golden_lines()))
def test_an_unknown_extra_field_is_tolerated(name, line):
    newer = json.loads(line) | {"field_of_a_newer_version": {"x": [1]}}

    assert current(name).decode(json.dumps(newer).encode()) == current(name).decode(line.encode())


@pytest.mark.parametrize(("name", "line"), list(golden_lines()))
def test_golden_bytes_match_the_published_json_schema(name, line):
    schema = json_schema(current(name))
    record = current(name).decode(line.encode())

    jsonschema.Draft202012Validator(schema).validate(json.loads(record.encode()))


@pytest.mark.parametrize(("name", "line"), list(golden_lines()))
def test_not_a_number_and_infinity_cannot_enter_a_topic(name, line):
    fields = json.loads(line)
    read = current(name).model_fields
    floats = [key for key, value in fields.items() if key in read and isinstance(value, float)]
    for key in floats:
        for poison in (math.nan, math.inf):
            with pytest.raises(ValidationError):
                current(name).decode(json.dumps(fields | {key: poison}).encode())


@pytest.mark.parametrize(("name", "line"), list(golden_lines()))
def test_a_record_cannot_be_changed(name, line):
    record = current(name).decode(line.encode())

    with pytest.raises(ValidationError, match="frozen"):
        setattr(record, next(iter(type(record).model_fields)), None)


def test_one_record_type_has_one_topic():
    assert len({topic.record for topic in TOPICS}) == len(TOPICS)
    for topic in TOPICS:
        assert topic_named(topic.name) is topic
        assert topic.key in topic.record.model_fields or hasattr(topic.record, topic.key)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_the_topic_and_key_of_a_record_are_found_from_the_record(topic):
    golden = (GOLDEN / f"{topic.record.schema_name()}.jsonl").read_text().splitlines()[0]
    record = topic.record.decode(golden.encode())

    assert topic_of(record) is topic
    assert topic.key_of(record)


def test_published_documents_are_in_step():
    written = {path.name: path.read_text() for path in FOLDER.glob("*.json")}

    assert written == documents(), "run: python -m deploy.generate.contract"


def test_the_asyncapi_document_names_every_topic_and_refers_to_real_files():
    document = json.loads(documents()["asyncapi.json"])

    assert {c["address"] for c in document["channels"].values()} == {t.name for t in TOPICS}
    for message in document["components"]["messages"].values():
        assert (FOLDER / message["payload"]["schema"]["$ref"].removeprefix("./")).exists()


def unbounded_integers(node: object, path: str = "") -> list[str]:
    """Return the paths of integers in a JSON Schema that lack a bound."""
    if isinstance(node, list):
        node = dict(enumerate(node))
    if not isinstance(node, dict):
        return []
    whole = node.get("type") == "integer" and "const" not in node and "enum" not in node
    bounds = ({"minimum", "exclusiveMinimum"}, {"maximum", "exclusiveMaximum"})
    here = [path] if whole and not all(bound & node.keys() for bound in bounds) else []
    below = (unbounded_integers(item, f"{path}/{key}") for key, item in node.items())
    return [*here, *(each for part in below for each in part)]


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_every_whole_number_has_bounds(name):
    assert unbounded_integers(json_schema(RECORDS[name])) == []


@pytest.mark.parametrize(("name", "line"), list(golden_lines()))
def test_a_time_after_the_year_2200_cannot_enter_a_topic(name, line):
    fields = json.loads(line)
    for key in (key for key in fields if key.endswith("_ms") and type(fields[key]) is int):
        for poison in (7_258_118_400_001, 10**17, 10**25):
            with pytest.raises(ValidationError):
                current(name).decode(json.dumps(fields | {key: poison}).encode())


@pytest.mark.parametrize(("name", "line"), list(golden_lines()))
def test_an_unchecked_record_of_valid_values_is_the_validated_one(name, line):
    record = current(name).decode(line.encode())

    unchecked = type(record).unchecked(**dict(record))

    assert unchecked == record
    assert unchecked.encode() == record.encode()
    assert unchecked.model_copy() == record
    assert unchecked.model_fields_set == set(type(record).model_fields)
    with pytest.raises(ValidationError, match="frozen"):
        setattr(unchecked, next(iter(dict(record))), None)
