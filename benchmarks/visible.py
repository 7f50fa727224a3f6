"""What a person sees: from a publish to the frame in which a browser paints it, and scrolling through a long inbox."""

from __future__ import annotations

import asyncio
import time
from time import perf_counter
from typing import Any

import msgspec
from playwright.async_api import Browser, Page, Route

from benchmarks.fleet import HOST
from benchmarks.measure import Measurement, Meter, Round, must
from benchmarks.stats import percentile
from tests.support.browser import chromium

WARM = 10  # publishes that fill caches and are not counted
BATCH = 100  # notifications in one request: the most there may be
GAP_SECONDS = 0.05  # between two: a person's eye, not a load
PAGE = """<!doctype html><meta charset="utf-8"><title>inbox</title>
<hub-inbox open keep-open></hub-inbox><script type="module" src="/visible.js"></script>"""
# An item is visible when the frame after the one in which it came has begun: the browser has painted it by then.
SCRIPT = """
import "/widget/hub-inbox.js";
window.visible = {};
const now = () => performance.timeOrigin + performance.now();
addEventListener("hub-arrived", ({ detail }) => requestAnimationFrame(() => setTimeout(() => {
  visible[detail.item.notification_id] = now();
})));
document.querySelector("hub-inbox").getToken = () => "TOKEN";
"""


# To the end of what there is, and a frame later to the next end: faster than a person scrolls.
SCROLL = """async (wanted) => {
  const list = document.querySelector("hub-inbox").shadowRoot.querySelector("#list");
  const rows = () => list.querySelectorAll("article").length;
  const until = performance.now() + 120_000;
  // Rows are counted now and then: counting thousands of them takes longer than a frame of the widget.
  for (let frame = 0; frame % 20 || rows() < wanted; frame += 1) {
    if (performance.now() > until) throw new Error(`${rows()} rows after two minutes`);
    list.scrollTop = list.scrollHeight;
    await new Promise(requestAnimationFrame);
  }
}"""
LONG_TASK_MS = 50  # what the Long Tasks API calls one


async def _inbox_of(this: Round, browser: Browser, user: str) -> Page:
    """A page on the gateway's origin with this person's inbox, open."""
    token = this.seats([user])[0].token
    address = f"http://{HOST}:{this.fleet.gateway.port}/visible"

    async def page_of(route: Route) -> None:
        await route.fulfill(body=PAGE, content_type="text/html")

    async def script_of(route: Route) -> None:
        await route.fulfill(body=SCRIPT.replace("TOKEN", token), content_type="text/javascript")

    page = await browser.new_page()
    await page.route(address, page_of)
    await page.route(f"{address}.js", script_of)
    await page.goto(address)
    return page


async def visible(this: Round) -> Measurement:
    """One person reads in one tab; one publish after the other. Times are of one machine's clock."""
    [user] = this.people("visible", 1)
    request = this.publish([user])
    sent: dict[str, float] = {}
    async with chromium() as browser, this.connections(1) as [connection]:
        page = await _inbox_of(this, browser, user)
        await page.wait_for_function("document.querySelector('hub-inbox').store?.snapshot.status === 'live'")
        began, meter = perf_counter(), Meter(this.fleet)
        for _ in range(WARM + this.plan.paints):
            at = time.time() * 1000
            answer = must(await connection.ask(request), 202)
            sent[msgspec.json.decode(answer.body)["id"]] = at
            await asyncio.sleep(GAP_SECONDS)
        await page.wait_for_function(f"Object.keys(visible).length === {len(sent)}", timeout=30_000)
        _, cpu = meter.read()
        shown: dict[str, Any] = await page.evaluate("visible")
    delays = [shown[one] - at for one, at in list(sent.items())[WARM:]]
    return Measurement(
        {"visible_p50": percentile(delays, 50), "visible_p99": percentile(delays, 99)},
        perf_counter() - began,
        cpu,
        samples={"visible": delays},
        notes={"visible after, max ms": max(delays)},
    )


async def scrolling(this: Round) -> Measurement:
    """One person scrolls to the end of a long inbox, page after page. Tasks are told by the CPU time that they take on
    the page's main thread: their length on a clock says what else the machine does.
    """
    [user] = this.people("scrolling", 1)
    batch = [this.notification([user])] * BATCH
    request = this.request("POST", "/v1/notifications/batch", {"notifications": batch})
    async with chromium() as browser, this.connections(1) as [connection]:
        for _ in range(this.plan.scrolled // BATCH):
            must(await connection.ask(request), 200)
        page = await _inbox_of(this, browser, user)
        await page.get_by_role("article").first.wait_for()
        traced = await browser.new_browser_cdp_session()
        tasks: list[dict[str, Any]] = []
        complete = asyncio.Event()
        traced.on("Tracing.dataCollected", lambda data: tasks.extend(data["value"]))
        traced.on("Tracing.tracingComplete", lambda _: complete.set())
        await traced.send("Tracing.start", {"categories": "toplevel", "transferMode": "ReportEvents"})
        began, meter = perf_counter(), Meter(this.fleet)
        await page.evaluate(SCROLL, this.plan.scrolled)
        _, cpu = meter.read()
        seconds = perf_counter() - began
        await traced.send("Tracing.end")
        await complete.wait()
    threads = {(one["pid"], one["tid"]) for one in tasks if one.get("args", {}).get("name") == "CrRendererMain"}
    lengths = [
        one.get("tdur", 0) / 1000
        for one in tasks
        if one["name"] == "ThreadControllerImpl::RunTask" and (one["pid"], one["tid"]) in threads
    ]
    return Measurement(
        {"scrolling_longest": max(lengths), "scrolling_long": float(sum(one > LONG_TASK_MS for one in lengths))},
        seconds,
        cpu,
        notes={"tasks": float(len(lengths)), "p99 of a task, ms": percentile(lengths, 99)},
    )


MEASUREMENTS = {"visible": visible, "scrolling": scrolling}
