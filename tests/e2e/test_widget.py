"""The client, the element and the demo in a real browser, against a real `hub dev`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, Locator, Page, expect

from tests.support import browser as browser_tabs
from tests.support.hub_dev import HubDev, hub_dev
from tests.support.ports import free_port
from tests.support.system import ROOT

HEADERS = {"Authorization": "Bearer hk_dev"}
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def publish(url: str, **body: Any) -> None:
    """To ada, unless the body says otherwise."""
    async with (
        aiohttp.ClientSession(headers=HEADERS) as session,
        session.post(f"{url}/v1/notifications", json={"recipients": ["ada"], **body}) as answer,
    ):
        assert answer.status == 202, await answer.text()


@dataclass
class Place:
    """A `hub dev` that can be ended and started again on the same data and port."""

    directory: Path
    stack: contextlib.AsyncExitStack
    hub: HubDev

    @property
    def url(self) -> str:
        return self.hub.url

    async def stop(self) -> None:
        await self.stack.aclose()

    async def start(self) -> None:
        port = urlsplit(self.url).port
        self.hub = await self.stack.enter_async_context(hub_dev(self.directory, "--port", str(port)))

    async def publish(self, **body: Any) -> None:
        await publish(self.url, **body)

    async def inbox(self, user: str) -> list[dict[str, Any]]:
        async with (
            aiohttp.ClientSession(headers=HEADERS) as session,
            session.get(f"{self.url}/v1/users/{user}/inbox") as answer,
        ):
            assert answer.status == 200, await answer.text()
            return list((await answer.json())["items"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    directory = tmp_path_factory.mktemp("dev")
    async with contextlib.AsyncExitStack() as stack:
        yield Place(directory, stack, await stack.enter_async_context(hub_dev(directory)))


class Tab(browser_tabs.Tab):
    """One that shows the demo."""

    def screen(self, name: str) -> Locator:
        """One person's screen."""
        return self.page.locator("article.screen").filter(has=self.page.get_by_role("heading", name=name, exact=True))

    def rows(self, name: str) -> Locator:
        return self.screen(name).get_by_role("article")


@contextlib.asynccontextmanager
async def tab(browser: Browser, url: str, **options: Any) -> AsyncIterator[Tab]:
    # High enough for the whole demo: a click that scrolls would leave what arrives afterwards behind the pill "1 new".
    async with browser_tabs.device(browser, **{"viewport": {"width": 1280, "height": 2000}, **options}) as one:
        opened = await one.open(url)
        yield Tab(opened.page, opened.complaints)


async def is_live(screen: Locator, words: str = "live") -> None:
    await expect(screen.locator(".status")).to_contain_text(words, timeout=15_000)


async def test_a_publish_reaches_every_screen_and_a_mark_every_other(browser: Browser, place: Place) -> None:
    async with tab(browser, place.url) as demo, tab(browser, f"{place.url}/?people=ada") as phone:
        for screen in (demo.screen("Ada"), demo.screen("Grace"), phone.screen("Ada")):
            await is_live(screen)

        await demo.page.get_by_role("button", name="Build", exact=True).click()
        await demo.page.get_by_role("button", name="Send", exact=True).click()
        for rows in (demo.rows("Ada"), demo.rows("Grace"), phone.rows("Ada")):
            await expect(rows).to_have_count(1)
            await expect(rows.first).to_contain_text("main is red")
        await expect(demo.page.locator("output")).to_contain_text("202 in")
        await expect(demo.page.locator("output")).to_contain_text("Grace")
        await expect(demo.screen("Ada").get_by_role("button", name="Notifications, 1 unread")).to_be_visible()

        # The panel is open on a visible page, so the item was seen; that is the hub's truth, not this page's.
        async with asyncio.timeout(10):
            while not all(item["seen_at"] for item in await place.inbox("ada")):
                await asyncio.sleep(0.05)
        assert [item["read_at"] for item in await place.inbox("ada")] == [None]

        await phone.rows("Ada").first.get_by_role("button", name="Mark as read").click()
        await expect(demo.screen("Ada").get_by_role("button", name="Notifications", exact=True)).to_be_visible()
        await expect(demo.screen("Grace").get_by_role("button", name="Notifications, 1 unread")).to_be_visible()

        # The same collapse key while it is unread: replaced for Grace, and beside the read one for Ada.
        await demo.page.get_by_role("button", name="Send", exact=True).click()
        await expect(demo.rows("Ada")).to_have_count(2)
        await expect(demo.rows("Grace")).to_have_count(1)
        await demo.screen("Ada").get_by_role("button", name="Mark all as read").click()
        await expect(phone.screen("Ada").get_by_role("button", name="Notifications", exact=True)).to_be_visible()

        wire = demo.page.get_by_label("Frames, newest first")
        for frame in ("hello", "welcome", "POST /notifications", "202", "item", "update", "ack", "seen", "mark", "ok"):
            await expect(wire.locator("summary .type", has_text=frame).first).to_be_attached()
        await demo.page.get_by_role("button", name="Pause", exact=True).click()  # or a new frame moves what is clicked
        await wire.locator("summary", has_text="main is red").first.click()
        await expect(wire.locator("pre").first).to_contain_text('"main is red"')
        assert "eyJ" not in await wire.inner_text(), "a token is on the screen"
        await demo.is_clean()
        await phone.is_clean()


async def test_a_hub_that_was_away_is_resumed_with_nothing_missing(browser: Browser, place: Place) -> None:
    async with tab(browser, f"{place.url}/?people=edsger,barbara") as demo:
        for name in ("Edsger", "barbara"):
            await is_live(demo.screen(name))
        await place.publish(recipients=["edsger", "barbara"], title="before")
        await expect(demo.rows("Edsger")).to_have_count(1)
        # barbara's line is cut by hand; edsger loses the hub itself.
        await demo.screen("barbara").get_by_role("button", name="Cut line").click()
        await is_live(demo.screen("barbara"), "line cut")
        await place.publish(recipients=["barbara"], title="while the line was cut")
        await place.stop()
        await is_live(demo.screen("Edsger"), "connecting…")
        await place.start()
        for number in range(3):
            await place.publish(recipients=["edsger", "barbara"], title=f"after {number}")
        await is_live(demo.screen("Edsger"))
        await demo.screen("barbara").get_by_role("button", name="Plug in").click()
        for name, missed in (("Edsger", []), ("barbara", ["while the line was cut"])):
            titles = ["after 2", "after 1", "after 0", *missed, "before"]
            await expect(demo.rows(name).locator(".title")).to_have_text(titles)
        shown = demo.page.get_by_label("Frames, newest first").locator("summary", has_text="resume from a cursor")
        assert await shown.count() >= 2
        assert await demo.page.evaluate("violations") == []


@contextlib.asynccontextmanager
async def without_websockets(port: int) -> AsyncIterator[int]:
    """A proxy of the kind that knows no WebSocket: it lets every request through but an upgrade, and gives its port."""

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        sink.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            head = await reader.readuntil(b"\r\n\r\n")
            if b"upgrade: websocket" in head.lower():
                writer.write(b"HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
                writer.close()
                return
            upstream_reader, upstream = await asyncio.open_connection("127.0.0.1", port)
            upstream.write(head)
            await asyncio.gather(pump(reader, upstream), pump(upstream_reader, writer))

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def test_sse_and_rest_carry_it_all_where_websockets_are_blocked(browser: Browser, place: Place) -> None:
    async with (
        without_websockets(urlsplit(place.url).port or 0) as port,
        tab(browser, f"http://127.0.0.1:{port}/?people=ken") as blocked,
        tab(browser, f"{place.url}/?people=ken") as other,
    ):
        await is_live(blocked.screen("ken"), "live over SSE")
        await is_live(other.screen("ken"))
        await place.publish(recipients=["ken"], title="over SSE")
        await expect(blocked.rows("ken").locator(".title")).to_have_text(["over SSE"])
        await blocked.rows("ken").first.get_by_role("button", name="Mark as read").click()
        await expect(other.screen("ken").get_by_role("button", name="Notifications", exact=True)).to_be_visible()
        async with asyncio.timeout(10):
            while not all(item["seen_at"] and item["read_at"] for item in await place.inbox("ken")):
                await asyncio.sleep(0.05)
        await place.publish(recipients=["ken"], title="still over SSE")
        await expect(blocked.rows("ken")).to_have_count(2, timeout=15_000)
        assert await blocked.page.evaluate("violations") == []


PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A shop</title></head><body>
<hub-inbox hub="{hub}" theme="dark" badge="unseen"></hub-inbox>
<script type="module" src="/page.js"></script></body></html>"""
# The property is set before the element is defined, as it is where the widget's module comes late.
SCRIPT = """
document.querySelector("hub-inbox").getToken = async () => (await fetch("/token")).text();
addEventListener("hub-activate", (event) => {{ event.preventDefault(); document.title = event.detail.item.title; }});
await import("{hub}/widget/hub-inbox.js");
"""
POLICY = (
    "default-src 'none'; script-src 'self' {hub}; style-src 'self'; connect-src 'self' {hub} {socket}; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)


@contextlib.asynccontextmanager
async def shop(hub_url: str, port: int) -> AsyncIterator[None]:
    """Somebody's own page and backend, on another origin and under a strict policy."""

    async def page(_: web.Request) -> web.Response:
        policy = POLICY.format(hub=hub_url, socket=hub_url.replace("http", "ws"))
        headers = {"Content-Security-Policy": policy}
        return web.Response(text=PAGE.format(hub=hub_url), content_type="text/html", headers=headers)

    async def script(_: web.Request) -> web.Response:
        return web.Response(text=SCRIPT.format(hub=hub_url), content_type="text/javascript")

    async def token(_: web.Request) -> web.Response:
        async with (
            aiohttp.ClientSession(headers=HEADERS) as session,
            session.post(f"{hub_url}/v1/users/ada/tokens", json={}) as answer,
        ):
            return web.Response(text=(await answer.json())["token"])

    app = web.Application()
    app.add_routes([web.get("/", page), web.get("/page.js", script), web.get("/token", token)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield
    finally:
        await runner.cleanup()


async def test_a_page_of_another_origin_under_a_strict_policy(browser: Browser, tmp_path: Path) -> None:
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    async with (
        hub_dev(tmp_path, HUB_ALLOWED_ORIGINS=origin) as hub,
        shop(hub.url, port),
        tab(browser, origin, color_scheme="light") as opened,
    ):
        page = opened.page
        await expect(page.get_by_role("button", name="Notifications", exact=True)).to_be_visible()
        await publish(hub.url, title="From another origin", action_url="https://example.com/never")
        await page.get_by_role("button", name="Notifications, 1 unread").click()
        panel = page.get_by_role("dialog", name="Notifications")
        assert await panel.evaluate("(one) => getComputedStyle(one).backgroundColor") == "rgb(26, 28, 32)", (
            "styled, dark"
        )
        # Opening it is seeing it: this badge counts what was not seen.
        await expect(page.get_by_role("button", name="Notifications", exact=True)).to_be_visible()
        await panel.get_by_role("link", name="From another origin").click()
        assert await page.title() == "From another origin", "the page chose not to follow the link"
        await expect(panel.get_by_role("button", name="Mark as unread")).to_be_visible()
        # Behind the page's back: the SSE of the same client, by fetch, with a preflight.
        await page.evaluate(
            "() => new Promise((resolve) => {"
            "  const { store } = document.querySelector('hub-inbox');"
            "  store.on('state', ({ status, transport }) => status === 'live' && transport === 'sse' && resolve());"
            "  store.use('sse');"
            "})"
        )
        await publish(hub.url, title="Over SSE")
        await expect(panel.get_by_role("article")).to_have_count(2)
        await opened.is_clean()


async def test_a_page_whose_origin_is_refused_does_not_ask_to_sign_in(browser: Browser, place: Place) -> None:
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    async with shop(place.url, port), tab(browser, origin) as opened:
        await opened.page.get_by_role("button", name="Notifications").click()
        await expect(opened.page.get_by_text("This page cannot show your notifications.")).to_be_visible()
        await expect(opened.page.get_by_text("Sign in")).to_have_count(0)
        assert any(f"{origin} is not among HUB_ALLOWED_ORIGINS." in text for text in opened.complaints)


async def test_the_header_of_a_narrow_panel_keeps_to_one_line(browser: Browser, place: Place) -> None:
    await place.publish(recipients=["ira"], title="One")
    async with tab(browser, f"{place.url}/?people=ira") as demo:
        await is_live(demo.screen("ira"))
        await demo.page.evaluate(
            "document.querySelector('hub-inbox').attributeStyleMap.set('--hub-panel-width', '280px')"
        )
        heights = await demo.page.evaluate(
            "['h2', '.tabs', '.all'].map((one) =>"
            " document.querySelector('hub-inbox').shadowRoot.querySelector(one).offsetHeight)"
        )
        assert max(heights) <= 40, heights
        assert await demo.page.evaluate(
            "(({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth)"
            "(document.querySelector('hub-inbox').shadowRoot.querySelector('header'))"
        )


async def test_the_inbox_by_keyboard_by_axe_and_with_hostile_content(browser: Browser, place: Place) -> None:
    hostile = '<img src=x onerror="document.title = 1">'
    for number in range(52):
        await place.publish(recipients=["lin"], title=f"Number {number}", dedupe_key=f"lin-{number}")
    await place.publish(
        recipients=["lin"],
        title=hostile,
        body="<script>document.title = 1</script>",
        priority="critical",
        action_url="https://example.com/ok",
        actions=[{"id": "open", "label": "Open <b>it</b>", "url": "https://example.com/open"}],
    )
    async with tab(browser, f"{place.url}/?people=lin", reduced_motion="reduce") as demo:
        page = demo.page
        await is_live(demo.screen("lin"))
        await expect(demo.rows("lin")).to_have_count(50)
        first = demo.rows("lin").first
        await expect(first.locator("a.title")).to_have_text(hostile)
        await expect(first.locator(".urgent")).to_have_text("Critical")
        await expect(first.locator(".body")).to_have_text("<script>document.title = 1</script>")
        await expect(first.locator("a.action")).to_have_text("Open <b>it</b>")
        await expect(first.locator("a.title")).to_have_attribute("rel", "noopener")
        await demo.rows("lin").last.scroll_into_view_if_needed()  # older ones come by themselves
        await expect(demo.rows("lin")).to_have_count(53)

        # As a bell in a page: a click elsewhere and Esc close it, the focus returns, the arrows go from row to row.
        await page.evaluate("document.querySelector('hub-inbox').removeAttribute('keep-open')")
        bell = page.get_by_role("button", name="Notifications, 53 unread")
        panel = page.get_by_role("dialog", name="Notifications")
        await expect(panel).to_be_visible()
        await page.get_by_role("heading", name="Publish").click()
        await expect(panel).to_be_hidden()
        await expect(bell).to_have_attribute("aria-expanded", "false")
        await bell.click()
        await expect(panel).to_be_focused()
        await page.keyboard.press("ArrowDown")
        await expect(first.locator(".title")).to_be_focused()
        await page.keyboard.press("End")
        await expect(demo.rows("lin")).to_have_count(53)  # the end of what was drawn; its place brings the rest
        await page.keyboard.press("End")
        await expect(demo.rows("lin").last.locator(".title")).to_be_focused()
        await page.keyboard.press("Home")
        await page.keyboard.press("ArrowDown")
        await expect(demo.rows("lin").nth(1).locator(".title")).to_be_focused()
        await page.keyboard.press("Enter")  # it has no link: following it is reading it
        await expect(page.get_by_role("button", name="Notifications, 52 unread")).to_be_visible()
        await expect(demo.rows("lin").nth(1).locator(".title")).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(panel).to_be_hidden()
        await expect(page.get_by_role("button", name="Notifications, 52 unread")).to_be_focused()

        await page.keyboard.press("Enter")
        await page.mouse.wheel(0, -5000)
        # A title is as large as its row, by a pseudo-element that has no box of its own to ask for.
        small = await panel.locator("button:not(.title), a.action").evaluate_all(
            "(all) => all.filter((one) => one.checkVisibility()).map((one) => one.getBoundingClientRect())"
            ".filter((box) => box.width < 24 || box.height < 24).length"
        )
        assert small == 0, "targets are at least 24 by 24 CSS pixels"
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            assert await axe_violations(page) == []
        assert await page.title() == "Notification hub · demo"
        await demo.is_clean()


async def axe_violations(page: Page) -> list[str]:
    """What axe-core finds wrong with the whole page, shadow roots included."""
    await page.evaluate((ROOT / "web-widget/node_modules/axe-core/axe.min.js").read_text("utf-8"))
    found = await page.evaluate("axe.run()")
    return [
        f"{one['id']}: {one['nodes'][0]['html']} {one['nodes'][0]['failureSummary']}" for one in found["violations"]
    ]
