"""A stream of publishes to people with open screens, while things die; and the account afterwards.

The account: every publish that got a 2xx is in the inbox of its person exactly once; every client holds exactly that
inbox and its counts; none of them had to start over.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
import urllib.parse
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import yarl

from tests.support.fleet import Deployment, Process
from tests.support.live_client import EventStreamClient, LiveClient, WebSocketClient

SETTLE_SECONDS = 90.0  # a reconciliation is every 40 s, reconnects and leases add to it


@dataclass
class Account:
    """What the run did; `problems` is empty when all is well."""

    accepted: dict[str, str] = field(default_factory=dict)  # notification id → user
    refused: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    connects: int = 0
    gaps: int = 0
    settle_seconds: float = 0.0
    problems: list[str] = field(default_factory=list)


class Chaos:
    """People with one screen each, WebSocket and SSE in turn, and a publisher that retries until it is answered."""

    def __init__(self, hub: Deployment, session: aiohttp.ClientSession, people: int) -> None:
        self.hub = hub
        self.session = session
        self.users = [f"person {n}/é" for n in range(people)]
        self.clients: list[LiveClient] = []
        self.account = Account()
        self._number = 0
        self._stopping = asyncio.Event()

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.hub.key}"}

    async def connect(self) -> None:
        """Opens every screen and waits until each shows its inbox."""
        gateways = [process.url for process in self.hub.of("gateway")]
        for number, user in enumerate(self.users):
            kind = WebSocketClient if number % 2 else EventStreamClient
            client = kind(user, await self._token(user), gateways)
            client.start()
            self.clients.append(client)
        await wait_until(lambda: all(client.model.cursor for client in self.clients), 30, "every screen is open")

    async def _token(self, user: str) -> str:
        path = f"{self.hub.of('api')[0].url}/v1/users/{quote(user)}/tokens"
        async with self.session.post(encoded(path), json={"expires_in_seconds": 86_400}, headers=self._headers) as made:
            assert made.status == 201, await made.text()
            return str((await made.json())["token"])

    async def publish(self, per_second: float) -> None:
        """Publishes until `stop`, each request again with its key until it is answered."""
        async with asyncio.TaskGroup() as requests:
            while not self._stopping.is_set():
                requests.create_task(self._publish_one())
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), random.expovariate(per_second))

    def stop(self) -> None:
        self._stopping.set()

    async def _publish_one(self) -> None:
        self._number += 1
        number, user = self._number, random.choice(self.users)
        body: dict[str, Any] = {"recipients": [user], "title": f"number {number}"}
        headers = {**self._headers, "Idempotency-Key": f"chaos-{number}"}
        while True:
            api = random.choice(self.hub.of("api"))
            try:
                timeout = aiohttp.ClientTimeout(total=30)
                async with self.session.post(
                    f"{api.url}/v1/notifications", json=body, headers=headers, timeout=timeout
                ) as answer:
                    if answer.status == 202:
                        self.account.accepted[(await answer.json())["id"]] = user
                        return
                    self.account.refused[str(answer.status)] += 1
                    if answer.status not in (409, 429, 503):
                        self.account.problems.append(f"{answer.status}: {await answer.text()}")
                        return
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                self.account.refused[type(error).__name__] += 1
            await asyncio.sleep(0.2)

    async def kill_process(self, process: Process, pause: float = 0.5) -> None:
        """kill -9, and the supervisor's restart."""
        self.account.kills[process.role] += 1
        process.kill()
        await asyncio.sleep(pause)
        await process.start()

    async def kill_valkey(self, pause: float = 0.5) -> None:
        self.account.kills["valkey"] += 1
        await self.hub.servers.kill_valkey()
        await asyncio.sleep(pause)
        await self.hub.servers.start_valkey()

    async def kill_postgres(self, pause: float = 0.5) -> None:
        self.account.kills["postgres"] += 1
        await self.hub.servers.kill_postgres()
        await asyncio.sleep(pause)
        await self.hub.servers.start_postgres()

    async def settle(self) -> None:
        """Waits until every client holds what the hub holds, then compares; problems go into the account."""
        started = time.monotonic()
        api = self.hub.of("api")[0].url
        waiting = {client.user: client for client in self.clients}
        while waiting and time.monotonic() - started < SETTLE_SECONDS:
            for user, client in list(waiting.items()):
                truth = await self._inbox(api, user)
                if client.model.rev == truth["rev"]:
                    self._compare(client, truth)
                    del waiting[user]
            if waiting:
                await asyncio.sleep(0.2)
        self.account.settle_seconds = time.monotonic() - started
        for user, client in waiting.items():
            truth = await self._inbox(api, user)
            self.account.problems.append(
                f"{user} ({type(client).__name__}) stands at rev {client.model.rev}, the hub at {truth['rev']}; "
                f"connects {client.connects}, stopped {client.stopped}"
            )
        self.account.connects = sum(client.connects for client in self.clients)
        self.account.gaps = sum(client.model.gaps for client in self.clients)

    async def _inbox(self, api: str, user: str) -> dict[str, Any]:
        items: list[dict[str, Any]] = []
        cursor = ""
        first: dict[str, Any] = {}
        while True:
            url = f"{api}/v1/users/{quote(user)}/inbox?limit=100" + (f"&cursor={cursor}" if cursor else "")
            async with self.session.get(encoded(url), headers=self._headers) as answer:
                assert answer.status == 200, await answer.text()
                page = await answer.json()
            first = first or page
            items += page["items"]
            cursor = page["next_cursor"]
            if not cursor:
                return {**first, "items": items}

    def _compare(self, client: LiveClient, truth: dict[str, Any]) -> None:
        problems = self.account.problems
        held = client.model.items
        true = {item["id"]: item for item in truth["items"]}
        if client.model.counts != truth["counts"]:
            problems.append(f"{client.user}: counts {client.model.counts} instead of {truth['counts']}")
        if {key: value for key, value in held.items() if true.get(key) != value}:
            problems.append(f"{client.user}: holds items that differ from the hub's")
        if len(held) != len(true):
            problems.append(f"{client.user}: holds {len(held)} items of {len(true)}")
        if client.welcomes != 1 or client.model.reloads:
            problems.append(f"{client.user}: reloaded ({client.welcomes} welcomes, {client.model.reloads} resets)")
        wanted = sorted(key for key, user in self.account.accepted.items() if user == client.user)
        found = sorted(item["notification_id"] for item in truth["items"])
        if wanted != found:
            problems.append(
                f"{client.user}: {len(set(wanted) - set(found))} accepted but not in the inbox, "
                f"{len(found) - len(set(found))} twice, {len(set(found) - set(wanted))} never accepted"
            )

    async def close(self) -> None:
        await asyncio.gather(*[client.close() for client in self.clients])


def quote(name: str) -> str:
    return urllib.parse.quote(name, safe="")


def encoded(url: str) -> Any:
    """The URL as it is: `%2F` stays what it is."""
    return yarl.URL(url, encoded=True)


async def wait_until(done: Callable[[], bool], seconds: float, what: str) -> None:
    """Polls what no event tells; fails with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        await asyncio.sleep(0.02)


async def run(hub: Deployment, people: int, per_second: float, faults: Callable[[Chaos], Awaitable[None]]) -> Account:
    """One run: connect, publish while `faults` happen, settle, compare."""
    connector = aiohttp.TCPConnector(limit=200)
    async with aiohttp.ClientSession(connector=connector) as session:
        chaos = Chaos(hub, session, people)
        try:
            await chaos.connect()
            publishing = asyncio.create_task(chaos.publish(per_second))
            try:
                await faults(chaos)
            finally:
                chaos.stop()
                await publishing
            await chaos.settle()
        finally:
            await chaos.close()
        return chaos.account


def check(account: Account, minimum: int) -> None:
    """Fails with every problem of the account."""
    assert not account.problems, "\n".join(account.problems[:20])
    assert len(account.accepted) >= minimum
