"""Commands on configs of strategies, sent through the gateway; a refusal says what to do next."""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from deploy.cli.console import fail, report_errors
from deploy.cli.gateway_client import Answer, GatewayFailed, request_json

ROOT = "api/v1/strategies"
NEXT = {
    400: "`regimeflow strategy configs NAME` lists the versions of a strategy",
    404: "`regimeflow strategy list` lists what is stored, `regimeflow strategy stage` stores more",
    409: "`regimeflow strategy configs NAME` shows how it stands now",
    503: "`regimeflow status` shows what runs",
}


def strategy_path(name: str, *parts: str) -> str:
    """Return the path of a strategy's route."""
    return "/".join([ROOT, *(quote(part, safe="") for part in (name, *parts))])


@contextmanager
def next_steps(hints: Mapping[int, str] = NEXT) -> Iterator[None]:
    """Report a refusal of the gateway with what to do next, by its status."""
    with report_errors():
        try:
            yield
        except GatewayFailed as failed:
            hint = hints.get(failed.status or 0)
            raise fail(f"{failed}; {hint}" if hint else str(failed)) from None


def send(address: str, path: str, body: dict[str, Any], key: str | None = None) -> Answer:
    """Return the answer to a command, with its outcome; exit code 1 when that is late.

    Args:
        address: Of the gateway.
        path: Of the command's route.
        body: Without who asks.
        key: The same key is the same command.
    """
    answer = request_json(address, path, {"by": getpass.getuser()[:100], **body}, key=key)
    if "outcome" not in answer:
        raise fail(
            f"command {answer['command_id']} is {answer['detail']} at {address}; the process "
            "promotion decides it: `regimeflow status` shows whether it runs"
        )
    return answer


def outcome_lines(outcome: dict[str, Any]) -> list[str]:
    """Return how a command was decided, for people."""
    if not outcome["dry_run"]:
        return [outcome["detail"]]
    would = [f"would write {fact}" for fact in outcome["facts"]]
    return [f"dry run, nothing has changed: {outcome['detail']}", *would]
