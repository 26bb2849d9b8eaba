"""Where notifications go: the only importer of Apprise, which is loaded where a URL is set.

A URL of a sink is a secret. Nothing here returns or logs one; a sink is called by its place and its
service, such as ``2 (slack)``.
"""

from __future__ import annotations

import hashlib
import logging
from typing import Any

from workers.notify.rules import Message

NOTIFY_TYPES = {"info": "info", "warning": "warning", "urgent": "failure"}


class AppriseSink:
    """One service of Apprise.

    Raises:
        ValueError: The URL is none that Apprise knows; the text does not repeat it.
    """

    def __init__(self, url: str, number: int) -> None:
        import apprise

        logging.getLogger("apprise").setLevel(logging.WARNING)
        service: Any = apprise.Apprise.instantiate(url, suppress_exceptions=True)
        if service is None:
            raise ValueError(
                f"URL {number} of REGIMEFLOW_NOTIFY_URLS is none that Apprise knows, expected such "
                "as json://HOST/PATH or slack://TOKEN/TOKEN/TOKEN"
            )
        self._service = service
        self.name = f"{number} ({service.url(privacy=True).partition(':')[0]})"
        self.id = hashlib.sha256(url.encode()).hexdigest()[:12]

    def send(self, message: Message) -> bool:
        """Send a message; return whether the service took it."""
        kind = NOTIFY_TYPES[message.severity]
        return bool(self._service.notify(message.body, title=message.title, notify_type=kind))


def make_sinks(urls: str) -> tuple[AppriseSink, ...]:
    """Return the sinks of comma-separated URLs, each once; raises ``ValueError`` for a wrong one.

    A comma within a URL is written %2C.
    """
    parts = dict.fromkeys(part.strip() for part in urls.split(",") if part.strip())
    return tuple(AppriseSink(url, number) for number, url in enumerate(parts, 1))
