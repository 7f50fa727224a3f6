"""What is left for the garbage collector."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable


async def left_in_cycles(work: Callable[[], Awaitable[None]]) -> set[type]:
    """The kinds of objects that `work` leaves in cycles, so that only a collection frees them.

    It runs once before, for what is made once and kept.
    """
    await work()
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        await work()
        gc.collect()
        return {type(thing) for thing in gc.garbage}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
