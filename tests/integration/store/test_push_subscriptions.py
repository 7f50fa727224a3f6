"""Whose a browser is, when several say so at once: two real transactions, held up where they could meet badly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hub.runtime import Hub
from hub.store import database, push_subscriptions
from hub.store.database import Connection
from hub.store.inbox import open_inbox
from hub.store.push_subscriptions import Subscription, lock, mark_gone, purge, put, remove, replace


@pytest.fixture(autouse=True)
def _no_second_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deadlock shows."""
    monkeypatch.setattr(database, "ATTEMPTS", 1)


def browser(name: str) -> Subscription:
    return Subscription(f"https://push.example.com/{name}", "p", "a")


async def person(hub: Hub, project_id: int, user: str) -> int:
    return (await open_inbox(hub.db, project_id, user)).person_id


async def subscribe(hub: Hub, project_id: int, person_id: int, name: str) -> Any:
    return await hub.db.transaction(lambda conn: put(conn, project_id, person_id, browser(name)))


async def owners(hub: Hub) -> list[tuple[str, str]]:
    found = await hub.db.fetch(
        "SELECT endpoint, user_id FROM push_subscriptions JOIN people USING (person_id) ORDER BY 1"
    )
    return [(row["endpoint"].rpartition("/")[2], row["user_id"]) for row in found]


async def waiting(hub: Hub, count: int) -> None:
    """Until so many transactions wait for a lock."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with asyncio.timeout(20), hub.db.acquire() as conn:
        while await conn.fetchval(query) < count:
            await asyncio.sleep(0.005)


@asynccontextmanager
async def held(hub: Hub, *names: str) -> AsyncIterator[None]:
    """The rows of these endpoints, locked by somebody else."""
    async with hub.db.acquire() as conn, conn.transaction():
        endpoints = [browser(name).endpoint for name in names]
        await conn.fetch("SELECT FROM push_subscriptions WHERE endpoint = ANY($1::text[]) FOR UPDATE", endpoints)
        yield


async def test_who_signs_in_while_another_renews_to_the_same_endpoint_has_it(hub: Hub, project_id: int) -> None:
    ada, grace = [await person(hub, project_id, user) for user in ("ada", "grace")]
    old = await subscribe(hub, project_id, ada, "old")

    async def renew(conn: Connection) -> Any:
        found = await lock(conn, project_id, ada, old["subscription_id"], browser("new").endpoint)
        assert found is not None
        return await replace(conn, project_id, ada, found, browser("new"))

    async with hub.db.acquire() as conn, conn.transaction():
        await put(conn, project_id, grace, browser("new"))
        renewal = asyncio.create_task(hub.db.transaction(renew))
        await waiting(hub, 1)
    assert await renewal is None, "a renewal takes nothing from anybody"
    assert await owners(hub) == [("new", "grace")], "the old one is no browser any more"


async def test_who_signs_in_after_another_renewed_to_the_same_endpoint_has_it(hub: Hub, project_id: int) -> None:
    ada, grace = [await person(hub, project_id, user) for user in ("ada", "grace")]
    old = await subscribe(hub, project_id, ada, "old")
    async with hub.db.acquire() as conn, conn.transaction():
        found = await lock(conn, project_id, ada, old["subscription_id"], browser("new").endpoint)
        assert found is not None
        assert await replace(conn, project_id, ada, found, browser("new")) is not None
        signing_in = asyncio.create_task(subscribe(hub, project_id, grace, "new"))
        await waiting(hub, 1)
    assert (await signing_in)["subscription_id"] != old["subscription_id"]
    assert await owners(hub) == [("new", "grace")]


async def test_two_renewals_to_one_endpoint_leave_it_to_the_first(hub: Hub, project_id: int) -> None:
    people = [await person(hub, project_id, user) for user in ("ada", "grace")]
    olds = [await subscribe(hub, project_id, one, f"old{one}") for one in people]

    async def renew(conn: Connection, index: int) -> Any:
        found = await lock(conn, project_id, people[index], olds[index]["subscription_id"], browser("new").endpoint)
        assert found is not None
        return await replace(conn, project_id, people[index], found, browser("new"))

    async with hub.db.acquire() as conn, conn.transaction():
        assert await renew(conn, 0) is not None
        second = asyncio.create_task(hub.db.transaction(lambda conn: renew(conn, 1)))
        await waiting(hub, 1)
    assert await second is None
    assert await owners(hub) == [("new", "ada")]


async def test_two_who_take_each_others_browser_both_get_it(hub: Hub, project_id: int) -> None:
    ada, grace = [await person(hub, project_id, user) for user in ("ada", "grace")]
    await subscribe(hub, project_id, ada, "one")
    await subscribe(hub, project_id, grace, "two")
    async with held(hub, "one", "two"):
        swapping = [subscribe(hub, project_id, ada, "two"), subscribe(hub, project_id, grace, "one")]
        tasks = [asyncio.create_task(one) for one in swapping]
        await waiting(hub, 2)
    await asyncio.gather(*tasks)
    assert await owners(hub) == [("one", "grace"), ("two", "ada")]


@pytest.mark.parametrize("what", ["mark_gone", "remove", "purge"])
async def test_a_browser_that_goes_while_it_is_told_of_waits_for_its_person(
    hub: Hub, project_id: int, what: str
) -> None:
    ada = await person(hub, project_id, "ada")
    row = await subscribe(hub, project_id, ada, "one")
    if what == "purge":
        long_ago = f"now() - interval '{push_subscriptions.KEEP_DAYS + 1} days'"
        await hub.db.execute(f"UPDATE push_subscriptions SET gone_at = {long_ago}")
    async with held(hub, "one"):
        match what:
            case "mark_gone":
                going: Any = mark_gone(hub.db, [(row["subscription_id"], row["endpoint"])])
            case "remove":
                endpoint = row["endpoint"]
                going = hub.db.transaction(lambda conn: remove(conn, project_id, ada, endpoint=endpoint))
            case _:
                going = purge(hub.db, 10)
        tasks = [asyncio.create_task(going)]
        await waiting(hub, 1)
        tasks.append(asyncio.create_task(subscribe(hub, project_id, ada, "one")))
        await waiting(hub, 2)
    await asyncio.gather(*tasks)
    assert await owners(hub) == [("one", "ada")], "told of last, it is there"
    assert await hub.db.fetch("SELECT FROM people WHERE push") != []
    assert await hub.db.fetch("SELECT FROM push_subscriptions WHERE gone_at IS NULL") != []
