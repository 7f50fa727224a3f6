"""Reading sharded Pub/Sub of a Redis Cluster: a line to every master, and each channel on the one that has its slot.

    a slot moves: its master takes the channels away, or sends elsewhere ─┐
    a line is lost, or refused ───────────────────────────────────────────┴─> layout asked for ─> channels brought there

What was published on the way is lost, so `on_gap` follows: with the channels that moved, once they stand again; with
None where a master was lost, because its successor may not have heard everything.

A line for masters without a channel of ours as well: presence is kept on all of them, and a lost line says that it may
have to be written again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from itertools import count
from typing import Any

import structlog
from redis.exceptions import RedisError

from hub.bus.line import BACKOFF_SECONDS, Line
from hub.bus.link import SHARDED
from hub.bus.slots import UNKNOWN, Layout, Node, slot_of
from hub.bus.subscribe import Subscriber
from hub.bus.tasks import end
from hub.bus.topology import Topology, is_cluster

log = structlog.get_logger("hub.subscribe")

MOVE_SECONDS = 0.25  # at most, until channels follow when slot after slot moves; full jitter


class ClusterSubscriber(Subscriber):
    """Pub/Sub for one process, on a cluster; as Subscriber."""

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(url, **options)
        self._topology = Topology(url)
        self._arranged = UNKNOWN
        self._covered = False  # every slot has a master
        self._lines: dict[Node, Line] = {}
        self._nodes: dict[Line, Node] = {}
        self._heirs: set[Line] = set()  # of masters that were lost: a gap in all there is
        self._stood: set[bytes] = set()  # wanted, and confirmed at some time
        self._homeless: set[bytes] = set()  # wanted, and refused where they should stand
        self._moving: set[bytes] = set()  # stood, and will again
        self._moved: set[bytes] = set()  # stand again; nobody has been told
        self._telling: asyncio.Handle | None = None
        self._stale = asyncio.Event()
        self._first: Node | None = None
        self._following: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        return self._whole and not self._homeless

    def start(self) -> None:
        self._running = True
        self._following = asyncio.create_task(self._follow(), name="subscriber-layout")

    async def _end_lines(self) -> None:
        following, self._following = self._following, None
        if following is not None:
            await end(following)
        await asyncio.gather(*(line.close() for line in self._lines.values()))
        await self._topology.aclose()

    def unsubscribe(self, channel: bytes) -> None:
        for channels in (self._stood, self._homeless, self._moving):
            channels.discard(channel)
        super().unsubscribe(channel)

    def _stands(self, channel: bytes) -> bool:
        line = self._line_of(channel)
        return line is not None and line.confirmed(channel)

    def _line_of(self, channel: bytes) -> Line | None:
        """Where it belongs; None: nowhere yet."""
        owner = self._arranged.owners[slot_of(channel)]
        return None if owner is None else self._lines.get(owner)

    def _bring(self, channels: Iterable[bytes]) -> None:
        for channel in channels:
            line = self._line_of(channel)
            if line is not None:  # otherwise it is in the share of the line that comes
                line.bring([channel], self._wanted)

    # Where channels stand

    async def _follow(self) -> None:
        """Keeps lines and channels where the layout says."""
        delay = 0.0
        while True:
            first, self._first = self._first, None
            self._stale.clear()
            try:
                await self._topology.refresh(first)
                await self._arrange(self._topology.layout)
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("subscriber.no_layout", error=repr(error))
                self._stale.set()
            except Exception:  # whatever it was: channels must not stay where nobody publishes
                log.exception("subscriber.broken")
                self._stale.set()
            try:
                async with asyncio.timeout(self._probe_seconds * random.uniform(0.8, 1.2)):
                    await self._stale.wait()
            except TimeoutError:
                delay = 0.0
                continue
            await asyncio.sleep(random.uniform(0, delay))
            delay = min(max(delay * 2, BACKOFF_SECONDS[0]), MOVE_SECONDS if self._whole else BACKOFF_SECONDS[1])

    @property
    def _whole(self) -> bool:
        return self._covered and all(line.ready for line in self._lines.values())

    async def _arrange(self, layout: Layout) -> None:
        before, self._arranged = self._arranged, layout
        self._covered = None not in layout.owners
        if layout.owners != before.owners:
            lost = bool(self._lines.keys() - layout.masters)
            for node in self._lines.keys() - layout.masters:
                line = self._lines.pop(node)
                del self._nodes[line]
                self._heirs.discard(line)
                await line.close()
            for node in layout.masters - self._lines.keys():
                self._open(node, heir=lost)
            self._note_ready()
            shares = self._shares()
            for node, line in self._lines.items():
                if layout.owners[slot_of(line.control)] != node:
                    line.control = self._control_on(node)
                share, asked = shares[node] | {line.control}, line.asked
                if line not in self._heirs:
                    self._moving |= (share - asked) & self._stood
                line.bring(share | asked, share)
            self._homeless.clear()
        elif self._homeless:
            homeless, self._homeless = self._homeless, set()
            self._bring(homeless)

    def _open(self, node: Node, *, heir: bool) -> None:
        url = self._topology.url.of(node)
        line = Line(url, SHARDED, self._control_on(node), self, self._publish, self._probe_seconds)
        self._lines[node], self._nodes[line] = line, node
        if heir:
            self._heirs.add(line)
        line.start()

    def _control_on(self, node: Node) -> bytes:
        """A channel of this process on this master."""
        owners = self._arranged.owners
        return next(name for n in count() if owners[slot_of(name := self._control + b":%d" % n)] == node)

    def _shares(self) -> dict[Node | None, set[bytes]]:
        """All that is wanted, by its master."""
        shares: dict[Node | None, set[bytes]] = {node: set() for node in self._lines}
        for channel in self._wanted:
            shares.setdefault(self._arranged.owners[slot_of(channel)], set()).add(channel)
        return shares

    # What lines tell

    def share(self, line: Line) -> set[bytes]:
        return self._shares().get(self._nodes.get(line), set()) | {line.control}

    def confirmed(self, channel: bytes) -> None:
        super().confirmed(channel)
        if channel not in self._wanted:
            return
        self._stood.add(channel)
        if channel in self._moving:
            self._moving.discard(channel)
            self._moved.add(channel)
            if self._telling is None:
                self._telling = asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self) -> None:
        self._telling = None
        moved, self._moved = frozenset(self._moved), set()
        log.info("subscriber.moved", channels=len(moved))
        self._on_gap(moved)

    def refused(self, line: Line, channel: bytes, error: str | None) -> None:
        if error is not None and not error.startswith("MOVED "):
            log.warning("subscriber.refused", error=error)
        if channel in self._wanted:
            self._homeless.add(channel)
            if channel in self._stood:
                self._moving.add(channel)
        self._first = _named_by(error) or self._nodes.get(line)
        self._stale.set()

    def opened(self, line: Line, *, again: bool) -> None:
        self._note_ready()
        again = again or line in self._heirs
        self._heirs.discard(line)
        (log.info if again else log.debug)("subscriber.connected", channels=len(line.asked), again=again)
        if again:
            self._on_gap(None)

    def lost(self, line: Line) -> None:
        if line in self._nodes:
            self._note_ready()
            self._stale.set()

    def _note_ready(self) -> None:
        if any(line.ready for line in self._lines.values()):
            self._ready.set()
        else:
            self._ready.clear()


def _named_by(error: str | None) -> Node | None:
    """Whom a MOVED names."""
    words = (error or "").split(" ")
    host, _, port = words[-1].rpartition(":")
    return Node(host, int(port)) if words[0] == "MOVED" and host and port.isdecimal() else None


def create_subscriber(url: str, **options: Any) -> Subscriber:
    """A subscriber for what `url` names; options as Subscriber's."""
    return (ClusterSubscriber if is_cluster(url) else Subscriber)(url, **options)
