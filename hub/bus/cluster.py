"""A Redis Cluster as a Bus: each command goes to the master of its slot, over a plain client for that master.

redis-py's own cluster client is not used (8.1): it starts a thread and an event loop for each command of a transaction,
closes the connections that other tasks are using whenever it learns a new layout, tries again without saying so, and
raises what is no RedisError. What is left to do by ourselves is small, because here every transaction and script keeps
to one slot.

A redirection is followed, for the commands that met it: they were not done. A server that does not answer is left alone
until it does, or until another has its slots; its commands fail at once meanwhile, and hold up nobody else's.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import structlog
from redis.asyncio.client import Pipeline
from redis.exceptions import AskError, ClusterDownError, MovedError, TryAgainError
from redis.exceptions import ConnectionError as RedisConnectionError

from hub.bus.client import AWAY, SCRIPT_MESSAGES, WALK, Bus, Command, Message, Server, checked, create_redis, packed
from hub.bus.slots import Node, slot_of, spread_tags
from hub.bus.tasks import end
from hub.bus.topology import Topology, is_cluster

log = structlog.get_logger("hub.cluster")

PARTS = 16  # of what belongs together over many people: as many masters can share it; each gateway writes to all
ROUNDS = 5  # of following redirections; two suffice, unless nodes contradict each other
AGAIN_SECONDS = 0.02  # between rounds, but for the first
PING_SECONDS = 0.5  # an answer takes under 1 ms; who is away is asked again soon
MEND_SECONDS = (0.1, 1.0)  # between looks at servers that are away: first, longest; full jitter


# As _PUBLISH of client.py. Answers the places of what was not published here, from 0.
_PUBLISH = "#!lua flags=allow-cross-slot-keys\nlocal refused = {}\n%s\nreturn refused" % (
    WALK % "if type(redis.pcall('SPUBLISH', name, text)) == 'table' then refused[#refused + 1] = (place - 1) / 8 end"
)


class Cluster:
    """A client for all masters. Nothing is connected before it is used; `aclose()` may be called twice."""

    tags: tuple[str, ...] = tuple(f":{{{tag}}}" for tag in spread_tags(PARTS))

    def __init__(self, url: str) -> None:
        self.topology = Topology(url)
        self._away: set[Node] = set()
        self._mending: asyncio.Task[None] | None = None

    async def each(self, commands: Sequence[Command], first: tuple[Any, ...] = ()) -> list[Any]:
        await self._know()
        replies: list[Any] = [None] * len(commands)
        todo: Iterable[int] = range(len(commands))
        asking: dict[int, Node] = {}
        for round_ in range(ROUNDS):
            if round_ > 1:
                await asyncio.sleep(AGAIN_SECONDS)
            sent: dict[tuple[Node, bool], list[int]] = {}
            for place in todo:
                try:
                    node = asking.get(place) or self.topology.owner(commands[place][0])
                    sent.setdefault((node, place in asking), []).append(place)
                except RedisConnectionError as error:
                    replies[place] = error
                    self._mend()
            await asyncio.gather(*(self._send(*way, commands, places, first, replies) for way, places in sent.items()))
            places = [place for found in sent.values() for place in found]
            todo = [place for place in places if isinstance(replies[place], (AskError, TryAgainError))]
            if not todo:
                break
            asking = {}
            for place in todo:
                reply = replies[place]
                if type(reply) is AskError and (target := _target(reply)) is not None:
                    asking[place] = target
            moved = [reply for place in todo if isinstance(reply := replies[place], MovedError)]
            if moved:
                await self._refresh(_target(moved[0]))
        return replies

    async def _send(
        self,
        node: Node,
        asking: bool,
        commands: Sequence[Command],
        places: Sequence[int],
        first: tuple[Any, ...],
        replies: list[Any],
    ) -> None:
        """Sends some of the commands to one node, and puts the replies where they belong."""
        found: Sequence[Any]
        try:
            pipeline = self._client(node).pipeline(transaction=False)
            if first:
                pipeline.execute_command(*first)
            for place in places:
                if asking:
                    pipeline.execute_command("ASKING")
                pipeline.execute_command(*commands[place][1])
            found = await pipeline.execute(raise_on_error=False)
            found = found[bool(first) :][int(asking) :: 1 + int(asking)]
        except AWAY as error:
            self._lost(node, error)
            found = [error] * len(places)
        for place, reply in zip(places, found, strict=True):
            replies[place] = reply
            if isinstance(reply, ClusterDownError):
                self._mend()

    async def at(self, key: str, build: Callable[[Pipeline], object], *, transaction: bool = True) -> list[Any]:
        """As Bus.at. While the slot of `key` is being moved key by key, this fails."""
        await self._know()
        for round_ in range(ROUNDS):
            if round_ > 1:
                await asyncio.sleep(AGAIN_SECONDS)
            try:
                node = self.topology.owner(key)
            except RedisConnectionError:
                self._mend()
                raise
            pipeline = self._client(node).pipeline(transaction=True)
            build(pipeline)
            try:
                return await pipeline.execute()
            except MovedError as error:
                if round_ + 1 == ROUNDS:
                    raise
                await self._refresh(_target(error))
            except (AskError, TryAgainError):
                raise
            except ClusterDownError:
                self._mend()
                raise
            except (RedisConnectionError, OSError, TimeoutError) as error:
                self._lost(node, error)
                raise
        raise AssertionError

    async def publish(self, channel: str, payload: bytes, /) -> Any:
        return checked(await self.each([(channel, ("SPUBLISH", channel, payload))]))[0]

    async def publish_all(self, messages: Sequence[Message]) -> list[int]:
        await self._know()
        owners = self.topology.layout.owners
        sent: dict[Node, list[int]] = {}
        again: list[int] = []  # one by one: their slots are somewhere else now
        refused: list[int] = []
        for place, (channel, _) in enumerate(messages):
            owner = owners[slot_of(channel)]
            (again if owner is None else sent.setdefault(owner, [])).append(place)
        await asyncio.gather(*(self._publish(*part, messages, again, refused) for part in sent.items()))
        replies = await self.each([(messages[place][0], ("SPUBLISH", *messages[place])) for place in again])
        refused += [place for place, reply in zip(again, replies, strict=True) if isinstance(reply, Exception)]
        return sorted(refused)

    async def _publish(
        self, node: Node, places: Sequence[int], messages: Sequence[Message], again: list[int], refused: list[int]
    ) -> None:
        """Publishes some of the messages on one node; the others it adds to `again` and `refused`."""
        chunks = [places[start : start + SCRIPT_MESSAGES] for start in range(0, len(places), SCRIPT_MESSAGES)]
        try:
            pipeline = self._client(node).pipeline(transaction=False)
            for chunk in chunks:
                pipeline.execute_command("EVAL", _PUBLISH, 0, *packed(messages[place] for place in chunk))
            found = await pipeline.execute(raise_on_error=False)
        except AWAY as error:
            self._lost(node, error)
            refused += places
            return
        for chunk, reply in zip(chunks, found, strict=True):
            again += chunk if isinstance(reply, Exception) else [chunk[place] for place in reply]

    def age(self, key: str) -> float:
        return self.topology.age(self.topology.owner(key))

    async def ping(self) -> None:
        """As Bus.ping: one master is enough, for those whose slots it has."""
        await self._know()
        masters = sorted(self.topology.layout.masters)
        answers = await asyncio.gather(*map(self._answers, masters))
        if not all(answers):
            self._mend()
        if not any(answers):
            raise RedisConnectionError(f"None of the {len(masters)} masters of the cluster answers")

    async def _answers(self, node: Node) -> bool:
        try:
            async with asyncio.timeout(PING_SECONDS):
                await self.topology.client(node).ping()
        except AWAY:
            return False
        return True

    async def aclose(self) -> None:
        mending, self._mending = self._mending, None
        if mending is not None:
            await end(mending)
        await self.topology.aclose()

    # What is known, and what is away

    async def _know(self) -> None:
        if not self.topology.known:
            await self.topology.refresh()

    async def _refresh(self, first: Node | None) -> None:
        """Learns the layout anew, if anybody tells; who asks goes on with what is known."""
        try:
            await self.topology.refresh(first)
        except RedisConnectionError as error:
            log.warning("cluster.unknown", error=repr(error))

    def _client(self, node: Node) -> Server:
        if node in self._away:
            raise RedisConnectionError(f"{node} does not answer")
        return self.topology.client(node)

    def _lost(self, node: Node, error: BaseException) -> None:
        """A server did not answer: leave it alone until it does."""
        if node not in self._away:
            log.warning("cluster.server_away", node=str(node), error=repr(error))
            self._away.add(node)
        self._mend()

    def _mend(self) -> None:
        if self._mending is None or self._mending.done():
            self._mending = asyncio.create_task(self._until_whole(), name="cluster")

    async def _until_whole(self) -> None:
        """Looks for whoever has the slots now, until every master answers. Commands go by what it finds."""
        delay = MEND_SECONDS[0]
        whole = False
        while not whole:
            await self._refresh(None)
            self._away &= self.topology.layout.masters
            away = list(self._away)
            answers = await asyncio.gather(*map(self._answers, away))
            self._away.difference_update(node for node, answer in zip(away, answers, strict=True) if answer)
            whole = not self._away and None not in self.topology.layout.owners
            await asyncio.sleep(random.uniform(0, delay))  # also the last time: who is refused again asks again at once
            delay = min(delay * 2, MEND_SECONDS[1])


def _target(error: AskError) -> Node | None:
    """Where a redirection points; a node that does not know its address names none."""
    return Node(error.host, error.port) if error.host else None


def create_bus(url: str) -> Bus:
    """A client for what `url` names, as HUB_REDIS_URL: one server, or a cluster; nothing is connected yet."""
    return Cluster(url) if is_cluster(url) else create_redis(url)
