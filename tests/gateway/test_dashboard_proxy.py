"""`npm run dev` asks the gateway for everything that the gateway answers."""

from __future__ import annotations

import re

from deploy.local.dashboard import SOURCE
from tests.fakes.gateway import api_document


def test_the_development_server_knows_every_family_of_routes():
    config = (SOURCE / "vite.config.ts").read_text()
    [listed] = re.findall(r"GATEWAY_ROUTES = \[(.*?)\]", config, re.DOTALL)
    proxied = set(re.findall(r"'(/[^']+)'", listed))

    answered = {"/" + path.split("/")[1] for path in api_document()["paths"]}

    assert answered - {"/"} <= proxied
    assert {"/docs", "/redoc", "/openapi.json"} <= proxied  # pages that the document leaves out
