"""The pages behind a mail's links in a real browser: by keyboard, by axe, in both schemes, on a narrow screen."""

from __future__ import annotations

from typing import Literal
from uuid import uuid4

import pytest
from playwright.async_api import Page, expect

from hub.publish.mail_links import preferences_token, preferences_url, unsubscribe_token, unsubscribe_url
from hub.runtime import Hub
from hub.store.inbox import open_inbox
from tests.e2e.test_widget import axe_violations
from tests.support.browser import WATCH_POLICY, chromium
from tests.support.deliveries import put_category
from tests.support.gateway import running_gateway

HOSTILE = '"><img src=x onerror="document.title=\'x\'"> a-name-that-does-not-end-' + "x" * 120


async def is_well(page: Page) -> None:
    """Nothing that axe or the page's own policy minds, and nothing that stands out at the side."""
    assert await page.evaluate("violations") == []
    width = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1]
    assert await axe_violations(page) == []


@pytest.mark.parametrize(
    ("scheme", "width", "locale"),
    [("light", 320, "ar"), ("dark", 1100, "en")],
    ids=["narrow, light, RTL", "wide, dark"],
)
async def test_unsubscribing_and_choosing_by_keyboard_and_by_axe(
    hub: Hub, project_id: int, scheme: Literal["light", "dark"], width: int, locale: str
) -> None:
    await put_category(hub, project_id, "orders.shipped", description="When a parcel is on its way.")
    await put_category(hub, project_id, "security", default="required")
    await put_category(hub, project_id, HOSTILE, description=HOSTILE)
    head, secret = await open_inbox(hub.db, project_id, "ada"), hub.settings.secret.get_secret_value()
    await hub.db.execute("UPDATE people SET locale = $1", locale)
    async with running_gateway(hub) as gateway, chromium() as browser:
        # axe itself is a script; the pages allow none. What they would block is seen by their own policy's reports.
        context = await browser.new_context(
            viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True, reduced_motion="reduce"
        )
        await context.add_init_script(WATCH_POLICY)
        page = await context.new_page()
        token = unsubscribe_token(secret, project_id, head.person_id, uuid4(), "orders.shipped")
        await page.goto(unsubscribe_url(gateway.url, token))
        await is_well(page)
        button = page.get_by_role("button")
        await page.keyboard.press("Tab")
        await expect(button).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(button).to_have_attribute("value", "undo")
        await is_well(page)
        await page.get_by_role("link").click()
        fieldset = page.locator("fieldset").filter(has=page.get_by_text("Orders shipped"))
        await expect(fieldset.get_by_role("checkbox")).to_have_count(3)
        await expect(fieldset.get_by_role("checkbox").nth(2)).not_to_be_checked()
        await is_well(page)
        await fieldset.get_by_role("checkbox").nth(2).focus()
        await page.keyboard.press("Space")
        await page.get_by_role("combobox").select_option("week")
        await page.get_by_role("button").click()
        await expect(page.get_by_role("status")).to_be_visible()
        await expect(fieldset.get_by_role("checkbox").nth(2)).to_be_checked()
        await is_well(page)
        assert await page.title() != "x"
        await page.goto(preferences_url(gateway.url, preferences_token(secret, project_id, head.person_id)[:-1]))
        await expect(page.get_by_role("heading")).to_have_count(1)
        await is_well(page)


async def test_without_any_script_and_under_its_own_policy_a_page_has_its_style(hub: Hub, project_id: int) -> None:
    head, secret = await open_inbox(hub.db, project_id, "ada"), hub.settings.secret.get_secret_value()
    async with running_gateway(hub) as gateway, chromium() as browser:
        page = await browser.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        await page.goto(preferences_url(gateway.url, preferences_token(secret, project_id, head.person_id)))
        await expect(page.get_by_role("button")).to_have_css("min-height", "44px")
        await page.get_by_role("button").click()
        await expect(page.get_by_role("status")).to_be_visible()
        assert complaints == []
