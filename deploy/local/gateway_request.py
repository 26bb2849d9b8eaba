"""Requests of the commands to a gateway: they show the API key that is set."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
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


def key_headers() -> dict[str, str]:
    """Return what shows the API key that is set; nothing where none is, or none can be shown."""
    key = api_key()
    return {KEY_HEADER: key} if key.isascii() and key.isprintable() and key else {}


def open_gateway(request: urllib.request.Request | str, timeout_s: float) -> Any:
    """Open an address of a gateway, with the API key that is set.

    Raises:
        OSError: Nothing answers; of a refusal ``HTTPError``.
    """
    if isinstance(request, str):
        request = urllib.request.Request(request)  # noqa: S310 - the callers check the scheme
    for name, value in key_headers().items():
        request.add_unredirected_header(name, value)  # another host is never shown it
    return open_url(request, timeout_s)


@dataclass(frozen=True)
class Refusal:
    """An answer of a gateway that is no success.

    Attributes:
        status: Of HTTP.
        reason: The words of the status.
        body: JSON in either shape of an error.
        challenge: The header WWW-Authenticate.
    """

    status: int
    reason: str
    body: bytes
    challenge: str

    def advice(self, credential: str | None, sign_in: str = SIGN_IN) -> str:
        """Return what it says and what to do about it.

        Args:
            credential: The name of what was shown; None: nothing was.
            sign_in: Said where nothing was shown and something must be.
        """
        try:
            body = json.loads(self.body)
        except ValueError:
            body = None
        said = (body.get("detail") or body.get("error")) if isinstance(body, dict) else None
        text = str(said or f"the gateway answered {self.status} {self.reason}")
        if self.status == 403 and "needs the scope" in text:
            return f"{text}: `regimeflow keys create NAME --scope ...` makes a key that may"
        if self.status != 401:
            return text
        if credential is None:
            return sign_in
        why = self.challenge.partition('error_description="')[2]
        return f"the gateway refused {credential}: {why.rstrip(chr(34)) or text}"


def refusal_text(refusal: urllib.error.HTTPError) -> str:
    """Return what a refusal says, in either shape of its body, and what to do about it."""
    try:
        body = refusal.read()
    except OSError:
        body = b""
    challenge = refusal.headers.get("WWW-Authenticate", "")
    answer = Refusal(refusal.code, refusal.reason, body, challenge)
    return answer.advice(KEY_SETTING if api_key() else None)
