"""Rate limits: token buckets in this process.

Each process counts for itself, so n processes behind a balancer let n times the rate through: the limit protects a
process and keeps one caller from starving the others; it is no billing. Memory is bounded: the least recently used
buckets are forgotten, which only ever forgives.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from math import ceil
from typing import NamedTuple

from hub.exceptions import RateLimited
from hub.web.asgi import Headers

MAX_BUCKETS = 100_000  # about 20 MB when full


@lru_cache(maxsize=4096)
def household(address: str) -> str:
    """Who is limited together: an IPv4 address, or the /64 of an IPv6 one, in which whoever has one has them all."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]  # what a proxy said that names no address
    if isinstance(found, IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return f"{IPv6Address(int(found) >> 64 << 64)}/64"


class Allowance(NamedTuple):
    """What `RateLimit-*` say: requests per window, those left, seconds until all are there again."""

    limit: int
    remaining: int
    reset_seconds: int

    def headers(self) -> Headers:
        return [
            (b"ratelimit-limit", b"%d" % self.limit),
            (b"ratelimit-remaining", b"%d" % self.remaining),
            (b"ratelimit-reset", b"%d" % self.reset_seconds),
        ]


class RateLimiter:
    """Buckets by key. A bucket holds `per_second` tokens times `burst_seconds` and refills steadily."""

    def __init__(
        self,
        burst_seconds: float = 1.0,
        *,
        max_buckets: int = MAX_BUCKETS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._burst_seconds = burst_seconds
        self._max_buckets = max_buckets
        self._clock = clock
        self._buckets: OrderedDict[str, list[float]] = OrderedDict()

    def take(self, key: str, per_second: float, cost: float = 1.0) -> Allowance:
        """Takes `cost` tokens of the bucket `key`.

        Raises:
            RateLimited: not so many are there; says when they will be. Nothing was taken.
        """
        capacity = max(1.0, per_second * self._burst_seconds)
        bucket = self._bucket(key, per_second, capacity)
        if bucket[0] < cost:
            wait = max(1, ceil((min(cost, capacity) - bucket[0]) / per_second))
            raise RateLimited(f"More than {per_second:g} requests per second. Try again in {wait} s.", retry_after=wait)
        bucket[0] -= cost
        return _allowance(bucket[0], per_second, capacity)

    def peek(self, key: str, per_second: float) -> Allowance:
        """What is left, without taking."""
        capacity = max(1.0, per_second * self._burst_seconds)
        return _allowance(self._bucket(key, per_second, capacity)[0], per_second, capacity)

    def _bucket(self, key: str, per_second: float, capacity: float) -> list[float]:
        now = self._clock()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = [capacity, now]
            if len(self._buckets) > self._max_buckets:
                self._buckets.popitem(last=False)
            return bucket
        self._buckets.move_to_end(key)
        bucket[0] = min(capacity, bucket[0] + max(0.0, now - bucket[1]) * per_second)
        bucket[1] = now
        return bucket

    def __len__(self) -> int:
        return len(self._buckets)


def _allowance(tokens: float, per_second: float, capacity: float) -> Allowance:
    return Allowance(int(capacity), int(tokens), ceil((capacity - tokens) / per_second))
