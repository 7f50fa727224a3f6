"""Look-ups that are kept for a moment: bounded, and made once however many ask at the same time."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

MAX_ENTRIES = 10_000


class Cache(Generic[K, V]):
    """Values by key, each at most `seconds` old. Not found (None) is a value too: guessing reaches the store once.

    Args:
        load: Finds a value; what it raises is passed on and not kept.
    """

    def __init__(
        self,
        load: Callable[[K], Awaitable[V]],
        seconds: float,
        *,
        max_entries: int = MAX_ENTRIES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._seconds = seconds
        self._max_entries = max_entries
        self._clock = clock
        self._entries: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._loading: dict[K, asyncio.Task[V]] = {}

    def peek(self, key: K) -> V | None:
        """The value that is kept, without asking anybody."""
        entry = self._entries.get(key)
        return entry[1] if entry is not None and entry[0] > self._clock() else None

    async def get(self, key: K) -> V:
        """The value, kept or loaded. Cancelling leaves the load to the others that wait for it."""
        entry = self._entries.get(key)
        if entry is not None and entry[0] > self._clock():
            return entry[1]
        task = self._loading.get(key)
        if task is None:
            task = self._loading[key] = asyncio.create_task(self._fill(key))
        return await asyncio.shield(task)

    async def _fill(self, key: K) -> V:
        started = self._clock()  # an answer is as old as its question
        try:
            value = await self._load(key)
            if self._loading.get(key) is asyncio.current_task():
                self._entries[key] = (started + self._seconds, value)
                self._entries.move_to_end(key)
                if len(self._entries) > self._max_entries:
                    self._entries.popitem(last=False)
            return value
        finally:
            if self._loading.get(key) is asyncio.current_task():
                del self._loading[key]

    def forget(self, matching: Callable[[V], bool] | None = None) -> None:
        """Drops what matches (everything by default); loads under way are not kept when they return."""
        self._loading.clear()
        if matching is None:
            self._entries.clear()
            return
        for key in [key for key, (_, value) in self._entries.items() if matching(value)]:
            del self._entries[key]
