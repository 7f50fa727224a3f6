"""The worker role: what happens without anybody asking.

| loop     | does                                                        | at the latest after |
|----------|-------------------------------------------------------------|---------------------|
| jobs     | fan-out and large cancellations, chunk by chunk             | 1 s, or a wake-up   |
| schedule | decides on deliveries whose time has come; beside it one    | 0.5 s, or a wake-up |
|          | loop for critical ones alone                                |                     |
| digests  | closes digests                                              | 1 s                 |
| send     | one for each channel: claims, sends, reports                | 0.5 s, or a wake-up |
| absent   | decides again what waited for people who have left          | 1 s                 |
| leases   | takes up what dead workers had claimed                      | 5 s                 |
| settle   | expiry and the end of snoozes                               | 1 s                 |
| outbox   | announces again what was left behind                        | 1 s                 |
| webhooks | claims, posts and reports messages to backends' endpoints   | 1 s                 |
| upkeep   | purges old keys, tombstones, jobs, deliveries, events       | 60 s                |

Any number of workers may run: claims skip what others hold, and every step is one transaction.
"""

from __future__ import annotations

import asyncio
import secrets

import structlog

from hub.bus.announce import DELIVERIES, fleet_channel
from hub.bus.subscribe_cluster import create_subscriber
from hub.publish.absent import ABSENT_PEOPLE, decide_absent
from hub.publish.gather import close_due
from hub.publish.inbox import settle_due
from hub.publish.jobs import LeaseLost, run_chunk
from hub.publish.reannounce import reannounce
from hub.publish.schedule import decide_due
from hub.publish.settle import recover
from hub.runtime import Hub
from hub.store import (
    deliveries,
    digests,
    events,
    idempotency,
    jobs,
    push_subscriptions,
    retention,
    sandbox,
    templates,
    webhooks,
)
from workers.channels.sandbox import Sandbox
from workers.channels.webhook import WebhookPoster
from workers.loop import Loop
from workers.providers import routes_of
from workers.route import Provider, Route
from workers.sender import Sender
from workers.webhooks import SLOTS, WebhookSender

log = structlog.get_logger("hub.worker")

JOB_LOOPS = 2  # chunks under way at once per worker: one waits for Postgres while the other computes
SETTLE_PEOPLE = 200
PURGE_ROWS = 1_000
POLL_SECONDS = 0.5  # without a wake-up: how late a delivery whose time has come may be decided on


class Worker:
    """Runs all loops until `stop()`."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.jobs = [Loop("jobs", self._job, 1.0) for _ in range(JOB_LOOPS)]
        self.schedules = [
            Loop("schedule", self._schedule, POLL_SECONDS),
            Loop("schedule_critical", self._schedule_critical, POLL_SECONDS),
        ]
        self._walked = deliveries.FIRST_KEY
        self._sandbox = Sandbox(hub.db)
        self._routes = routes_of(hub)
        self._senders: list[Sender] = []
        self.sending: list[Loop] = []
        for channel, route in self._routes.items():
            trial = Route(channel, [Provider("sandbox", self._sandbox, shared=False)])
            sender = Sender(hub, channel, route, trial, self._wake_senders)
            self._senders.append(sender)
            self.sending.append(Loop(f"send_{channel}", sender.step, POLL_SECONDS))
        self._poster = WebhookPoster(allow_private=hub.settings.allow_private_push, connections=SLOTS)
        self._webhooks = WebhookSender(hub, self._poster, self._wake_webhooks)
        self._posting = Loop("webhooks", self._webhooks.step, 1.0)
        self.loops = [
            *self.jobs,
            *self.schedules,
            *self.sending,
            Loop("digests", self._digests, 1.0),
            Loop("absent", self._absent, 1.0),
            Loop("leases", self._leases, 5.0),
            Loop("settle", self._settle, 1.0),
            Loop("outbox", self._outbox, 1.0),
            self._posting,
            Loop("webhook_leases", self._webhooks.upkeep, 15.0),
            Loop("upkeep", self._upkeep, 60.0),
        ]
        self._subscriber = create_subscriber(
            hub.settings.redis_url.get_secret_value(),
            control=f"{fleet_channel(hub.installation)}:{secrets.token_hex(8)}",
            publish=hub.redis.publish,
            on_message=self._hear,
            on_gap=lambda _channels: self.wake(),
            probe_seconds=hub.settings.probe_seconds,
        )

    async def run(self) -> None:
        """Returns after `stop()`, when every step under way has ended. Cancelling is safe: transactions roll back."""
        self._subscriber.start()
        try:
            async with asyncio.TaskGroup() as group:
                listening = group.create_task(self._listen(), name="worker-listen")
                loops = [group.create_task(loop.run(), name=f"worker-{loop.name}") for loop in self.loops]
                await asyncio.wait(loops)
                listening.cancel()
        finally:
            for sender in self._senders:
                await sender.close()
            await self._webhooks.close()
            for route in self._routes.values():
                await route.close()
            await self._poster.close()
            await self._sandbox.close()
            await self._subscriber.close()

    async def _listen(self) -> None:
        """Wake-ups only save the rest of a poll's second: while Redis is away the loops poll."""
        await self._subscriber.subscribe(fleet_channel(self._hub.installation).encode("ascii"))

    def stop(self) -> None:
        for loop in self.loops:
            loop.stop()

    def wake(self) -> None:
        """Something is due."""
        for loop in (*self.jobs, *self.schedules, *self.sending):
            loop.wake()

    def _hear(self, _name: bytes, payload: bytes) -> None:
        if payload == DELIVERIES:
            self._wake_schedules()
        else:
            for loop in self.jobs:
                loop.wake()

    def _wake_schedules(self) -> None:
        for loop in self.schedules:
            loop.wake()

    def _wake_senders(self) -> None:
        for loop in self.sending:
            loop.wake()

    def _wake_webhooks(self) -> None:
        self._posting.wake()

    async def _schedule(self) -> bool:
        return await self._decide(critical=False)

    async def _schedule_critical(self) -> bool:
        return await self._decide(critical=True)

    async def _decide(self, *, critical: bool) -> bool:
        decided = await decide_due(self._hub, critical=critical)
        if decided:
            self._wake_senders()
        return decided > 0

    async def _digests(self) -> bool:
        closed = await close_due(self._hub)
        if closed:
            self._wake_senders()
        return closed

    async def _absent(self) -> bool:
        again = await decide_absent(self._hub)
        if again:
            self._wake_schedules()
        return again >= ABSENT_PEOPLE

    async def _leases(self) -> bool:
        lost = await recover(self._hub)
        freed, self._walked = await deliveries.promote_stranded(self._hub.db, self._walked)
        if lost or freed:
            self._wake_senders()
        return lost > 0

    async def _job(self) -> bool:
        job = await jobs.claim(self._hub.db)
        if job is None:
            return False
        try:
            await run_chunk(self._hub, job)
        except LeaseLost:
            log.info("job.lease_lost", job=str(job.job_id), notification=str(job.notification_id))
        except Exception as error:
            # The job itself waits before its next try; the loop goes on with the others. When the database is away this
            # raises too, and the loop waits.
            await jobs.failed(self._hub.db, job, repr(error))
            log.exception(
                "job.failed", job=str(job.job_id), notification=str(job.notification_id), attempts=job.attempts + 1
            )
        return True

    async def _settle(self) -> bool:
        return await settle_due(self._hub, SETTLE_PEOPLE) > 0

    async def _outbox(self) -> bool:
        return await reannounce(self._hub) > 0

    async def _upkeep(self) -> bool:
        async with self._hub.db.acquire() as conn:
            keys = await idempotency.purge(conn, PURGE_ROWS)
        people = await retention.purge_people(self._hub.db)
        finished = await retention.purge_jobs(self._hub.db, PURGE_ROWS)
        deleted = await retention.purge_deleted_people(self._hub.db, PURGE_ROWS)
        sent = await deliveries.purge(self._hub.db, PURGE_ROWS)
        gone = await deliveries.purge_of_gone_projects(self._hub.db)
        tried = await sandbox.purge(self._hub.db, PURGE_ROWS)
        closed = await digests.purge(self._hub.db, PURGE_ROWS)
        told = await events.purge(self._hub.db, PURGE_ROWS)
        posted = await webhooks.purge(self._hub.db, PURGE_ROWS)
        browsers = await push_subscriptions.purge(self._hub.db, PURGE_ROWS)
        drafts = await templates.purge_drafts(self._hub.db, PURGE_ROWS)
        done = (keys, finished, deleted, sent, tried, closed, told, posted, browsers, drafts)
        return PURGE_ROWS in done or people > 0 or gone > 0
