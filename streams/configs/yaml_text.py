"""A config as people write it: plain YAML, without what YAML can do beyond data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schemas.configs import Content
from streams.configs.content import LARGEST_BYTES, ConfigRefused

if TYPE_CHECKING:
    from yaml.events import Event

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
        raise ConfigRefused(f"config: {size} bytes of YAML, expected {LARGEST_BYTES} at most")
    try:
        _check_events(yaml.parse(text, Loader=yaml.SafeLoader))
        content = _plain(yaml.compose(text, Loader=yaml.SafeLoader), yaml)
    except yaml.YAMLError as error:
        raise ConfigRefused(f"config: no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise ConfigRefused("config: expected a mapping of parts, such as strategy and mlflow")
    return content


def _check_events(events: Any) -> None:
    depth = 0
    for event in events:
        if getattr(event, "anchor", None):
            raise ConfigRefused(f"{_line(event)}: anchors and aliases are refused")
        if getattr(event, "tag", None):
            raise ConfigRefused(f"{_line(event)}: the tag {event.tag} is refused")
        name = type(event).__name__
        depth += name.endswith("StartEvent") - name.endswith("EndEvent")
        if depth > DEEPEST:
            raise ConfigRefused(f"{_line(event)}: more than {DEEPEST} levels")


def _line(event: Event) -> str:
    mark = event.start_mark
    return "config" if mark is None else f"line {mark.line + 1}"


def _plain(node: Any, yaml: Any) -> Any:
    """Return the data of a node; a date stays the text that it is."""
    if isinstance(node, yaml.MappingNode):
        content: Content = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise ConfigRefused(f"{_line(key)}: a key is a text")
            if key.value in content:
                raise ConfigRefused(f"{_line(key)}: the key {key.value} stands twice")
            content[key.value] = _plain(value, yaml)
        return content
    if isinstance(node, yaml.SequenceNode):
        return [_plain(each, yaml) for each in node.value]
    if node is None:
        return None
    if node.tag.removeprefix(PLAIN_TAG) in {"timestamp", "binary"}:
        return node.value
    return yaml.constructor.SafeConstructor().construct_object(node)
