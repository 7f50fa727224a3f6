"""The measurements. Each takes a running fleet and returns figures, an account of deliveries and who spent the CPU."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter, perf_counter_ns
from typing import Protocol

import msgspec

from benchmarks.crowd import Crowd, Seat, crowd
from benchmarks.fleet import HOST, Fleet, FleetError
from benchmarks.ledger import Ledger, Reconciliation
from benchmarks.plan import Plan
from benchmarks.process import cpu_seconds, machine_cpu_seconds, pss_kib
from benchmarks.publisher import Answer, Connection, OnAnswer, PublishError, connect, pace, pump, request
from benchmarks.returning import returning
from benchmarks.stats import percentile
from benchmarks.tokens import sign

DELIVERY_SECONDS = 30.0  # how long the last delivery may take before it counts as missing
QUIET_SECONDS = 0.3  # afterwards, so that a doubled delivery has the time to arrive
SETTLE_SECONDS = 1.0  # before memory is read
USERS_PER_CALL = 1_000  # the contract's limit of PUT /v1/users


class _Accepted(msgspec.Struct):
    id: str


_accepted = msgspec.json.Decoder(_Accepted)


def accepted(answer: Answer) -> str:
    """The notification that a 202 names. Raises PublishError: the answer is another one."""
    return _accepted.decode(must(answer, 202).body).id


@dataclass(slots=True)
class Measurement:
    """What one measurement of one round found."""

    figures: dict[str, float]
    seconds: float
    cpu: dict[str, float]  # CPU seconds by part within `seconds`; "others": what does not belong to the run
    account: Reconciliation | None = None
    samples: dict[str, list[float]] = field(default_factory=dict)
    notes: dict[str, float] = field(default_factory=dict)

    @property
    def load_client_share(self) -> float:
        """Share of one core that the load client took: towards 1 it, not the hub, is what was measured."""
        return self.cpu.get("load client", 0.0) / self.seconds if self.seconds else 0.0


class Arrivals(Protocol):
    """Whoever keeps the account of deliveries."""

    def arrived(self, socket: int, at: int, payload: bytes, /) -> None: ...


@dataclass(slots=True)
class Round:
    """What the measurements of one round share."""

    number: int
    plan: Plan
    fleet: Fleet

    def people(self, what: str, count: int) -> list[str]:
        return [f"{what}-{self.number}-{index:06d}" for index in range(count)]

    def seats(self, users: Sequence[str]) -> list[Seat]:
        return [Seat(sign(self.fleet.signing_secret, self.fleet.project, user)) for user in users]

    def publish(self, users: Sequence[str]) -> bytes:
        """A publish of a usual size to these people, as a whole request."""
        return self.request("POST", "/v1/notifications", self.notification(users))

    def notification(self, users: Sequence[str]) -> dict[str, object]:
        return {
            "recipients": list(users),
            "category": "general",
            "title": "Your order 4711 is on its way",
            "body": "It left the warehouse this morning and will be with you on Thursday between 9:00 and 12:00.",
            "action_url": "https://shop.example/orders/4711",
            "data": {"order": 4711, "carrier": "example"},
        }

    def request(self, method: str, path: str, body: object) -> bytes:
        return request(method, path, HOST, self.fleet.api.port, self.fleet.api_key, msgspec.json.encode(body))

    async def create(self, users: Sequence[str]) -> None:
        """Stores these people, so that nobody's first visit is measured where it is not meant."""
        async with self.connections(1) as [connection]:
            for start in range(0, len(users), USERS_PER_CALL):
                body = {"users": [{"id": user} for user in users[start : start + USERS_PER_CALL]]}
                must(await connection.ask(self.request("PUT", "/v1/users", body)), 200)

    @asynccontextmanager
    async def connections(self, count: int) -> AsyncIterator[list[Connection]]:
        opened = await connect(HOST, self.fleet.api.port, count)
        try:
            yield opened
        finally:
            for connection in opened:
                connection.close()

    @asynccontextmanager
    async def readers(self, users: Sequence[str], ledger: Arrivals, ack_seconds: float = 0) -> AsyncIterator[Crowd]:
        """These people, connected and reporting to `ledger`."""
        async with crowd(
            HOST,
            self.fleet.gateway.port,
            self.seats(users),
            ledger.arrived,
            in_flight=self.plan.handshakes_in_flight,
            ack_seconds=ack_seconds,
        ) as people:
            yield people


def must(answer: Answer, status: int) -> Answer:
    if answer.status != status:
        raise PublishError(f"status {answer.status} instead of {status}: {answer.body.decode('utf-8', 'replace')}")
    return answer


def into(ledger: Ledger, users: Sequence[str]) -> OnAnswer:
    """Takes the 202 of one publish to `users` into the account."""

    def answered(answer: Answer) -> None:
        ledger.accept(accepted(answer), users)

    return answered


async def settle(ledger: Ledger, people: Sequence[Crowd], frames: int) -> float:
    """Waits for the last delivery and a quiet moment; returns perf_counter() of the last arrival."""
    await ledger.reach(frames, DELIVERY_SECONDS)
    last = ledger.arrivals[-1].at / 1e9 if ledger.arrivals else perf_counter()
    await asyncio.sleep(QUIET_SECONDS)
    if closed := [why for crowd in people for why in crowd.closed()]:
        raise FleetError(f"{len(closed)} sockets were closed while measured, the first: {closed[0]}")
    return last


class Meter:
    """CPU and wall time between its creation and `read`."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._cpu = fleet.cpu()
        self._machine = machine_cpu_seconds()
        self.start = perf_counter()

    def read(self, until: float | None = None) -> tuple[float, dict[str, float]]:
        """Wall seconds (up to `until`) and CPU seconds by part."""
        elapsed = perf_counter() - self.start
        seconds = elapsed if until is None else until - self.start
        cpu = {part: total - self._cpu.get(part, 0.0) for part, total in self._fleet.cpu().items()}
        others = max(0.0, machine_cpu_seconds() - self._machine - sum(cpu.values()))
        cpu["others"] = others * seconds / elapsed  # ours ends with the last delivery, theirs goes on
        return seconds, cpu


async def latency(this: Round) -> Measurement:
    """From the write of a publish to the bytes in the client: a steady rate, each to one of many connected people."""
    plan, ledger = this.plan, Ledger()
    users = this.people("reader", plan.readers)
    warm = int(plan.rate_per_second)  # the first second fills caches and is delivered but not counted
    count = warm + int(plan.rate_per_second * plan.latency_seconds)
    sent: dict[str, int] = {}
    answers: list[float] = []

    def publishes() -> Iterator[tuple[bytes, Callable[[int, Answer], None]]]:
        for number in range(count):
            user = users[
                number * 7919 % len(users)
            ]  # a prime step: neighbours in time are not neighbours in the inbox table
            yield this.publish([user]), note(number, user)

    def note(number: int, user: str) -> Callable[[int, Answer], None]:
        def answered(sent_at: int, answer: Answer) -> None:
            notification = accepted(answer)
            ledger.accept(notification, [user])
            if number >= warm:
                sent[notification] = sent_at
                answers.append((perf_counter_ns() - sent_at) / 1e6)

        return answered

    async with this.readers(users, ledger) as people, this.connections(plan.latency_connections) as connections:
        meter = Meter(this.fleet)
        paced = await pace(connections, publishes(), plan.rate_per_second)
        await settle(ledger, [people], count)
        seconds, cpu = meter.read()
        account = ledger.reconcile({user: [index] for index, user in enumerate(users)})
    delays = [(arrival.at - sent[one]) / 1e6 for arrival, one in ledger.deliveries() if one in sent]
    return Measurement(
        {"latency_p50": percentile(delays, 50), "latency_p99": percentile(delays, 99)} if delays else {},
        seconds,
        cpu,
        account,
        samples={"latency": delays},
        notes={
            "202 after, p50 ms": percentile(answers, 50),
            "202 after, p99 ms": percentile(answers, 99),
            "screen after, max ms": max(delays, default=0.0),
            "load client late, p99 ms": percentile(paced.lateness, 99) * 1e3,
        },
    )


async def publish_single(this: Round) -> Measurement:
    """The highest rate of publishes to one connected person each: until the last of them is on its screen."""
    measured, sent, deliveries = await _closed_loop(this, this.people("single", this.plan.readers), 1)
    measured.figures["publish_single"] = sent / measured.seconds
    measured.notes["api CPU, ms a publish"] = measured.cpu["api"] / sent * 1e3
    measured.notes["gateway CPU, s per 100,000"] = measured.cpu["gateway"] / deliveries * 100_000
    return measured


async def publish_lists(this: Round) -> Measurement:
    """The same with lists. Here the gateway's unicast cost is read too: every delivery is a message of its own."""
    measured, sent, deliveries = await _closed_loop(
        this, this.people("list", this.plan.list_readers), this.plan.list_size
    )
    measured.figures["publish_lists"] = sent / measured.seconds
    measured.figures["unicast_cpu"] = measured.cpu["gateway"] / deliveries * 100_000
    measured.notes["recipients/s"] = deliveries / measured.seconds
    measured.notes["api CPU, ms a publish"] = measured.cpu["api"] / sent * 1e3
    return measured


async def unicast_acked(this: Round) -> Measurement:
    """Unicast to clients that acknowledge as often as the contract lets them."""
    users = this.people("acked", this.plan.readers)
    measured, _, deliveries = await _closed_loop(this, users, this.plan.list_size, this.plan.ack_seconds)
    measured.figures["unicast_acked_cpu"] = measured.cpu["gateway"] / deliveries * 100_000
    measured.notes["recipients/s"] = deliveries / measured.seconds
    return measured


async def _closed_loop(
    this: Round, users: Sequence[str], size: int, ack_seconds: float = 0
) -> tuple[Measurement, int, int]:
    """Publishes to `size` of the connected `users` at a time as fast as answers come; also how many, and deliveries."""
    plan, ledger = this.plan, Ledger()
    size = min(size, len(users))
    lists = [users[start : start + size] for start in range(0, len(users) - size + 1, size)]
    ready = [(this.publish(part), into(ledger, part)) for part in lists]
    async with (
        this.readers(users, ledger, ack_seconds) as people,
        this.connections(plan.publish_connections) as connections,
    ):
        meter = Meter(this.fleet)
        sent = await pump(connections, itertools.cycle(ready), plan.publish_seconds)
        last = await settle(ledger, [people], sent * size)
        seconds, cpu = meter.read(last)
        account = ledger.reconcile({user: [index] for index, user in enumerate(users)})
    return Measurement({}, seconds, cpu, account), sent, sent * size


async def fanout(this: Round) -> Measurement:
    """One message to a thousand sockets of one person; the next when all have it, so that no buffer hides the cost."""
    plan, ledger = this.plan, Ledger()
    [user] = this.people("screens", 1)
    data = this.publish([user])
    async with this.readers([user] * plan.screens, ledger) as people, this.connections(1) as [connection]:
        meter = Meter(this.fleet)
        for number in range(1, plan.fanouts + 1):
            into(ledger, [user])(await connection.ask(data))
            if not await ledger.reach(number * plan.screens, DELIVERY_SECONDS):
                break
        last = await settle(ledger, [people], plan.fanouts * plan.screens)
        seconds, cpu = meter.read(last)
        account = ledger.reconcile({user: range(plan.screens)})
    deliveries = plan.fanouts * plan.screens
    return Measurement(
        {"fanout_cpu": cpu["gateway"] / deliveries * 100_000},
        seconds,
        cpu,
        account,
        notes={"deliveries/s": deliveries / seconds},
    )


async def connections(this: Round) -> Measurement:
    """Handshakes of people the hub knows, what an idle connection holds, and the same people back with a cursor."""
    plan, fleet, ledger = this.plan, this.fleet, Ledger()
    users = this.people("idle", plan.connections)
    await this.create(users)
    seats, gateway = this.seats(users), fleet.gateway

    def sit(who: Sequence[Seat]) -> AbstractAsyncContextManager[Crowd]:
        return crowd(HOST, gateway.port, who, ledger.arrived, in_flight=plan.handshakes_in_flight)

    empty = pss_kib(gateway.pid)
    # The first connections fit into what the start left free in the heap, and bring imports and caches that are
    # nobody's: what one more connection takes is seen after them.
    first = len(seats) // 5
    async with sit(seats[:first]) as early:
        await asyncio.sleep(SETTLE_SECONDS)
        part = pss_kib(gateway.pid)
        meter = Meter(fleet)
        async with sit(seats[first:]) as late:
            seconds, cpu = meter.read()
            await asyncio.sleep(SETTLE_SECONDS)
            full = pss_kib(gateway.pid)
            before = cpu_seconds(gateway.pid)
            await asyncio.sleep(SETTLE_SECONDS)
            idle_cpu = (cpu_seconds(gateway.pid) - before) / SETTLE_SECONDS
            await settle(ledger, [early], 0)
            await settle(ledger, [late], 0)
    welcomes = [*early.welcomes, *late.welcomes]
    back = [Seat(seat.token, welcome.cursor) for seat, welcome in zip(seats, welcomes, strict=True)]
    async with sit(back) as again:
        await settle(ledger, [again], 0)
    timed = len(seats) - first
    return Measurement(
        {
            "handshakes": timed / late.seconds,
            "handshake_cpu": cpu["gateway"] / timed * 1e3,
            "idle_memory": (full - part) / timed,
            "resumes": len(back) / again.seconds,
        },
        seconds,
        cpu,
        ledger.reconcile({}),
        notes={
            "gateway without connections, MiB": empty / 1024,
            f"with {len(seats)}, MiB": full / 1024,
            "its CPU then, share of a core": idle_cpu,
            "handshake p99 ms": percentile([welcome.seconds * 1e3 for welcome in late.welcomes], 99),
        },
    )


async def storm(this: Round) -> Measurement:
    """Everybody of a gateway is cut off and comes back at once, while others are published to."""
    plan, fleet, ledger = this.plan, this.fleet, Ledger()
    users, others = this.people("storm", plan.storm), this.people("bystander", plan.storm_readers)
    await this.create(users)
    seats, gateway, nobody = this.seats(users), fleet.gateway, Ledger()
    async with crowd(HOST, gateway.port, seats, nobody.arrived, in_flight=plan.handshakes_in_flight) as before:
        back = [Seat(seat.token, welcome.cursor) for seat, welcome in zip(seats, before.welcomes, strict=True)]
    count = int(plan.storm_rate_per_second * plan.storm_seconds)
    sent: dict[str, int] = {}

    def publishes() -> Iterator[tuple[bytes, Callable[[int, Answer], None]]]:
        for number in range(count):
            user = others[number % len(others)]
            yield this.publish([user]), note(user)

    def note(user: str) -> Callable[[int, Answer], None]:
        def answered(sent_at: int, answer: Answer) -> None:
            notification = accepted(answer)
            ledger.accept(notification, [user])
            sent[notification] = sent_at

        return answered

    async with (
        returning(HOST, gateway.port, back) as absent,
        this.readers(others, ledger) as people,
        this.connections(plan.latency_connections) as connections,
    ):
        publishing = asyncio.create_task(pace(connections, publishes(), plan.storm_rate_per_second))
        await asyncio.sleep(SETTLE_SECONDS)
        meter, started = Meter(fleet), perf_counter_ns()
        await absent.come()
        seconds, cpu = meter.read()
        await publishing
        await settle(ledger, [people], count)
        collection = max([await gateway.collect() for _ in range(3)])
        account = ledger.reconcile({user: [index] for index, user in enumerate(others)})
    until = started + seconds * 1e9
    delays = [(one.at - sent[id_]) / 1e6 for one, id_ in ledger.deliveries() if started <= sent[id_] <= until]
    return Measurement(
        {"storm_seconds": seconds, "storm_p99": percentile(delays, 99), "collection": collection},
        seconds,
        cpu,
        account,
        notes={
            "handshakes/s": len(back) / seconds,
            "gateway CPU, ms a handshake": cpu["gateway"] / len(back) * 1e3,
            "screen of others after, p50 ms": percentile(delays, 50),
            "publishes meanwhile": len(delays),
        },
    )


# In the order of a round. Connections come first: their memory is that of a gateway that has done nothing yet.
MEASUREMENTS: dict[str, Callable[[Round], Awaitable[Measurement]]] = {
    "connections": connections,
    "storm": storm,
    "latency": latency,
    "publish_single": publish_single,
    "publish_lists": publish_lists,
    "unicast_acked": unicast_acked,
    "fanout": fanout,
}
