"""People with several open screens each, which are to end up with exactly what the store has."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from hub.runtime import Hub
from hub.store.inbox import InboxQuery, open_inbox, read_page
from tests.support.client_model import ClientModel
from tests.support.gateway import Client, EventStream, RunningGateway, client, events, issue, publish, until

USERS = ("ada", "bob", "cyd")


class Crowd:
    """Two sockets and a stream for each of several people, all following."""

    def __init__(self, users: Sequence[str]) -> None:
        self.users = users
        self.models: dict[str, list[ClientModel]] = {user: [] for user in users}
        self.sockets: list[Client] = []
        self.tasks: list[asyncio.Task[None]] = []

    @property
    def reconnected(self) -> bool:
        return any(task.done() for task in self.tasks) or any(s.socket.close_code is not None for s in self.sockets)


@asynccontextmanager
async def crowd(
    hub: Hub, project_id: int, gateway: RunningGateway, users: Sequence[str] = USERS
) -> AsyncIterator[Crowd]:
    """Connects everybody."""
    people = Crowd(users)
    async with AsyncExitStack() as stack:
        for user in users:
            text = await issue(hub, project_id, user)
            for _ in range(2):
                socket = await stack.enter_async_context(client(gateway.ws_url))
                socket.model.receive(await socket.hello(text))
                socket.follow()
                people.models[user].append(socket.model)
                people.sockets.append(socket)
            stream = await stack.enter_async_context(events(gateway, text))
            stream.model.receive(await stream.receive_type("welcome"))
            people.models[user].append(stream.model)
            people.tasks.append(asyncio.create_task(_follow(stream)))
        try:
            yield people
        finally:
            for task in people.tasks:
                task.cancel()
            await asyncio.gather(*people.tasks, return_exceptions=True)


async def _follow(stream: EventStream) -> None:
    while True:
        assert not stream.model.receive((await stream.receive())[1])


async def _inboxes(
    hub: Hub, project_id: int, users: Iterable[str]
) -> dict[str, tuple[int, dict[str, Any], dict[str, int]]]:
    """What the store has for everybody."""
    found = {}
    for user in users:
        head = await open_inbox(hub.db, project_id, user)
        page = await read_page(hub.db, head.person_id, InboxQuery(limit=1000))
        assert page is not None
        items = {item["id"]: item for item in map(json.loads, page.items)}
        found[user] = (page.head.rev, items, page.head.counts._asdict())
    return found


async def converged(hub: Hub, project_id: int, people: Crowd) -> None:
    """Returns once every client holds what the store has, without having reconnected or reloaded."""
    expected = await _inboxes(hub, project_id, people.users)

    def same() -> bool:
        return all(
            (model.rev, model.items, model.counts) == expected[user]
            for user, models in people.models.items()
            for model in models
        )

    await until(same, 30)
    assert not people.reconnected
    assert all(model.reloads == 0 for models in people.models.values() for model in models)


async def publish_some(hub: Hub, project_id: int, count: int = 20) -> None:
    """To all of USERS, one after the other."""
    for n in range(count):
        await publish(hub, project_id, USERS, title=f"{n}")
