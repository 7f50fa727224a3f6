"""A channel's way out: which of its providers has a message, and what goes around every one of them alike.

    message ─> somebody may be asked? ─> retry budget ─> paces ─> provider ─> masked, counted ─> Attempt
                    │ no                    │ no          │ no       │ failed, throttled
                    └───────────── Held ────┴─────────────┘          └─> the next provider

Providers are asked in the order of hub.model.failover, without those whose breaker is open, or who asked for patience.
The next one is asked within the same attempt, unless the message may have gone out, or was refused. Where nobody may be
asked no attempt is made: the delivery is `Held`, and comes again when somebody may.
"""

from __future__ import annotations

import asyncio
import random
import time
import traceback
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import NamedTuple

import msgspec
import structlog
from prometheus_client import Counter, Histogram

from hub.bus.breakers import BreakerStore
from hub.bus.client import Bus
from hub.model.breaker import State
from hub.model.failover import in_turn
from hub.model.masking import mask
from hub.model.message import Message
from hub.model.outcome import Attempt, Failed, Held, Outcome, Rejected, Sent, Throttled
from hub.model.pace import PATIENCE_SECONDS, Pace
from hub.model.reason import Reason
from hub.model.retry_budget import WINDOW_SECONDS, RetryBudget
from workers.breaker import Breakers, Ticket
from workers.channels.base import Channel
from workers.pacing import Pacer

log = structlog.get_logger("hub.route")

SEND_SECONDS = 30.0  # the longest that a provider may take; half of the lease
FAILOVER_SECONDS = 20.0  # after which no further provider is asked: with SEND_SECONDS within the lease
REST_SECONDS = 1.0  # that a provider which asks for patience without saying how long is left alone
JITTER_SECONDS = 2.0  # over which those that are held come again, at least; a tenth of the wait, when that is more
BEFORE_CHARACTERS = 120  # of what each provider said that was asked in vain before the last
TRACE_FRAMES = 5  # of a channel that raised: where, in our code
SEND_LATENCY = Histogram("hub_send_seconds", "Duration of one send", ["channel", "provider"])
SENDS = Counter("hub_sends_total", "What providers answered", ["channel", "provider", "result"])
HELD = Counter("hub_sends_held_total", "Messages held back without an attempt", ["channel", "reason"])


class Provider(NamedTuple):
    """A channel's provider, with what its settings say.

    Attributes:
        per_second: Messages that it takes, over all workers; None: as many as there are.
        shared: All messages go to one service, whose state every answer tells. False where each goes where its
            recipient says (a push endpoint, a webhook): what one answers says nothing about the next, and must not
            stop it; there is no breaker, no rest and no retry budget then.
    """

    name: str
    channel: Channel
    order: int = 0
    weight: int = 1
    per_second: float | None = None
    shared: bool = True


class Fleet(NamedTuple):
    """What a route shares with those of other workers, and the paces of its messages; 0: none."""

    redis: Bus | None = None
    installation: str = ""
    project_per_second: float = 0.0
    person_per_minute: float = 0.0


ALONE = Fleet()


class Route:
    """All providers of one channel. Owner: the sender; `close()` may be called twice."""

    def __init__(
        self,
        channel: str,
        providers: Sequence[Provider],
        fleet: Fleet = ALONE,
        *,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`clock` tells unix seconds, `chance` random numbers in [0, 1)."""
        self._channel = channel
        self._providers = sorted(providers, key=lambda provider: provider.order)
        self._ranked = len({provider.order for provider in providers}) == len(providers)
        self._fleet = fleet
        self._clock = clock
        self._chance = chance
        self._budget = RetryBudget() if any(provider.shared for provider in providers) else None
        self.breakers = Breakers(
            channel,
            [provider.name for provider in self._providers if provider.shared],
            None if fleet.redis is None else BreakerStore(fleet.redis, fleet.installation, channel),
            clock,
            chance,
        )
        self._pacer = Pacer(fleet.redis, fleet.installation, clock)

    async def send(self, message: Message) -> Attempt:
        """One attempt: by the first provider that takes it, or refuses it for good. Raises nothing.

        Cancelling is safe; whether the message went out is then not known.
        """
        if not self._providers:
            return Attempt(Failed("no provider is configured"))
        turns = [provider for provider in self._in_turn() if self._may_be_asked(provider)]
        if not turns:
            return self._unavailable()
        retry = message.attempt > 1
        if retry and self._budget is not None and not self._budget.allows(self._clock()):
            return self._retries_held()
        paces = [*self._paces_of(message), *self._paces_of_provider(turns[0])]
        if paces:
            place = await self._pacer.place(paces, self._patience(message))
            if not place.taken:
                return self._hold(Reason.PACED, place.wait)
            if place.wait > 0:
                await asyncio.sleep(place.wait)
        if self._budget is not None and not self._budget.take(self._clock(), retry=retry):
            return self._retries_held()
        return await self._ask_in_turn(message, turns) or self._unavailable()

    def _in_turn(self) -> Sequence[Provider]:
        return self._providers if self._ranked else in_turn(self._providers, self._chance())

    def _may_be_asked(self, provider: Provider) -> bool:
        return not provider.shared or self.breakers.may_be_asked(provider.name)

    def _patience(self, message: Message) -> float:
        return PATIENCE_SECONDS.get(message.priority, PATIENCE_SECONDS["normal"])

    def _paces_of(self, message: Message) -> list[Pace]:
        """The project's and the person's; what must arrive, and what closes a push, does not wait for its person."""
        found = []
        per_second, per_minute = self._fleet.project_per_second, self._fleet.person_per_minute
        if per_second:
            found.append(Pace(f"{self._channel}:project:{message.project_id}", 1 / per_second))
        if per_minute and message.kind == "step" and message.priority != "critical":
            found.append(Pace(f"{self._channel}:person:{message.person_id}", 60 / per_minute))
        return found

    def _paces_of_provider(self, provider: Provider) -> list[Pace]:
        if provider.per_second is None:
            return []
        return [Pace(f"{self._channel}:provider:{provider.name}", 1 / provider.per_second)]

    async def _ask_in_turn(self, message: Message, turns: Sequence[Provider]) -> Attempt | None:
        """What the first that answers for good says, or the last; None when nobody could be asked."""
        started = asyncio.get_running_loop().time()
        attempt: Attempt | None = None
        for provider in turns:
            if attempt is not None and asyncio.get_running_loop().time() - started > FAILOVER_SECONDS:
                break
            if provider is not turns[0] and not await self._has_room(provider, message):
                continue
            ticket = await self.breakers.admit(provider.name) if provider.shared else None
            if provider.shared and ticket is None:
                continue
            outcome = await self._ask(provider, message, ticket)
            before = () if attempt is None else (*attempt.before, _word_of(attempt))
            if attempt is not None:
                outcome = _joined(attempt.outcome, outcome)
            attempt = Attempt(outcome, provider.name, before)
            if isinstance(outcome, Sent | Rejected):
                break
            if isinstance(outcome, Failed):
                if outcome.handed_over or outcome.recipient:
                    break
                if outcome.reached - message.reached:
                    message = msgspec.structs.replace(message, reached=message.reached | outcome.reached)
        return attempt

    async def _has_room(self, provider: Provider, message: Message) -> bool:
        """Whether one that is asked after another has a place in its pace soon enough; waits for it."""
        paces = self._paces_of_provider(provider)
        if paces:
            place = await self._pacer.place(paces, self._patience(message))
            if place.taken and place.wait > 0:
                await asyncio.sleep(place.wait)
            return place.taken
        return True

    async def _ask(self, provider: Provider, message: Message, ticket: Ticket | None) -> Outcome:
        loop = asyncio.get_running_loop()
        started = loop.time()
        outcome: Outcome | None = None
        failed: bool | None = None  # None: it says nothing about the provider
        rests_until = 0.0
        try:
            async with asyncio.timeout(SEND_SECONDS) as limit:
                outcome = await provider.channel.send(message)
            failed = isinstance(outcome, Failed) and not outcome.recipient
            if isinstance(outcome, Throttled):
                rests_until = self._clock() + _seconds(outcome.retry_after)
        except TimeoutError as error:
            outcome = _broken(provider, message, error)
            if limit.expired():
                outcome, failed = Failed(f"no answer within {SEND_SECONDS:g} s", handed_over=True), True
        except Exception as error:
            outcome = _broken(provider, message, error)
        finally:
            # Also when it was cancelled, and nothing is known.
            SEND_LATENCY.labels(self._channel, provider.name).observe(loop.time() - started)
            if ticket is not None:
                if failed is None and (ticket.probe is None or outcome is None):
                    self.breakers.dropped(provider.name, ticket)
                else:
                    self.breakers.told(provider.name, ticket, failed=failed is not False, rests_until=rests_until)
        SENDS.labels(self._channel, provider.name, type(outcome).__name__.lower()).inc()
        return _masked(outcome)

    def _unavailable(self) -> Attempt:
        """Nobody may be asked: every breaker is open, or a provider that works has asked for patience."""
        names = [provider.name for provider in self._providers if provider.shared]
        down = all(self.breakers.state(name) is not State.CLOSED for name in names)
        wait = max(0.0, min(map(self.breakers.free_at, names)) - self._clock())
        wait += self._chance() * max(JITTER_SECONDS, wait / 10)
        return self._hold(Reason.PROVIDERS_DOWN if down else Reason.PACED, wait)

    def _retries_held(self) -> Attempt:
        return self._hold(Reason.RETRIES_HELD, WINDOW_SECONDS * (0.5 + self._chance() / 2))

    def _hold(self, why: Reason, seconds: float) -> Attempt:
        HELD.labels(self._channel, why.value).inc()
        return Attempt(Held(why, timedelta(seconds=seconds)))

    async def close(self) -> None:
        await self.breakers.close()
        await self._pacer.close()
        for provider in self._providers:
            await provider.channel.close()


def _broken(provider: Provider, message: Message, error: Exception) -> Failed:
    """The log says where, and not with which words: those may quote an address."""
    log.error(
        "channel.broken",
        provider=provider.name,
        delivery=str(message.delivery_id),
        error=mask(repr(error)),
        trace="".join(traceback.format_tb(error.__traceback__)[-TRACE_FRAMES:]),
    )
    return Failed(f"the channel failed: {type(error).__name__}")


def _seconds(retry_after: timedelta | None) -> float:
    return REST_SECONDS if retry_after is None else max(0.0, retry_after.total_seconds())


def _masked(outcome: Outcome) -> Outcome:
    return outcome if isinstance(outcome, Sent) else outcome._replace(detail=mask(str(outcome.detail)))


def _word_of(attempt: Attempt) -> str:
    """What one said that was asked in vain."""
    said = getattr(attempt.outcome, "detail", None) or type(attempt.outcome).__name__.lower()
    return f"{attempt.provider}: {said}"[:BEFORE_CHARACTERS]


def _joined(before: Outcome | Held, last: Outcome) -> Outcome:
    """The last one's outcome, with whom any of them has reached, and the shorter of the waits that they ask for."""
    if isinstance(last, Sent | Rejected) or not isinstance(before, Failed | Throttled):
        return last
    waits = (before.retry_after, last.retry_after)
    retry_after = None if waits[0] is None or waits[1] is None else min(waits[0], waits[1])
    reached = before.reached if isinstance(before, Failed) else frozenset[str]()
    if isinstance(last, Throttled):
        return Failed(last.detail, retry_after, reached=reached) if reached else last._replace(retry_after=retry_after)
    return last._replace(retry_after=retry_after, reached=last.reached | reached)
