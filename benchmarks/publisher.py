"""The load client's HTTP: keep-alive connections as bare protocols, requests as ready bytes.

Two shapes of load. `pump` is a closed loop: every connection sends its next request when its last was answered, which
finds the highest rate. `pace` is an open loop: requests go out at their moments whatever the hub does, so that
a stalled hub cannot hide its stall by being asked less (coordinated omission).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from time import perf_counter_ns
from typing import NamedTuple, cast


class PublishError(Exception):
    """A publish was refused or its connection broke; the message quotes the answer."""


class Answer(NamedTuple):
    status: int
    body: bytes
    retry_after: bool = False  # of a refusal: whether it says when to come back


OnAnswer = Callable[[Answer], None]


def request(method: str, path: str, host: str, port: int, key: str, body: bytes) -> bytes:
    """A whole HTTP/1.1 request with a JSON body and the API key."""
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Connection(asyncio.Protocol):
    """One keep-alive connection, one request at a time. Only answers with a Content-Length are understood."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._on_answer: OnAnswer | None = None

    def send(self, data: bytes, on_answer: OnAnswer) -> None:
        """Sends one request; `on_answer` is called in the loop, with status 0 when the connection broke instead.

        Raises:
            PublishError: the last request is not answered yet, or the connection is closed.
        """
        if self._on_answer is not None or self._transport is None:
            raise PublishError("this connection is busy or closed")
        self._on_answer = on_answer
        self._transport.write(data)

    @property
    def closed(self) -> bool:
        """Whether it can send nothing more: a server closes what has never said anything after a while."""
        return self._transport is None

    async def ask(self, data: bytes) -> Answer:
        """Sends one request and waits for its answer (status 0 when the connection broke)."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.send(data, answer.set_result)
        return await answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._on_answer is not None:
            on_answer, self._on_answer = self._on_answer, None
            on_answer(Answer(0, str(exc or "connection closed").encode()))

    def data_received(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        head = data.find(b"\r\n\r\n")
        if head < 0:
            self._buffer = data
            return
        end = head + 4 + _content_length(data[:head])
        if len(data) < end:
            self._buffer = data
            return
        self._buffer = data[end:]
        on_answer, self._on_answer = self._on_answer, None
        if on_answer is not None:
            status = int(data[9:12])
            told = status >= 400 and b"\r\nretry-after:" in data[:head].lower()
            on_answer(Answer(status, data[head + 4 : end], told))


def _content_length(head: bytes) -> int:
    lower = head.lower()
    start = lower.find(b"\r\ncontent-length:")
    if start < 0:
        return 0
    return int(lower[start + 17 :].split(b"\r\n", 1)[0])


async def connect(host: str, port: int, count: int) -> list[Connection]:
    """Opens `count` connections."""
    loop = asyncio.get_running_loop()
    opened = await asyncio.gather(*(loop.create_connection(Connection, host, port) for _ in range(count)))
    return [connection for _, connection in opened]


async def pump(connections: list[Connection], requests: Iterator[tuple[bytes, OnAnswer]], seconds: float) -> int:
    """Closed loop: keeps every connection busy with the next of `requests` until `seconds` have passed or they end.

    Returns:
        How many requests were sent; all of them are answered by then.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    done = loop.create_future()
    sent = busy = 0

    def next_on(connection: Connection) -> None:
        nonlocal sent, busy
        following = next(requests, None) if loop.time() < deadline else None
        if following is None:
            busy -= 1
            if busy == 0 and not done.done():
                done.set_result(None)
            return
        data, on_answer = following
        sent += 1

        def answered(answer: Answer) -> None:
            try:
                on_answer(answer)
                next_on(connection)
            except PublishError as error:
                if not done.done():
                    done.set_exception(error)

        connection.send(data, answered)

    busy = len(connections)
    for connection in connections:
        next_on(connection)
    await done
    return sent


class Paced(NamedTuple):
    """What an open loop did."""

    lateness: list[float]  # seconds each request left after its moment: the load client's own delay


async def pace(
    connections: list[Connection], requests: Iterator[tuple[bytes, Callable[[int, Answer], None]]], per_second: float
) -> Paced:
    """Open loop: one request every 1/`per_second` s on whatever connection is idle, until `requests` end.

    Each request's callback hears the moment it was written (perf_counter_ns) and the answer. Latency starts at that
    moment, not at the due one: timers of the loop have a resolution of 1 ms, which is not the hub's.

    Raises:
        PublishError: every connection was busy: the hub is behind by more requests than there are connections.
    """
    loop = asyncio.get_running_loop()
    idle = list(connections)
    done = loop.create_future()
    lateness: list[float] = []
    pending = 0
    interval = 1e9 / per_second
    start = perf_counter_ns()
    ended = False

    def finish() -> None:
        if ended and pending == 0 and not done.done():
            done.set_result(None)

    def tick(number: int) -> None:
        nonlocal pending, ended
        while True:
            due = start + int(number * interval)
            wait = due - perf_counter_ns()
            if wait > 0:
                loop.call_later(wait / 1e9, tick, number)
                return
            following = next(requests, None)
            if following is None:
                ended = True
                finish()
                return
            while idle and idle[-1].closed:
                idle.pop()
            if not idle:
                if not done.done():
                    done.set_exception(PublishError(f"all {len(connections)} connections wait for answers"))
                return
            lateness.append(-wait / 1e9)
            _send(idle.pop(), *following)
            number += 1

    def _send(connection: Connection, data: bytes, on_answer: Callable[[int, Answer], None]) -> None:
        nonlocal pending
        pending += 1
        sent_at = perf_counter_ns()

        def answered(answer: Answer) -> None:
            nonlocal pending
            pending -= 1
            idle.append(connection)
            try:
                on_answer(sent_at, answer)
            except PublishError as error:
                if not done.done():
                    done.set_exception(error)
            finish()

        connection.send(data, answered)

    tick(0)
    await done
    return Paced(lateness)
