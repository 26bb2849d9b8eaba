"""Configs of strategies as lines: lists, one version, what differs between two."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypedDict

from deploy.cli.tables.cells import counted

KeyPath = tuple[str, ...]
TIMES = "times: wall clock; of the config as shipped, market time"


class Difference(TypedDict):
    """One key in which two configs differ; what is not said is null."""

    path: str
    change: Literal["added", "removed", "changed"]
    before: Any
    after: Any


def strategy_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the strategies that have configs."""
    if not rows:
        return ["no configs yet: `regimeflow strategy stage NAME --version V --file tradai.yaml`"]
    width = max(len(row["name"]) for row in rows)
    return [
        f"{row['name']:<{width}}  {row['active'] or 'none ACTIVE':<14}  "
        f"{counted(row['versions'], 'version')}"
        for row in rows
    ]


def config_lines(document: Mapping[str, Any]) -> list[str]:
    """Return the versions of a strategy, oldest first."""
    if not document["configs"]:
        return [f"{document['strategy_name']} had no configs at {document['as_of']} (wall clock)"]
    return [*(summary_line(config) for config in document["configs"]), TIMES]


def summary_line(config: Mapping[str, Any]) -> str:
    """Return one version: id, status, its own version, when it came and became ACTIVE."""
    version = config["config_data"].get("strategy", {}).get("version", "")
    deployed = f", ACTIVE since {config['deployed_at']}" if config["status"] == "ACTIVE" else ""
    successor = f", superseded by {config['superseded_by']}" if config["superseded_by"] else ""
    text = f"  {config['description']}" if config["description"] else ""
    return (
        f"{config['config_id']:<14}  {config['status']:<10}  {version:<8}  created "
        f"{config['created_at']}{deployed}{successor}{text}"
    )


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Return the keys in which two contents differ, by their dotted paths; lists are whole."""
    old, new = dict(_leaves(before, ())), dict(_leaves(after, ()))
    return [
        {
            "path": ".".join(path),
            "change": "added" if path not in old else "removed" if path not in new else "changed",
            "before": old.get(path),
            "after": new.get(path),
        }
        for path in sorted({*old, *new})
        if path not in old or path not in new or old[path] != new[path]
    ]


def difference_lines(rows: Sequence[Difference]) -> list[str]:
    """Return the differences: + added, - removed, ~ changed."""
    return [_difference_line(row) for row in rows] or ["no difference"]


def _difference_line(row: Difference) -> str:
    if row["change"] == "added":
        return f"+ {row['path']}: {_text(row['after'])}"
    if row["change"] == "removed":
        return f"- {row['path']}: {_text(row['before'])}"
    return f"~ {row['path']}: {_text(row['before'])} -> {_text(row['after'])}"


def _leaves(content: Mapping[str, Any], path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    for key, value in content.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
