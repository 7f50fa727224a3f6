"""Fan-out jobs: what does not fit the accepting transaction, with a checkpoint.

A job is worked on in chunks. Each chunk moves the checkpoint by compare-and-set in the transaction that writes its
inboxes, so a worker that dies leaves a job exactly where its last commit was, and the next one goes on there once the
lease is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg

from hub.store.database import Connection, Database
from hub.store.sql import load

_SQL = load("jobs")
LEASE_SECONDS = 15.0  # a chunk takes under 1 s; statement_timeout (15 s) ends one that hangs before its lease does


class Job(NamedTuple):
    """A claimed job. `stage` and `position` are its checkpoint; see hub.publish.jobs for what they count.

    `now` is the database's clock when it was claimed; workers' own clocks decide nothing.
    """

    job_id: UUID
    project_id: int
    notification_id: UUID
    kind: str
    stage: int
    position: int
    delivered: int
    attempts: int
    due_at: datetime
    now: datetime


class NewJob(NamedTuple):
    """A job to store; `due_at` None means now."""

    job_id: UUID
    project_id: int
    notification_id: UUID
    kind: str
    lane: int
    due_at: datetime | None


async def insert_jobs(conn: Connection, jobs: Sequence[NewJob]) -> None:
    if jobs:
        await conn.execute(_SQL["insert_jobs"], *[list(column) for column in zip(*jobs, strict=True)])


async def claim(db: Database) -> Job | None:
    """The most urgent due job, leased to this worker; None when none is due."""
    row = await db.fetchrow(_SQL["claim"], LEASE_SECONDS)
    return None if row is None else Job(**{name: row[name] for name in Job._fields})


async def advance(conn: Connection, job: Job, stage: int, position: int, delivered: int, due_at: datetime) -> bool:
    """Moves the checkpoint and gives the lease back; False when somebody else moved it: roll back."""
    done = await conn.execute(_SQL["advance"], job.job_id, job.stage, job.position, stage, position, delivered, due_at)
    return done.endswith(" 1")


async def rearm(conn: Connection, job: Job, due_at: datetime) -> None:
    """Starts the job over at `due_at`: the next time zone's turn."""
    await conn.execute(_SQL["rearm"], job.job_id, due_at)


async def finish(conn: Connection, job_id: UUID, state: str = "done") -> None:
    await conn.execute(_SQL["finish"], job_id, state)


async def cancel_fanout(conn: Connection, notification_id: UUID) -> bool:
    """Ends fan-out that is still waiting; whether there was any."""
    return bool(await conn.fetch(_SQL["finish_of_notification"], notification_id))


async def failed(db: Database, job: Job, error: str) -> None:
    """Records why a chunk failed and lets the job wait before its next try."""
    await db.execute(_SQL["failed"], job.job_id, error)


async def subscribers(conn: Connection, project_id: int, topic: str, after: int, limit: int) -> list[asyncpg.Record]:
    """The next subscribers of a topic in key order: person_id, user_id, timezone, delegate."""
    return await conn.fetch(_SQL["subscribers"], project_id, topic, after, limit)


async def everyone(conn: Connection, project_id: int, upto: int, after: int, limit: int) -> list[asyncpg.Record]:
    """The next people of a project in key order, up to a person_id: person_id, user_id, timezone, delegate."""
    return await conn.fetch(_SQL["everyone"], project_id, upto, after, limit)


async def zones(conn: Connection, project_id: int, users: Sequence[str]) -> dict[str, str | None]:
    """Time zones of these users, as far as they are stored."""
    rows = await conn.fetch(_SQL["zones"], project_id, list(users))
    return {row["user_id"]: row["timezone"] for row in rows}


async def project_zone(conn: Connection, project_id: int) -> str:
    """The zone of people without one."""
    return str(await conn.fetchval(_SQL["project_zone"], project_id))
