"""The pool: what is broken does not come back, and what was planned for an empty table is not slow in a full one."""

from __future__ import annotations

from datetime import UTC, datetime

import asyncpg
import pytest

from hub.config import Settings
from hub.exceptions import HubError
from hub.publish.accept import accept
from hub.runtime import Hub, open_hub
from hub.store.database import Database
from hub.store.heads import lock_heads, lock_heads_of
from hub.store.idempotency import IdempotencyKey, begin_many
from hub.store.inbox import (
    InboxQuery,
    ensure_heads,
    find_heads,
    find_people,
    open_inbox,
    read_heads,
    read_pages,
)
from hub.store.jobs import everyone
from hub.store.notifications import resolve_actors
from tests.support.publishing import publish
from tests.support.statistics import rows_read


async def test_a_connection_that_lost_its_place_in_the_protocol_is_not_used_again(hub: Hub) -> None:
    pids: list[int] = []

    async def lose_its_place() -> None:
        async with hub.db.acquire() as connection:
            pids.append(connection.get_server_pid())
            raise asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")

    with pytest.raises(asyncpg.InternalClientError):
        await lose_its_place()
    async with hub.db.acquire() as connection:
        assert connection.get_server_pid() not in pids
        assert await connection.fetchval("SELECT 1") == 1


async def test_a_schema_older_than_the_release_is_no_place_to_start(hub: Hub, settings: Settings) -> None:
    await hub.db.execute("DELETE FROM schema_migrations WHERE version = (SELECT max(version) FROM schema_migrations)")
    with pytest.raises(HubError, match="Run: hub migrate"):
        async with open_hub(settings, role="test"):
            pass


async def keep_statistics_away(hub: Hub) -> None:
    for table in ("people", "inbox_heads", "inbox_items"):
        await hub.db.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")


async def test_what_was_planned_for_empty_tables_does_not_read_all_of_them_later(hub: Hub, project_id: int) -> None:
    """The first minute of an installation: statistics have not been taken, and statements keep their plans."""
    await keep_statistics_away(hub)
    early = await open_inbox(hub.db, project_id, "early")
    one = await Database.connect(
        hub.settings.database_url.get_secret_value(), size=1
    )  # a connection that keeps its plans
    try:
        for _ in range(10):  # planned for any values from the sixth time on
            await read_pages(one, [early.person_id], InboxQuery(limit=50))
        for number in range(20):
            await publish(hub, project_id, recipients=[f"u{n}" for n in range(100)], title=str(number))
        before = await rows_read(one, "inbox_items")
        await read_pages(one, [early.person_id], InboxQuery(limit=50))
        assert await rows_read(one, "inbox_items") - before < 100
    finally:
        await one.close()


BY_SOMEBODY = {"recipients": ["ada"], "title": "t", "actor": "u1"}


async def look_up(db: Database, keys: list[tuple[int, str]], ids: list[int]) -> None:
    """What is asked about people by whoever publishes, marks or connects."""
    await find_heads(db, keys)
    await read_heads(db, ids)
    await db.transaction(lambda conn: find_people(conn, keys))
    await db.transaction(lambda conn: lock_heads(conn, ids))
    await db.transaction(lambda conn: lock_heads_of(conn, keys))
    await db.transaction(lambda conn: ensure_heads(conn, ids))
    acted = [accept(keys[0][0], BY_SOMEBODY, datetime.now(UTC)) for _ in keys]
    await db.transaction(lambda conn: resolve_actors(conn, acted))
    named = [IdempotencyKey("scope", user, b"f") for _, user in keys]
    await db.transaction(lambda conn: begin_many(conn, named))


@pytest.mark.parametrize("few", [0, 1, 10, 40])
async def test_people_are_looked_up_one_by_one_also_by_plans_that_were_made_while_there_were_few(
    hub: Hub, project_id: int, few: int
) -> None:
    """After the statistics of few, too: Postgres takes a table that it knows to be small for one to be read whole."""
    await keep_statistics_away(hub)
    await hub.db.execute(
        "INSERT INTO people (project_id, user_id) SELECT 1, 'few' || n FROM generate_series(1, $1::int) n", few
    )
    await hub.db.execute("INSERT INTO inbox_heads (person_id) SELECT person_id FROM people")
    if few:
        await hub.db.execute("ANALYZE")
    one = await Database.connect(hub.settings.database_url.get_secret_value(), size=1)
    try:
        for _ in range(10):
            await look_up(one, [(project_id, "u1")], [1])
        await one.execute("INSERT INTO people (project_id, user_id) SELECT 1, 'u' || n FROM generate_series(1, 3000) n")
        rows = await one.fetch(
            "INSERT INTO inbox_heads (person_id) SELECT person_id FROM people WHERE user_id LIKE 'u%' "
            "RETURNING person_id"
        )
        await one.execute(
            "INSERT INTO idempotency (scope, key, fingerprint, status, body) "
            "SELECT 'scope', 'k' || n, 'f', 202, '' FROM generate_series(1, 3000) n"
        )
        before = {table: await rows_read(one, table) for table in ("people", "inbox_heads", "idempotency")}
        await look_up(one, [(project_id, f"u{n}") for n in range(1, 21)], [row["person_id"] for row in rows[:20]])
        for table, read in before.items():
            assert await rows_read(one, table) - read <= 20 * 10, table
    finally:
        await one.close()


async def test_what_is_asked_about_one_person_is_not_planned_again_each_time(
    hub: Hub, settings: Settings, project_id: int
) -> None:
    """Planning took half of Postgres's time at 200 publishes a second."""
    person_id = (await open_inbox(hub.db, project_id, "ada")).person_id
    async with open_hub(settings.model_copy(update={"pool_size": 1}), role="test") as one:
        for number in range(20):
            await publish(one, project_id, recipients=["ada"], title=str(number))
            await look_up(one.db, [(project_id, "ada")], [person_id])
        found = await one.db.fetch(
            "SELECT statement, custom_plans FROM pg_prepared_statements WHERE custom_plans + generic_plans >= 20"
        )
    assert len(found) >= 9  # eight that look up, and what a publish writes
    assert [row["statement"] for row in found if row["custom_plans"] > 5] == []


async def test_everyone_of_a_project_is_read_without_those_of_others(hub: Hub, project_id: int) -> None:
    await hub.db.execute("INSERT INTO projects (name, signing_secret) VALUES ('other', 'x')")
    await hub.db.execute(
        "INSERT INTO people (project_id, user_id) "
        "SELECT project_id, 'o' || n FROM projects, generate_series(1, 3000) n WHERE name = 'other'"
    )
    await hub.db.execute(
        "INSERT INTO people (project_id, user_id) SELECT $1, 'u' || n FROM generate_series(1, 20) n", project_id
    )
    await hub.db.execute("ANALYZE people")
    one = await Database.connect(hub.settings.database_url.get_secret_value(), size=1)
    try:
        for _ in range(10):
            before = await rows_read(one, "people")
            rows = await one.transaction(lambda conn: everyone(conn, project_id, 2**62, 0, 10))
            assert [row["user_id"] for row in rows] == [f"u{n}" for n in range(1, 11)]
            assert await rows_read(one, "people") - before <= 50
    finally:
        await one.close()
