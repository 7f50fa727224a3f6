"""Fan-out jobs: lists over 100, topics, everyone, schedules, large cancellations.

A job's checkpoint is (stage, position):

| stage | walks over                            | position               |
|-------|---------------------------------------|------------------------|
| 0     | explicit users                        | index in the list      |
| 1 … n | subscribers of the n-th topic         | last person_id         |
| n + 1 | everyone: one broadcast row; with a   | last person_id         |
|       | local send time all people, in chunks |                        |
| n + 2 | everyone of a broadcast that leaves   | last person_id         |
|       | the app, in chunks                    |                        |

`run_chunk` does one chunk in one transaction: it shares the notification (a cancellation waits, or is seen), delivers,
and moves the checkpoint by compare-and-set. Killed anywhere, the job stands at its last commit; who got the
notification before is left out, because (person, notification) is unique. After each chunk the lease is given back, so
that the next claim takes whatever is most urgent by then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import available_timezones

import structlog

from hub.bus import announce
from hub.model.notification import Notification, local_instant
from hub.publish.broadcast import lock_current
from hub.publish.cancel import withdraw
from hub.publish.deliver import Outside, Recipient, deliver
from hub.publish.publisher import deliver_to_users, with_delegates
from hub.publish.writer import InboxWriter, change_inboxes
from hub.store import items, jobs, notifications
from hub.store.database import GONE
from hub.store.inbox import ensure_heads
from hub.store.jobs import Job

if TYPE_CHECKING:
    from hub.runtime import Hub

log = structlog.get_logger("hub.jobs")
CHUNK = 500  # people per transaction


class LeaseLost(Exception):
    """Somebody else moved this job on; the transaction is rolled back and nothing of the chunk stands."""


class _Step(NamedTuple):
    """What a chunk did: people reached, and the checkpoint after it; None when the job is through.

    Attributes:
        broadcast: Whether a broadcast went out.
        everyone: Whether it is for everyone, who are counted otherwise.
    """

    reached: int
    checkpoint: tuple[int, int] | None
    broadcast: bool = False
    everyone: bool = False


async def run_chunk(hub: Hub, job: Job) -> None:
    """One chunk of a claimed job. Its effects are durable when it returns.

    Raises:
        LeaseLost: another worker went on with it.
    """

    async def work(writer: InboxWriter) -> _Step:
        row = await notifications.share_notification(writer.conn, job.notification_id)
        if row is None:
            await jobs.finish(writer.conn, job.job_id, "cancelled")
            return _Step(0, None)
        if job.kind == "cancel":
            step = await _withdraw_chunk(writer, job)
        else:
            expired = row["expires_at"] is not None and row["expires_at"] <= job.now
            if row["cancelled_at"] is not None or expired:
                await jobs.finish(writer.conn, job.job_id, "cancelled")
                return _Step(0, None)
            step = await _fanout_chunk(writer, job, row)
        stage, position = step.checkpoint or (job.stage, job.position)
        if not await jobs.advance(writer.conn, job, stage, position, step.reached, _as_of(job)):
            raise LeaseLost(str(job.job_id))
        if step.checkpoint is None:
            await _finish(writer, job, row, step)
        return step

    step = await change_inboxes(hub, work)
    if step.broadcast:
        await hub.publish_hint(announce.project_channel(hub.installation, job.project_id), b"b")
        await _count(hub, job)
    log.debug("job.chunk", job=str(job.job_id), notification=str(job.notification_id), reached=step.reached)


async def _finish(writer: InboxWriter, job: Job, row: Any, step: _Step) -> None:
    if job.kind == "cancel":
        await jobs.finish(writer.conn, job.job_id)
        return
    local = row["send_local"]
    following = _next_instant(local, _as_of(job)) if local is not None else None
    if following is not None:
        await jobs.rearm(writer.conn, job, following)
        return
    if not step.everyone:
        await notifications.set_recipients(writer.conn, job.notification_id, job.delivered + step.reached)
    await jobs.finish(writer.conn, job.job_id)


def _as_of(job: Job) -> datetime:
    """The moment that a walk over the recipients goes by, kept in `due_at` from its first chunk to its last.

    Were it every chunk's own clock, a zone whose time comes during the walk would be passed over by the chunks before
    and no longer be the next one after.
    """
    return job.now if (job.stage, job.position) == (0, 0) else job.due_at


async def _count(hub: Hub, job: Job) -> None:
    """After the broadcast is out, for it takes as long as there are people; unknown when the database is away."""
    try:
        await notifications.count_recipients(hub.db, job.notification_id)
    except GONE as error:
        log.warning("job.recipients_not_counted", notification=str(job.notification_id), error=repr(error))


async def _withdraw_chunk(writer: InboxWriter, job: Job) -> _Step:
    people = await items.live_of_notification(writer.conn, job.notification_id, job.position, CHUNK)
    reached = await withdraw(writer, [job.notification_id], people) if people else 0
    return _Step(reached, (0, people[-1]) if len(people) == CHUNK else None)


async def _fanout_chunk(writer: InboxWriter, job: Job, row: Any) -> _Step:
    notification = notifications.to_notification(row)
    stage, position, as_of = job.stage, job.position, _as_of(job)
    if stage == 0:
        users = list(notification.users)[position : position + CHUNK]
        reached = await _deliver_users(writer, notification, users, as_of)
        through = position + CHUNK >= len(notification.users)
        return _Step(reached, _next_stage(notification, 0) if through else (0, position + CHUNK))
    if stage <= len(notification.topics):
        topic = notification.topics[stage - 1]
        rows = await jobs.subscribers(writer.conn, job.project_id, topic, position, CHUNK)
        actor = notification.actor.id if notification.actor else None
        others = [row for row in rows if row["user_id"] != actor and row["user_id"] not in notification.users]
        reached = await _deliver_people(writer, notification, others, as_of)
    elif notification.send_local is None and stage == _broadcast_stage(notification):
        await notifications.insert_broadcast(writer.conn, job.project_id, notification.notification_id)
        await writer.dispatcher.prepare(writer.conn, [notification])
        leaves = writer.dispatcher.may_leave(notification)
        return _Step(0, (stage + 1, 0) if leaves else None, broadcast=True, everyone=True)
    elif notification.send_local is None:
        rows = await jobs.everyone(writer.conn, job.project_id, row["people_upto"], position, CHUNK)
        await _plan_outside(writer, notification, [row["person_id"] for row in rows])
        through = len(rows) < CHUNK
        return _Step(0, None if through else (stage, rows[-1]["person_id"]), everyone=True)
    else:
        rows = await jobs.everyone(writer.conn, job.project_id, row["people_upto"], position, CHUNK)
        others = [row for row in rows if row["user_id"] not in notification.users]
        reached = await _deliver_people(writer, notification, others, as_of)
    if len(rows) == CHUNK:
        return _Step(reached, (stage, rows[-1]["person_id"]))
    return _Step(reached, _next_stage(notification, stage))


def _broadcast_stage(notification: Notification) -> int:
    return len(notification.topics) + 1


def _next_stage(notification: Notification, stage: int) -> tuple[int, int] | None:
    last = _broadcast_stage(notification) if notification.everyone else len(notification.topics)
    return (stage + 1, 0) if stage < last else None


async def _deliver_users(writer: InboxWriter, notification: Notification, users: Sequence[str], as_of: datetime) -> int:
    if notification.send_local is not None:
        zones = await jobs.zones(writer.conn, notification.project_id, users)
        told = notification.users
        due = await _due_zones(writer, notification, as_of)
        users = [u for u in users if due(told[u].get("timezone") or zones.get(u))]
    return await deliver_to_users(writer, [(notification, users)], repeated=True) if users else 0


async def _deliver_people(writer: InboxWriter, notification: Notification, rows: Sequence[Any], as_of: datetime) -> int:
    if notification.send_local is not None:
        due = await _due_zones(writer, notification, as_of)
        rows = [row for row in rows if due(row["timezone"])]
    if not rows:
        return 0
    await notifications.resolve_actors(writer.conn, [notification])
    await ensure_heads(writer.conn, [row["person_id"] for row in rows])
    recipients = await with_delegates(writer, [(notification, row["user_id"], row) for row in rows])
    await lock_current(writer, [recipient.person_id for recipient in recipients])
    return (await deliver(writer, recipients, repeated=True)).recipients


async def _plan_outside(writer: InboxWriter, notification: Notification, people: Sequence[int]) -> None:
    """What leaves the app of a broadcast: who has not pulled it yet gets the item now, so that it is there before."""
    if not people:
        return
    await notifications.resolve_actors(writer.conn, [notification])
    await ensure_heads(writer.conn, people)
    await lock_current(writer, people)
    await deliver(writer, [Recipient(notification, p) for p in people], repeated=True, outside=Outside.ALL)


async def _due_zones(writer: InboxWriter, notification: Notification, as_of: datetime) -> Callable[[str | None], bool]:
    """Tells whether the local send time has come in a zone; None is the project's."""
    own = await jobs.project_zone(writer.conn, notification.project_id)

    @cache
    def is_due(zone: str | None) -> bool:
        assert notification.send_local is not None
        return local_instant(notification.send_local, zone or own) <= as_of

    return is_due


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())  # reads the first bytes of 600 files


@lru_cache(maxsize=256)  # campaigns of a day; a service that schedules for every minute must not keep them all
def _instants(local: datetime) -> tuple[datetime, ...]:
    """Every instant at which some place on earth reads `local`: 38 or so, the zones differ in few offsets."""
    return tuple(sorted({local_instant(local, zone) for zone in _zones()}))


def _next_instant(local: datetime, now: datetime) -> datetime | None:
    return next((instant for instant in _instants(local) if instant > now), None)
