"""Log lines an operator can use: events named noun.verb, and a remedy on every alarm."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

from tests.architecture.sources import ROOT, SOURCES, SourceFile

LEVELS = frozenset({"debug", "info", "warning", "error", "critical", "exception"})
ALARMS = LEVELS - {"debug", "info"}
EVENT = re.compile(r"[a-z]+\.[a-z]+")


def log_calls(source: SourceFile) -> Iterator[tuple[str, ast.Call]]:
    """Yield the place and the call of each line that a file logs."""
    for node in ast.walk(source.tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        logger = ast.unparse(node.func.value)
        if node.func.attr in LEVELS and (logger == "log" or logger.endswith("_log")):
            yield f"{source.name}:{node.lineno}", node


@cache
def lines() -> list[tuple[str, ast.Call]]:
    return [line for source in SOURCES for line in log_calls(source)]


def event_names(call: ast.Call) -> list[str]:
    """Return the event that a call names, or the two that it chooses from."""
    event = call.args[0] if call.args else None
    texts = (event.body, event.orelse) if isinstance(event, ast.IfExp) else (event,)
    return [str(text.value) if isinstance(text, ast.Constant) else "" for text in texts]


def test_every_event_is_named_noun_verb():
    wrong = [
        (place, name)
        for place, call in lines()
        for name in event_names(call)
        if EVENT.fullmatch(name) is None
    ]

    assert wrong == []


def test_every_alarm_says_what_to_do():
    silent = [
        place
        for place, call in lines()
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in ALARMS
        and "remedy" not in {keyword.arg for keyword in call.keywords}
    ]

    assert silent == []


# Wrapped words of others, and the one event whose level is chosen before it is logged.
NAMED_ELSEWHERE = {"library.said", "process.said", "record.rejected"}


def test_the_table_of_stories_has_every_event_and_no_other():
    text = (ROOT / "CONTRIBUTING.md").read_text().partition("| Story | Events |")[2]
    documented = set(re.findall(r"`([^`]+)`", text.partition("\n\n")[0]))

    logged = {name for _, call in lines() for name in event_names(call)}

    assert documented == logged | NAMED_ELSEWHERE
