"""Our gateway, as an operator starts it: authenticated people, numbered items, over both of its transports."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from benchmarks.crowd import Seat
from benchmarks.fleet import HOST, Fleet, Process
from benchmarks.peers.clients import EventStream
from benchmarks.peers.peer import Peer, frame
from benchmarks.peers.publishers import Publisher, RedisPublisher, publish_command
from benchmarks.tokens import sign
from benchmarks.websocket import OnItems, Socket, Welcome, upgrade_request
from hub.bus.announce import ITEM, channel, pack
from hub.model.cursor import Cursor, decode_cursor

MEASURED = {
    # Messages go past Postgres, straight onto the bus: the store's heads know nothing of them, and are not to be asked.
    "HUB_RECONCILE_SECONDS": "100000",
    "HUB_CLIENT_RATE_LIMIT_PER_SECOND": "1000000",  # one person opens thousands of streams
}


class HubPeer(Peer):
    """Announcements of items, each the next revision of its person, as an API process publishes them."""

    def __init__(self, fleet: Fleet, gateway: Process, installation: str, project_id: int) -> None:
        super().__init__(gateway.pid, gateway.port)
        self._fleet = fleet
        self._installation = installation
        self._project_id = project_id
        self._places: dict[str, tuple[bytes, Cursor]] = {}
        self._upgrade = upgrade_request(HOST, self.port)

    def token(self, person: str) -> str:
        return sign(self._fleet.signing_secret, self._fleet.project, person)

    def client(self, index: int, channel: str, on_items: OnItems) -> Socket:
        return Socket(index, self._upgrade, Seat(self.token(channel)).hello(), on_items)

    def seated(self, person: str, welcome: Welcome) -> None:
        cursor = decode_cursor(welcome.cursor or "")
        assert cursor is not None
        self._places[person] = channel(self._installation, self._project_id, person).encode(), cursor

    def message(self, person: str, number: int) -> bytes:
        name, place = self._places[person]
        rev = place.rev + number
        cursor = place._replace(rev=rev).encode()
        return publish_command(name, pack(ITEM, rev, cursor, frame(rev, cursor.encode())))

    async def publisher(self) -> Publisher:
        return await redis_publisher(self._fleet)


class HubEvents(HubPeer):
    """The same as server-sent events."""

    def client(self, index: int, channel: str, on_items: OnItems) -> Socket:
        head = f"GET /v1/inbox/events HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {self.token(channel)}\r\n\r\n"
        return EventStream(index, head.encode(), b"", on_items)


async def redis_publisher(fleet: Fleet) -> Publisher:
    return await RedisPublisher.connect(fleet.environment["HUB_REDIS_URL"])


@asynccontextmanager
async def hub_ws(fleet: Fleet) -> AsyncIterator[Peer]:
    async with _running(fleet, HubPeer) as peer:
        yield peer


@asynccontextmanager
async def hub_sse(fleet: Fleet) -> AsyncIterator[Peer]:
    async with _running(fleet, HubEvents) as peer:
        yield peer


@asynccontextmanager
async def hub_gateways(fleet: Fleet, count: int) -> AsyncIterator[list[Peer]]:
    """Several gateways, over WebSockets."""
    async with _measured(fleet) as (installation, project_id), fleet.several("gateway", count) as gateways:
        yield [HubPeer(fleet, gateway, installation, project_id) for gateway in gateways]


@asynccontextmanager
async def _running(fleet: Fleet, kind: type[HubPeer]) -> AsyncIterator[Peer]:
    async with _measured(fleet) as (installation, project_id), fleet.running(("gateway",)):
        yield kind(fleet, fleet.gateway, installation, project_id)


@asynccontextmanager
async def _measured(fleet: Fleet) -> AsyncIterator[tuple[str, int]]:
    """Gateways that start in it never ask the store for heads. The installation's name, and the project's id."""
    database = await asyncpg.connect(fleet.environment["HUB_DATABASE_URL"])
    try:
        installation = await database.fetchval("SELECT name FROM installation")
        project_id = await database.fetchval("SELECT project_id FROM projects WHERE name = $1", fleet.project)
    finally:
        await database.close()
    before = fleet.environment
    fleet.environment = before | MEASURED
    try:
        yield installation, project_id
    finally:
        fleet.environment = before
