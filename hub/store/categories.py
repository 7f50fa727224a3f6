"""Categories: named policies that notifications refer to.

Every project has `general`; it is stored once it was changed.
"""

from __future__ import annotations

from typing import Any

import asyncpg

from hub.store.database import Connection, Database
from hub.store.sql import load

_SQL = load("categories")
GENERAL = "general"
GENERAL_POLICY: dict[str, Any] = {
    "description": "Everything without a category of its own.",
    "priority": "normal",
    "default": "opted_in",
    "kind": "transactional",
    "ladder": [
        {"channel": "in_app"},
        {"channel": "web_push", "after": "PT0S", "if": "away"},
        {"channel": "email", "after": "PT10M", "if": "unseen"},
    ],
}
"""What a category is when nothing is said; contract, "Category"."""


async def put_category(db: Database, project_id: int, category: str, policy: dict[str, Any]) -> asyncpg.Record:
    """Stores a policy, new or in place of the old one; the row."""
    record = await db.fetchrow(_SQL["put_category"], project_id, category, policy)
    assert record is not None
    return record


async def find_policy(db: Database, project_id: int, category: str) -> dict[str, Any] | None:
    """The policy of a category, or None when there is no such category."""
    record = await db.fetchrow(_SQL["get_category"], project_id, category)
    if record is not None:
        policy: dict[str, Any] = record["policy"]
        return policy
    return dict(GENERAL_POLICY) if category == GENERAL else None


async def delete_category(db: Database, project_id: int, category: str) -> bool:
    """Removes a policy; whether there was one. What was published in it stays."""
    return await db.execute(_SQL["delete_category"], project_id, category) == "DELETE 1"


async def list_first(db: Database | Connection, project_id: int, *, limit: int) -> list[asyncpg.Record]:
    """`general`, stored or not, and of the others the first by name, in the order of Python's strings."""
    return await db.fetch(_SQL["list_first"], project_id, limit, GENERAL, GENERAL_POLICY)


async def list_categories(db: Database, project_id: int, *, after: str | None, limit: int) -> list[asyncpg.Record]:
    """Categories by name, from the one after `after` on."""
    return await db.fetch(_SQL["list_categories"], project_id, after, limit, GENERAL, GENERAL_POLICY)


async def tracked(db: Database, limit: int) -> list[tuple[str, str]]:
    """Categories whose opens or clicks are to be counted, with their project's name before them; of all projects."""
    return [(row["project"], row["category"]) for row in await db.fetch(_SQL["tracked"], limit)]
