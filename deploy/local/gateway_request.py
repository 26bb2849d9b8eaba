"""Requests of the commands to a gateway: they show the API key that is set."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from deploy.local.loopback import open_url

KEY_HEADER = "X-API-Key"
KEY_SETTING = "REGIMEFLOW_API_KEY"
SIGN_IN = (
    f"the gateway wants to know who asks: set {KEY_SETTING} (`regimeflow keys create NAME --scope "
    "operate` makes a key)"
)


def api_key() -> str:
    """Return the API key of the surroundings; empty without one."""
    from streams.runtime.environment import read_environment

    return read_environment().get(KEY_SETTING, "").strip()


def open_gateway(request: urllib.request.Request | str, timeout_s: float) -> Any:
    """Open an address of a gateway, with the API key that is set.

    Raises:
        OSError: Nothing answers; of a refusal ``HTTPError``.
    """
    if isinstance(request, str):
        request = urllib.request.Request(request)  # noqa: S310 - the callers check the scheme
    key = api_key()
    if key.isascii() and key.isprintable() and key:
        request.add_unredirected_header(KEY_HEADER, key)  # another host is never shown it
    return open_url(request, timeout_s)


def refusal_text(refusal: urllib.error.HTTPError) -> str:
    """Return what a refusal says, in either shape of its body, and what to do about it."""
    try:
        body = json.load(refusal)
    except (OSError, ValueError):
        body = None
    said = (body.get("detail") or body.get("error")) if isinstance(body, dict) else None
    text = str(said or f"the gateway answered {refusal.code} {refusal.reason}")
    if refusal.code == 403 and "needs the scope" in text:
        return f"{text}: `regimeflow keys create NAME --scope ...` makes a key that may"
    if refusal.code != 401:
        return text
    if not api_key():
        return SIGN_IN
    why = refusal.headers.get("WWW-Authenticate", "").partition('error_description="')[2]
    return f"the gateway refused {KEY_SETTING}: {why.rstrip(chr(34)) or text}"
