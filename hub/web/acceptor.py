"""Accepting connections a few at a time.

An event loop's own server accepts all that wait at once. Thousands that come back together are then some hundred
milliseconds in which nothing else happens, and as much again when all of them speak. Here so many are accepted in one
turn of the loop, and those who are connected already have theirs in between; the rest wait in the listener's backlog.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import structlog

log = structlog.get_logger("hub.web")

AT_ONCE = 16  # connections a turn: with their handshakes some 5 ms
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
        self._opening: set[asyncio.Task[object]] = set()
        self._paused: asyncio.TimerHandle | None = None
        self._closed = False
        listener.settimeout(0)
        self._resume()

    def close(self) -> None:
        """Closes the listener: who comes now is refused, and who waited in it is cut off."""
        if self._closed:
            return
        self._closed = True
        if self._paused is not None:
            self._paused.cancel()
        else:
            self._loop.remove_reader(self._listener)
        self._listener.close()

    async def wait_closed(self) -> None:
        """Returns once everybody who was accepted has a protocol."""
        if self._opening:
            await asyncio.wait(self._opening)

    def _resume(self) -> None:
        self._paused = None
        self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        if self._busy():
            return  # asked again in the next turn
        for _ in range(AT_ONCE):
            try:
                accepted, _address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                log.warning("web.cannot_accept", error=repr(error))
                self._loop.remove_reader(self._listener)
                self._paused = self._loop.call_later(PAUSE_SECONDS, self._resume)
                return
            accepted.settimeout(0)
            task: asyncio.Task[object] = self._loop.create_task(
                self._loop.connect_accepted_socket(self._make, accepted)
            )
            self._opening.add(task)
            task.add_done_callback(self._opened)

    def _opened(self, task: asyncio.Task[object]) -> None:
        self._opening.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("web.cannot_open", error=repr(error))
