"""Writes the contract's documents: JSON Schema of each record, AsyncAPI 3 of all topics.

``python -m deploy.generate.contract`` writes ``schemas/documents/``; a test fails when one is
out of date.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from schemas.dead_letter import DeadLetter
from schemas.record import Record, Topic
from schemas.telemetry import HEADER_GIT_COMMIT, HEADER_SCHEMA, HEADER_TRACE_ID
from schemas.topics import TOPICS

FOLDER = Path(__file__).resolve().parents[2] / "schemas" / "documents"
HEADERS = {
    "type": "object",
    "properties": {
        HEADER_TRACE_ID: {"type": "string", "description": "Follows one bar through the chain"},
        HEADER_SCHEMA: {"type": "string", "description": "Record name and version"},
        HEADER_GIT_COMMIT: {"type": "string", "description": "Code that wrote it"},
    },
    "required": [HEADER_TRACE_ID, HEADER_SCHEMA, HEADER_GIT_COMMIT],
}


def record_types() -> tuple[type[Record], ...]:
    """Return every record type of the contract, in flow order."""
    return (*dict.fromkeys(topic.record for topic in TOPICS), DeadLetter)


def json_schema(record: type[Record]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of one record as it stands on a topic."""
    schema = record.model_json_schema(mode="serialization")
    return {"$schema": GenerateJsonSchema.schema_dialect, **schema}


def asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI 3 document: one channel for each topic, one message for each record."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "RegimeFlow",
            "version": "1",
            "description": "Every topic of the pipeline. Values are JSON; keys are UTF-8 text.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {_slug(topic.name): _channel(topic) for topic in TOPICS},
        "operations": {
            f"receive_{_slug(topic.name)}": {
                "action": "receive",
                "channel": {"$ref": f"#/channels/{_slug(topic.name)}"},
            }
            for topic in TOPICS
        },
        "components": {"messages": {r.__name__: _message(r) for r in record_types()}},
    }


def _channel(topic: Topic) -> dict[str, Any]:
    policy = "the last record of each key" if topic.compact else "every record"
    name = topic.record.__name__
    return {
        "address": topic.name,
        "description": f"{topic.meaning}. Key: {topic.key}. Keeps {policy}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        "bindings": {"kafka": {"topic": topic.name, "bindingVersion": "0.5.0"}},
    }


def _message(record: type[Record]) -> dict[str, Any]:
    return {
        "name": record.schema_name(),
        "summary": (record.__doc__ or "").split("\n", maxsplit=1)[0],
        "headers": HEADERS,
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": f"./{record.schema_name()}.json"},
        },
    }


def _slug(name: str) -> str:
    return name.replace(".", "_")


def documents() -> dict[str, str]:
    """Return the text of every generated document by its file name."""
    files = {f"{record.schema_name()}.json": json_schema(record) for record in record_types()}
    files["asyncapi.json"] = asyncapi()
    return {name: json.dumps(value, indent=1) + "\n" for name, value in files.items()}


def main() -> None:
    """Write every document; remove those of records that are gone."""
    FOLDER.mkdir(exist_ok=True)
    texts = documents()
    for path in FOLDER.glob("*.json"):
        if path.name not in texts:
            path.unlink()
    for name, text in texts.items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
