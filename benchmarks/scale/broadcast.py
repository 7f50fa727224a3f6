"""A broadcast to everybody: how long until the last screen, what it writes, and who comes later."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import perf_counter

import asyncpg
import msgspec

from benchmarks.crowd import crowd
from benchmarks.fleet import HOST, Fleet, FleetError
from benchmarks.ledger import Ledger
from benchmarks.measure import DELIVERY_SECONDS, QUIET_SECONDS, Meter, Round, must
from benchmarks.plan import Plan
from benchmarks.scale.reading import Reader, connected, walk
from benchmarks.stats import percentile

COUNT_SECONDS = 60.0  # how long the hub may count the people of a broadcast, after it is out


class Broadcast(msgspec.Struct):
    """What one broadcast took and wrote."""

    people: int
    connected: int
    first_screen_ms: float
    median_screen_ms: float
    last_screen_ms: float
    items_written: int  # by the count of the whole table
    heads_changed: int
    recipients: int | None  # as the notification tells
    cpu: dict[str, float]  # seconds
    account: str
    later: int  # people who came afterwards, and found it once


async def _state(conn: asyncpg.Connection[asyncpg.Record]) -> int:
    return int(await conn.fetchval("SELECT count(*) FROM inbox_items"))


async def broadcast(
    hub: Fleet, conn: asyncpg.Connection[asyncpg.Record], people: int, here: Sequence[str], later: Sequence[str]
) -> Broadcast:
    """Publishes to everybody while `here` are connected; afterwards `later` come, half of them by REST.

    Raises:
        FleetError: rows, deliveries or counts are not what they must be.
    """
    this, ledger = Round(1, Plan(), hub), Ledger()
    body = {**this.notification([]), "recipients": [{"all": True}], "title": "Maintenance on Sunday"}
    sockets = {user: [index] for index, user in enumerate(here)}
    async with this.readers(here, ledger) as crowd_here, this.connections(1) as [connection]:
        before = await _state(conn)
        meter = Meter(hub)
        start = perf_counter()
        answer = must(await connection.ask(this.request("POST", "/v1/notifications", body)), 202)
        notification = str(msgspec.json.decode(answer.body)["id"])
        ledger.accept(notification, here)
        await ledger.reach(len(here), DELIVERY_SECONDS)
        _, cpu = meter.read()
        await asyncio.sleep(QUIET_SECONDS)
        if closed := crowd_here.closed():
            raise FleetError(f"{len(closed)} sockets were closed, the first: {closed[0]}")
        account = ledger.reconcile(sockets)
        if not account.good:
            raise FleetError(f"The broadcast: {account}")
        recipients = await _counted(conn, notification)
        after = await _state(conn)
        heads = await conn.fetchval(
            "SELECT count(*) FROM inbox_heads h JOIN broadcasts b ON b.broadcast_seq = h.broadcast_upto "
            "WHERE b.notification_id = $1::text::uuid",
            notification,
        )
    if after - before != len(here):
        raise FleetError(f"{after - before:,} items were written for {len(here):,} who are connected")
    await _come(hub, notification, later)
    written = await conn.fetchval(
        "SELECT count(*) FROM inbox_items WHERE notification_id = $1::text::uuid", notification
    )
    if written != len(here) + len(later):
        raise FleetError(f"{written:,} hold the broadcast, {len(here) + len(later):,} were there")
    delays = [(arrival.at / 1e9 - start) * 1e3 for arrival in ledger.arrivals]
    return Broadcast(
        people,
        len(here),
        round(min(delays), 1),
        round(percentile(delays, 50), 1),
        round(max(delays), 1),
        after - before,
        heads,
        recipients,
        {part: round(seconds, 3) for part, seconds in cpu.items()},
        str(account),
        len(later),
    )


async def _counted(conn: asyncpg.Connection[asyncpg.Record], notification: str) -> int | None:
    """How many recipients the hub says it has, once it has counted them."""
    deadline = perf_counter() + COUNT_SECONDS
    while perf_counter() < deadline:
        recipients: int | None = await conn.fetchval(
            "SELECT recipients FROM notifications WHERE notification_id = $1::text::uuid", notification
        )
        if recipients is not None:
            return recipients
        await asyncio.sleep(0.1)
    return None


async def _come(hub: Fleet, notification: str, later: Sequence[str]) -> None:
    """Half connect first; then everybody reads the whole list, twice: it is there once, and counts are exact."""
    reader = Reader(hub, "later", later)
    seats = Round(1, Plan(), hub).seats(later[::2])
    async with crowd(HOST, hub.gateway.port, seats, lambda *_: None, in_flight=16), connected(hub) as connection:
        for _ in range(2):
            for user in later:
                found = [
                    item for item in await walk(connection, reader, user) if item["notification_id"] == notification
                ]
                if len(found) != 1:
                    raise FleetError(f"{user} came later and finds the broadcast {len(found)} times")
