"""A config as people write it: plain YAML, without what YAML can do beyond data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from schemas.configs import Content
from streams.configs.content import LARGEST_BYTES, ConfigRefused, refused

DEEPEST = 20  # levels of nesting
PLAIN_TAG = "tag:yaml.org,2002:"


def parse_yaml(text: str) -> Content:
    """Return the content of a YAML document; raises ``ConfigRefused`` with line and cause.

    Anchors and aliases could make a small text a huge content, and tags name types of Python.
    All three are refused, and so is a key that stands twice in one mapping.
    """
    import yaml

    size = len(text.encode(errors="replace"))
    if size > LARGEST_BYTES:
        raise refused(f"config: {size} bytes of YAML, expected {LARGEST_BYTES} at most")
    try:
        _check_events(yaml.parse(text, Loader=yaml.SafeLoader))
        content = _plain(yaml.compose(text, Loader=yaml.SafeLoader), yaml)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        raise refused(f"config: no YAML: {' '.join(str(error).split())}", line=line) from None
    except ConfigRefused:
        raise
    except ValueError as error:  # an escape beyond Unicode
        raise refused(f"config: no YAML: {error}") from None
    if not isinstance(content, dict):
        raise refused("config: expected a mapping of parts, such as strategy and mlflow", line=1)
    return content


def line_number(text: str, path: Sequence[str | int]) -> int:
    """Return the line of a document that ``parse_yaml`` takes on which a path stands, from 1.

    Of a path that the document does not have it is the line of the last part above it.
    """
    import yaml

    node, line = yaml.compose(text, Loader=yaml.SafeLoader), 1
    for step in path:
        if isinstance(node, yaml.MappingNode):
            children = {key.value: (key, value) for key, value in node.value}
        elif isinstance(node, yaml.SequenceNode):
            children = {number: (value, value) for number, value in enumerate(node.value)}
        else:
            break
        if step not in children:
            break
        key, node = children[step]
        line = key.start_mark.line + 1
    return line


def _check_events(events: Any) -> None:
    depth = 0
    for event in events:
        if getattr(event, "anchor", None):
            raise _refused_at(event, "anchors and aliases are refused")
        if getattr(event, "tag", None):
            raise _refused_at(event, f"the tag {event.tag} is refused")
        name = type(event).__name__
        depth += name.endswith("StartEvent") - name.endswith("EndEvent")
        if depth > DEEPEST:
            raise _refused_at(event, f"more than {DEEPEST} levels")


def _refused_at(event: Any, text: str) -> ConfigRefused:
    line = event.start_mark.line + 1
    return refused(f"line {line}: {text}", line=line)


def _plain(node: Any, yaml: Any) -> Any:
    """Return the data of a node; a date stays the text that it is."""
    if isinstance(node, yaml.MappingNode):
        content: Content = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _refused_at(key, "a key is a text")
            if key.value in content:
                raise _refused_at(key, f"the key {key.value} stands twice")
            content[key.value] = _plain(value, yaml)
        return content
    if isinstance(node, yaml.SequenceNode):
        return [_plain(each, yaml) for each in node.value]
    if node is None:
        return None
    if node.tag.removeprefix(PLAIN_TAG) in {"timestamp", "binary"}:
        return node.value
    try:
        return yaml.constructor.SafeConstructor().construct_object(node)
    except (ValueError, OverflowError):  # such as 0x_, or thousands of digits
        kind = node.tag.removeprefix(PLAIN_TAG)
        raise _refused_at(node, f"got {node.value[:57]}, which is no {kind}") from None
