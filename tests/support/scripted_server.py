"""An HTTP provider that a test scripts: a real socket, and whatever may come over one."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from socket import SO_LINGER, SOL_SOCKET
from typing import NamedTuple

from tests.support.ports import free_port

DRIP_SECONDS = 0.05  # between two bytes


class Request(NamedTuple):
    """What a client has handed over. Names of headers are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Answer(NamedTuple):
    """What comes back: a status, or one of the ways in which none does.

    Attributes:
        how: `whole`; `drip`: without an end, a byte at a time; `reset`: cut in the middle; `silent`: none, although the
            request was read.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b"{}"
    how: str = "whole"


class ScriptedServer:
    """Answers every request with `answer`, or with what `answers` has first."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.answer = Answer()
        self.answers: list[Answer] = []
        self.requests: list[Request] = []
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listens; does nothing when it does."""
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def stop(self) -> None:
        """Nobody listens any more, and every connection is cut."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._serve(reader, writer):
                    pass
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; whether the connection may have another."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip().split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.requests.append(Request(method, path, headers, body))
        answer = self.answers.pop(0) if self.answers else self.answer
        if answer.how == "silent":
            await asyncio.Event().wait()
        fields = "".join(f"{name}: {value}\r\n" for name, value in answer.headers)
        text = f"HTTP/1.1 {answer.status} Scripted\r\n{fields}Content-Length: {len(answer.body)}\r\n\r\n"
        if answer.how == "reset":
            writer.write(text.encode("latin-1")[:12])
            await writer.drain()
            writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
            return False
        if answer.how == "drip":
            writer.write(b"HTTP/1.1 200 Scripted\r\nX-Drip: ")
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(DRIP_SECONDS)
        writer.write(text.encode("latin-1") + answer.body)
        await writer.drain()
        return True


@contextlib.asynccontextmanager
async def scripted_server() -> AsyncIterator[ScriptedServer]:
    """One on a port of its own, listening."""
    server = ScriptedServer(free_port())
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
