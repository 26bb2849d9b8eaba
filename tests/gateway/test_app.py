"""The gateway as a process: an address that cannot be used is refused, in words."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from gateway import app as application
from gateway.app import create_app
from gateway.errors import Unavailable
from gateway.kafka.bus import Inbox
from gateway.kafka.past import Lengths
from gateway.kafka.topics import DRAWN
from gateway.settings import GatewaySettings
from tests.fakes.gateway import FakeBus


def test_a_taken_port_ends_the_gateway_with_words_and_it_is_not_started_again(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        code = application.run(GatewaySettings(port=port), lambda: None)

    assert code == application.EXIT_REFUSED
    assert f"port {port} on 127.0.0.1 cannot be used: Address already in use" in (
        capsys.readouterr().out
    )


def test_an_address_of_another_machine_is_said_before_anything_starts():
    assert "203.0.113.7 cannot be used" in (application.listening_fault("203.0.113.7", 0) or "")
    assert application.listening_fault("127.0.0.1", 0) is None


class InterruptedBus(FakeBus):
    """A bus that loses its broker at the first attempt to read further back."""

    async def read_back(self, topic: str, lacking: Lengths, inbox: Inbox) -> None:
        await super().read_back(topic, lacking, inbox)
        if len(self.read_back_topics) == 1:
            raise Unavailable("away")


@pytest.mark.anyio
async def test_views_that_an_outage_left_half_filled_are_filled_when_the_broker_is_back(
    monkeypatch, settings
):
    monkeypatch.setattr(application, "REFILL_RETRY_S", 0.0)
    bus = InterruptedBus()
    app = create_app(settings, bus, refuse=lambda _: None)

    async with app.router.lifespan_context(app), asyncio.timeout(10):
        [refilling] = [each for each in asyncio.all_tasks() if each.get_name() == "refill views"]
        await refilling

    first, *others = DRAWN
    assert bus.read_back_topics == [first.name, first.name, *(each.name for each in others)]


@pytest.mark.anyio
async def test_others_are_answered_while_the_document_is_made(gateway, monkeypatch):
    asked, made = threading.Event(), threading.Event()

    def openapi():
        asked.set()
        assert made.wait(10)
        return {"openapi": "3.1.0"}

    monkeypatch.setattr(gateway.app, "openapi", openapi)
    document = asyncio.create_task(gateway.client.get("/openapi.json"))
    assert await asyncio.to_thread(asked.wait, 10)

    assert (await gateway.client.get("/health")).status_code == 200
    assert not document.done()
    made.set()
    assert (await document).json() == {"openapi": "3.1.0"}
