"""Awaiting what may be there already."""

from __future__ import annotations

import asyncio

import pytest

from hub.web.eager import await_within


def soon(seconds: float = 5.0) -> float:
    return asyncio.get_running_loop().time() + seconds


async def ready() -> str:
    return "there"


async def test_what_is_there_needs_no_timer() -> None:
    assert await await_within(ready(), -1.0) == "there"  # long past, and never looked at


async def test_what_comes_later_is_waited_for() -> None:
    event = asyncio.Event()

    async def later() -> str:
        await event.wait()
        await asyncio.sleep(0)
        return "came"

    waiting = asyncio.create_task(await_within(later(), soon()))
    await asyncio.sleep(0)
    assert not waiting.done()
    event.set()
    assert await waiting == "came"


async def test_what_never_comes_is_cancelled_at_the_deadline() -> None:
    cancelled = False

    async def never() -> None:
        nonlocal cancelled
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            cancelled = True
            raise

    with pytest.raises(TimeoutError):
        await await_within(never(), soon(0.01))
    assert cancelled


async def test_errors_pass_at_once_and_later() -> None:
    async def now() -> None:
        raise ZeroDivisionError

    async def after_a_while() -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    for failing in (now(), after_a_while()):
        with pytest.raises(ZeroDivisionError):
            await await_within(failing, soon())


async def test_cancelling_reaches_what_is_awaited_which_may_still_answer() -> None:
    started = asyncio.Event()

    async def stubborn() -> str:
        started.set()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            return "finished first"
        return "never"

    task = asyncio.create_task(await_within(stubborn(), soon()))
    await started.wait()
    await asyncio.sleep(0)
    task.cancel()
    assert await task == "finished first"


async def test_any_awaitable_will_do() -> None:
    future = asyncio.get_running_loop().create_future()
    future.set_result(5)
    assert await await_within(future, soon()) == 5
