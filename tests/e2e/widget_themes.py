"""Pictures of the themes of examples/themes for the documentation, in light and dark: `make pictures`."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from playwright.async_api import ViewportSize

from tests.e2e.widget_states import BERLIN, IMAGES, INBOX, SCENES, STYLE, keep, sheet, studio
from tests.support.browser import chromium, device
from tests.support.system import ROOT

THEMES = ROOT / "examples" / "themes"
SIZE: ViewportSize = {"width": 490, "height": 520}
MORE = {"terminal": " density='compact'"}
"""Attributes that a theme counts on."""


async def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        async with AsyncExitStack() as stack:
            browser = await stack.enter_async_context(chromium())
            made = await studio(stack, Path(directory), {"ada": INBOX})
            for theme in sorted(THEMES.glob("*.css")):
                made.site.look = STYLE + theme.read_text("utf-8")
                scene = replace(SCENES["open"], more=MORE.get(theme.stem, ""))
                pictures = {}
                for scheme in ("light", "dark"):
                    options = {"color_scheme": scheme, "reduced_motion": "reduce", "timezone_id": BERLIN.key}
                    async with device(browser, **options) as tablet:
                        pictures[scheme] = await made.shot(tablet, scene, "ada", SIZE)
                keep(IMAGES / f"theme-{theme.stem}.webp", await sheet(browser, pictures, "light", SIZE["width"], 2))


if __name__ == "__main__":
    asyncio.run(main())
