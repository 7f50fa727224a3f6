"""Server-sent events: the same stream, one way."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from select import select
from typing import Any

import aiohttp
import pytest

from gateway.message import Message
from hub.bus.announce import channel, pack_revoked
from hub.bus.presence import read_presence
from hub.config import Settings
from hub.runtime import Hub
from hub.store import people
from hub.store.inbox import open_inbox, read_heads
from tests.support.gateway import (
    RunningGateway,
    another_hub,
    client,
    events,
    eventually,
    issue,
    publish,
    rest,
    running_gateway,
    token,
    until,
)


async def test_the_stream_carries_the_frames_of_the_socket(hub: Hub, project_id: int, gateway: RunningGateway) -> None:
    text = await issue(hub, project_id)
    async with events(gateway, text) as stream, client(gateway.ws_url) as socket:
        assert stream.response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert stream.response.headers["Cache-Control"] == "no-store"
        kind, welcome = await stream.receive()
        assert (kind, welcome["type"], welcome["items"]) == ("welcome", "welcome", [])
        assert stream.last_id == welcome["cursor"]
        assert stream.retry is not None
        assert 1_000 <= stream.retry <= 5_000
        await socket.hello(text)
        await publish(hub, project_id, title="a\nb\r\nü\u2028")
        kind, item = await stream.receive()
        assert kind == "item"
        assert item == await socket.receive_type("item")
        assert stream.last_id == item["cursor"]


async def test_a_stream_goes_on_where_it_ended_and_last_event_id_wins(
    settings: Settings, hub: Hub, project_id: int, gateway: RunningGateway
) -> None:
    text = await issue(hub, project_id)
    async with events(gateway, text) as stream:
        old = (await stream.receive())[1]["cursor"]
        await publish(hub, project_id, title="one")
        cursor = (await stream.receive_type("item"))["cursor"]
    await publish(hub, project_id, title="two")
    async with another_hub(settings) as other, running_gateway(other) as second:
        async with events(second, text, since=cursor) as stream:
            kind, welcome = await stream.receive()
            assert kind == "welcome"
            assert "items" not in welcome
            changes = await stream.receive_type("changes")
            assert [item["title"] for item in changes["items"]] == ["two"]
        async with events(second, text, {"Last-Event-ID": cursor}, since=old) as stream:
            changes = await stream.receive_type("changes")
            assert (changes["since"], [item["title"] for item in changes["items"]]) == (1, ["two"])
        async with events(second, text, since="nonsense") as stream:
            assert [(await stream.receive())[0] for _ in range(3)] == ["welcome", "reset", "welcome"]


async def test_the_token_may_stand_in_either_place(hub: Hub, project_id: int, gateway: RunningGateway) -> None:
    text = await issue(hub, project_id)
    async with aiohttp.ClientSession() as session:
        headers = {"Authorization": f"Bearer {text}"}
        async with session.get(f"{gateway.url}/v1/inbox/events", headers=headers) as response:
            assert response.status == 200


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 401, "unauthenticated"),
        ("token=nonsense", 401, "token_refused"),
        ("token={expired}", 401, "token_expired"),
        ("token={unread}", 403, "insufficient_scope"),
        ("token={good}&state=away", 422, "invalid"),
        ("token={good}&other=1", 422, "invalid"),
        ("token={good}&since=" + "x" * 2000, 422, "invalid"),
    ],
)
async def test_what_is_refused_is_refused_over_http(
    hub: Hub, project_id: int, gateway: RunningGateway, query: str, status: int, code: str
) -> None:
    texts = {
        "expired": token(hub, project_id, expires_at=time.time() - 100),
        "unread": token(hub, project_id, scopes=["inbox:write"]),
        "good": token(hub, project_id),
    }
    async with rest(gateway) as calls:
        answer = await calls.call("GET", f"/v1/inbox/events?{query.format(**texts)}")
        assert (answer[0], answer[1]["code"]) == (status, code)
        assert answer[2]["Content-Type"] == "application/problem+json"
        assert "nonsense" not in json.dumps(answer[1])


async def test_methods_and_origins(settings: Settings, project_id: int) -> None:
    async with another_hub(settings, allowed_origins=("https://app.test",)) as hub, running_gateway(hub) as gateway:
        text = token(hub, project_id)
        async with rest(gateway, text) as calls:
            status, _, headers = await calls.call("POST", "/v1/inbox/events")
            assert (status, headers["Allow"]) == (405, "GET, OPTIONS")
            status, problem, _ = await calls.call("GET", "/v1/inbox/events", headers={"Origin": "https://evil.test"})
            assert (status, problem["code"]) == (403, "origin_refused")
            assert problem["detail"] == "https://evil.test is not among HUB_ALLOWED_ORIGINS."
        async with events(gateway, text, {"Origin": "https://app.test"}) as stream:
            assert stream.response.headers["Access-Control-Allow-Origin"] == "https://app.test"
            await stream.receive()


async def test_the_end_is_told_by_its_code(settings: Settings, project_id: int) -> None:
    async with another_hub(settings, drain_seconds=0.5) as hub, running_gateway(hub) as gateway:
        async with events(gateway, token(hub, project_id, expires_at=time.time() + 1)) as stream:
            assert await stream.receive_type("close") == {"code": 4100}
            assert await stream.ended()
        async with (
            events(gateway, token(hub, project_id)) as ada,
            events(gateway, await issue(hub, project_id, "bob")) as bob,
        ):
            await ada.receive_type("welcome")
            await bob.receive_type("welcome")
            await people.revoke_tokens(hub.db, project_id, "ada")
            await hub.publish_hint(channel(hub.installation, project_id, "ada"), pack_revoked())
            assert await ada.receive_type("close") == {"code": 4506}
            await gateway.app.drain()
            close = await bob.receive_type("close")
            assert close["code"] == 4000
            assert close["retry_after_seconds"] >= 1
            assert await bob.ended()
        assert not gateway.board.connections
        async with events(gateway, await issue(hub, project_id, "bob")) as late:
            assert (await late.receive_type("close"))["code"] == 4000


async def test_comments_keep_a_quiet_stream_open(
    hub: Hub, project_id: int, gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.sse.COMMENT_SECONDS", (0.1, 0.2))
    async with events(gateway, await issue(hub, project_id)) as stream:
        await stream.receive_type("welcome")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.2):
                await stream.receive()
        assert stream.comments >= 2


async def test_receipts_of_a_stream_come_by_rest_on_any_gateway(
    settings: Settings, hub: Hub, project_id: int, gateway: RunningGateway
) -> None:
    text = await issue(hub, project_id)
    head = await open_inbox(hub.db, project_id, "ada")

    async def presence() -> str:
        return (await read_presence(hub.redis, hub.installation, project_id, "ada")).state

    async def delivered() -> int:
        return (await read_heads(hub.db, [head.person_id]))[head.person_id].delivered_rev

    async with (
        another_hub(settings) as other,
        running_gateway(other) as second,
        events(gateway, text, state="idle") as stream,
        rest(gateway, text) as here,
        rest(second, text) as there,
        rest(second, await issue(hub, project_id, "bob")) as bob,
    ):
        connection = (await stream.receive_type("welcome"))["connection"]
        assert await presence() == "idle"
        for calls, state in ((here, "active"), (there, "idle")):
            answer = await calls.call("POST", "/v1/inbox/receipts", {"connection": connection, "state": state})
            assert answer[0] == 204
            await eventually(presence, state)
        await publish(hub, project_id)
        await stream.receive_type("item")
        assert (await there.call("POST", "/v1/inbox/receipts", {"connection": connection, "ack": 99}))[0] == 204
        await eventually(delivered, 1)
        assert (await there.call("POST", "/v1/inbox/receipts", {"connection": connection, "seen": 1}))[0] == 204
        assert (await stream.receive_type("update"))["set"].keys() == {"seen_at"}
        for calls, body in ((bob, {"connection": connection, "ack": 1}), (here, {"connection": "none", "ack": 1})):
            status, problem, _ = await calls.call("POST", "/v1/inbox/receipts", body)
            assert (status, problem["code"]) == (404, "not_found")
        wrong: list[dict[str, Any]] = [
            {},
            {"connection": 1},
            {"connection": connection, "ack": -1},
            {"connection": connection, "x": 1},
        ]
        for receipt in wrong:
            assert (await here.call("POST", "/v1/inbox/receipts", receipt))[0] == 422


async def test_a_reader_that_stops_reading_is_bounded_and_cut(settings: Settings, project_id: int) -> None:
    async with another_hub(settings, write_buffer_bytes=64 * 1024) as hub, running_gateway(hub) as gateway:
        text = token(hub, project_id)
        async with client(gateway.ws_url) as quick:
            await quick.hello(text)
            quick.follow()
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port, limit=1024)
            writer.write(f"GET /v1/inbox/events?token={text} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            await reader.readuntil(b"event: welcome")
            stuck = next(c for c in gateway.board.connections.values() if c.transport_name == "sse")
            published = 0
            while not stuck.session.closed:
                await asyncio.gather(*(publish(hub, project_id, body="x" * 3_500) for _ in range(20)))
                published += 20
                assert published < 5_000
            await until(lambda: quick.model.rev == published)
            await until(lambda: len(gateway.board.connections) == 1)
            writer.transport.abort()


async def test_a_reader_that_pauses_gets_everything_in_order(settings: Settings, project_id: int) -> None:
    async with (
        another_hub(settings) as hub,
        running_gateway(hub) as gateway,
        events(gateway, token(hub, project_id)) as stream,
    ):
        stream.model.receive((await stream.receive())[1])
        connection = next(iter(gateway.board.connections.values()))
        published = 0
        while not connection.congested:
            await asyncio.gather(*(publish(hub, project_id, body="x" * 3_500) for _ in range(20)))
            published += 20
            assert published < 5_000
        while stream.model.rev < published:
            stream.model.receive((await stream.receive())[1])
        assert stream.model.gaps == 0
        assert len(stream.model.items) == published


async def test_a_client_that_goes_away_is_forgotten(hub: Hub, project_id: int, gateway: RunningGateway) -> None:
    async with events(gateway, await issue(hub, project_id)) as stream:
        await stream.receive_type("welcome")
        assert len(gateway.board.connections) == 1
    await until(lambda: not gateway.board.connections)
    assert not gateway.board.rooms


async def test_an_announcement_does_not_overtake_what_waits_of_a_comment(
    hub: Hub, project_id: int, gateway: RunningGateway
) -> None:
    """Comments and pages go through the server, announcements past it as long as nothing of the server's waits."""
    text = await issue(hub, project_id)
    with socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * 1024)
        peer.settimeout(0)
        await asyncio.get_running_loop().sock_connect(peer, ("127.0.0.1", gateway.port))
        peer.send(b"GET /v1/inbox/events HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer %b\r\n\r\n" % text.encode())
        await until(lambda: len(gateway.board.connections) == 1)
        (stream,) = gateway.board.connections.values()
        await until(lambda: stream.session.state.name == "LIVE")
        transport = stream._transport
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 * 1024)
        while not transport.get_write_buffer_size():
            stream.write(Message(b'{"type":"ping","filler":"%b"}' % (b"." * 3_000)))  # straight to the kernel
            stream._put(b": waits\n\n")
        received = bytearray()
        while not select([], [transport.get_extra_info("socket").fileno()], [], 0)[1]:  # until there is room again
            if select([peer], [], [], 0.05)[0]:
                received += peer.recv(65536)
        stream.write(Message(b'{"type":"pong"}'))
        while b"event: pong" not in received:
            received += await asyncio.get_running_loop().sock_recv(peer, 65536)
    assert received.count(b": waits") == received.count(b"event: ping")


async def test_nothing_is_written_once_the_connection_is_lost(
    hub: Hub, project_id: int, gateway: RunningGateway
) -> None:
    """The number of its socket is the next client's."""
    async with events(gateway, await issue(hub, project_id)) as client_side:
        await client_side.receive_type("welcome")
        await publish(hub, project_id)
        await client_side.receive_type("item")
        (stream,) = gateway.board.connections.values()
        assert stream._descriptor >= 0
        stream._transport.abort()
        await asyncio.sleep(0)  # one turn: the stream's own task hears of it a turn later
        assert stream._exchange.disconnected
        assert stream._descriptor < 0
