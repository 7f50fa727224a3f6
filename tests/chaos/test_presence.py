"""Presence decides, with real processes and clients: who looks, who looked away, who left, and whose gateway died.

The times of presence are shortened; their order is the real one: heartbeat < lease < grace.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from tests.support.chaos import encoded, quote, wait_until
from tests.support.fleet import Deployment, deployment
from tests.support.live_client import WebSocketClient
from tests.support.tcp_proxy import tcp_proxy

TIMES = {
    "HUB_HEARTBEAT_SECONDS": "1",  # a black hole is noticed 10 s after it: the protocol's constant
    "HUB_LEASE_SECONDS": "2",
    "HUB_PRESENCE_GRACE_SECONDS": "8",  # longer than busy machines take to let somebody come back
    "HUB_PRESENCE_SETTLE_SECONDS": "3",
}
PUSH_LATER = {"ladder": [{"channel": "in_app"}, {"channel": "web_push", "after": "PT2S", "if": "away"}]}
EMAIL_LATER = {"ladder": [{"channel": "in_app"}, {"channel": "email", "after": "PT4S", "if": "unseen"}]}
DECIDED_SECONDS = 30.0  # the bound for whoever does not come back, which holds for the default times, too


class World:
    """A sandbox project, people with screens, and what would have left the app."""

    def __init__(self, hub: Deployment, session: aiohttp.ClientSession, pool: asyncpg.Pool[Any]) -> None:
        self.hub = hub
        self._session = session
        self._pool = pool
        self._headers = {"Authorization": f"Bearer {hub.key}"}
        self._open: list[WebSocketClient] = []

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        url = encoded(f"{self.hub.of('api')[0].url}{path}")
        async with self._session.request(method, url, json=body, headers=self._headers) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json()

    async def screen(self, user: str, gateways: list[str], state: str = "active") -> WebSocketClient:
        """Opens a screen of somebody and waits until it shows the inbox."""
        made = await self.call("POST", f"/v1/users/{quote(user)}/tokens", {"expires_in_seconds": 86_400})
        client = WebSocketClient(user, made["token"], gateways, state)
        client.start()
        self._open.append(client)
        await wait_until(lambda: client.model.cursor is not None, 20, f"{user}'s screen is open")
        return client

    async def publish(self, users: list[str], **more: Any) -> str:
        """Publishes; the notification's id."""
        answer = await self.call("POST", "/v1/notifications", {"recipients": users, "title": "t", **more})
        return str(answer["id"])

    async def sent(self, notification: str) -> set[tuple[str, str]]:
        """(user, channel) of what arrived in the sandbox of one notification."""
        rows = await self._pool.fetch(
            "SELECT p.user_id, m.channel FROM sandbox_messages m JOIN people p USING (person_id) "
            "JOIN deliveries d USING (delivery_id) WHERE d.notification_id = $1 AND d.kind = 'step'",
            notification,
        )
        return {(row["user_id"], row["channel"]) for row in rows}

    async def states(self, notification: str) -> dict[str, tuple[str, str | None]]:
        """By user: state and reason of their newest delivery of one notification."""
        rows = await self._pool.fetch(
            "SELECT p.user_id, d.state, d.reason FROM deliveries d JOIN people p USING (person_id) "
            "WHERE d.notification_id = $1 ORDER BY d.step",
            notification,
        )
        return {row["user_id"]: (row["state"], row["reason"]) for row in rows}

    async def until_sent(self, notification: str, wanted: set[tuple[str, str]], seconds: float = 30.0) -> None:
        deadline = time.monotonic() + seconds
        while not wanted <= await self.sent(notification):
            assert time.monotonic() < deadline, (wanted, await self.sent(notification), await self.states(notification))
            await asyncio.sleep(0.05)

    async def until_state(self, notification: str, user: str, state: str, reason: str | None) -> None:
        deadline = time.monotonic() + 30
        while (await self.states(notification)).get(user) != (state, reason):
            assert time.monotonic() < deadline, await self.states(notification)
            await asyncio.sleep(0.05)

    async def known(self, user: str = "nobody") -> None:
        """Returns once absence is believed."""
        await self.call("PUT", f"/v1/users/{quote(user)}", {})
        deadline = time.monotonic() + 30
        while (await self.call("GET", f"/v1/users/{quote(user)}/presence"))["state"] != "offline":
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)

    async def close(self) -> None:
        await asyncio.gather(*(client.close() for client in self._open))


@asynccontextmanager
async def world(directory: Path) -> AsyncIterator[World]:
    async with deployment(directory, apis=1, gateways=2, workers=2, **TIMES) as hub, aiohttp.ClientSession() as session:
        await hub.command("project", "set", "default", "--sandbox")
        pool = await asyncpg.create_pool(hub.servers.database_url, min_size=1, max_size=3)
        people = World(hub, session, pool)
        try:
            await people.call("PUT", "/v1/categories/push-later", PUSH_LATER)
            await people.call("PUT", "/v1/categories/email-later", EMAIL_LATER)
            await people.known()
            yield people
        finally:
            await people.close()
            await pool.close()


async def looks_away_leaves_and_reads(people: World, gateways: list[str]) -> None:
    """Open and active: nothing leaves. Idle: after the delay. Closed: at once. Read: the e-mail is dropped."""
    await people.screen("active", gateways)
    await people.screen("idle", gateways, "idle")
    phone = await people.screen("reader", gateways)
    await people.screen("reader", gateways)
    mail = await people.publish(["reader"], category="email-later")
    push = await people.publish(["active", "idle", "closed"], category="push-later")
    await people.until_sent(push, {("closed", "web_push")})
    await wait_until(lambda: phone.model.items != {}, 10, "the phone shows it")
    await phone.read_all()
    await people.until_sent(push, {("idle", "web_push")})
    await people.until_state(mail, "reader", "skipped", "read")
    assert await people.sent(push) == {("closed", "web_push"), ("idle", "web_push")}
    assert (await people.states(push))["active"] == ("waiting", "present")
    assert await people.sent(mail) == set()


async def a_gateway_dies(people: World, gateways: list[str]) -> None:
    """Who does not come back gets a push within the bound; who does, gets none."""
    gone = [f"gone {n}" for n in range(10)]
    back = [f"back {n}" for n in range(10)]
    first = people.hub.of("gateway")[0]
    screens = {user: await people.screen(user, [first.url]) for user in (*gone, *back)}
    push = await people.publish([*gone, *back], category="push-later")
    for user in (*gone, *back):
        await people.until_state(push, user, "waiting", "present")
    for user in back:
        screens[user].gateways = gateways
    first.kill()
    await asyncio.gather(*(screens[user].close() for user in gone))
    await wait_until(lambda: all(screens[user].connects == 2 for user in back), 20, "they are back")
    await people.until_sent(push, {(user, "web_push") for user in gone}, DECIDED_SECONDS)
    assert await people.sent(push) == {(user, "web_push") for user in gone}
    assert {state for user, state in (await people.states(push)).items() if user in back} == {("waiting", "present")}
    await first.start()


async def a_laptop_lid_closes(people: World) -> None:
    """A black hole: the gateway hears nothing, closes after its heartbeat, and the person has left."""
    url = people.hub.of("gateway")[1].url
    async with tcp_proxy(url) as (lid, through):
        client = await people.screen("lid", [through])
        push = await people.publish(["lid"], category="push-later")
        await people.until_state(push, "lid", "waiting", "present")
        lid.swallowing = True
        await people.until_sent(push, {("lid", "web_push")}, DECIDED_SECONDS + 10)
        await client.close()


async def test_presence_decides_what_leaves(tmp_path: Path) -> None:
    async with world(tmp_path) as people:
        gateways = [process.url for process in people.hub.of("gateway")]
        await asyncio.gather(looks_away_leaves_and_reads(people, gateways[1:]), a_laptop_lid_closes(people))
        await a_gateway_dies(people, gateways)


@pytest.mark.parametrize("crowd", [150])
async def test_a_redis_that_restarts_sends_nothing_to_who_is_there(tmp_path: Path, crowd: int) -> None:
    async with world(tmp_path) as people:
        await redis_restarts(people, crowd)


async def redis_restarts(people: World, crowd: int) -> None:
    """Redis is killed while everybody looks: not one push leaves, and who is away gets theirs afterwards."""
    gateways = [process.url for process in people.hub.of("gateway")]
    users = [f"person {n}" for n in range(crowd)]
    for start in range(0, crowd, 50):
        await asyncio.gather(*(people.screen(user, gateways) for user in users[start : start + 50]))
    before = [await people.publish(users[start : start + 100]) for start in range(0, crowd, 100)]
    await people.hub.servers.kill_valkey()
    during = await people.publish(["away"])
    await people.hub.servers.start_valkey()
    after = [await people.publish(users[start : start + 100]) for start in range(0, crowd, 100)]
    await people.until_sent(during, {("away", "web_push")}, 60)  # presence is believed again
    for notification in (*before, *after):
        for user, state in (await people.states(notification)).items():
            assert state[0] == "waiting", (user, state)
        assert await people.sent(notification) == set()
