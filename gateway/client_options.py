"""Client settings: librdkafka's names, which the project uses, translated to aiokafka's."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Any

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
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
        ValueError: A setting is unknown to the gateway, has a wrong value, or is missing.
    """
    options: dict[str, Any] = dict(_translated(settings))
    protocol = options.get("security_protocol", "PLAINTEXT")
    if protocol not in PROTOCOLS:
        raise ValueError(f"security.protocol {protocol!r}: expected one of {', '.join(PROTOCOLS)}")
    if protocol.startswith("SASL"):
        mechanism = options.setdefault("sasl_mechanism", "PLAIN")
        if mechanism not in MECHANISMS:
            known = ", ".join(MECHANISMS)
            raise ValueError(f"sasl.mechanism {mechanism!r}: the gateway knows {known}")
        if not {"sasl_plain_username", "sasl_plain_password"} <= options.keys():
            raise ValueError(f"{protocol} needs sasl.username and sasl.password")
    if protocol.endswith("SSL"):
        options["ssl_context"] = _tls(settings)
    return options


def _tls(settings: dict[str, str]) -> ssl.SSLContext:
    certificate = settings.get("ssl.certificate.location")
    try:
        context = ssl.create_default_context(cafile=settings.get("ssl.ca.location"))
        if certificate is not None:
            context.load_cert_chain(certificate, settings.get("ssl.key.location"))
    except OSError as error:
        raise ValueError(f"ssl.*.location: a file cannot be used: {error}") from None
    return context


def _translated(settings: dict[str, str]) -> Iterator[tuple[str, str]]:
    files = {"ssl.ca.location", "ssl.certificate.location", "ssl.key.location"}
    for name, setting in settings.items():
        if name in _OPTIONS:
            yield _OPTIONS[name], setting.upper() if "protocol" in name else setting
        elif name not in files:
            raise ValueError(
                f"{name!r} is not understood by the gateway; expected one of "
                f"{', '.join(sorted(_OPTIONS.keys() | files))}"
            )
