"""A whole page with an inbox: serves embed.html, and gives its widget a client token. Standard library only.

    HUB_ALLOWED_ORIGINS=http://127.0.0.1:5000 hub dev      # in one terminal
    python examples/backend.py                             # in another; then open http://127.0.0.1:5000

/headless.html is an inbox of the page's own making; /push.html is a page that switches web push on and off, and
hub-sw.js its service worker.

HUB_URL and HUB_API_KEY say where the hub is and as whom; without them it is a running `hub dev`.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HUB_URL = os.environ.get("HUB_URL", "http://127.0.0.1:8000")
HUB_API_KEY = os.environ.get("HUB_API_KEY", "hk_dev")
FILES = {
    "/": ("embed.html", "text/html"),
    "/headless.html": ("headless.html", "text/html"),
    "/push.html": ("push.html", "text/html"),
    "/hub-sw.js": ("hub-sw.js", "text/javascript"),
}


def fetch_token(user: str) -> str:
    """A client token for one person, good for an hour."""
    path = f"/v1/users/{urllib.parse.quote(user, safe='')}/tokens"
    headers = {"Authorization": f"Bearer {HUB_API_KEY}"}
    with urllib.request.urlopen(urllib.request.Request(HUB_URL + path, b"", headers), timeout=10) as answer:
        return str(json.load(answer)["token"])


class Handler(BaseHTTPRequestHandler):
    """Two things: the pages, and a token for whoever is signed in."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path in FILES:
            name, kind = FILES[path]
            text = Path(__file__).with_name(name).read_text("utf-8")
            self._answer(200, kind, text.replace("http://127.0.0.1:8000", HUB_URL))
        elif path == "/favicon.ico":
            self.send_response(204)
            self.end_headers()
        else:
            self._answer(404, "text/plain", "not found")

    def do_POST(self) -> None:
        user = self._signed_in()
        if self.path != "/hub-token":
            self._answer(404, "text/plain", "not found")
        elif user is None:
            self._answer(401, "text/plain", "nobody is signed in")
        else:
            try:
                self._answer(200, "text/plain", fetch_token(user))
            except urllib.error.HTTPError as refused:
                self._answer(502, "text/plain", f"The hub refused a token: {refused.read().decode()}")
            except OSError:
                self._answer(502, "text/plain", f"The hub at {HUB_URL} does not answer.")

    def _signed_in(self) -> str | None:
        """Your session, instead: never take the user from what the browser says about itself."""
        return "ada"

    def _answer(self, status: int, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    port = sys.argv[1] if len(sys.argv) > 1 else "5000"
    try:
        server = ThreadingHTTPServer(("127.0.0.1", int(port)), Handler)
    except (OSError, ValueError, OverflowError):
        raise SystemExit(
            f"Port {port} is taken, or none to listen on. Another: python examples/backend.py 5001"
        ) from None
    print(f"http://127.0.0.1:{port}", flush=True)
    server.serve_forever()
