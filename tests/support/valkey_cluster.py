"""A real Valkey Cluster: three masters and a replica of the first, on free ports and in a directory of its own."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Literal, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from hub.bus.client import create_redis
from hub.local.valkey import Valkey
from tests.support.ports import free_port

SLOTS = 16_384
NODE_TIMEOUT_MILLISECONDS = 1_500  # until a silent node is dead: long for a busy machine, short for a test
START_SECONDS = 60.0


class ValkeyNode:
    """One process of a cluster, and a client for it alone."""

    def __init__(self, valkey: Valkey) -> None:
        self.valkey = valkey
        self.redis: Redis

    async def start(self) -> None:
        await self.valkey.start()
        self.redis = create_redis(self.valkey.url)

    async def tell(self, *words: str | int | bytes) -> Any:
        """Any command."""
        return await cast(Any, self.redis).execute_command(*words)

    @property
    def address(self) -> str:
        return self.valkey.url.rpartition("@")[2].partition("/")[0]

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    async def id(self) -> str:
        found = await self.tell("CLUSTER", "MYID")
        return str(found.decode())

    async def state(self) -> dict[str, str]:
        """CLUSTER INFO; empty while it does not answer."""
        try:
            found: Any = await cast(Any, self.redis).execute_command("CLUSTER INFO")
        except (RedisError, OSError):
            return {}
        return dict(found)

    async def role(self) -> str:
        found = await self.tell("ROLE")
        return str(found[0].decode())


class ValkeyCluster:
    """Masters hold a third of the slots each, in order; `replica` follows the first."""

    def __init__(self, masters: list[ValkeyNode], replica: ValkeyNode, password: str) -> None:
        self.masters = masters
        self.replica = replica
        self._password = password

    @property
    def nodes(self) -> list[ValkeyNode]:
        return [*self.masters, self.replica]

    @property
    def url(self) -> str:
        """As HUB_REDIS_URL; the first it names is the one that tests kill."""
        hosts = ",".join(node.address for node in self.masters[:2])
        return f"redis+cluster://:{self._password}@{hosts}"

    async def form(self) -> None:
        """Returns once all know all, and every slot is served."""
        third = SLOTS // 3
        bounds = [(0, third - 1), (third, 2 * third - 1), (2 * third, SLOTS - 1)]
        for epoch, (node, (first, last)) in enumerate(zip(self.masters, bounds, strict=True), 1):
            await node.tell("CLUSTER", "SET-CONFIG-EPOCH", epoch)
            await node.tell("CLUSTER", "ADDSLOTSRANGE", first, last)
        for node in self.nodes[1:]:
            await node.tell("CLUSTER", "MEET", "127.0.0.1", self.masters[0].port, *(await _bus(self)))
        await self._until("cluster_known_nodes", "4")
        await self.replica.tell("CLUSTER", "REPLICATE", await self.masters[0].id())
        await self._until("cluster_state", "ok")
        async with asyncio.timeout(START_SECONDS):
            while (await self.replica.redis.info("replication"))["master_link_status"] != "up":
                await asyncio.sleep(0.02)

    async def _until(self, name: str, value: str) -> None:
        async with asyncio.timeout(START_SECONDS):
            for node in self.nodes:
                while (await node.state()).get(name) != value:
                    await asyncio.sleep(0.02)

    async def owner(self, slot: int) -> ValkeyNode:
        """The master of a slot, by what the second master knows: nobody kills that one."""
        ranges: Any = await self.masters[1].tell("CLUSTER", "SLOTS")
        port = next(found[2][1] for found in ranges if found[0] <= slot <= found[1])
        return next(node for node in self.nodes if node.port == port)

    async def begin_move(self, slot: int, target: ValkeyNode) -> ValkeyNode:
        """The first half of a move: keys that are not there are asked for at the target. The source."""
        source = await self.owner(slot)
        await target.tell("CLUSTER", "SETSLOT", slot, "IMPORTING", await source.id())
        await source.tell("CLUSTER", "SETSLOT", slot, "MIGRATING", await target.id())
        return source

    async def move_keys(self, slot: int, source: ValkeyNode, target: ValkeyNode, count: int = 1_000) -> int:
        """Moves up to so many keys; how many it moved."""
        keys: Any = await source.tell("CLUSTER", "GETKEYSINSLOT", slot, count)
        if keys:
            await source.tell("MIGRATE", "127.0.0.1", target.port, "", 0, 5_000, "AUTH", self._password, "KEYS", *keys)
        return len(keys)

    async def move(self, slot: int, target: ValkeyNode, how: Literal["by key", "at once"] = "by key") -> None:
        """Moves a slot while it is used: key by key, as every release can, or as a whole, which Valkey 9 can."""
        source = await self.owner(slot)
        if source is target:
            return
        if how == "at once":
            await source.tell("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", await target.id())
            async with asyncio.timeout(START_SECONDS):
                while await self.owner(slot) is not target:
                    await asyncio.sleep(0.02)
            return
        await self.begin_move(slot, target)
        while await self.move_keys(slot, source, target):
            pass
        await self.end_move(slot, target)

    async def end_move(self, slot: int, target: ValkeyNode) -> None:
        name = await target.id()
        for node in (target, *(node for node in self.masters if node is not target)):
            await node.tell("CLUSTER", "SETSLOT", slot, "NODE", name)

    async def fail_over(self) -> None:
        """kill -9 of the first master. Returns once its replica has taken over."""
        await self.masters[0].valkey.kill()
        async with asyncio.timeout(START_SECONDS):
            while await self.replica.role() != "master":
                await asyncio.sleep(0.02)

    async def fail_back(self) -> None:
        """Starts the first master again, and lets it take over from its replica in order."""
        first = self.masters[0]
        await first.valkey.start()
        async with asyncio.timeout(START_SECONDS):
            while True:
                with contextlib.suppress(RedisError, OSError):  # not a replica yet, or its link is not up
                    await first.tell("CLUSTER", "FAILOVER")
                if await first.role() == "master" and await self.replica.role() == "slave":
                    break
                await asyncio.sleep(0.1)
        await self._until("cluster_state", "ok")


async def _bus(cluster: ValkeyCluster) -> tuple[str, ...]:
    found: Any = await cluster.masters[0].redis.config_get("cluster-port")
    return (str(found["cluster-port"].decode() if isinstance(found["cluster-port"], bytes) else found["cluster-port"]),)


@asynccontextmanager
async def valkey_cluster(directory: Path) -> AsyncIterator[ValkeyCluster]:
    """Four processes, all gone afterwards."""
    password = secrets.token_hex(16)
    nodes = []
    async with AsyncExitStack() as stack:
        for number in range(4):
            home = directory / f"node-{number}"
            home.mkdir()
            home.chmod(0o755)
            options = {
                "cluster-enabled": "yes",
                "cluster-port": str(free_port()),
                "cluster-node-timeout": str(NODE_TIMEOUT_MILLISECONDS),
                "cluster-require-full-coverage": "no",
                "repl-diskless-sync-delay": "0",
                "primaryauth": password,
                "loglevel": "warning",
            }
            node = ValkeyNode(Valkey(home, password, durable=False, options=options))
            stack.push_async_callback(node.valkey.kill)
            nodes.append(node)
        async with asyncio.TaskGroup() as starting:
            for node in nodes:
                starting.create_task(node.start())
        for node in nodes:
            stack.push_async_callback(node.redis.aclose)
        cluster = ValkeyCluster(nodes[:3], nodes[3], password)
        await cluster.form()
        yield cluster
