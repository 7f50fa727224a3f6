"""Look-ups made together."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

import pytest

from gateway.lookups import Lookups


class Store:
    """Answers a batch when told to."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.answers: asyncio.Queue[Mapping[int, str] | Exception] = asyncio.Queue()
        self.tasks: list[asyncio.Task[None]] = []

    async def load(self, keys: Sequence[int]) -> Mapping[int, str]:
        self.batches.append(list(keys))
        answer = await self.answers.get()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.create_task(work))


async def _asked(lookups: Lookups[int, str], *keys: int) -> list[asyncio.Task[str | None]]:
    tasks = [asyncio.create_task(lookups.get(key)) for key in keys]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_who_asks_while_one_is_under_way_is_in_the_next() -> None:
    store = Store()
    lookups = Lookups(store.load, store.spawn, 3)
    first = await _asked(lookups, 1)
    later = await _asked(lookups, 1, 2, 2, 3, 4)
    assert store.batches == [[1]]
    store.answers.put_nowait({1: "old"})
    assert await asyncio.gather(*first) == ["old"]
    store.answers.put_nowait({1: "new", 3: "three"})
    store.answers.put_nowait({})
    assert await asyncio.gather(*later) == ["new", None, None, "three", None]
    assert store.batches == [[1], [1, 2, 3], [4]]


async def test_a_failure_is_everybodys_of_the_batch_and_nobody_elses() -> None:
    store = Store()
    lookups = Lookups(store.load, store.spawn, 3)
    failing = await _asked(lookups, 1, 2)
    waiting = await _asked(lookups, 3)
    store.answers.put_nowait(ConnectionError("gone"))
    store.answers.put_nowait({3: "three"})
    found = await asyncio.gather(*failing, *waiting, return_exceptions=True)
    assert [type(answer) for answer in found] == [ConnectionError, ConnectionError, str]


async def test_who_gives_up_leaves_the_answer_to_the_others() -> None:
    store = Store()
    lookups = Lookups(store.load, store.spawn, 3)
    gone, staying = await _asked(lookups, 1, 1)
    gone.cancel()
    store.answers.put_nowait({1: "one"})
    assert await staying == "one"
    with pytest.raises(asyncio.CancelledError):
        await gone
