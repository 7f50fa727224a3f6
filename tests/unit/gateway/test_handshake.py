"""The usual handshake, and that whatever is not is left to the library."""

from __future__ import annotations

import pytest
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from gateway.handshake import usual

PATH, SUBPROTOCOL = b"/v1/inbox/ws", b"hub.v1"
FIELDS = {
    b"host": b"hub.example",
    b"upgrade": b"websocket",
    b"connection": b"Upgrade",
    b"sec-websocket-key": b"dGhlIHNhbXBsZSBub25jZQ==",
    b"sec-websocket-version": b"13",
    b"sec-websocket-protocol": SUBPROTOCOL,
    b"sec-websocket-extensions": b"permessage-deflate; client_max_window_bits",
    b"origin": b"https://app.example",
    b"cookie": b"a=b; c=d",
}


def head(target: bytes = PATH, method: bytes = b"GET", version: bytes = b"HTTP/1.1", **changed: bytes | None) -> bytes:
    fields = FIELDS | {name.replace("_", "-").encode(): value for name, value in changed.items()}
    lines = [b"%b: %b\r\n" % (name, value) for name, value in fields.items() if value is not None]
    return b"%b %b %b\r\n%b\r\n" % (method, target, version, b"".join(lines))


@pytest.mark.parametrize("subprotocol", [SUBPROTOCOL, None])
@pytest.mark.parametrize("connection", [b"Upgrade", b"keep-alive, Upgrade"])
def test_the_answer_says_what_the_library_would(subprotocol: bytes | None, connection: bytes) -> None:
    data = head(PATH + b"?x=1", sec_websocket_protocol=subprotocol, connection=connection)
    upgrade = usual(data, PATH, SUBPROTOCOL)
    assert upgrade is not None
    assert (upgrade.origins, upgrade.hosts, upgrade.forwarded) == (("https://app.example",), ("hub.example",), ())
    library = ServerProtocol(subprotocols=None if subprotocol is None else [Subprotocol("hub.v1")])
    library.receive_data(data)
    [request] = library.events_received()
    assert isinstance(request, Request)
    answer = library.accept(request)
    del answer.headers["Date"]
    assert upgrade.answer == answer.serialize()


def test_the_example_of_the_standard() -> None:
    """RFC 6455 section 1.3."""
    upgrade = usual(head(), PATH, SUBPROTOCOL)
    assert upgrade is not None
    assert b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in upgrade.answer


@pytest.mark.parametrize(
    "data",
    [
        head(b"/elsewhere"),
        head(method=b"POST"),
        head(version=b"HTTP/1.0"),
        head(upgrade=None),
        head(upgrade=b"h2c"),
        head(connection=b"close"),
        head(connection=None),
        head(sec_websocket_key=None),
        head(sec_websocket_key=b"c2hvcnQ="),
        head(sec_websocket_key=b"dGhlIHNhbXBsZSBub25jZQ"),
        head(sec_websocket_key=b"!!!!!!!!!!!!!!!!!!!!!!=="),
        head(sec_websocket_version=b"8"),
        head(sec_websocket_version=None),
        head(sec_websocket_protocol=b"chat"),
        head(sec_websocket_protocol=b"chat, hub.v1"),
        head(origin=b"https://\xff.example"),
        head(cookie=b"x" * 9_000),
        head()[:-2] + b"origin: https://other.example\r\n\r\n",
        head()[:-2] + b"no field\r\n\r\n",
        head() + b"more",
        b"",
        b"\r\n\r\n",
    ],
)
def test_what_is_not_the_usual_one_is_left_to_the_library(data: bytes) -> None:
    assert usual(data, PATH, SUBPROTOCOL) is None
