"""A gateway's share of presence: it writes who is connected to it. Keys and their meaning are in presence.py."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import structlog
from redis.asyncio.client import Pipeline

from hub.bus.client import AWAY, Bus, checked
from hub.bus.presence import GRACE_LEAST_SHARE, GRACE_SECONDS, State, person_key, prefix_of, prefixes
from hub.bus.tasks import end

log = structlog.get_logger("hub.presence")

BATCH_PEOPLE = 500  # per pipeline: 14 µs of CPU a change (November 2026); one command alone costs 115 (facts.md)
RETRY_SECONDS = 1.0

# KEYS: leaving. ARGV: seconds of grace and person, in turn. A script, for Redis's clock: gateways' may differ by more
# than a grace.
_LEAVE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
for i = 1, #ARGV, 2 do
    redis.call('ZADD', KEYS[1], now + ARGV[i], ARGV[i + 1])
end
"""


class _Part:
    """The entries of one part of the people: kept here, written in batches, written again when Redis has lost them.

    `start()` makes its one task; `close()` removes what is left and may be called twice.
    """

    def __init__(self, redis: Bus, prefix: str, incarnation: str, lease_seconds: float, grace_seconds: float) -> None:
        self._redis = redis
        self._prefix = prefix
        self._incarnation = incarnation
        self._lease_seconds = lease_seconds
        self._grace_seconds = grace_seconds
        self._people: dict[str, dict[str, State]] = {}
        self._changed: dict[str, set[str]] = {}  # by person: what is written of one is written together
        self._written: asyncio.Future[None] | None = None
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._reconnected = False
        self._leased = False
        self._due = 0.0  # when to refresh the lease, monotonic

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="presence")

    def set(self, person: str, connection: str, state: State) -> asyncio.Future[None]:
        self._people.setdefault(person, {})[connection] = state
        return self._change(person, connection)

    def remove(self, person: str, connection: str) -> None:
        held = self._people.get(person)
        if held is None or held.pop(connection, None) is None:
            return
        if not held:
            del self._people[person]
        self._change(person, connection)

    def rewrite(self) -> None:
        self._reconnected = True
        self._due = 0.0
        self._change_all()
        self._wake.set()

    async def close(self) -> None:
        task, self._task = self._task, None
        if task is None:
            return
        await end(task)
        self._change_all()
        self._people.clear()
        try:
            async with asyncio.timeout(2):
                await self.flush()
                await self._redis.at(self._lease, self._remove)
        except AWAY as error:
            log.warning("presence.not_removed", error=repr(error))

    def _remove(self, pipeline: Pipeline) -> None:
        pipeline.delete(self._lease, f"{self._prefix}:people:{self._incarnation}")
        pipeline.srem(f"{self._prefix}:gateways", self._incarnation)

    @property
    def _lease(self) -> str:
        return f"{self._prefix}:lease:{self._incarnation}"

    def _change(self, person: str, connection: str) -> asyncio.Future[None]:
        self._changed.setdefault(person, set()).add(connection)
        self._wake.set()
        if self._written is None:
            self._written = asyncio.get_running_loop().create_future()
        return self._written

    def _change_all(self) -> None:
        for person, held in self._people.items():
            self._changed.setdefault(person, set()).update(held)

    async def _run(self) -> None:
        while True:
            try:
                if time.monotonic() >= self._due:
                    await self._refresh()
                await self.flush()
            except AWAY as error:
                log.warning("presence.away", error=repr(error), people=len(self._changed))
                self.rewrite()
                await asyncio.sleep(RETRY_SECONDS)
                continue
            except Exception:  # whatever it was: without a lease everybody here would count as absent
                log.exception("presence.broken")
                await asyncio.sleep(RETRY_SECONDS)
                continue
            try:
                async with asyncio.timeout(max(0.0, self._due - time.monotonic())):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _refresh(self) -> None:
        """Renews the lease. Where it had gone, Redis was emptied, or we were too slow: everything is written again."""
        milliseconds = int(self._lease_seconds * 1000)

        def renew(pipeline: Pipeline) -> None:
            pipeline.set(self._lease, b"1", px=milliseconds, get=True)
            pipeline.sadd(f"{self._prefix}:gateways", self._incarnation)
            pipeline.time()

        before, _, (now, _) = await self._redis.at(self._lease, renew, transaction=False)
        if before is None and self._leased:
            self.rewrite()
        since, words = f"{self._prefix}:present-since", () if self._reconnected else ("NX",)
        checked(await self._redis.each([(since, ("SET", since, int(now), *words))]))
        self._reconnected, self._leased = False, True
        self._due = time.monotonic() + self._lease_seconds / 3

    async def flush(self) -> None:
        self._wake.clear()
        written, self._written = self._written, None
        try:
            while self._changed:
                batch = dict(islice(self._changed.items(), BATCH_PEOPLE))
                for person in batch:
                    del self._changed[person]
                try:
                    await self._write(batch)
                except BaseException:
                    for person, connections in batch.items():
                        self._changed.setdefault(person, set()).update(connections)
                    raise
        finally:
            if written is not None and not written.done():
                written.set_result(None)

    async def _write(self, batch: Mapping[str, Iterable[str]]) -> None:
        """Writes what changed of some people, in an order that may break off anywhere.

        Between any two of these commands a person who is not active is leaving, and the reaper would find every entry.
        """
        prefix, leaving = self._prefix, f"{self._prefix}:leaving"
        people = f"{prefix}:people:{self._incarnation}"

        def write(pipeline: Any) -> None:
            if held := [person for person in batch if person in self._people]:
                pipeline.sadd(f"{prefix}:gateways", self._incarnation)  # a reaper may have taken us for dead
                pipeline.sadd(people, *held)
            active = [person for person in held if "active" in self._people[person].values()]
            if away := batch.keys() - active:
                shares = ((random.uniform(GRACE_LEAST_SHARE, 1), person) for person in away)
                graces = [part for share, person in shares for part in (share * self._grace_seconds, person)]
                pipeline.eval(_LEAVE, 1, leaving, *graces)
            for person, connections in batch.items():
                key, states = f"{prefix}:present:{person}", self._people.get(person, {})
                there = {connection: states[connection] for connection in connections if connection in states}
                gone = [connection for connection in connections if connection not in states]
                if there:
                    pipeline.hset(key, mapping=there)
                if gone:
                    pipeline.hdel(key, *gone)
            if left := batch.keys() - held:
                pipeline.srem(people, *left)
            if active:
                pipeline.zrem(leaving, *active)

        await self._redis.at(leaving, write, transaction=False)


class PresenceWriter:
    """A gateway's own entries, in as many parts as Redis has: each goes on while the server of another is away.

    Owner: one gateway. `start()` makes its tasks; `close()` removes what is left and may be called twice.
    """

    def __init__(
        self,
        redis: Bus,
        installation: str,
        incarnation: str,
        lease_seconds: float = 10.0,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        self._redis = redis
        self._installation = installation
        self._parts = {
            prefix: _Part(redis, prefix, incarnation, lease_seconds, grace_seconds)
            for prefix in prefixes(redis, installation)
        }

    def start(self) -> None:
        for part in self._parts.values():
            part.start()

    def set(self, project_id: int, user: str, connection: str, state: State) -> asyncio.Future[None]:
        """This connection is there, in this state. The future is done once Redis has it; nobody has to wait."""
        person = person_key(project_id, user)
        return self._part_of(person).set(person, connection, state)

    def remove(self, project_id: int, user: str, connection: str) -> None:
        """This connection is gone; whoever was active with it alone is leaving."""
        person = person_key(project_id, user)
        self._part_of(person).remove(person, connection)

    def _part_of(self, person: str) -> _Part:
        return self._parts[prefix_of(self._redis, self._installation, person)]

    def rewrite(self) -> None:
        """Redis may have lost entries: write all of them again, and let nobody be absent until every gateway has."""
        for part in self._parts.values():
            part.rewrite()

    async def flush(self) -> None:
        """Writes what has changed now. Raises redis.RedisError, OSError."""
        await asyncio.gather(*(part.flush() for part in self._parts.values()))

    async def close(self) -> None:
        """Removes this gateway's entries, at most 2 s, and ends the tasks. Everybody it held is leaving."""
        await asyncio.gather(*(part.close() for part in self._parts.values()))
