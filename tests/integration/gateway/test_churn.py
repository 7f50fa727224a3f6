"""Thousands come and go: what is kept of them."""

from __future__ import annotations

import asyncio
import json

import pytest
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from gateway.connection import Connection
from gateway.room import Room
from gateway.session import Session
from gateway.switchboard import Switchboard
from hub.runtime import Hub
from hub.web.http import HttpProtocol
from tests.support.garbage import left_in_cycles
from tests.support.gateway import RawSocket, RunningGateway, client, events, publish, rest, token, until
from tests.support.redis_server import redis_of


def _kept(gateway: RunningGateway) -> dict[str, int]:
    board = gateway.board
    return {
        "connections": len(board.connections),
        "rooms": len(board.rooms),
        "addresses": len(board._addresses),
        "projects": len(board._projects),
        "channels": len(board.subscriber._wanted) - 1,  # the control channel stays
        "waiters": len(board.subscriber._waiters),
        "present": sum(len(part._people) for part in board.presence._parts.values()),
        "unwritten": sum(len(part._changed) for part in board.presence._parts.values()),
        "deadlines": sum(len(slot) for slot in board.wheel._slots.values()),
    }


async def test_nothing_is_kept_of_who_left(hub: Hub, project_id: int, gateway: RunningGateway) -> None:
    """Dropped at every moment between the upgrade and the welcome, in parallel, some of them one person's."""

    async def come_and_go(n: int) -> None:
        raw = await RawSocket.connect(gateway.port)
        raw.send(json.dumps({"type": "hello", "token": token(hub, project_id, f"u{n % 40}")}).encode())
        for _ in range(n % 12):
            await asyncio.sleep(0)
        if n % 5 == 0:
            await raw.read_frame()
        await raw.close()

    for start in range(0, 300, 50):
        await asyncio.gather(*(come_and_go(n) for n in range(start, start + 50)))
    await until(lambda: not any(_kept(gateway).values()))
    keys = [key async for key in redis_of(hub).scan_iter(f"hub:{hub.installation}:present:*")]
    assert keys == []


async def test_who_left_leaves_no_cycles(hub: Hub, project_id: int, gateway: RunningGateway) -> None:
    """Connections are left out of collections (gateway.heap): what closes must be freed without one."""
    text = token(hub, project_id)

    async def come_and_go() -> None:
        async with client(gateway.ws_url) as ada, events(gateway, text) as stream, rest(gateway, text) as api:
            await ada.hello(text)
            await stream.receive_type("welcome")
            await publish(hub, project_id)
            await stream.receive_type("item")
            assert (await api.call("GET", "/v1/inbox"))[0] == 200
        await until(lambda: not gateway.board.connections and not gateway.server.server_state.connections)

    left = await left_in_cycles(come_and_go)
    ours = (Connection, Session, Room, HttpProtocol, RequestResponseCycle)
    assert [kind for kind in left if issubclass(kind, ours)] == []


async def test_who_leaves_while_the_channel_is_asked_for_leaves_no_subscription(
    hub: Hub, project_id: int, gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    join = Switchboard.join

    def join_and_go(board: Switchboard, connection: Connection) -> None:
        join(board, connection)
        asyncio.get_running_loop().call_soon(board.gone, connection)

    monkeypatch.setattr(Switchboard, "join", join_and_go)
    async with client(gateway.ws_url) as ada:
        await ada.send("hello", token=token(hub, project_id))
        await until(lambda: gateway.board._made and not gateway.board.connections)
    monkeypatch.undo()
    async with client(gateway.ws_url) as bob:
        await bob.hello(token(hub, project_id, "bob"))
    await until(lambda: not any(_kept(gateway).values()))
