"""Which exceptions are outages: a server that is away is a 503 with the time to come back, never a 500."""

from __future__ import annotations

from redis.exceptions import RedisError

from hub.exceptions import Refused, Unavailable, Unreachable
from hub.store.database import GONE, RETRIED

RETRY_SECONDS = 1  # a restarted Postgres or Redis is back within a second or two


def translate_outage(error: Exception) -> Refused | None:
    """The refusal that stands for an exception, or None when it is a bug."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, RedisError):
        return Unavailable("Redis does not answer.", code="redis_unavailable", retry_after=RETRY_SECONDS)
    if isinstance(error, RETRIED):  # and so did its repetitions
        return Unavailable("Too many requests change the same at once.", code="busy", retry_after=RETRY_SECONDS)
    if isinstance(error, (*GONE, Unreachable)):
        return Unavailable("The database does not answer.", code="database_unavailable", retry_after=RETRY_SECONDS)
    return None
