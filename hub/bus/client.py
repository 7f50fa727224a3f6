"""The one place where a Redis client is made.

RESP2 and no silent retries: a command that failed says so at once, and its caller decides (facts.md: redis-py retries
hide lost messages). Pub/Sub is not read through this client; see subscribe.py.
"""

from __future__ import annotations

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

SOCKET_TIMEOUT_SECONDS = 2.0  # an answer takes under 1 ms; past this the server is gone or stopped


def create_redis(url: str) -> Redis:
    """A client for `url`; nothing is connected yet. Bytes in, bytes out."""
    return Redis.from_url(
        url,
        protocol=2,
        decode_responses=False,
        socket_timeout=SOCKET_TIMEOUT_SECONDS,
        socket_connect_timeout=SOCKET_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
        max_connections=64,
    )
