"""Pictures of the widget's states for the documentation: `make pictures` (prettier with fonts-inter).

One sheet per scheme and width, of a real hub under the strict policy of `tests.support.site`. Each picture has a person
of its own, so that none changes what another shows, and the clock of all of them stands still.
"""

from __future__ import annotations

import asyncio
import base64
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import aiohttp
import asyncpg
from playwright.async_api import Browser, Page, ViewportSize, WebSocketRoute, expect

from hub.local.running import find_running
from tests.e2e.test_widget import HEADERS, publish
from tests.support.browser import Device, chromium, device
from tests.support.hub_dev import HubDev, hub_dev
from tests.support.ports import free_port
from tests.support.site import Site, site
from tests.support.system import ROOT

IMAGES = ROOT / "docs" / "images"
SCRIPT = (Path(__file__).parent / "picture_page.js").read_text("utf-8")
BERLIN = ZoneInfo("Europe/Berlin")
STYLE = """
:root { color-scheme: light dark; font-family: Inter, system-ui, sans-serif; background: light-dark(#f3f4f6, #0e0f12); }
body { margin: 0; }
body > header { display: flex; align-items: center; gap: 20px; height: 56px; padding-inline: 20px 12px;
  background: light-dark(#fff, #16181c); border-block-end: 1px solid light-dark(#e4e5e9, #26292f); font-size: 14px; }
body > header strong { flex: 1; font-size: 15px; }
main { display: grid; gap: 14px; padding: 24px 20px; }
main:not(:has(*)) { background: linear-gradient(light-dark(#e6e8ec, #1a1c21) 0 0) 20px 24px / 190px 14px no-repeat,
  linear-gradient(light-dark(#e6e8ec, #1a1c21) 0 0) 20px 56px / 88% 90px no-repeat,
  linear-gradient(light-dark(#e6e8ec, #1a1c21) 0 0) 20px 164px / 88% 90px no-repeat; height: 400px; }
hub-feed { height: 560px; }
"""
PARCEL = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 44 44"><rect width="44" height="44" fill="#e8b878"/>
<path d="M18 0h8v18l-4-3-4 3z" fill="#b98545"/></svg>"""
SIZES: dict[str, ViewportSize] = {"wide": {"width": 520, "height": 680}, "narrow": {"width": 390, "height": 680}}
COLUMNS = 5
QUALITY = 0.82
HOUR = 60
DAY = 24 * HOUR

Width = Literal["wide", "narrow"]
Scheme = Literal["light", "dark"]


def wednesday() -> datetime:
    """The last half past ten of a Wednesday: tokens seem young, and whatever is snoozed has its usual choices."""
    now = datetime.now(BERLIN)
    day = now.replace(hour=10, minute=30, second=0, microsecond=0) - timedelta(days=(now.weekday() - 2) % 7)
    return day if day <= now else day - timedelta(days=7)


PEOPLE = {"grace": "Grace Hopper", "barbara": "Barbara Liskov", "edsger": "Edsger Dijkstra", "layla": "ليلى"}


def action(label: str) -> dict[str, str]:
    return {"id": label.lower().replace(" ", "-"), "label": label, "url": "https://example.com/"}


THREAD = {"category": "comments", "thread_key": "q3", "action_url": "https://example.com/"}
INBOX: list[tuple[int, bool, dict[str, Any]]] = [
    (9 * DAY, True, {"title": "Maintenance on Sunday", "body": "From 3 to 4 at night.", "category": "operations"}),
    (3 * DAY, True, {"title": "Edsger approved “Retry with jitter”", "actor": "edsger",
                     "category": "reviews"}),
    (26 * HOUR, True, {"title": "Invoice 2041 is paid", "body": "Thank you. The receipt is in your mailbox.",
                       "category": "billing"}),
    (2 * HOUR, False, {"title": "Parcel 4711 is on its way", "body": "It comes on Friday between 9 and 12.",
                       "category": "orders", "image_url": "{site}/parcel.svg", "actions": [action("Track it")]}),
    (41, True, {**THREAD, "title": "Grace opened “Q3 planning”", "actor": "grace"}),
    (20, False, {**THREAD, "title": "Barbara commented on “Q3 planning”", "actor": "barbara",
                 "body": "Looks good to me. One nit in the second table."}),
    (12, False, {**THREAD, "title": "Grace mentioned you in “Q3 planning”", "actor": "grace",
                 "body": "@ada, could you check the numbers in the second table before the call at noon?"}),
    (3, False, {"title": "Checkout fails in Frankfurt", "body": "12 % of payments for four minutes. All are queued.",
                "category": "incidents", "priority": "critical",
                "actions": [action("Acknowledge"), action("Runbook")]}),
]  # fmt: skip
"""Oldest first: age in minutes, whether it was read, what is published."""
ARABIC: list[tuple[int, bool, dict[str, Any]]] = [
    (26 * HOUR, True, {"title": "تم دفع الفاتورة 2041", "body": "شكرًا لك. الإيصال في بريدك.", "category": "الفواتير"}),
    (2 * HOUR, False, {"title": "الطرد 4711 في الطريق", "body": "يصل يوم الجمعة بين 9 و12.", "category": "الطلبات",
                       "actions": [action("تتبّع")]}),
    (12, False, {"title": "ذكرتك ليلى في «خطة الربع الثالث»", "body": "هل يمكنك مراجعة أرقام الجدول الثاني؟",
                 "category": "التعليقات", "actor": "layla"}),
]  # fmt: skip

BELL = "<header><strong>Acme</strong><hub-inbox hub='{hub}'{more}></hub-inbox></header><main></main>"


@dataclass(frozen=True)
class Scene:
    """One picture: its caption, its page, and how it gets there.

    Attributes:
        act: Makes the page show it; given the page, the hub's address and the person.
        inbox: What the person has.
        more: Attributes of the element.
        query: Of the page's address.
        host: Of the page's address; the hub refuses all but 127.0.0.1.
    """

    caption: str
    act: Callable[[Page, str, str], Awaitable[None]]
    inbox: Sequence[tuple[int, bool, dict[str, Any]]] = ()
    more: str = ""
    body: str = BELL
    language: str = "en"
    query: str = ""
    host: str = "127.0.0.1"


async def opened(page: Page, hub: str, user: str) -> None:
    await page.locator("hub-inbox").get_by_role("button").first.click()
    await expect(page.get_by_role("article").first).to_be_visible(timeout=15_000)
    await page.mouse.move(4, 300)


async def shows_state(page: Page, hub: str, user: str) -> None:
    await page.locator("hub-inbox").get_by_role("button").first.click()
    await expect(page.locator("hub-inbox .state, hub-inbox .bones")).to_be_visible(timeout=15_000)


async def unfolds(page: Page, hub: str, user: str) -> None:
    await opened(page, hub, user)
    await page.get_by_role("button", name="2 more").click()
    await page.get_by_role("article", name="Barbara").hover()


async def opens_menu(page: Page, hub: str, user: str) -> None:
    await opened(page, hub, user)
    await page.get_by_role("article", name="Grace").hover()
    await page.get_by_role("button", name="More options: Grace").click()
    await expect(page.get_by_role("menu")).to_be_visible()


async def snoozes(page: Page, hub: str, user: str) -> None:
    await opens_menu(page, hub, user)
    await page.get_by_role("menuitem", name="Snooze").click()
    await expect(page.get_by_role("menuitem", name="This evening")).to_be_visible()
    await page.get_by_role("menuitem", name="Tomorrow").hover()


async def reads_on(page: Page, hub: str, user: str) -> None:
    await opened(page, hub, user)
    await page.locator("hub-inbox #list").evaluate("(list) => { list.scrollTop = 150; }")
    for title in ("The build is green again", "Linus replied to you"):
        await publish(hub, recipients=[user], title=title)
    await expect(page.get_by_role("button", name="2 new")).to_be_visible()


async def loses_the_line(page: Page, hub: str, user: str) -> None:
    await opened(page, hub, user)
    await page.context.route(f"{hub}/v1/**", lambda route: route.abort())
    await page.evaluate("cut()")
    await expect(page.get_by_text("Connection lost")).to_be_visible(timeout=15_000)


async def prefers(page: Page, hub: str, user: str) -> None:
    await opened(page, hub, user)
    await page.get_by_role("button", name="Preferences").click()
    await expect(page.get_by_role("switch").first).to_be_visible()
    await page.evaluate("document.activeElement.shadowRoot.activeElement.blur()")


async def offers_push(page: Page, hub: str, user: str) -> None:
    await opened(page, hub, user)
    await expect(page.get_by_text("Get notified when this page is closed")).to_be_visible()


async def toasts(page: Page, hub: str, user: str) -> None:
    await expect(page.get_by_role("button", name="unread")).to_be_visible(timeout=15_000)
    for number in (1, 2):
        await publish(hub, recipients=[user], title=f"Build {number} is green")
    await publish(hub, recipients=[user], title="Grace mentioned you", body="@ada, have a look before noon?",
                  actions=[action("Reply")])  # fmt: skip
    await publish(hub, recipients=[user], title="Checkout fails in Frankfurt", body="12 % of payments.",
                  priority="critical")  # fmt: skip
    await publish(hub, recipients=[user], title="Parcel 4711 is on its way")
    await expect(page.locator(".toast", has_text="Parcel 4711")).to_be_visible()
    await expect(page.locator(".rest")).to_have_text("2 more")


async def is_there(page: Page, hub: str, user: str) -> None:
    await expect(page.get_by_role("article").first).to_be_visible(timeout=15_000)


SCENES = {
    "open": Scene("Open", opened, INBOX),
    "thread": Scene("A thread, unfolded", unfolds, INBOX),
    "menu": Scene("What can be done with one", opens_menu, INBOX),
    "snooze": Scene("Until when it sleeps", snoozes, INBOX),
    "newer": Scene("New ones wait above what is being read", reads_on, INBOX),
    "toasts": Scene("Arrivals, as toasts", toasts, INBOX, body=BELL + "<hub-toasts></hub-toasts>"),
    "preferences": Scene("Preferences", prefers, INBOX),
    "push": Scene("Asked before the browser asks", offers_push, INBOX, more=" push"),
    "compact": Scene("density=“compact”", opened, INBOX, more=" density='compact'"),
    "arabic": Scene("Right to left", opened, ARABIC, language="ar"),
    "feed": Scene("<hub-feed>, in the page", is_there, INBOX,
                  body="<header><strong>Acme</strong></header><main><hub-feed hub='{hub}'></hub-feed></main>"),
    "empty": Scene("Nothing to read", shows_state),
    "loading": Scene("Loading", shows_state, query="&waits"),
    "offline": Scene("The line is lost", loses_the_line, INBOX),
    "refused": Scene("Refused by the hub", shows_state, host="localhost"),
}  # fmt: skip


@dataclass(frozen=True)
class Studio:
    """A hub with everybody's inbox, and the page."""

    hub: HubDev
    site: Site
    now: datetime

    async def shot(self, tablet: Device, scene: Scene, user: str, size: ViewportSize) -> bytes:
        self.site.body = scene.body.format(hub=self.hub.url, more=scene.more)
        self.site.language = scene.language
        self.site.direction = "rtl" if scene.language == "ar" else "ltr"
        context = tablet.context
        await context.route("**/parcel.svg", lambda route: route.fulfill(body=PARCEL, content_type="image/svg+xml"))
        page = await context.new_page()
        await page.set_viewport_size(size)
        lines: list[WebSocketRoute] = []
        away = asyncio.Event()

        async def connect(line: WebSocketRoute) -> None:
            if away.is_set():
                await line.close()
            else:
                lines.append(line)
                line.connect_to_server()

        async def cut() -> None:
            away.set()
            for line in lines:
                await line.close()

        await page.route_web_socket("**", connect)
        await page.expose_function("cut", cut)
        await page.clock.set_fixed_time(self.now)
        await page.goto(f"{self.site.url.replace('127.0.0.1', scene.host)}/?user={user}{scene.query}")
        await scene.act(page, self.hub.url, user)
        await page.wait_for_timeout(300)  # what has just come settles
        picture = await page.screenshot()
        await page.close()
        await context.unroute_all()
        return picture


async def studio(
    stack: AsyncExitStack, directory: Path, users: dict[str, Sequence[tuple[int, bool, dict[str, Any]]]]
) -> Studio:
    """A hub in which each of `users` has an inbox of that age."""
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    hub = await stack.enter_async_context(hub_dev(directory, HUB_ALLOWED_ORIGINS=origin))
    made = await stack.enter_async_context(site(port, hub.url, hub.url, HEADERS["Authorization"].split()[1], SCRIPT))
    made.look = STYLE
    now = wednesday()
    people = {"users": [{"id": name, "name": called} for name, called in PEOPLE.items()]}
    async with (
        aiohttp.ClientSession(headers=HEADERS) as session,
        session.put(f"{hub.url}/v1/users", json=people) as answer,
    ):
        assert answer.ok, await answer.text()
    for inbox in (INBOX, ARABIC):
        of = [user for user, wanted in users.items() if wanted is inbox]
        for _, _, body in inbox:
            image = {"image_url": body["image_url"].format(site=origin)} if "image_url" in body else {}
            for at in range(0, len(of), 100):
                await publish(hub.url, **{**body, **image, "recipients": of[at : at + 100]})
    running = find_running(directory / ".hub")
    assert running is not None
    database = await asyncpg.connect(running.database_url)
    expected = sum(len(inbox) for inbox in users.values())
    async with asyncio.timeout(30):
        while await database.fetchval("SELECT count(*) FROM inbox_items") < expected:
            await asyncio.sleep(0.1)
    for age, read, body in (*INBOX, *ARABIC):
        created = now - timedelta(minutes=age)
        await database.execute(
            "UPDATE inbox_items SET created_at = $2 WHERE content::json->>'title' = $1", body["title"], created
        )
        if read:
            await database.execute(
                "UPDATE inbox_items SET read_at = now(), seen_at = now() WHERE content::json->>'title' = $1",
                body["title"],
            )
    await database.execute(
        "UPDATE inbox_heads SET unread = (SELECT count(*) FROM inbox_items i"
        " WHERE i.person_id = inbox_heads.person_id AND read_at IS NULL)"
    )
    await database.close()
    return Studio(hub, made, now)


async def sheet(browser: Browser, pictures: dict[str, bytes], scheme: str, width: int, columns: int) -> bytes:
    """All of them on one, as WebP."""
    figures = "".join(
        f"<figure><img src='data:image/png;base64,{base64.b64encode(data).decode()}'><figcaption>{caption}</figcaption>"
        "</figure>"
        for caption, data in pictures.items()
    )
    page = await browser.new_page(viewport={"width": columns * (width + 24) + 24, "height": 100})
    await page.set_content(
        f"<style>:root {{ color-scheme: {scheme}; }} body {{ display: grid; gap: 24px; margin: 0; padding: 24px;"
        f" grid-template-columns: repeat({columns}, {width}px); font: 500 17px Inter, system-ui, sans-serif;"
        " background: light-dark(#dfe2e8, #24272e); color: light-dark(#3c4048, #b9bec9); }"
        " figure { margin: 0; } img { display: block; border-radius: 10px; } figcaption { margin-top: 10px; }"
        f"</style>{figures}"
    )
    return await to_webp(page, await page.screenshot(full_page=True))


async def to_webp(page: Page, png: bytes) -> bytes:
    """By the browser, which has the encoder."""
    data: str = await page.evaluate(
        "async ([png, quality]) => {"
        "  const image = new Image(); image.src = `data:image/png;base64,${png}`; await image.decode();"
        "  const canvas = new OffscreenCanvas(image.width, image.height);"
        "  canvas.getContext('2d').drawImage(image, 0, 0);"
        "  const blob = await canvas.convertToBlob({ type: 'image/webp', quality });"
        "  const bytes = new Uint8Array(await blob.arrayBuffer());"
        "  return btoa(Array.from(bytes, (one) => String.fromCharCode(one)).join(''));"
        "}",
        [base64.b64encode(png).decode(), QUALITY],
    )
    return base64.b64decode(data)


def keep(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    sys.stdout.write(f"{path}: {len(data) // 1024} KiB\n")


async def main(wanted: Sequence[str]) -> None:
    """All sheets; or, where scenes are named, these alone as single pictures in the directory `pictures`."""
    scenes = {name: scene for name, scene in SCENES.items() if not wanted or name in wanted}
    kinds: list[tuple[Scheme, Width]] = [(s, w) for s in ("light", "dark") for w in ("wide", "narrow")]
    users = {f"{name}-{s}-{w}": scene.inbox for name, scene in scenes.items() for s, w in kinds}
    with tempfile.TemporaryDirectory() as directory:
        async with AsyncExitStack() as stack:
            browser = await stack.enter_async_context(chromium())
            made = await studio(stack, Path(directory), users)
            for scheme, width in kinds:
                pictures = {}
                for name, scene in scenes.items():
                    options: dict[str, Any] = {
                        "color_scheme": scheme,
                        "reduced_motion": "reduce",
                        "timezone_id": BERLIN.key,
                    }
                    if width == "narrow":
                        options["has_touch"] = True
                    async with device(browser, **options) as tablet:
                        data = await made.shot(tablet, scene, f"{name}-{scheme}-{width}", SIZES[width])
                    pictures[scene.caption.replace("<", "&lt;")] = data
                    if wanted:
                        keep(Path("pictures") / f"{name}-{scheme}-{width}.png", data)
                if not wanted:
                    data = await sheet(browser, pictures, scheme, SIZES[width]["width"], COLUMNS)
                    keep(IMAGES / f"widget-{scheme}-{width}.webp", data)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
