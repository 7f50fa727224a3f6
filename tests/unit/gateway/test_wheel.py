"""Deadlines: met once, not before, whatever is moved or cancelled meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway.wheel import Wheel

STEP = 0.01


class Entry:
    def __init__(self, name: str, asked: list[str], again: Callable[[float], float | None] = lambda now: None) -> None:
        self.slot: int | None = None
        self.name = name
        self.asked = asked
        self.again = again
        self.done = asyncio.Event()
        self.asked_at = 0.0

    def tick(self, now: float) -> float | None:
        self.asked.append(self.name)
        self.asked_at = now
        self.done.set()
        return self.again(now)


async def test_entries_are_asked_in_order_and_never_early() -> None:
    loop = asyncio.get_running_loop()
    wheel, asked = Wheel(loop, STEP), list[str]()
    entries = {name: Entry(name, asked) for name in ("late", "early", "middle")}
    start = loop.time()
    for name, after in (("late", 0.06), ("early", 0.0), ("middle", 0.03)):
        wheel.schedule(entries[name], start + after)
    await asyncio.wait_for(entries["late"].done.wait(), 5)
    assert asked == ["early", "middle", "late"]
    assert entries["late"].asked_at >= start + 0.06
    assert entries["middle"].asked_at >= start + 0.03


async def test_the_last_appointment_counts_and_a_cancelled_one_does_not() -> None:
    loop = asyncio.get_running_loop()
    wheel, asked = Wheel(loop, STEP), list[str]()
    moved, cancelled, sentinel = Entry("moved", asked), Entry("cancelled", asked), Entry("sentinel", asked)
    now = loop.time()
    wheel.schedule(moved, now + 60)
    wheel.schedule(moved, now + 0.02)
    wheel.schedule(cancelled, now + 0.02)
    wheel.schedule(sentinel, now + 0.05)
    wheel.cancel(cancelled)
    await asyncio.wait_for(sentinel.done.wait(), 5)
    assert asked == ["moved", "sentinel"]
    wheel.close()


async def test_an_entry_may_cancel_another_that_is_due_with_it() -> None:
    loop = asyncio.get_running_loop()
    wheel, asked = Wheel(loop, STEP), list[str]()
    pair = [Entry("a", asked), Entry("b", asked)]
    pair[0].again = lambda now: wheel.cancel(pair[1])
    pair[1].again = lambda now: wheel.cancel(pair[0])
    sentinel = Entry("sentinel", asked)
    for entry in pair:
        wheel.schedule(entry, loop.time() + 0.02)
    wheel.schedule(sentinel, loop.time() + 0.05)
    await asyncio.wait_for(sentinel.done.wait(), 5)
    assert len(asked) == 2
    assert asked[-1] == "sentinel"


async def test_an_entry_that_fails_does_not_stop_the_others() -> None:
    loop = asyncio.get_running_loop()
    wheel, asked, reported = Wheel(loop, STEP), list[str](), list[object]()
    loop.set_exception_handler(lambda _loop, context: reported.append(context["exception"]))

    def fail(now: float) -> float | None:
        raise ValueError("broken")

    broken, sound = Entry("broken", asked, fail), Entry("sound", asked)
    wheel.schedule(broken, loop.time() + 0.01)
    wheel.schedule(sound, loop.time() + 0.03)
    await asyncio.wait_for(sound.done.wait(), 5)
    assert asked == ["broken", "sound"]
    assert len(reported) == 1


async def test_an_entry_is_asked_again_when_it_says() -> None:
    loop = asyncio.get_running_loop()
    wheel, asked = Wheel(loop, STEP), list[str]()
    third = asyncio.Event()

    def again(now: float) -> float | None:
        if len(asked) == 3:
            third.set()
            return None
        return now + 0.01

    wheel.schedule(Entry("x", asked, again), loop.time())
    await asyncio.wait_for(third.wait(), 5)
    assert asked == ["x", "x", "x"]


async def test_a_wheel_that_was_idle_turns_again() -> None:
    loop = asyncio.get_running_loop()
    wheel, asked = Wheel(loop, STEP), list[str]()
    for name in ("first", "second"):
        entry = Entry(name, asked)
        wheel.schedule(entry, loop.time() + 0.01)
        await asyncio.wait_for(entry.done.wait(), 5)
    assert asked == ["first", "second"]
