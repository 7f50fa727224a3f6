"""Pictures of the demo for the README: `python -m tests.e2e.widget_pictures` (prettier with fonts-inter)."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Literal

import aiohttp
from playwright.async_api import Browser, expect

from tests.e2e.test_widget import HEADERS, is_live, tab
from tests.support.browser import chromium
from tests.support.hub_dev import hub_dev
from tests.support.system import ROOT

IMAGES = ROOT / "docs" / "images"
HEIGHT = 1180


async def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    async with chromium() as browser:
        for scheme in ("light", "dark"):
            with tempfile.TemporaryDirectory() as directory:
                path = IMAGES / f"demo-{scheme}.png"
                await take(browser, Path(directory), scheme, path)
                sys.stdout.write(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1024} KiB\n")


async def take(browser: Browser, directory: Path, scheme: Literal["light", "dark"], path: Path) -> None:
    """One picture, of a hub of its own, after some traffic that shows what there is."""
    async with hub_dev(directory, "--port", "8000") as hub, tab(browser, hub.url, color_scheme=scheme) as demo:
        page = demo.page
        await page.set_viewport_size({"width": 1280, "height": HEIGHT})
        for name in ("Ada", "Grace"):
            await is_live(demo.screen(name))
        async with (
            aiohttp.ClientSession(headers=HEADERS) as session,
            session.put(f"{hub.url}/v1/categories/billing", json={}) as answer,
        ):
            assert answer.ok, await answer.text()
        for example, to in (
            ("Comment", "Grace"),
            ("Everyone", None),
            ("Comment", "Ada"),
            ("Build", None),
            ("Order", None),
        ):
            await page.get_by_role("button", name=example, exact=True).click()
            if to is not None:
                await page.get_by_role("checkbox", name="Grace" if to == "Ada" else "Ada").uncheck()
            before = await page.locator("output").inner_text()
            await page.get_by_role("button", name="Send", exact=True).click()
            await expect(page.locator("output")).not_to_have_text(before)
            await expect(page.locator("output .hop")).to_have_count(2 if to else 3)
            await page.wait_for_timeout(1200)  # the receipts of this one, before the next
        maintenance = demo.rows("Ada").filter(has_text="Maintenance")
        await maintenance.get_by_role("button", name="Mark as read").click()
        await expect(demo.screen("Ada").get_by_role("button", name="Notifications, 3 unread")).to_be_visible()
        await page.get_by_role("heading", name="Publish").click()
        await page.get_by_role("button", name="Order", exact=True).click()
        await page.get_by_label("Title").fill("Invoice 2041 is paid")
        await page.get_by_label("Body").fill("Thank you. The receipt is in your mailbox.")
        await page.get_by_label("Category").fill("billing")
        await page.get_by_label("Action URL").fill("")
        await page.get_by_role("button", name="Send", exact=True).click()
        await expect(demo.rows("Grace")).to_have_count(5)
        await page.wait_for_timeout(1600)
        await page.mouse.move(5, 5)
        await page.evaluate("document.activeElement.blur()")
        await page.screenshot(path=path)


if __name__ == "__main__":
    asyncio.run(main())
