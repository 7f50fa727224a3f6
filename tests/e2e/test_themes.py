"""The themes of examples/themes are what the documentation shows, reach the widget, and can be read."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.async_api import expect

from tests.support.browser import chromium, device
from tests.support.ports import free_port
from tests.support.site import STYLE, site
from tests.support.system import ROOT

SCRIPT = (Path(__file__).parent / "inbox_page.js").read_text("utf-8")
THEMES = {path.stem: path.read_text("utf-8") for path in (ROOT / "examples" / "themes").glob("*.css")}
AXE = (ROOT / "web-widget" / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")
CONTRAST = """async () => (await axe.run({ runOnly: ["color-contrast"] })).violations
  .flatMap(({ nodes }) => nodes.map(({ html, failureSummary }) => html + failureSummary))"""
WEAR = """(name) => new Promise((done) => {
  const sheet = document.querySelector("link[rel=stylesheet]");
  sheet.onload = () => done();
  sheet.href = `/page.css?${name}`;
})"""
LOOK = """(panel) => {
  const { backgroundColor, fontFamily, borderWidth } = getComputedStyle(panel);
  return backgroundColor + fontFamily + borderWidth + getComputedStyle(panel.querySelector("header")).backgroundColor;
}"""


def test_the_gallery_shows_each_theme_as_it_is() -> None:
    page = (ROOT / "docs" / "howto" / "theming.md").read_text("utf-8")
    blocks = re.findall(r"^```css\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert [name for name, css in THEMES.items() if css not in blocks] == []
    assert sorted(re.findall(r"images/theme-(\w+)[.]webp", page)) == sorted(THEMES)


async def test_every_theme_can_be_read_in_light_and_dark() -> None:
    async with site(free_port(), "http://127.0.0.1:9", "", "", SCRIPT) as made, chromium() as browser:
        made.body = "<main><h1>A shop</h1><hub-inbox></hub-inbox></main>"
        async with device(browser, reduced_motion="reduce", has_touch=True) as laptop:
            tab = await laptop.open(f"{made.url}/?size=2")
            page = tab.page
            await expect(page.get_by_role("button", name="Notifications, 2 unread")).to_be_visible()
            await page.evaluate("arrive(1, { priority: 'critical' })")
            await page.get_by_role("button", name="Notifications, 3 unread").click()
            await expect(page.get_by_role("article")).to_have_count(3)
            await page.evaluate(AXE)
            looks = set()
            for name, css in THEMES.items():
                made.look = STYLE + css
                await page.evaluate(WEAR, name)
                looks.add(await page.get_by_role("dialog").evaluate(LOOK))
                for scheme in ("light", "dark"):
                    await page.emulate_media(color_scheme=scheme)
                    assert await page.evaluate(CONTRAST) == [], (name, scheme)
            assert len(looks) == len(THEMES)
            await tab.is_clean()
