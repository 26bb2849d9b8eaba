"""`npm run dev` asks the gateway for everything that the gateway answers."""

from __future__ import annotations

import re

from deploy.local.dashboard import SOURCE
from gateway.app import create_app
from gateway.settings import GatewaySettings
from tests.fakes.gateway import FakeBus


def test_the_development_server_knows_every_family_of_routes():
    config = (SOURCE / "vite.config.ts").read_text()
    [listed] = re.findall(r"GATEWAY_ROUTES = \[(.*?)\]", config, re.DOTALL)
    proxied = set(re.findall(r"'(/[^']+)'", listed))

    answered = {
        "/" + path.split("/")[1]
        for path in create_app(GatewaySettings(), FakeBus()).openapi()["paths"]
    }

    assert answered - {"/"} <= proxied
    assert {"/docs", "/redoc", "/openapi.json"} <= proxied  # pages that the document leaves out
