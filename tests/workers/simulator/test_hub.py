"""The hub: each client gets its streams, and one that is too slow is closed."""

from __future__ import annotations

import asyncio

from workers.simulator.protocol import hub
from workers.simulator.protocol.hub import Connection, Hub


class FakeSocket:
    """A socket that keeps what it is sent."""

    def __init__(self):
        self.sent, self.code = [], None

    async def send_str(self, text):
        self.sent.append(text)

    async def close(self, *, code):
        self.code = code


def connected(desk, names):
    connection = Connection(FakeSocket(), lambda: None, delivers=True, combined=False)
    desk.connections.add(connection)
    desk.subscribe(connection, names)
    return connection


def waiting(connection):
    return [connection.queue.get_nowait() for _ in range(connection.queue.qsize())]


def test_each_watcher_gets_its_own_streams_until_it_leaves():
    desk = Hub(("BTCUSDT", "ETHUSDT"))
    one = connected(desk, ["btcusdt@aggTrade"])
    two = connected(desk, ["btcusdt@aggTrade", "ethusdt@aggTrade"])

    desk.publish("btcusdt@aggTrade", "b")
    desk.publish("ethusdt@aggTrade", "e")
    desk.drop(one)

    assert (waiting(one), waiting(two)) == (["b"], ["b", "e"])
    assert [s.name for s in desk.subscribed()] == ["btcusdt@aggTrade", "ethusdt@aggTrade"]
    desk.drop(two)
    assert desk.subscribed() == []


def test_a_client_too_far_behind_is_closed_and_the_others_go_on(monkeypatch):
    monkeypatch.setattr(hub, "QUEUE_FRAMES", 2)

    async def story():
        desk = Hub(("BTCUSDT",))
        slow, quick = (connected(desk, ["btcusdt@aggTrade"]) for _ in range(2))
        seen = []
        for text in "abcd":
            desk.publish("btcusdt@aggTrade", text)
            seen += waiting(quick)
        await desk.close_all()
        return slow.socket.code, seen

    code, seen = asyncio.run(story())

    assert code == hub.TOO_SLOW
    assert seen == list("abcd")
