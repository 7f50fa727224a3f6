"""RFC 6455 at the socket: the handshake, frames no library sends, and the end of a connection."""

from __future__ import annotations

import asyncio
import json
import struct

import pytest

from hub.runtime import Hub
from tests.support.gateway import SECONDS, RawSocket, RunningGateway, client_frame, issue, until


async def test_an_accepted_handshake(gateway: RunningGateway) -> None:
    raw = await RawSocket.open(gateway.port)
    answer = await raw.request("/v1/inbox/ws", Sec_WebSocket_Protocol="other, hub.v1")
    assert answer.startswith("HTTP/1.1 101 Switching Protocols\r\n")
    assert "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in answer  # RFC 6455, section 1.3
    assert "Sec-WebSocket-Protocol: hub.v1\r\n" in answer
    await raw.close()


async def test_no_subprotocol_is_accepted_and_no_extension_is_negotiated(gateway: RunningGateway) -> None:
    raw = await RawSocket.open(gateway.port)
    answer = await raw.request("/v1/inbox/ws?ignored=1", Sec_WebSocket_Extensions="permessage-deflate")
    assert answer.startswith("HTTP/1.1 101")
    assert "Sec-WebSocket-Protocol" not in answer
    assert "Sec-WebSocket-Extensions" not in answer
    await raw.close()


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        ("/v1/inbox/ws", {"Sec_WebSocket_Protocol": "hub.v2"}, 400, "bad_handshake"),
        ("/v1/inbox/ws", {"Sec_WebSocket_Key": ""}, 400, "bad_handshake"),
        ("/v1/inbox/ws", {"Sec_WebSocket_Key": "short"}, 400, "bad_handshake"),
        ("/v1/inbox/ws", {"Sec_WebSocket_Version": "12"}, 400, "bad_handshake"),
        ("/v1/inbox/ws/", {}, 404, "not_found"),
        ("/v1/inbox/%77s", {}, 404, "not_found"),
        ("/", {}, 404, "not_found"),
        ("/v1/inbox", {}, 404, "not_found"),
    ],
)
async def test_what_is_no_attempt_at_this_protocol_is_a_problem_over_http(
    gateway: RunningGateway, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    raw = await RawSocket.open(gateway.port)
    answer = await raw.request(path, **headers)
    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert "Content-Type: application/problem+json\r\n" in answer
    assert "ratelimit-remaining: 100\r\n" in answer  # contract: on every answer
    problem = json.loads(await raw.reader.read())
    assert (problem["status"], problem["code"]) == (status, code)
    await raw.close()


async def test_a_post_cannot_be_upgraded(gateway: RunningGateway) -> None:
    raw = await RawSocket.open(gateway.port)
    assert (await raw.request("/v1/inbox/ws", method="POST")).startswith("HTTP/1.1 405 ")
    await raw.close()


async def test_a_request_without_upgrade_is_told_to_upgrade(gateway: RunningGateway) -> None:
    raw = await RawSocket.open(gateway.port)
    answer = await raw.request("/v1/inbox/ws", Upgrade="", Connection="close")
    assert answer.startswith("HTTP/1.1 426 ")
    assert "upgrade: websocket\r\n" in answer.lower()
    await raw.close()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (client_frame(b"x", masked=False), 1002),
        (client_frame(b"x", first=0xC0), 1002),
        (client_frame(b"x", 0x3), 1002),
        (client_frame(b"x" * 126, 9), 1002),
        (client_frame(b"x", 9, first=0), 1002),
        (client_frame(b"\xff"), 1007),
        (client_frame("ü".encode()[:1]), 1007),
        (client_frame("a".encode("utf-16")), 1007),
        (client_frame(b"\xed\xa0\x80"), 1007),
        (client_frame("ü".encode()[:1], first=0), 4503),
        (client_frame(b"x", 0), 4503),
        (client_frame(struct.pack("!H", 1005), 8), 1002),
        (client_frame(b"\x03", 8), 1002),
        (client_frame(struct.pack("!H", 1000) + b"\xff", 8), 1007),
        (b"\x81\xff" + struct.pack("!Q", 1 << 62), 4504),
        (b"GET / HTTP/1.1\r\n\r\n", 1002),
    ],
)
async def test_what_breaks_the_protocol_is_told_by_code(gateway: RunningGateway, data: bytes, code: int) -> None:
    raw = await RawSocket.connect(gateway.port)
    raw.writer.write(data)
    assert (await raw.closed())[0] == code
    await until(lambda: not gateway.board.connections)


async def test_pings_are_answered_with_their_payload_and_pongs_are_not(
    hub: Hub, project_id: int, gateway: RunningGateway
) -> None:
    raw = await RawSocket.connect(gateway.port)
    raw.send(b"unasked", 10)
    raw.send(b"", 9)
    raw.send(b"p" * 125, 9)
    assert await raw.read_frame() == (10, b"")
    assert await raw.read_frame() == (10, b"p" * 125)
    raw.send(json.dumps({"type": "hello", "token": await issue(hub, project_id)}).encode())
    assert json.loads((await raw.read_frame())[1])["type"] == "welcome"
    await raw.close()


async def test_frames_may_arrive_byte_by_byte_or_all_at_once(
    hub: Hub, project_id: int, gateway: RunningGateway
) -> None:
    text = await issue(hub, project_id)
    for size in (1, 1_000_000):
        raw = await RawSocket.connect(gateway.port)
        data = b"".join(
            client_frame(json.dumps(frame).encode())
            for frame in ({"type": "hello", "token": text}, {"type": "ping"}, {"type": "ping", "x": "ü"})
        )
        for start in range(0, len(data), size):
            raw.writer.write(data[start : start + size])
            await raw.writer.drain()
        kinds = [json.loads((await raw.read_frame())[1])["type"] for _ in range(3)]
        assert sorted(kinds) == ["error", "pong", "welcome"]
        await raw.close()


@pytest.mark.parametrize("payload", [b"", struct.pack("!H", 1000), struct.pack("!H", 4999) + b"bye"])
async def test_a_close_is_answered_and_the_connection_ends(gateway: RunningGateway, payload: bytes) -> None:
    raw = await RawSocket.connect(gateway.port)
    raw.send(payload, 8)
    assert await raw.read_frame() == (8, payload[:2])
    async with asyncio.timeout(SECONDS):
        assert await raw.reader.read() == b""
    await raw.close()
    await until(lambda: not gateway.board.connections)


async def test_frames_after_a_close_are_not_looked_at(gateway: RunningGateway) -> None:
    raw = await RawSocket.connect(gateway.port)
    raw.writer.write(client_frame(b"", 8) + client_frame(b"binary", 2))
    assert await raw.read_frame() == (8, b"")
    async with asyncio.timeout(SECONDS):
        assert await raw.reader.read() == b""
    await raw.close()


async def test_a_client_that_vanishes_is_forgotten(hub: Hub, project_id: int, gateway: RunningGateway) -> None:
    for half_way in (False, True):
        raw = await RawSocket.connect(gateway.port)
        raw.send(json.dumps({"type": "hello", "token": await issue(hub, project_id)}).encode())
        await raw.read_frame()
        if half_way:
            raw.writer.write(client_frame(b"x" * 500)[:100])
            await raw.writer.drain()
        raw.writer.transport.abort()
        await until(lambda: not gateway.board.connections)
        await until(lambda: not gateway.board.rooms)


async def test_who_does_not_answer_a_close_is_broken_off(
    gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.ws.CLOSE_SECONDS", 0.1)
    raw = await RawSocket.connect(gateway.port)
    raw.send(b"no hello")
    assert (await raw.read_frame())[0] == 8
    await until(lambda: not gateway.board.connections)
    await raw.close()
