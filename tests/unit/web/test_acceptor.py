"""Accepting in turns, on a real listener."""

from __future__ import annotations

import asyncio
import socket
from typing import cast

import pytest

from hub.web.acceptor import AT_ONCE, Acceptor


class Greeter(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(b"hello")
        transport.close()


def _connected(address: tuple[str, int], count: int) -> list[socket.socket]:
    return [socket.create_connection(address, timeout=10) for _ in range(count)]


async def _greeting(connection: socket.socket) -> bytes:
    connection.settimeout(0)
    with connection:
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(connection, 100), 10)


async def test_everybody_is_accepted_in_turns() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        waiting = _connected(listener.getsockname(), 3 * AT_ONCE)
        acceptor = Acceptor(listener, Greeter, lambda: False)
        assert [await _greeting(connection) for connection in waiting] == [b"hello"] * len(waiting)
        acceptor.close()
        acceptor.close()
        await acceptor.wait_closed()


async def test_who_comes_while_it_is_busy_waits_here_and_not_in_a_full_listener() -> None:
    busy = True
    with socket.create_server(("127.0.0.1", 0), backlog=4) as listener:
        acceptor = Acceptor(listener, Greeter, lambda: busy)
        waiting = await asyncio.to_thread(_connected, listener.getsockname(), 200)
        assert not acceptor._opening
        busy = False
        assert [await _greeting(connection) for connection in waiting] == [b"hello"] * len(waiting)
        acceptor.close()


async def test_who_waits_when_it_is_closed_is_cut_off_and_who_comes_then_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        acceptor = Acceptor(listener, Greeter, lambda: True)
        address = listener.getsockname()
        [waiting] = await asyncio.to_thread(_connected, address, 1)
        while not acceptor._waiting:
            await asyncio.sleep(0)
        acceptor.close()
        with waiting:
            assert waiting.recv(100) == b""
        with pytest.raises(ConnectionRefusedError):
            _connected(address, 1)


async def test_with_few_descriptors_left_they_are_let_in_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.web.acceptor.SPARE_FILES", 0)
    monkeypatch.setattr("resource.getrlimit", lambda _: (0, 0))
    busy = True
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        acceptor = Acceptor(listener, Greeter, lambda: busy)
        waiting = await asyncio.to_thread(_connected, listener.getsockname(), 5)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(acceptor._waiting) == 1
        busy = False
        assert [await _greeting(connection) for connection in waiting] == [b"hello"] * len(waiting)
        acceptor.close()
