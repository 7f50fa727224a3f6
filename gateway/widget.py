"""The widget's files: the bundles of `web-widget/dist`, from the checkout or from the installed package."""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path
from typing import NamedTuple

from hub.exceptions import NotFound
from hub.web.request import Request
from hub.web.response import Response
from hub.web.routing import Reply, Route

JAVASCRIPT = b"text/javascript; charset=utf-8"
GZIP_LEVEL = 9  # once a file, and then for everybody who loads it
# Module scripts are fetched with CORS; these files hold nothing of anybody's, and what they may then call is decided by
# HUB_ALLOWED_ORIGINS as ever.
_HEADERS = (
    (b"access-control-allow-origin", b"*"),
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-cache"),  # names carry no version: a browser asks, and mostly hears 304
    (b"vary", b"accept-encoding"),
)
_PACKAGED = Path(__file__).parent / "_widget"
_CHECKOUT = Path(__file__).parent.parent / "web-widget" / "dist"


class Widget:
    """Routes under `/widget`. Only the modules that are there when it is made, and read again when they change."""

    def __init__(self) -> None:
        directory = _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT
        self._files = {path.name: _File(path) for path in sorted(directory.glob("*.js"))}

    def routes(self) -> list[Route]:
        module = Reply("The module.", media_type="text/javascript")
        return [
            Route(
                "GET", "/widget/{file}", self.get_widget_file, "Widget, headless client, service worker", "widget",
                {200: module, 304: Reply("As `If-None-Match` says.")},
                f"One of {', '.join(f'`{name}`' for name in self._files)}.", errors=(404,),
            )
        ]  # fmt: skip

    async def get_widget_file(self, request: Request) -> Response:
        file = self._files.get(request.params["file"])
        if file is None:
            raise NotFound("There is no such file of the widget.")
        found = file.read(gzipped=takes_gzip(request.header(b"accept-encoding") or ""))
        headers = [*_HEADERS, (b"etag", found.etag), *found.headers]
        # Proxies that compress anew weaken tags on their way; what is compared weakly is the tag without that mark.
        asked = (tag.strip().removeprefix("W/") for tag in (request.header(b"if-none-match") or "").split(","))
        if found.etag.decode("latin-1") in asked:
            return Response(304, headers=headers)
        return Response(200, found.body, media_type=JAVASCRIPT, headers=headers)


def takes_gzip(accepted: str) -> bool:
    """Whether `Accept-Encoding` names gzip, or everything, and not with a weight of nothing (RFC 9110, 12.5.3)."""
    weights: dict[str, bool] = {}
    for part in accepted.lower().split(","):
        coding, *parameters = (text.strip() for text in part.split(";"))
        weights[coding] = not any(p.replace(" ", "").rstrip("0").rstrip(".") in ("q=", "q=0") for p in parameters)
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", False)))


class _Representation(NamedTuple):
    body: bytes
    etag: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


class _File:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = (0, 0)
        self._plain = self._gzipped = _Representation(b"", b"")

    def read(self, *, gzipped: bool) -> _Representation:
        """The file as it is now; of a few KiB in the page cache, so that it is read and compressed where it is asked
        for, and only when it changed.
        """
        status = self._path.stat()
        stamp = (status.st_mtime_ns, status.st_size)
        if stamp != self._stamp:
            body = self._path.read_bytes()
            tag = hashlib.sha256(body).hexdigest()[:32].encode("ascii")
            self._plain = _Representation(body, b'"%b"' % tag)
            encoding = ((b"content-encoding", b"gzip"),)
            self._gzipped = _Representation(_compress(body), b'"%b-gzip"' % tag, encoding)
            self._stamp = stamp
        return self._gzipped if gzipped else self._plain


def _compress(body: bytes) -> bytes:
    """With no time of writing in it: every gateway sends the same bytes under the same tag."""
    return zlib.compress(body, GZIP_LEVEL, wbits=31)
