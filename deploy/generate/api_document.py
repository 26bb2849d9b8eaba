"""The document of the gateway's API, made without a broker and without a run."""

from __future__ import annotations

from typing import Any

from gateway.app import create_app
from gateway.kafka.bus import KafkaBus
from gateway.settings import GatewaySettings


def api_document(settings: GatewaySettings) -> dict[str, Any]:
    """Return the OpenAPI document of a gateway with these settings."""
    return create_app(settings, KafkaBus(settings)).openapi()  # never started
