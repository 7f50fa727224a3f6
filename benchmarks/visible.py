"""From a publish to the frame in which a browser paints it: the whole way, with the widget at its end."""

from __future__ import annotations

import asyncio
import time
from time import perf_counter
from typing import Any

import msgspec
from playwright.async_api import Route

from benchmarks.fleet import HOST
from benchmarks.measure import Measurement, Meter, Round, must
from benchmarks.stats import percentile
from tests.support.browser import chromium

WARM = 10  # publishes that fill caches and are not counted
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


async def visible(this: Round) -> Measurement:
    """One person reads in one tab; one publish after the other. Times are of one machine's clock."""
    [user] = this.people("visible", 1)
    token = this.seats([user])[0].token
    address = f"http://{HOST}:{this.fleet.gateway.port}"
    request = this.publish([user])
    sent: dict[str, float] = {}

    async def page_of(route: Route) -> None:
        await route.fulfill(body=PAGE, content_type="text/html")

    async def script_of(route: Route) -> None:
        await route.fulfill(body=SCRIPT.replace("TOKEN", token), content_type="text/javascript")

    async with chromium() as browser, this.connections(1) as [connection]:
        page = await browser.new_page()
        await page.route(f"{address}/visible", page_of)
        await page.route(f"{address}/visible.js", script_of)
        await page.goto(f"{address}/visible")
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


MEASUREMENTS = {"visible": visible}
