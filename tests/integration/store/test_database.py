"""The pool: what is broken does not come back."""

from __future__ import annotations

import asyncpg
import pytest

from hub.config import Settings
from hub.exceptions import HubError
from hub.runtime import Hub, open_hub


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
