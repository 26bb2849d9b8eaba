"""A search as it is written on the command line: a file, a strategy's config, ranges."""

from __future__ import annotations

import json
from pathlib import Path

from deploy.cli.console import fail
from deploy.cli.gateway_client import Answer


def read_request(path: Path | None) -> Answer:
    """Return the fields of a request in a file; none without a file."""
    if path is None:
        return {}
    try:
        fields = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise fail(f"--spec {path}: expected the JSON of a request: {error}", 2) from None
    if not isinstance(fields, dict):
        raise fail(f"--spec {path}: expected one JSON object, got {fields!r:.40}", 2)
    return fields


def read_optimization(path: Path) -> Answer:
    """Return the ``optimization`` part of a strategy's config."""
    import yaml

    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise fail(f"--config {path}: {' '.join(str(error).split())}", 2) from None
    found = content.get("optimization") if isinstance(content, dict) else None
    if not isinstance(found, dict):
        raise fail(f"--config {path} has no optimization part", 2)
    return found


def parse_parameter(text: str) -> tuple[str, Answer]:
    """Return name and range of ``NAME=LOW:HIGH``, with a step or ``log``, or ``NAME=A,B``."""
    name, mark, values = text.partition("=")
    parts = values.split(":")
    if not mark or not name or not 1 <= len(parts) <= 3 or not values:
        raise fail(f"--param {text!r}, expected NAME=LOW:HIGH, with :STEP or :log, or NAME=A,B", 2)
    if len(parts) == 1:
        return name, {"type": "categorical", "choices": [_value(v) for v in values.split(",")]}
    log = parts[-1] == "log"
    numbers = [_value(part) for part in parts if part != "log"]
    if not all(isinstance(number, int | float) for number in numbers) or len(numbers) < 2:
        raise fail(f"--param {text!r}, expected numbers in LOW:HIGH:STEP", 2)
    kind = "int" if all(isinstance(number, int) for number in numbers) else "float"
    found = {"type": kind, "low": numbers[0], "high": numbers[1], "log": log}
    return name, found | ({"step": numbers[2]} if len(numbers) == 3 else {})


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
