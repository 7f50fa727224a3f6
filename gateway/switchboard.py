"""The switchboard: all connections of this gateway, and the way of a person's changes to them.

    Redis ── subscriber ── room of that person ── session of each connection ── transport
    store ── heads of everybody, compared after every gap and every reconcile_seconds ──┘

Any gateway serves any person: what is here can be lost at any moment, and is made again from a hello.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections import Counter
from collections.abc import Coroutine, Sequence
from typing import Any

import msgspec
import structlog
from redis.exceptions import RedisError
from uvicorn.middleware.proxy_headers import _TrustedHosts

from gateway import metrics
from gateway.admission import Admission, Denied
from gateway.codes import Close, Code
from gateway.connection import Connection
from gateway.heap import Heap
from gateway.lookups import Lookups
from gateway.receipts import Receipts
from gateway.reconcile import Reconciler
from gateway.room import Room
from gateway.session import PATIENCE_SECONDS, Rules, Session, State
from gateway.turns import Turns
from gateway.wheel import Wheel
from hub.bus import announce
from hub.bus.presence import INCARNATION_CHARACTERS
from hub.bus.presence_writer import PresenceWriter
from hub.bus.subscribe import SubscriberClosed
from hub.bus.subscribe_cluster import create_subscriber
from hub.bus.tasks import end
from hub.exceptions import Unauthenticated, Unavailable
from hub.publish.broadcast import pull_broadcasts
from hub.runtime import Hub
from hub.store import inbox
from hub.store.database import GONE
from hub.web.app import refusal_limiter
from hub.web.limits import RateLimiter
from hub.web.origins import Origins

log = structlog.get_logger("hub.gateway")

WARN_SECONDS = 1.0
UPKEEP_SECONDS = 1.0  # between flushes of receipts and of counters
RETRY_SECONDS = 0.5
SNAPSHOT_ITEMS = 50  # contract
SNAPSHOTS_AT_ONCE = 20  # people: at most a thousand items in one answer
HEADS_AT_ONCE = 100  # people who come in a storm, in one statement; what each batch goes on to do takes some 10 ms
DRAIN_SPACING_SECONDS = 0.1  # at most, between two closes of a drain: a few connections need no long window
DRAIN_RETRY_SECONDS = (1, 3)  # what a drained client waits; the window has spread them already
LINGER_SECONDS = 5.0  # for the last closing handshakes of a drain


class Switchboard:
    """One per gateway process. `start()` opens what it needs; `drain()` and then `close()` end it, repeatably."""

    def __init__(self, hub: Hub) -> None:
        settings = hub.settings
        loop = asyncio.get_running_loop()
        self.hub = hub
        self.incarnation = secrets.token_hex(INCARNATION_CHARACTERS // 2)
        self.rules = Rules(settings.heartbeat_seconds, settings.hello_seconds, settings.connection_max_seconds)
        self.write_buffer_bytes = settings.write_buffer_bytes
        self.origins = Origins(settings.allowed_origins, settings.public_url)
        self.trusted = _TrustedHosts(settings.trusted_proxies)
        self.limits = RateLimiter()
        self.refusals = refusal_limiter()
        self.wheel = Wheel(loop)
        self.turns = Turns(loop)
        self.receipts = Receipts(hub.db)
        self.presence = PresenceWriter(
            hub.redis, hub.installation, self.incarnation, settings.lease_seconds, settings.presence_grace_seconds
        )
        self.admission = Admission(hub)
        self.reconciler = Reconciler(self)
        # Hellos and reads queue here, not for the pool, whose patience is short; marks and receipts find a connection.
        self.reads = asyncio.Semaphore(max(1, settings.pool_size - 2))
        self.heads = Lookups(self._find_heads, self.spawn, HEADS_AT_ONCE)
        self.snapshots = Lookups(self._read_snapshots, self.spawn, SNAPSHOTS_AT_ONCE)
        self.draining = False
        self.connections: dict[str, Connection] = {}
        self.now = loop.time
        self.sent = 0
        self.rooms: dict[bytes, Room] = {}
        self._projects: Counter[int] = Counter()
        self._addresses: Counter[str] = Counter()
        self._made = 0
        self._heap = Heap()
        self._warned: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._empty = asyncio.Event()
        self.subscriber = create_subscriber(
            settings.redis_url.get_secret_value(),
            control=control_channel(hub.installation, self.incarnation),
            publish=hub.redis.publish,
            on_message=self._hear,
            on_gap=self._on_gap,
            probe_seconds=settings.probe_seconds,
        )

    def start(self) -> None:
        self.subscriber.start()
        self.presence.start()
        self.spawn(self.reconciler.run())
        self.spawn(self._upkeep())

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs something short, or something that lasts as long as the gateway; `close()` ends it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("gateway.task_broken", exc_info=error)

    def warn(self, event: str, error: Exception) -> None:
        """Logs what happens to every connection at once, once a second: a server that is away is one event."""
        if self.now() >= self._warned.get(event, 0.0) + WARN_SECONDS:
            self._warned[event] = self.now()
            log.warning(event, error=repr(error))

    # Connections come and go

    def session(self, *, beats: bool = True) -> Session:
        """A session for a connection that was just accepted."""
        self._made += 1
        self._heap.tidy(self._made, len(self.connections))
        return Session(f"{self.incarnation}{self._made:x}", self.rules, self.now(), random.random(), beats=beats)

    def open(self, connection: Connection) -> Close | None:
        """Takes a connection in, or says why not; then it is to be closed with that."""
        self.connections[connection.session.connection] = connection
        if connection.address:
            self._addresses[connection.address] += 1
        self._empty.clear()
        metrics.CONNECTIONS.labels(connection.transport_name).inc()
        settings = self.hub.settings
        if self.draining:
            return self._drained()
        if len(self.connections) > settings.connections:
            return Close(Code.TRY_AGAIN_LATER, "this gateway is full")
        if self._addresses[connection.address] > settings.connections_per_address:
            return Close(Code.TRY_AGAIN_LATER, "too many connections from this address")
        connection.reschedule()
        return None

    def gone(self, connection: Connection) -> None:
        """The transport is closed."""
        connection.session.end()
        self.leave(connection)
        self.wheel.cancel(connection)
        if self.connections.pop(connection.session.connection, None) is None:
            return
        if connection.address:
            self._addresses[connection.address] -= 1
            if not self._addresses[connection.address]:
                del self._addresses[connection.address]
        if not self.connections:
            self._empty.set()
        metrics.CONNECTIONS.labels(connection.transport_name).dec()

    def admit(self, connection: Connection, token: str) -> None:
        """Verifies the token of a hello."""
        self.turns.take(lambda: self.spawn(self._admit(connection, token)))

    async def _admit(self, connection: Connection, token: str) -> None:
        session = connection.session
        while session.state is State.ADMITTING:
            try:
                grant = await self.admission.verify(token, check_revocation=False)  # joining reads the person
            except Denied as denied:
                connection.end(denied.code, denied.detail)
            except (Unavailable, *GONE) as error:
                self.warn("gateway.admission_waits", error)
                await asyncio.sleep(random.uniform(0, RETRY_SECONDS))
            else:
                connection.perform(session.admitted(grant, self.now()))

    def renew(self, connection: Connection, ref: int, token: str) -> None:
        """Verifies the token of a `token` frame."""
        self.spawn(self._renew(connection, ref, token))

    async def _renew(self, connection: Connection, ref: int, token: str) -> None:
        session = connection.session
        try:
            grant = await self.admission.verify(token)
        except Denied as denied:
            connection.perform(session.answer_error(ref, "token_refused", denied.detail))
        except (Unavailable, *GONE) as error:
            self.warn("gateway.renewal_failed", error)
            connection.perform(session.answer_error(ref, "unavailable", "a server of the hub is away; try again"))
        else:
            connection.perform(session.renewed(ref, grant, self.now()))
            if session.state is not State.CLOSED:
                connection.reschedule()

    def join(self, connection: Connection) -> None:
        """Takes an admitted connection into its person's room."""
        grant = connection.session.grant
        assert grant is not None
        name = announce.channel(self.hub.installation, grant.project_id, grant.user).encode("utf-8")
        room = self.rooms.get(name)
        if room is None:
            room = self.rooms[name] = Room(self, name, grant.project_id, grant.user)
            self._projects[grant.project_id] += 1
        room.connections.append(connection)
        connection.room = room
        while len(room.connections) > self.hub.settings.connections_per_user:
            room.connections[0].end(Code.TOO_MANY_CONNECTIONS, "a newer connection took the place of this one")
        self.spawn(self._join(connection, room, grant.issued_at))

    async def _join(self, connection: Connection, room: Room, issued_at: float) -> None:
        try:
            await self._enter(connection, room, issued_at)
        finally:
            self._unsubscribe(room)  # whoever left before it was asked for could not take it back

    async def _enter(self, connection: Connection, room: Room, issued_at: float) -> None:
        session = connection.session
        project = announce.project_channel(self.hub.installation, room.project_id).encode("utf-8")
        while session.state is State.JOINING:
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await self.subscriber.subscribe(project)  # somebody of the project is nearly always here
                    await self.subscriber.subscribe(room.channel)
                if session.state is not State.JOINING:
                    return
                head = await self._open_inbox(room, issued_at)
            except SubscriberClosed:
                return
            except Unauthenticated:
                connection.end(Code.REVOKED, "the token was revoked")
                return
            except GONE as error:
                self.warn("gateway.join_waits", error)
                await asyncio.sleep(random.uniform(0, RETRY_SECONDS))
                continue
            if session.state is not State.JOINING:
                return
            room.identify(head.person_id)
            registered = self.presence.set(room.project_id, room.user, session.connection, session.presence)
            await asyncio.wait({registered}, timeout=RETRY_SECONDS)
            self.receipts.note_seen(head.person_id)
            connection.perform(session.joined(head.person_id, None if head.pending_broadcasts else head))

    async def _open_inbox(self, room: Room, issued_at: float) -> inbox.HeadState:
        """The head of the room's person, broadcasts pulled; behind it where `pending_broadcasts`.

        Raises:
            Unauthenticated, GONE.
        """
        head = await self.heads.get((room.project_id, room.user))
        if head is not None and not head.pending_broadcasts and not head.voids(issued_at):
            return head
        async with self.reads:
            head = await inbox.open_inbox(self.hub.db, room.project_id, room.user, token_issued_at=issued_at)
            if head.pending_broadcasts:
                await pull_broadcasts(self.hub, [head.person_id])
        return head

    async def _find_heads(self, keys: Sequence[tuple[int, str]]) -> dict[tuple[int, str], inbox.HeadState]:
        async with self.reads:
            return await inbox.find_heads(self.hub.db, keys)

    async def _read_snapshots(self, person_ids: Sequence[int]) -> dict[int, inbox.InboxPage]:
        async with self.reads:
            return await inbox.read_pages(self.hub.db, person_ids, inbox.InboxQuery(limit=SNAPSHOT_ITEMS))

    def leave(self, connection: Connection) -> None:
        """The session is over: nothing is sent to it any more, and its presence ends."""
        room, connection.room = connection.room, None
        connection.deferred = None
        if room is None:
            return
        self.presence.remove(room.project_id, room.user, connection.session.connection)
        if room.person_id:
            self.receipts.note_seen(room.person_id)
        room.connections.remove(connection)
        if room.connections:
            return
        del self.rooms[room.channel]
        self._projects[room.project_id] -= 1
        if not self._projects[room.project_id]:
            del self._projects[room.project_id]
        self._unsubscribe(room)

    def _unsubscribe(self, room: Room) -> None:
        """Drops the channels that nobody needs now that this room is left."""
        if room.channel not in self.rooms:
            self.subscriber.unsubscribe(room.channel)
        if room.project_id not in self._projects:
            channel = announce.project_channel(self.hub.installation, room.project_id)
            self.subscriber.unsubscribe(channel.encode("utf-8"))

    def take_rate(self, project_id: int, user: str) -> None:
        """Counts one request of a person, by whatever way; raises RateLimited."""
        self.limits.take(f"{project_id}:{user}", self.hub.settings.client_rate_limit_per_second)

    def count_close(self, close: Close) -> None:
        metrics.CLOSES.labels(str(int(close.code))).inc()

    def count_read(self, kind: str) -> None:
        metrics.READS.labels(kind).inc()

    # Changes come in

    def _hear(self, channel: bytes, payload: bytes) -> None:
        room = self.rooms.get(channel)
        if room is not None:
            room.hear(payload)
        elif channel.endswith(b":!"):
            project_id = int(channel.split(b":")[2])
            if payload == b"b":
                people = [room.person_id for room in self.rooms.values() if room.project_id == project_id]
                self.reconciler.pull(project_id, [person_id for person_id in people if person_id])
            elif payload == b"p":
                self.admission.forget(project_id)
        elif payload.startswith(b"{"):
            self._controlled(payload)

    def _controlled(self, payload: bytes) -> None:
        """Another gateway took a receipt for a connection that lives here."""
        receipt = msgspec.json.decode(payload)
        connection = self.connections.get(receipt["connection"])
        if connection is not None:
            connection.perform(connection.session.change_state(receipt["state"]))

    def _on_gap(self, channels: frozenset[bytes] | None) -> None:
        """The subscription was interrupted: of these channels, or with all that Redis had."""
        if channels is None:
            self.presence.rewrite()
        self.reconciler.gap(channels)

    async def _upkeep(self) -> None:
        while True:
            await asyncio.sleep(UPKEEP_SECONDS)
            metrics.SENT.inc(self.sent)
            self.sent = 0
            try:
                await self.receipts.flush()
            except Exception:  # the next second tries again
                log.exception("gateway.receipts_broken")

    # The end

    def _drained(self) -> Close:
        return Close(Code.DRAINING, "", random.randint(*DRAIN_RETRY_SECONDS))

    async def drain(self) -> None:
        """Sends every client to another gateway, spread over the window, then writes their receipts."""
        self.draining = True
        connections = list(self.connections.values())
        random.shuffle(connections)
        spacing = min(self.hub.settings.drain_seconds / max(1, len(connections)), DRAIN_SPACING_SECONDS)
        log.info("gateway.draining", connections=len(connections), seconds=round(spacing * len(connections), 1))
        for connection in connections:
            if connection.session.state is not State.CLOSED:
                connection.perform(connection.session.end(self._drained()))
                await asyncio.sleep(spacing * random.uniform(0.5, 1.5))
        if self.connections:
            try:
                async with asyncio.timeout(LINGER_SECONDS):
                    await self._empty.wait()
            except TimeoutError:
                log.warning("gateway.not_drained", connections=len(self.connections))
        await self.receipts.flush()

    async def close(self) -> None:
        """Ends everything at once: what is still connected gets 1001."""
        self.draining = True
        for connection in list(self.connections.values()):
            connection.end(Code.GOING_AWAY, "the gateway stops")
        await asyncio.gather(*(end(task) for task in self._tasks))
        try:
            async with asyncio.timeout(2):
                await self.receipts.flush()
        except (TimeoutError, *GONE) as error:
            log.warning("gateway.receipts_lost", error=repr(error))
        await self.presence.close()
        await self.subscriber.close()
        await self.admission.close()
        self.wheel.close()

    async def tell_state(self, connection: str, state: str) -> None:
        """Changes the presence of a connection on whatever gateway holds it; lost when Redis is away."""
        channel = control_channel(self.hub.installation, connection[:INCARNATION_CHARACTERS])
        payload = msgspec.json.encode({"connection": connection, "state": state})
        try:
            await self.hub.redis.publish(channel, payload)
        except (RedisError, OSError, TimeoutError) as error:
            self.warn("gateway.state_lost", error)


def control_channel(installation: str, incarnation: str) -> str:
    """The channel of one gateway process: probes, and receipts that came to another one."""
    return f"hub:{installation}:gateway:{incarnation}"
