"""What a delivery costs with one gateway, and with several that share the same people."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from benchmarks.crowd import Crowd, crowd
from benchmarks.fleet import HOST
from benchmarks.ledger import Ledger
from benchmarks.measure import Measurement, Meter, Round, into, settle
from benchmarks.process import cpu_seconds
from benchmarks.publisher import pump

COUNTS = (1, 2, 4, 8)


async def _measure(this: Round, count: int) -> Measurement:
    """Lists of a hundred as fast as they are answered, to people who sit at `count` gateways in turn."""
    plan, ledger = this.plan, Ledger()
    users = this.people(f"of{count}", plan.list_readers)
    size = min(plan.list_size, len(users))
    lists = [users[start : start + size] for start in range(0, len(users) - size + 1, size)]
    ready = [(this.publish(part), into(ledger, part)) for part in lists]
    async with AsyncExitStack() as stack:
        others = await stack.enter_async_context(this.fleet.several("gateway", count - 1))
        gateways = [this.fleet.gateway, *others]
        people: list[Crowd] = []
        for number, gateway in enumerate(gateways):
            seats = this.seats(users[number::count])
            # A socket tells its place at its gateway: the account wants its person's among all.
            place = range(number, len(users), count)

            def arrived(index: int, at: int, payload: bytes, place: range = place) -> None:
                ledger.arrived(place[index], at, payload)

            sitting = crowd(HOST, gateway.port, seats, arrived, in_flight=plan.handshakes_in_flight)
            people.append(await stack.enter_async_context(sitting))
        connections = await stack.enter_async_context(this.connections(plan.publish_connections))
        before = sum(cpu_seconds(gateway.pid) for gateway in gateways)
        meter = Meter(this.fleet)
        sent = await pump(connections, itertools.cycle(ready), plan.publish_seconds)
        last = await settle(ledger, people, sent * size)
        seconds, cpu = meter.read(last)
        one, cpu["gateway"] = cpu["gateway"], sum(cpu_seconds(gateway.pid) for gateway in gateways) - before
        cpu["others"] = max(0.0, cpu["others"] - (cpu["gateway"] - one))  # which the meter takes for strangers
        account = ledger.reconcile({user: [index] for index, user in enumerate(users)})
    deliveries = sent * size
    figures = {f"gateways_{count}": cpu["gateway"] / deliveries * 100_000}
    return Measurement(figures, seconds, cpu, account, notes={"recipients/s": deliveries / seconds})


def _with(count: int) -> Callable[[Round], Awaitable[Measurement]]:
    async def measured(this: Round) -> Measurement:
        return await _measure(this, count)

    return measured


MEASUREMENTS = {f"gateways_{count}": _with(count) for count in COUNTS}
