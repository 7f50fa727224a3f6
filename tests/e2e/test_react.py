"""The React hooks in a real browser, with React as it is published, under StrictMode."""

from __future__ import annotations

import asyncio
import subprocess

from playwright.async_api import expect

from hub.runtime import Hub
from tests.support.browser import chromium
from tests.support.gateway import issue, publish, running_gateway, until
from tests.support.system import ROOT

WIDGET = ROOT / "web-widget"
BUILD = [
    "node_modules/.bin/esbuild", "test/consumer/page.jsx", "--bundle", "--format=esm", "--jsx=automatic",
    '--define:process.env.NODE_ENV="development"', "--log-level=error",
]  # fmt: skip

START = "token => { window.token = token; document.body.replaceChildren(document.createElement('main')); }"


async def test_hooks_show_what_is_there_and_what_comes(hub: Hub, project_id: int) -> None:
    bundle = await asyncio.to_thread(subprocess.run, BUILD, cwd=WIDGET, check=True, capture_output=True, text=True)
    text = await issue(hub, project_id)
    for number in range(60):
        await publish(hub, project_id, title=f"n{number}", tags=["t"] if number < 2 else [])

    async with running_gateway(hub) as gateway, chromium() as browser:
        page = await browser.new_page()
        mishaps: list[str] = []
        page.on("pageerror", lambda error: mishaps.append(str(error)))
        page.on(
            "console", lambda said: mishaps.append(f"{said.text} {said.location}") if said.type == "error" else None
        )
        await page.route("**/favicon.ico", lambda route: route.fulfill(status=204))
        await page.goto(f"{gateway.url}/healthz")  # any page of the gateway's origin
        await page.evaluate(START, text)
        await page.add_script_tag(content=bundle.stdout, type="module")
        main, other, counts = page.locator("#main"), page.locator("#other"), page.locator("#counts")

        await expect(counts).to_have_text("60 of 60")
        await expect(main.locator("li")).to_have_count(50)
        await expect(main).to_have_attribute("data-status", "live")
        await main.get_by_text("Older").click()
        await expect(main.locator("li")).to_have_count(60)
        await expect(main.get_by_text("Older")).to_have_count(0)

        await publish(hub, project_id, title="fresh", tags=["t"])
        await expect(main.locator("li").first).to_have_text("fresh")
        await expect(counts).to_have_text("61 of 61")
        assert sorted(await page.evaluate("page.arrived")) == ["main fresh", "other fresh"], (
            "once each, StrictMode or not"
        )

        await main.locator("li").first.click()
        await expect(main.locator("li").first).to_have_class("read")
        await expect(counts).to_have_text("60 of 61")
        await expect(other.locator("li").first).to_have_text("n59")
        await page.click("#tagged")
        await expect(main.locator("li")).to_have_text(["fresh", "n1", "n0"])
        await main.get_by_text("All").click()
        await expect(counts).to_have_text("58 of 61")

        email = page.get_by_label("email")
        await expect(email).to_be_checked()
        await email.click()
        await expect(email).not_to_be_checked()
        await expect(counts).to_have_text("58 of 61")

        assert await page.evaluate("page.stores.size") == 1, "one store for all of a provider"
        assert len(gateway.board.connections) == 1
        await page.evaluate("page.root.unmount()")
        await until(lambda: not gateway.board.connections)
        assert mishaps == []
