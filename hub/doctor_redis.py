"""What `hub doctor` looks at in Redis: one server, or every master of a cluster."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from hub.bus.client import AWAY, create_redis
from hub.bus.slots import Node
from hub.bus.topology import Topology, is_cluster
from hub.finding import Finding, State, clock_finding

_LATE = "Nothing is lost, but {whose} arrives late."
_SHOWN = 5  # names in a line


async def check_redis(url: str) -> AsyncGenerator[Finding, None]:
    """Looks at what HUB_REDIS_URL names; changes nothing."""
    if is_cluster(url):
        topology = Topology(url)
        try:
            for finding in await _check_cluster(topology):
                yield finding
        finally:
            await topology.aclose()
        return
    redis = create_redis(url)
    try:
        started = time.perf_counter()
        await redis.ping()
        took = (time.perf_counter() - started) * 1000
        await redis.publish("hub:doctor", b"")
        yield Finding("redis", State.OK, f"Answers in {took:.0f} ms.")
        if await _is_in_a_cluster(redis):
            detail = "Belongs to a cluster, but HUB_REDIS_URL is that of a single server: most keys are refused."
            yield Finding("redis_cluster", State.FAIL, detail, "Write redis+cluster:// (or rediss+cluster://) in it.")
        yield await _check_memory(redis)
        yield await _check_clock(redis)
    except AWAY as error:
        late = _LATE.format(whose="everything")
        detail = f"Redis does not answer: {type(error).__name__}: {error}. {late}"
        yield Finding("redis", State.UNREACHABLE, detail, "Start Redis, or correct HUB_REDIS_URL.")
    finally:
        await redis.aclose()


async def _is_in_a_cluster(redis: Redis) -> bool:
    try:
        told: Any = await redis.info("cluster")
    except ResponseError:  # who is not shown it
        return False
    return bool(told.get("cluster_enabled"))


async def _check_clock(redis: Redis) -> Finding:
    before = time.time()
    seconds, microseconds = await redis.time()
    skew = (before + time.time()) / 2 - (seconds + microseconds / 1_000_000)
    return clock_finding("redis_clock", skew, "Redis", "the grace of who left, and caps, end by Redis's clock")


async def _check_memory(redis: Redis) -> Finding:
    try:
        policy = await _setting(redis, "maxmemory-policy")
        durable = await _setting(redis, "appendonly") == "yes" or await _setting(redis, "save") != ""
    except ResponseError:
        return Finding("redis_memory", State.OK, "Its settings are not shown to us; a managed server's usually fit.")
    if policy.startswith("allkeys"):
        detail = f"maxmemory-policy is {policy}: under pressure it forgets who is connected."
        return Finding("redis_memory", State.FAIL, detail, "Set maxmemory-policy noeviction.")
    if not durable:
        detail = "It keeps nothing over a restart. That loses no notification; presence is unknown for a minute."
        return Finding("redis_memory", State.WARN, detail, "Set appendonly yes, if that matters.")
    return Finding("redis_memory", State.OK, "Evicts nothing that is needed, and keeps its data over a restart.")


async def _setting(redis: Redis, name: str) -> str:
    found: Any = await redis.config_get(name)
    value = found.get(name, b"")
    return value.decode() if isinstance(value, bytes) else str(value)


async def _check_cluster(topology: Topology) -> list[Finding]:
    try:
        await topology.refresh()
    except AWAY as error:
        detail = f"{error}. {_LATE.format(whose='everything')}"
        return [Finding("redis", State.UNREACHABLE, detail, "Start the cluster, or correct HUB_REDIS_URL.")]
    layout = topology.layout
    masters, away = [], []
    slowest = 0.0
    for node in sorted(layout.masters):
        started = time.perf_counter()
        try:
            await topology.client(node).ping()
            slowest = max(slowest, time.perf_counter() - started)
            masters.append(node)
        except AWAY:
            away.append(node)
    found = [_check_masters(topology, masters, away, slowest)]
    if not masters:
        return found
    try:
        found.append(await _check_sharding(topology, masters))
        alone = [node for node in sorted(layout.masters) if not layout.replicas[node]]
        found.append(_check_replicas(alone, sum(map(len, layout.replicas.values()))))
        for check in (_check_memory, _check_clock):
            each = [(node, await check(topology.client(node))) for node in masters]
            found.append(_worst(each))
    except AWAY as error:
        found.append(Finding("redis", State.FAIL, f"A master stopped answering: {error!r}.", "Run hub doctor again."))
    return found


def _check_masters(topology: Topology, masters: list[Node], away: list[Node], slowest: float) -> Finding:
    owners = topology.layout.owners
    orphans = sum(owner is None for owner in owners)
    total = len(masters) + len(away)
    if away:
        detail = f"Of {total} masters of the cluster these do not answer from here: {_named(away)}."
        mend = (
            "Start them, or their replicas; or see that they announce addresses that reach them (cluster-announce-…)."
        )
        return Finding("redis", State.FAIL, f"{detail} {_LATE.format(whose='what is theirs')}", mend)
    if orphans:
        detail = f"{orphans} of {len(owners)} slots have no master. {_LATE.format(whose='what is theirs')}"
        return Finding("redis", State.FAIL, detail, "Assign them: valkey-cli --cluster fix.")
    detail = f"A cluster of {total} masters that serve all slots; the slowest answers in {slowest * 1000:.0f} ms."
    return Finding("redis", State.OK, detail)


async def _check_sharding(topology: Topology, masters: list[Node]) -> Finding:
    check = "redis_cluster"
    node = masters[0]
    name = next(name for n in range(1 << 20) if topology.owner(name := f"hub:doctor:{n}") == node)
    client: Any = topology.client(node)
    try:
        await client.execute_command("SPUBLISH", name, b"")
    except ResponseError as error:
        detail = f"Sharded Pub/Sub does not work: {error}."
        return Finding(check, State.FAIL, detail, "Use Valkey, or Redis 7 or newer.")
    try:
        whole = await _setting(client, "cluster-require-full-coverage")
    except ResponseError:
        whole = ""
    if whole == "yes":
        detail = "While one master is away all others refuse to work (cluster-require-full-coverage yes)."
        return Finding(check, State.WARN, detail, "Set cluster-require-full-coverage no, on every node.")
    return Finding(check, State.OK, "Sharded Pub/Sub works; masters go on while another is away.")


def _check_replicas(alone: list[Node], replicas: int) -> Finding:
    if alone:
        detail = f"Nobody takes over from {_named(alone)}. {_LATE.format(whose='what is theirs')}"
        return Finding("redis_replicas", State.WARN, detail, "Give every master a replica.")
    return Finding("redis_replicas", State.OK, f"{replicas} replicas, at least one for each master.")


def _worst(each: list[tuple[Node, Finding]]) -> Finding:
    """What was found of the master that is worst off, with its name; what is well is the same for all."""
    order = [State.OK, State.WARN, State.FAIL, State.UNREACHABLE]
    node, finding = max(each, key=lambda pair: order.index(pair[1].state))
    return finding if finding.state is State.OK else finding._replace(detail=f"{node}: {finding.detail}")


def _named(nodes: list[Node]) -> str:
    return f"{', '.join(map(str, nodes[:_SHOWN]))}{', …' if len(nodes) > _SHOWN else ''}"
