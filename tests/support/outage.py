"""An outage of the first of two providers, under load: real Postgres and Valkey, two workers' senders, scripted relays.

The clock of the breakers is the test's; deliveries wait by the database's, moved by `later`. So nothing waits for real
time, and the same account comes out on a slow machine.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from hub.model.breaker import MAX_OPEN_SECONDS, OPEN_SECONDS, State
from hub.model.message import Message
from hub.model.outcome import Failed, Sent
from hub.model.retry_budget import FLOOR_PER_SECOND, SHARE, WINDOW_SECONDS
from hub.publish.schedule import decide_due
from hub.runtime import Hub
from tests.support.deliveries import Steps, put_category, rows
from tests.support.publishing import publish
from tests.support.relays import Clock, Relay
from workers.route import Fleet, Provider, Route
from workers.sender import SLOTS, Sender

PEOPLE = 100  # in a list: what is dispatched in one transaction
WORKERS = 2
MANY_TIMES = 50
OUT = Failed("421 4.3.2 service not available")
LADDER = [{"channel": "in_app"}, {"channel": "email"}]


@dataclass
class Account:
    """What happened, in numbers of messages."""

    published: int = 0
    sent: dict[str, int] = field(default_factory=dict)  # by provider
    asked_while_out: int = 0  # the first provider, from its outage until its breaker was open everywhere
    probes_in_vain: int = 0
    probes_back: int = 0
    retries: int = 0
    held: int = 0  # while both were out
    problems: list[str] = field(default_factory=list)


class Outage:
    """Two workers' ways out to two relays."""

    def __init__(self, hub: Hub, project_id: int) -> None:
        self.hub = hub
        self.project_id = project_id
        self.clock = Clock()
        self.first, self.second = Relay(), Relay()
        providers = [Provider("relay-1", self.first, 0), Provider("relay-2", self.second, 1)]
        fleet = Fleet(hub.redis, hub.installation)
        self.routes = [Route("email", providers, fleet, clock=self.clock) for _ in range(WORKERS)]
        self.senders = [Sender(hub, "email", route, route, lambda: None) for route in self.routes]
        self.steps = Steps(hub)
        self.account = Account()

    async def close(self) -> None:
        for sender in self.senders:
            await sender.close()
        for route in self.routes:
            await route.close()

    async def publish(self, messages: int) -> None:
        """To lists of PEOPLE, and decided on: due."""
        for number in range(messages // PEOPLE):
            people = [f"u{number}-{person}" for person in range(PEOPLE)]
            await publish(self.hub, self.project_id, recipients=people, title="t", category="mail")
        self.account.published += messages // PEOPLE * PEOPLE
        while await decide_due(self.hub):
            pass

    async def drain(self) -> None:
        """Both workers send until nothing is due."""

        async def work(sender: Sender) -> None:
            while await sender.step():
                await sender.settled()

        await asyncio.gather(*map(work, self.senders))

    async def know(self) -> None:
        """Both workers know what the other knows."""
        for _ in range(2):
            for route in self.routes:
                await route.breakers.sync()

    async def later(self, seconds: float) -> None:
        self.clock.later(seconds)
        await self.steps.later(seconds=seconds)

    def states(self) -> set[State]:
        return {route.breakers.state("relay-1") for route in self.routes}

    def expect(self, what: str, *, true: bool) -> None:
        if not true:
            self.account.problems.append(what)


async def run_outage(hub: Hub, project_id: int, messages: int) -> Account:
    """The first of two providers goes out in the middle of `messages`, is probed in vain, comes back; then both go."""
    await put_category(hub, project_id, "mail", ladder=LADDER, retry={"max_attempts": 8, "max_age": "PT24H"})
    world = Outage(hub, project_id)
    try:
        await _goes_out_under_load(world, messages)
        await _is_probed_in_vain(world)
        await _comes_back(world)
        await _both_go(world)
        await _nothing_is_lost(world)
    finally:
        await world.close()
    return world.account


async def _goes_out_under_load(world: Outage, messages: int) -> None:
    await world.publish(messages)
    breaks_at = messages // 5

    async def breaks(_message: Message) -> None:
        if len(world.first.asked) > breaks_at:
            world.first.answer = OUT

    world.first.before = breaks
    await world.drain()
    await world.know()
    world.account.asked_while_out = len(world.first.asked) - len(world.first.took)
    world.expect("the breaker is open in both workers", true=world.states() == {State.OPEN})
    # What was under way in both workers when it went out, and no more than trips the breaker besides.
    world.expect("the second takes over at once", true=world.account.asked_while_out <= WORKERS * SLOTS + 200)
    everybody = len(world.first.took) + len(world.second.took)
    world.expect("everything is sent in the first attempt", true=everybody == messages)
    world.first.before = None


async def _is_probed_in_vain(world: Outage) -> None:
    for _ in range(2):
        asked = len(world.first.asked)
        await world.publish(PEOPLE)
        await world.drain()
        world.expect("it is left alone while its breaker is open", true=len(world.first.asked) == asked)
        await world.later(OPEN_SECONDS * 5)
        for _ in range(MANY_TIMES):  # on a busy machine Redis's answer may come too late for all of these
            await world.publish(PEOPLE * WORKERS)
            await world.drain()
            if len(world.first.asked) > asked:
                break
        await world.know()
        world.account.probes_in_vain += len(world.first.asked) - asked
    world.expect("one message probes each time", true=world.account.probes_in_vain == 2)


async def _comes_back(world: Outage) -> None:
    asked, taken = len(world.first.asked), len(world.second.took)
    probed, answered = asyncio.Event(), asyncio.Event()
    world.first.answer = Sent()

    async def slowly(_message: Message) -> None:
        probed.set()
        await answered.wait()

    world.first.before = slowly
    await world.later(MAX_OPEN_SECONDS * 2)
    published = 0
    for _ in range(MANY_TIMES):
        await world.publish(PEOPLE * WORKERS)
        published += PEOPLE * WORKERS
        draining = asyncio.create_task(world.drain())
        waiting = asyncio.create_task(probed.wait())
        await asyncio.wait({draining, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if probed.is_set():
            break
    while len(world.second.took) < taken + published - 1 and not draining.done():
        await asyncio.sleep(0.01)
    world.account.probes_back = len(world.first.asked) - asked
    world.expect("exactly one probes it", true=world.account.probes_back == 1)
    answered.set()
    await draining
    await world.know()
    world.expect("it is taken back by all", true=world.states() == {State.CLOSED})
    world.first.before = None
    asked = len(world.first.asked)
    await world.publish(PEOPLE)
    await world.drain()
    world.expect("everything goes by it again", true=len(world.first.asked) == asked + PEOPLE)


async def _both_go(world: Outage) -> None:
    world.first.answer = world.second.answer = OUT
    await world.publish(PEOPLE * 5)
    await world.drain()
    await world.know()
    asked = len(world.first.asked), len(world.second.asked)
    await world.publish(PEOPLE)
    await world.drain()
    world.expect("nobody is asked while both are out", true=asked == (len(world.first.asked), len(world.second.asked)))
    held = [row for row in await rows(world.hub) if row["reason"] == "providers_down"]
    world.account.held = len(held)
    first_held = [row for row in held if row["attempts"] == 0]
    world.expect("what comes then is held without an attempt", true=len(first_held) >= PEOPLE)
    world.first.answer = world.second.answer = Sent()
    for _ in range(200):
        await world.later(WINDOW_SECONDS)
        before = sum(_attempts(await rows(world.hub)))
        await world.drain()
        again = sum(_attempts(await rows(world.hub))) - before
        budget = WORKERS * FLOOR_PER_SECOND * WINDOW_SECONDS + SHARE * PEOPLE * 6
        world.expect(f"retries keep to their budget: {again}", true=again <= budget)
        if not await world.hub.db.fetch("SELECT 1 FROM deliveries WHERE finished_at IS NULL LIMIT 1"):
            return
    world.account.problems.append("it does not end")


def _attempts(found: list[dict[str, int]]) -> list[int]:
    return [max(0, row["attempts"] - 1) for row in found]


async def _nothing_is_lost(world: Outage) -> None:
    found = await rows(world.hub)
    account = world.account
    account.retries = sum(_attempts(found))
    account.sent = dict(Counter(row["provider"] for row in found if row["state"] == "sent"))
    took = Counter(message.delivery_id for relay in (world.first, world.second) for message in relay.took)
    world.expect("every message was taken once", true=len(took) == account.published and set(took.values()) == {1})
    world.expect("every delivery is sent", true={row["state"] for row in found} == {"sent"})
    world.expect("both had their share", true=set(account.sent) == {"relay-1", "relay-2"})
