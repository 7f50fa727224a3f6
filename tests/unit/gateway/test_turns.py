"""A wave is worked off in turns, in its order, and what else is due comes in between."""

from __future__ import annotations

import asyncio
import itertools
from functools import partial

from gateway.turns import A_TURN, Turns


async def test_few_are_done_at_once() -> None:
    turns, done = Turns(asyncio.get_running_loop()), list[int]()
    assert all(turns.take(partial(done.append, index)) for index in range(A_TURN))
    assert done == list(range(A_TURN))
    assert not turns.busy


async def test_a_wave_takes_turns_in_its_order() -> None:
    loop = asyncio.get_running_loop()
    turns, done, seen = Turns(loop), list[int](), list[int]()

    def look() -> None:
        seen.append(len(done))
        if turns.busy:
            loop.call_soon(look)

    for index in range(5 * A_TURN):
        turns.take(partial(done.append, index))
    loop.call_soon(look)
    assert turns.busy
    while turns.busy:
        await asyncio.sleep(0)
    assert done == list(range(5 * A_TURN))
    assert [later - earlier for earlier, later in itertools.pairwise(seen)] == [A_TURN] * (len(seen) - 1)
    assert len(seen) >= 4


async def test_work_that_fails_stops_nothing() -> None:
    loop = asyncio.get_running_loop()
    turns, done, failed = Turns(loop), list[int](), list[str]()
    loop.set_exception_handler(lambda _, context: failed.append(context["message"]))

    def fail() -> None:
        raise ValueError

    for index in range(A_TURN):
        turns.take(partial(done.append, index))
    turns.take(fail)
    turns.take(partial(done.append, A_TURN))
    while turns.busy:
        await asyncio.sleep(0)
    assert done == list(range(A_TURN + 1))
    assert failed == ["a turn failed"]
