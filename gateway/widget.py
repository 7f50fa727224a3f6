"""The widget's files: ES modules as they were written, from the checkout or from the installed package."""

from __future__ import annotations

import hashlib
from pathlib import Path

from hub.exceptions import NotFound
from hub.web.request import Request
from hub.web.response import Response
from hub.web.routing import Reply, Route

JAVASCRIPT = b"text/javascript; charset=utf-8"
# Module scripts are fetched with CORS; these files hold nothing of anybody's, and what they may then call is decided by
# HUB_ALLOWED_ORIGINS as ever.
_OPEN = ((b"access-control-allow-origin", b"*"), (b"cross-origin-resource-policy", b"cross-origin"))
_REVALIDATE = (b"cache-control", b"no-cache")  # names carry no version: a browser asks, and mostly hears 304
_PACKAGED = Path(__file__).parent / "_widget"
_CHECKOUT = Path(__file__).parent.parent / "web-widget" / "src"


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
        body, etag = file.read()
        headers = [*_OPEN, _REVALIDATE, (b"etag", etag)]
        if etag in (tag.strip().encode("latin-1") for tag in (request.header(b"if-none-match") or "").split(",")):
            return Response(304, headers=headers)
        return Response(200, body, media_type=JAVASCRIPT, headers=headers)


class _File:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = (0, 0)
        self._body = b""
        self._etag = b""

    def read(self) -> tuple[bytes, bytes]:
        """Content and entity tag; a file of a few KiB in the page cache, so that it is read where it is asked for."""
        status = self._path.stat()
        stamp = (status.st_mtime_ns, status.st_size)
        if stamp != self._stamp:
            self._body = self._path.read_bytes()
            self._etag = b'"%b"' % hashlib.sha256(self._body).hexdigest()[:32].encode("ascii")
            self._stamp = stamp
        return self._body, self._etag
