"""From commit to Redis: in order, never lost, whatever is away; and nothing waits for a Redis that hangs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import UUID

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from hub.bus import announce
from hub.publish import announcing
from hub.publish.reannounce import reannounce
from hub.publish.writer import Announcements
from hub.runtime import Hub
from tests.support.publishing import inbox, publish
from tests.support.redis_server import redis_of


@asynccontextmanager
async def listening(hub: Hub, project_id: int, user: str) -> AsyncIterator[Any]:
    """Yields a function that waits for the next announcement of a user."""
    async with redis_of(hub).pubsub() as pubsub:
        await pubsub.subscribe(announce.channel(hub.installation, project_id, user))

        async def following() -> announce.Announcement:
            async with asyncio.timeout(20):
                while True:
                    message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=1)
                    if message is not None:
                        found = announce.unpack(message["data"])
                        assert found is not None
                        return found

        await pubsub.get_message(timeout=1)
        yield following


async def rows(hub: Hub) -> int:
    return len(await hub.db.fetch("SELECT 1 FROM outbox"))


async def make_overdue(hub: Hub) -> None:
    await hub.db.execute("UPDATE outbox SET created_at = now() - interval '3 seconds'")


class Refusing:
    """A Redis that is away: every PUBLISH fails."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.tried = asyncio.Event()

    async def publish(self, _: Sequence[tuple[str, bytes]]) -> None:
        self.tried.set()
        raise self.error


async def test_announcements_of_a_process_keep_the_order_of_its_commits(hub: Hub, project_id: int) -> None:
    async with listening(hub, project_id, "u") as following:
        for _ in range(30):
            await publish(hub, project_id, recipients=["u"], title="t")
        assert [(await following()).rev for _ in range(30)] == list(range(1, 31))


async def test_the_next_announcement_does_not_wait_for_the_outbox(hub: Hub, project_id: int) -> None:
    redis_has_it, go_on = asyncio.Event(), asyncio.Event()
    through = hub.announcer

    class Held:
        async def publish(self, messages: Sequence[tuple[str, bytes]]) -> list[int]:
            refused = await through.publish(messages)
            redis_has_it.set()
            await go_on.wait()
            return refused

    hub.announcing._announcer = cast(Any, Held())
    async with listening(hub, project_id, "u") as following:
        await publish(hub, project_id, recipients=["u"], title="1")
        await redis_has_it.wait()
        async with hub.db.acquire() as conn, conn.transaction():
            await conn.execute("SELECT 1 FROM outbox FOR UPDATE")  # its row cannot be deleted
            go_on.set()
            await publish(hub, project_id, recipients=["u"], title="2")
            assert [(await following()).rev for _ in range(2)] == [1, 2]
    await hub.announcing.close()
    assert await rows(hub) == 0


@pytest.mark.parametrize("error", [RedisConnectionError("away"), OSError("away"), RuntimeError("a bug of the driver")])
async def test_while_redis_is_away_the_outbox_keeps_and_a_worker_heals(
    hub: Hub, project_id: int, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    refusing = Refusing(error)
    with monkeypatch.context() as away:
        away.setattr(hub.announcer, "publish", refusing.publish)
        for _ in range(3):
            refusing.tried.clear()
            await publish(hub, project_id, recipients=["u"], title="t")
            await asyncio.wait_for(refusing.tried.wait(), 5)
        assert await rows(hub) == 3
        await make_overdue(hub)
        with pytest.raises(type(error)):
            await reannounce(hub)
    assert await rows(hub) == 3
    async with listening(hub, project_id, "u") as following:
        assert await reannounce(hub) == 3
        told = await following()
        assert (told.kind, told.rev) == (announce.SYNC, 3)
        assert await rows(hub) == 0
        await publish(hub, project_id, recipients=["u"], title="t")
        assert (await following()).rev == 4


async def test_young_rows_are_left_to_the_process_that_wrote_them(
    hub: Hub, project_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = Refusing(OSError())
    monkeypatch.setattr(hub.announcer, "publish", refusing.publish)
    await publish(hub, project_id, recipients=["u"], title="t")
    await asyncio.wait_for(refusing.tried.wait(), 5)
    assert await reannounce(hub) == 0
    assert await rows(hub) == 1


async def test_a_worker_announces_in_portions(hub: Hub, project_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.publish.reannounce.MAX_PEOPLE", 5)
    with monkeypatch.context() as away:
        away.setattr(hub.announcer, "publish", Refusing(OSError()).publish)
        for group in range(4):
            await publish(hub, project_id, recipients=[f"u{group}-{number}" for number in range(3)], title="t")
    await make_overdue(hub)
    assert [await reannounce(hub) for _ in range(3)] == [2, 2, 0]
    assert await rows(hub) == 0


async def test_a_queue_that_is_full_leaves_the_rest_to_the_outbox(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcing, "QUEUE_BYTES", 100)
    sent: list[tuple[str, bytes]] = []
    free = asyncio.Event()

    async def slow(messages: Sequence[tuple[str, bytes]]) -> None:
        await free.wait()
        sent.extend(messages)

    monkeypatch.setattr(hub.announcer, "publish", slow)
    for number in range(10):
        hub.announcing.put(Announcements(UUID(int=number), [("c", b"x" * 40)]))
    free.set()
    await hub.announcing.close()
    assert len(sent) == 3


async def test_a_redis_that_hangs_holds_up_no_publish(
    hub: Hub, project_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = asyncio.Event()

    async def hang(_: Sequence[tuple[str, bytes]]) -> None:
        await hanging.wait()

    monkeypatch.setattr(hub.announcer, "publish", hang)
    async with asyncio.timeout(20):
        for number in range(6):
            await publish(hub, project_id, recipients=[{"topic": "t"}], title=str(number))
            await publish(hub, project_id, recipients=["u"], title=str(number))
    assert len(await inbox(hub, project_id, "u")) == 6
    hanging.set()
