"""The command line, run while the event loop serves what it asks."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from typer.testing import CliRunner, Result

from deploy.cli.app import app
from tests.fakes.gateway import RunningGateway


async def invoke(*words: str) -> Result:
    """Run a command in a thread."""
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, words))


async def call(gateway: RunningGateway, *words: str, code: int = 0) -> Result:
    """Run a command against a gateway; it must end with that exit code."""
    result = await invoke(*words, "--url", gateway.url)
    assert result.exit_code == code, (result.output, result.exception)
    return result


async def asked(gateway: RunningGateway, *words: str) -> Any:
    """Return the document of a command."""
    return json.loads((await call(gateway, *words, "--json")).stdout)
