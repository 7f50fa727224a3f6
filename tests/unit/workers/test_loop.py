"""A loop of a worker: ends only when told, waits when it must, and never sleeps through a wake-up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from hub.exceptions import Unreachable
from workers.loop import FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS, Loop, pause_after

LONG = 3_600.0


def counted(loop_step: Callable[[int], Awaitable[bool]]) -> tuple[list[int], Callable[[], Awaitable[bool]]]:
    calls: list[int] = []

    async def step() -> bool:
        calls.append(len(calls) + 1)
        return await loop_step(len(calls))

    return calls, step


async def test_a_stop_before_run_is_not_lost() -> None:
    async def work(_: int) -> bool:
        return True

    calls, step = counted(work)
    loop = Loop("test", step, LONG)
    loop.stop()
    await asyncio.wait_for(loop.run(), 5)
    assert calls == []


async def test_a_stop_during_a_step_ends_the_loop_after_it() -> None:
    loop: Loop

    async def work(_: int) -> bool:
        loop.stop()
        return True

    calls, step = counted(work)
    loop = Loop("test", step, LONG)
    await asyncio.wait_for(loop.run(), 5)
    assert calls == [1]


async def test_work_found_is_followed_up_at_once_and_none_ends_in_a_pause() -> None:
    idle = asyncio.Event()

    async def work(call: int) -> bool:
        if call == 5:
            idle.set()
        return call < 5

    calls, step = counted(work)
    loop = Loop("test", step, LONG)
    running = asyncio.create_task(loop.run())
    await asyncio.wait_for(idle.wait(), 5)
    loop.stop()
    await asyncio.wait_for(running, 5)
    assert len(calls) == 5


async def test_a_wake_up_during_a_step_is_not_lost() -> None:
    loop: Loop

    async def work(call: int) -> bool:
        if call == 1:
            loop.wake()
        else:
            loop.stop()
        return False

    calls, step = counted(work)
    loop = Loop("test", step, LONG)
    await asyncio.wait_for(loop.run(), 5)
    assert calls == [1, 2]


async def test_a_wake_up_ends_the_pause() -> None:
    resting = asyncio.Event()
    loop: Loop

    async def work(call: int) -> bool:
        resting.set()
        if call == 2:
            loop.stop()
        return False

    calls, step = counted(work)
    loop = Loop("test", step, LONG)
    running = asyncio.create_task(loop.run())
    await asyncio.wait_for(resting.wait(), 5)
    loop.wake()
    await asyncio.wait_for(running, 5)
    assert calls == [1, 2]


@pytest.mark.parametrize("error", [ConnectionResetError(), Unreachable("away"), KeyError("a bug")])
async def test_a_step_that_fails_is_tried_again(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.loop.FIRST_PAUSE_SECONDS", 0.05)
    loop: Loop

    async def work(call: int) -> bool:
        if call < 3:
            raise error
        loop.stop()
        return False

    calls, step = counted(work)
    loop = Loop("test", step, LONG)
    await asyncio.wait_for(loop.run(), 10)
    assert calls == [1, 2, 3]


def test_pauses_grow_with_the_failures_up_to_a_limit() -> None:
    pauses = [pause_after(failures) for failures in range(1, 12)]
    assert pauses[0] == FIRST_PAUSE_SECONDS
    assert pauses[1] == 2 * pauses[0]
    assert pauses == sorted(pauses)
    assert pauses[-1] == MAX_PAUSE_SECONDS


async def test_wake_ups_do_not_hurry_a_loop_that_fails_but_a_stop_does() -> None:
    failed = asyncio.Event()

    async def work(_: int) -> bool:
        failed.set()
        raise ConnectionRefusedError

    calls, step = counted(work)
    loop = Loop("test", step, LONG)
    running = asyncio.create_task(loop.run())
    await asyncio.wait_for(failed.wait(), 5)
    for _ in range(100):
        loop.wake()
        await asyncio.sleep(0)
    assert calls == [1]
    loop.stop()
    await asyncio.wait_for(running, 0.3)
