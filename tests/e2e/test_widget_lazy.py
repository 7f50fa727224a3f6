"""What the widget loads later: menu, preferences, toasts, push opt-in, languages; in a real browser, against a real
`hub dev`, under a strict policy."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, Page, ViewportSize, expect

from tests.e2e.test_widget import HEADERS, POLICY, Tab, axe_violations, publish, tab
from tests.support.browser import until
from tests.support.hub_dev import hub_dev
from tests.support.ports import free_port
from tests.support.system import ROOT

WIDGET = ROOT / "web-widget"
HTML = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Lazy</title>
<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/page.css"></head><body><main>
<h1>A page</h1><h2>Settings</h2><input aria-label="Typing"></main><script type="module" src="/page.js"></script>
</body></html>"""
CSS = (
    ":root { color-scheme: light dark; font-family: sans-serif; background: light-dark(#fff, #121316); }"
    "x-preferences, hub-preferences { display: block; max-width: 380px; border: 1px solid #8888; }"
    "x-menu { margin: 40px; }"
)
BERLIN = ZoneInfo("Europe/Berlin")
NARROW: ViewportSize = {"width": 412, "height": 1100}
# Letters as fast as a person types them.
TYPE = """(text) => {
  const { shadowRoot: root } = document.querySelector("x-menu");
  for (const key of text) root.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
}"""
SUBSCRIPTION = {
    "endpoint": "https://push.example.com/kai",
    "keys": {
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "auth": "BTBZMqHH6r4Tts7J_aSIgg",
    },
}
# Where pictures go that somebody wants to look at.
PICTURES = os.environ.get("HUB_TEST_PICTURES")

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Ground:
    """A hub, and a page of another origin that mounts the modules."""

    hub: str
    origin: str

    def page(self, user: str, show: str, **more: str) -> str:
        return f"{self.origin}/?{urlencode({'hub': self.hub, 'user': user, 'show': show, **more})}"

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        async with (
            aiohttp.ClientSession(headers=HEADERS) as session,
            session.request(method, f"{self.hub}{path}", json=body) as answer,
        ):
            assert answer.status < 300, await answer.text()
            return await answer.json() if answer.status == 200 else None

    async def publish(self, user: str, title: str, **body: Any) -> None:
        await publish(self.hub, recipients=[user], title=title, **body)

    async def item(self, user: str, title: str) -> dict[str, Any]:
        for status in ("all", "archived", "snoozed"):
            for item in (await self.call("GET", f"/v1/users/{user}/inbox?status={status}"))["items"]:
                if item["title"] == title:
                    return dict(item)
        return {}

    async def until(self, user: str, title: str, field: str) -> Any:
        """What the hub has in a field of an item, as soon as it has something."""
        async with asyncio.timeout(10):
            while (value := (await self.item(user, title)).get(field)) is None:
                await asyncio.sleep(0.05)
        return value

    async def preferences(self, user: str, **expected: Any) -> dict[str, Any]:
        """What the hub has stored, as soon as it has what is expected."""
        async with asyncio.timeout(10):
            while True:
                found = dict(await self.call("GET", f"/v1/users/{user}/preferences"))
                if all(found.get(name) == value for name, value in expected.items()):
                    return found
                await asyncio.sleep(0.05)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ground(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    async with hub_dev(tmp_path_factory.mktemp("dev"), HUB_ALLOWED_ORIGINS=origin) as hub, pages(hub.url, port):
        ground = Ground(hub.url, origin)
        for name, body in (
            ("orders.shipped", {"description": "When a parcel is on its way."}),
            ("security", {"default": "required"}),
            ("offers", {"kind": "marketing", "default": "opted_out"}),
        ):
            await ground.call("PUT", f"/v1/categories/{name}", body)
        yield ground


@contextlib.asynccontextmanager
async def pages(hub: str, port: int) -> AsyncIterator[None]:
    policy = {"Content-Security-Policy": POLICY.format(hub=hub, socket=hub.replace("http", "ws"))}

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=HTML, content_type="text/html", headers=policy)

    async def elements(request: web.Request) -> web.Response:
        language = request.query["language"]
        direction = "rtl" if language in ("ar", "he") else "ltr"
        text = ELEMENTS.format(**request.query, direction=direction)
        return web.Response(text=text, content_type="text/html", headers=policy)

    async def elements_script(_: web.Request) -> web.Response:
        return web.Response(text=ELEMENTS_JS, content_type="text/javascript")

    async def style(_: web.Request) -> web.Response:
        return web.Response(text=CSS, content_type="text/css")

    async def script(request: web.Request) -> web.FileResponse:
        folder, name = request.match_info["folder"], request.match_info["name"]
        return web.FileResponse(WIDGET / folder / name)

    async def own(_: web.Request) -> web.FileResponse:
        return web.FileResponse(Path(__file__).parent / "lazy_page.js")

    async def token(request: web.Request) -> web.Response:
        scopes = request.query["scopes"].split()
        async with (
            aiohttp.ClientSession(headers=HEADERS) as session,
            session.post(
                f"{hub}/v1/users/{request.query['user']}/tokens", json={"scopes": scopes} if scopes else {}
            ) as answer,
        ):
            return web.Response(text=(await answer.json())["token"])

    app = web.Application()
    app.add_routes(
        [
            web.get("/", page),
            web.get("/elements", elements),
            web.get("/elements.js", elements_script),
            web.get("/page.css", style),
            web.get("/page.js", own),
            web.get("/token", token),
            web.get("/{folder:src|dist}/{name:hub-[a-z-]+[.]js}", script),
        ]
    )
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def shown(browser: Browser, url: str, **options: Any) -> AsyncIterator[Tab]:
    """A page on which everything is mounted; no violation of its policy, no error."""
    options = {"timezone_id": BERLIN.key, "reduced_motion": "reduce", **options}
    async with tab(browser, url, **options) as opened:
        await is_ready(opened.page)
        yield opened
        assert await opened.page.evaluate("violations") == []
        assert [one for one in opened.complaints if "status of 4" not in one] == []


async def is_ready(page: Page) -> None:
    await page.locator("body[data-ready]").wait_for(timeout=15_000)


def next_wednesday() -> datetime:
    """Half past ten in Berlin, within the week that comes: the hub lets nobody snooze into the past."""
    now = datetime.now(BERLIN).replace(hour=10, minute=30, second=0, microsecond=0)
    return now + timedelta(days=(2 - now.weekday()) % 7 or 7)


def text_of(time: datetime) -> str:
    """As the browser and the hub write it."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z"


async def picture(page: Page, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=f"{PICTURES}/{name}.png")


async def is_accessible(page: Page, name: str) -> None:
    """By axe, in light and dark; and what is pressed is large enough."""
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        await picture(page, f"{name}-{scheme}")
        assert await axe_violations(page) == []
    small = await page.locator("main button:visible, main a:visible").evaluate_all(
        "(all) => all.filter((one) => !one.matches('.name')).map((one) => [one.outerHTML, one.getBoundingClientRect()])"
        ".filter(([, box]) => box.width < 24 || box.height < 24).map(([html]) => html)"
    )
    assert small == []


async def test_the_menu_by_keyboard(browser: Browser, ground: Ground) -> None:
    await ground.publish("mia", "Parcel 7", category="orders.shipped")
    async with shown(browser, ground.page("mia", "menu")) as opened:
        page = opened.page
        now = next_wednesday()
        await page.clock.set_fixed_time(now)
        button = page.get_by_role("button", name="Options")
        menu = page.get_by_role("menu")
        entry = page.get_by_role("menuitem")
        press = page.keyboard.press

        await button.focus()
        await press("Enter")
        await expect(menu).to_have_accessible_name("Actions for “Parcel 7”")
        await expect(button).to_have_attribute("aria-expanded", "true")
        await expect(entry).to_have_text(
            ["Mark as read", "Pin to the top", "Snooze", "Archive", "Mute “Orders shipped”", "Delete"]
        )
        await expect(entry.first).to_be_focused()
        await is_accessible(page, "menu")
        await press("ArrowUp")
        await expect(entry.last).to_be_focused()
        await press("ArrowDown")
        await expect(entry.first).to_be_focused()
        await press("End")
        await expect(entry.last).to_be_focused()
        await press("Home")
        await press("m")
        await expect(entry.nth(4)).to_be_focused()
        await press("Home")
        await page.evaluate(TYPE, "pin")  # at once, however busy the machine is
        await expect(entry.nth(1)).to_be_focused()
        await press("Escape")
        await expect(menu).to_have_count(0)
        await expect(button).to_be_focused()
        await expect(button).to_have_attribute("aria-expanded", "false")
        assert await page.evaluate("done") == 1

        await press("Enter")
        await press("ArrowDown")
        await press("ArrowDown")
        await press("ArrowRight")
        await expect(menu).to_have_accessible_name("Snooze until")
        await expect(entry.locator("span")).to_have_text(
            ["Back", "In 1 hour", "This evening", "Tomorrow", "Next week", "Pick a time…"]
        )
        times = await entry.locator("time").evaluate_all("(all) => all.map((one) => [one.dateTime, one.innerText])")
        assert [time for time, _ in times] == [
            text_of(now + timedelta(hours=1)),
            text_of(now.replace(hour=18, minute=0)),
            text_of(now.replace(hour=9, minute=0) + timedelta(days=1)),
            text_of(now.replace(hour=9, minute=0) + timedelta(days=5)),
        ]
        assert [any(day in text for day in ("Thu", "Mon")) for _, text in times] == [False, False, True, True]
        await is_accessible(page, "menu-snooze")
        await press("ArrowLeft")
        await expect(menu).to_have_accessible_name("Actions for “Parcel 7”")
        await press("s")
        await press("Enter")
        await press("t")
        await press("t")
        await expect(entry.nth(3)).to_be_focused()
        await press("Enter")
        await expect(button).to_be_focused()
        assert await ground.until("mia", "Parcel 7", "snoozed_until") == times[2][0]


async def test_the_menu_snoozes_to_a_time_mutes_with_a_way_back_and_deletes_after_a_question(
    browser: Browser, ground: Ground
) -> None:
    await ground.publish("noa", "Code 123", category="security")
    async with shown(browser, ground.page("noa", "menu", language="de")) as opened:
        page = opened.page
        button = page.get_by_role("button", name="Options")
        await button.click()
        await page.get_by_role("menuitem", name="stummschalten").click()
        note = page.get_by_role("dialog", name="Diese Kategorie lässt sich nicht stummschalten.")
        await expect(note).to_be_visible()
        await button.click()  # its own button closes it
        await expect(note).to_have_count(0)

        await ground.publish("noa", "Sale", category="orders.shipped")
        await until(page, "store.snapshot.items.length === 2")
        await button.click()
        await page.get_by_role("menuitem", name="„Orders shipped“ stummschalten").click()
        await ground.preferences("noa", categories={"orders.shipped": {"enabled": False}})
        await expect(page.get_by_role("status")).to_have_text("„Orders shipped“ ist stummgeschaltet.")
        await is_accessible(page, "menu-muted")
        await page.get_by_role("button", name="Rückgängig machen").click()
        await ground.preferences("noa", categories={"orders.shipped": {}})

        await button.click()
        await page.get_by_role("menuitem", name="Zurückstellen").click()
        await page.get_by_role("menuitem", name="Zeitpunkt wählen").click()
        time = page.get_by_label("Zurückstellen bis").locator("input")
        await expect(time).to_be_focused()
        await is_accessible(page, "menu-pick")
        then = (datetime.now(BERLIN) + timedelta(days=100)).replace(hour=8, minute=15, second=0, microsecond=0)
        await time.fill(f"{then:%Y-%m-%dT%H:%M}")
        await page.get_by_role("button", name="Zurückstellen", exact=True).press("Enter")
        assert await ground.until("noa", "Sale", "snoozed_until") == text_of(then)

        await until(page, "store.snapshot.items.length === 1")
        await button.click()
        await page.get_by_role("menuitem", name="Löschen").click()
        await expect(page.get_by_role("menu", name="Endgültig löschen?")).to_be_visible()
        await page.get_by_role("menuitem", name="Löschen").click()
        await until(page, "store.snapshot.items.length === 0")
        await expect(button).to_be_focused()
        await page.get_by_role("heading", name="A page").click()


async def test_preferences_are_saved_as_they_are_moved(browser: Browser, ground: Ground) -> None:
    async with shown(browser, ground.page("liv", "preferences")) as opened:
        page = opened.page
        await page.set_viewport_size(NARROW)
        switch = page.get_by_role("switch")
        await expect(switch.first).to_be_visible()
        await is_accessible(page, "preferences")
        always = page.get_by_role("switch", name="Security: Email, Always on")
        await expect(always).to_have_attribute("aria-disabled", "true")
        await always.dispatch_event("click")  # Playwright waits for what is not disabled
        await expect(always).to_be_checked()

        orders = page.get_by_role("switch", name="Orders shipped: Email", exact=True)
        await expect(orders).to_be_checked()
        await orders.focus()
        await page.keyboard.press("Space")
        await expect(orders).not_to_be_checked()
        await expect(orders).to_be_focused()
        await ground.preferences("liv", categories={"orders.shipped": {"channels": {"email": False}}})
        offers = page.get_by_role("switch", name="Offers: Push")
        await expect(offers).not_to_be_checked()
        await offers.click()
        await expect(offers).to_be_checked()
        async with asyncio.timeout(10):
            while not (consents := (await ground.preferences("liv")).get("consents")):
                await asyncio.sleep(0.05)
        assert (consents["offers"]["granted"], consents["offers"]["channels"]) == (True, ["web_push"])
        await page.get_by_role("switch", name="All notifications: Push").click()
        await ground.preferences("liv", channels={"web_push": False})
        await expect(offers).not_to_be_checked()

        await page.get_by_role("switch", name="Quiet hours").click()
        everyday = {"days": [1, 2, 3, 4, 5, 6, 7], "from": "22:00", "to": "07:00"}
        await ground.preferences("liv", quiet_hours={"timezone": "Europe/Berlin", "weekly": [everyday]})
        day = page.get_by_role("button", name="Sunday")
        await day.click()
        await expect(day).to_have_attribute("aria-pressed", "false")
        await expect(day).to_be_focused()
        await page.get_by_label("From").fill("21:30")
        await page.get_by_label("Time zone").select_option("America/New_York")
        quiet = {"days": [1, 2, 3, 4, 5, 6], "from": "21:30", "to": "07:00"}
        await ground.preferences("liv", quiet_hours={"timezone": "America/New_York", "weekly": [quiet]})
        await page.get_by_role("button", name="1 week").click()
        await expect(page.get_by_text("Paused until")).to_be_visible()
        await expect(page.get_by_role("button", name="Resume")).to_be_focused()
        await is_accessible(page, "preferences-changed")
        await page.get_by_role("button", name="Resume").click()
        await expect(page.get_by_role("button", name="Until tomorrow")).to_be_visible()
        await ground.preferences("liv", paused_until=None)
        await page.get_by_role("button", name="Remove these hours").click()
        await ground.preferences("liv", quiet_hours={"timezone": "America/New_York", "weekly": []})


async def test_a_refused_preference_is_put_back_and_one_that_cannot_be_read_is_said(
    browser: Browser, ground: Ground
) -> None:
    url = ground.page("eli", "preferences", language="ar", scopes="inbox:read")
    async with shown(browser, url) as opened:
        page = opened.page
        await page.set_viewport_size(NARROW)
        switch = page.get_by_role("switch", name="Orders shipped: البريد")
        await expect(switch).to_be_checked()
        await switch.click()
        await expect(page.get_by_role("alert")).to_have_text("لا يُسمح لهذه الصفحة بتغيير إعداداتك.")
        await expect(switch).to_be_checked()
        await is_accessible(page, "preferences-refused-rtl")
    async with shown(browser, ground.page("eli", "toasts")) as opened:
        page = opened.page
        await page.route("**/preferences/choices", lambda route: route.abort())
        await page.evaluate("location.search += '+preferences'")
        await is_ready(page)
        await expect(page.get_by_text("Your settings could not be loaded.")).to_be_visible()
        await page.unroute("**/preferences/choices")
        await page.get_by_role("button", name="Try again").press("Enter")
        await expect(page.get_by_role("button", name="1 hour")).to_be_focused()
        push = page.get_by_role("switch", name="Everything else: Push")
        await expect(push).to_be_checked()
        # Saved, but what holds then is not told: what was shown stays.
        await page.route("**/preferences/choices", lambda route: route.abort())
        async with page.expect_event("requestfailed", lambda request: request.url.endswith("/choices")):
            await push.click()
        await ground.preferences("eli", categories={"general": {"channels": {"web_push": False}}})
        await expect(push).not_to_be_checked()
        opened.complaints.clear()  # the failed request itself


async def test_toasts_show_what_arrives_for_a_while_and_never_take_the_focus(browser: Browser, ground: Ground) -> None:
    async with shown(browser, ground.page("sam", "toasts")) as opened:
        page = opened.page
        await page.clock.install()
        toast = page.locator(".toast")
        typing = page.get_by_label("Typing")
        await typing.focus()
        await ground.publish("sam", "Quick", body="x" * 100)
        await expect(page.get_by_role("status").locator(".toast")).to_have_text(f"Quick{'x' * 100}")
        await expect(typing).to_be_focused()
        await toast.hover()
        await page.clock.run_for(15_000)  # under the pointer, time stands still
        await expect(toast).to_have_count(1)
        await page.mouse.move(0, 0)
        await page.clock.run_for(9_000)
        await expect(toast).to_have_count(1)
        await page.clock.run_for(2_000)
        await expect(toast).to_have_count(0)

        link = {"action_url": "https://example.com/never", "actions": [{"id": "yes", "label": "Approve"}]}
        await ground.publish("sam", "Down", body="The database of Europe does not answer.", priority="critical", **link)
        await expect(page.get_by_role("alert").locator(".toast")).to_be_visible()
        await page.clock.run_for(20_000)  # less than what a silent connection is given up after
        for number in range(4):
            await ground.publish("sam", f"Number {number}", body="Something happened.")
            await expect(toast.filter(has_text=f"Number {number}")).to_be_visible()
        await expect(page.locator(".toast .name")).to_have_text(["Critical · Down", "Number 2", "Number 3"])
        await expect(page.get_by_role("button", name="2 more")).to_be_visible()
        await is_accessible(page, "toasts")
        await page.get_by_role("button", name="Approve").click()
        await page.get_by_role("button", name="Close: Number 2").focus()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("button", name="Close: Number 3")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(toast).to_have_count(0)
        await expect(typing).to_be_focused()
        assert await page.evaluate("events") == [["hub-action", "Down", "yes"]]

        # Swiped away; then not shown at all: the list is before the person's eyes, or it was read elsewhere.
        await ground.publish("sam", "Swiped", action_url="/somewhere")
        box = await toast.bounding_box()
        assert box is not None
        await page.mouse.move(box["x"] + 200, box["y"] + 15)
        await page.mouse.down()
        await page.mouse.move(box["x"] + 330, box["y"] + 15, steps=4)
        await page.mouse.up()
        await expect(toast).to_have_count(0)
        await ground.publish("sam", "Elsewhere")
        await expect(toast).to_have_count(1)
        await ground.call("POST", "/v1/users/sam/inbox/mark", {"action": "read", "all": True})
        await expect(toast).to_have_count(0)
        await page.evaluate("reading = true")
        await ground.publish("sam", "Seen already")
        await until(page, "store.snapshot.items.some(({ title }) => title === 'Seen already')")
        await expect(toast).to_have_count(0)
        await page.evaluate("reading = false")

        # A sound is asked for, and a burst is one.
        await page.evaluate(
            "() => {"
            "  window.tones = 0;"
            "  toastHost.setAttribute('sound', '');"
            "  window.AudioContext = class extends AudioContext { constructor() { super(); tones += 1; } };"
            "}"
        )
        for number in range(2):
            await ground.publish("sam", f"Loud {number}")
        await expect(toast).to_have_count(2)
        assert await page.evaluate("tones") == 1
        await page.evaluate("toasts.destroy()")
        assert await page.evaluate("document.querySelector('x-toasts').shadowRoot.childElementCount") == 0


async def test_one_of_several_visible_tabs_shows_a_toast(browser: Browser, ground: Ground) -> None:
    async with shown(browser, ground.page("uma", "toasts")) as opened:
        other = await opened.page.context.new_page()
        await other.goto(ground.page("uma", "toasts", language="he"))
        await is_ready(other)
        pages = [opened.page, other]
        assert [await page.evaluate("document.visibilityState") for page in pages] == ["visible", "visible"]
        await ground.publish("uma", "Once", priority="critical")
        for page in pages:
            await until(page, "store.snapshot.items.length === 1")
        async with asyncio.timeout(10):
            while sum(counts := [await page.locator(".toast").count() for page in pages]) == 0:
                await asyncio.sleep(0.02)
        assert sorted(counts) == [0, 1]


async def test_push_is_offered_before_the_browser_asks_and_not_again_after_not_now(
    browser: Browser, ground: Ground
) -> None:
    async with shown(browser, ground.page("kai", "push")) as opened:
        page = opened.page
        assert await page.evaluate("Notification.permission") == "default"
        offer = page.get_by_role("region", name="Get notified when this page is closed")
        await expect(offer).to_be_visible()
        await is_accessible(page, "push")
        await page.evaluate(
            "() => {"
            "  Notification.requestPermission = () => new Promise((then) => setTimeout(then, 100, 'denied'));"
            "  Object.defineProperty(Notification, 'permission', { value: 'denied' });"
            "}"
        )
        await page.get_by_role("button", name="Turn on").press("Enter")
        await expect(offer.get_by_role("status")).to_contain_text("Your browser blocks notifications")
        await expect(page.get_by_role("button", name="Close")).to_be_focused()
        await page.reload()
        await is_ready(page)

        await page.evaluate(
            "(given) => { window.subscription = given; Notification.requestPermission = async () => 'granted'; }",
            SUBSCRIPTION,
        )
        await page.get_by_role("button", name="Turn on").click()
        await expect(page.get_by_role("status")).to_have_text("You will be notified on this device.")
        stored = (await ground.call("GET", "/v1/users/kai/push-subscriptions"))["items"]
        assert [one["endpoint"] for one in stored] == [SUBSCRIPTION["endpoint"]]
        await page.reload()
        await is_ready(page)

        await page.get_by_role("button", name="Not now").click()
        await expect(offer).to_have_count(0)
        await page.reload()
        await is_ready(page)
        await expect(offer).to_have_count(0)


ELEMENTS = """<!doctype html><html lang="{language}" dir="{direction}"><head><meta charset="utf-8">
<title>Elements</title><meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/page.css">
</head><body><main><h1>A page</h1><hub-inbox hub="{hub}" push></hub-inbox>
<hub-toasts placement="top-end"></hub-toasts><h2>Settings</h2><hub-preferences></hub-preferences></main>
<script type="module" src="/elements.js?user={user}"></script></body></html>"""
ELEMENTS_JS = """import "/dist/hub-inbox.js";
const user = new URL(import.meta.url).searchParams.get("user");
document.querySelector("hub-inbox").getToken = async () => (await fetch(`/token?user=${user}&scopes=`)).text();
"""


async def test_the_elements_show_them_all(browser: Browser, ground: Ground) -> None:
    await ground.publish("zoe", "Parcel 9", category="orders.shipped", body="It is on its way.")
    async with tab(browser, f"{ground.origin}/elements?user=zoe&language=de&hub={ground.hub}") as opened:
        page = opened.page
        bell = page.get_by_role("button", name="Benachrichtigungen, 1 ungelesen")
        await expect(bell).to_be_visible(timeout=15_000)
        await expect(page.locator("hub-preferences").get_by_role("heading", name="Ruhezeiten")).to_be_visible()
        for number in range(4):
            await ground.publish("zoe", f"Nummer {number}", category="orders.shipped")
            await expect(page.locator(".toast", has_text=f"Nummer {number}")).to_be_visible()
        await picture(page, "elements-toasts")
        await page.get_by_role("button", name="1 weitere").click()
        panel = page.get_by_role("dialog", name="Benachrichtigungen")
        await expect(panel).to_be_visible()
        await expect(page.locator(".toast")).to_have_count(0)
        await expect(panel.get_by_text("Auch benachrichtigt werden")).to_be_visible()
        await ground.publish("zoe", "Nummer 4", category="orders.shipped")
        await expect(panel.get_by_role("article", name="Nummer 4")).to_be_attached()
        await expect(page.locator(".toast")).to_have_count(0)
        await panel.get_by_role("article", name="Parcel 9").hover()
        await panel.get_by_role("button", name="Weitere Optionen: Parcel 9").click()
        await expect(page.get_by_role("menu")).to_be_visible()
        await picture(page, "elements-menu")
        await page.get_by_role("menuitem", name="Archivieren").click()
        await expect(panel.get_by_role("article", name="Parcel 9")).to_have_count(0)
        await panel.get_by_role("button", name="Einstellungen").click()
        settings = page.get_by_role("dialog", name="Einstellungen")
        await expect(settings.get_by_role("switch", name="Orders shipped: E-Mail")).to_be_checked()
        await is_accessible(page, "elements-preferences")
        assert await page.evaluate("violations") == []
