"""Every operation of the API's document has examples, and its schemas allow them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema
import pytest

from gateway.examples.document import FAMILIES, _read
from tests.fakes.gateway import api_document

Example = tuple[str, Any, Any]  # where it stands, its schema, its value


OPERATIONS = [
    (f"{method} {path}", operation)
    for path, operations in api_document()["paths"].items()
    for method, operation in operations.items()
]


def strict(node: Any) -> Any:
    """Return a schema that refuses fields that it does not name: an example has no stale ones."""
    if isinstance(node, list):
        return [strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    closed = {name: strict(value) for name, value in node.items()}
    if "properties" in node and node.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed


@cache
def schemas() -> dict[str, Any]:
    closed: dict[str, Any] = strict(copy.deepcopy(api_document()["components"]))
    return closed


def faults(schema: Any, value: Any) -> list[str]:
    whole = {**schema, "components": schemas()}
    errors = jsonschema.Draft202012Validator(whole).iter_errors(value)
    return [f"{error.json_path}: {error.message}" for error in errors]


def stream_items(text: str) -> Iterator[dict[str, str]]:
    """Yield the events of a stream."""
    for event in text.strip().split("\n\n"):
        yield dict(line.split(": ", 1) for line in event.splitlines())


def media_examples(place: str, content: dict[str, Any]) -> Iterator[Example]:
    for kind, media in content.items():
        values = [example["value"] for example in media.get("examples", {}).values()]
        values += [media["example"]] if "example" in media else []
        assert values, f"{place} has no example of {kind}"
        for value in values:
            if "itemSchema" in media:
                yield from ((place, media["itemSchema"], item) for item in stream_items(value))
            else:
                yield place, media["schema"], value


def operation_examples(operation: dict[str, Any]) -> Iterator[Example]:
    for parameter in operation.get("parameters", ()):
        place = f"parameter {parameter['name']}"
        assert "example" in parameter, f"{place} has no example"
        yield place, parameter["schema"], parameter["example"]
    if "requestBody" in operation:
        yield from media_examples("body", operation["requestBody"]["content"])
    for code, response in operation["responses"].items():
        assert response.get("content"), f"{code} has no content"
        yield from media_examples(code, response["content"])


@pytest.mark.parametrize(("name", "operation"), OPERATIONS, ids=[name for name, _ in OPERATIONS])
def test_everything_that_an_operation_takes_and_answers_has_an_example_that_its_schema_allows(
    name, operation
):
    for place, schema, value in operation_examples(operation):
        assert faults(schema, value) == [], f"{name}, {place}"


def test_an_example_with_a_stale_field_or_a_wrong_type_is_found():
    schema = {"$ref": "#/components/schemas/Detail"}

    assert faults(schema, {"detail": "gone"}) == []
    assert faults(schema, {"detail": 1})
    assert faults(schema, {"detail": "gone", "hint": "stale"})


def test_no_example_is_of_an_operation_that_does_not_exist():
    named = {name for family in FAMILIES for name in _read(family)}

    assert named <= {name for name, _ in OPERATIONS}


def test_errors_have_the_shape_of_the_family_of_their_path():
    for name, operation in OPERATIONS:
        path = name.split(" ")[1]
        enveloped = path.startswith("/api/") and not path.startswith("/api/v1/")
        refusal = operation["responses"]["4XX"]["content"]["application/json"]
        for example in refusal["examples"].values():
            assert set(example["value"]) == (
                {"success", "data", "error", "timestamp"} if enveloped else {"detail"}
            ), name
