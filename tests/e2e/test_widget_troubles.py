"""What the elements do where something goes wrong or changes at the wrong moment: modules that do not come, elements
that leave, another person, items that lack something. The hub is scripted (inbox_page.js).
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Route, expect

from tests.e2e.test_widget_states import focused
from tests.support.browser import Tab, device, until
from tests.support.ports import free_port
from tests.support.site import Site, site

SCRIPT = (Path(__file__).parent / "inbox_page.js").read_text("utf-8")
INBOX = "<hub-inbox></hub-inbox>"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop() -> AsyncIterator[Site]:
    async with site(free_port(), "http://127.0.0.1:9", "", "", SCRIPT) as made:
        yield made


@contextlib.asynccontextmanager
async def shown(browser: Browser, shop: Site, body: str = INBOX, without: str = "") -> AsyncIterator[Tab]:
    """A page with three items, at first without the modules of this name; it complains of nothing else."""
    shop.body = f"<main><h1>A shop</h1>{body}</main>"
    async with device(browser, reduced_motion="reduce") as one:
        if without:
            await one.context.route(f"**/{without}.js", refuse)
        tab = await one.open(f"{shop.url}/?size=3")
        await expect(tab.page.get_by_role("button", name="Notifications, 3 unread").first).to_be_visible()
        yield tab
        assert await tab.page.evaluate("violations") == []
        assert [text for text in tab.complaints if "ERR_FAILED" not in text] == []


async def refuse(route: Route) -> None:
    await route.abort()


def token_of(user: str) -> str:
    claims = json.dumps({"sub": user, "aud": "shop", "exp": 4e9}).encode()
    return f"e30.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.signature"


async def test_an_inbox_that_is_closed_while_it_is_away_comes_back_closed(browser: Browser, shop: Site) -> None:
    async with shown(browser, shop) as tab:
        page = tab.page
        bell = page.get_by_role("button", name="Notifications, 3 unread")
        await bell.click()
        await expect(page.get_by_role("article")).to_have_count(3)
        await page.evaluate(
            "(() => { const one = document.querySelector('hub-inbox'), at = one.parentElement;"
            " one.remove(); one.open = false; at.append(one); })()"
        )
        await expect(bell).to_have_attribute("aria-expanded", "false")
        await expect(page.locator("hub-inbox").get_by_role("dialog", include_hidden=True)).to_be_hidden()
        await bell.click()
        await expect(page.get_by_role("dialog")).to_be_focused()
        await expect(page.get_by_role("article")).to_have_count(3)


async def test_a_panel_that_does_not_come_is_said_once_and_one_that_fails_is_made_again(
    browser: Browser, shop: Site
) -> None:
    async with shown(browser, shop, without="hub-feed") as tab:
        page = tab.page
        bell = page.get_by_role("button", name="Notifications, 3 unread")
        await page.evaluate(
            "window.said = 0; new MutationObserver((all) => said += all.length).observe("
            "document.querySelector('hub-inbox').shadowRoot.querySelector('[role=status]'), { childList: true })"
        )
        await bell.click()
        await expect(page.get_by_role("status").filter(has_text="That did not work")).to_have_count(1)
        assert await page.evaluate("said") == 1
        await page.context.unroute("**/hub-feed.js")
        await page.evaluate("document.querySelector('hub-inbox').tabs = 'all'")
        await bell.click()
        await expect(bell).to_have_attribute("aria-expanded", "false")
        await until(page, "said === 2")
        await page.evaluate("document.querySelector('hub-inbox').tabs = [{ status: 'all' }]")
        await bell.click()
        await expect(page.get_by_role("article")).to_have_count(3)


async def test_menu_preferences_and_toasts_that_do_not_come_are_asked_for_again(browser: Browser, shop: Site) -> None:
    body = f"{INBOX}<hub-toasts></hub-toasts><hub-preferences></hub-preferences>"
    # The browser's own word, when nobody has handled a rejection.
    async with shown(browser, shop, body, without="hub-{menu,preferences,toasts,push-prompt}") as tab:
        page = tab.page
        await page.get_by_role("button", name="Notifications, 3 unread").click()
        failed = page.get_by_role("status").filter(has_text="That did not work")
        await page.get_by_role("article").first.hover()
        await page.get_by_role("button", name="More options: Number 3").click()
        await expect(failed).to_have_count(1)
        await page.evaluate("document.querySelector('hub-inbox').speaker.say('')")
        await page.get_by_role("button", name="Preferences").click()
        await expect(failed).to_have_count(1)
        await expect(page.get_by_role("article")).to_have_count(3)
        assert await focused(page) == "Preferences"
        await page.keyboard.press("Escape")
        await page.context.unroute("**/hub-{menu,preferences,toasts,push-prompt}.js")
        await page.evaluate("store.changed()")
        # It made a page of items up where the choices were asked for.
        await expect(page.locator("hub-preferences").get_by_text("could not be loaded")).to_be_visible()
        await expect(page.locator("hub-toasts .toasts")).to_be_attached()


async def test_the_focus_stays_in_the_panel_when_words_change_and_rows_go(browser: Browser, shop: Site) -> None:
    async with shown(browser, shop) as tab:
        page = tab.page
        await page.get_by_role("button", name="Notifications, 3 unread").click()
        await page.keyboard.press("ArrowDown")
        assert await focused(page) == "Number 3"
        await page.evaluate("document.querySelector('hub-inbox').messages = { title: 'News' }")
        panel = page.get_by_role("dialog", name="News")
        await expect(panel).to_be_focused()
        await expect(page.get_by_role("article")).to_have_count(3)
        await page.get_by_role("button", name="Preferences").click()
        await page.evaluate("document.querySelector('hub-inbox').messages = { title: 'Latest' }")
        await expect(page.get_by_role("dialog", name="Latest")).to_be_focused()
        await page.get_by_role("article").first.hover()
        await page.get_by_role("button", name="More options: Number 3").click()
        await expect(page.get_by_role("menuitem").first).to_be_focused()
        await page.evaluate("void store.mark({ action: 'delete', ids: ['i3'] })")
        await expect(page.get_by_role("article")).to_have_count(2)
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("menu")).to_have_count(0)
        await expect(page.get_by_role("dialog", name="Latest")).to_be_focused()


async def test_what_comes_while_the_preferences_are_shown_is_not_seen(browser: Browser, shop: Site) -> None:
    async with shown(browser, shop) as tab:
        page = tab.page
        await page.evaluate(
            "window.seen = []; void store.on('frame', ({ frame }) => frame.type === 'seen' && seen.push(frame.rev))"
        )
        await page.get_by_role("button", name="Notifications, 3 unread").click()
        await until(page, "seen.at(-1) === 3")
        await page.get_by_role("button", name="Preferences").click()
        await expect(page.get_by_role("article")).to_have_count(0)
        await page.evaluate("arrive(1)")
        await expect(page.get_by_role("button", name="Notifications, 4 unread")).to_be_visible()
        assert await page.evaluate("document.querySelector('hub-inbox').reading") is False
        await page.get_by_role("button", name="Back").click()
        await expect(page.get_by_role("article")).to_have_count(4)
        await until(page, "seen.at(-1) === 4")


async def test_an_item_without_category_and_time_stands_among_the_others(browser: Browser, shop: Site) -> None:
    async with shown(browser, shop) as tab:
        page = tab.page
        await page.evaluate("arrive(1, { category: null, created_at: 'soon', actor: { id: '', name: '' } })")
        await page.get_by_role("button", name="Notifications, 4 unread").click()
        await expect(page.get_by_role("article")).to_have_count(4)


async def test_a_language_that_does_not_come_leaves_english_not_the_one_before(browser: Browser, shop: Site) -> None:
    async with shown(browser, shop, without="hub-locale-fr") as tab:
        page = tab.page
        await page.evaluate("document.querySelector('hub-inbox').lang = 'de'")
        await expect(page.get_by_role("button", name="Benachrichtigungen, 3 ungelesen")).to_be_visible()
        await page.evaluate("document.querySelector('hub-inbox').lang = 'fr'")
        await expect(page.get_by_role("button", name="Notifications, 3 unread")).to_be_visible()


async def test_preferences_of_who_signed_out_are_not_left_for_the_next(browser: Browser, shop: Site) -> None:
    async with shown(browser, shop, f"{INBOX}<hub-preferences></hub-preferences>") as tab:
        page = tab.page
        preferences = page.locator("hub-preferences")
        mark = "document.querySelector('hub-preferences').shadowRoot.querySelector('.prefs').title = 'of before'"

        async def sign_in(user: str) -> None:
            await page.evaluate(
                "(token) => { store.stop(); store.token.held = null; window.token = token; store.start(); }",
                token_of(user),
            )
            await until(page, f"store.status === 'live' && store.person.user === '{user}'")

        await expect(preferences.get_by_role("button")).to_be_visible()
        await sign_in("ada")
        await page.evaluate(mark)
        await sign_in("ada")
        await expect(preferences.get_by_title("of before")).to_have_count(1)
        await sign_in("bob")
        await expect(preferences.get_by_title("of before")).to_have_count(0)
        await expect(preferences.get_by_role("button")).to_be_visible()
        await page.evaluate(mark)
        await page.evaluate("store.stop(); store.token.held = null; window.token = ''; store.start()")
        await expect(preferences.get_by_title("of before")).to_have_count(0)


async def test_where_one_of_two_bells_is_hidden_the_other_one_speaks(browser: Browser, shop: Site) -> None:
    async with shown(browser, shop, f"{INBOX}<hub-bell></hub-bell>") as tab:
        page = tab.page
        await page.evaluate("document.querySelector('hub-bell').store = store; arrive(1)")
        said = page.get_by_role("status").filter(has_text="1 new notification")
        await expect(said).to_have_count(1)
        await page.evaluate("document.querySelector('hub-inbox').style.display = 'none'; arrive(1)")
        await expect(page.locator("hub-bell").get_by_role("status")).to_have_text("1 new notification")


async def test_a_toast_that_was_let_go_elsewhere_stays_and_its_link_works(browser: Browser, shop: Site) -> None:
    async with shown(browser, shop, f"{INBOX}<hub-toasts></hub-toasts>") as tab:
        page = tab.page
        await page.evaluate(
            "window.followed = 0; addEventListener('hub-activate', (event) => (followed += 1, event.preventDefault()))"
        )
        await expect(page.locator("hub-toasts .toasts")).to_be_attached()
        await page.evaluate("arrive(1)")
        toast = page.locator("hub-toasts .toast")
        box = await toast.bounding_box()
        assert box
        x, y = box["x"] + 40, box["y"] + 4
        await page.mouse.move(x, y)
        await page.mouse.down()
        await page.mouse.move(x, y - 100)
        await page.mouse.up()
        for step in (0, 30, 60):
            await page.mouse.move(x + step, y)
        assert await toast.evaluate("(one) => one.style.translate") == ""
        # Pulled, and let go too early.
        await page.mouse.down()
        await page.mouse.move(x + 90, y)
        await page.mouse.up()
        assert await toast.evaluate("(one) => one.style.translate") == ""
        await toast.locator(".name").press("Enter")
        await until(page, "followed === 1")
