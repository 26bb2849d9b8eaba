"""Loopback ports to listen on."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Collection

from deploy.local.errors import PortTakenError

LOOPBACK = "127.0.0.1"
# Below the range of outgoing connections: else a client that retries while the broker is down could
# get the broker's port as its local port, connect to itself and occupy it.
FREE_PORTS = range(20_000, 32_000)


def usable_port(port: int) -> int:
    """Return the port, or a free one for 0.

    Raises:
        PortTakenError: The port cannot be bound; the message says why.
    """
    candidates = [port] if port else [secrets.choice(FREE_PORTS) for _ in range(20)]
    reason: str | None = None
    for candidate in candidates:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, candidate))
            except OSError as error:
                reason = error.strerror
            else:
                return candidate
    raise PortTakenError(
        f"port {candidates[-1]} on {LOOPBACK} cannot be used by the broker: {reason}. Stop the "
        "program that listens there, or choose another port (0: any free one)."
    )


def free_ports(count: int, taken: Collection[int] = ()) -> list[int]:
    """Return so many different free ports, none of those that are taken though nobody listens yet.

    Raises:
        PortTakenError: No port can be bound.
    """
    ports: list[int] = []
    while len(ports) < count:
        port = usable_port(0)
        if port not in {*ports, *taken}:
            ports.append(port)
    return ports
