"""What the elements can do, from outside: roles, names, parts, attributes and events, in pages under a strict policy.

Most of it is shown of an inbox that the page makes up (inbox_page.js); what needs a hub has a real `hub dev`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, Route, expect

from tests.e2e.test_widget import HEADERS, axe_violations
from tests.e2e.test_widget_states import focused
from tests.support.browser import Tab, device, until
from tests.support.hub_dev import hub_dev
from tests.support.ports import free_port
from tests.support.site import Site, site

MADE_UP = (Path(__file__).parent / "inbox_page.js").read_text("utf-8")
# Each element with `data-user` gets its person's tokens, from its site; `events` tells what the elements fired.
REAL = """
import "/widget/hub-inbox.js";
window.events = [];
for (const type of ["hub-activate", "hub-action", "hub-arrived", "hub-opened", "hub-closed", "hub-bell-click"])
  addEventListener(type, (event) => events.push([type, event.target.id, event.detail?.item?.title ?? null]));
for (const element of document.querySelectorAll("[data-user]")) {
  element.setAttribute("hub", HUB);
  element.getToken = async () => (await fetch(`/token?user=${element.dataset.user}`)).text();
}
"""
FACE = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8"/></svg>'

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage() -> AsyncIterator[Site]:
    """Its pages make up their inbox."""
    async with site(free_port(), "http://127.0.0.1:9", "", "", MADE_UP) as made:
        yield made


@dataclass
class Town:
    """A hub, and a site whose pages show real inboxes."""

    hub: str
    site: Site

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        async with (
            aiohttp.ClientSession(headers=HEADERS) as session,
            session.request(method, f"{self.hub}/v1/{path}", json=body) as answer,
        ):
            assert answer.ok, await answer.text()
            return await answer.json()

    async def publish(self, user: str, *titles: str, **body: Any) -> None:
        """One after the other, so that they stand in this order."""
        for title in titles:
            await self.call("POST", "notifications", {"recipients": [user], "title": title, **body})

    async def has(self, user: str, status: str, **titles: bool) -> None:
        """Waits until the inbox holds exactly these, and each is read or not."""
        expected = {name.replace("_", " "): read for name, read in titles.items()}
        async with asyncio.timeout(15):
            while True:
                items = (await self.call("GET", f"users/{user}/inbox?status={status}"))["items"]
                if {item["title"]: item["read_at"] is not None for item in items} == expected:
                    return
                await asyncio.sleep(0.05)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    port = free_port()
    directory = tmp_path_factory.mktemp("dev")
    async with (
        hub_dev(directory, HUB_ALLOWED_ORIGINS=f"http://127.0.0.1:{port}") as hub,
        site(port, hub.url, hub.url, "hk_dev", REAL) as made,
    ):
        yield Town(hub.url, made)


@contextlib.asynccontextmanager
async def page_with(browser: Browser, where: Site, body: str, query: str = "", **options: Any) -> AsyncIterator[Tab]:
    """A page with these elements; nothing in it is complained about."""
    where.body = f"<main><h1>A shop</h1><button>Before</button>{body}<button>After</button></main>"
    async with device(browser, **{"reduced_motion": "reduce", **options}) as one:
        tab = await one.open(f"{where.url}/?{query}")
        yield tab
        await tab.is_clean()


async def style(one: Locator, name: str, pseudo: str = "") -> str:
    """A computed style."""
    return str(
        await one.evaluate("(one, [name, pseudo]) => getComputedStyle(one, pseudo || null)[name]", [name, pseudo])
    )


async def test_a_page_fills_the_slots_and_draws_its_own_items(browser: Browser, stage: Site) -> None:
    body = (
        '<hub-inbox><img slot="bell" src="data:image/svg+xml," alt=""><a slot="header" href="/help">Help</a>'
        '<p slot="empty">Nothing new here.</p></hub-inbox>'
    )
    async with page_with(browser, stage, body, "size=0") as tab:
        page = tab.page
        bell = page.get_by_role("button", name="Notifications", exact=True)
        await expect(bell.locator("svg")).to_be_hidden()
        await bell.click()
        panel = page.get_by_role("dialog", name="Notifications")
        await expect(page.get_by_role("link", name="Help")).to_be_visible()
        await expect(page.get_by_text("Nothing new here.")).to_be_visible()
        await expect(panel.get_by_text("You’re all caught up")).to_be_hidden()
        assert await axe_violations(page) == []

        # Own items, of which one fails; the others are drawn as ever.
        await page.evaluate(
            "void (document.querySelector('hub-inbox').renderItem = (item, content) => {"
            "  if (item.title === 'Number 2') throw new Error('Own mistake');"
            "  if (item.category !== 'builds') return null;"
            "  const own = document.createElement('p');"
            "  own.textContent = `Own: ${item.title}`;"
            "  if (item.title === 'Number 6') own.append(content);"
            "  return own;"
            "})"
        )
        await page.evaluate("arrive(6)")
        rows = panel.get_by_role("article")
        await expect(rows).to_have_count(6)
        own = ["Own: Number 6", "Own: Number 3"]
        await expect(rows.locator("> p")).to_contain_text(own)
        await expect(rows.locator(".title")).to_have_text([f"Number {number}" for number in (6, 5, 4, 2, 1)])
        await expect(page.get_by_text("Nothing new here.")).to_be_hidden()
        assert any("Own mistake" in one for one in tab.complaints)
        tab.complaints.clear()
        # The keys go over own items as well.
        await panel.focus()
        names = []
        for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown"):
            await page.keyboard.press(key)
            names.append(await focused(page))
        assert names == ["Number 6", "Number 5", "Number 4", "Number 3"]


async def test_an_item_shows_who_what_and_how_urgent_and_follows_no_link_that_is_not_allowed(
    browser: Browser, stage: Site
) -> None:
    async def face(route: Route) -> None:
        await route.fulfill(body=FACE, content_type="image/svg+xml")

    async with page_with(browser, stage, "<hub-inbox open target='_blank'></hub-inbox>", "size=0") as tab:
        page = tab.page
        await page.route("**/face.svg", face)
        await page.route("**/lost.svg", lambda route: route.abort())
        await expect(page.get_by_role("dialog")).to_be_visible()
        await page.evaluate(
            """() => {
              window.events = [];
              for (const type of ["hub-activate", "hub-action"])
                addEventListener(type, (event) => {
                  event.preventDefault();
                  events.push([type, event.detail.item.title, event.detail.action?.id ?? null]);
                });
              const links = {
                https: "https://example.com/a", mail: "mailto:ada@example.com", path: "/orders/7",
                script: "javascript:alert(1)", data: "data:text/html,x", app: "shop://orders/7", broken: "https://["
              };
              for (const [title, action_url] of Object.entries(links))
                arrive(1, { title, action_url, actions: [{ id: "go", label: `Go ${title}`, url: action_url }] });
              arrive(1, { title: "faced", actor: { id: "ada", name: "Ada", avatar_url: "/face.svg" }, actions: null });
              arrive(1, { title: "faceless", actor: { id: "bo", name: null, avatar_url: "/lost.svg" }, actions: null });
              arrive(1, { title: "thing", actor: null, category: "orders.shipped", actions: null, action_url: null });
              arrive(1, { title: "urgent", priority: "critical", actions: [{ id: "ok", label: "Approve" }] });
            }"""
        )

        def row(name: str) -> Locator:
            return page.get_by_role("article", name=name, exact=True)

        for name, target in (
            ("https", "https://example.com/a"),
            ("mail", "mailto:ada@example.com"),
            ("path", f"{stage.url}/orders/7"),
        ):
            for link in (row(name).get_by_role("link", name=name, exact=True), row(name).get_by_text(f"Go {name}")):
                await expect(link).to_have_js_property("href", target)
                await expect(link).to_have_attribute("target", "_blank")
                await expect(link).to_have_attribute("rel", "noopener")
        for name in ("script", "data", "app", "broken"):
            await expect(row(name).get_by_role("link")).to_have_count(0)
            await expect(row(name).get_by_role("button", name=f"Go {name}")).to_be_attached()

        # The page's own routing, and an action without a link; either way it was read.
        await row("https").get_by_role("link", name="https", exact=True).click()
        await row("app").get_by_role("button", name="Go app").click()
        await row("urgent").get_by_role("button", name="Approve").click()
        assert await page.evaluate("events") == [
            ["hub-activate", "https", None],
            ["hub-action", "app", "go"],
            ["hub-action", "urgent", "ok"],
        ]
        for name in ("https", "app", "urgent"):
            await expect(row(name).get_by_role("button", name=f"Mark as unread: {name}")).to_be_attached()

        await expect(row("urgent").get_by_text("Critical")).to_be_visible()
        await expect(row("thing").get_by_text("Critical")).to_have_count(0)
        letters = {"faced": "A", "faceless": "B", "thing": "O"}
        for name, letter in letters.items():
            await expect(row(name).locator("[part=avatar]")).to_have_text(letter)
        await row("faced").scroll_into_view_if_needed()
        await expect(row("faced").locator("img")).to_have_js_property("naturalWidth", 8)
        await expect(row("faceless").locator("img")).to_have_count(0)
        tab.complaints = [one for one in tab.complaints if "ERR_FAILED" not in one]


async def test_tabs_of_a_category_and_of_a_tag_and_several_elements_of_two_people(browser: Browser, town: Town) -> None:
    body = (
        '<hub-inbox id="ada" data-user="ada" tabs="all = Everything, category:orders = Bills, tag:mention"></hub-inbox>'
        '<hub-inbox id="bob" data-user="bob" density="compact"></hub-inbox>'
        '<hub-bell id="bell" for="bob"></hub-bell><hub-feed id="feed" for="ada" tabs="all"></hub-feed>'
    )
    await town.publish("ada", "Bill 1", "Bill 2", category="orders")
    await town.publish("ada", "Hello you", tags=["mention"])
    async with page_with(browser, town.site, body) as tab:
        page = tab.page
        feed = page.get_by_role("region", name="Notifications")
        await expect(feed.get_by_role("article")).to_have_count(3)
        await expect(feed.get_by_role("tab")).to_have_count(0)
        # The list is before the person's eyes: seen, and no bell had to be pressed for it.
        async with asyncio.timeout(10):
            while not all(item["seen_at"] for item in (await town.call("GET", "users/ada/inbox"))["items"]):
                await asyncio.sleep(0.05)
        await page.locator("#ada").get_by_role("button", name="Notifications, 3 unread").click()
        panel = page.get_by_role("dialog", name="Notifications")
        rows = panel.get_by_role("article")
        await expect(panel.get_by_role("tab")).to_have_text(["Everything", "Bills", "mention"])
        await panel.get_by_role("tab", name="Bills").click()
        await expect(rows.locator(".title")).to_have_text(["Bill 2", "Bill 1"])
        await town.publish("ada", "Bill 3", category="orders")
        await town.publish("ada", "Hello again", tags=["mention"])
        await expect(rows.locator(".title")).to_have_text(["Bill 3", "Bill 2", "Bill 1"])
        # What is marked is what the tab shows.
        await panel.get_by_role("button", name="Mark all as read").click()
        await town.has("ada", "all", Bill_1=True, Bill_2=True, Bill_3=True, Hello_you=False, Hello_again=False)
        await panel.get_by_role("tab", name="mention").click()
        await expect(rows.locator(".title")).to_have_text(["Hello again", "Hello you"])
        await expect(feed.get_by_role("article")).to_have_count(5)

        # Another person's elements in the same page, and the bell alone, which the page acts on.
        await page.keyboard.press("Escape")
        await town.publish("bob", "For bob", actor="ada")
        bell = page.locator("#bell").get_by_role("button", name="Notifications, 1 unread")
        await expect(bell).to_be_visible()
        await expect(page.locator("#bell").get_by_role("dialog")).to_have_count(0)
        await bell.click()
        assert "hub-bell-click" in [name for name, *_ in await page.evaluate("events")]
        await page.locator("#bob").get_by_role("button", name="Notifications, 1 unread").click()
        await expect(panel.get_by_role("article", name="For bob")).to_be_visible()
        avatar = panel.locator("[part=avatar]")
        assert [await style(one, "width") for one in (avatar, feed.locator("[part=avatar]").first)] == ["24px", "32px"]
        await page.keyboard.press("Escape")
        fired = {tuple(event) for event in await page.evaluate("events") if event[0] == "hub-arrived"}
        assert fired == {
            *(("hub-arrived", id_, title) for id_ in ("ada", "feed") for title in ("Bill 3", "Hello again")),
            *(("hub-arrived", id_, "For bob") for id_ in ("bob", "bell")),
        }
        # `for` may change: the same bell for the other one.
        await page.evaluate("document.querySelector('#bell').setAttribute('for', 'ada')")
        await expect(page.locator("#bell").get_by_role("button", name="Notifications, 2 unread")).to_be_visible()


async def test_a_page_in_the_background_counts_in_its_title_and_on_its_icon(browser: Browser, stage: Site) -> None:
    # In a language with figures of its own, which the title has to know again.
    body = '<hub-bell title-badge app-badge lang="ar-EG"></hub-bell>'
    async with page_with(browser, stage, body, "size=0&element=hub-bell") as tab:
        page = tab.page
        await expect(page.get_by_role("button", name="الإشعارات")).to_be_visible()
        assert await page.title() == "A shop"
        # What a browser does for a page that nobody sees: no frames.
        await page.evaluate(
            """() => {
              window.badges = [];
              navigator.setAppBadge = async (count) => void badges.push(count);
              window.requestAnimationFrame = () => 0;
              for (const [name, value] of [["hidden", true], ["visibilityState", "hidden"]])
                Object.defineProperty(document, name, { configurable: true, value });
              document.dispatchEvent(new Event("visibilitychange"));
            }"""
        )
        for count, text in ((1, "١"), (2, "٢"), (100, "٩٩+")):
            await page.evaluate(f"arrive({count} - store.snapshot.counts.unread)")
            await until(page, f"document.title === '({text}) A shop'")
        # Another title stands as the page writes it, until the next count.
        await page.evaluate("document.title = '(Draft) Basket'; arrive(1)")
        await until(page, "document.title === '(٩٩+) (Draft) Basket'")
        assert await page.evaluate("badges") == [1, 2, 100, 101]
        # Where the platform refuses, nothing else suffers; who takes the element away takes its counts away.
        await page.evaluate(
            "void (navigator.setAppBadge = async (count) => { badges.push(count); throw new Error('No'); })"
        )
        await page.evaluate("document.querySelector('hub-bell').remove()")
        await until(page, "document.title === '(Draft) Basket'")
        assert (await page.evaluate("badges"))[-1] == 0


async def test_what_is_unread_chosen_and_focused_is_seen_without_colours_and_nothing_moves(
    browser: Browser, stage: Site
) -> None:
    async with page_with(browser, stage, "<hub-inbox></hub-inbox>", "size=3", forced_colors="active") as tab:
        page = tab.page
        assert await page.evaluate("matchMedia('(forced-colors: active)').matches")
        bell = page.get_by_role("button", name="Notifications, 3 unread")
        badge = page.locator("[part=badge]")
        ground = "rgb(0, 0, 0)" if await page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") else None
        ground = ground or "rgb(255, 255, 255)"
        assert await style(badge, "backgroundColor") not in (ground, "rgba(0, 0, 0, 0)")
        assert await style(badge, "backgroundColor") != await style(badge, "color")
        await bell.press("Enter")
        panel = page.get_by_role("dialog", name="Notifications")
        rows = panel.get_by_role("article")
        await expect(rows).to_have_count(3)
        await rows.first.get_by_role("button", name="Mark as read: Number 3").press("Enter")
        read, unread = rows.first.locator("> *"), rows.nth(1).locator("> *")
        await expect(rows.first.get_by_role("button", name="Mark as unread: Number 3")).to_be_attached()
        assert await style(read, "content", "::before") == "none"
        assert await style(unread, "content", "::before") == '""'
        assert await style(unread, "backgroundColor", "::before") not in (ground, "rgba(0, 0, 0, 0)")
        edges = [await style(one, "borderBottomColor") for one in await panel.get_by_role("tab").all()]
        assert edges[0] not in (ground, edges[1])
        assert edges[1] == edges[2] == ground
        # Every stop of the keyboard has a ring: its own, or that of the whole row.
        await panel.focus()
        for _ in range(8):
            await page.keyboard.press("Tab")
            assert await page.evaluate(
                """(() => {
                  let at = document.activeElement;
                  while (at.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
                  return [null, "::after"].some((pseudo) => {
                    const { outlineStyle, outlineWidth } = getComputedStyle(at, pseudo);
                    return outlineStyle === "solid" && parseFloat(outlineWidth) >= 2;
                  });
                })()"""
            ), await focused(page)
        await page.evaluate("arrive(1)")
        await expect(rows).to_have_count(4)
        moving = (
            "[...document.querySelector('hub-inbox').shadowRoot.querySelectorAll('*')].filter((one) =>"
            " !['none', 'late'].includes(getComputedStyle(one).animationName)).length"
        )
        assert await page.evaluate(moving) == 0
        await page.emulate_media(reduced_motion="no-preference")
        assert await page.evaluate(moving) > 0, "or this shows nothing"


async def test_the_panel_is_anchored_to_its_bell_from_left_and_right_and_a_sheet_where_it_is_narrow(
    browser: Browser, stage: Site
) -> None:
    async def box(one: Locator) -> dict[str, float]:
        found = await one.bounding_box()
        assert found is not None
        x, y, width, height = found["x"], found["y"], found["width"], found["height"]
        return {"x": x, "y": y, "width": width, "right": x + width, "bottom": y + height}

    body = "<hub-inbox></hub-inbox>"
    async with page_with(browser, stage, body, "size=5") as tab:
        page = tab.page
        bell = page.get_by_role("button", name="Notifications, 5 unread")
        panel = page.get_by_role("dialog", name="Notifications")
        first = panel.get_by_role("article").first
        # Far from the edge that it would open towards.
        await page.evaluate(
            "document.querySelector('hub-inbox').before(...Array.from({ length: 12 }, () =>"
            " Object.assign(document.createElement('button'), { textContent: 'Filling' })))"
        )
        for direction, end in (("ltr", "right"), ("rtl", "x")):
            await page.evaluate(f"document.documentElement.dir = '{direction}'")
            await bell.click()
            await expect(first).to_be_visible()
            at, of = await box(panel), await box(bell)
            assert abs(at[end] - of[end]) < 1
            assert abs(at["y"] - of["bottom"] - 8) < 1
            assert at["width"] == 400
            assert 8 <= at["x"] < at["right"] <= 1272
            face, time = await box(first.locator("[part=avatar]")), await box(first.locator("time"))
            assert (face["x"] < time["x"]) == (direction == "ltr"), "mirrored"
            await page.keyboard.press("Escape")
        # At the lower edge it opens upwards.
        await page.evaluate(
            "document.querySelector('h1').before(...Array.from({ length: 60 }, () =>"
            " Object.assign(document.createElement('p'), { textContent: 'Filling' })))"
        )
        await bell.scroll_into_view_if_needed()
        await bell.click()
        await expect(first).to_be_visible()
        at, of = await box(panel), await box(bell)
        assert abs(at["bottom"] - of["y"] + 8) < 1
        await page.set_viewport_size({"width": 390, "height": 800})
        at = await box(panel)
        assert (at["x"], at["width"], at["bottom"]) == (0, 390, 800)
        await expect(panel.get_by_role("button", name="Close", exact=True)).to_be_visible()
        await panel.get_by_role("button", name="Close", exact=True).click()
        await expect(panel).to_be_hidden()
        await expect(bell).to_be_focused()


async def test_a_page_that_the_hub_refuses_says_so_and_is_tried_again(browser: Browser, town: Town) -> None:
    async def refuse(route: Route) -> None:
        await route.fulfill(status=500, json={"error": {"code": "internal", "message": "Broken."}})

    many = [{"recipients": ["lin"], "title": f"Number {number}"} for number in range(1, 56)]
    await town.call("POST", "notifications/batch", {"notifications": many})
    async with page_with(browser, town.site, '<hub-inbox data-user="lin"></hub-inbox>') as tab:
        page = tab.page
        panel = page.get_by_role("dialog", name="Notifications")
        rows = panel.get_by_role("article")
        await page.get_by_role("button", name="Notifications, 55 unread").press("Enter")
        await expect(rows).to_have_count(50)
        await page.route("**/v1/inbox?*", refuse)
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("End")
        again = panel.get_by_role("button", name="That did not work. Try again")
        await expect(again).to_be_visible()
        await expect(page.get_by_role("status").filter(has_text="That did not work")).to_have_count(1)
        await page.keyboard.press("Control+End")
        await expect(again).to_be_focused()
        async with page.expect_response("**/v1/inbox?*"):
            await page.keyboard.press("Enter")
        await expect(again).to_be_focused()
        # A list of which nothing came.
        archived = panel.get_by_role("tab", name="Archived")
        await archived.press("Enter")
        await expect(panel.get_by_text("The notifications could not be loaded.")).to_be_visible()
        assert await axe_violations(page) == []
        await page.unroute("**/v1/inbox?*")
        await panel.get_by_role("button", name="Try again").press("Enter")
        await expect(panel.get_by_text("Nothing here")).to_be_visible()
        await expect(panel).to_be_focused()
        await panel.get_by_role("tab", name="All").press("Enter")
        await expect(rows).to_have_count(50)
        # By keyboard to the end, of which the older ones come by themselves, or by their button if that was quicker.
        await panel.focus()
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("End")
        await page.keyboard.press("Control+End")
        await expect(rows).to_have_count(55)
        await page.keyboard.press("Enter")
        await expect(rows.last).to_have_attribute("aria-setsize", "55")
        assert await focused(page) not in ("", "Before")
        tab.complaints = [one for one in tab.complaints if "status of 500" not in one]


async def test_every_function_by_keyboard_alone_and_the_focus_is_never_lost(browser: Browser, town: Town) -> None:
    many = [{"recipients": ["kay"], "title": f"Number {number}", "category": "news"} for number in range(1, 61)]
    await town.call("POST", "notifications/batch", {"notifications": many})
    body = '<hub-inbox data-user="kay" push></hub-inbox>'
    async with page_with(browser, town.site, body, timezone_id="UTC", color_scheme="dark") as tab:
        page = tab.page

        async def press(*keys: str, to: str) -> None:
            """The focus comes to what has this name, and there it stays."""
            for key in keys:
                await page.keyboard.press(key)
            for _ in range(500):
                if (name := await focused(page)) == to:
                    return
                assert await page.evaluate("document.activeElement !== document.body"), f"{keys} lead to nothing"
                await asyncio.sleep(0.02)
            raise AssertionError(f"{keys} lead to {name}, not to {to}")

        async def walk(key: str, to: str) -> None:
            """Until the focus is there."""
            for _ in range(60):
                await page.keyboard.press(key)
                if await focused(page) == to:
                    return
            raise AssertionError(f"{key} never leads to {to}")

        dialog = page.get_by_role("dialog", name="Notifications")
        rows = dialog.get_by_role("article")
        await expect(page.get_by_role("button", name="Notifications, 60 unread")).to_be_visible()
        await press("Tab", to="Before")
        await press("Tab", to="Notifications, 60 unread")
        await page.keyboard.press("Enter")
        await expect(dialog).to_be_focused()
        await expect(rows).to_have_count(50)
        await expect(dialog.get_by_role("region")).to_be_visible()

        # The tabs: one stop, the arrows go round.
        await press("Tab", to="Mark all as read")
        await press("Tab", to="Preferences")
        await press("Tab", to="All")
        await press("ArrowRight", to="Unread60")
        await press("ArrowRight", to="Archived")
        await expect(dialog.get_by_text("Nothing here")).to_be_visible()
        await press("ArrowRight", to="All")
        await press("End", to="Archived")
        await press("Home", to="All")
        await expect(rows).to_have_count(50)

        # Push: not now.
        await press("Tab", to="Turn on")
        await press("Tab", to="Not now")
        await page.keyboard.press("Enter")
        await expect(dialog.get_by_role("region")).to_have_count(0)
        await expect(dialog).to_be_focused()

        # Row by row; read, unread, archived.
        await press("ArrowDown", to="Number 60")
        await press("ArrowDown", "ArrowDown", to="Number 58")
        await press("Home", to="Number 60")
        await press("Tab", to="Mark as read: Number 60")
        await press("Enter", to="Mark as unread: Number 60")
        await press("Space", to="Mark as read: Number 60")
        await press("Tab", to="Archive: Number 60")
        await press("Enter", to="Number 59")
        await expect(rows.first).to_have_accessible_name("Number 59")

        # Followed, which is read; the menu marks it unread again.
        await press("Enter", to="Number 59")
        await expect(page.get_by_role("button", name="Mark as unread: Number 59")).to_be_attached()
        await press("Tab", "Tab", "Tab", to="More options: Number 59")
        await press("Enter", to="Mark as unread")
        assert await axe_violations(page) == []
        await press("Enter", to="More options: Number 59")

        # Snoozed until a time that is typed.
        await press("Enter", to="Mark as read")
        await press("s", to="Snooze")
        await press("ArrowRight", to="Back")
        await press("p", to="Pick a time…")
        await press("ArrowRight", to="Snooze until")
        when = datetime.now(UTC).replace(hour=22, minute=15, second=0, microsecond=0) + timedelta(days=3)
        await page.keyboard.type(when.strftime("%m%d%Y%I%M%p"))
        await press("Enter", to="Number 58")
        await expect(rows.first).to_have_accessible_name("Number 58")
        await town.has("kay", "snoozed", Number_59=False)
        (snoozed,) = (await town.call("GET", "users/kay/inbox?status=snoozed"))["items"]
        assert datetime.fromisoformat(snoozed["snoozed_until"]) == when

        # Muted, and not.
        async def muted() -> Any:
            return (await town.call("GET", "users/kay/preferences"))["categories"].get("news", {}).get("enabled")

        await press("Tab", "Tab", "Tab", to="More options: Number 58")
        await press("Enter", to="Mark as read")
        await press("End", "ArrowUp", to="Mute “News”")
        await press("Enter", to="Undo")
        assert await muted() is False
        await press("Enter", to="More options: Number 58")
        async with asyncio.timeout(10):
            while await muted() is False:
                await asyncio.sleep(0.05)
        await press("Enter", to="Mark as read")
        await press("Escape", to="More options: Number 58")
        # Deleted, which asks once more.
        await press("Enter", to="Mark as read")
        await press("End", to="Delete")
        await press("Enter", to="Back")
        await press("ArrowDown", to="Delete")
        await press("Enter", to="Number 57")

        # Older ones come with the end of the list.
        await page.keyboard.press("End")
        await expect(rows).to_have_count(57)
        await press("End", to="Number 1")
        await press("Control+End", to="That’s everything")

        # Out of the list at its upper end, and all is read.
        await press("Shift+Tab", "Control+Home", to="All")
        await press("Shift+Tab", "Shift+Tab", to="Mark all as read")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("button", name="Notifications", exact=True)).to_be_visible()
        assert await focused(page) == "Mark all as read"

        # What one wants to get, and back.
        await press("Tab", to="Preferences")
        await press("Enter", to="Back")
        settings = page.get_by_role("dialog", name="Preferences")
        await expect(settings.get_by_role("switch", name="Everything else: Push")).to_be_checked()
        await press("Tab", to="1 hour")
        await press("Enter", to="Resume")
        await press("Enter", to="1 hour")
        await walk("Tab", to="Everything else: Push")
        await press("Space", to="Everything else: Push")
        await expect(settings.get_by_role("switch", name="Everything else: Push")).not_to_be_checked()
        await walk("Tab", to="Quiet hours")
        await press("Space", to="Quiet hours")
        await expect(settings.get_by_role("group", name="Quiet hours")).to_be_visible()
        await walk("Shift+Tab", to="Back")
        await press("Enter", to="Preferences")
        await press("Escape", to="Notifications")
        await expect(dialog).to_be_hidden()
        await page.keyboard.press("Space")
        await expect(dialog).to_be_focused()
        await press("Shift+Tab", to="Notifications")
        await page.keyboard.press("Enter")
        await expect(dialog).to_be_hidden()
        assert await focused(page) == "Notifications"
        await press("Tab", to="After")


async def weigh(page: Page) -> dict[str, float]:
    """What is held after everything that nobody holds is gone: nodes and listeners, and bytes of the heap."""
    cdp = await page.context.new_cdp_session(page)
    for _ in range(2):  # what waits for a finalizer goes with the next one
        await cdp.send("HeapProfiler.collectGarbage")
    counters = await cdp.send("Memory.getDOMCounters")
    heap = await cdp.send("Runtime.getHeapUsage")
    await cdp.detach()
    return {**counters, "heap": heap["usedSize"]}


async def test_memory_stays_flat_over_ten_thousand_arrivals_and_a_hundred_elements_that_come_and_go(
    browser: Browser, stage: Site
) -> None:
    body = "<hub-inbox></hub-inbox><div id='place'></div>"
    flood = """async (count) => {
      for (let at = 0; at < count; at += 200) {
        arrive(200);
        await new Promise(requestAnimationFrame);
      }
    }"""
    # All elements, as a page of an application puts them up and takes them away.
    come_and_go = """async (count) => {
      for (let at = 0; at < count; at += 1) {
        const all = ["inbox", "bell", "feed", "toasts", "preferences"].map((name) => {
          const one = document.createElement(`hub-${name}`);
          one.store = store;
          return one;
        });
        place.replaceChildren(...all);
        all[0].open = true;
        await new Promise(requestAnimationFrame);
      }
      place.replaceChildren();
    }"""

    def is_flat(before: dict[str, float], after: dict[str, float]) -> None:
        # Rows of all items would be hundreds of thousands of nodes, and what five hundred elements hold, megabytes.
        assert after["nodes"] < before["nodes"] + 200, (before, after)
        assert after["jsEventListeners"] < before["jsEventListeners"] + 50, (before, after)
        assert after["heap"] < before["heap"] + 2_000_000, (before, after)

    async with page_with(browser, stage, body, "size=5") as tab:
        page = tab.page
        rows = page.get_by_role("article")
        await page.locator("hub-inbox").get_by_role("button").first.click()
        await expect(rows).to_have_count(5)
        await page.evaluate(come_and_go, 10)
        before = await weigh(page)
        await page.evaluate(come_and_go, 100)
        is_flat(before, await weigh(page))
        await page.evaluate(flood, 1000)
        await expect(rows).to_have_count(50)
        before = await weigh(page)
        await page.evaluate(flood, 10_000)
        await expect(rows.first).to_have_accessible_name("Number 11005")
        is_flat(before, await weigh(page))


async def test_panel_menu_and_toasts_are_accessible_in_the_dark_from_right_to_left(
    browser: Browser, stage: Site
) -> None:
    stage.language, stage.direction = "ar", "rtl"
    body = "<hub-inbox title-badge></hub-inbox><hub-toasts></hub-toasts>"
    async with page_with(browser, stage, body, "size=3", color_scheme="dark") as tab:
        stage.language, stage.direction = "en", "ltr"
        page = tab.page
        toasts = page.locator("hub-toasts")
        await expect(page.get_by_role("button", name="الإشعارات")).to_be_visible()
        await until(page, "document.querySelector('hub-toasts').shadowRoot.querySelector('[popover]') !== null")
        await page.evaluate("arrive(1, { title: 'Fire', priority: 'critical', image_url: '/widget/hub-inbox.js' })")
        await page.evaluate("arrive(2, { title: 'مرحبا', body: 'A line of Latin, and its full stop.' })")
        await expect(toasts.locator("[part=toast]")).to_have_count(3)
        assert await axe_violations(page) == []
        box = await toasts.locator("[part=toast]").first.bounding_box()
        assert box is not None
        assert box["x"] < 40, "at the end of the line, which is the left one"
        await page.locator("hub-inbox").get_by_role("button").first.click()
        panel = page.locator("hub-inbox").get_by_role("dialog")
        await panel.get_by_role("article", name="Fire").locator("[part=more]").press("Enter")
        menu = panel.get_by_role("menu")
        await expect(menu.get_by_role("menuitem").first).to_be_focused()
        assert await axe_violations(page) == []
        # Inwards is to the left here.
        first = await menu.get_attribute("aria-label")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("ArrowLeft")
        await expect(menu).not_to_have_accessible_name(first or "")
        await page.keyboard.press("ArrowRight")
        await expect(menu).to_have_accessible_name(first or "")
        await page.keyboard.press("Escape")
        await expect(menu).to_have_count(0)
