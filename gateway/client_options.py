"""librdkafka's security settings, the one spelling of the project, as aiokafka names them."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Any

_OPTIONS = {
    "security.protocol": "security_protocol",
    "sasl.mechanism": "sasl_mechanism",
    "sasl.mechanisms": "sasl_mechanism",
    "sasl.username": "sasl_plain_username",
    "sasl.password": "sasl_plain_password",
}


def client_options(settings: dict[str, str]) -> dict[str, Any]:
    """Return librdkafka's security settings as aiokafka names them.

    Raises:
        ValueError: A setting has no counterpart here.
    """
    options: dict[str, Any] = dict(_translated(settings))
    if settings.get("security.protocol", "").upper() in {"SSL", "SASL_SSL"}:
        context = ssl.create_default_context(cafile=settings.get("ssl.ca.location"))
        if "ssl.certificate.location" in settings:
            context.load_cert_chain(
                settings["ssl.certificate.location"], settings.get("ssl.key.location")
            )
        options["ssl_context"] = context
    return options


def _translated(settings: dict[str, str]) -> Iterator[tuple[str, str]]:
    files = {"ssl.ca.location", "ssl.certificate.location", "ssl.key.location"}
    for name, setting in settings.items():
        if name in _OPTIONS:
            yield _OPTIONS[name], setting.upper() if "protocol" in name else setting
        elif name not in files:
            raise ValueError(
                f"kafka_client: {name!r} is not understood by the gateway; expected one of "
                f"{', '.join(sorted(_OPTIONS.keys() | files))}"
            )
