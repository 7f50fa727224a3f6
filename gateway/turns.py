"""Work that comes in waves, so much of it in one turn of the loop.

Thousands that come back together say the same thing at the same moment. If all of it were done when it was read, those
who are connected already would wait for as long as that takes; this way their frames pass in between.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

A_TURN = 16  # handshakes or hellos: 2 to 3 ms


class Turns:
    """Of one event loop. What is done at once or later is done in the order in which it came."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._left = A_TURN
        self._waiting: deque[Callable[[], None]] = deque()
        self._turning = False

    @property
    def busy(self) -> bool:
        """Whether more has come than a turn takes."""
        return bool(self._waiting)

    def take(self, work: Callable[[], None]) -> bool:
        """Does `work` now, or in a later turn when this one has had its share; whether it is done."""
        if not self._turning:
            self._turning = True
            self._loop.call_soon(self._turn)
        if self._left <= 0:
            self._waiting.append(work)
            return False
        self._left -= 1
        work()
        return True

    def _turn(self) -> None:
        self._left = A_TURN
        while self._waiting and self._left > 0:
            self._left -= 1
            work = self._waiting.popleft()
            try:
                work()
            except Exception as error:  # one that fails must not stop all others
                self._loop.call_exception_handler({"message": "a turn failed", "exception": error})
        self._turning = bool(self._waiting)
        if self._turning:
            self._left = 0
            self._loop.call_soon(self._turn)
