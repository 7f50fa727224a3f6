"""Somebody's own web site: a page that embeds the hub, and the backend that gives its visitors their tokens.

The page stands under the strictest policy that the widget promises to work under, and serves the widget's files itself,
so that a hub that is away can be told from a page that is.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import quote

import aiohttp
from aiohttp import web

from tests.support.system import ROOT

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' {hub} {socket}; "
    "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
PAGE = """<!doctype html><html lang="{language}" dir="{direction}"><head><meta charset="utf-8"><title>A shop</title>
<link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="/page.css"></head>
<body>{body}<script type="module" src="/page.js"></script></body></html>"""
STYLE = ":root { color-scheme: light dark; font-family: system-ui, sans-serif; } body { margin: 16px; }"


@dataclass
class Site:
    """What it serves may be changed while it runs.

    Attributes:
        hub: Where its pages find the hub.
        api: Where its backend does, with `key`.
        script: The module of every page.
        body: Inside the page's <body>.
        token_seconds: How long the tokens that it gives are good.
        tokens: Whom it gave one, in order.
        signed_in: False: it gives nobody a token.
        look: The style sheet of every page.
    """

    url: str
    hub: str
    api: str
    key: str
    script: str
    body: str = "<main><h1>A shop</h1></main>"
    language: str = "en"
    direction: str = "ltr"
    token_seconds: int = 3600
    tokens: list[str] = field(default_factory=list)
    signed_in: bool = True
    look: str = STYLE

    async def page(self, _: web.Request) -> web.Response:
        policy = POLICY.format(hub=self.hub, socket=self.hub.replace("http", "ws", 1))
        text = PAGE.format(body=self.body, language=self.language, direction=self.direction)
        return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": policy})

    async def javascript(self, _: web.Request) -> web.Response:
        return web.Response(text=f'const HUB = "{self.hub}";\n{self.script}', content_type="text/javascript")

    async def style(self, _: web.Request) -> web.Response:
        return web.Response(text=self.look, content_type="text/css")

    async def token(self, request: web.Request) -> web.Response:
        if not self.signed_in:
            return web.Response(status=401)
        user = request.query["user"]
        self.tokens.append(user)
        address = f"{self.api}/v1/users/{quote(user, safe='')}/tokens"
        headers = {"Authorization": f"Bearer {self.key}"}
        body = {"expires_in_seconds": self.token_seconds}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.post(address, json=body) as answer,
        ):
            return web.Response(text=str((await answer.json())["token"]))


@contextlib.asynccontextmanager
async def site(port: int, hub: str, api: str, key: str, script: str) -> AsyncIterator[Site]:
    """Serves on http://127.0.0.1:`port`, which the hub must allow as an origin."""
    made = Site(f"http://127.0.0.1:{port}", hub, api, key, script)
    app = web.Application()
    app.router.add_get("/", made.page)
    app.router.add_get("/page.js", made.javascript)
    app.router.add_get("/page.css", made.style)
    app.router.add_get("/token", made.token)
    app.router.add_static("/widget", ROOT / "web-widget" / "dist")
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield made
    finally:
        await runner.cleanup()
