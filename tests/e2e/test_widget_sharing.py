"""One connection per browser, in a real one: two gateways, several tabs, several devices, and what can be lost is."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect
from playwright.async_api import Error as PlaywrightError

from tests.support.browser import Tab, device, until
from tests.support.fleet import Deployment, deployment
from tests.support.ports import free_port
from tests.support.site import Site, site
from tests.support.tcp_proxy import TcpProxy, tcp_proxy

SCRIPT = """
import { HubStore } from "/widget/hub-store.js";
const user = new URLSearchParams(location.search).get("user");
const getToken = async () => {
  const answer = await fetch(`/token?user=${user}`);
  return answer.ok ? answer.text() : null;
};
window.store = new HubStore({ url: HUB, getToken });
window.arrivals = [];
store.on("item", ({ item }) => arrivals.push(item.title));
store.start();
"""
TITLES = "store.snapshot.items.map((item) => item.title)"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class World:
    """An installation with two gateways behind one address, and a site whose pages know that address alone."""

    hub: Deployment
    line: TcpProxy
    site: Site

    def page_of(self, user: str) -> str:
        return f"{self.site.url}/?user={user}"

    async def call(self, method: str, path: str, **body: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.hub.key}"}
        url = f"{self.hub.of('api')[0].url}/v1/{path}"
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.request(method, url, json=body or None) as answer,
        ):
            assert answer.ok, await answer.text()
            return await answer.json()

    async def publish(self, user: str, *titles: str) -> None:
        for title in titles:
            await self.call("POST", "notifications", recipients=[user], title=title)

    async def sockets(self, user: str) -> int:
        """How many connections of theirs the hub knows."""
        return len((await self.call("GET", f"users/{user}/presence"))["connections"])

    async def has_sockets(self, user: str, count: int) -> None:
        async with asyncio.timeout(30):
            while await self.sockets(user) != count:
                await asyncio.sleep(0.05)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    port = free_port()
    async with contextlib.AsyncExitStack() as stack:
        hub = await stack.enter_async_context(
            deployment(tmp_path_factory.mktemp("sharing"), gateways=2, HUB_ALLOWED_ORIGINS=f"http://127.0.0.1:{port}")
        )
        line, address = await stack.enter_async_context(tcp_proxy(hub.of("gateway")[0].url))
        shop = await stack.enter_async_context(site(port, address, hub.of("api")[0].url, hub.key, SCRIPT))
        yield World(hub, line, shop)


async def live(tab: Tab) -> None:
    await until(tab.page, "store.snapshot.status === 'live'")


async def leader(tabs: list[Tab]) -> Tab:
    """The tab that holds the connection."""
    async with asyncio.timeout(30):
        while True:
            leading = [tab for tab in tabs if await tab.page.evaluate("store.snapshot.leading")]
            if len(leading) == 1:
                return leading[0]
            await asyncio.sleep(0.05)


async def show(tabs: list[Tab], titles: list[str]) -> None:
    """Every tab shows these, newest first, and named each that came to it once."""
    for tab in tabs:
        await until(tab.page, f"store.snapshot.items.length >= {len(titles)}")
        assert await tab.page.evaluate(TITLES) == titles
        named = await tab.page.evaluate("arrivals")
        assert len(named) == len(set(named))


async def test_six_tabs_hold_one_connection_and_agree_with_a_second_device(browser: Browser, world: World) -> None:
    async with device(browser) as laptop, device(browser) as phone:
        tabs = [await laptop.open(world.page_of("ada")) for _ in range(6)]
        other = await phone.open(world.page_of("ada"))
        for tab in [*tabs, other]:
            await live(tab)
        await leader(tabs)
        assert await world.sockets("ada") == 2, "one of each device"

        await world.publish("ada", "one", "two", "three")
        await show([*tabs, other], ["three", "two", "one"])
        for tab in [*tabs, other]:
            assert await tab.page.evaluate("arrivals") == ["one", "two", "three"]

        await tabs[3].page.evaluate("store.mark({ action: 'read', ids: [store.snapshot.items[0].id] })")
        for tab in [*tabs, other]:
            await until(tab.page, "store.snapshot.counts.unread === 2")
        await other.page.evaluate("store.mark({ action: 'read', all: true })")
        for tab in tabs:
            await until(tab.page, "store.snapshot.counts.unread === 0")
            assert await tab.page.evaluate("store.snapshot.items.every((item) => item.read_at !== null)")
        for tab in [*tabs, other]:
            await tab.is_clean()


async def test_the_leader_is_closed_and_a_successor_goes_on(browser: Browser, world: World) -> None:
    async with device(browser) as laptop:
        tabs = [await laptop.open(world.page_of("grace")) for _ in range(3)]
        for tab in tabs:
            await live(tab)
        titles: list[str] = []

        async def goes_on(*new: str) -> None:
            titles[:0] = reversed(new)
            await leader(tabs)
            for tab in tabs:
                await live(tab)
            await show(tabs, titles)
            await world.has_sockets("grace", 1)

        await world.publish("grace", "at first")
        await goes_on("at first")

        closed = await leader(tabs)
        tabs.remove(closed)
        await asyncio.gather(closed.page.close(), world.publish("grace", "while it closed", "and after"))
        await goes_on("while it closed", "and after")


async def test_the_leader_crashes_and_another_hangs_and_what_came_meanwhile_is_there_once(
    browser: Browser, world: World
) -> None:
    async with device(browser) as laptop:
        tabs = [await laptop.open(world.page_of("alan")) for _ in range(4)]
        for tab in tabs:
            await live(tab)
        await world.publish("alan", "at first")
        await show(tabs, ["at first"])

        crashed = await leader(tabs)
        tabs.remove(crashed)
        async with crashed.page.expect_event("crash"):
            with contextlib.suppress(PlaywrightError):  # the page never comes
                await crashed.page.goto("chrome://crash")
        await world.publish("alan", "while it crashed")
        await leader(tabs)
        await show(tabs, ["while it crashed", "at first"])
        await world.has_sockets("alan", 1)

        # One that hangs keeps its lock, until a tab that hears nothing of it takes it away.
        hanging = await leader(tabs)
        others = [tab for tab in tabs if tab is not hanging]
        grip = await laptop.context.new_cdp_session(hanging.page)
        hang = asyncio.create_task(hanging.page.evaluate("for (;;) {}"))
        await world.publish("alan", "while it hung")
        titles = ["while it hung", "while it crashed", "at first"]
        await leader(others)
        await show(others, titles)

        # It comes back to life, as one of those that follow.
        await grip.send("Runtime.terminateExecution")
        with contextlib.suppress(PlaywrightError):
            await hang
        await until(hanging.page, "!store.snapshot.leading && store.snapshot.status === 'live'")
        await world.publish("alan", "and after")
        await show(tabs, ["and after", *titles])
        assert await leader(tabs) is not hanging
        await world.has_sockets("alan", 1)
        for tab in tabs:
            assert await tab.page.evaluate("arrivals") == ["at first", "while it crashed", "while it hung", "and after"]
            # Two may have taken the lock, one just after the other, which then closed what it was opening.
            tab.complaints = [one for one in tab.complaints if "closed before the connection is established" not in one]
            await tab.is_clean()


async def test_a_gateway_is_killed_and_the_other_brings_what_was_missed(browser: Browser, world: World) -> None:
    first, second = world.hub.of("gateway")
    async with device(browser) as laptop:
        tabs = [await laptop.open(world.page_of("edsger")) for _ in range(2)]
        for tab in tabs:
            await live(tab)
        await world.publish("edsger", "before")
        await show(tabs, ["before"])
        first.kill()
        world.line.refusing = True
        await world.publish("edsger", "while nobody listened")
        for tab in tabs:
            await until(tab.page, "store.snapshot.status !== 'live'")
        world.line.lead_to(second.port)
        await world.publish("edsger", "while it came back")
        for tab in tabs:
            await live(tab)
        await show(tabs, ["while it came back", "while nobody listened", "before"])
        for tab in tabs:
            assert (await tab.page.evaluate("arrivals")).count("while nobody listened") == 1
    await first.start()


async def test_marks_made_offline_are_kept_over_a_reload_and_carried_out_on_return(
    browser: Browser, world: World
) -> None:
    async with device(browser) as laptop:
        tab = await laptop.open(world.page_of("barbara"))
        await live(tab)
        await world.publish("barbara", "one", "two")
        await show([tab], ["two", "one"])
        world.line.refusing = True
        world.line.cut()
        await until(tab.page, "store.snapshot.status !== 'live'")
        await tab.page.evaluate("void store.mark({ action: 'read', ids: [store.snapshot.items[1].id] })")
        await tab.page.evaluate("void store.mark({ action: 'archive', ids: [store.snapshot.items[0].id] })")
        assert await tab.page.evaluate(TITLES) == ["one"]
        await tab.page.reload()
        await until(tab.page, "store.snapshot.ready")
        assert await tab.page.evaluate(TITLES) == ["one"], "shown from what was kept, with the marks"
        assert await tab.page.evaluate("[store.snapshot.stale, store.snapshot.pending]") == [True, 2]
        world.line.heal()
        await until(tab.page, "store.snapshot.status === 'live' && store.snapshot.pending === 0")
        items = (await world.call("GET", "users/barbara/inbox"))["items"]
        assert [(item["title"], item["read_at"] is not None) for item in items] == [("one", True)]


async def test_a_token_is_renewed_in_time_and_the_connection_stays(browser: Browser, world: World) -> None:
    world.site.token_seconds = 4
    try:
        async with device(browser) as laptop:
            tab = await laptop.open(world.page_of("katherine"))
            await live(tab)
            statuses = "window.statuses = []; store.on('state', ({ status }) => statuses.push(status))"
            await tab.page.evaluate(f"() => {{ {statuses} }}")
            given = await tab.page.evaluate("Date.now()")
            await until(tab.page, f"Date.now() > {given} + 4000")  # the first one has ended
            assert world.site.tokens.count("katherine") > 1
            await world.publish("katherine", "after a renewal")
            await show([tab], ["after a renewal"])
            assert await tab.page.evaluate("statuses") == []
    finally:
        world.site.token_seconds = 3600


async def test_who_signs_out_leaves_nothing_behind_and_another_person_sees_only_theirs(
    browser: Browser, world: World
) -> None:
    async with device(browser) as laptop:
        mine = await laptop.open(world.page_of("mary"))
        await live(mine)
        await world.publish("mary", "for mary")
        await show([mine], ["for mary"])
        theirs = await laptop.open(world.page_of("joan"))
        await live(theirs)
        assert await theirs.page.evaluate(TITLES) == []
        assert await world.sockets("mary") == await world.sockets("joan") == 1
        await until(mine.page, "JSON.stringify(localStorage).includes('for mary')")
        world.site.signed_in = False
        try:
            await mine.page.reload()
            await until(mine.page, "store.snapshot.stopped !== null")
            assert await mine.page.evaluate(TITLES) == []
            await theirs.page.reload()
            await until(theirs.page, "store.snapshot.stopped !== null")
            kept = await mine.page.evaluate("JSON.stringify(localStorage)")
            assert "for mary" not in kept
        finally:
            world.site.signed_in = True


async def test_an_element_whose_token_is_taken_away_forgets_who_it_was(browser: Browser, world: World) -> None:
    async with device(browser) as laptop:
        tab = await laptop.open(world.page_of("rosa"))
        page = tab.page
        await live(tab)
        await page.evaluate("store.stop()")
        await page.evaluate(
            """async (hub) => {
              await import("/widget/hub-inbox.js");
              window.inbox = document.createElement("hub-inbox");
              inbox.setAttribute("hub", hub);
              inbox.getToken = async () => (await fetch("/token?user=rosa")).text();
              inbox.open = true;
              document.body.append(inbox);
            }""",
            world.site.hub,
        )
        await until(page, "inbox.store?.snapshot.status === 'live'")
        await world.publish("rosa", "for rosa")
        await expect(page.get_by_role("article")).to_have_count(1)
        # What a browser knows of its line shows at once, long before a ping stays out.
        await laptop.context.set_offline(True)
        await expect(page.get_by_text("Connection lost. Reconnecting…")).to_be_visible()
        await laptop.context.set_offline(False)
        await expect(page.get_by_text("Connection lost. Reconnecting…")).to_be_hidden()
        await until(page, "JSON.stringify(localStorage).includes('for rosa')")
        await page.evaluate("inbox.getToken = null")
        await expect(page.get_by_text("Sign in again to see your notifications.")).to_be_visible()
        await expect(page.get_by_role("article")).to_have_count(0)
        assert "for rosa" not in await page.evaluate("JSON.stringify(localStorage)")
