"""Heads of people by name: all or none, in one order, and as they are once whoever held them has let go."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from hub.runtime import Hub
from hub.store.heads import lock_heads_of
from hub.store.inbox import ensure_people, open_inbox
from hub.store.people import delete_person, put_people
from tests.support.publishing import inbox, publish


async def make(hub: Hub, project_id: int, *users: str) -> list[int]:
    return [(await open_inbox(hub.db, project_id, user)).person_id for user in users]


async def waits(hub: Hub) -> None:
    """Until somebody waits for a lock."""
    while not await hub.db.fetch("SELECT 1 FROM pg_locks WHERE NOT granted"):
        await asyncio.sleep(0.01)


async def test_all_are_locked_or_none(hub: Hub, project_id: int) -> None:
    ada, bob = await make(hub, project_id, "ada", "bob")
    keys = [(project_id, "bob"), (project_id, "ada")]
    async with hub.db.acquire() as one, one.transaction():
        assert set(await lock_heads_of(one, keys)) == {ada, bob}
        async with hub.db.acquire() as other, other.transaction():
            # Nobody waits for those who are held: the third is not there.
            assert await asyncio.wait_for(lock_heads_of(other, [*keys, (project_id, "eve")]), 10) == {}
            assert await asyncio.wait_for(lock_heads_of(other, [(project_id + 1, "ada")]), 10) == {}


async def test_who_has_no_inbox_or_a_delegate_counts_as_missing(hub: Hub, project_id: int) -> None:
    await make(hub, project_id, "ada", "eve")
    await hub.db.transaction(lambda conn: put_people(conn, project_id, [{"id": "stored"}]))
    await hub.db.execute("""UPDATE people SET preferences = '{"delegate": "ada"}' WHERE user_id = 'eve'""")
    async with hub.db.acquire() as conn, conn.transaction():
        for user in ("stored", "eve"):
            assert await lock_heads_of(conn, [(project_id, "ada"), (project_id, user)]) == {}


async def test_locks_are_taken_in_the_order_of_keys_whatever_the_order_of_names(hub: Hub, project_id: int) -> None:
    ada, bob = await make(hub, project_id, "ada", "bob")
    async with hub.db.acquire() as holder, hub.db.acquire() as waiter:
        async with holder.transaction():
            await holder.fetch("SELECT 1 FROM inbox_heads WHERE person_id = $1 FOR UPDATE", ada)

            async def work() -> set[int]:
                async with waiter.transaction():
                    return set(await lock_heads_of(waiter, [(project_id, "bob"), (project_id, "ada")]))

            waiting = asyncio.create_task(work())
            await waits(hub)
            await holder.fetch("SELECT 1 FROM inbox_heads WHERE person_id = $1 FOR UPDATE NOWAIT", bob)
        assert await waiting == {ada, bob}


async def test_whoever_waited_sees_what_was_committed_meanwhile(hub: Hub, project_id: int) -> None:
    (ada, bob) = await make(hub, project_id, "ada", "bob")
    async with hub.db.acquire() as holder, hub.db.acquire() as waiter:

        async def work() -> dict[int, tuple[int, int]]:
            async with waiter.transaction():
                heads = await lock_heads_of(waiter, [(project_id, "ada"), (project_id, "bob")])
                return {person_id: (head.rev, head.counts.unread) for person_id, head in heads.items()}

        async with holder.transaction():
            await holder.execute("UPDATE inbox_heads SET rev = 7, unread = 3 WHERE person_id = $1", ada)
            waiting = asyncio.create_task(work())
            await waits(hub)
        assert await waiting == {ada: (7, 3), bob: (0, 0)}


async def test_who_is_deleted_while_one_waits_is_left_out(hub: Hub, project_id: int) -> None:
    _, bob = await make(hub, project_id, "ada", "bob")
    async with hub.db.acquire() as holder, hub.db.acquire() as waiter:

        async def work() -> set[int]:
            async with waiter.transaction():
                return set(await lock_heads_of(waiter, [(project_id, "ada"), (project_id, "bob")]))

        async with holder.transaction():
            assert await delete_person(holder, project_id, "ada")
            waiting = asyncio.create_task(work())
            await waits(hub)
        assert await waiting == {bob}


async def test_a_publish_to_somebody_new_beside_somebody_known_makes_them(hub: Hub, project_id: int) -> None:
    await make(hub, project_id, "ada")
    await publish(hub, project_id, recipients=["ada", "new"], title="hello")
    for user in ("ada", "new"):
        assert [item["title"] for item in await inbox(hub, project_id, user)] == ["hello"]


async def test_two_publishes_to_the_same_new_people_do_not_wait_in_a_circle(hub: Hub, project_id: int) -> None:
    """Whoever is missing is made before any head is locked; the deadlock would cost each a second."""
    await make(hub, project_id, "ada")

    async def deadlocks() -> int:
        row = await hub.db.fetchrow("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        assert row is not None
        return int(row["deadlocks"])

    before = await deadlocks()
    async with hub.db.acquire() as first, hub.db.acquire() as second:
        async with first.transaction():
            await ensure_people(first, [(project_id, "new")])

            async def work() -> None:
                async with second.transaction():
                    keys = [(project_id, "ada"), (project_id, "new")]
                    assert await lock_heads_of(second, keys) == {}
                    await ensure_people(second, keys)

            waiting = asyncio.create_task(work())
            await waits(hub)
            assert await lock_heads_of(first, [(project_id, "ada"), (project_id, "new")])
        await waiting
    assert await deadlocks() == before


@pytest.mark.parametrize("user", ["a\x1fb"])
async def test_a_name_that_would_become_two_is_an_error(hub: Hub, project_id: int, user: str) -> None:
    async with hub.db.acquire() as conn:
        with pytest.raises(ValueError, match="control character"):
            await lock_heads_of(conn, [(project_id, user)])


async def test_what_is_saved_changes_nothing_else_of_a_head(hub: Hub, project_id: int) -> None:
    """Heads are saved by an INSERT that always finds them."""
    await publish(hub, project_id, recipients=["ada"], title="1")
    await hub.db.execute("UPDATE inbox_heads SET epoch = 5, delivered_rev = 1, floor_rev = 1")
    await publish(hub, project_id, recipients=["ada"], title="2")
    rows: list[asyncpg.Record] = await hub.db.fetch("SELECT * FROM inbox_heads")
    assert [
        (row["epoch"], row["delivered_rev"], row["floor_rev"], row["rev"], row["unread"], row["total"]) for row in rows
    ] == [(5, 1, 1, 2, 2, 2)]
