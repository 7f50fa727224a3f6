"""Suppressions: addresses that nothing is sent to any more, and why.

A bounce or a complaint puts an address here, or a backend does; only a backend takes it out again. An address is found
however it is written: in capitals, its domain in ASCII or in letters of its own (hub.model.mail_address.spellings).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

import asyncpg

from hub.model.mail_address import spellings
from hub.store.database import Connection, Database
from hub.store.sql import load

_SQL = load("suppressions")

Cause: TypeAlias = Literal["bounced", "complained", "unsubscribed", "manual"]
CAUSES: tuple[Cause, ...] = ("bounced", "complained", "unsubscribed", "manual")
CHANNELS = ("email", "sms")


async def add(
    conn: Connection | Database, project_id: int, channel: str, address: str, cause: Cause, detail: str | None = None
) -> bool:
    """Suppresses an address; whether it was not yet."""
    written = spellings(address)
    return (await conn.execute(_SQL["add"], project_id, channel, written[0], cause, detail, written)).endswith("1")


async def put(db: Database, project_id: int, channel: str, address: str, cause: Cause) -> asyncpg.Record:
    """Suppresses an address for this cause, whatever it was for before; the row."""
    written = spellings(address)
    row = await db.fetchrow(_SQL["put"], project_id, channel, written[0], cause, written)
    assert row is not None, "it was just written"
    return row


async def remove(db: Database, project_id: int, channel: str, address: str) -> bool:
    """Lets an address be written to again; whether it was suppressed."""
    return await db.execute(_SQL["remove"], project_id, channel, spellings(address)) != "DELETE 0"


async def of_people(conn: Connection, rows: Iterable[Any]) -> list[dict[str, Cause]]:
    """Of each row (`project_id`, `email`, `phone`), the channels whose address is suppressed, and for what."""
    found: list[dict[str, Cause]] = []
    wanted: list[tuple[int, str, str, int]] = []
    for place, row in enumerate(rows):
        found.append({})
        for channel, address in (("email", row["email"]), ("sms", row["phone"])):
            if address:
                wanted += [(row["project_id"], channel, written, place) for written in spellings(address)]
    if wanted:
        for hit in await conn.fetch(_SQL["of_people"], *[list(column) for column in zip(*wanted, strict=True)]):
            found[hit["place"]][hit["channel"]] = hit["reason"]
    return found


async def list_suppressions(
    db: Database,
    project_id: int,
    *,
    channel: str | None = None,
    cause: str | None = None,
    address: str | None = None,
    after: tuple[str, str] | None = None,
    limit: int = 50,
) -> list[asyncpg.Record]:
    """By channel and address, from the one after `after` on."""
    return await db.fetch(
        _SQL["list_suppressions"],
        project_id,
        channel,
        cause,
        None if address is None else spellings(address),
        *(after or (None, None)),
        limit,
    )
