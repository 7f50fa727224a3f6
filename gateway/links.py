"""What a mail's pixel and links fetch: `/l/o/{token}.gif` and `/l/c/{token}`.

Both answer from the token alone and note what happened on the side. A link leads only where we have signed that it
leads; past an address's rate it still leads there, and is not counted.
"""

from __future__ import annotations

import re
from html import escape
from typing import Any, Literal
from urllib.parse import quote
from uuid import UUID

from gateway.page import refuse
from hub.exceptions import NotFound, RateLimited
from hub.model.tracking import is_followable
from hub.publish.engagement import Engagement, Seen
from hub.runtime import Hub
from hub.security.links import read_link
from hub.web.asgi import Headers
from hub.web.limits import RateLimiter
from hub.web.request import Request
from hub.web.response import HTML, Response
from hub.web.routing import Reply, Route

PER_SECOND = 50  # opens and clicks of one address that are counted; a company's readers, or a mail provider's proxy
BURST_SECONDS = 10.0
# One transparent pixel, GIF89a.
PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
GIF = b"image/gif"
QUIET: Headers = [
    (b"cache-control", b"no-store"),
    (b"x-robots-tag", b"noindex, nofollow"),
]
_NOT_ASCII = re.compile(r"[^\x21-\x7e]+")
MAX_HEADER = 500  # characters that are looked at
TOKEN = frozenset({"token"})


class TrackedLinks:
    """Routes of the pixel and of followed links."""

    def __init__(self, hub: Hub, engagement: Engagement) -> None:
        self._secret = hub.settings.secret.get_secret_value()
        self._engagement = engagement
        self._limiter = RateLimiter(BURST_SECONDS)

    def routes(self) -> list[Route]:
        return [
            Route(
                "GET", "/l/o/{token}", self.get_pixel, "A mail's pixel", "links",
                {200: Reply("A picture.", media_type="image/gif")}, hidden=True, refuse=refuse, tokens=TOKEN,
            ),
            Route(
                "GET", "/l/c/{token}", self.follow_link, "A mail's link", "links",
                {302: Reply("Where it leads.")}, hidden=True, refuse=refuse, tokens=TOKEN,
            ),
        ]  # fmt: skip

    async def get_pixel(self, request: Request) -> Response:
        said = read_link(self._secret, "open", request.params["token"].removesuffix(".gif"))
        self._note(request, "opened", said)
        headers = [*QUIET, (b"cross-origin-resource-policy", b"cross-origin")]  # webmail shows it on a page of its own
        return Response(200, PIXEL, media_type=GIF, headers=headers)

    async def follow_link(self, request: Request) -> Response:
        said = read_link(self._secret, "click", request.params["token"])
        url = said[3]
        if not is_followable(url):
            raise NotFound("This link leads nowhere.")
        self._note(request, "clicked", said)
        # As browsers would spell it (URL standard): headers are ASCII, a signed URL may hold any letter.
        location = _NOT_ASCII.sub(lambda letters: quote(letters[0]), url)
        body = f'<!doctype html><title>Link</title><a href="{escape(location)}">{escape(location)}</a>'.encode("ascii")
        headers: Headers = [(b"location", location.encode("ascii")), *QUIET]
        return Response(302, body, media_type=HTML, headers=headers)

    def _note(self, request: Request, event: Literal["opened", "clicked"], said: list[Any]) -> None:
        """Not for HEAD: it fetches nothing that anybody sees."""
        if request.method != "GET":
            return
        try:
            self._limiter.take(request.address, PER_SECOND)
        except RateLimited:
            return
        project_id, person_id, delivery_id = said[:3]
        url, link = said[3:5] if event == "clicked" else (None, None)
        agent, language = (request.header(name) or "" for name in (b"user-agent", b"accept-language"))
        purpose = " ".join(request.header(name) or "" for name in (b"sec-purpose", b"purpose", b"x-moz"))
        shown = agent[:MAX_HEADER], language[:MAX_HEADER], purpose[:MAX_HEADER]
        self._engagement.note(Seen(event, project_id, person_id, UUID(delivery_id), link, url, *shown))
