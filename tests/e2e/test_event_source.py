"""The browser's own `EventSource` on the stream: no code of ours but three lines of the page's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp

from tests.e2e.test_widget import HEADERS, publish
from tests.support.browser import chromium
from tests.support.hub_dev import hub_dev

OPEN = """
(token) => {
  window.got = [];
  const source = new EventSource("/v1/inbox/events?token=" + encodeURIComponent(token));
  for (const type of ["welcome", "changes", "item", "update", "removed", "reset", "close"])
    source.addEventListener(type, (event) => got.push({ type, id: event.lastEventId, data: JSON.parse(event.data) }));
}
"""


async def test_an_event_source_follows_the_inbox_and_resumes_by_itself(tmp_path: Path) -> None:
    async with chromium() as browser:
        page = await browser.new_page(bypass_csp=True)  # the page is a stand-in for anybody's
        async with hub_dev(tmp_path) as hub:
            async with (
                aiohttp.ClientSession(headers=HEADERS) as session,
                session.post(f"{hub.url}/v1/users/ada/tokens", json={}) as made,
            ):
                token = (await made.json())["token"]
            await page.goto(f"{hub.url}/docs")
            await page.evaluate(OPEN, token)
            await page.wait_for_function("got.length === 1")
            await publish(hub.url, title="over an EventSource")
            await page.wait_for_function("got.length === 2")
            url = hub.url
        port = url.rpartition(":")[2]
        async with hub_dev(tmp_path, "--port", port) as hub:
            await publish(hub.url, title="while it was on its way back")
            await page.wait_for_function(
                "got.some(({ data }) => (data.items ?? [data.item]).some((item) => item?.title.startsWith('while')))",
                timeout=30_000,
            )
            got: list[dict[str, Any]] = await page.evaluate("got")
    first, live = got[0], got[1]
    assert (first["type"], first["data"]["items"]) == ("welcome", [])
    assert (live["type"], live["data"]["item"]["title"]) == ("item", "over an EventSource")
    assert live["id"] == live["data"]["cursor"]
    later = [one for one in got[2:] if one["type"] != "close"]
    assert "reset" not in [one["type"] for one in later], "it resumed from its cursor"
    assert all("items" not in one["data"] for one in later if one["type"] == "welcome")
