"""The pool: what is broken does not come back."""

from __future__ import annotations

import asyncpg
import pytest

from hub.runtime import Hub


async def test_a_connection_that_lost_its_place_in_the_protocol_is_not_used_again(hub: Hub) -> None:
    with pytest.raises(asyncpg.InternalClientError):
        async with hub.db.acquire() as connection:
            before = connection.get_server_pid()
            raise asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")
    async with hub.db.acquire() as connection:
        assert connection.get_server_pid() != before
        assert await connection.fetchval("SELECT 1") == 1
