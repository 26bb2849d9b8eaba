"""Asking the gateway of this home's run: JSON in, JSON out, its refusals as errors."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from deploy.cli.console import gateway_port, running_facts

WITHIN_S = 30.0

Answer = dict[str, Any]


class GatewayFailed(ValueError):
    """The gateway refused, or does not answer; the message is what it said."""


def gateway_url(url: str | None) -> str:
    """Return the gateway's address: the one given, that of this home's run, or the usual one."""
    found = url or (running_facts() or {}).get("url") or f"http://127.0.0.1:{gateway_port(None)}/"
    if not found.startswith(("http://", "https://")):
        raise GatewayFailed(f"--url {found}, expected http:// or https://")
    return f"{found.rstrip('/')}/"


def ask(url: str, path: str, body: Answer | None = None, *, method: str = "GET") -> Answer:
    """Return the answer of one request; one with a body is a POST.

    Raises:
        GatewayFailed: It was refused, or nobody answers.
    """
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(  # noqa: S310 - gateway_url has checked the scheme
        f"{url}{path}",
        data=content,
        method=method if body is None else "POST",
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=WITHIN_S) as reply:  # noqa: S310 - as above
            answer = json.load(reply)
    except urllib.error.HTTPError as refused:
        raise GatewayFailed(_said(refused)) from None
    except (OSError, ValueError) as failed:
        raise GatewayFailed(
            f"no gateway answers at {url} ({getattr(failed, 'reason', failed)}): start it with "
            "`regimeflow run`, or give --url"
        ) from None
    if not isinstance(answer, dict):
        raise GatewayFailed(f"{url}{path} did not answer with a JSON object; is it RegimeFlow?")
    return answer


def _said(refused: urllib.error.HTTPError) -> str:
    try:
        body = json.load(refused)
    except (OSError, ValueError):
        body = None
    detail = body.get("detail") if isinstance(body, dict) else None
    return str(detail or f"the gateway answered {refused.code} {refused.reason}")
