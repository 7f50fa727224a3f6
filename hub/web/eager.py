"""Awaiting what is mostly there already, without a timer for it.

A body has usually arrived with its headers; a timer around every `receive()` would cost more (8 µs of the 60 µs that
this package takes, 2026-11-21) than reading it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Generator
from types import coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def await_within(awaitable: Awaitable[T], deadline: float) -> T:
    """The result of `awaitable`; its first step runs at once, and only if that waits is there a deadline.

    Args:
        deadline: By the event loop's clock, in seconds.

    Raises:
        TimeoutError: it is not there by then; `awaitable` was cancelled. Cancelling is safe.
    """
    if not isinstance(awaitable, Coroutine):
        async with asyncio.timeout_at(deadline):
            return await awaitable
    try:
        waits_for = awaitable.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    async with asyncio.timeout_at(deadline):
        return await _go_on(awaitable, waits_for)


@coroutine
def _go_on(started: Coroutine[Any, Any, T], waits_for: Any) -> Generator[Any, Any, T]:
    """The rest of a coroutine whose first step was made by hand."""
    while True:
        try:
            sent = yield waits_for
        except BaseException as error:
            try:
                waits_for = started.throw(error)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]
        else:
            try:
                waits_for = started.send(sent)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]
