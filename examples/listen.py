"""Follow one person's inbox over a WebSocket: a client of docs/protocol.md that needs only the package `websockets`.

    python examples/listen.py ada            what is new, until Ctrl-C
    python examples/listen.py ada place.txt  the same, and it goes on there the next time: first what it missed

HUB_URL and HUB_API_KEY say where and as whom; without them it is a running `hub dev`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

HUB_URL = os.environ.get("HUB_URL", "http://127.0.0.1:8000")
HUB_API_KEY = os.environ.get("HUB_API_KEY", "hk_dev")


def fetch_token(user: str) -> str:
    """What a backend does for the person who is signed in to it. The API key never leaves the backend."""
    path = f"/v1/users/{urllib.parse.quote(user, safe='')}/tokens"
    headers = {"Authorization": f"Bearer {HUB_API_KEY}"}
    with urllib.request.urlopen(urllib.request.Request(HUB_URL + path, b"", headers), timeout=10) as answer:
        return str(json.load(answer)["token"])


class Inbox:
    """Where we are: `rev` is the last change we hold, `cursor` says the same to the hub."""

    def __init__(self, place: Path | None) -> None:
        self.place = place
        self.rev: int | None = None
        self.cursor: str | None = None
        if place is not None and place.exists():
            rev, self.cursor = place.read_text().split()
            self.rev = int(rev)

    def take(self, frame: dict[str, Any]) -> dict[str, Any] | None:
        """Takes a frame in; what to answer, if anything."""
        kind = frame["type"]
        if kind == "ping":
            return {"type": "pong"}
        if kind == "reset":
            self.rev = self.cursor = None
        elif kind == "welcome" and "rev" in frame:  # the short one, after a cursor, has none
            self._move(frame, f"{frame['counts']['unread']} unread")
        elif kind == "changes" and self.rev is not None and frame["since"] <= self.rev <= frame["rev"]:
            self._move(frame, *(item["title"] for item in frame["items"] if item["seq"] > self.rev))
        elif "rev" in frame and kind != "ok" and self.rev is not None and frame["rev"] > self.rev:
            if frame["rev"] > self.rev + 1 or kind not in ("item", "update", "removed"):
                return {"type": "sync", "cursor": self.cursor}  # a gap: ask for what is missing
            is_new = kind == "item" and frame["item"]["seq"] == frame["rev"]
            self._move(frame, *([frame["item"]["title"]] if is_new else []))
        return None

    def _move(self, frame: dict[str, Any], *lines: str) -> None:
        for line in lines:
            print(line, flush=True)
        self.rev, self.cursor = frame["rev"], frame["cursor"]
        if self.place is not None:
            self.place.write_text(f"{self.rev} {self.cursor}")


async def follow(socket: ClientConnection, token: str, inbox: Inbox) -> None:
    """One connection, until it ends; silence for longer than the hub ever keeps is an end, too."""
    hello = {"type": "hello", "token": token, "state": "idle", **({"cursor": inbox.cursor} if inbox.cursor else {})}
    await socket.send(json.dumps(hello))
    patience = 35.0
    while True:
        frame = json.loads(await asyncio.wait_for(socket.recv(), patience))
        patience = frame.get("heartbeat_seconds", patience - 10) + 10
        reply = inbox.take(frame)
        if reply is not None:
            await socket.send(json.dumps(reply))


async def listen(user: str, inbox: Inbox) -> None:
    address = "ws" + HUB_URL.removeprefix("http") + "/v1/inbox/ws"
    failures = 0
    while True:
        started, socket = time.monotonic(), None
        try:
            token = await asyncio.to_thread(fetch_token, user)
            async with connect(
                address, subprotocols=[Subprotocol("hub.v1")], compression=None, ping_interval=None, max_size=None
            ) as socket:
                await follow(socket, token, inbox)
        except (OSError, WebSocketException) as error:
            code, reason = (socket.close_code, socket.close_reason or "") if socket else (None, str(error))
        if code is not None and 4500 <= code <= 4999:
            raise SystemExit(f"{code} {reason}")
        failures = 0 if time.monotonic() - started > 30 else failures + 1
        wait = random.uniform(0, min(30, 0.5 * 2 ** min(failures, 6)))
        if reason.startswith("{"):
            wait = json.loads(reason)["retry_after_seconds"]
        print(f"{code or 'no connection'} {reason}: again in {wait:.1f} s", file=sys.stderr)
        await asyncio.sleep(wait)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(listen(sys.argv[1], Inbox(Path(sys.argv[2]) if len(sys.argv) == 3 else None)))
