"""Push subscriptions: the browsers that a person is pushed to."""

from __future__ import annotations

from collections.abc import Iterable

from hub.model.message import Browser
from hub.store.database import Connection
from hub.store.sql import load

_SQL = load("push_subscriptions")


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
