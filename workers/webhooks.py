"""The sender of webhooks: claims what is due for its free slots, posts it, reports what came of it.

Posts run side by side. An endpoint has PER_ENDPOINT of the slots at most, one while it fails, a project PER_PROJECT.
After several failures in a row an endpoint is left alone for a while. So one that is down or slow holds up nobody else,
and costs little.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import structlog
from prometheus_client import Counter

from hub.model.outcome import Failed, Sent, Throttled
from hub.model.times import format_time
from hub.model.webhook import Health, health_of, next_attempt, pause
from hub.runtime import Hub
from hub.store import deliveries, webhooks
from hub.store.database import Connection
from hub.store.webhooks import EndpointHealth, Settled
from workers.channels.webhook import Answered, Posting, WebhookPoster, body_of
from workers.under_way import UnderWay

log = structlog.get_logger("hub.webhooks")

ATTEMPTS = Counter("hub_webhook_attempts_total", "Attempts to post a webhook, by result", ["result"])
SLOTS = 100  # posts under way at once per worker
PER_ENDPOINT = 10  # of them, over all workers; one for an endpoint whose last post failed
PER_PROJECT = 50  # of all its endpoints together: slow ones hold their places for the whole of a post
LEASE_SECONDS = 60.0  # four times the longest post
BATCH = 1_000


class Attempted(NamedTuple):
    """One post and what came of it. `row` is the claim's."""

    row: Any
    answered: Answered
    took_ms: int


class WebhookSender:
    """A worker loop's step: `step()` claims; posts and reports go on beside it. `close()` may be called twice."""

    def __init__(self, hub: Hub, poster: WebhookPoster, on_free: Callable[[], None]) -> None:
        """`on_free` is called when slots came free."""
        self._hub = hub
        self._poster = poster
        self._under_way: UnderWay[Attempted] = UnderWay("webhooks", partial(report, hub), on_free)
        self.settled = self._under_way.settled
        self.close = self._under_way.close

    async def step(self) -> bool:
        """Fills the free slots, and takes a replay further; whether there was something to be done."""
        replaying = await webhooks.replay_some(self._hub.db)
        free = SLOTS - len(self._under_way)
        if free <= 0:
            return replaying  # a report wakes the loop
        bounds = {"per_endpoint": PER_ENDPOINT, "per_project": PER_PROJECT}
        rows = await webhooks.claim(self._hub.db, free, **bounds, lease_seconds=LEASE_SECONDS)
        for row in rows:
            self._under_way.start(self._post(row))
        return replaying or bool(rows)

    async def upkeep(self) -> bool:
        """Takes up what dead workers had, ends what nobody took in its time; whether there is likely more."""
        await webhooks.recover(self._hub.db)
        return await webhooks.give_up(self._hub.db, BATCH) >= BATCH

    async def _post(self, row: Any) -> Attempted:
        started = time.monotonic()
        keys = [row["secret"], *([row["previous_secret"]] if row["previous_secret"] else [])]
        body = body_of(row["type"], format_time(row["at"]), row["data"])
        try:
            answered = await self._poster.post(Posting(row["url"], keys, str(row["message_id"]), body))
        except Exception as error:
            log.exception("webhook.broken", endpoint=str(row["endpoint_id"]))
            answered = Answered(Failed(f"the hub failed: {type(error).__name__}"))
        ATTEMPTS.labels(type(answered.outcome).__name__.lower()).inc()
        return Attempted(row, answered, int((time.monotonic() - started) * 1000))


async def report(hub: Hub, attempts: Sequence[Attempted]) -> None:
    """Settles attempts, one transaction; durable when it returns."""

    async def work(conn: Connection) -> list[UUID]:
        now = await deliveries.clock(conn)
        settled = []
        for row, answered, took_ms in attempts:
            outcome, status = answered
            detail = None if isinstance(outcome, Sent) else outcome.detail
            entry = [int(now.timestamp() * 1000), status, detail, took_ms]
            state, due_at = "sent", None
            if isinstance(outcome, Failed | Throttled):
                tried = row["attempts"] - row["attempts_before"]
                due_at = next_attempt(tried, row["retry_until"], now, random.random(), outcome.retry_after)
                state = "failed" if due_at is None else "due"
            history = msgspec.json.encode([entry]).decode("utf-8")
            settled.append(Settled(row["position"], row["attempts"], state, due_at, history))
        return await webhooks.settle(conn, settled, _health(attempts))

    for endpoint_id in await hub.db.transaction(work):
        log.warning("webhook.endpoint_off", endpoint=str(endpoint_id))


def _health(attempts: Sequence[Attempted]) -> list[EndpointHealth]:
    """What attempts say of their endpoints: of several, one that was taken counts."""
    by_endpoint: defaultdict[UUID, list[tuple[Health, int]]] = defaultdict(list)
    for row, answered, _ in attempts:
        by_endpoint[row["endpoint_id"]].append((health_of(answered.outcome, answered.status), row["failures"]))
    found = []
    for endpoint_id, said in by_endpoint.items():
        gone = any(health.gone for health, _ in said)
        ok = not gone and any(health.ok for health, _ in said)
        asked = max((health.asked for health, _ in said if health.asked is not None), default=None)
        failures = max(failures for _, failures in said) + 1
        wait = pause(0 if ok else failures, random.random(), asked)
        found.append(EndpointHealth(endpoint_id, ok, gone, None if wait is None else wait.total_seconds()))
    return found
