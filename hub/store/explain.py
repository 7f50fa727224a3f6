"""What `explain` reads: people as they are, and the first ones of an audience. Nothing is held or made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hub.store.database import Connection
from hub.store.sql import load

_SQL = load("explain")


async def read_people(conn: Connection, project_id: int, users: Sequence[str]) -> dict[str, Any]:
    """Rows by user, of those who are stored: what `addressee_of` reads, and person_id."""
    rows = await conn.fetch(_SQL["read_people"], project_id, list(users))
    return {row["user_id"]: row for row in rows}


async def first_of_topic(conn: Connection, project_id: int, topic: str, limit: int) -> list[str]:
    """The first subscribers of a topic."""
    return [row["user_id"] for row in await conn.fetch(_SQL["first_of_topic"], project_id, topic, limit)]
