"""Accepting connections at once, and opening them a few at a time.

An event loop's own server opens all that wait at once. Thousands that come back together are then some hundred
milliseconds in which nothing else happens, and as much again when all of them speak. Here so many are opened in one
turn of the loop, and those who are connected already have theirs in between; the rest wait here. Not in the listener:
it takes 4,096 as Linux comes, and who finds it full comes again after one, three, seven seconds (the kernel's
retransmissions; the last of ten thousand was there after 3 or 11 s, with 3 s of work to do).
"""

from __future__ import annotations

import asyncio
import resource
import socket
from collections import deque
from collections.abc import Callable

import structlog

log = structlog.get_logger("hub.web")

AT_ONCE = 16  # connections opened a turn: with their handshakes some 5 ms
ACCEPTED_AT_ONCE = 256  # a turn: some 2 ms
WAITING = 8_192  # accepted and not opened yet, some 4 s; clients give up after 10. Past it the listener fills up
SPARE_FILES = 512  # descriptors that are not given to those who wait: the pool and Redis need some to connect again
PAUSE_SECONDS = 1.0  # when the process has no descriptor left; as asyncio's own server


class Acceptor:
    """What uvicorn takes for one of its servers. `close()` may be called twice.

    Args:
        make: The protocol of a new connection.
        busy: Whether there is so much to do for those who came before that nobody else is to be let in yet.
    """

    def __init__(self, listener: socket.socket, make: Callable[[], asyncio.Protocol], busy: Callable[[], bool]) -> None:
        self._listener = listener
        self._make = make
        self._busy = busy
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[socket.socket] = deque()
        self._highest = 0  # descriptor of who came last
        self._most = max(SPARE_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE_FILES)
        self._turning = False
        self._opening: set[asyncio.Task[object]] = set()
        self._paused: asyncio.TimerHandle | None = None
        self._closed = False
        listener.settimeout(0)
        self._resume()

    def close(self) -> None:
        """Closes the listener: who comes now is refused, and who waited is cut off."""
        if self._closed:
            return
        self._closed = True
        if self._paused is not None:
            self._paused.cancel()
        else:
            self._loop.remove_reader(self._listener)
        self._listener.close()
        while self._waiting:
            self._waiting.popleft().close()

    async def wait_closed(self) -> None:
        """Returns once everybody who is being let in has a protocol."""
        if self._opening:
            await asyncio.wait(self._opening)

    def _resume(self) -> None:
        self._paused = None
        self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(min(ACCEPTED_AT_ONCE, WAITING - len(self._waiting))):
            if self._waiting and self._highest >= self._most:
                break  # few descriptors are left: one at a time
            try:
                accepted, _address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                break
            except OSError as error:
                log.warning("web.cannot_accept", error=repr(error))
                self._loop.remove_reader(self._listener)
                self._paused = self._loop.call_later(PAUSE_SECONDS, self._resume)
                break
            accepted.settimeout(0)
            self._highest = accepted.fileno()
            self._waiting.append(accepted)
        self._expect_turn()

    def _expect_turn(self) -> None:
        if self._waiting and not self._turning:
            self._turning = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._turning = False
        if not self._busy():  # otherwise asked again in the next turn
            for _ in range(min(AT_ONCE, len(self._waiting))):
                opening = self._loop.connect_accepted_socket(self._make, self._waiting.popleft())
                task: asyncio.Task[object] = self._loop.create_task(opening)
                self._opening.add(task)
                task.add_done_callback(self._opened)
        self._expect_turn()

    def _opened(self, task: asyncio.Task[object]) -> None:
        self._opening.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("web.cannot_open", error=repr(error))
