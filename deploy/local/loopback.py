"""Requests to this machine: a proxy of the environment is for other machines."""

from __future__ import annotations

import ipaddress
import urllib.request
from typing import Any
from urllib.parse import urlsplit


def is_loopback(url: str) -> bool:
    """Whether a URL names this machine's loopback."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def open_url(request: urllib.request.Request | str, timeout_s: float) -> Any:
    """Open a URL as ``urlopen`` does; loopback never goes through a proxy.

    Raises:
        OSError: As ``urlopen``; of a refusal ``HTTPError``.
    """
    url = request if isinstance(request, str) else request.full_url
    handlers = [urllib.request.ProxyHandler({})] if is_loopback(url) else []
    return urllib.request.build_opener(*handlers).open(request, timeout=timeout_s)
