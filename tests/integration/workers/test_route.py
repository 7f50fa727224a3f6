"""A channel's way out, with two routes as two workers on a real Valkey: failover, breakers, pacing, retry budget."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import timedelta

import pytest

from hub.bus.client import Server, create_redis
from hub.local.servers import Servers
from hub.model.breaker import LEAST, OPEN_SECONDS, PROBE_SECONDS, State
from hub.model.outcome import Attempt, Failed, Held, Rejected, Sent, Throttled
from hub.model.pace import MAX_HOLD_SECONDS, Pace
from hub.model.reason import Reason
from hub.model.retry_budget import FLOOR_PER_SECOND, WINDOW_SECONDS
from tests.support.relays import Clock, Relay, make_message
from tests.support.tcp_proxy import tcp_proxy
from workers.pacing import Pacer
from workers.route import Fleet, Provider, Route

OUT = Failed("421 service not available")


class World:
    """Two relays, and workers whose routes ask them."""

    def __init__(self, redis: Server) -> None:
        self.clock = Clock()
        self.first, self.second = Relay(), Relay()
        self.fleet = Fleet(redis, secrets.token_hex(4))
        self.routes: list[Route] = []

    def route(self, *providers: Provider, fleet: Fleet | None = None) -> Route:
        """One more worker's; by default with both relays, in this order."""
        wanted = providers or (Provider("relay-1", self.first, 0), Provider("relay-2", self.second, 1))
        made = Route("email", wanted, fleet or self.fleet, clock=self.clock, chance=lambda: 0.5)
        self.routes.append(made)
        return made

    async def goes_out(self, route: Route) -> None:
        """The first relay fails until its breaker opens."""
        self.first.answer = OUT
        for _ in range(LEAST):
            await route.send(make_message())
        assert route.breakers.state("relay-1") is State.OPEN
        await route.breakers.sync()
        self.first.asked.clear()
        self.second.asked.clear()


@pytest.fixture
async def redis(servers: Servers) -> AsyncIterator[Server]:
    made = create_redis(servers.redis_url)
    yield made
    await made.aclose()


@pytest.fixture
async def world(redis: Server, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """A machine that is busy with other tests may take longer to answer than a message waits."""
    monkeypatch.setattr("workers.breaker.ANSWER_SECONDS", 10.0)
    monkeypatch.setattr("workers.pacing.ANSWER_SECONDS", 10.0)
    made = World(redis)
    yield made
    for route in made.routes:
        await route.close()
        await route.close()


@pytest.mark.parametrize(
    "answer,asked_next",
    [
        (Sent("1"), False),
        (Rejected("no such mailbox"), False),
        (Failed("no answer to the data", handed_over=True), False),
        (Failed("greylisted", recipient=True), False),
        (Failed("421"), True),
        (Throttled(), True),
        (RuntimeError("a bug"), True),
    ],
    ids=["sent", "rejected", "handed over", "recipient", "failed", "throttled", "raised"],
)
async def test_the_next_provider_is_asked_unless_it_went_out_or_was_refused(
    world: World, answer: Sent | Exception, asked_next: bool
) -> None:
    world.first.answer = answer
    attempt = await world.route().send(make_message())
    assert bool(world.second.asked) is asked_next
    assert attempt.provider == ("relay-2" if asked_next else "relay-1")


async def test_mailboxes_that_are_full_open_no_breaker(world: World) -> None:
    route = world.route()
    world.first.answer = Failed("452 4.2.2", recipient=True)
    for _ in range(30):
        assert (await route.send(make_message())).provider == "relay-1"
    assert not world.second.asked


async def test_an_attempt_tells_who_was_asked_before_and_hides_whom_it_was_for(world: World) -> None:
    world.first.answer = Failed("451 4.7.1 <ada.lovelace@example.com> try later")
    world.second.answer = Rejected("550 5.1.1 ada.lovelace@example.com unknown, key=abc123")
    attempt = await world.route().send(make_message())
    assert attempt == Attempt(
        Rejected("550 5.1.1 a***@example.com unknown, key=***"),
        "relay-2",
        ("relay-1: 451 4.7.1 <a***@example.com> try later",),
    )


async def test_of_what_all_ask_for_the_shortest_wait_counts_and_nobody_reached_is_forgotten(world: World) -> None:
    world.first.answer = Failed("503", timedelta(seconds=5), reached=frozenset({"phone"}))
    world.second.answer = Failed("503", timedelta(hours=1), reached=frozenset({"laptop"}))
    attempt = await world.route().send(make_message())
    assert attempt.outcome == Failed("503", timedelta(seconds=5), reached=frozenset({"phone", "laptop"}))
    assert world.second.asked[0].reached == {"phone"}


async def test_a_provider_that_asks_for_patience_is_left_alone_by_all_workers_until_then(world: World) -> None:
    one, two = world.route(), world.route()
    world.first.answer = Throttled(timedelta(seconds=60))
    assert (await one.send(make_message())).provider == "relay-2"
    await one.breakers.sync()
    await two.breakers.sync()
    world.first.asked.clear()
    for route in (one, two):
        assert (await route.send(make_message())).provider == "relay-2"
    assert not world.first.asked
    world.second.answer = Throttled(timedelta(seconds=30))
    await one.send(make_message())
    held = (await one.send(make_message())).outcome
    assert isinstance(held, Held)
    assert held.why is Reason.PACED
    assert timedelta(seconds=30) <= held.wait <= timedelta(seconds=33)
    world.first.answer = Sent()
    world.clock.later(60)
    assert (await two.send(make_message())).provider == "relay-1"


async def test_a_breaker_that_opens_in_one_worker_is_open_in_all(world: World) -> None:
    one, two = world.route(), world.route()
    await world.goes_out(one)
    await two.breakers.sync()
    assert two.breakers.state("relay-1") is State.OPEN
    attempt = await two.send(make_message())
    assert (attempt.provider, attempt.before, len(world.first.asked)) == ("relay-2", (), 0)


async def test_workers_count_together(world: World) -> None:
    one, two = world.route(), world.route()
    world.first.answer = OUT
    for route in (one, two):
        await route.send(make_message())  # one failure each more than half of LEAST between them
        world.first.answer = Sent()
        await route.send(make_message())
        world.first.answer = OUT
        for _ in range(3):
            await route.send(make_message())
        assert route.breakers.state("relay-1") is State.CLOSED
        await route.breakers.sync()
    assert two.breakers.state("relay-1") is State.OPEN


async def test_of_all_workers_messages_exactly_one_probes(world: World) -> None:
    one, two = world.route(), world.route()
    await world.goes_out(one)
    await two.breakers.sync()
    answer = asyncio.Event()
    asked = asyncio.Event()

    async def slowly(_message: object) -> None:
        asked.set()
        await answer.wait()

    world.first.before = slowly
    world.first.answer = Sent()
    world.clock.later(OPEN_SECONDS * 2)
    sending = [asyncio.create_task(route.send(make_message())) for route in (one, two) for _ in range(50)]
    await asked.wait()
    while sum(task.done() for task in sending) < 99:
        await asyncio.sleep(0)
    assert len(world.first.asked) == 1
    assert len(world.second.asked) == 99
    answer.set()
    await asyncio.gather(*sending)
    # Either may have had the probe: the other hears of its end after that.
    for route in (one, two, one):
        await route.breakers.sync()
    for route in (one, two):
        assert route.breakers.state("relay-1") is State.CLOSED
        assert (await route.send(make_message())).provider == "relay-1"


async def test_a_probe_that_fails_leaves_it_alone_for_longer(world: World) -> None:
    route = world.route()
    await world.goes_out(route)
    world.clock.later(OPEN_SECONDS)
    assert (await route.send(make_message())).before == ("relay-1: 421 service not available",)
    world.clock.later(OPEN_SECONDS)
    assert (await route.send(make_message())).before == ()
    world.clock.later(OPEN_SECONDS)
    assert (await route.send(make_message())).before == ("relay-1: 421 service not available",)
    assert len(world.first.asked) == 2


@pytest.mark.parametrize("whose", ["its own worker's", "another's"])
async def test_a_probe_that_is_cut_off_is_followed_by_another(world: World, whose: str) -> None:
    one, two = world.route(), world.route()
    await world.goes_out(one)
    await two.breakers.sync()
    asked = asyncio.Event()

    async def for_ever(_message: object) -> None:
        asked.set()
        await asyncio.Event().wait()

    world.first.before = for_ever
    world.first.answer = Sent()
    world.clock.later(OPEN_SECONDS)
    probing = asyncio.create_task(one.send(make_message()))
    await asked.wait()
    probing.cancel()
    with suppress(asyncio.CancelledError):
        await probing
    world.first.before = None
    assert (await two.send(make_message())).provider == "relay-2"
    if whose == "its own worker's":
        assert (await one.send(make_message())).provider == "relay-1"
    world.clock.later(PROBE_SECONDS)
    assert (await two.send(make_message())).provider == "relay-1"


async def test_while_every_provider_is_out_nothing_is_asked(world: World) -> None:
    route = world.route()
    world.second.answer = OUT
    await world.goes_out(route)
    held = (await route.send(make_message())).outcome
    assert isinstance(held, Held)
    assert held.why is Reason.PROVIDERS_DOWN
    assert timedelta(seconds=OPEN_SECONDS) <= held.wait <= timedelta(seconds=OPEN_SECONDS + 2)
    assert not world.first.asked
    assert not world.second.asked


async def test_refusals_and_bugs_of_ours_open_no_breaker(world: World) -> None:
    route = world.route()
    for answer in (Rejected("no such mailbox"), RuntimeError("a bug")):
        world.first.answer = answer
        for _ in range(LEAST * 2):
            await route.send(make_message())
    assert route.breakers.state("relay-1") is State.CLOSED


async def test_what_recipients_own_endpoints_answer_stops_nobody_else(world: World) -> None:
    route = world.route(Provider("push", world.first, shared=False))
    for answer in (OUT, Throttled(timedelta(hours=1))):
        world.first.answer = answer
        for number in range(FLOOR_PER_SECOND * WINDOW_SECONDS + 10):
            assert (await route.send(make_message(attempt=2))).outcome == answer, number


async def test_retries_beyond_the_budget_are_held(world: World) -> None:
    route = world.route()
    floor = FLOOR_PER_SECOND * WINDOW_SECONDS
    outcomes = [(await route.send(make_message(attempt=2))).outcome for _ in range(floor + 5)]
    assert [type(outcome) for outcome in outcomes] == [Sent] * floor + [Held] * 5
    held = outcomes[-1]
    assert isinstance(held, Held)
    assert held.why is Reason.RETRIES_HELD
    assert (await route.send(make_message())).outcome == Sent()


@pytest.mark.parametrize("chance,name", [(0.74, "relay-1"), (0.76, "relay-2")])
async def test_equals_share_by_weight(world: World, chance: float, name: str) -> None:
    equals = [Provider("relay-1", world.first, 0, 3), Provider("relay-2", world.second, 0, 1)]
    route = Route("email", equals, clock=world.clock, chance=lambda: chance)
    assert (await route.send(make_message())).provider == name
    await route.close()
    await route.close()
    assert (world.first.closed, world.second.closed) == (2, 2)


# Without Redis


async def test_without_redis_each_worker_goes_by_what_it_knows(world: World, servers: Servers) -> None:
    async with tcp_proxy(servers.redis_url) as (proxy, url):
        redis = create_redis(url)
        fleet = world.fleet._replace(redis=redis, project_per_second=1_000.0)
        one, two = world.route(fleet=fleet), world.route(fleet=fleet)
        await one.breakers.sync()
        proxy.refusing = True
        proxy.cut()
        await world.goes_out(one)
        assert two.breakers.state("relay-1") is State.CLOSED
        world.first.answer = Sent()
        assert (await two.send(make_message())).provider == "relay-1"
        world.clock.later(OPEN_SECONDS)
        assert (await one.send(make_message())).provider == "relay-1"
        assert one.breakers.state("relay-1") is State.CLOSED
        proxy.heal()
        await world.goes_out(one)
        await two.breakers.sync()
        assert two.breakers.state("relay-1") is State.OPEN
        await redis.aclose()


async def test_a_redis_that_says_nothing_holds_up_nothing(
    world: World, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.bus.client.SOCKET_TIMEOUT_SECONDS", 0.5)
    monkeypatch.setattr("workers.breaker.ANSWER_SECONDS", 0.05)
    monkeypatch.setattr("workers.pacing.ANSWER_SECONDS", 0.05)
    async with tcp_proxy(servers.redis_url) as (proxy, url):
        redis = create_redis(url)
        route = world.route(fleet=world.fleet._replace(redis=redis, project_per_second=1_000.0))
        await route.breakers.sync()
        proxy.swallowing = True
        world.first.answer = OUT
        for _ in range(LEAST):
            await route.send(make_message())
        world.clock.later(OPEN_SECONDS)
        assert route.breakers.state("relay-1") is State.OPEN
        world.first.answer = Sent()
        async with asyncio.timeout(20):  # until it is known that Redis is away, others have the messages
            while (await route.send(make_message())).provider != "relay-1":
                await asyncio.sleep(0.02)
        assert route.breakers.state("relay-1") is State.CLOSED
        await route.close()
        await redis.aclose()


async def test_a_value_that_cannot_be_read_is_a_closed_breaker(world: World, redis: Server) -> None:
    route = world.route()
    key = f"hub:{world.fleet.installation}:breaker:email:relay-1"
    for value in (b"nonsense", b'["melted", 1]', b"[]"):
        await redis.set(key, value)
        await route.breakers.sync()
        assert route.breakers.state("relay-1") is State.CLOSED
        assert (await route.send(make_message())).provider == "relay-1"


# Pacing


async def test_workers_keep_one_pace_together(redis: Server) -> None:
    installation = secrets.token_hex(4)
    pacers = [Pacer(redis, installation) for _ in range(2)]
    pace = Pace("email:provider:relay-1", 10.0)
    places = await asyncio.gather(*(pacer.place([pace], 35.0) for pacer in pacers for _ in range(4)))
    waits = sorted(place.wait for place in places if place.taken)
    assert [round(wait / 10) for wait in waits] == [0, 1, 2, 3]
    later = sorted(place.wait for place in places if not place.taken)
    assert len(later) == 4
    assert all(35 <= wait <= MAX_HOLD_SECONDS for wait in later)


async def test_a_moment_that_no_pace_can_have_written_holds_up_nothing(redis: Server) -> None:
    installation, pace = secrets.token_hex(4), Pace("relay", 1.0)
    seconds, _ = await redis.time()
    await redis.set(f"hub:{installation}:pace:relay", f"{seconds + 3_600}.0", ex=3_600)
    pacer = Pacer(redis, installation)
    assert (await pacer.place([pace], 0.5)).wait == 0.0
    assert not (await pacer.place([pace], 0.5)).taken
    await pacer.close()


async def test_a_place_is_taken_in_all_paces_or_in_none(redis: Server) -> None:
    pacer = Pacer(redis, secrets.token_hex(4))
    relay, ada = Pace("relay", 5.0), Pace("ada", 3_600.0)
    assert (await pacer.place([ada], 1.0)).taken
    refused = await pacer.place([relay, ada], 1.0)
    assert (refused.taken, refused.key) == (False, "ada")
    assert (await pacer.place([relay], 1.0)).taken
    assert not (await pacer.place([relay], 1.0)).taken


@pytest.mark.parametrize(
    "fleet,provider",
    [
        (lambda fleet: fleet, lambda relay: Provider("relay-1", relay, per_second=0.01)),
        (lambda fleet: fleet._replace(project_per_second=0.01), lambda relay: Provider("relay-1", relay)),
        (lambda fleet: fleet._replace(person_per_minute=0.5), lambda relay: Provider("relay-1", relay)),
    ],
    ids=["provider", "project", "person"],
)
async def test_what_comes_too_soon_after_another_is_held(
    world: World, fleet: Callable[[Fleet], Fleet], provider: Callable[[Relay], Provider]
) -> None:
    routes = [world.route(provider(world.first), fleet=fleet(world.fleet)) for _ in range(2)]
    assert (await routes[0].send(make_message())).outcome == Sent()
    held = (await routes[1].send(make_message())).outcome
    assert isinstance(held, Held)
    assert held.why is Reason.PACED
    assert timedelta(seconds=30) < held.wait <= timedelta(seconds=MAX_HOLD_SECONDS)
    assert len(world.first.asked) == 1


async def test_one_persons_pace_holds_up_no_other_and_nothing_that_must_arrive(world: World) -> None:
    route = world.route(fleet=world.fleet._replace(person_per_minute=0.5))
    await route.send(make_message())
    for message in (
        make_message(person_id=2),
        make_message(priority="critical"),
        make_message(kind="withdrawal"),
    ):
        assert (await route.send(message)).outcome == Sent()
    assert isinstance((await route.send(make_message())).outcome, Held)


async def test_a_short_wait_is_waited_for(world: World) -> None:
    route = world.route(Provider("relay-1", world.first, per_second=20.0))
    outcomes = await asyncio.gather(*(route.send(make_message()) for _ in range(4)))
    assert [attempt.outcome for attempt in outcomes] == [Sent()] * 4
