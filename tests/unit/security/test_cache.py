"""Look-ups kept for a moment."""

from __future__ import annotations

import asyncio

import pytest

from hub.security.cache import Cache


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Source:
    """Counts what it is asked; answers when it is let."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None

    async def load(self, key: str) -> str | None:
        self.asked.append(key)
        number = len(self.asked)
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return None if key == "nobody" else f"{key}{number}"


async def keeping(key: str) -> tuple[Clock, Source, Cache[str, str | None]]:
    """A cache of one second that looked a key up at its clock's 0."""
    clock, source = Clock(), Source()
    cache = Cache(source.load, 1.0, clock=clock)
    await cache.get(key)
    return clock, source, cache


async def test_values_are_kept_for_their_time_also_nobody() -> None:
    clock, source = Clock(), Source()
    cache = Cache(source.load, 1.0, clock=clock)
    assert [await cache.get("a"), await cache.get("a"), await cache.get("nobody"), await cache.get("nobody")] == [
        "a1",
        "a1",
        None,
        None,
    ]
    assert cache.peek("a") == "a1"
    clock.now = 1.0
    assert cache.peek("a") is None
    assert await cache.get("a") == "a3"


async def test_what_is_asked_for_is_looked_up_again_beside_those_who_use_it() -> None:
    clock, source, cache = await keeping("a")
    source.gate.clear()
    clock.now = 0.6
    assert [cache.peek("a"), await cache.get("a"), cache.peek("a")] == ["a1"] * 3
    await asyncio.sleep(0)
    assert source.asked == ["a", "a"]
    clock.now = 1.0
    assert cache.peek("a") is None  # never older than it may be
    waiting = asyncio.create_task(cache.get("a"))
    await asyncio.sleep(0)
    source.gate.set()
    assert await waiting == "a2"
    clock.now = 1.59  # as old as the question
    assert (cache.peek("a"), source.asked) == ("a2", ["a", "a"])


async def test_a_value_outlives_a_failed_look_beside_it_until_its_time_is_over() -> None:
    clock, source, cache = await keeping("a")
    source.error = ConnectionError("away")
    clock.now = 0.6
    assert await cache.get("a") == "a1"
    for _ in range(3):
        await asyncio.sleep(0)
    clock.now = 0.9
    assert await cache.get("a") == "a1"
    await asyncio.sleep(0)
    assert source.asked == ["a", "a", "a"]
    clock.now = 1.0
    with pytest.raises(ConnectionError):
        await cache.get("a")


async def test_what_was_not_found_is_asked_for_only_by_who_waits_for_it() -> None:
    clock, source, cache = await keeping("nobody")
    clock.now = 0.9
    assert (cache.peek("nobody"), await cache.get("nobody")) == (None, None)
    await asyncio.sleep(0)
    assert source.asked == ["nobody"]


async def test_nobody_joins_a_look_that_hangs_for_longer_than_a_value_is_kept() -> None:
    clock, source, cache = await keeping("a")
    source.gate.clear()
    clock.now = 0.6
    assert cache.peek("a") == "a1"
    await asyncio.sleep(0)
    clock.now = 1.5
    early = asyncio.create_task(cache.get("a"))
    await asyncio.sleep(0)
    assert source.asked == ["a", "a"]
    clock.now = 1.6
    late = asyncio.create_task(cache.get("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    source.gate.set()
    assert (await early, await late) == ("a2", "a3")
    assert cache.peek("a") == "a3"


async def test_all_who_ask_at_once_share_one_load_also_when_one_gives_up() -> None:
    source = Source()
    source.gate.clear()
    cache = Cache(source.load, 1.0)
    asking = [asyncio.create_task(cache.get("a")) for _ in range(10)]
    await asyncio.sleep(0)
    asking[0].cancel()
    await asyncio.sleep(0)
    source.gate.set()
    assert await asyncio.gather(*asking[1:]) == ["a1"] * 9
    assert source.asked == ["a"]


async def test_errors_are_passed_on_and_not_kept() -> None:
    source = Source()
    source.error = ConnectionError("away")
    cache = Cache(source.load, 1.0)
    with pytest.raises(ConnectionError):
        await cache.get("a")
    source.error = None
    assert await cache.get("a") == "a2"


async def test_what_was_asked_before_a_change_is_not_kept_after_it() -> None:
    source = Source()
    source.gate.clear()
    cache = Cache(source.load, 60.0)
    early = asyncio.create_task(cache.get("a"))
    await asyncio.sleep(0)
    cache.forget()
    late = asyncio.create_task(cache.get("a"))
    await asyncio.sleep(0)
    source.gate.set()
    assert await early == "a1"
    assert await late == "a2"
    assert cache.peek("a") == "a2"


async def test_some_can_be_forgotten_and_memory_is_bounded() -> None:
    cache = Cache(Source().load, 60.0, max_entries=2)
    for key in "abc":
        await cache.get(key)
    assert cache.peek("a") is None
    cache.forget(lambda value: value is not None and value.startswith("b"))
    assert (cache.peek("b"), cache.peek("c")) == (None, "c3")
