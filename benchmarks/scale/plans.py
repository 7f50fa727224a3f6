"""What Postgres does for the statements of the hub: EXPLAIN (ANALYZE, BUFFERS), with both kinds of plan.

A prepared statement is planned for its values five times, and then perhaps once for any values: what is fast only by
the one kind is slow some of the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import msgspec

from hub.store.arrays import array, names
from hub.store.heads import LOCK_BY_ID, LOCK_BY_USER
from hub.store.inbox import InboxQuery, page_cursor, page_statement
from hub.store.sql import load

_LAST = UUID(int=2**128 - 1)


class Statement(NamedTuple):
    """One statement with its values."""

    what: str
    sql: str
    values: Sequence[Any]


class Plan(msgspec.Struct):
    """How a statement was carried out. `scans`: tables that were read from end to end."""

    what: str
    kind: str  # custom, generic
    milliseconds: float
    buffers: int  # pages of 8 KiB that were looked at
    scans: list[str]
    lines: list[str]


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool | int):
        return str(value)
    if isinstance(value, list | tuple):
        return "'{" + ",".join(str(one) for one in value) + "}'"
    return "'" + str(value).replace("'", "''") + "'"


async def explain(conn: asyncpg.Connection[asyncpg.Record], statements: Sequence[Statement]) -> list[Plan]:
    """Runs every statement twice for each kind of plan, the second time told; changes are rolled back."""
    plans = []
    for statement in statements:
        for kind in ("custom", "generic"):
            transaction = conn.transaction()
            await transaction.start()
            try:
                as_the_hub = "SET LOCAL jit = off; SET LOCAL enable_seqscan = off"
                await conn.execute(f"SET LOCAL plan_cache_mode = force_{kind}_plan; {as_the_hub}")
                await conn.execute(f"PREPARE measured AS {statement.sql}")
                values = ", ".join(map(_literal, statement.values))
                execute = f"EXPLAIN (ANALYZE, BUFFERS) EXECUTE measured({values})"
                await conn.execute(execute)
                lines = [row[0] for row in await conn.fetch(execute)]
            finally:
                await transaction.rollback()
                await conn.execute("DEALLOCATE measured")
            plans.append(_plan(statement.what, kind, lines))
    return plans


def _plan(what: str, kind: str, lines: list[str]) -> Plan:
    milliseconds = next(float(line.split()[2]) for line in lines if line.startswith("Execution Time"))
    first = next((line for line in lines if "Buffers: shared" in line), "")
    buffers = sum(int(part.partition("=")[2]) for part in first.split() if part.startswith(("hit=", "read=")))
    scans = sorted({line.split("Seq Scan on ")[1].split()[0] for line in lines if "Seq Scan on " in line})
    return Plan(what, kind, milliseconds, buffers, scans, lines)


async def statements(
    conn: asyncpg.Connection[asyncpg.Record], largest: int, some: Sequence[int], users: Sequence[str]
) -> list[Statement]:
    """Of the hot paths and of jobs, for the largest inbox and some others."""
    inbox, items, notifications, jobs = (load(noun) for noun in ("inbox", "items", "notifications", "jobs"))
    rev = await conn.fetchval("SELECT rev FROM inbox_heads WHERE person_id = $1", largest)
    project = await conn.fetchval("SELECT project_id FROM people WHERE person_id = $1", largest)
    upto = await conn.fetchval("SELECT max(person_id) FROM people")
    newest = await conn.fetchval("SELECT notification_id FROM notifications ORDER BY notification_id DESC LIMIT 1")

    def page(what: str, **query: Any) -> Statement:
        return Statement(f"read_page, {what}", *page_statement([largest], InboxQuery(**query)))

    deep = page_cursor(pinned=False, seq=rev // 2)
    return [
        page("first"),
        page("deep", cursor=deep),
        page("unread", status="unread"),
        page("unseen", status="unseen"),
        page("archived", status="archived"),
        page("snoozed", status="snoozed"),
        page("category, common", category="mentions"),
        page("category, rare", category="billing"),
        page("category, unread", status="unread", category="mentions"),
        Statement("read_changes, 40 behind", inbox["read_changes"], [largest, rev - 40, _LAST, rev - 40, 201]),
        Statement("read_changes, at the head", inbox["read_changes"], [largest, rev, _LAST, rev, 201]),
        Statement("read_heads, 500 people", inbox["read_heads"], [list(some)]),
        Statement("record_delivered, 500 people", inbox["record_delivered"], [list(some), [1] * len(some)]),
        Statement("find_people, 100 names", inbox["find_people"], [array([project] * 100), names(users[:100])]),
        Statement("lock_heads, 500 people", LOCK_BY_ID, [array(some)]),
        Statement("lock_heads_of, 100 names", LOCK_BY_USER, [array([project] * 100), names(users[:100]), 100]),
        Statement("find_delivered, 500 people", items["find_delivered"], [[newest], list(some)]),
        Statement("find_duplicates, 100 keys", items["find_duplicates"], [list(some[:100]), ["key"] * 100]),
        Statement("find_collapsible, 100 keys", items["find_collapsible"], [list(some[:100]), ["key"] * 100]),
        Statement("due_people", items["due_people"], [200]),
        Statement("live_of_notification", items["live_of_notification"], [newest, 0, 500]),
        Statement("bulk_effect, read all", items["bulk_effect"], [largest, rev, None, None, "read", None]),
        Statement("pending_broadcasts", notifications["pending_broadcasts"], [project, [0], 2]),
        Statement("count_recipients", notifications["count_recipients"], [newest]),
        Statement("list_notifications", notifications["list_notifications"], [project, None, None, None, None, 51]),
        Statement(
            "list_notifications, of a user",
            notifications["list_notifications"],
            [project, None, users[0], None, None, 51],
        ),
        Statement("everyone, a chunk", jobs["everyone"], [project, upto, upto // 2, 500]),
    ]
