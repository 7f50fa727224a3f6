"""Presence: who is connected where, as long as their gateway lives.

    hub:{installation}:present:{project}:{base64url(user)}   hash   connection → active | idle
    hub:{installation}:people:{incarnation}                  set    project:base64url(user) of everybody held there
    hub:{installation}:lease:{incarnation}                   string with an expiry; its gateway refreshes it
    hub:{installation}:gateways                              set    incarnations that ever held somebody
    hub:{installation}:present-since                         string unix time: entries are complete SETTLE_SECONDS after

A connection's id begins with its gateway's incarnation, and an entry counts only while that incarnation's lease lives;
so a killed gateway leaves nobody online, and refreshing costs one command per gateway, not one per connection. A
gateway removes its own entries only: a connection that was closed late cannot take a newer one with it.

Present, absent, or unknown. Unknown is what nobody may act on: Redis does not answer, or has been up, or been without
some gateway, for less than SETTLE_SECONDS.
"""

from __future__ import annotations

import asyncio
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from itertools import islice
from typing import Any, Literal, NamedTuple, TypeAlias, cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from hub.bus.tasks import end

log = structlog.get_logger("hub.presence")

SETTLE_SECONDS = 60  # design.md; gateways reconnect within 2 s and then write 100,000 entries in about one
BATCH_ENTRIES = 500  # per pipeline: 2–3 µs an entry in batches, 21–24 µs alone (facts.md)
RETRY_SECONDS = 1.0
_AWAY = (RedisError, OSError, TimeoutError)

State: TypeAlias = Literal["active", "idle"]
INCARNATION_CHARACTERS = 12  # hex


def incarnation_of(connection: str) -> str:
    """The gateway process that holds a connection."""
    return connection[:INCARNATION_CHARACTERS]


def _person(project_id: int, user: str) -> str:
    return f"{project_id}:{urlsafe_b64encode(user.encode('utf-8')).decode('ascii').rstrip('=')}"


class Entry(NamedTuple):
    """One live connection."""

    connection: str
    gateway: str
    state: State


class Presence(NamedTuple):
    """A person's presence. `connections` is empty when `state` is offline or unknown."""

    state: Literal["active", "idle", "offline", "unknown"]
    connections: tuple[Entry, ...]


UNKNOWN = Presence("unknown", ())


async def read_presence(redis: Redis, installation: str, project_id: int, user: str) -> Presence:
    """Where a person is right now. Never raises for Redis: then nobody knows."""
    prefix = f"hub:{installation}"
    pipeline = redis.pipeline(transaction=False)
    pipeline.hgetall(f"{prefix}:present:{_person(project_id, user)}")
    pipeline.get(f"{prefix}:present-since")
    pipeline.time()
    pipeline.info("server")
    try:
        held, since, (now, _), server = await pipeline.execute()
        gateways = sorted({incarnation_of(name.decode("ascii")) for name in held})
        leases = await redis.mget([f"{prefix}:lease:{gateway}" for gateway in gateways]) if gateways else []
    except _AWAY as error:
        log.warning("presence.unknown", error=repr(error))
        return UNKNOWN
    alive = {gateway for gateway, lease in zip(gateways, leases, strict=True) if lease is not None}
    entries = sorted(
        Entry(name.decode("ascii"), incarnation_of(name.decode("ascii")), cast(State, state.decode("ascii")))
        for name, state in held.items()
        if incarnation_of(name.decode("ascii")) in alive
    )
    if entries:
        return Presence("active" if any(e.state == "active" for e in entries) else "idle", tuple(entries))
    settled = since is not None and now - int(since) >= SETTLE_SECONDS and server["uptime_in_seconds"] >= SETTLE_SECONDS
    return Presence("offline", ()) if settled else UNKNOWN


async def holds(redis: Redis, installation: str, project_id: int, user: str, connection: str) -> bool:
    """Whether this connection is this person's, on any gateway. Raises redis.RedisError, OSError."""
    key = f"hub:{installation}:present:{_person(project_id, user)}"
    return bool(await redis.hexists(key, connection))


class PresenceWriter:
    """A gateway's own entries: kept here, written to Redis in batches, written again when Redis has lost them.

    Owner: one gateway. `start()` makes its one task; `close()` removes what is left and may be called twice.
    """

    def __init__(self, redis: Redis, installation: str, incarnation: str, lease_seconds: float = 10.0) -> None:
        self._redis = redis
        self._prefix = f"hub:{installation}"
        self._incarnation = incarnation
        self._lease_seconds = lease_seconds
        self._people: dict[str, dict[str, State]] = {}
        self._changed: dict[tuple[str, str], None] = {}
        self._written: asyncio.Future[None] | None = None
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._reconnected = False
        self._leased = False
        self._due = 0.0  # when to refresh the lease, monotonic

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="presence")

    def set(self, project_id: int, user: str, connection: str, state: State) -> asyncio.Future[None]:
        """This connection is there, in this state. The future is done once Redis has it; nobody has to wait."""
        person = _person(project_id, user)
        self._people.setdefault(person, {})[connection] = state
        return self._change(person, connection)

    def remove(self, project_id: int, user: str, connection: str) -> None:
        """This connection is gone."""
        person = _person(project_id, user)
        held = self._people.get(person)
        if held is None or held.pop(connection, None) is None:
            return
        if not held:
            del self._people[person]
        self._change(person, connection)

    def rewrite(self) -> None:
        """Redis may have lost entries: write all of them again, and let nobody be absent until every gateway has."""
        self._reconnected = True
        self._due = 0.0
        self._changed.update(
            ((person, connection), None) for person, held in self._people.items() for connection in held
        )
        self._wake.set()

    async def close(self) -> None:
        """Removes this gateway's entries, at most 2 s, and ends the task."""
        task, self._task = self._task, None
        if task is None:
            return
        await end(task)
        self._changed.update(
            ((person, connection), None) for person, held in self._people.items() for connection in held
        )
        self._people.clear()
        try:
            async with asyncio.timeout(2):
                await self._flush()
                await self._redis.delete(self._lease, f"{self._prefix}:people:{self._incarnation}")
                await self._redis.srem(f"{self._prefix}:gateways", self._incarnation)
        except _AWAY as error:
            log.warning("presence.not_removed", error=repr(error))

    @property
    def _lease(self) -> str:
        return f"{self._prefix}:lease:{self._incarnation}"

    def _change(self, person: str, connection: str) -> asyncio.Future[None]:
        self._changed[person, connection] = None
        self._wake.set()
        if self._written is None:
            self._written = asyncio.get_running_loop().create_future()
        return self._written

    async def _run(self) -> None:
        while True:
            try:
                if time.monotonic() >= self._due:
                    await self._refresh()
                await self._flush()
            except _AWAY as error:
                log.warning("presence.away", error=repr(error), entries=len(self._changed))
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
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.set(self._lease, b"1", px=milliseconds, get=True)
        pipeline.sadd(f"{self._prefix}:gateways", self._incarnation)
        pipeline.time()
        before, _, (now, _) = await pipeline.execute()
        if before is None and self._leased:
            self.rewrite()
        await self._redis.set(f"{self._prefix}:present-since", int(now), nx=not self._reconnected)
        self._reconnected, self._leased = False, True
        self._due = time.monotonic() + self._lease_seconds / 3

    async def _flush(self) -> None:
        self._wake.clear()
        written, self._written = self._written, None
        try:
            while self._changed:
                batch = list(islice(self._changed, BATCH_ENTRIES))
                for entry in batch:
                    del self._changed[entry]
                try:
                    await self._write(batch)
                except BaseException:
                    self._changed.update(dict.fromkeys(batch))
                    raise
        finally:
            if written is not None and not written.done():
                written.set_result(None)

    async def _write(self, batch: Iterable[tuple[str, str]]) -> None:
        pipeline: Any = self._redis.pipeline(transaction=False)
        people = f"{self._prefix}:people:{self._incarnation}"
        for person, connection in batch:
            key = f"{self._prefix}:present:{person}"
            held = self._people.get(person)
            if held is None:
                pipeline.srem(people, person)
            else:
                pipeline.sadd(people, person)
            if held is None or connection not in held:
                pipeline.hdel(key, connection)
            else:
                pipeline.hset(key, connection, held[connection])
        await pipeline.execute()
