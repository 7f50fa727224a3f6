"""Chromium for tests: asks nobody outside, runs as root where the tests do, and tells what a page complained about."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Runs before the page's own code: the element's shadow roots report their violations here too.
WATCH_POLICY = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) => violations.push(`${event.violatedDirective} ${event.sample}`));
"""


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


@dataclass
class Tab:
    """A page, and everything it complained about."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    async def is_clean(self) -> None:
        """No violation of the page's policy, no error, no warning."""
        assert await self.page.evaluate("violations") == []
        assert self.complaints == []


@dataclass
class Device:
    """A browser of its own: its tabs share storage, and nothing with other devices."""

    context: BrowserContext

    async def open(self, url: str) -> Tab:
        opened = Tab(await self.context.new_page())
        opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        opened.page.on(
            "console",
            lambda message: opened.complaints.append(message.text) if message.type in ("error", "warning") else None,
        )
        await opened.page.goto(url)
        return opened


@contextlib.asynccontextmanager
async def device(browser: Browser, **options: Any) -> AsyncIterator[Device]:
    context = await browser.new_context(**{"viewport": {"width": 1280, "height": 1000}, **options})
    await context.add_init_script(WATCH_POLICY)
    try:
        yield Device(context)
    finally:
        await context.close()


async def until(page: Page, condition: str) -> None:
    """Waits until an expression of the page is true. Playwright's own way is an `eval`, which policies refuse."""
    async with asyncio.timeout(30):
        while not await page.evaluate(condition):
            await asyncio.sleep(0.02)
