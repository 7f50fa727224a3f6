"""A channel server as tutorials write it: Starlette's WebSockets, a table of connections, redis-py's Pub/Sub.

    python starlette_app.py PORT REDIS_URL

One Pub/Sub connection for all sockets: the tutorials that open one for each socket would not get to a thousand.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import defaultdict
from collections.abc import AsyncIterator

import uvicorn
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

PORT, REDIS_URL = int(sys.argv[1]), sys.argv[2]

redis: Redis = Redis.from_url(REDIS_URL, decode_responses=True, socket_timeout=None)
pubsub = redis.pubsub()
sockets: dict[str, set[WebSocket]] = defaultdict(set)


async def forward() -> None:
    async for message in pubsub.listen():
        if message["type"] == "message":
            for websocket in list(sockets[message["channel"]]):
                await websocket.send_text(message["data"])


async def subscribe(websocket: WebSocket) -> None:
    channel = websocket.query_params["id"]
    await websocket.accept()
    await pubsub.subscribe(channel)
    sockets[channel].add(websocket)
    try:
        await websocket.send_text('{"type":"welcome","rev":0,"cursor":null}')
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        sockets[channel].discard(websocket)


@contextlib.asynccontextmanager
async def lifespan(_app: Starlette) -> AsyncIterator[None]:
    await pubsub.subscribe("control")
    task = asyncio.create_task(forward())
    yield
    task.cancel()


app = Starlette(routes=[WebSocketRoute("/sub", subscribe)], lifespan=lifespan)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="error", backlog=4096)
