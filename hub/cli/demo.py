"""The demo of `hub dev`: the files of `web-widget/demo` under `/demo/`, its page at `/`."""

from __future__ import annotations

import mimetypes
from pathlib import Path

import hub
from hub.web.asgi import ASGIApp, Receive, Scope, Send

_PACKAGE = Path(hub.__file__).parent
_FOLDERS = (_PACKAGE / "_demo", _PACKAGE.parent / "web-widget" / "demo")  # in a wheel, in a checkout


class Demo:
    """Answers GET and HEAD for the demo's files, and hands everything else on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.shed = getattr(app, "shed", None)
        folder = next((folder for folder in _FOLDERS if folder.is_dir()), None)
        files = [] if folder is None else [path for path in folder.rglob("*") if path.is_file()]
        self._files = {f"/demo/{path.relative_to(folder).as_posix()}": path for path in files if folder is not None}
        if "/demo/index.html" in self._files:
            self._files["/"] = self._files["/demo/index.html"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        file = self._files.get(scope.get("path", "")) if scope["type"] == "http" else None
        if file is None or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        body = file.read_bytes()  # each time, so that a change shows on reload
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        if kind.startswith("text/"):
            kind += "; charset=utf-8"
        headers = [
            (b"content-type", kind.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-cache"),
            (b"x-content-type-options", b"nosniff"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
