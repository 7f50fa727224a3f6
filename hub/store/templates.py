"""Templates, their versions, and brands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import asyncpg

from hub.model.brand import Brand, parse_brand
from hub.model.reader import Reader
from hub.store.database import Connection, Database
from hub.store.deliveries import KEEP_DAYS
from hub.store.sql import load

_SQL = load("templates")
KEEP_DRAFT_DAYS = KEEP_DAYS + 1  # one that was sent as a test: as long as its delivery may be replayed


class VersionKey(NamedTuple):
    """One version of one template."""

    project_id: int
    template: str
    version: int


async def put_template(conn: Connection, project_id: int, template: str, document: Mapping[str, Any]) -> asyncpg.Record:
    """Makes or replaces the draft; the row."""
    row = await conn.fetchrow(_SQL["put_template"], project_id, template, document["kind"], document)
    assert row is not None
    return row


async def lock_project(conn: Connection, project_id: int) -> None:
    """Until the transaction ends nobody else publishes or deletes templates of this project."""
    await conn.execute(_SQL["lock_project"], project_id)


async def count_others(conn: Connection, project_id: int, template: str) -> int:
    """How many templates a project has beside this one."""
    return int(await conn.fetchval(_SQL["count_templates"], project_id, template))


async def get_template(db: Database | Connection, project_id: int, template: str) -> asyncpg.Record | None:
    """A template of this project with its draft, or None."""
    return await db.fetchrow(_SQL["get_template"], project_id, template)


async def list_templates(db: Database, project_id: int, *, after: str | None, limit: int) -> list[asyncpg.Record]:
    """Templates by name, from the one after `after` on."""
    return await db.fetch(_SQL["list_templates"], project_id, after, limit)


async def get_version(db: Database | Connection, project_id: int, template: str, version: int) -> asyncpg.Record | None:
    """A version of a template that is not deleted, or None."""
    return await db.fetchrow(_SQL["get_version"], project_id, template, version)


async def list_versions(
    db: Database, project_id: int, template: str, *, before: int | None, limit: int
) -> list[asyncpg.Record]:
    """Published versions, newest first."""
    return await db.fetch(_SQL["list_versions"], project_id, template, before, limit)


async def publish(
    conn: Connection, project_id: int, template: str, document: Mapping[str, Any], uses: Iterable[str]
) -> int:
    """Makes the draft the next version and publishes it; its number."""
    version = int(await conn.fetchval(_SQL["add_version"], project_id, template, document, sorted(uses), 0))
    await conn.execute(_SQL["set_published"], project_id, template, version)
    return version


async def keep_draft(conn: Connection, row: Mapping[str, Any] | asyncpg.Record, uses: Iterable[str]) -> int:
    """Keeps a draft as it stands, for a notification that is to be pinned to it; its number, below 0."""
    version = -int(row["revision"])
    await conn.fetchval(_SQL["add_version"], row["project_id"], row["template"], row["draft"], sorted(uses), version)
    return version


async def purge_drafts(db: Database, limit: int) -> int:
    """Deletes drafts that were sent as a test more than KEEP_DRAFT_DAYS ago; how many."""
    return int((await db.execute(_SQL["purge_drafts"], KEEP_DRAFT_DAYS, limit)).split()[-1])


async def delete_template(conn: Connection, project_id: int, template: str) -> bool:
    """Removes a template for callers; whether there was one. Its versions stay for notifications pinned to them."""
    return await conn.execute(_SQL["delete_template"], project_id, template) == "UPDATE 1"


async def users_of(conn: Connection, project_id: int, template: str) -> list[str]:
    """The first published templates that use this one."""
    return [row["template"] for row in await conn.fetch(_SQL["users_of"], project_id, template)]


async def published(db: Database | Connection, project_id: int, templates: Iterable[str]) -> dict[str, asyncpg.Record]:
    """What is published of these templates and of everything that they use: `version`, `document`, `uses` by name."""
    rows = await db.fetch(_SQL["published"], project_id, list(templates))
    return {row["template"]: row for row in rows}


async def pinned(conn: Connection, keys: Iterable[VersionKey]) -> dict[VersionKey, dict[str, Any]]:
    """The documents of these versions, deleted ones included."""
    columns = list(zip(*keys, strict=True))
    rows = await conn.fetch(_SQL["pinned"], *map(list, columns))
    return {VersionKey(row["project_id"], row["template"], row["version"]): row["document"] for row in rows}


async def get_brand(db: Database | Connection, project_id: int) -> dict[str, Any]:
    """A project's brand as it was put; empty without one."""
    row = await db.fetchrow(_SQL["get_brand"], project_id)
    return {} if row is None else row["brand"] or {}


async def put_brand(db: Database, project_id: int, brand: Mapping[str, Any]) -> None:
    await db.execute(_SQL["put_brand"], project_id, brand)


async def brands(conn: Connection, project_ids: Iterable[int]) -> dict[int, Brand]:
    """The brands of these projects."""
    rows = await conn.fetch(_SQL["brands"], list(project_ids))
    return {row["project_id"]: parse_brand(row["brand"]) for row in rows}


async def readers(conn: Connection, person_ids: Iterable[int]) -> dict[int, Reader]:
    """These people as templates see them, by person_id."""
    rows = await conn.fetch(_SQL["readers"], list(person_ids))
    return {row["person_id"]: _reader(row, row["user_id"]) for row in rows}


async def reader(db: Database | Connection, project_id: int, user: str) -> Reader:
    """One user as templates see them; somebody who is not stored has nothing but the project's zone."""
    row = await db.fetchrow(_SQL["reader"], project_id, user)
    return Reader(user) if row is None else _reader(row, user)


def _reader(row: Any, user: str) -> Reader:
    return Reader(user, row["name"], row["email"], row["locale"], row["timezone"], row["avatar_url"], row["properties"])
