"""Puts the examples into the document of the API.

``<family>.yaml`` has each operation by method and path: the ``body`` of a request, ``parameters``
that differ from the common ones, and the ``answer``, which of ``/api`` stands there without its
envelope. ``statuses`` has whole bodies of other answers. ``common.yaml`` has what operations share.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from gateway.envelope import is_enveloped

FOLDER = Path(__file__).parent
FAMILIES = (
    "market",
    "research",
    "strategies",
    "versions",
    "challenges",
    "trades",
    "portfolio",
    "ideas",
    "performance",
    "system",
)

Example = dict[str, Any]


def add_examples(openapi: dict[str, Any]) -> None:
    """Give every parameter, body and answer of an OpenAPI document its example."""
    common = _read("common")
    examples = {name: each for family in FAMILIES for name, each in _read(family).items()}
    for path, operations in openapi["paths"].items():
        for method, operation in operations.items():
            example = examples.get(f"{method} {path}", {})
            _add_request(operation, common["parameters"] | example.get("parameters", {}), example)
            for status, response in operation["responses"].items():
                bodies = _bodies(path, status, example, common)
                named = {name: {"value": body} for name, body in bodies.items()}
                for media in response.get("content", {}).values() if named else ():
                    media["examples"] = named


def _read(name: str) -> Example:
    # The loader in C takes a fifth of the time, in which the gateway answers nobody.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    content: Example = yaml.load((FOLDER / f"{name}.yaml").read_text(), loader)  # noqa: S506 - safe
    return content


def _add_request(operation: Example, parameters: Example, example: Example) -> None:
    for parameter in operation.get("parameters", ()):
        if parameter["name"] in parameters:
            parameter["example"] = parameters[parameter["name"]]
    if "body" in example:
        for media in operation["requestBody"]["content"].values():
            media["example"] = example["body"]


def _bodies(path: str, status: str, example: Example, common: Example) -> Example:
    """Return the bodies of one status by name."""
    if status in example.get("statuses", {}):
        return {"answer": example["statuses"][status]}
    enveloped = is_enveloped(path)
    if not status.startswith("2"):
        messages: dict[str, str] = common["errors"].get(status, {})
        return {
            name: _envelope(common, error=said) if enveloped else {"detail": said}
            for name, said in messages.items()
        }
    if "answer" not in example:
        return {}
    answer = example["answer"]
    return {"answer": _envelope(common, data=answer) if enveloped else answer}


def _envelope(common: Example, data: Any = None, error: str | None = None) -> Example:
    timestamp = common["timestamp"]
    return {"success": error is None, "data": data, "error": error, "timestamp": timestamp}
