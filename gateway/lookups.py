"""Look-ups of many, made together: whoever asks while one is under way is in the next.

Nothing is kept: every answer was read after its question was asked. A lone question is asked at once, and a storm of
them costs a statement for each batch, not for each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Lookups(Generic[K, V]):
    """One batch at a time.

    Args:
        load: Finds what there is of a batch; what it raises, all of the batch get.
        spawn: Runs the work; its owner ends it.
        most: Keys in a batch.
    """

    def __init__(
        self,
        load: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        most: int,
    ) -> None:
        self._load = load
        self._spawn = spawn
        self._most = most
        self._waiting: dict[K, asyncio.Future[V | None]] = {}
        self._loading = False

    async def get(self, key: K) -> V | None:
        """What there is under `key`, or None. Cancelling leaves the look-up to others who asked the same."""
        answer = self._waiting.get(key)
        if answer is None:
            answer = self._waiting[key] = asyncio.get_running_loop().create_future()
            if not self._loading:
                self._loading = True
                self._spawn(self._run())
        return await asyncio.shield(answer)

    async def _run(self) -> None:
        try:
            while self._waiting:
                keys = list(self._waiting)[: self._most]
                batch = {key: self._waiting.pop(key) for key in keys}
                try:
                    found = await self._load(keys)
                except Exception as error:
                    for answer in batch.values():
                        answer.set_exception(error)
                        answer.exception()  # nobody may be left to ask
                else:
                    for key, answer in batch.items():
                        answer.set_result(found.get(key))
        finally:
            self._loading = False
