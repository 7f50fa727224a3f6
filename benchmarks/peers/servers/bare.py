"""The least that Python can do: an asyncio protocol on uvloop that writes what hiredis parsed. No server to use.

    python bare.py PORT REDIS_URL

It knows nobody, numbers nothing, reads nothing that its clients say and keeps no limit: what it takes is the floor of
everything that is written in Python on this machine, most of it the kernel's sending.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import sys
from collections import defaultdict
from typing import Any, cast
from urllib.parse import urlsplit

import hiredis
import uvloop

PORT, REDIS_URL = int(sys.argv[1]), sys.argv[2]
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
WELCOME = b'{"type":"welcome","rev":0,"cursor":null}'

sockets: dict[bytes, set[asyncio.Transport]] = defaultdict(set)
heard: set[bytes] = set()  # channels of which Redis has said that they are subscribed to


def frame(payload: bytes) -> bytes:
    """An unmasked text frame (RFC 6455, section 5.2)."""
    size = len(payload)
    return (b"\x81" + bytes((size,)) if size < 126 else b"\x81\x7e" + size.to_bytes(2, "big")) + payload


class Bus(asyncio.Protocol):
    """The one connection to Redis."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.reader = hiredis.Reader()

    def data_received(self, data: bytes) -> None:
        self.reader.feed(data)
        while (reply := self.reader.gets()) is not False:
            if reply[0] == b"message":
                sent = frame(reply[2])
                for transport in sockets[reply[1]]:
                    transport.write(sent)
            elif reply[0] == b"subscribe":
                heard.add(reply[1])
                for transport in sockets[reply[1]]:
                    transport.write(frame(WELCOME))


class Client(asyncio.Protocol):
    """One WebSocket: GET /sub?id=CHANNEL."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.channel = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self.channel:
            return
        head = data.split(b"\r\n\r\n")[0].split(b"\r\n")
        self.channel = head[0].split()[1].partition(b"id=")[2]
        key = next(line for line in head if line.lower().startswith(b"sec-websocket-key:")).split(b":", 1)[1].strip()
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        self.transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        if not sockets[self.channel]:
            self.bus.transport.write(b"*2\r\n$9\r\nSUBSCRIBE\r\n$%d\r\n%b\r\n" % (len(self.channel), self.channel))
        sockets[self.channel].add(self.transport)
        if self.channel in heard:
            self.transport.write(frame(WELCOME))

    def connection_lost(self, exc: Exception | None) -> None:
        sockets[self.channel].discard(self.transport)


async def main() -> None:
    loop = asyncio.get_running_loop()
    parts = urlsplit(REDIS_URL)
    bus: Any
    _, bus = await loop.create_connection(Bus, parts.hostname or "127.0.0.1", parts.port or 6379)
    if parts.password:
        bus.transport.write(b"*2\r\n$4\r\nAUTH\r\n$%d\r\n%b\r\n" % (len(parts.password), parts.password.encode()))
    server = await loop.create_server(lambda: Client(bus), "127.0.0.1", PORT, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
