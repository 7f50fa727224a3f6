"""The measurements of what leaves the app: deciding, planning, claiming, presence, and critical before bulk.

What needs a provider goes to the sandbox; what is measured in this process (decisions, claims, presence) uses the very
functions of the hub, on the same servers.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from time import perf_counter, process_time
from typing import Any

import asyncpg
import msgspec

from benchmarks.measure import Measurement, Meter, Round, must
from benchmarks.publisher import Answer, pump
from benchmarks.stats import percentile
from hub.bus.client import create_redis
from hub.bus.presence import read_presences
from hub.bus.presence_writer import PresenceWriter
from hub.config import load_settings
from hub.model.decide import ItemState, Presence, decide
from hub.model.outcome import Attempt, Sent
from hub.model.policy import Condition, Policy, Step
from hub.model.preferences import CategoryChoice, Preferences, QuietHours
from hub.model.routing import NOBODY, Addressee, Order, Rules, situation
from hub.model.weekly import Window
from hub.publish.settle import claim, report
from hub.runtime import open_hub

LADDER = {
    "ladder": [
        {"channel": "in_app"},
        {"channel": "web_push", "if": "away"},
        {"channel": "email", "after": "PT10M", "if": "unseen"},
    ]
}
PUSH = {"ladder": [{"channel": "in_app"}, {"channel": "web_push"}]}
DRAIN_SECONDS = 120.0  # how long what was planned may take to be sent


def preferences(number: int) -> dict[str, Any]:
    """What a person wants: everybody's quiet hours begin at another minute."""
    weekly = [{"days": [7], "from": f"03:{number % 60:02}", "to": f"04:{number // 60 % 60:02}"}]
    return {
        "channels": {"email": True},
        "categories": {"climb": {"enabled": True, "channels": {"web_push": True}}, "news": {"enabled": False}},
        "quiet_hours": {"timezone": "Europe/Berlin", "weekly": weekly},
    }


@asynccontextmanager
async def _store(this: Round) -> AsyncIterator[asyncpg.Connection[Any]]:
    connection = await asyncpg.connect(this.fleet.servers.database_url)
    try:
        yield connection
    finally:
        await connection.close()


async def _call(this: Round, method: str, path: str, body: object, status: int = 200) -> None:
    async with this.connections(1) as [connection]:
        must(await connection.ask(this.request(method, path, body)), status)


async def decisions(this: Round) -> Measurement:
    """The pure core: a situation and its decision, for somebody without preferences and for somebody with them."""
    now = datetime(2026, 11, 25, 12, tzinfo=UTC)
    step = Step("web_push", timedelta(0), Condition.AWAY)
    rules = Rules(Policy("climb", "opted_in", "transactional", (step,)), providers=frozenset({"web_push"}))
    wishes = Preferences(
        channels={"email": True},
        categories={"climb": CategoryChoice(True, {"web_push": True})},  # noqa: FBT003
        quiet_hours=QuietHours((Window((1, 2, 3, 4, 5, 6, 7), _time("22:00"), _time("07:00")),), "Europe/Berlin"),
    )
    found: dict[str, float] = {}
    started, cpu = perf_counter(), process_time()
    for name, person in (("decisions", NOBODY), ("decisions_wishes", Addressee(wishes, "Europe/Berlin"))):
        began = perf_counter()
        for _ in range(this.plan.decisions):
            asked = situation(step, Order(now), rules, person, now, item=ItemState(), presence=Presence("offline"))
            decide(asked, now)
        found[name] = this.plan.decisions / (perf_counter() - began)
    return Measurement(found, perf_counter() - started, {"load client": process_time() - cpu})


def _time(text: str) -> Any:
    return datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007


async def publish_ladder(this: Round) -> Measurement:
    """Publishes with a three-step ladder to people with preferences, beside the same without outside steps.

    Workers stand still while the api is measured; then it is measured how fast one of them works off what was planned.
    """
    plan = this.plan
    users = this.people("climber", plan.readers)
    await _call(this, "PUT", "/v1/categories/climb", LADDER)
    await this.create(users)
    async with _store(this) as store:
        await store.executemany(
            "UPDATE people SET preferences = $1 WHERE user_id = $2",
            [(_json(preferences(number)), user) for number, user in enumerate(users)],
        )
        worker = this.fleet.processes["worker"]
        meter = Meter(this.fleet)
        os.kill(worker.pid, signal.SIGSTOP)
        try:
            figures: dict[str, float] = {}
            notes: dict[str, float] = {}
            for size, name in ((1, "single"), (plan.list_size, "lists")):
                plain, _ = await _publishes(this, users, size, {"channels": ["in_app"]})
                ladder, cpu = await _publishes(this, users, size, {})
                figures[f"ladder_{name}"] = ladder
                figures[f"ladder_{name}_share"] = 100 * ladder / plain
                notes[f"{name} without outside steps, 1/s"] = plain
                notes[f"{name} with, api CPU ms a publish"] = cpu
        finally:
            os.kill(worker.pid, signal.SIGCONT)
        planned = await store.fetchval("SELECT count(*) FROM deliveries WHERE finished_at IS NULL AND due_at <= now()")
        began, before = perf_counter(), this.fleet.cpu()
        await _drained(store, "state IN ('waiting', 'queued', 'due', 'claimed') AND due_at <= now()")
        seconds = perf_counter() - began
        after = this.fleet.cpu()
        figures["deliveries"] = planned / seconds
        notes["deliveries planned"] = planned
        notes["worker CPU, s per 100,000 deliveries"] = (after["worker"] - before["worker"]) / planned * 100_000
        notes["postgres CPU, s per 100,000 deliveries"] = (after["postgres"] - before["postgres"]) / planned * 100_000
        seconds, cpu_used = meter.read()
        await store.execute("DELETE FROM deliveries")
    return Measurement(figures, seconds, cpu_used, notes=notes)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode("utf-8")


async def _publishes(this: Round, users: Sequence[str], size: int, more: dict[str, Any]) -> tuple[float, float]:
    """The highest rate of publishes to lists of `size`, and the api's CPU milliseconds for each."""
    body = {"category": "climb", "title": "Grace mentioned you", "body": "in the plan for Thursday", "sandbox": True}
    lists = [users[start : start + size] for start in range(0, len(users) - size + 1, size)]
    ready = [
        (this.request("POST", "/v1/notifications", {"recipients": list(part), **body, **more}), _accepted)
        for part in lists
    ]
    async with this.connections(this.plan.publish_connections) as connections:
        before, began = this.fleet.cpu()["api"], perf_counter()
        sent = await pump(connections, itertools.cycle(ready), this.plan.publish_seconds)
        seconds = perf_counter() - began
        return sent / seconds, (this.fleet.cpu()["api"] - before) / sent * 1e3


def _accepted(answer: Answer) -> None:
    must(answer, 202)


async def _drained(store: Any, left: str) -> None:
    async with asyncio.timeout(DRAIN_SECONDS):
        while await store.fetchval(f"SELECT EXISTS (SELECT 1 FROM deliveries WHERE {left})"):
            await asyncio.sleep(0.05)


async def claims(this: Round) -> Measurement:
    """Claims and reports of one worker, without a provider; alone, and beside 100,000 queued rows of one person."""
    plan = this.plan
    users = this.people("claimed", plan.claims)
    await this.create(users)
    environment = this.fleet.environment
    settings = load_settings(
        database_url=environment["HUB_DATABASE_URL"],
        redis_url=environment["HUB_REDIS_URL"],
        secret=environment["HUB_SECRET"],
        _env_file=None,
    )
    figures: dict[str, float] = {}
    started, cpu = perf_counter(), process_time()
    os.kill(this.fleet.processes["worker"].pid, signal.SIGSTOP)
    try:
        async with _store(this) as store, open_hub(settings, role="bench") as hub:
            for name, crowd in (("claims", 0), ("claims_crowded", plan.queued)):
                await store.execute("DELETE FROM deliveries")
                await _plan_claims(store, users, crowd)
                began, claimed = perf_counter(), 0
                while True:
                    taken, going = await claim(hub, "web_push", 100)
                    if not taken:
                        break
                    await report(hub, [(known, Attempt(Sent())) for known in going])
                    claimed += taken
                    if claimed >= plan.claims:
                        break
                figures[name] = claimed / (perf_counter() - began)
            await store.execute("DELETE FROM deliveries")
    finally:
        os.kill(this.fleet.processes["worker"].pid, signal.SIGCONT)
    return Measurement(figures, perf_counter() - started, {"load client": process_time() - cpu})


async def _plan_claims(store: Any, users: Sequence[str], queued: int) -> None:
    """Due rows of `users`, one each, and `queued` ones of the first of them."""
    notification = await store.fetchval(
        "INSERT INTO notifications (notification_id, project_id, category, priority, request, sandbox) "
        "SELECT gen_random_uuid(), project_id, 'climb', 'normal', '{\"recipients\": [], \"title\": \"t\"}', true "
        "FROM projects WHERE name = 'default' RETURNING notification_id"
    )
    insert = (
        "INSERT INTO deliveries (delivery_id, person_id, notification_id, project_id, category, line, step, channel, "
        "condition, after_seconds, following, lane, position, state, dispatched_at, due_at, ready_at, history) "
    )
    values = (
        "$1, p.project_id, 'climb', {line}, 0, 'web_push', 'always', 0, '[]', 1, {line}, '{state}', now(), now(), "
        "now(), '[]'"
    )
    due = values.format(line="0", state="due")
    await store.execute(
        f"{insert} SELECT gen_random_uuid(), p.person_id, {due} FROM people p WHERE p.user_id = ANY($2)",
        notification,
        list(users),
    )
    behind = values.format(line="1", state="queued").replace("$1", "gen_random_uuid()")  # never claimed here
    await store.execute(
        f"{insert} SELECT gen_random_uuid(), p.person_id, {behind} FROM people p, generate_series(1, $2) "
        "WHERE p.user_id = $1",
        users[0],
        queued,
    )
    await store.execute("ANALYZE deliveries")


async def presence(this: Round) -> Measurement:
    """What presence costs: a connection that comes and goes, a person who is asked for, and an idle gateway."""
    plan = this.plan
    redis = create_redis(this.fleet.servers.redis_url)
    users = this.people("present", plan.readers)
    started, cpu = perf_counter(), process_time()
    try:
        writer = PresenceWriter(redis, "bench", "b" * 12)
        writer.start()
        await writer.set(1, "warm", f"{'b' * 12}0", "active")
        began = process_time()
        await asyncio.gather(
            *{writer.set(1, user, f"{'b' * 12}{number + 1:x}", "active") for number, user in enumerate(users)}
        )
        for number, user in enumerate(users):
            writer.remove(1, user, f"{'b' * 12}{number + 1:x}")
        await writer.set(1, "warm", f"{'b' * 12}0", "idle")
        written = (process_time() - began) / len(users) * 1e6
        began = process_time()
        for start in range(0, len(users), 500):
            await read_presences(redis, "bench", [(1, user) for user in users[start : start + 500]])
        asked = (process_time() - began) / len(users) * 1e6
        before = await _commands(redis)
        await asyncio.sleep(plan.idle_seconds)
        idle = (await _commands(redis) - before) / plan.idle_seconds
        await writer.close()
    finally:
        await redis.aclose()
    return Measurement(
        {"presence_written": written, "presence_read": asked},
        perf_counter() - started,
        {"load client": process_time() - cpu},
        notes={"commands/s of two idle gateways, a worker and an api": idle},
    )


async def _commands(redis: Any) -> int:
    return int((await redis.info("stats"))["total_commands_processed"])


async def critical(this: Round) -> Measurement:
    """From publish to claim: critical ones at a steady rate, while two workers work off a backlog of bulk."""
    plan = this.plan
    await _call(this, "PUT", "/v1/categories/push", PUSH)
    users = this.people("crowd", plan.list_size * 10)
    await this.create(users)
    second = this.fleet.spawn("worker")
    meter = Meter(this.fleet)
    try:
        await second.ready()
        async with _store(this) as store:
            chunks = [users[start : start + plan.list_size] for start in range(0, len(users), plan.list_size)]
            bulk = {"category": "push", "title": "News", "priority": "bulk", "sandbox": True}
            async with this.connections(8) as connections:
                lists = (
                    (this.request("POST", "/v1/notifications", {"recipients": list(part), **bulk}), _accepted)
                    for part in itertools.islice(itertools.cycle(chunks), plan.bulk // plan.list_size)
                )
                flood = asyncio.create_task(pump(connections, lists, DRAIN_SECONDS))
                await _steady(this)
                await flood
            delays = await _claimed_after(store)
            left = await store.fetchval("SELECT count(*) FROM deliveries WHERE lane = 2 AND state <> 'sent'")
            seconds, cpu = meter.read()
            await _drained(store, "lane = 2 AND state <> 'sent'")
            await store.execute("DELETE FROM deliveries")
    finally:
        await second.stop()
    return Measurement(
        {"critical_p50": percentile(delays, 50), "critical_p99": percentile(delays, 99)},
        seconds,
        cpu,
        samples={"critical": delays},
        notes={"critical ones": len(delays), "bulk left when they were done": left, "max ms": max(delays)},
    )


async def _steady(this: Round) -> None:
    """Critical publishes, one after the other at the plan's rate, each to somebody else."""
    plan = this.plan
    users: Iterator[str] = itertools.cycle(this.people("urgent", 200))
    body = {"category": "push", "title": "Your code is 4711", "priority": "critical", "sandbox": True}
    async with this.connections(1) as [connection]:
        began = time.monotonic()
        for number in range(plan.criticals):
            await asyncio.sleep(max(0.0, began + number / plan.critical_per_second - time.monotonic()))
            request = this.request("POST", "/v1/notifications", {"recipients": [next(users)], **body})
            must(await connection.ask(request), 202)


async def _claimed_after(store: Any) -> list[float]:
    """Milliseconds from acceptance to the claim of each critical delivery."""
    await _drained(store, "lane = 0 AND state <> 'sent'")
    rows = await store.fetch(
        "SELECT (h.entry ->> 0)::float8 - EXTRACT(epoch FROM n.created_at)::float8 * 1000 AS delay "
        "FROM deliveries d JOIN notifications n USING (notification_id) "
        "CROSS JOIN LATERAL jsonb_array_elements(d.history) h (entry) "
        "WHERE d.lane = 0 AND h.entry ->> 2 = 'claimed'"
    )
    return [row["delay"] for row in rows]


MEASUREMENTS: dict[str, Callable[[Round], Awaitable[Measurement]]] = {
    "decisions": decisions,
    "publish_ladder": publish_ladder,
    "claims": claims,
    "presence": presence,
    "critical": critical,
}
