"""What the elements show of an inbox of any size and state: real elements and a real store, the hub scripted behind
WebSocket and fetch (inbox_page.js).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.e2e.test_widget import axe_violations
from tests.support.browser import device
from tests.support.ports import free_port
from tests.support.site import Site, site

SCRIPT = (Path(__file__).parent / "inbox_page.js").read_text("utf-8")
BODY = "<main><h1>A shop</h1><button>Before</button><hub-inbox></hub-inbox><button>After</button></main>"

ROWS = 1000
PAGE = 50  # rows at the top
# Scrolls to the end until there are so many rows: how many there were then, and the most that a frame added.
WALK_DOWN = """async (wanted) => {
  const list = (window.scroller = document.querySelector("hub-inbox").shadowRoot.querySelector("#list"));
  const count = () => list.querySelectorAll("article").length;
  let rows = count();
  let added = 0;
  while (rows < wanted) {
    list.scrollTop = list.scrollHeight;
    await new Promise(requestAnimationFrame);
    added = Math.max(added, count() - rows);
    rows = count();
  }
  return { rows, added };
}"""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop() -> AsyncIterator[Site]:
    async with site(free_port(), "http://127.0.0.1:9", "", "", SCRIPT) as made:
        made.body = BODY
        yield made


async def focused(page: Page) -> str:
    """The name of what has the focus, shadow roots included."""
    return str(
        await page.evaluate(
            "(() => { let at = document.activeElement; while (at.shadowRoot?.activeElement) at ="
            " at.shadowRoot.activeElement; return at.getAttribute('aria-label') || at.textContent.trim() })()"
        )
    )


async def test_every_state_says_what_it_is_and_is_accessible(browser: Browser, shop: Site) -> None:
    async with device(browser, reduced_motion="reduce") as laptop:
        for state, text in (
            ("live", "You’re all caught up"),
            ("loading", "Loading notifications…"),
            ("unreachable", "No connection yet"),
            ("stopped", "Sign in again to see your notifications."),
            ("refused", "This page cannot show your notifications."),
        ):
            tab = await laptop.open(f"{shop.url}/?state={state}&size=0")
            await tab.page.get_by_role("button", name="Notifications", exact=True).click()
            panel = tab.page.get_by_role("dialog", name="Notifications")
            await expect(panel.get_by_text(text)).to_be_attached()
            assert await axe_violations(tab.page) == [], state
            # What a state cannot do by itself, a button does.
            await expect(panel.get_by_role("button", name="Try again")).to_have_count(
                int(state in ("stopped", "refused"))
            )
            await panel.get_by_role("tab", name="Archived").click()
            assert await tab.page.evaluate("violations") == []
            await tab.page.close()


async def test_threads_days_tabs_and_the_line_lost_by_keyboard_from_right_to_left(browser: Browser, shop: Site) -> None:
    shop.direction = "rtl"
    async with device(browser, reduced_motion="reduce", color_scheme="dark") as laptop:
        tab = await laptop.open(f"{shop.url}/?size=4")
        shop.direction = "ltr"
        page = tab.page
        rows = page.get_by_role("article")
        await page.get_by_role("button", name="Notifications, 4 unread").press("Enter")
        await expect(rows).to_have_count(4)
        await page.evaluate("arrive(3, { thread_key: 't', category: 'reviews' })")
        await expect(rows).to_have_count(5)
        await expect(rows.first).to_have_attribute("data-day", "Today")
        await expect(rows.first).to_have_attribute("aria-setsize", "5")
        # Bell → panel; Tab goes in; the arrows go along the tabs the other way round.
        await expect(page.get_by_role("dialog")).to_be_focused()
        for name in ("Mark all as read", "Preferences", "All"):
            await page.keyboard.press("Tab")
            assert await focused(page) == name
        await page.keyboard.press("ArrowLeft")
        await expect(page.get_by_role("tab", name="Unread")).to_be_focused()
        await expect(page.get_by_role("tab", name="Unread")).to_have_attribute("aria-selected", "true")
        await page.keyboard.press("ArrowRight")
        await expect(rows).to_have_count(5)
        await page.keyboard.press("ArrowDown")
        assert await focused(page) == "Number 7"
        await page.keyboard.press("Tab")
        assert await focused(page) == "2 more"
        await page.keyboard.press("Enter")
        await expect(rows).to_have_count(7)
        assert await focused(page) == "Show less"
        await page.keyboard.press("Enter")
        await expect(rows).to_have_count(5)
        for name in ("Mark as read", "Archive", "More options"):
            await page.keyboard.press("Tab")
            assert await focused(page) == f"{name}: Number 7"
        await page.keyboard.press("Enter")
        menu = page.get_by_role("menu")
        await expect(menu).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(menu).to_have_count(0)
        assert await focused(page) == "More options: Number 7"
        # A folded thread is archived as one; the focus goes to the neighbour of what went.
        await page.keyboard.press("Shift+Tab")
        await page.keyboard.press("Enter")
        await expect(rows).to_have_count(4)
        assert await focused(page) == "Number 4"
        await page.keyboard.press("PageDown")
        assert await focused(page) == "Number 3"
        await page.keyboard.press("Control+End")
        assert await focused(page) == "That’s everything"
        await page.keyboard.press("Shift+Tab")
        await page.keyboard.press("Control+Home")
        assert await focused(page) == "All"
        await page.evaluate("cut()")
        await expect(page.get_by_text("Connection lost. Reconnecting…")).to_be_visible()
        assert await axe_violations(page) == []
        # Esc closes and takes the focus back, because it was inside.
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_be_hidden()
        assert (await focused(page)).startswith("Notifications")
        assert await page.evaluate("violations") == []


async def test_the_panel_comes_by_itself_and_a_click_asks_again_where_it_did_not(browser: Browser, shop: Site) -> None:
    async with device(browser, reduced_motion="reduce") as laptop:
        tab = await laptop.open(f"{shop.url}/?size=3")
        # Nobody has asked for it: it is there before the line is lost.
        await expect(tab.page.locator("hub-inbox").get_by_role("dialog", include_hidden=True)).to_have_count(1)
        await laptop.context.route("**/hub-feed.js", lambda route: route.abort())
        tab = await laptop.open(f"{shop.url}/?size=3")
        page = tab.page
        bell = page.get_by_role("button", name="Notifications, 3 unread")
        await bell.click()
        await expect(page.get_by_role("status").filter(has_text="That did not work")).to_have_count(1)
        await expect(bell).to_have_attribute("aria-expanded", "false")
        assert await focused(page) == "Notifications, 3 unread"
        await laptop.context.unroute("**/hub-feed.js")
        await bell.click()
        await expect(page.get_by_role("article")).to_have_count(3)
        await expect(page.get_by_role("dialog")).to_be_focused()


async def test_new_items_wait_above_who_reads_further_down_and_are_announced_once(browser: Browser, shop: Site) -> None:
    async with device(browser, reduced_motion="reduce") as phone:
        tab = await phone.open(f"{shop.url}/?size=60")
        page = tab.page
        await page.set_viewport_size({"width": 400, "height": 700})
        rows = page.get_by_role("article")
        await page.get_by_role("button", name="Notifications, 60 unread").click()
        await expect(rows).to_have_count(50)
        sheet = await page.get_by_role("dialog").bounding_box()
        assert sheet is not None
        assert (sheet["x"], sheet["width"], sheet["y"] + sheet["height"]) == (0, 400, 700), "a sheet"
        await rows.nth(30).scroll_into_view_if_needed()
        await page.evaluate("arrive(2)")
        newer = page.get_by_role("button", name="2 new")
        await expect(newer).to_be_visible()
        await expect(rows.first).to_have_accessible_name("Number 60")
        await expect(page.get_by_role("status").filter(has_text="2 new notifications")).to_have_count(1)
        await newer.press("Enter")
        await expect(rows.first).to_have_accessible_name("Number 62")
        await expect(newer).to_be_hidden()
        assert await focused(page) == "Number 62"
        await page.evaluate("arrive(1, { priority: 'critical', title: 'Fire' })")
        await expect(page.get_by_role("alert")).to_have_text("Critical: Fire")
        await page.get_by_role("button", name="Close", exact=True).click()
        await expect(page.get_by_role("dialog")).to_be_hidden()
        await tab.is_clean()


async def test_ten_thousand_items_are_drawn_by_and_by_and_leave_no_rows_behind(browser: Browser, shop: Site) -> None:
    async with device(browser, reduced_motion="reduce") as laptop:
        tab = await laptop.open(f"{shop.url}/?size=10000")
        page = tab.page
        rows = page.get_by_role("article")
        await page.locator("hub-inbox").get_by_role("button").first.click()
        await expect(rows).to_have_count(50)
        seen = await page.evaluate(WALK_DOWN, ROWS)
        # What a frame does is bounded, so that none becomes a long task.
        assert seen["rows"] >= ROWS
        assert seen["added"] <= 12
        # To the top, and to the end while rows are being taken away: what comes after those that stay is built again.
        await page.evaluate(
            "(async () => { scroller.scrollTop = 0; for (let frame = 0; frame < 3; frame += 1)"
            " await new Promise(requestAnimationFrame); scroller.scrollTop = scroller.scrollHeight; })()"
        )
        await expect(rows).to_have_count(2 * PAGE)
        # Back at the top only the newest have rows, however many come.
        await page.evaluate("scroller.scrollTop = 0")
        await expect(rows).to_have_count(50)
        await page.evaluate("arrive(1000)")
        await expect(rows.first).to_have_accessible_name("Number 11000")
        await expect(rows).to_have_count(50)
        # Elements that come and go leave nothing behind.
        await page.evaluate(
            "(() => { const one = document.querySelector('hub-inbox'); const place = one.parentElement;"
            " for (let at = 0; at < 100; at += 1) { one.remove(); place.append(one); } })()"
        )
        await expect(rows).to_have_count(50)
        await tab.is_clean()
