"""benchmarks.websocket, .publisher and .ledger against a scripted hub: figures of a client that miscounts are void."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from websockets.asyncio.server import ServerConnection, serve

from benchmarks.crowd import Seat, crowd
from benchmarks.ledger import Delivery, Ledger
from benchmarks.publisher import Answer, OnAnswer, PublishError, connect, pace, pump, request
from benchmarks.websocket import Socket, SocketError, client_frame, upgrade_request


class ScriptedHub:
    """Speaks just enough of the contract: hello → welcome; a POST → 202 and an item to everyone."""

    def __init__(self) -> None:
        self.clients: list[ServerConnection] = []
        self.received: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        self.rev = 0
        self.times = 1  # how often each item is sent: 0 loses, 2 doubles
        self.status = 202
        self.ws_port = self.http_port = 0

    def item(self, notification: str, padding: int = 0) -> str:
        self.rev += 1
        return json.dumps(
            {"type": "item", "rev": self.rev, "item": {"notification_id": notification, "body": "x" * padding}},
            separators=(",", ":"),
        )

    async def client(self, connection: ServerConnection) -> None:
        hello = json.loads(await connection.recv())
        if hello["token"] == "bad":
            await connection.close(4500, "token refused")
            return
        await connection.send('{"type":"welcome","rev":0,"cursor":"c0","items":[]}')
        self.clients.append(connection)
        async for message in connection:
            await self.received.put(json.loads(message))

    async def backend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                await reader.readexactly(length)
                notification = str(uuid4())
                frame = self.item(notification)
                for _ in range(self.times):
                    for client in self.clients:
                        await client.send(frame)
                body = json.dumps({"id": notification}).encode()
                writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (self.status, len(body)) + body)
        except asyncio.IncompleteReadError:
            writer.close()


@asynccontextmanager
async def scripted_hub() -> AsyncIterator[ScriptedHub]:
    hub = ScriptedHub()
    async with (
        serve(hub.client, "127.0.0.1", 0, subprotocols=["hub.v1"], compression=None) as sockets,  # type: ignore[list-item]
        await asyncio.start_server(hub.backend, "127.0.0.1", 0) as http,
    ):
        hub.ws_port = sockets.sockets[0].getsockname()[1]
        hub.http_port = http.sockets[0].getsockname()[1]
        yield hub


async def open_socket(hub: ScriptedHub, ledger: Ledger, index: int = 0, token: str = "t", ack: float = 0) -> Socket:
    hello = client_frame(json.dumps({"type": "hello", "token": token}).encode())
    _, socket = await asyncio.get_running_loop().create_connection(
        lambda: Socket(index, upgrade_request("127.0.0.1", hub.ws_port), hello, ledger.arrived, ack),
        "127.0.0.1",
        hub.ws_port,
    )
    return socket


def publishes(hub: ScriptedHub, ledger: Ledger, users: list[str], count: int) -> Iterator[tuple[bytes, OnAnswer]]:
    data = request("POST", "/v1/notifications", "127.0.0.1", hub.http_port, "hk", b"{}")

    def answered(answer: Answer) -> None:
        if answer.status != 202:
            raise PublishError(str(answer))
        ledger.accept(json.loads(answer.body)["id"], users)

    return ((data, answered) for _ in range(count))


async def test_every_delivery_of_a_pump_is_reconciled() -> None:
    async with scripted_hub() as hub:
        ledger = Ledger()
        sockets = [await open_socket(hub, ledger, index) for index in range(3)]
        assert (await sockets[0].live()).cursor == "c0"
        for socket in sockets[1:]:
            await socket.live()
        connections = await connect("127.0.0.1", hub.http_port, 1)
        assert await pump(connections, publishes(hub, ledger, ["u"], 20), seconds=10) == 20
        assert await ledger.reach(60, seconds=5)
        outcome = ledger.reconcile({"u": [0, 1, 2]})
        assert outcome.good, outcome
        assert (outcome.expected, outcome.delivered) == (60, 60)
        for socket in sockets:
            socket.close()
        for connection in connections:
            connection.close()


@pytest.mark.parametrize(("times", "field"), [(0, "missing"), (2, "doubled")])
async def test_lost_and_doubled_deliveries_are_named(times: int, field: str) -> None:
    async with scripted_hub() as hub:
        ledger = Ledger()
        socket = await open_socket(hub, ledger)
        await socket.live()
        hub.times = times
        [connection] = await connect("127.0.0.1", hub.http_port, 1)
        await pump([connection], publishes(hub, ledger, ["u"], 1), seconds=10)
        assert await ledger.reach(times, seconds=5)
        outcome = ledger.reconcile({"u": [0]})
        assert not outcome.good
        assert len(getattr(outcome, field)) == 1
        assert f"1 {field}" in str(outcome)
        socket.close()
        connection.close()


async def test_what_nobody_published_and_revs_that_jump_are_not_good() -> None:
    ledger = Ledger()
    for rev, notification in ((1, "a"), (3, "b")):
        ledger.arrived(0, 0, b'{"type":"item","rev":%d,"item":{"notification_id":"%s"}}' % (rev, notification.encode()))
    ledger.accept("a", ["u"])
    outcome = ledger.reconcile({"u": [0]})
    assert (outcome.strange, outcome.gaps, outcome.good) == ([Delivery(0, "b")], 1, False)


async def test_items_of_a_changes_frame_are_deliveries() -> None:
    ledger = Ledger()
    ledger.arrived(
        0, 0, b'{"type":"changes","since":0,"rev":2,"items":[{"notification_id":"a"},{"notification_id":"b"}]}'
    )
    ledger.accept("a", ["u"])
    ledger.accept("b", ["u"])
    assert ledger.reconcile({"u": [0]}).good


async def test_reach_gives_up_when_frames_do_not_come() -> None:
    assert not await Ledger().reach(1, seconds=0.01)


async def test_frames_of_any_size_survive_any_split() -> None:
    got: list[bytes] = []
    stream = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
    payloads = [
        b'{"type":"item","rev":%d,"pad":"%s"}' % (n, b"x" * size) for n, size in enumerate((5, 120, 300, 70_000))
    ]
    for payload in payloads:
        size = len(payload)
        head = bytes((size,)) if size < 126 else b"\x7e" + size.to_bytes(2, "big") if size < 65536 else b""
        stream += b"\x81" + (head or b"\x7f" + size.to_bytes(8, "big")) + payload
    for step in (1, 7, 1000, len(stream)):
        got.clear()
        socket = Socket(0, b"", b"", lambda _index, _at, payload: got.append(payload))
        for start in range(0, len(stream), step):
            socket.data_received(stream[start : start + step])
        assert got == payloads
        assert (await socket.live()).seconds >= 0


async def test_pings_are_answered_and_arrivals_acknowledged_once() -> None:
    async with scripted_hub() as hub:
        ledger = Ledger()
        socket = await open_socket(hub, ledger, ack=0.01)
        await socket.live()
        await hub.clients[0].send('{"type":"ping"}')
        await hub.clients[0].send(hub.item("a"))
        await hub.clients[0].send(hub.item("b"))
        async with asyncio.timeout(20):
            assert [await hub.received.get(), await hub.received.get()] == [{"type": "pong"}, {"type": "ack", "rev": 2}]
            pong = await hub.clients[0].ping()  # the protocol's own ping too
            await pong
        socket.close()


async def test_a_refused_socket_says_why() -> None:
    async with scripted_hub() as hub:
        socket = await open_socket(hub, Ledger(), token="bad")
        with pytest.raises(SocketError, match="4500 token refused"):
            await socket.live()


async def test_a_refused_handshake_says_why() -> None:
    async with scripted_hub() as hub:
        ledger = Ledger()
        _, socket = await asyncio.get_running_loop().create_connection(
            lambda: Socket(0, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", b"", ledger.arrived), "127.0.0.1", hub.ws_port
        )
        with pytest.raises(SocketError, match="426"):
            await socket.live()


async def test_a_refused_publish_ends_the_pump() -> None:
    async with scripted_hub() as hub:
        hub.status = 503
        connections = await connect("127.0.0.1", hub.http_port, 2)
        with pytest.raises(PublishError, match="503"):
            await pump(connections, publishes(hub, Ledger(), ["u"], 10), seconds=10)
        for connection in connections:
            connection.close()


async def test_pace_keeps_its_rate_and_tells_when_requests_left() -> None:
    async with scripted_hub() as hub:
        connections = await connect("127.0.0.1", hub.http_port, 20)  # one each: a slow machine is no busy hub
        data = request("POST", "/v1/notifications", "127.0.0.1", hub.http_port, "hk", b"{}")
        moments: list[int] = []
        paced = await pace(
            connections, ((data, lambda at, _answer: moments.append(at)) for _ in range(20)), per_second=200
        )
        assert len(moments) == len(paced.lateness) == 20
        assert (max(moments) - min(moments)) / 1e9 > 0.09  # 19 intervals of 5 ms, or longer
        for connection in connections:
            connection.close()


async def test_a_connection_that_breaks_answers_with_status_0() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        [connection] = await connect("127.0.0.1", port, 1)
        assert (await connection.ask(b"GET / HTTP/1.1\r\n\r\n")).status == 0
        with pytest.raises(PublishError, match="closed"):
            connection.send(b"", lambda _answer: None)


async def test_a_crowd_sits_in_order_and_leaves_together() -> None:
    async with scripted_hub() as hub:
        ledger = Ledger()
        seats = [Seat(f"token-{number}", "c9" if number else None) for number in range(10)]
        async with crowd("127.0.0.1", hub.ws_port, seats, ledger.arrived, in_flight=3) as people:
            assert len(people.sockets) == len(people.welcomes) == len(hub.clients) == 10
            assert [socket.index for socket in people.sockets] == list(range(10))
            assert people.closed() == []
            await hub.clients[0].send(hub.item("a"))
            assert await ledger.reach(1, seconds=5)
        async with asyncio.timeout(20):
            for client in hub.clients:
                await client.wait_closed()


async def test_a_crowd_with_one_who_is_refused_does_not_sit_at_all() -> None:
    async with scripted_hub() as hub:
        with pytest.raises(ExceptionGroup) as caught:
            async with crowd("127.0.0.1", hub.ws_port, [Seat("t"), Seat("bad")], Ledger().arrived, in_flight=1):
                pytest.fail("it sat down")
        assert caught.group_contains(SocketError, match="4500")
