"""POSTs that happen once: answers are remembered under their Idempotency-Key (see hub.store.idempotency)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from hub.api.guard import credential_of
from hub.runtime import Hub
from hub.store import idempotency
from hub.store.database import Connection
from hub.store.idempotency import Answer, IdempotencyKey
from hub.web.request import Request
from hub.web.response import Response

REPLAYED = (b"idempotency-replayed", b"true")


async def key_of(request: Request) -> IdempotencyKey | None:
    """The request's key, bound to API key, method, path and body; None without one. Raises Invalid."""
    key = await request.key(credential_of(request).key_id.hex)
    return None if key is None else IdempotencyKey(*key)


def respond(answer: Answer) -> Response:
    """An answer on its way out."""
    return Response(answer.status, answer.body, headers=[REPLAYED] if answer.replayed else None)


def answer(status: int, value: Any) -> Answer:
    return Answer(status, msgspec.json.encode(value))


async def once(hub: Hub, key: IdempotencyKey | None, work: Callable[[Connection], Awaitable[Answer]]) -> Response:
    """Runs `work` in one transaction with the memory of its answer; a repeated request gets the first answer.

    Raises:
        Invalid, Conflict: of the key. What `work` raises rolls everything back, and nothing is remembered.
    """

    async def run(conn: Connection) -> Answer:
        if key is not None:
            known = await idempotency.begin(conn, key)
            if known is not None:
                return known
        result = await work(conn)
        if key is not None:
            await idempotency.remember(conn, key, result)
        return result

    return respond(await hub.db.transaction(run))


async def once_apart(
    hub: Hub, key: IdempotencyKey | None, gate: asyncio.Semaphore, work: Callable[[], Awaitable[Answer]]
) -> Response:
    """As `once`, for work that commits by itself, bit by bit; its answer is remembered right after it.

    A process that dies in between has given no answer; the repetition answers what is left to do. The work must end
    within the seconds that a transaction may stand idle.

    Args:
        gate: The memory of an answer holds a connection while the work uses another: never all of them.
    """
    if key is None:
        return respond(await work())
    async with gate:
        return await once(hub, key, lambda _conn: work())


async def known_answer(hub: Hub, key: IdempotencyKey | None) -> Response | None:
    """What this key was answered before, or None; asked when a repetition is no longer valid by itself.

    Raises:
        Invalid, Conflict: of the key.
    """
    if key is None:
        return None
    known = await hub.db.transaction(lambda conn: idempotency.begin(conn, key))
    return None if known is None else respond(known)
