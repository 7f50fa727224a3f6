"""Servers of a few lines, as their documentation suggests them: each socket names its channel, Valkey brings messages.

Their code is in `servers/`.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.fleet import HOST, Fleet
from benchmarks.peers.clients import SOCKET_IO_CONNECT, SocketIo
from benchmarks.peers.hub import redis_publisher
from benchmarks.peers.peer import Peer, PeerMissing, frame, started
from benchmarks.peers.publishers import Publisher, publish_command
from benchmarks.websocket import OnItems, Socket, client_frame, upgrade_request
from hub.local.process import free_port

HERE = Path(__file__).resolve().parent
SERVERS = HERE / "servers"
_HELLO = client_frame(b'{"type":"hello"}')


class ChannelPeer(Peer):
    """Sockets on /sub?id=CHANNEL, which hear `welcome` when Valkey was told; messages of the channel of that name."""

    def __init__(self, fleet: Fleet, pid: int, port: int) -> None:
        super().__init__(pid, port)
        self._fleet = fleet

    def client(self, index: int, channel: str, on_items: OnItems) -> Socket:
        return Socket(index, upgrade_request(HOST, self.port, f"/sub?id={channel}", None), _HELLO, on_items)

    def message(self, channel: str, number: int) -> bytes:
        return publish_command(channel.encode(), frame(number))

    async def publisher(self) -> Publisher:
        return await redis_publisher(self._fleet)


class SocketIoPeer(ChannelPeer):
    def client(self, index: int, channel: str, on_items: OnItems) -> Socket:
        path = f"/socket.io/?EIO=4&transport=websocket&id={channel}"
        return SocketIo(index, upgrade_request(HOST, self.port, path, None), SOCKET_IO_CONNECT, on_items)


@asynccontextmanager
async def starlette(fleet: Fleet) -> AsyncIterator[Peer]:
    """Starlette and redis-py under uvicorn, as a tutorial has them."""
    async with _python(fleet, "starlette_app") as peer:
        yield peer


@asynccontextmanager
async def bare(fleet: Fleet) -> AsyncIterator[Peer]:
    """No server that anybody could use: the floor of what is written in Python."""
    async with _python(fleet, "bare") as peer:
        yield peer


@asynccontextmanager
async def _python(fleet: Fleet, name: str) -> AsyncIterator[Peer]:
    port = free_port()
    command = [sys.executable, str(SERVERS / f"{name}.py"), str(port), fleet.environment["HUB_REDIS_URL"]]
    async with started(command, port) as process:
        yield ChannelPeer(fleet, process.pid, port)


@asynccontextmanager
async def node_ws(fleet: Fleet) -> AsyncIterator[Peer]:
    async with _node(fleet, "ws") as (pid, port):
        yield ChannelPeer(fleet, pid, port)


@asynccontextmanager
async def socket_io(fleet: Fleet) -> AsyncIterator[Peer]:
    async with _node(fleet, "socket.io") as (pid, port):
        yield SocketIoPeer(fleet, pid, port)


@asynccontextmanager
async def _node(fleet: Fleet, package: str) -> AsyncIterator[tuple[int, int]]:
    """`servers/PACKAGE.cjs`.

    Raises:
        PeerMissing: Node.js or a package is not installed.
    """
    node = shutil.which("node")
    if node is None:
        raise PeerMissing("install Node.js")
    if not await asyncio.to_thread(_has, node, package):
        raise PeerMissing(f"npm install --no-save --prefix {HERE} {package} redis")
    port = free_port()
    command = [node, str(SERVERS / f"{package}.cjs"), str(port), fleet.environment["HUB_REDIS_URL"]]
    async with started(command, port) as process:
        yield process.pid, port


def _has(node: str, package: str) -> bool:
    found = [node, "-e", f"require('{package}'); require('redis')"]
    return subprocess.run(found, cwd=SERVERS, capture_output=True).returncode == 0
