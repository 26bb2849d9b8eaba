"""Requests to the gateway of this home's run: JSON in, JSON out, a refusal as an error."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from deploy.cli.console import fail, gateway_port, started_facts
from deploy.local.gateway_request import open_gateway, refusal_text

TIMEOUT_S = 30.0

Answer = dict[str, Any]


class GatewayFailed(ValueError):
    """The gateway refused the request, or does not answer; the message says which and why.

    Attributes:
        status: HTTP status of a refusal; None where nothing answered.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        """Take the message and the status."""
        self.status = status
        super().__init__(message)


def local_url() -> str:
    """Return the address of this home's gateway, running or not.

    Exit code 1 while the run of this home is starting: nobody knows its port yet, and another run
    may answer at the usual one.
    """
    facts = started_facts() or {}
    return facts.get("url") or f"http://127.0.0.1:{gateway_port(None)}"


def gateway_url(url: str | None) -> str:
    """Return the address of a gateway, this home's by default; it ends with a slash.

    Exit code 2 for what is no address.
    """
    address = url or local_url()
    if not address.startswith(("http://", "https://")):
        raise fail(f"--url {address}, expected http:// or https://", 2)
    return f"{address.rstrip('/')}/"


def no_gateway(url: str, error: Exception) -> str:
    """Return what is said where no gateway answers."""
    return (
        f"no gateway answers at {url} ({getattr(error, 'reason', error)}): start it with "
        "`regimeflow run`, or give --url"
    )


def request_json(
    url: str,
    path: str,
    body: Answer | None = None,
    *,
    method: str | None = None,
    key: str | None = None,
) -> Answer:
    """Return the answer to one request: a POST with a body, a GET without.

    Exit code 2 for a path with an empty part, which stands for a name.

    Args:
        url: Of the gateway, with a slash at its end.
        path: Without a slash at its start.
        body: JSON.
        method: Other than these.
        key: The same key is the same request, however often it is sent.

    Raises:
        GatewayFailed: The gateway refused it, or does not answer.
    """
    if "" in path.partition("?")[0].split("/"):  # the path would be another route's
        raise fail("a name is empty, expected some text", 2)
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(  # noqa: S310 - gateway_url has checked the scheme
        f"{url}{path}",
        data=content,
        method=method or ("GET" if body is None else "POST"),
        headers={"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {}),
    )
    try:
        with open_gateway(request, TIMEOUT_S) as reply:
            answer = json.load(reply)
    except urllib.error.HTTPError as refusal:
        raise GatewayFailed(refusal_text(refusal), refusal.code) from None
    except (OSError, ValueError) as error:
        raise GatewayFailed(no_gateway(url, error)) from None
    if not isinstance(answer, dict):
        raise GatewayFailed(f"{url}{path} did not answer with a JSON object; is it RegimeFlow?")
    return answer
