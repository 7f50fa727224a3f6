"""Look-ups that are kept for a moment: bounded, and made once however many ask at the same time.

What is asked for goes on being known: past half of its time a value is looked up again beside those who use it, but not
what was not found: whoever guesses must not make work by being refused. If all had to wait at a value's end, each
second began with a crowd: under twice the load some hundred publishes a second went the whole way that would have been
refused at a look, and critical ones waited with them (November 2026).
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

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
        self._loading: dict[K, tuple[float, asyncio.Task[V]]] = {}  # since when

    def peek(self, key: K) -> V | None:
        """The value that is kept, without waiting; None is also what is not known, for which nobody is asked."""
        entry = self._kept(key)
        return None if entry is None else entry[1]

    async def get(self, key: K) -> V:
        """The value, kept or loaded. Cancelling leaves the load to the others that wait for it."""
        entry = self._kept(key)
        if entry is not None:
            return entry[1]
        since, task = self._loading.get(key, (float("-inf"), None))
        if task is None or since + self._seconds <= self._clock():  # its answer hangs, and would be too old
            task = self._start(key)
        return await asyncio.shield(task)

    def _kept(self, key: K) -> tuple[float, V] | None:
        entry = self._entries.get(key)
        if entry is None or (left := entry[0] - self._clock()) <= 0:
            return None
        if left < self._seconds / 2 and entry[1] is not None and key not in self._loading:
            self._start(key)
        return entry

    def _start(self, key: K) -> asyncio.Task[V]:
        started = self._clock()  # an answer is as old as its question
        task = asyncio.create_task(self._fill(key, started))
        self._loading[key] = (started, task)
        task.add_done_callback(_hear)
        return task

    async def _fill(self, key: K, started: float) -> V:
        try:
            value = await self._load(key)
            if self._is_newest(key):
                self._entries[key] = (started + self._seconds, value)
                self._entries.move_to_end(key)
                if len(self._entries) > self._max_entries:
                    self._entries.popitem(last=False)
            return value
        finally:
            if self._is_newest(key):
                del self._loading[key]

    def _is_newest(self, key: K) -> bool:
        """Whether the load under way here is the one that counts."""
        return self._loading.get(key, (0.0, None))[1] is asyncio.current_task()

    def forget(self, matching: Callable[[V], bool] | None = None) -> None:
        """Drops what matches (everything by default); loads under way are not kept when they return."""
        self._loading.clear()
        if matching is None:
            self._entries.clear()
            return
        for key in [key for key, (_, value) in self._entries.items() if matching(value)]:
            del self._entries[key]


def _hear(task: asyncio.Task[Any]) -> None:
    """Takes an error that nobody waits for any more: whoever asks next, asks anew."""
    if not task.cancelled():
        task.exception()
