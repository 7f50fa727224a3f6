"""Heads of people by name: all or none, in one order, and as they are once whoever held them has let go."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from hub.config import Settings
from hub.runtime import Hub, open_hub
from hub.store.database import Connection
from hub.store.heads import lock_heads_of
from hub.store.inbox import ensure_people, open_inbox
from hub.store.people import delete_person, put_people
from tests.support.deliveries import make_sandbox
from tests.support.publishing import inbox, publish
from tests.support.statistics import somebody_waits


async def make(hub: Hub, project_id: int, *users: str) -> list[int]:
    return [(await open_inbox(hub.db, project_id, user)).person_id for user in users]


async def locked(conn: Connection, keys: list[tuple[int, str]]) -> set[int] | None:
    heads = await lock_heads_of(conn, keys)
    return None if heads is None else set(heads)


async def test_all_are_locked_or_none(hub: Hub, project_id: int) -> None:
    ada, bob = await make(hub, project_id, "ada", "bob")
    keys = [(project_id, "bob"), (project_id, "ada")]
    async with hub.db.acquire() as one, one.transaction():
        assert await locked(one, keys) == {ada, bob}
        async with hub.db.acquire() as other, other.transaction():
            # Nobody waits for those who are held: the third is not there.
            assert await asyncio.wait_for(lock_heads_of(other, [*keys, (project_id, "eve")]), 10) is None
            assert await asyncio.wait_for(lock_heads_of(other, [(project_id + 1, "ada")]), 10) is None
            assert await lock_heads_of(other, []) == {}


async def test_who_has_no_inbox_or_a_delegate_counts_as_missing(hub: Hub, project_id: int) -> None:
    await make(hub, project_id, "ada", "eve")
    await hub.db.transaction(lambda conn: put_people(conn, project_id, [{"id": "stored"}]))
    await hub.db.execute("""UPDATE people SET preferences = '{"delegate": "ada"}' WHERE user_id = 'eve'""")
    async with hub.db.acquire() as conn, conn.transaction():
        for user in ("stored", "eve"):
            assert await lock_heads_of(conn, [(project_id, "ada"), (project_id, user)]) is None


async def test_locks_are_taken_in_the_order_of_keys_whatever_the_order_of_names(hub: Hub, project_id: int) -> None:
    ada, bob = await make(hub, project_id, "ada", "bob")
    async with hub.db.acquire() as holder, hub.db.acquire() as waiter:
        async with holder.transaction():
            await holder.fetch("SELECT 1 FROM inbox_heads WHERE person_id = $1 FOR UPDATE", ada)

            async def work() -> set[int] | None:
                async with waiter.transaction():
                    return await locked(waiter, [(project_id, "bob"), (project_id, "ada")])

            waiting = asyncio.create_task(work())
            await somebody_waits(hub.db)
            await holder.fetch("SELECT 1 FROM inbox_heads WHERE person_id = $1 FOR UPDATE NOWAIT", bob)
        assert await waiting == {ada, bob}


async def test_whoever_waited_sees_what_was_committed_meanwhile(hub: Hub, project_id: int) -> None:
    (ada, bob) = await make(hub, project_id, "ada", "bob")
    async with hub.db.acquire() as holder, hub.db.acquire() as waiter:

        async def work() -> dict[int, tuple[int, int]]:
            async with waiter.transaction():
                heads = await lock_heads_of(waiter, [(project_id, "ada"), (project_id, "bob")]) or {}
                return {person_id: (head.rev, head.counts.unread) for person_id, head in heads.items()}

        async with holder.transaction():
            await holder.execute("UPDATE inbox_heads SET rev = 7, unread = 3 WHERE person_id = $1", ada)
            waiting = asyncio.create_task(work())
            await somebody_waits(hub.db)
        assert await waiting == {ada: (7, 3), bob: (0, 0)}


@pytest.mark.parametrize("beside", [[], ["bob"]])
async def test_who_is_deleted_while_a_publish_waits_does_not_come_back(
    hub: Hub, project_id: int, beside: list[str]
) -> None:
    await make(hub, project_id, "ada", "bob")
    async with hub.db.acquire() as holder:
        async with holder.transaction():
            assert await delete_person(holder, project_id, "ada")
            waiting = asyncio.create_task(publish(hub, project_id, recipients=["ada", *beside], title="hello"))
            await somebody_waits(hub.db)
        await waiting
    rows = await hub.db.fetch("SELECT user_id FROM people ORDER BY user_id")
    assert [row["user_id"] for row in rows] == ["bob"]
    assert len(await inbox(hub, project_id, "bob")) == len(beside)


async def test_who_is_made_while_they_are_deleted_leaves_no_deliveries(
    hub: Hub, project_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_sandbox(hub, project_id)
    async with hub.db.acquire() as conn, conn.transaction():
        execute: Any = type(conn).execute

        async def after_looking(this: Any, statement: str, *values: Any) -> str:
            done: str = await execute(this, statement, *values)
            monkeypatch.setattr(type(conn), "execute", execute)
            await publish(hub, project_id, recipients=["new"], title="hello")
            return done

        monkeypatch.setattr(type(conn), "execute", after_looking)
        assert await delete_person(conn, project_id, "new")
    assert await hub.db.fetch("SELECT 1 FROM deliveries") == []


async def test_a_publish_to_somebody_known_takes_four_round_trips(
    hub: Hub, settings: Settings, project_id: int
) -> None:
    await make_sandbox(hub, project_id)
    statements: list[str] = []
    async with open_hub(settings.model_copy(update={"pool_size": 1}), role="test") as one:
        async with one.db.acquire() as conn:
            conn.add_query_logger(lambda query: statements.append(query.query))
        for number in range(2):
            statements.clear()
            await publish(one, project_id, recipients=["ada"], title=str(number))
            began = statements.index("BEGIN;")
            took = statements[began : statements.index("COMMIT;") + 1]
    assert len(took) == 4, took
    assert len(await hub.db.fetch("SELECT 1 FROM deliveries")) == 2


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
                    assert await lock_heads_of(second, keys) is None
                    await ensure_people(second, keys)

            waiting = asyncio.create_task(work())
            await somebody_waits(hub.db)
            assert await lock_heads_of(first, [(project_id, "ada"), (project_id, "new")])
        await waiting
    assert await deadlocks() == before


async def test_a_name_that_would_become_two_is_an_error(hub: Hub, project_id: int) -> None:
    async with hub.db.acquire() as conn:
        with pytest.raises(ValueError, match="control character"):
            await lock_heads_of(conn, [(project_id, "a\x1fb")])


async def test_what_is_saved_changes_nothing_else_of_a_head(hub: Hub, project_id: int) -> None:
    """Heads are saved by an INSERT that always finds them."""
    await publish(hub, project_id, recipients=["ada"], title="1")
    await hub.db.execute("UPDATE inbox_heads SET epoch = 5, delivered_rev = 1, floor_rev = 1")
    await publish(hub, project_id, recipients=["ada"], title="2")
    rows: list[asyncpg.Record] = await hub.db.fetch("SELECT * FROM inbox_heads")
    assert [
        (row["epoch"], row["delivered_rev"], row["floor_rev"], row["rev"], row["unread"], row["total"]) for row in rows
    ] == [(5, 1, 1, 2, 2, 2)]
