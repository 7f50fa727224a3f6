"""What is published: a mix of lanes and sizes, at its own pace whatever the hub does."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from time import perf_counter_ns

import msgspec

from benchmarks.fleet import HOST
from benchmarks.measure import Round, accepted
from benchmarks.publisher import Answer, Connection, OnAnswer, connect, pump
from benchmarks.sustained.account import Account

SHARES = {"critical": 0.05, "normal": 0.55, "bulk": 0.40}  # of the requests
LIST_SHARE, LIST_SIZE = 0.03, 20  # some go to several people
FAILURES_KEPT = 100
IDLE_SECONDS = 50.0  # then a connection is not used again: the api ends it after 75, maybe just when a request leaves


class _Problem(msgspec.Struct):
    code: str


_problem = msgspec.json.Decoder(_Problem)


class Load:
    """Requests of one run, and what became of them.

    Args:
        most: Connections at most; they are opened when none is free.
    """

    def __init__(self, this: Round, users: Sequence[str], account: Account, most: int) -> None:
        self._this = this
        self._users = users
        self._account = account
        self._most = most
        self.open = 0
        self._idle: list[tuple[float, Connection]] = []  # since when, the loop's time; the longest first
        self.opening: set[asyncio.Task[None]] = set()
        self._chance = random.Random(1)
        self._lanes, self._weights = list(SHARES), list(SHARES.values())
        self.offered: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.unsent: Counter[str] = Counter()  # no connection was free: the client's own limit
        self.without_retry_after = 0
        self.failures: list[str] = []  # the first of them
        self.lateness: list[float] = []  # ms that the client itself was behind, of each wake-up
        self.under_way = 0

    def _next(self) -> tuple[str, Sequence[int], bytes]:
        lane = self._chance.choices(self._lanes, self._weights)[0]
        count = LIST_SIZE if self._chance.random() < LIST_SHARE else 1
        sockets = self._chance.sample(range(len(self._users)), count)
        body = self._this.notification([self._users[socket] for socket in sockets])
        return lane, sockets, self._this.request("POST", "/v1/notifications", {**body, "priority": lane})

    async def capacity(self, seconds: float) -> float:
        """How many requests of this mix a second are answered when each connection sends its next at once."""

        def requests() -> Iterator[tuple[bytes, OnAnswer]]:
            while True:
                lane, sockets, data = self._next()
                sent_at = perf_counter_ns()

                def answered(
                    answer: Answer, lane: str = lane, sockets: Sequence[int] = sockets, sent_at: int = sent_at
                ) -> None:
                    self._answered(lane, sockets, sent_at, answer)

                yield data, answered

        async with self._this.connections(self._this.plan.publish_connections) as connections:
            start = perf_counter_ns()
            sent = await pump(connections, requests(), seconds)
            return sent / ((perf_counter_ns() - start) / 1e9)

    def close(self) -> None:
        """Ends the connections that are open."""
        for _, connection in self._idle:
            connection.close()

    async def offer(self, per_second: float, seconds: float) -> None:
        """Open loop. A request for which no connection is free is not sent, and counted."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        sent = 0
        while (now := loop.time()) < start + seconds:
            due = int((now - start) * per_second)
            if due > sent:
                self.lateness.append((now - start - (sent + 1) / per_second) * 1e3)
            for _ in range(due - sent):
                self._offer()
            sent = due
            await asyncio.sleep(0.001)

    def _offer(self) -> None:
        lane, sockets, data = self._next()
        self.offered[lane] += 1
        sent_at = perf_counter_ns()
        earliest = asyncio.get_running_loop().time() - IDLE_SECONDS
        while self._idle and (self._idle[-1][0] < earliest or self._idle[-1][1].closed):
            self._idle.pop()[1].close()
            self.open -= 1
        if self._idle:
            self._send(self._idle.pop()[1], lane, sockets, data, sent_at)
        elif self.open < self._most:
            self.open += 1
            task = asyncio.create_task(self._send_on_another(lane, sockets, data, sent_at))
            self.opening.add(task)
            task.add_done_callback(self.opening.discard)
        else:
            self.unsent[lane] += 1

    async def _send_on_another(self, lane: str, sockets: Sequence[int], data: bytes, sent_at: int) -> None:
        try:
            [connection] = await connect(HOST, self._this.fleet.api.port, 1)
        except OSError as error:
            self.open -= 1
            self._fail(f"connecting: {error}")
            return
        self._send(connection, lane, sockets, data, sent_at)

    def _send(self, connection: Connection, lane: str, sockets: Sequence[int], data: bytes, sent_at: int) -> None:
        self.under_way += 1

        def answered(answer: Answer) -> None:
            self.under_way -= 1
            self._idle.append((asyncio.get_running_loop().time(), connection))
            self._answered(lane, sockets, sent_at, answer)

        connection.send(data, answered)

    def _answered(self, lane: str, sockets: Sequence[int], sent_at: int, answer: Answer) -> None:
        if answer.status == 202:
            self.accepted[lane] += 1
            self._account.accepted(lane, accepted(answer), sockets, sent_at)
        elif answer.status == 503 and _problem.decode(answer.body).code == "overloaded":
            self.refused[lane] += 1
            self.without_retry_after += not answer.retry_after
        else:
            self._fail(f"{answer.status} {answer.body[:200].decode('utf-8', 'replace')}")

    def _fail(self, why: str) -> None:
        if len(self.failures) < FAILURES_KEPT:
            self.failures.append(why)
