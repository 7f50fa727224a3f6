"""The pool: what is broken does not come back, and what was planned for an empty table is not slow in a full one."""

from __future__ import annotations

import asyncpg
import pytest

from hub.config import Settings
from hub.exceptions import HubError
from hub.runtime import Hub, open_hub
from hub.store.database import Database
from hub.store.inbox import InboxQuery, open_inbox, read_pages
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


async def test_what_was_planned_for_empty_tables_does_not_read_all_of_them_later(hub: Hub, project_id: int) -> None:
    """The first minute of an installation: statistics have not been taken, and statements keep their plans."""
    for table in ("people", "inbox_heads", "inbox_items"):
        await hub.db.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
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
