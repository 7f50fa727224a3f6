"""Reading and resuming through the gateway: one request at a time, latency of each and CPU of all."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any
from urllib.parse import urlencode

import asyncpg
import msgspec

from benchmarks.crowd import Seat, crowd
from benchmarks.fleet import HOST, Fleet, FleetError
from benchmarks.measure import Meter, must
from benchmarks.publisher import Connection, connect, request
from benchmarks.scale.seed import user_of
from benchmarks.stats import percentile
from benchmarks.tokens import sign
from hub.model.cursor import Cursor, decode_cursor
from hub.store.inbox import page_cursor

BEHIND = 40  # revisions
SECONDS = 10.0  # for one kind of request, if ENOUGH were asked
ENOUGH = 100


class Row(msgspec.Struct):
    """One line of the table. CPU in milliseconds a request; latency by the clock, the load client included."""

    what: str
    who: str
    requests: int
    p50_ms: float
    p99_ms: float
    gateway_ms: float
    postgres_ms: float | None  # None: a process of Postgres ended meanwhile, and took its time with it


class Reader:
    """Who reads: one user again and again, or a row of them."""

    def __init__(self, hub: Fleet, who: str, users: Sequence[str]) -> None:
        self.hub, self.who = hub, who
        self.users = users
        self._tokens: dict[str, str] = {}

    def token(self, user: str) -> str:
        if user not in self._tokens:
            self._tokens[user] = sign(self.hub.signing_secret, self.hub.project, user)
        return self._tokens[user]

    def user(self, number: int) -> str:
        return self.users[number % len(self.users)]

    def page(self, user: str, **query: Any) -> bytes:
        return request(
            "GET", f"/v1/inbox?{urlencode({'limit': 50, **query})}", HOST, self.hub.gateway.port, self.token(user), b""
        )


@asynccontextmanager
async def connected(hub: Fleet) -> AsyncIterator[Connection]:
    """One keep-alive connection to the gateway."""
    [connection] = await connect(HOST, hub.gateway.port, 1)
    try:
        yield connection
    finally:
        connection.close()


async def fetch(connection: Connection, data: bytes) -> dict[str, Any]:
    """The document that a request is answered with; raises PublishError when it is refused."""
    document: dict[str, Any] = msgspec.json.decode(must(await connection.ask(data), 200).body)
    return document


async def measured(
    reader: Reader, what: str, count: int, once: Callable[[int], Awaitable[float]], rows: list[Row]
) -> None:
    """`once` returns the seconds that one request took; the first tenth warms up. Slow ones are asked fewer times."""
    for number in range(count // 10):
        await once(number)
    meter = Meter(reader.hub)
    samples: list[float] = []
    while len(samples) < count and (len(samples) < ENOUGH or perf_counter() - meter.start < SECONDS):
        samples.append(await once(count // 10 + len(samples)) * 1e3)
    count = len(samples)
    _, cpu = meter.read()
    rows.append(
        Row(
            what,
            reader.who,
            count,
            round(percentile(samples, 50), 2),
            round(percentile(samples, 99), 2),
            round(cpu["gateway"] / count * 1e3, 3),
            round(cpu["postgres"] / count * 1e3, 3) if cpu["postgres"] > 0 else None,
        )
    )


async def pages(reader: Reader, count: int, rows: list[Row]) -> None:
    """Pages of 50 over REST, from the top, from deep inside, and filtered."""
    chance = random.Random(6)
    async with connected(reader.hub) as connection:
        heads = {user: (await fetch(connection, reader.page(user)))["rev"] for user in set(reader.users)}

        def deep(user: str) -> dict[str, str]:
            seq = chance.randrange(heads[user] // 4, heads[user] + 1)
            return {"cursor": page_cursor(pinned=False, seq=seq)}

        queries: dict[str, Callable[[str], dict[str, str]]] = {
            "first page": lambda _: {},
            "a page deep inside": deep,
            "unread": lambda _: {"status": "unread"},
            "unseen": lambda _: {"status": "unseen"},
            "archived": lambda _: {"status": "archived"},
            "category, common": lambda _: {"category": "mentions"},
            "category, rare": lambda _: {"category": "billing"},
            "category, unread": lambda _: {"category": "mentions", "status": "unread"},
        }
        for what, query in queries.items():

            async def once(number: int, query: Callable[[str], dict[str, str]] = query) -> float:
                user = reader.user(number)
                data = reader.page(user, **query(user))
                start = perf_counter()
                answer = await connection.ask(data)
                seconds = perf_counter() - start
                must(answer, 200)
                return seconds

            await measured(reader, what, count, once, rows)


async def hellos(reader: Reader, count: int, rows: list[Row]) -> None:
    """From connect() to live: without a cursor, with one some revisions behind, with the newest."""
    async with connected(reader.hub) as connection:
        cursors: dict[str, Cursor] = {}
        for user in set(reader.users):
            cursor = decode_cursor((await fetch(connection, reader.page(user)))["sync"])
            assert cursor is not None
            cursors[user] = cursor

    def behind(user: str) -> str:
        cursor = cursors[user]
        return cursor._replace(rev=max(0, cursor.rev - BEHIND)).encode()

    kinds: dict[str, Callable[[str], str | None]] = {
        "hello without a cursor": lambda _: None,
        f"hello {BEHIND} revisions behind": behind,
        "hello at the head": lambda user: cursors[user].encode(),
    }
    for what, cursor_of in kinds.items():

        async def once(number: int, cursor_of: Callable[[str], str | None] = cursor_of) -> float:
            user = reader.user(number)
            seat = Seat(reader.token(user), cursor_of(user))
            async with crowd(HOST, reader.hub.gateway.port, [seat], lambda *_: None, in_flight=1) as people:
                [welcome] = people.welcomes
                if welcome.cursor not in (None, cursors[user].encode()):
                    raise FleetError(f"{user} came to {welcome.cursor}, not to {cursors[user].encode()}")
                return welcome.seconds

        await measured(reader, what, count, once, rows)


async def walk(connection: Connection, reader: Reader, user: str) -> list[dict[str, Any]]:
    """All items of the list, page by page; raises FleetError unless there are as many as the counts say."""
    items: list[dict[str, Any]] = []
    page = await fetch(connection, reader.page(user))
    counts = page["counts"]
    items += page["items"]
    while page["next_cursor"] is not None:
        page = await fetch(connection, reader.page(user, cursor=page["next_cursor"]))
        items += page["items"]
    found = {
        "total": len({item["id"] for item in items}),
        "unread": sum(item["read_at"] is None for item in items),
        "unseen": sum(item["seen_at"] is None for item in items),
    }
    if found != counts or len(items) != found["total"]:
        raise FleetError(f"{user} is told {counts}, and shown {found} in {len(items)} items")
    return items


async def ordinary(conn: asyncpg.Connection[asyncpg.Record], people: int, count: int, seed: int) -> list[str]:
    """Users drawn at random, never the one with the largest inbox, who hold something."""
    chosen = random.Random(seed).sample(range(1, people), min(people - 1, 2 * count))
    rows = await conn.fetch(
        "SELECT user_id FROM people JOIN inbox_heads USING (person_id) "
        "WHERE user_id = ANY($1) AND total > 0 ORDER BY user_id",
        [user_of(index) for index in chosen],
    )
    users = [row["user_id"] for row in rows]
    random.Random(seed).shuffle(users)
    return users[:count]
