"""Mail reports: what came of e-mail after a provider took it, noted with its delivery."""

from __future__ import annotations

from uuid import UUID

import asyncpg

from hub.store.database import Connection
from hub.store.deliveries import printable
from hub.store.sql import load

_SQL = load("mail_reports")


async def note_report(
    conn: Connection, project_id: int, delivery_id: UUID, event: str, detail: str | None
) -> asyncpg.Record | None:
    """Notes it in the delivery's history; its person, notification, category and provider. None: it was noted before,
    or it is no e-mail of this project.
    """
    shown = None if detail is None else printable(detail)
    return await conn.fetchrow(_SQL["note_report"], project_id, delivery_id, event, shown)


async def email_of(conn: Connection, person_id: int) -> str | None:
    """Their address as it is now."""
    found: str | None = await conn.fetchval(_SQL["email_of"], person_id)
    return found


async def is_ours(conn: Connection, project_id: int, delivery_id: UUID) -> bool:
    """Whether it is an e-mail of this project."""
    return bool(await conn.fetchval(_SQL["is_ours"], project_id, delivery_id))
