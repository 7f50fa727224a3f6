"""Deliveries: rows that wait, are claimed, and are settled; the table is the queue (hub.model.delivery).

Everything is done in batches. A change names the state, the attempt and the lease in which a row was read, so that a
worker whose lease was lost changes nothing. Workers that move what is at its first attempt lock the order of those keys
before, in a statement of its own: of one person, channel and lane one delivery at a time is at its first attempt, and
the database holds that by a unique index, too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

import asyncpg
import msgspec

from hub.model.delivery import FINAL, State
from hub.model.policy import OUTSIDE_CHANNELS, Condition, Step
from hub.model.reason import Reason
from hub.store.database import Connection, Database
from hub.store.sql import load
from hub.store.together import Write, write_together
from hub.store.webhooks import tell_of_deliveries

_SQL = load("deliveries")
_encode = msgspec.json.encode
LANES = 3
SHARES = (0.70, 0.25, 0.05)
"""Of free slots, for critical, normal, bulk; what one lane does not use the others get (design.md)."""
MAX_DETAIL = 500  # characters: an answer of SMTP (RFC 5321: 512 octets a line), not a page of HTML
_CONTROLS = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0)), " ")
PUT_OFF_SECONDS = 300.0  # until what could not be decided on is tried again: a mended row, or a new release
KEEP_DAYS = 30  # finished deliveries and their history


class OrderKey(NamedTuple):
    """Whose first attempts go one after the other."""

    person_id: int
    channel: str
    lane: int

    @property
    def lock(self) -> int:
        """An advisory lock's number: exact up to 2^57 people, so that no two keys share one."""
        return -1 - ((self.person_id << 6) | (OUTSIDE_CHANNELS.index(self.channel) << 2) | self.lane)


_NO_LOCKS: list[int] = []
FIRST_KEY = OrderKey(0, "", 0)  # before all keys


Note: TypeAlias = tuple[int, str, str, str | None, str | None, str]
"""One entry of a history: unix ms, channel, event, reason, detail, actor."""


def note(
    now: datetime, channel: str, event: str, reason: str | None = None, detail: str | None = None, *, actor: str
) -> Note:
    return (int(now.timestamp() * 1000), channel, event, reason, None if detail is None else printable(detail), actor)


def printable(detail: str) -> str:
    """What jsonb takes and a timeline shows of a text that a provider may have written: no controls, not too long."""
    text = detail[:MAX_DETAIL].encode("utf-8", "replace").decode("utf-8")
    return text.translate(_CONTROLS)


class Shared(msgspec.Struct, eq=False):
    """What rows to insert have in common, told to the database once. `line` and `following` as in hub.model.ladder;
    `following` and `history` are ready JSON.
    """

    notification_id: UUID
    project_id: int
    category: str
    kind: str
    line: int
    step: int
    channel: str
    condition: str
    after_seconds: int
    following: str
    lane: int
    state: str
    reason: str | None
    dispatched_at: datetime
    due_at: datetime
    finished_at: datetime | None
    history: str
    dedupe_key: str | None = None


class NewDelivery(NamedTuple):
    """A row to insert: a person's, at their revision `position`."""

    delivery_id: UUID
    person_id: int
    position: int
    shared: Shared


class Change(msgspec.Struct):
    """What a delivery becomes. None leaves a field as it is, where that can be."""

    delivery_id: UUID
    from_state: str
    from_attempts: int
    state: str
    reason: str | None
    due_at: datetime | None
    attempts: int
    step: int
    channel: str
    condition: str
    after_seconds: int
    following: str | None = None
    digest_id: UUID | None = None
    gathered: str | None = None
    ready: bool = False
    counted: bool = False
    finished: bool = False
    history: str = "[]"
    provider: str | None = None
    reference: str | None = None
    reached: str | None = None
    from_lease: datetime | None = None


def change_of(row: Any, state: State, reason: Reason | None, notes: Sequence[Note], **fields: Any) -> Change:
    """A change of a row that was read with `read_facts`; `fields` replace what it says."""
    values = {
        "due_at": None,
        "attempts": row["attempts"],
        "step": row["step"],
        "channel": row["channel"],
        "condition": row["condition"],
        "after_seconds": row["after_seconds"],
        "digest_id": row["digest_id"],
        "finished": state in FINAL,
        "history": encode_notes(notes),
        "from_lease": row["lease_until"],
        **fields,
    }
    return Change(row["delivery_id"], row["state"], row["attempts"], state.value, reason, **values)


def encode_notes(notes: Sequence[Note]) -> str:
    return _encode(notes).decode("utf-8")


def encode_steps(steps: Iterable[Step]) -> str:
    """Steps as `following` stores them."""
    rows = [(step.channel, int(step.after.total_seconds()), step.condition.value) for step in steps]
    return _encode(rows).decode("utf-8")


def line_of(row: Any) -> tuple[Step, ...]:
    """The step that a row holds, and those after it."""
    held = (row["channel"], row["after_seconds"], row["condition"])
    return tuple(
        Step(channel, timedelta(seconds=seconds), Condition(condition))
        for channel, seconds, condition in (held, *row["following"])
    )


def key_of(row: Any) -> OrderKey:
    return OrderKey(row["person_id"], row["channel"], row["lane"])


def _columns(rows: Sequence[msgspec.Struct], struct: type[msgspec.Struct]) -> list[list[Any]]:
    return [[getattr(row, name) for row in rows] for name in struct.__struct_fields__]


def insert_deliveries(rows: Sequence[NewDelivery]) -> Write:
    """Stores deliveries; what a person already has of a notification's step is left out. `tell` comes after it."""
    shared = list({id(row.shared): row.shared for row in rows}.values())
    place = {id(one): number for number, one in enumerate(shared, 1)}
    values = (
        [row.delivery_id for row in rows],
        [row.person_id for row in rows],
        [row.position for row in rows],
        [place[id(row.shared)] for row in rows],
        *_columns(shared, Shared),
    )
    return Write(_SQL["insert_deliveries"], values)


async def tell(conn: Connection, rows: Sequence[NewDelivery]) -> None:
    """Tells endpoints of those that ended as they were stored; no statement where none did."""
    await tell_of_deliveries(conn, {row.delivery_id: row.shared.state for row in rows})


async def insert(conn: Connection, rows: Sequence[NewDelivery]) -> None:
    """Stores deliveries, and tells of them."""
    if rows:
        await write_together(conn, [insert_deliveries(rows)])
        await tell(conn, rows)


async def lock_waiting(conn: Connection, limit: int, *, lanes: int = LANES) -> list[UUID]:
    """What is to be decided on now, held until the transaction ends; at most `limit`, by the lanes' shares.

    Args:
        lanes: Only of the first so many; 1 is critical alone.
    """
    taken: dict[UUID, int] = {}

    async def take(shares: Sequence[int]) -> Sequence[int]:
        # Our own locks do not hide what we have: a lane that is asked again is asked for that, too.
        held = [sum(1 for lane in taken.values() if lane == number) for number in range(LANES)]
        wider = [share + held[lane] if share else 0 for lane, share in enumerate(shares)]
        rows = await conn.fetch(_SQL["lock_waiting"], *wider)
        new = {row["delivery_id"]: row["lane"] for row in rows if row["delivery_id"] not in taken}
        taken.update(new)
        return list(new.values())

    await conn.execute(_SQL["by_index"], _NO_LOCKS)
    await _by_shares(limit, take, lanes)
    return list(taken)


async def lock_one(conn: Connection, delivery_id: UUID) -> bool:
    """Holds one delivery that is to be decided on now; False when it is not, or somebody else holds it."""
    return await conn.fetchval(_SQL["lock_one"], delivery_id) is not None


async def put_off(db: Database, delivery_id: UUID) -> None:
    """Lets a delivery that cannot be decided on wait for PUT_OFF_SECONDS."""
    await db.execute(_SQL["put_off"], delivery_id, PUT_OFF_SECONDS)


async def put_off_leases(conn: Connection, ids: Iterable[UUID]) -> None:
    """Looks at these claimed deliveries, which cannot be read, again after PUT_OFF_SECONDS."""
    wanted = list(ids)
    if wanted:
        await conn.execute(_SQL["put_off_leases"], wanted, PUT_OFF_SECONDS)


async def _by_shares(free: int, take: Callable[[Sequence[int]], Awaitable[Sequence[int]]], lanes: int = LANES) -> None:
    """Fills `free` slots: each lane its share first, then what is left, the most urgent lane that has more first.

    Args:
        take: Takes up to so many of each lane; answers the lanes of what it got.
    """
    rich = list(range(lanes))  # lanes that may have more: they have not answered with less than they were asked for
    shares = _shares(free) if lanes == LANES else [free, *[0] * (LANES - 1)]
    while free > 0 and rich:
        got = list(await take(shares))
        free -= len(got)
        rich = [lane for lane in rich if got.count(lane) == shares[lane]]
        shares = [free if lane == rich[0] else 0 for lane in range(LANES)] if rich else []


def _shares(free: int) -> list[int]:
    """What each lane may have of `free` slots: rounded so that none is shut out and their sum is `free`."""
    shares = [max(1, round(free * share)) for share in SHARES[1:]]
    return [max(0, free - sum(shares)), *shares] if free >= LANES else [free, 0, 0]


async def read_facts(conn: Connection, ids: Sequence[UUID]) -> list[asyncpg.Record]:
    """Everything that bears on these deliveries, in the order in which they are to go."""
    return await conn.fetch(_SQL["read_facts"], list(dict.fromkeys(ids))) if ids else []


async def change(conn: Connection, changes: Sequence[Change]) -> set[UUID]:
    """Carries out changes, one statement; which of them still applied."""
    if not changes:
        return set()
    applied = {row["delivery_id"] for row in await conn.fetch(_SQL["change"], *_columns(changes, Change))}
    await tell_of_deliveries(conn, {c.delivery_id: c.state for c in changes if c.delivery_id in applied})
    return applied


async def clock(conn: Connection) -> datetime:
    """The database's clock: what everything about deliveries goes by."""
    now: datetime = await conn.fetchval(_SQL["clock"])
    return now


async def promote(conn: Connection, keys: Iterable[OrderKey]) -> None:
    """Makes the next of each key due, where nothing is at its first attempt. Call last in a transaction."""
    wanted = sorted(set(keys))
    if wanted:
        # Who changes what is at its first attempt on somebody's channel does so after whoever did before.
        await conn.execute(_SQL["by_index"], sorted(key.lock for key in wanted))
    while wanted:
        columns = [k.person_id for k in wanted], [k.channel for k in wanted], [k.lane for k in wanted]
        rows = await conn.fetch(_SQL["promote"], *columns)
        wanted = [key_of(row) for row in rows if row["attempts"]]  # one that was tried before holds up nothing


async def promote_stranded(db: Database, after: OrderKey = FIRST_KEY, limit: int = 5_000) -> tuple[int, OrderKey]:
    """Sets free what is queued behind nothing, of the next `limit` keys; how many, and after which key to go on.

    Some 20 ms: a backlog of all people is walked over bit by bit, not in one go by every worker every few seconds.
    """

    async def work(conn: Connection) -> tuple[int, OrderKey]:
        await conn.execute(_SQL["by_index"], _NO_LOCKS)
        rows = await conn.fetch(_SQL["stranded"], *after, limit)
        stranded = [key_of(row) for row in rows if row["stranded"]]
        await promote(conn, stranded)
        return len(stranded), key_of(rows[-1]) if len(rows) == limit else FIRST_KEY

    return await db.transaction(work)


async def claim(db: Database, channel: str, free: int, *, lease_seconds: float, per_project: int) -> dict[UUID, int]:
    """Takes up to `free` due deliveries of a channel for this worker, by the lanes' shares; each with its attempt.

    Durable when it returns: a worker that dies has made an attempt, and its deliveries are due again after the lease.
    """

    async def work(conn: Connection) -> dict[UUID, int]:
        busy = [row["project_id"] for row in await conn.fetch(_SQL["busy_projects"], per_project)]
        claimed: dict[UUID, int] = {}

        async def take(shares: Sequence[int]) -> list[int]:
            rows = await conn.fetch(_SQL["claim"], channel, *shares, busy, lease_seconds)
            claimed.update((row["delivery_id"], row["attempts"]) for row in rows)
            return [row["lane"] for row in rows]

        await conn.execute(_SQL["by_index"], _NO_LOCKS)
        await _by_shares(free, take)
        return claimed

    return await db.transaction(work)


async def lost_leases(conn: Connection, limit: int) -> list[asyncpg.Record]:
    """Deliveries whose worker went away, held until the transaction ends."""
    return await conn.fetch(_SQL["lost_leases"], limit)


async def decide_again(db: Database, people: Iterable[tuple[int, str]]) -> int:
    """Lets what waits for these (project, user) to leave be decided again at once; how many deliveries."""
    pairs = list(people)

    async def work(conn: Connection) -> int:
        await conn.execute(_SQL["by_index"], _NO_LOCKS)
        status = await conn.execute(_SQL["decide_again"], [p for p, _ in pairs], [u for _, u in pairs])
        return int(status.split()[-1])

    return await db.transaction(work)


async def cancel(conn: Connection, notifications: Iterable[UUID], people: Iterable[int]) -> set[int]:
    """Cancels what these people have waiting of these notifications; who had any."""
    rows = await conn.fetch(_SQL["cancel"], list(notifications), list(people))
    return {row["person_id"] for row in rows}


async def hide_shown(conn: Connection, *, people: Iterable[int] = (), ids: Iterable[UUID] = ()) -> list[asyncpg.Record]:
    """Pushes, of these people and among these, that show although the item was dealt with, or cancelled; told once."""
    found = [row["delivery_id"] for row in await conn.fetch(_SQL["find_shown"], list(people), list(ids))]
    return await conn.fetch(_SQL["hide_shown"], found) if found else []


async def delete_of_person(conn: Connection, person_id: int) -> None:
    """Removes everything that was to be sent, or was sent, to a person; their head is gone, so that no more is planned.

    A worker that was deciding on one of their rows may have written the rest of its line meanwhile, which the statement
    that waited for it does not see; where nothing was found, nothing is being decided on.
    """
    while (await conn.execute(_SQL["delete_of_person"], person_id)) != "DELETE 0":
        pass


async def delete_orphans(conn: Connection, ids: Iterable[UUID]) -> None:
    """Removes those of these deliveries whose person is gone: left, they would be taken up again for ever."""
    await conn.execute(_SQL["delete_orphans"], list(ids))


async def list_deliveries(
    db: Database,
    project_id: int,
    *,
    state: str | None = None,
    channel: str | None = None,
    category: str | None = None,
    user: str | None = None,
    reason: str | None = None,
    provider: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: UUID | None = None,
    limit: int = 50,
    categories: Sequence[str] | None = None,
) -> list[asyncpg.Record]:
    """Deliveries of this project, newest first; `categories`: only of these, for keys that may see no others."""
    filters = (state, channel, category, user, before, limit, categories, reason, provider, since, until)
    return await db.fetch(_SQL["list_deliveries"], project_id, *filters)


async def get_delivery(db: Database, project_id: int, delivery_id: UUID) -> asyncpg.Record | None:
    """One delivery of this project with its history, or None."""
    return await db.fetchrow(_SQL["get_delivery"], project_id, delivery_id)


async def purge(db: Database, limit: int) -> int:
    """Deletes deliveries that ended and are older than KEEP_DAYS; how many."""
    oldest = int((datetime.now(UTC) - timedelta(days=KEEP_DAYS)).timestamp() * 1000)
    return int((await db.execute(_SQL["purge"], UUID(int=oldest << 80), limit)).split()[-1])


async def purge_of_gone_projects(db: Database, people: int = 100) -> int:
    """Deletes what is due in projects that were deleted, with all of up to `people` people; how many deliveries."""
    return int((await db.execute(_SQL["purge_of_gone_projects"], people)).split()[-1])
