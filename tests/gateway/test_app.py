"""The gateway as a process: an address that cannot be used is refused, in words."""

from __future__ import annotations

import socket

from gateway import app as application
from gateway.settings import GatewaySettings


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
