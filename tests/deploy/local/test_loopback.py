"""A proxy of the environment is never asked for this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from deploy.local.loopback import is_loopback, open_url


class SaysYes(BaseHTTPRequestHandler):
    """Says yes."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"yes")

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def address() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), SaysYes)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/health"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_a_proxy_that_does_not_answer_hides_nothing_on_loopback(address, monkeypatch, name):
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv(name, "http://127.0.0.1:9")

    with open_url(address, 5.0) as reply:
        assert reply.read() == b"yes"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        *(("http://127.0.0.1:8080/", True), ("http://[::1]:8080/", True)),
        *(
            ("https://localhost/", True),
            ("http://example.org/", False),
            ("http://10.0.0.1/", False),
        ),
    ],
)
def test_what_is_loopback(url, expected):
    assert is_loopback(url) is expected
