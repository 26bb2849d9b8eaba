"""One config out of several layers, with the source of every value and what it hides.

    environment  >  model tags  >  stored  >  yaml

A mapping merges key by key; everything else, lists too, is replaced whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from schemas.configs import VARIABLE_PREFIX, Content
from streams.configs.content import refused

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^${}]*))?\}")

REPLACED = 8  # hidden values that each value of a mapping names where the mapping replaces them

Layer = tuple[str, Content]  # source, content


class HiddenValue(TypedDict):
    """What a lower layer says."""

    source: str
    value: Any


class TracedValue(TypedDict):
    """A value with its source, and what it hides, nearest first."""

    source: str
    value: Any
    hides: list[HiddenValue]


def merge(layers: Sequence[Layer]) -> tuple[Content, dict[str, TracedValue]]:
    """Return the merged content and the trace of each value by its dotted path.

    Args:
        layers: The lowest first.
    """
    merged: Content = {}
    trace: dict[str, TracedValue] = {}
    for source, content in layers:
        _lay(merged, trace, source, content)
    return merged, dict(sorted(trace.items()))


def _lay(
    below: Content,
    trace: dict[str, TracedValue],
    source: str,
    above: Content,
    within: tuple[str, Sequence[HiddenValue]] = ("", ()),
) -> None:
    """Lay a mapping on one below it.

    Args:
        below: Changed.
        trace: Of the whole content; changed.
        source: Of the mapping above.
        above: That mapping.
        within: Path of the mappings with a dot at its end, and what stood in their place.
    """
    prefix, replaced = within
    for key, value in above.items():
        path, old = f"{prefix}{key}", below.get(key)
        if isinstance(value, Mapping) and isinstance(old, dict) and old:
            _lay(old, trace, source, dict(value), (f"{path}.", replaced))
            continue
        hides = [*_forget(trace, path, old), *replaced]
        if isinstance(value, Mapping) and value:
            below[key] = {}
            _lay(below[key], trace, source, dict(value), (f"{path}.", hides[:REPLACED]))
            continue
        below[key] = {} if isinstance(value, Mapping) else value
        if below[key] != {} or hides:  # an empty mapping says nothing but what it hides
            trace[path] = {"source": source, "value": below[key], "hides": hides}


def _forget(trace: dict[str, TracedValue], path: str, value: Any) -> list[HiddenValue]:
    """Drop the trace of a value that a path has, and of all below it; return what it said."""
    old = trace.pop(path, None)
    said: list[HiddenValue] = []
    if old is not None:
        said = [{"source": old["source"], "value": old["value"]}, *old["hides"]]
    parts = value.items() if isinstance(value, dict) else ()
    return said + [one for key, part in parts for one in _forget(trace, f"{path}.{key}", part)]


def expand(content: Content, variables: Mapping[str, str]) -> Content:
    """Return a content with ``${NAME}`` and ``${NAME:-default}`` replaced.

    Args:
        content: A config.
        variables: Those that may be read. A secret is none of them: whoever may store a config
            could read it otherwise.

    Raises: ConfigRefused for a variable without value and default.
    """
    expanded: Content = _expanded(content, variables, "")
    return expanded


def _expanded(value: Any, variables: Mapping[str, str], path: str) -> Any:
    if isinstance(value, Mapping):
        return {k: _expanded(each, variables, f"{path}.{k}") for k, each in value.items()}
    if isinstance(value, list | tuple):
        return [_expanded(each, variables, f"{path}.{n}") for n, each in enumerate(value)]
    if not isinstance(value, str):
        return value

    def replacement(match: re.Match[str]) -> str:
        name, default = match.groups()
        said = variables.get(name) or default
        if said is None:
            raise refused(
                f"{path[1:]}: got {value}, but {name} has no value here; write ${{{name}:-default}}"
            )
        return said

    return VARIABLE.sub(replacement, value)


def environment_layer(environment: Mapping[str, str]) -> Content:
    """Return the content that variables say, such as REGIMEFLOW_CONFIG__STRATEGY__TIMEFRAME.

    Two underscores part the keys. A value is read as YAML reads a scalar: 3 is a number.
    """
    from streams.configs.yaml_text import parse_yaml

    layer: Content = {}
    for name in sorted(environment):
        if not name.startswith(VARIABLE_PREFIX):
            continue
        keys = [_key(part) for part in name.removeprefix(VARIABLE_PREFIX).split("__")]
        part = layer
        for key in keys[:-1]:
            part = part.setdefault(key, {})
            if not isinstance(part, dict):
                raise refused(f"{name}: {key} has a value of its own")
        part[keys[-1]] = parse_yaml(f"value: {environment[name]}")["value"]
    return layer


def _key(part: str) -> str:
    return part if part == "KIND" else part.lower()
