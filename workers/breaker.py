"""The breakers of a route's providers: counted here, shared over Redis, never waited for.

What comes of a message is counted in memory. Once a second, and when a breaker trips here, the counts go to Redis and
what all workers know comes back: two round trips a second, however much is sent. Only a probe asks Redis first, and one
message waits for the answer, for ANSWER_SECONDS at most. While Redis is away each worker goes by what it knows itself.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple, Protocol

import structlog
from prometheus_client import Gauge
from redis.exceptions import RedisError

from hub.bus.breakers import Change
from hub.bus.tasks import end
from hub.model.breaker import FRESH, Admission, Breaker, State, Tally, admission, count, free_at, probe, probed

log = structlog.get_logger("hub.breaker")

SYNC_SECONDS = 1.0  # how old what is known of other workers may be while messages go out
ANSWER_SECONDS = 0.05  # that a message waits for Redis; an answer takes under 1 ms
STATES = {State.CLOSED: 0, State.HALF_OPEN: 1, State.OPEN: 2}
BREAKER_STATE = Gauge(
    "hub_breaker_state", "A provider's breaker: 0 closed, 1 half open, 2 open", ["channel", "provider"]
)


class Store(Protocol):
    """Where breakers are shared: hub.bus.breakers.BreakerStore."""

    def exchange(self, changes: Mapping[str, Change]) -> Awaitable[dict[str, Breaker]]: ...


class Ticket(NamedTuple):
    """Leave to ask a provider once. `probe`: it probes whether it is back, under this name."""

    era: int = 0
    probe: str | None = None


class Breakers:
    """What one worker knows of the breakers of one channel. `close()` may be called twice."""

    def __init__(
        self,
        channel: str,
        names: Iterable[str],
        store: Store | None,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`store`: None shares nothing. `clock` tells unix seconds."""
        self._channel = channel
        self._store = store
        self._clock = clock
        self._chance = chance
        self._known = dict.fromkeys(names, FRESH)  # without what is only in the tallies
        self._seen = dict(self._known)
        self._tallies = {name: Tally() for name in self._known}
        self._asking: set[str] = set()  # whose probe is being asked for
        self._won: dict[str, Ticket] = {}  # probes that are this worker's, and no message's yet
        self._lock = asyncio.Lock()  # exchanges one after the other: an older answer never replaces a newer one
        self._tasks: set[asyncio.Task[Any]] = set()
        self._syncing: asyncio.Task[Any] | None = None
        self._synced_at = 0.0
        self._away = False
        for name in self._known:
            self._show(name)

    def state(self, name: str) -> State:
        return self._seen[name].state

    def free_at(self, name: str) -> float:
        """When to look at it again, in unix seconds."""
        return free_at(self._seen[name], self._clock())

    def may_be_asked(self, name: str) -> bool:
        """Whether `admit` is likely to say yes; nothing is taken yet."""
        wanted = admission(self._seen[name], self._clock())
        return wanted is Admission.ASK or name in self._won or (wanted is Admission.PROBE and name not in self._asking)

    async def admit(self, name: str) -> Ticket | None:
        """Leave to ask this provider now; None: it is left alone. Every ticket is given to `told` or to `dropped`."""
        now = self._clock()
        if now - self._synced_at >= SYNC_SECONDS:
            self._sync_soon()
        wanted = admission(self._seen[name], now)
        if wanted is Admission.PROBE and name not in self._asking:
            task = self._start(self._ask_to_probe(name, now))
            # When it takes longer, this message goes without, and the probe is the next one's.
            await asyncio.wait({task}, timeout=ANSWER_SECONDS)
        found, ticket = self._seen[name], self._won.pop(name, None)
        if ticket is not None and found.probe == ticket.probe and now < found.until:  # nobody came in time otherwise
            log.info("breaker.probed", channel=self._channel, provider=name)
            return ticket
        # Another worker may have found out meanwhile that it is back.
        return Ticket(found.era) if admission(found, now) is Admission.ASK else None

    async def _ask_to_probe(self, name: str, now: float) -> None:
        who = secrets.token_hex(6)
        change: Change = partial(probe, who=who, now=now)
        self._asking.add(name)
        try:
            if self._store is None or self._away or not await self._exchange(self._store, {name: change}):
                self._become(name, change(self._known[name]))
        finally:
            self._asking.discard(name)
        found = self._seen[name]
        if found.state is State.HALF_OPEN and found.probe == who:
            self._won[name] = Ticket(found.era, who)

    def told(self, name: str, ticket: Ticket, *, failed: bool, rests_until: float = 0.0) -> None:
        """What came of asking. A refusal of the message is no failure; one that asks for patience neither.

        Args:
            rests_until: Until when the provider asked to be left alone, in unix seconds.
        """
        now = self._clock()
        if ticket.probe is not None:
            self._probed(name, ticket.probe, now, answered=not failed)
        elif ticket.era == self._seen[name].era:  # what was asked before it changed says nothing about it now
            self._count(name, now, failed=failed)
        if rests_until > now:
            tally = self._tallies[name]
            tally.rests_until = max(tally.rests_until, rests_until)
            self._look(name, now)
            self._sync_soon()

    def dropped(self, name: str, ticket: Ticket) -> None:
        """It was not asked after all, or nothing can be said of what came of it. A probe is the next message's then."""
        if ticket.probe is not None:
            self._won[name] = ticket

    def _count(self, name: str, now: float, *, failed: bool) -> None:
        tally = self._tallies[name]
        if tally.era != self._seen[name].era:
            tally = self._tallies[name] = Tally(self._seen[name].era, [], rests_until=tally.rests_until)
        tally.add(now, failed=failed)
        if failed and self._seen[name].state is State.CLOSED:
            self._look(name, now)
            if self._seen[name].state is State.OPEN:
                self._sync_soon()

    def _probed(self, name: str, who: str, now: float, *, answered: bool) -> None:
        chance = self._chance()
        change: Change = partial(probed, who=who, now=now, chance=chance, answered=answered)
        self._change_soon({name: change})

    def _change_soon(self, changes: Mapping[str, Change]) -> asyncio.Task[Any] | None:
        """Changes them here at once, and for all others as soon as Redis answers; what it says then counts."""
        for name, change in changes.items():
            self._become(name, change(self._known[name]))
        if self._store is None:
            return None
        return self._start(self._exchange(self._store, changes))

    def _start(self, work: Coroutine[Any, Any, object]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work, name=f"breakers-{self._channel}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _sync_soon(self) -> None:
        if self._syncing is None or self._syncing.done():
            self._syncing = self._tell()

    async def sync(self) -> None:
        """Tells what was counted, and learns what the others know. Never raises for Redis."""
        task = self._tell()
        if task is not None:
            await task

    def _tell(self) -> asyncio.Task[Any] | None:
        now = self._synced_at = self._clock()
        changes: dict[str, Change] = {}
        for name, tally in self._tallies.items():
            changes[name] = partial(count, tally=tally, now=now, chance=self._chance())
            self._tallies[name] = Tally(tally.era, [])
        return self._change_soon(changes)

    async def _exchange(self, store: Store, changes: Mapping[str, Change]) -> bool:
        """Whether Redis has answered."""
        async with self._lock:
            try:
                found = await store.exchange(changes)
            except (RedisError, OSError, TimeoutError) as error:
                if not self._away:
                    log.warning("breaker.unshared", channel=self._channel, error=repr(error))
                self._away = True
                return False
            self._away = False
            for name, breaker in found.items():
                self._become(name, breaker)
            return True

    def _become(self, name: str, breaker: Breaker) -> None:
        self._known[name] = breaker
        self._look(name, self._clock())

    def _look(self, name: str, now: float) -> None:
        """What is known, with what is counted and not told yet."""
        before = self._seen[name]
        found = count(self._known[name], self._tallies[name], now, self._chance())
        self._seen[name] = found
        if found.state is not before.state:
            self._show(name)
            log.warning(
                "breaker.changed",
                channel=self._channel,
                provider=name,
                state=found.state.value,
                seconds=round(max(0.0, found.until - now), 1) if found.state is State.OPEN else None,
            )

    def _show(self, name: str) -> None:
        BREAKER_STATE.labels(self._channel, name).set(STATES[self._seen[name].state])

    async def close(self) -> None:
        for task in tuple(self._tasks):
            await end(task)
