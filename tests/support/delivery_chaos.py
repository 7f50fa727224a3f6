"""Deliveries under fire: workers die at random, and afterwards every row is accounted for.

The account: every delivery ended in exactly one final state; the sandbox holds each that was sent once; first attempts
of one person, channel and lane were claimed in order; every digest left once, with exactly its members.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import asyncpg
import msgspec

from hub.model.delivery import FINAL
from tests.support.fleet import Deployment

PLAIN = {"ladder": [{"channel": "in_app"}, {"channel": "web_push"}], "retry": {"max_attempts": 50, "max_age": "PT24H"}}
GATHERED = {
    "ladder": [{"channel": "in_app"}, {"channel": "email"}],
    "retry": {"max_attempts": 50, "max_age": "PT24H"},
    "digest": {"key": "{{ data.post }}", "window": "PT3S", "mode": "fixed"},
}
LIST = 100  # recipients of a notification: two of three go plain, one into digests
ENDED_SECONDS = 120.0  # after the last publish; leases and digests run out within seconds


@dataclass
class DeliveryAccount:
    """What the run did; `problems` is empty when all is well."""

    deliveries: int = 0
    kills: int = 0
    reattempted: int = 0
    digests: int = 0
    states: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)


async def run_deliveries(hub: Deployment, count: int, *, kill_every: tuple[float, float], seed: int) -> DeliveryAccount:
    """Publishes until `count` deliveries are planned while workers are killed, then waits for the end and accounts."""
    chance = random.Random(seed)
    account = DeliveryAccount()
    started = time.monotonic()
    await hub.command("project", "set", "default", "--sandbox")
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {hub.key}"}) as session,
        asyncpg.create_pool(hub.servers.database_url, min_size=1, max_size=2) as pool,
    ):
        api = hub.of("api")[0].url
        for name, policy in (("plain", PLAIN), ("gathered", GATHERED)):
            async with session.put(f"{api}/v1/categories/{name}", json=policy) as answer:
                assert answer.status == 200, await answer.text()
        killing = asyncio.create_task(_kill_workers(hub, chance, kill_every, account))
        try:
            await _publish(session, api, count, chance)
            await _ended(pool, account)
        finally:
            killing.cancel()
            await asyncio.wait({killing})
        account.seconds = round(time.monotonic() - started, 1)
        await _account(pool, account)
    return account


async def _kill_workers(
    hub: Deployment, chance: random.Random, every: tuple[float, float], account: DeliveryAccount
) -> None:
    while True:
        await asyncio.sleep(chance.uniform(*every))
        victim = chance.choice(hub.of("worker"))
        victim.kill()
        account.kills += 1
        await victim.start()


async def _publish(session: aiohttp.ClientSession, api: str, count: int, chance: random.Random) -> None:
    users = [f"user {n}" for n in range(LIST * 2)]
    for number in range(count // LIST):
        body: dict[str, Any] = {
            "recipients": chance.sample(users, LIST),
            "title": str(number),
            "category": "gathered" if number % 3 == 0 else "plain",
            "priority": chance.choice(["critical", "normal", "normal", "bulk"]) if number % 3 else "normal",
            "data": {"post": number % 2},
        }
        async with session.post(f"{api}/v1/notifications", json=body) as answer:
            assert answer.status == 202, await answer.text()


async def _ended(pool: Any, account: DeliveryAccount) -> None:
    """Waits until nothing is under way, as long as something still moves."""
    deadline, before = time.monotonic() + ENDED_SECONDS, -1
    while True:
        left = await pool.fetchval("SELECT count(*) FROM deliveries WHERE finished_at IS NULL")
        if left == 0:
            return
        if left != before:
            deadline, before = time.monotonic() + ENDED_SECONDS, left
        if time.monotonic() > deadline:
            account.problems.append(f"{left} deliveries never ended")
            return
        await asyncio.sleep(0.2)


async def _account(pool: Any, account: DeliveryAccount) -> None:
    rows = await pool.fetch(
        "SELECT d.delivery_id, d.person_id, d.channel, d.lane, d.position, d.state, d.reason, d.attempts, d.digest_id, "
        "d.gathered::text AS gathered, d.history::text AS history, m.attempts AS handed FROM deliveries d "
        "LEFT JOIN sandbox_messages m USING (delivery_id) ORDER BY d.position, d.delivery_id"
    )
    await asyncio.to_thread(_check, rows, account)


def _check(rows: list[Any], account: DeliveryAccount) -> None:
    account.deliveries = len(rows)
    account.states = dict(Counter(f"{row['state']}/{row['reason']}" for row in rows))
    account.reattempted = sum(1 for row in rows if row["attempts"] > 1)
    claims: defaultdict[tuple[int, str, int], list[tuple[int, int]]] = defaultdict(list)
    digests: defaultdict[Any, list[Any]] = defaultdict(list)
    for row in rows:
        history = msgspec.json.decode(row["history"])
        ends = [event for _, _, event, *_ in history if event in {state.value for state in FINAL}]
        if row["state"] not in FINAL or len(ends) != 1:
            account.problems.append(f"{row['delivery_id']} is {row['state']} and ended {ends}")
        if (row["state"] == "sent") != (row["handed"] is not None):
            account.problems.append(f"{row['delivery_id']} is {row['state']} and was handed over {row['handed']} times")
        if row["state"] == "sent" and row["gathered"] is None:  # a digest takes its place when it closes
            first = next(at for at, _, event, *_ in history if event == "claimed")
            claims[row["person_id"], row["channel"], row["lane"]].append((row["position"], first))
        if row["digest_id"] is not None:
            digests[row["digest_id"]].append(row)
    for key, order in claims.items():
        times = [first for _, first in sorted(order)]
        if times != sorted(times):
            account.problems.append(f"first attempts of {key} were not in order")
    account.digests = len(digests)
    for name, members in digests.items():
        carriers = [row for row in members if row["gathered"] is not None]
        counts = [msgspec.json.decode(row["gathered"])["count"] for row in carriers]
        if counts != [len(members)]:
            account.problems.append(f"digest {name} of {len(members)} left as {counts}")
