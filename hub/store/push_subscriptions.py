"""Push subscriptions: the browsers that a person is pushed to.

One that its push service knows no more is not pushed to and not shown; it is kept for a while, because the browser may
only then tell what it was replaced with.

Whose a browser is: who signed in there last. Of several who sign in at once, each is answered with what they stored,
and the last one has it. A renewal signs nobody in: it takes no browser from anybody, and is answered with None.

Everybody who writes here takes locks in one order: the endpoint that is told of, then people by name (the trigger on
this table writes to them), then rows. So nobody waits in a circle, and no two make one endpoint's row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg

from hub.model.message import Browser
from hub.store.database import Connection, Database
from hub.store.ids import uuid7
from hub.store.sql import load

_SQL = load("push_subscriptions")
MAX_BROWSERS = 20  # of one person: each costs a request of every push to them
KEEP_DAYS = 30  # one that is gone; a browser that is not opened for so long tells of a change by its next page


class Subscription(NamedTuple):
    """What a browser says of itself: `PushSubscription.toJSON()`, checked."""

    endpoint: str
    p256dh: str
    auth: str
    expires_at: datetime | None = None


async def of_people(conn: Connection, person_ids: Iterable[int]) -> dict[int, tuple[Browser, ...]]:
    """The browsers of each of these people, oldest first; no query for nobody."""
    wanted = list(person_ids)
    if not wanted:
        return {}
    found: dict[int, list[Browser]] = {}
    for row in await conn.fetch(_SQL["of_people"], wanted):
        browser = Browser(row["subscription_id"], row["endpoint"], row["p256dh"], row["auth"])
        found.setdefault(row["person_id"], []).append(browser)
    return {person_id: tuple(browsers) for person_id, browsers in found.items()}


async def list_browsers(db: Database, project_id: int, person_id: int) -> list[asyncpg.Record]:
    """What may be shown of a person's browsers: no keys."""
    return await db.fetch(_SQL["list"], project_id, person_id)


async def put(
    conn: Connection, project_id: int, person_id: int, browser: Subscription, user_agent: str | None = None
) -> asyncpg.Record | None:
    """Stores a browser as this person's, whosever it was, and forgets what is over MAX_BROWSERS.

    None: the person is gone. Its `subscription_id` is the one it had, unless it was somebody else's.
    """
    await conn.execute(_SQL["lock_endpoint"], project_id, browser.endpoint)
    held = await conn.fetch(_SQL["lock_both"], project_id, person_id, browser.endpoint)
    if all(row["person_id"] != person_id for row in held):
        return None
    row = await conn.fetchrow(
        _SQL["put"], uuid7(), project_id, person_id, browser.endpoint, browser.p256dh, browser.auth, user_agent,
        browser.expires_at,
    )  # fmt: skip
    await conn.execute(_SQL["trim"], person_id, MAX_BROWSERS)
    return row


async def lock(
    conn: Connection, project_id: int, person_id: int, subscription_id: UUID, endpoint: str
) -> asyncpg.Record | None:
    """One of the person's, also one that is gone, to be replaced by that endpoint.

    Nobody else changes this person's, nor whose that endpoint is, until the transaction ends.
    """
    await conn.execute(_SQL["lock_endpoint"], project_id, endpoint)
    if await conn.fetchval(_SQL["lock_person"], project_id, person_id) is None:
        return None
    return await conn.fetchrow(_SQL["find"], project_id, person_id, subscription_id)


async def replace(
    conn: Connection, project_id: int, person_id: int, old: asyncpg.Record, browser: Subscription
) -> asyncpg.Record | None:
    """Puts `browser` in the place of one that was locked for it, or None: it is another person's by now, and the old
    one went.
    """
    owner = await conn.fetchval(_SQL["owner"], project_id, browser.endpoint)
    if owner is None:
        await conn.execute(_SQL["move"], project_id, person_id, old["subscription_id"], browser.endpoint)
    elif old["endpoint"] != browser.endpoint:
        await remove(conn, project_id, person_id, subscription_id=old["subscription_id"])
    return await put(conn, project_id, person_id, browser) if owner in (None, person_id) else None


async def remove(
    conn: Connection,
    project_id: int,
    person_id: int,
    *,
    subscription_id: UUID | None = None,
    endpoint: str | None = None,
) -> bool:
    """Removes one of the person's browsers; whether there was one."""
    await conn.execute(_SQL["lock_person"], project_id, person_id)
    status = await conn.execute(_SQL["remove"], project_id, person_id, subscription_id, endpoint)
    return status != "DELETE 0"


async def mark_gone(db: Database, gone: Sequence[tuple[UUID, str]]) -> None:
    """These (subscription, endpoint) are known to their push services no more."""
    ids, endpoints = [one for one, _ in gone], [endpoint for _, endpoint in gone]

    async def work(conn: Connection) -> None:
        await conn.execute(_SQL["lock_owners"], ids)
        await conn.execute(_SQL["mark_gone"], ids, endpoints)

    await db.transaction(work)


async def purge(db: Database, limit: int) -> int:
    """Deletes those that are gone for more than KEEP_DAYS; how many."""

    async def work(conn: Connection) -> int:
        ids = [row["subscription_id"] for row in await conn.fetch(_SQL["long_gone"], KEEP_DAYS, limit)]
        await conn.execute(_SQL["lock_owners"], ids)
        return int((await conn.execute(_SQL["purge"], ids, KEEP_DAYS)).split()[-1])

    return await db.transaction(work)
