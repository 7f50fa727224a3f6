"""What a process knows of a Redis Cluster: its layout, learnt from its nodes, and a client for each of them.

A layout is old the moment it is there. It is asked for again when somebody was sent elsewhere (MOVED), when a server
does not answer, and now and then; several nodes are asked, because one may be cut off from the others, or not have
heard yet.
"""

from __future__ import annotations

import asyncio
import math
import random
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

import structlog
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from hub.bus.client import AWAY, Server, create_redis
from hub.bus.slots import UNKNOWN, Layout, Node, read_layout, slot_of
from hub.bus.tasks import end

log = structlog.get_logger("hub.cluster")

ASKED_NODES = 3  # at once; a majority of a small cluster
ASK_SECONDS = 1.0
DEFAULT_PORT = 6379


class ClusterUrl:
    """`redis+cluster://user:password@host:port,host:port?options`: some nodes, and how to speak to all.

    `rediss+cluster://` is the same with TLS.
    """

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._user, self._at, hosts = self._parts.netloc.rpartition("@")
        self.seeds = tuple(_read_host(host) for host in hosts.split(",") if host)

    def of(self, node: Node) -> str:
        """The URL of one node."""
        scheme = self._parts.scheme.partition("+")[0]
        return urlunsplit(self._parts._replace(scheme=scheme, netloc=f"{self._user}{self._at}{node}", path=""))


def is_cluster(url: str) -> bool:
    return urlsplit(url).scheme.endswith("+cluster")


def _read_host(text: str) -> Node:
    parts = urlsplit(f"//{text}")
    return Node(parts.hostname or "localhost", parts.port or DEFAULT_PORT)


class _View(NamedTuple):
    """What one node says: whether it can serve, how much it has heard, and the layout."""

    serving: bool
    epoch: int
    layout: Layout


class Topology:
    """The layout, and a client for each node.

    `refresh()` may be called by any number of tasks at once: those that come while it runs get its result. Owner: a
    cluster's client, or a subscriber; each has its own, so that one finds out what the other does not know.
    """

    def __init__(self, url: str) -> None:
        self.url = ClusterUrl(url)
        self.layout = UNKNOWN
        self._clients: dict[Node, Server] = {}
        self._asking: asyncio.Task[bool] | None = None
        self._taken_over: dict[Node, float] = {}

    @property
    def known(self) -> bool:
        return self.layout is not UNKNOWN

    def owner(self, name: str | bytes) -> Node:
        """The master of a key or a channel. Raises redis.ConnectionError: none has its slot, as far as is known."""
        slot = slot_of(name)
        node = self.layout.owners[slot]
        if node is None:
            raise RedisConnectionError(f"No master of the cluster has slot {slot}")
        return node

    def client(self, node: Node) -> Server:
        found = self._clients.get(node)
        if found is None:
            found = self._clients[node] = create_redis(self.url.of(node))
        return found

    def age(self, node: Node) -> float:
        """For how many seconds a node has had the slots of a master that was lost; for ever where it has none."""
        since = self._taken_over.get(node)
        return math.inf if since is None else asyncio.get_running_loop().time() - since

    async def refresh(self, first: Node | None = None) -> None:
        """Asks for the layout. Cancelling is safe.

        Args:
            first: Who is likely to know best, and to be believed before others who have heard as much.

        Raises:
            redis.ConnectionError: Nobody answers.
        """
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._refresh(first), name="topology")
        if not await asyncio.shield(self._asking):
            raise RedisConnectionError("No node of the cluster answers")

    async def _refresh(self, first: Node | None) -> bool:
        others = [node for node in self.layout.nodes | set(self.url.seeds) if node != first]
        random.shuffle(others)
        nodes = others if first is None else [first, *others]
        while nodes:
            asked, nodes = nodes[:ASKED_NODES], nodes[ASKED_NODES:]
            views = [view for view in await asyncio.gather(*map(self._ask, asked)) if view is not None]
            if views:
                best = max(views, key=lambda view: (view.serving, view.epoch))  # of equal ones the first
                await self._adopt(best.layout)
                return True
        return False

    async def _ask(self, node: Node) -> _View | None:
        pipeline = self.client(node).pipeline(transaction=False)
        pipeline.execute_command("CLUSTER INFO")
        pipeline.execute_command("CLUSTER SLOTS")
        try:
            async with asyncio.timeout(ASK_SECONDS):
                info, ranges = await pipeline.execute()
            return _View(info["cluster_state"] == "ok", int(info["cluster_current_epoch"]), read_layout(ranges, node))
        except (*AWAY, KeyError, ValueError, TypeError) as error:
            log.debug("cluster.node_away", node=str(node), error=repr(error))
            return None

    async def _adopt(self, layout: Layout) -> None:
        before, self.layout = self.layout, layout
        gone = before.masters - layout.masters
        if gone:
            now = asyncio.get_running_loop().time()
            for old, new in zip(before.owners, layout.owners, strict=True):
                if old in gone and new is not None:
                    self._taken_over[new] = now
            log.info("cluster.masters", masters=sorted(map(str, layout.masters)), gone=sorted(map(str, gone)))
        kept = layout.nodes | set(self.url.seeds)
        for node in [node for node in self._clients if node not in kept]:
            await _close(self._clients.pop(node))

    async def aclose(self) -> None:
        """Closes every connection; may be called twice."""
        if self._asking is not None:
            await end(self._asking)
        clients, self._clients = list(self._clients.values()), {}
        await asyncio.gather(*map(_close, clients))


async def _close(client: Server) -> None:
    try:
        await client.aclose()
    except (RedisError, OSError, TimeoutError) as error:
        log.debug("cluster.not_closed", error=repr(error))
