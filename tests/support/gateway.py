"""A gateway on a port of its own, and clients for it: the `websockets` package, raw sockets, server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import aiohttp
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from yarl import URL

from gateway.server import GatewayApp, create_gateway
from hub.config import Settings
from hub.model.times import truncate
from hub.publish.accept import accept
from hub.publish.jobs import run_chunk
from hub.publish.publisher import PublishUnit
from hub.runtime import Hub, open_hub
from hub.security import Authority
from hub.security.tokens import sign
from hub.store import jobs
from hub.store.idempotency import Answer
from hub.web.asgi import ASGIApp
from tests.support.asgi_server import listening
from tests.support.client_model import ClientModel

SECONDS = 15.0  # for anything that is awaited; a gateway answers within milliseconds


class RunningGateway:
    """One gateway role that listens. Several may share a hub, and one event loop."""

    def __init__(self, app: GatewayApp, port: int, server: uvicorn.Server) -> None:
        self.app = app
        self.server = server
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.ws_url = f"ws://127.0.0.1:{port}/v1/inbox/ws"

    @property
    def board(self) -> Any:
        return self.app.board


@contextlib.asynccontextmanager
async def running_gateway(
    hub: Hub, *, around: Callable[[ASGIApp], ASGIApp] | None = None
) -> AsyncIterator[RunningGateway]:
    """Serves until the block ends; without draining."""
    app = create_gateway(hub)
    served: ASGIApp = app if around is None else around(app)
    trusted = hub.settings.trusted_proxies
    async with listening(served, ws=app.ws_protocol, forwarded_allow_ips=trusted, timeout_graceful_shutdown=2) as (
        port,
        server,
    ):
        try:
            await app.startup()
            yield RunningGateway(app, port, server)
        finally:
            await app.close()
            await app.close()


@contextlib.asynccontextmanager
async def another_hub(settings: Settings, **changes: Any) -> AsyncIterator[Hub]:
    """A runtime of its own on the same servers, as a second process has it."""
    async with open_hub(settings.model_copy(update=changes), role="test") as hub:
        yield hub


async def until(condition: Callable[[], object], seconds: float = SECONDS) -> None:
    """Returns once the condition holds; it is asked every 10 ms."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def eventually(look: Callable[[], Awaitable[object]], expected: object, seconds: float = SECONDS) -> None:
    """Returns once `look` answers what is expected."""
    async with asyncio.timeout(seconds):
        while await look() != expected:
            await asyncio.sleep(0.02)


def token(hub: Hub, project_id: int, user: str = "ada", *, project: str = "default", **claims: Any) -> str:
    """A client token as the hub signs it, with any claim changed."""
    now = time.time()
    given = {"issued_at": now - 1, "expires_at": now + 600, "scopes": None, "tenant": None} | claims
    return sign(hub.settings.secret.get_secret_value(), project_id, project, user, **given)


async def issue(hub: Hub, project_id: int, user: str = "ada", **options: Any) -> str:
    """A client token as the tokens call issues it."""
    authority = Authority(hub.db, hub.settings)
    options.setdefault("expires_in_seconds", 600)
    return (await authority.issue_client_token(project_id, "default", user, **options))[0]


async def publish(hub: Hub, project_id: int, users: Iterable[Any] = ("ada",), **body: Any) -> None:
    """Publishes through the group commit, as the API does; durable when it returns."""
    request: dict[str, Any] = {"recipients": list(users), "title": "t", **body}
    accepted = accept(project_id, request, truncate(datetime.now(UTC)))
    await hub.publisher.publish(PublishUnit([accepted], Answer(202, b"{}")))


async def work(hub: Hub) -> None:
    """Does what a worker would: every job that is due."""
    while (job := await jobs.claim(hub.db)) is not None:
        await run_chunk(hub, job)


class Client:
    """A WebSocket client that keeps what it was told."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.model = ClientModel()
        self._reading: asyncio.Task[None] | None = None

    async def send(self, kind: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(SECONDS):
            frame: dict[str, Any] = json.loads(await self.socket.recv())
        return frame

    async def receive_type(self, kind: str) -> dict[str, Any]:
        """The next frame of that type; those before it are passed over."""
        while True:
            frame = await self.receive()
            if frame["type"] == kind:
                return frame

    async def hello(self, text: str, **fields: Any) -> dict[str, Any]:
        """Says hello; the welcome."""
        await self.send("hello", token=text, **fields)
        welcome = await self.receive()
        assert welcome["type"] == "welcome", welcome
        return welcome

    async def closed(self) -> tuple[int, str]:
        """The code and reason that the connection ends with; frames before it are passed over."""
        async with asyncio.timeout(SECONDS):
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await self.socket.recv()
        assert self.socket.close_code is not None
        return self.socket.close_code, self.socket.close_reason or ""

    def follow(self) -> None:
        """Applies frames to the model from now on, and answers as the contract's client does."""
        self._reading = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                for answer in self.model.receive(json.loads(await self.socket.recv())):
                    await self.socket.send(json.dumps(answer))

    async def stop(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})


@contextlib.asynccontextmanager
async def client(url: str, **options: Any) -> AsyncIterator[Client]:
    """A connected client; the `websockets` package and nothing of ours."""
    options.setdefault("subprotocols", ["hub.v1"])
    options.setdefault("ping_interval", None)
    async with connect(url, compression=None, close_timeout=1, **options) as connection:
        connected = Client(connection)
        try:
            yield connected
        finally:
            await connected.stop()


class RawSocket:
    """A WebSocket by hand, for what no library would send."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, port: int, **headers: str) -> RawSocket:
        """Connects and upgrades."""
        raw = await cls.open(port)
        response = await raw.request("/v1/inbox/ws", **headers)
        assert response.startswith("HTTP/1.1 101"), response
        return raw

    @classmethod
    async def open(cls, port: int) -> RawSocket:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def request(self, path: str, *, method: str = "GET", **headers: str) -> str:
        """Sends an upgrade, with any header changed or left out (""); the head of the answer."""
        sent = {
            "Host": "hub.test",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version": "13",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items() if value)]
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        async with asyncio.timeout(SECONDS):
            return (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")

    def send(self, payload: bytes, opcode: int = 1, *, first: int = 0x80, masked: bool = True) -> None:
        self.writer.write(client_frame(payload, opcode, first=first, masked=masked))

    async def read_frame(self) -> tuple[int, bytes]:
        """Opcode and payload of the next frame from the hub."""
        async with asyncio.timeout(SECONDS):
            head = await self.reader.readexactly(2)
            size = head[1]
            if size == 126:
                (size,) = struct.unpack("!H", await self.reader.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
            return head[0] & 0x0F, await self.reader.readexactly(size)

    async def close(self) -> None:
        """Drops the connection."""
        self.writer.transport.abort()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

    async def closed(self) -> tuple[int, str]:
        """Code and reason of the hub's close frame, after which the connection must end; passes over frames before."""
        while True:
            opcode, payload = await self.read_frame()
            if opcode == 8:
                return await self.finish(payload)

    async def finish(self, payload: bytes) -> tuple[int, str]:
        """Answers the hub's close frame."""
        (code,) = struct.unpack("!H", payload[:2])
        self.send(payload[:2], 8)
        async with asyncio.timeout(SECONDS):
            assert await self.reader.read() == b""
        await self.close()
        return code, payload[2:].decode()


def client_frame(payload: bytes, opcode: int = 1, *, first: int = 0x80, masked: bool = True) -> bytes:
    """A client's frame, spelled by hand."""
    size = len(payload)
    mask_bit = 0x80 if masked else 0
    if size < 126:
        header = struct.pack("!BB", first | opcode, mask_bit | size)
    elif size < 65536:
        header = struct.pack("!BBH", first | opcode, mask_bit | 126, size)
    else:
        header = struct.pack("!BBQ", first | opcode, mask_bit | 127, size)
    if not masked:
        return header + payload
    mask = b"\x37\xfa\x21\x3d"  # of RFC 6455, section 5.7: test ids must be the same in every process
    return header + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


class EventStream:
    """A stream of server-sent events, read by the rules of the HTML standard."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.model = ClientModel()
        self.last_id: str | None = None
        self.retry: int | None = None
        self.comments = 0

    async def receive(self) -> tuple[str, dict[str, Any]]:
        """Type and data of the next event."""
        kind, data = "message", list[str]()
        async with asyncio.timeout(SECONDS):
            async for raw in self.response.content:
                line = raw.decode().rstrip("\n")
                name, _, value = line.partition(": ")
                if not line and data:
                    return kind, json.loads("\n".join(data))
                if line.startswith(":"):
                    self.comments += 1
                elif name == "event":
                    kind = value
                elif name == "data":
                    data.append(value)
                elif name == "id":
                    self.last_id = value
                elif name == "retry":
                    self.retry = int(value)
        raise EOFError("the stream ended")

    async def receive_type(self, kind: str) -> dict[str, Any]:
        """Data of the next event of that type; those before it are passed over."""
        while True:
            found, data = await self.receive()
            if found == kind:
                return data

    async def ended(self) -> bool:
        """Whether nothing comes any more."""
        async with asyncio.timeout(SECONDS):
            return await self.response.content.read() == b""


@contextlib.asynccontextmanager
async def events(
    gateway: RunningGateway, text: str, headers: dict[str, str] | None = None, **query: str
) -> AsyncIterator[EventStream]:
    """An open stream, its token where EventSource would put it."""
    async with aiohttp.ClientSession() as session:
        url = f"{gateway.url}/v1/inbox/events"
        async with session.get(url, params={"token": text, **query}, headers=headers) as response:
            assert response.status == 200, await response.text()
            yield EventStream(response)


class Rest:
    """REST calls of one client."""

    def __init__(self, session: aiohttp.ClientSession, url: str, text: str) -> None:
        self._session = session
        self._url = url
        self._headers = {"Authorization": f"Bearer {text}"} if text else {}

    async def call(
        self, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, Any]:
        """Status, decoded body and headers."""
        options: dict[str, Any] = {"headers": {**self._headers, **(headers or {})}}
        if body is not None:
            options["json"] = body
        async with self._session.request(method, URL(self._url + path, encoded=True), **options) as response:
            raw = await response.read()
            is_json = "json" in response.headers.get("content-type", "")
            return response.status, json.loads(raw) if raw and is_json else raw, response.headers


@contextlib.asynccontextmanager
async def rest(gateway: RunningGateway, text: str = "") -> AsyncIterator[Rest]:
    async with aiohttp.ClientSession() as session:
        yield Rest(session, gateway.url, text)
