"""Web push in a real browser: published to a real hub, sent to a sink, handed to the service worker as it came.

Chromium without a network cannot subscribe: the page is handed the sink's subscription. What the sink decrypts is given
to the worker by CDP, as a push service would. Clicks are dispatched, and what only a person's click may do (open a
window, focus one) is noted instead.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, CDPSession, Page, Worker, expect

from hub.security.vapid import make_key
from tests.support.browser import chromium
from tests.support.fleet import deployment
from tests.support.ports import free_port
from tests.support.push_sink import PushSink, SinkBrowser, push_sink
from tests.support.system import ROOT, clean_environment

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = '<!doctype html><html lang="en"><meta charset="utf-8"><title>A shop</title><p>A shop</p>'
# As the real ones, but for the subscription, which is given.
SUBSCRIBE = """async ([hub, given, token]) => {
    const { enablePush, onPushClick } = await import(`${hub}/widget/hub-push.js`);
    await navigator.serviceWorker.register("/hub-sw.js");
    await navigator.serviceWorker.ready;
    const pushManager = {
        getSubscription: async () => null,
        subscribe: async ({ applicationServerKey }) => ({ toJSON: () => given, key: applicationServerKey }),
    };
    window.clicks = [];
    onPushClick((click) => window.clicks.push(click));
    return enablePush({ url: hub, getToken: () => token, registration: { pushManager } });
}"""
# What the example's page finds in a browser that has a push service.
SERVICE = """(() => {
    let there = null;
    PushManager.prototype.getSubscription = async () => there;
    PushManager.prototype.subscribe = async () => there = {
        endpoint: (GIVEN).endpoint,
        toJSON: () => (GIVEN),
        unsubscribe: async () => { there = null; },
    };
})()"""
# An event that script made may not be waited for, nor open windows.
CLICK = """async ([index, action]) => {
    const notification = (await registration.getNotifications())[index];
    const opened = [];
    Object.defineProperty(clients, "openWindow", { configurable: true, value: async (url) => { opened.push(url); } });
    WindowClient.prototype.focus = async function () { opened.push(`focus ${this.url}`); return this; };
    const event = new NotificationEvent("notificationclick", { notification, action });
    const waits = [];
    Object.defineProperty(event, "waitUntil", { value: (work) => waits.push(work) });
    dispatchEvent(event);
    await Promise.all(waits);
    return opened;
}"""
CHANGE = """async (given) => {
    const event = new ExtendableEvent("pushsubscriptionchange");
    const waits = [];
    Object.defineProperty(event, "waitUntil", { value: (work) => waits.push(work) });
    Object.defineProperty(event, "newSubscription", { value: { toJSON: () => given } });
    dispatchEvent(event);
    await Promise.all(waits);
}"""
# What the worker does about its events, to be waited for: Chromium forgets a notification that is asked for while it
# comes, so that nothing may look before it is there.
LISTEN = """() => {
    const waitUntil = ExtendableEvent.prototype.waitUntil;
    self.work = [];
    ExtendableEvent.prototype.waitUntil = function (promise) {
        self.work.push(promise);
        waitUntil.call(this, promise);
    };
}"""
DONE = """async (count) => work.length >= count && (await Promise.all(work), true)"""
SHOWN = """async () => (await registration.getNotifications()).map(({ title, body, tag }) => ({ title, body, tag }))"""


class Ground(NamedTuple):
    """A hub, the shop's origin, a push service and a browser, for all tests."""

    hub_url: str
    key: str
    origin: str
    sink: PushSink
    browser: Browser
    example_port: int  # of examples/backend.py


class Place:
    """A hub, a shop whose page is subscribed at a sink, and the worker of that page."""

    def __init__(self, ground: Ground, page: Page) -> None:
        self.hub_url, self.key, self.origin, self.sink, *_ = ground
        self.page = page
        self.user = ""
        self.worker: Worker
        self._devtools: CDPSession
        self._registration = ""
        self._taken = 0

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {self.key}"}) as session,
            session.request(method, f"{self.hub_url}{path}", json=body) as answer,
        ):
            assert answer.status < 300, await answer.text()
            text = await answer.text()
            return json.loads(text) if text else None

    async def subscribe(self, user: str) -> SinkBrowser:
        """The page as this user's, subscribed."""
        browser = self.sink.browser()
        token = (await self.call("POST", f"/v1/users/{user}/tokens", {}))["token"]

        async def subscribe() -> None:
            stored = await self.page.evaluate(SUBSCRIBE, [self.hub_url, browser.json, token])
            assert stored["endpoint"] == browser.endpoint

        await self.follow(user, subscribe)
        return browser

    async def follow(self, user: str, subscribe: Callable[[], Awaitable[None]]) -> None:
        """The worker that the page registers when this user subscribes."""
        self.user = user
        self._devtools = await self.page.context.new_cdp_session(self.page)
        found: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def note(event: dict[str, Any]) -> None:
            for one in event["registrations"]:
                if one["scopeURL"].startswith(self.origin) and not found.done():
                    found.set_result(one["registrationId"])

        self._devtools.on("ServiceWorker.workerRegistrationUpdated", note)
        await self._devtools.send("ServiceWorker.enable")
        await subscribe()
        async with asyncio.timeout(30):
            self._registration = await found
            while not self.page.context.service_workers:
                await asyncio.sleep(0.05)
        self.worker = self.page.context.service_workers[0]
        await self.worker.evaluate(LISTEN)

    async def publish(self, **body: Any) -> str:
        return str((await self.call("POST", "/v1/notifications", {"recipients": [self.user], **body}))["id"])

    async def deliver(self) -> dict[str, Any]:
        """Waits for the next push at the sink and hands it to the worker; returns when that has dealt with it."""
        said = (await self.sink.wait_for(self._taken + 1))[self._taken].said
        self._taken += 1
        message = {"origin": self.origin, "registrationId": self._registration, "data": json.dumps(said)}
        await self._devtools.send("ServiceWorker.deliverPushMessage", message)
        async with asyncio.timeout(30):
            while not await self.worker.evaluate(DONE, self._taken):
                await asyncio.sleep(0.02)
        return said

    async def shows(self, *titles: str) -> None:
        assert sorted(one["title"] for one in await self.worker.evaluate(SHOWN)) == sorted(titles)

    async def click(self, index: int = 0, action: str = "") -> list[str]:
        opened: list[str] = await self.worker.evaluate(CLICK, [index, action])
        return opened

    async def is_told(self, notification: str, *events: str) -> None:
        """The timeline of this one comes to have these events of web push, in this order; others among them."""
        async with asyncio.timeout(30):
            while True:
                items = (await self.call("GET", f"/v1/notifications/{notification}/timeline"))["items"]
                found = [one["event"] for one in items if one["channel"] == "web_push"]
                if tuple(event for event in found if event in events) == events:
                    return
                await asyncio.sleep(0.1)

    async def item(self, notification: str) -> dict[str, Any]:
        items = (await self.call("GET", f"/v1/users/{self.user}/inbox"))["items"]
        return next(dict(one) for one in items if one["notification_id"] == notification)


@contextlib.asynccontextmanager
async def shop(hub_url: str, port: int) -> AsyncIterator[None]:
    async def page(_: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def script(_: web.Request) -> web.Response:
        text = f'importScripts("{hub_url}/widget/hub-sw.js");'
        return web.Response(text=text, content_type="text/javascript")

    app = web.Application()
    app.add_routes([web.get("/hub-sw.js", script), web.get("/{path:.*}", page)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield
    finally:
        await runner.cleanup()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ground(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    port, example_port = free_port(), free_port()
    origin = f"http://127.0.0.1:{port}"
    directory: Path = tmp_path_factory.mktemp("hub")
    settings = {
        "HUB_VAPID_PRIVATE_KEY": make_key().private_text,
        "HUB_VAPID_SUBJECT": "mailto:ops@example.com",
        "HUB_ALLOW_PRIVATE_PUSH": "true",
        "HUB_ALLOWED_ORIGINS": f"{origin},http://127.0.0.1:{example_port}",
        "HUB_PRESENCE_SETTLE_SECONDS": "0",
    }
    async with deployment(directory, apis=0, gateways=0, workers=0, **settings) as running:
        hub = await running.add("serve")
        async with shop(hub.url, port), push_sink() as sink, chromium() as browser:
            yield Ground(hub.url, running.key, origin, sink, browser, example_port)


@pytest_asyncio.fixture(loop_scope="module")
async def place(ground: Ground) -> AsyncIterator[Place]:
    """A person of its own in a browser of its own."""
    context = await ground.browser.new_context()
    await context.grant_permissions(["notifications"], origin=ground.origin)
    page = await context.new_page()
    await page.goto(f"{ground.origin}/")
    ground.sink.pushes.clear()
    yield Place(ground, page)
    await context.close()


async def test_from_publish_to_shown_clicked_and_closed_elsewhere(place: Place) -> None:
    await place.subscribe("alan")
    first = await place.publish(title="Shipped", body="It is on its way", action_url="/orders/1")
    said = await place.deliver()
    assert said["url"] == "/orders/1"
    await place.shows("Shipped")
    await place.is_told(first, "sent", "delivered")

    assert await place.click() == [f"focus {place.origin}/"], "the page that is open took the click"
    clicks = await place.page.evaluate("clicks")
    assert clicks == [{"id": first, "action": None, "url": f"{place.origin}/orders/1"}]
    async with asyncio.timeout(30):
        while (await place.item(first))["clicked_at"] is None:
            await asyncio.sleep(0.05)
    assert (await place.deliver())["kind"] == "withdrawal", "for the person's other browsers"

    second = await place.publish(title="Delivered", action_url="https://elsewhere.example.com/2")
    await place.deliver()
    await place.shows("Delivered")
    await place.is_told(second, "sent", "delivered")
    await place.call("POST", "/v1/users/alan/inbox/mark", {"action": "read", "all": True})
    assert (await place.deliver())["kind"] == "withdrawal"
    await place.shows()


async def test_those_of_a_thread_are_one_notification_and_open_where_they_lead(place: Place) -> None:
    await place.subscribe("grace")
    for number in range(1, 4):
        await place.publish(title=f"Comment {number}", thread_key="post-1", action_url=f"https://example.com/{number}")
        await place.deliver()
    await place.shows("Comment 3 (3)")
    await place.publish(title="Something else")
    await place.deliver()
    await place.shows("Comment 3 (3)", "Something else")
    thread = [one["title"] for one in await place.worker.evaluate(SHOWN)].index("Comment 3 (3)")
    assert await place.click(thread) == ["https://example.com/3"]
    await place.shows("Something else")


async def test_a_changed_subscription_is_renewed_while_no_page_is_open(place: Place) -> None:
    old = await place.subscribe("lin")
    other = await place.page.context.new_page()  # keeps the browser; nothing of the shop's is in it
    await place.page.goto("about:blank")
    fresh = place.sink.browser()
    await place.worker.evaluate(CHANGE, fresh.json)
    (stored,) = (await place.call("GET", "/v1/users/lin/push-subscriptions"))["items"]
    assert stored["endpoint"] == fresh.endpoint != old.endpoint
    again = place.sink.browser()
    await place.worker.evaluate(CHANGE, again.json)
    (stored,) = (await place.call("GET", "/v1/users/lin/push-subscriptions"))["items"]
    assert stored["endpoint"] == again.endpoint, "with what the renewal before was answered"
    await place.publish(title="Still here")
    (push,) = await place.sink.wait_for(1)
    assert push.name == again.name
    await other.close()


@contextlib.asynccontextmanager
async def example(ground: Ground) -> AsyncIterator[str]:
    """`examples/backend.py` for this hub, and the address of its page."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "examples" / "backend.py"), str(ground.example_port)),
        env=clean_environment(HUB_URL=ground.hub_url, HUB_API_KEY=ground.key),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            yield (await process.stdout.readline()).decode().strip()
    finally:
        process.kill()
        await process.wait()


async def test_the_examples_page_switches_push_on_and_off(ground: Ground) -> None:
    async with example(ground) as origin:
        context = await ground.browser.new_context()
        await context.grant_permissions(["notifications"], origin=origin)
        given = ground.sink.browser()
        await context.add_init_script(SERVICE.replace("GIVEN", json.dumps(given.json)))
        page = await context.new_page()
        await page.goto(f"{origin}/push.html")
        ground.sink.pushes.clear()
        place = Place(ground._replace(origin=origin), page)
        said = page.get_by_role("status")

        async def switch_on() -> None:
            await page.get_by_role("button", name="Notify me on this device").click()
            await expect(said).to_have_text("You will be notified on this device.")

        await place.follow("ada", switch_on)
        await place.publish(title="From the example", action_url="/push.html?order=1")
        await place.deliver()
        await place.shows("From the example")
        assert await place.click() == [f"focus {origin}/push.html"], "the page that is open took the click"
        await page.wait_for_url("**/push.html?order=1")
        await expect(said).to_have_text("You will be notified on this device.")  # asks nobody on the next load

        path = "/v1/users/ada/push-subscriptions"
        assert [one["endpoint"] for one in (await place.call("GET", path))["items"]] == [given.endpoint]
        await page.get_by_role("button", name="Stop notifying me here").click()
        await expect(said).to_have_text("This device is notified no longer.")
        assert (await place.call("GET", path))["items"] == []
        await page.reload()
        await expect(page.get_by_role("button", name="Notify me on this device")).to_be_enabled()
        assert (await place.call("GET", path))["items"] == [], "what was switched off stays off"
        await context.close()


async def test_the_examples_page_says_what_to_do_when_the_browser_refuses(ground: Ground) -> None:
    async with example(ground) as origin:
        context = await ground.browser.new_context()
        page = await context.new_page()
        await page.goto(f"{origin}/push.html")
        await page.get_by_role("button", name="Notify me on this device").click()
        await expect(page.get_by_role("status")).to_contain_text("Allow notifications for this page in its settings")
        await context.close()
        context = await ground.browser.new_context()
        await context.grant_permissions(["notifications"], origin=origin)
        page = await context.new_page()
        await page.goto(f"{origin}/push.html")
        await page.get_by_role("button", name="Notify me on this device").click()
        # Chromium without a network: the real error of a real browser.
        await expect(page.get_by_role("status")).to_contain_text("Your browser's push service does not answer")
        await context.close()
