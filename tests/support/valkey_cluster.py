"""A real Valkey Cluster: three masters and a replica of the first, on free ports and in a directory of its own."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from redis.exceptions import RedisError

from hub.bus.client import create_redis
from hub.bus.slots import SLOTS, Node, slot_of
from hub.local.valkey import Valkey
from tests.support.ports import free_port

NODE_TIMEOUT_MILLISECONDS = 1_500  # until a silent node is dead: long for a busy machine, short for a test
START_SECONDS = 60.0


class ValkeyNode:
    """One process of a cluster."""

    def __init__(self, valkey: Valkey, bus_port: int) -> None:
        self.valkey = valkey
        self.bus_port = bus_port

    async def tell(self, *words: str | int | bytes) -> Any:
        """Any command to this node alone; a connection for each, so that tests' event loops may come and go."""
        client: Any = create_redis(self.valkey.url)
        try:
            return await client.execute_command(*words)
        finally:
            await client.aclose()

    @property
    def address(self) -> str:
        return self.valkey.url.rpartition("@")[2].partition("/")[0]

    @property
    def node(self) -> Node:
        host, _, port = self.address.rpartition(":")
        return Node(host, int(port))

    async def id(self) -> str:
        return str((await self.tell("CLUSTER", "MYID")).decode())

    async def role(self) -> str:
        """Empty while it does not answer."""
        try:
            return str((await self.tell("ROLE"))[0].decode())
        except (RedisError, OSError):
            return ""


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
        bounds = [number * SLOTS // 3 for number in range(4)]
        for number, master in enumerate(self.masters):
            await master.tell("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            await master.tell("CLUSTER", "ADDSLOTSRANGE", bounds[number], bounds[number + 1] - 1)
        first = self.masters[0]
        for node in self.nodes[1:]:
            await node.tell("CLUSTER", "MEET", first.node.host, first.node.port, first.bus_port)
        await self._until_all("cluster_known_nodes", "4")
        await self.replica.tell("CLUSTER", "REPLICATE", await first.id())
        await self.whole()

    async def whole(self) -> None:
        """Returns once every slot is served, and the replica has everything."""
        await self._until_all("cluster_state", "ok")
        await _until(self._follows)

    async def _follows(self) -> bool:
        role = await self.replica.tell("ROLE")
        return bool(role[0] == b"slave" and role[3] == b"connected")

    async def _until_all(self, name: str, value: str) -> None:
        for node in self.nodes:

            async def says(node: ValkeyNode = node) -> bool:
                return bool((await node.tell("CLUSTER INFO"))[name] == value)

            await _until(says)

    async def owner(self, slot: int) -> ValkeyNode:
        """The master of a slot, by what the second master knows: nobody kills that one."""
        ranges = await self.masters[1].tell("CLUSTER", "SLOTS")
        port = next(found[2][1] for found in ranges if found[0] <= slot <= found[1])
        return next(node for node in self.nodes if node.node.port == port)

    async def name_on(self, master: ValkeyNode, prefix: str) -> str:
        """A name that begins so and belongs to this master."""
        ranges = await self.masters[1].tell("CLUSTER", "SLOTS")
        own = [(first, last) for first, last, (_, port, *_), *_ in ranges if port == master.node.port]
        names = (f"{prefix}{number}" for number in range(SLOTS))
        return next(name for name in names if any(first <= slot_of(name) <= last for first, last in own))

    # Slots move

    async def move(self, slot: int, target: ValkeyNode, how: Literal["by key", "at once"] = "by key") -> None:
        """Moves a slot that is in use: key by key, as every release can, or as a whole, as Valkey 9 can."""
        source = await self.owner(slot)
        if source is target:
            return
        if how == "by key":
            await self.begin_move(slot, target)
            while await self.move_keys(slot, source, target):
                pass
            await self.end_move(slot, target)
        else:
            await source.tell("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", await target.id())

        async def moved() -> bool:
            return await self.owner(slot) is target

        await _until(moved)

    async def begin_move(self, slot: int, target: ValkeyNode) -> None:
        """From now on keys that are not there are asked for at the target."""
        source = await self.owner(slot)
        await target.tell("CLUSTER", "SETSLOT", slot, "IMPORTING", await source.id())
        await source.tell("CLUSTER", "SETSLOT", slot, "MIGRATING", await target.id())

    async def move_keys(self, slot: int, source: ValkeyNode, target: ValkeyNode, count: int = 1_000) -> int:
        """Moves up to so many keys; how many it moved."""
        keys = await source.tell("CLUSTER", "GETKEYSINSLOT", slot, count)
        if keys:
            host, port = target.node
            await source.tell("MIGRATE", host, port, "", 0, 5_000, "AUTH", self._password, "KEYS", *keys)
        return len(keys)

    async def end_move(self, slot: int, target: ValkeyNode) -> None:
        name = await target.id()
        for node in (target, *(node for node in self.masters if node is not target)):
            await node.tell("CLUSTER", "SETSLOT", slot, "NODE", name)

    # Masters die

    async def fail_over(self) -> None:
        """kill -9 of the first master. Returns once its replica has taken over."""
        await self.masters[0].valkey.kill()

        async def promoted() -> bool:
            return await self.replica.role() == "master"

        await _until(promoted)

    async def fail_back(self) -> None:
        """Starts the first master again, and lets it take over from its replica in order."""
        first = self.masters[0]
        await first.valkey.start()

        async def back() -> bool:
            if await first.role() == "master" and await self.replica.role() == "slave":
                return True
            with contextlib.suppress(RedisError, OSError):  # not a replica yet, or its link is not up
                await first.tell("CLUSTER", "FAILOVER")
            return False

        await _until(back)
        await self.whole()


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(START_SECONDS):
        while not await condition():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def valkey_cluster(directory: Path) -> AsyncIterator[ValkeyCluster]:
    """Four processes, all gone afterwards."""
    password = secrets.token_hex(16)
    nodes = []
    async with AsyncExitStack() as stack:
        for number in range(4):
            home = directory / f"node-{number}"
            home.mkdir()
            bus_port = free_port()
            options = {
                "cluster-enabled": "yes",
                "cluster-port": str(bus_port),
                "cluster-node-timeout": str(NODE_TIMEOUT_MILLISECONDS),
                "cluster-require-full-coverage": "no",
                "repl-diskless-sync-delay": "0",
                "masterauth": password,
                "loglevel": "warning",
            }
            node = ValkeyNode(Valkey(home, password, durable=False, options=options), bus_port)
            stack.push_async_callback(node.valkey.kill)
            nodes.append(node)
        async with asyncio.TaskGroup() as starting:
            for node in nodes:
                starting.create_task(node.valkey.start())
        cluster = ValkeyCluster(nodes[:3], nodes[3], password)
        await cluster.form()
        yield cluster
