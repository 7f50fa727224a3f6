"""Clients on real sockets, written from contract.md alone: they reconnect for ever, to any gateway."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import aiohttp
import websockets

from tests.support.client_model import ClientModel

STOP_FROM = 4500  # close codes from here on say: do not come back
BACKOFF_SECONDS = 1.0  # a tenth of what the contract allows at most: tests are short


class LiveClient(ABC):
    """One screen of one person. Its state is in `model`; what stopped it for good, in `stopped`."""

    def __init__(self, user: str, token: str, gateways: Sequence[str], state: str = "active") -> None:
        self.user = user
        self.gateways = gateways  # each connection takes one of them
        self._state = state
        self.model = ClientModel()
        self.connects = 0
        self.welcomes = 0
        self.stopped: str | None = None
        self.changed = asyncio.Event()
        self._token = token
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        while self.stopped is None:
            with contextlib.suppress(OSError, aiohttp.ClientError, websockets.WebSocketException, TimeoutError):
                await self._connect(random.choice(self.gateways))
            await asyncio.sleep(random.uniform(0, BACKOFF_SECONDS))

    @abstractmethod
    async def _connect(self, gateway: str) -> None:
        """One connection, until it ends."""

    def take(self, frame: dict[str, Any]) -> list[dict[str, Any]]:
        if frame["type"] == "welcome" and "items" in frame:
            self.welcomes += 1
        answers = self.model.receive(frame)
        self.changed.set()
        return answers


class WebSocketClient(LiveClient):
    """Over WebSocket."""

    _socket: websockets.ClientConnection | None = None

    async def read_all(self) -> None:
        """The person reads everything."""
        assert self._socket is not None
        await self._socket.send(json.dumps({"type": "mark", "ref": 1, "action": "read", "all": True}))

    async def _connect(self, gateway: str) -> None:
        url = gateway.replace("http", "ws", 1) + "/v1/inbox/ws"
        async with websockets.connect(
            url,
            subprotocols=[websockets.Subprotocol("hub.v1")],
            open_timeout=5,
            close_timeout=0.2,
            ping_interval=None,
            max_size=None,
            compression=None,
        ) as socket:
            self.connects += 1
            hello: dict[str, Any] = {"type": "hello", "token": self._token, "state": self._state}
            if self.model.cursor:
                hello["cursor"] = self.model.cursor
            await socket.send(json.dumps(hello))
            self._socket = socket
            try:
                while True:
                    # A client that hears nothing for heartbeat_seconds + 10 reconnects.
                    data = await asyncio.wait_for(socket.recv(), 35)
                    for answer in self.take(json.loads(data)):
                        await socket.send(json.dumps(answer))
            except websockets.ConnectionClosed as closed:
                if closed.rcvd is not None and STOP_FROM <= closed.rcvd.code < 5000:
                    self.stopped = f"{closed.rcvd.code} {closed.rcvd.reason}"


class EventStreamClient(LiveClient):
    """Over server-sent events. It has no frame for `sync`: on a gap it opens the stream again with its cursor."""

    async def _connect(self, gateway: str) -> None:
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "text/event-stream"}
        if self.model.cursor:
            headers["Last-Event-ID"] = self.model.cursor
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=35)
        async with (
            aiohttp.ClientSession(timeout=timeout, read_bufsize=2**20) as session,
            session.get(f"{gateway}/v1/inbox/events", headers=headers) as stream,
        ):
            if stream.status in (401, 403):
                self.stopped = f"{stream.status} {await stream.text()}"
            if stream.status != 200:
                return
            self.connects += 1
            event = ""
            async for raw in stream.content:
                line = raw.decode("utf-8").rstrip("\n")
                if line.startswith("event: "):
                    event = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    data = json.loads(line.removeprefix("data: "))
                    if event == "close":
                        return
                    if self.take(data):
                        return
