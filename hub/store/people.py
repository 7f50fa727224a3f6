"""People as their backend knows them: names, addresses, properties. Inboxes are in inbox.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import asyncpg
import msgspec

from hub.model.preferences import NOTHING, parse_preferences
from hub.model.routing import Addressee
from hub.store import deliveries, events
from hub.store.database import Connection, Database
from hub.store.sql import load

_SQL = load("people")
KEPT = 4_096  # addressees; a few KiB each
FIELDS = ("name", "email", "phone", "locale", "timezone", "avatar_url")


def addressee_of(row: Any, suppressed: Mapping[str, str] = MappingProxyType({})) -> Addressee:
    """What decisions need to know of a person's row: `preferences` (JSON), `timezone`, `email`, `phone`, `push`.

    Args:
        suppressed: The channels whose address is, and for what, where that counts.

    People who are alike share one object: few documents are really different, and reading one takes 10 µs.
    """
    return addressee(
        row["preferences"],
        row["timezone"],
        bool(row["email"]),
        bool(row["phone"]),
        row["push"],
        tuple(suppressed.items()),
    )


@lru_cache(maxsize=KEPT)
def addressee(
    preferences: str | None,
    timezone: str | None,
    email: bool,
    phone: bool,
    push: bool,
    suppressed: tuple[tuple[str, str], ...],
) -> Addressee:
    """As `addressee_of`, by the columns' values."""
    stored = parse_preferences(msgspec.json.decode(preferences)) if preferences else NOTHING
    reached = {"email": email, "sms": phone, "web_push": push}
    return Addressee(stored, timezone, frozenset(channel for channel, has in reached.items() if has), dict(suppressed))


async def put_people(conn: Connection, project_id: int, people: Sequence[Mapping[str, Any]]) -> None:
    """Stores whole people (`id`, FIELDS, `properties`); what is not given is removed. Each id at most once."""
    ordered = sorted(people, key=lambda person: person["id"])
    columns = [[person.get(field) for person in ordered] for field in FIELDS]
    properties = [person.get("properties") or {} for person in ordered]
    await conn.execute(_SQL["put_people"], project_id, [person["id"] for person in ordered], *columns, properties)


async def get_person(db: Database, project_id: int, user: str) -> asyncpg.Record | None:
    """One person of this project, or None."""
    return await db.fetchrow(_SQL["get_person"], project_id, user)


async def lock_person(conn: Connection, project_id: int, user: str) -> asyncpg.Record | None:
    """The row, held until the transaction ends, so that two patches cannot undo each other."""
    return await conn.fetchrow(_SQL["lock_person"], project_id, user)


async def list_people(db: Database, project_id: int, *, after: str | None, limit: int) -> list[asyncpg.Record]:
    """People by id, from the one after `after` on."""
    return await db.fetch(_SQL["list_people"], project_id, after, limit)


async def delete_person(conn: Connection, project_id: int, user: str) -> bool:
    """Removes a person with inbox, subscriptions and everything else, and voids their tokens; whether there was one."""
    await conn.execute(_SQL["lock_to_delete"], project_id, user)
    person_id = await conn.fetchval(_SQL["delete_person"], project_id, user)  # perhaps one who came since
    if person_id is None:
        return False
    # After the head, which a publish may hold that is about to write some.
    await deliveries.delete_of_person(conn, person_id)
    await events.delete_of_person(conn, person_id)
    return True


async def revoke_tokens(db: Database, project_id: int, user: str) -> None:
    """Voids every client token issued to the user before now."""
    await db.transaction(lambda conn: conn.execute(_SQL["revoke_tokens"], project_id, user))


async def tokens_revoked_at(db: Database | Connection, project_id: int, user: str) -> datetime | None:
    """When the user's tokens were last revoked, or the user deleted; None: never, or longer ago than a token lives."""
    record = await db.fetchrow(_SQL["tokens_revoked_at"], project_id, user)
    return None if record is None else record["tokens_revoked_at"]


async def record_seen(db: Database, seconds_ago: Mapping[int, float]) -> None:
    """These people, by person_id, were there so long ago: they connected, turned to the page or away, or left."""
    await db.execute(_SQL["record_seen"], list(seconds_ago), list(seconds_ago.values()))
