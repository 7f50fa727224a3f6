"""Group commit: requests that arrive together share a transaction.

Nobody waits for company: a group starts at once while a slot is free, and what arrives meanwhile forms the next one.
So a lone request costs one transaction, and under load the fsync, the round trips and the announcements are shared.

Three queues, by priority: critical overtakes what waits, and is the last to be refused. Bulk waits behind all others,
and is refused first. (Accepted as jobs, which a worker carries out one by one, bulk cost more than it saved: after ten
minutes of too much the hub did not come to rest at 60 % of what it takes.)

    publish() → queue → group: keys → heads → notifications, items, heads, deliveries, outbox at once → COMMIT → answers

A group that fails is run again one by one, so that a bad request fails alone. Dying before COMMIT: no answer was given
and nothing stands. Dying after it: a retry with the same Idempotency-Key finds the stored answer.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import asyncpg
import msgspec
import structlog
from prometheus_client import Counter, Histogram

from hub.exceptions import Refused, Unavailable
from hub.model.headroom import Headroom
from hub.model.notification import LANES, PERSON_FIELDS, Notification
from hub.publish.broadcast import lock_current
from hub.publish.deliver import Recipient, deliver
from hub.publish.writer import InboxWriter, change_inboxes
from hub.store import idempotency, jobs, notifications
from hub.store.database import GONE
from hub.store.heads import LockedHead
from hub.store.idempotency import Answer, IdempotencyKey
from hub.store.ids import uuid7
from hub.store.inbox import ensure_people

if TYPE_CHECKING:
    from hub.runtime import Hub

log = structlog.get_logger("hub.publish")

PUBLISHED = Counter("hub_notifications_accepted_total", "Notifications accepted", ["priority"])
REFUSED = Counter("hub_notifications_refused_total", "Publishes refused because too many wait", ["priority"])
_PUBLISHED, _REFUSED = ({name: counter.labels(name) for name in LANES} for counter in (PUBLISHED, REFUSED))  # 2 µs less
GROUP_SIZE = Histogram("hub_publish_group_units", "Requests per group commit", buckets=(1, 2, 5, 10, 20, 32, 50, 100))

# Under way at once: while one waits for the disk others compute. Publishes a second, to one person and to lists of 100:
# with two 4,800 and 247, with three 4,900 and 254; four gain nothing but gaps for gateways to read (November 2026).
GROUPS = 3
GROUP_RECIPIENTS = 1_000  # a transaction's worth: some 30 ms
GROUP_UNITS = 100
# While critical ones come they have a group of their own under way, and beside it are others, which are small: all that
# is under way at once shares the processor. Under twice the load they take 100 ms to the screen, where it was 170 in
# three groups for all, and 60 with one other. But one other writes too little where Postgres is slow and the processor
# is not what is short: a queue that no longer emptied at 60 % of the load (November 2026).
URGENT_GROUPS = 2
URGENT_UNITS = 32
URGENT_SECONDS = 1.0  # since the last critical one
# Where normal ones are about to be refused and the processor is what is short, there is one beside it, and after each a
# rest as long as it took. Under twice the load critical ones took 35 to 54 ms, where it was 114 to 157 without it, and
# the slowest of a hundred 334, where it was 480 (medians of windows). Resting from half a queue on cost a third of the
# others, and a queue did not empty any more that 60 % of the load had filled while the machine was slow.
RESTS_FROM = 0.75  # of QUEUE_LIMIT
REST_SECONDS = 0.1  # at most
QUEUE_LIMIT = 5_000  # notifications waiting; past a lane's share of it the caller is told to come back
SHARES = (1.0, 0.8, 0.5)  # of critical, normal, bulk
RETRY_SECONDS = (1, 1, 5)
WAIT_SECONDS = 10.0  # in the queue; past it a request is refused undone: a database that hangs must not fill it


class PublishUnit(msgspec.Struct, eq=False):
    """One request: its notifications and the answer that is remembered with them."""

    notifications: Sequence[Notification]
    answer: Answer
    key: IdempotencyKey | None = None


class _Entry(NamedTuple):
    """A request in the queue; `since` is the loop's time."""

    unit: PublishUnit
    future: asyncio.Future[Answer]
    since: float


class Publisher:
    """Owned by the runtime; `close()` finishes what is queued."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._queues: tuple[deque[_Entry], ...] = tuple(deque() for _ in LANES)
        self._waiting = 0  # notifications in the queue
        self._urgent = float("-inf")  # when the last critical request came, the loop's time
        self._groups: dict[asyncio.Task[None], float] = {}  # since when, the loop's time
        self._urgent_group: asyncio.Task[None] | None = None  # of critical requests alone; one of the groups
        self._headroom = Headroom(time.process_time)
        self._rested = 0.0  # until when groups of others rest, the loop's time
        self._rest: asyncio.TimerHandle | None = None
        self._closing = False
        self._waking: asyncio.Task[None] | None = None
        self._to_wake = False

    async def publish(self, unit: PublishUnit) -> Answer:
        """The unit's answer, or that of its first time; everything is durable when it returns.

        Cancelling does not undo it: the group goes on.

        Raises:
            Unavailable: the queue is full, or Postgres is away; nothing is known to stand.
            Refused: of the idempotency key.
        """
        # A batch goes as its most urgent notification does.
        priority = min((n.priority for n in unit.notifications), default="normal", key=LANES.__getitem__)
        if self.full(priority):
            count_refused(priority)
            raise overloaded(priority)
        lane = LANES[priority]
        loop = asyncio.get_running_loop()
        entry = _Entry(unit, loop.create_future(), loop.time())
        self._queues[lane].append(entry)
        self._waiting += len(unit.notifications)
        if lane == 0:
            self._urgent = entry.since
        self._start()
        return await entry.future

    def full(self, priority: str) -> bool:
        """Whether there is no room for a publish of this priority. Bulk is the first to have none."""
        return self._waiting >= QUEUE_LIMIT * SHARES[LANES[priority]]

    def _start(self) -> None:
        # A group that waits for a connection has taken its requests already, and nothing could overtake them.
        most = max(1, min(GROUPS, self._hub.settings.pool_size - 1))
        lanes: Sequence[deque[_Entry]] = self._queues
        if most > 1 and self._is_urgent():
            if self._queues[0] and self._urgent_group is None and len(self._groups) < most:
                self._urgent_group = self._begin(self._queues[:1])
                lanes = self._queues[1:]  # those that are there are its own
            most = URGENT_GROUPS + (self._urgent_group is not None)
            if self._is_held_back():
                if self._rests():
                    return
                most -= 1
        while (waiting := sum(map(len, lanes))) and len(self._groups) < most:
            self._begin(self._queues)
            # The task takes its group when it first runs: what arrives in this turn of the loop still joins.
            if len(self._groups) * GROUP_UNITS >= waiting:
                break

    def _begin(self, lanes: Sequence[deque[_Entry]]) -> asyncio.Task[None]:
        task = asyncio.create_task(self._group(lanes), name="publish-group")
        self._groups[task] = asyncio.get_running_loop().time()
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        begun = self._groups.pop(task)
        if task is self._urgent_group:
            self._urgent_group = None
        else:
            now = asyncio.get_running_loop().time()
            self._rested = now + min(REST_SECONDS, now - begun)
        self._start()

    def _is_urgent(self) -> bool:
        return asyncio.get_running_loop().time() < self._urgent + URGENT_SECONDS

    def _is_held_back(self) -> bool:
        if self._closing or self._waiting < QUEUE_LIMIT * RESTS_FROM:
            return False
        if len(self._queues[0]) >= URGENT_UNITS:
            return False  # more critical ones than their group takes: any other takes them first
        return self._headroom.is_short(asyncio.get_running_loop().time())

    def _rests(self) -> bool:
        """Whether the next group of others begins later; then it will."""
        loop = asyncio.get_running_loop()
        if loop.time() >= self._rested:
            return False
        if self._rest is None:
            self._rest = loop.call_at(self._rested, self._end_rest)
        return True

    def _end_rest(self) -> None:
        self._rest = None
        self._start()

    def _take(self, lanes: Sequence[deque[_Entry]]) -> list[_Entry]:
        group: list[_Entry] = []
        recipients = 0
        most = URGENT_UNITS if self._is_urgent() else GROUP_UNITS
        oldest = asyncio.get_running_loop().time() - WAIT_SECONDS
        for priority, queue in zip(LANES, lanes, strict=False):
            while queue and len(group) < most and recipients < GROUP_RECIPIENTS:
                entry = queue.popleft()
                self._waiting -= len(entry.unit.notifications)
                if entry.since < oldest:
                    count_refused(priority)
                    self._fail(entry.future, overloaded(priority))
                elif not entry.future.done():
                    group.append(entry)
                    recipients += sum(len(n.users) for n in entry.unit.notifications)
        return group

    async def _group(self, lanes: Sequence[deque[_Entry]]) -> None:
        group = self._take(lanes)
        if not group:
            return
        GROUP_SIZE.observe(len(group))
        error = await self._commit(group)
        if error is None:
            return
        # A value that the driver cannot send counts as its InterfaceError, and is one request's fault all the same.
        if isinstance(error, GONE) and not isinstance(error, asyncpg.DataError):
            self._refuse(group, error)
        elif len(group) == 1:
            self._fail(group[0].future, error)
        else:
            log.warning("publish.group_split", units=len(group), error=repr(error))
            for number, entry in enumerate(group):
                alone = await self._commit([entry])
                if isinstance(alone, GONE) and not isinstance(alone, asyncpg.DataError):
                    self._refuse(group[number:], alone)
                    return
                if alone is not None:
                    self._fail(entry.future, alone)

    def _refuse(self, group: Sequence[_Entry], error: BaseException) -> None:
        log.warning("publish.database_away", units=len(group), error=repr(error))
        for entry in group:
            self._fail(
                entry.future,
                Unavailable(
                    "The database does not answer. Whether this request was carried out is not known; "
                    "send it again with the same Idempotency-Key.",
                    retry_after=1,
                ),
            )

    @staticmethod
    def _fail(future: asyncio.Future[Answer], error: BaseException) -> None:
        if not future.done():
            future.set_exception(error)

    async def _commit(self, group: Sequence[_Entry]) -> Exception | None:
        """Writes a group and answers it. What is returned was raised before the commit: nothing is written twice."""
        units = [entry.unit for entry in group]
        try:
            outcomes = await change_inboxes(self._hub, lambda writer: write_group(writer, units))
        except Exception as error:
            return error
        woken, recipients = False, 0
        accepted: list[str] = []
        for entry, outcome in zip(group, outcomes, strict=True):
            if isinstance(outcome, Refused):
                self._fail(entry.future, outcome)
                continue
            if not entry.future.done():
                entry.future.set_result(outcome)
            if outcome.replayed:
                continue
            for notification in entry.unit.notifications:
                _PUBLISHED[notification.priority].inc()
                accepted.append(str(notification.notification_id))
                recipients += len(notification.users)
                woken = woken or recipients > GROUP_RECIPIENTS or not notification.direct
        if accepted:
            log.info("notification.accepted", notification=accepted)  # one line a group: a line each costs 20 µs each
        if woken:
            self._wake()
        return None

    def _wake(self) -> None:
        """Says that a job is due, beside the groups: a Redis that hangs must not hold up the next commit."""
        self._to_wake = True
        if self._waking is None or self._waking.done():
            self._waking = asyncio.create_task(self._wake_workers(), name="publish-wake")

    async def _wake_workers(self) -> None:
        while self._to_wake:
            self._to_wake = False
            await self._hub.wake_workers()

    async def close(self) -> None:
        """Waits until everything queued has its answer. May be called twice."""
        self._closing = True
        self._start()
        while self._groups:
            await asyncio.wait(set(self._groups))
        if self._rest is not None:
            self._rest.cancel()
        if self._waking is not None:
            await asyncio.wait({self._waking})


def overloaded(priority: str) -> Unavailable:
    """Why a publish of this priority is refused undone."""
    return Unavailable(
        "Too many requests are waiting for the database. This one was not carried out.",
        code="overloaded",
        retry_after=RETRY_SECONDS[LANES[priority]],
    )


def count_refused(priority: str) -> None:
    """Counts a publish that was refused so."""
    _REFUSED[priority].inc()


async def write_group(writer: InboxWriter, units: Sequence[PublishUnit]) -> list[Answer | Refused]:
    """Writes a group in the writer's transaction; for each unit its answer, or why not."""
    conn = writer.conn
    outcomes: list[Answer | Refused] = [unit.answer for unit in units]
    keyed = [index for index, unit in enumerate(units) if unit.key is not None]
    if keyed:
        keys = [key for index in keyed if (key := units[index].key) is not None]
        for index, found in zip(keyed, await idempotency.begin_many(conn, keys), strict=True):
            if found is not None:
                outcomes[index] = found
    fresh = [unit for unit, outcome in zip(units, outcomes, strict=True) if outcome is unit.answer]
    accepted = [notification for unit in fresh for notification in unit.notifications]
    if accepted:
        await _write_notifications(writer, accepted)
    if remembered := [(unit.key, unit.answer) for unit in fresh if unit.key is not None]:
        writer.later(idempotency.remember_many(remembered))
    return outcomes


async def _write_notifications(writer: InboxWriter, accepted: Sequence[Notification]) -> None:
    conn = writer.conn
    direct: list[Notification] = []
    later: list[Notification] = []
    recipients = 0
    for notification in accepted:
        # A batch of a hundred lists would be ten thousand inboxes: past a transaction's worth they are jobs as well.
        if notification.direct and recipients < GROUP_RECIPIENTS:
            direct.append(notification)
            recipients += len(notification.users)
        else:
            later.append(notification)
    await writer.dispatcher.prepare(conn, accepted)
    skipped = {n.notification_id: writer.dispatcher.skipped_for_all(n) for n in accepted}
    rows: list[tuple[Notification, int | None]] = [(n, len(n.users)) for n in direct]
    writer.later(notifications.insert_notifications([*rows, *((n, None) for n in later)], skipped))
    if later:
        await writer.flush()  # jobs refer to them
        await jobs.insert_jobs(conn, [_job(notification) for notification in later])
    if direct:
        await deliver_to_users(writer, [(n, list(n.users)) for n in direct], repeated=False)


def _job(notification: Notification) -> jobs.NewJob:
    # A local time comes first where clocks are furthest ahead; the job finds the other zones' instants itself.
    due_at = notification.send_at or notification.first_local_instant
    lane = LANES[notification.priority]
    return jobs.NewJob(uuid7(), notification.project_id, notification.notification_id, "fanout", lane, due_at)


async def deliver_to_users(
    writer: InboxWriter, wanted: Sequence[tuple[Notification, Sequence[str]]], *, repeated: bool
) -> int:
    """Delivers to people by name, made where missing, with what is told beside their ids; how many were new."""
    keys = dict.fromkeys((n.project_id, user) for n, users in wanted for user in users)
    told: dict[tuple[int, str], dict[str, Any]] = {}
    for notification, users in wanted:
        for user in users:
            fields = {name: value for name in PERSON_FIELDS if (value := notification.users[user].get(name))}
            if fields:
                told.setdefault((notification.project_id, user), {}).update(fields)
    # What is told is stored before actors and heads are read. Where nothing is, and all are known, heads take one
    # statement.
    acted = [n for n, _ in wanted]
    heads: Mapping[tuple[int, str], LockedHead] | None = None
    if not told:
        await notifications.resolve_actors(writer.conn, acted)
        heads = await writer.lock_users(keys)
    if heads is not None:
        reached = [(n, heads.get((n.project_id, user))) for n, users in wanted for user in users]
        recipients = [Recipient(n, head.person.person_id) for n, head in reached if head is not None]
    else:
        people = await ensure_people(writer.conn, list(keys))
        if told:
            await notifications.update_people(writer.conn, _news(people, told))
            await notifications.resolve_actors(writer.conn, acted)
        named = [(n, user, people[n.project_id, user]) for n, users in wanted for user in users]
        recipients = await with_delegates(writer, named)
    await lock_current(writer, [recipient.person_id for recipient in recipients])
    return (await deliver(writer, recipients, repeated=repeated)).recipients


def _news(
    people: Mapping[tuple[int, str], Any], told: Mapping[tuple[int, str], Mapping[str, Any]]
) -> dict[int, Mapping[str, Any]]:
    """What is told and not stored yet, by person. Many tell the same with each publish."""
    rows = ((people[key], fields) for key, fields in told.items())
    return {
        row["person_id"]: fields for row, fields in rows if any(row[name] != value for name, value in fields.items())
    }


async def with_delegates(writer: InboxWriter, named: Sequence[tuple[Notification, str, Any]]) -> list[Recipient]:
    """Recipients of (notification, user, row with `person_id` and `delegate`), and the colleagues whom they named.

    A colleague who is a recipient anyway gets it once; a colleague's own colleague is not asked.
    """
    recipients = [
        Recipient(n, row["person_id"], None if "test" in n.request else row["delegate"]) for n, _, row in named
    ]
    # A test is for whoever it names.
    sent_on = [(n, user, row["delegate"]) for n, user, row in named if row["delegate"] and "test" not in n.request]
    if not sent_on:
        return recipients
    colleagues = await ensure_people(writer.conn, list({(n.project_id, delegate) for n, _, delegate in sent_on}))
    reached = {(n.notification_id, user) for n, user, _ in named}
    for notification, user, delegate in sent_on:
        if (notification.notification_id, delegate) not in reached:
            reached.add((notification.notification_id, delegate))
            person_id = colleagues[notification.project_id, delegate]["person_id"]
            recipients.append(Recipient(notification, person_id, instead_of=user))
    return recipients
