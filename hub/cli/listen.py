"""`hub listen`: one person's inbox as a client sees it, by the client protocol (docs/protocol.md).

`Follower` holds what the protocol asks a client to remember and decides without any I/O; `_follow` carries it over a
WebSocket, reconnects, and keeps the token fresh. It sends no `ack` and is never `active`: looking at an inbox from
outside must not count as the person's own device.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import click
import msgspec
import websockets
from websockets.asyncio.client import ClientConnection, connect

from hub.cli.output import json_option, note, print_line, printable
from hub.cli.remote import Remote, open_remote, segment
from hub.exceptions import HubError, Unreachable

SUBPROTOCOL = "hub.v1"
_RECONNECT_CODES = frozenset({1000, 1001, 1005, 1006, 1011, 1012, 1013, 1014})
_TOKEN_EXPIRED = 4100
_GRACE_SECONDS = 10  # the hub may be silent for heartbeat_seconds and this (contract, "Heartbeat")
_STABLE_SECONDS = 30  # after as long a connection, backoff starts again
_BACKOFF_SECONDS, _BACKOFF_MAX_SECONDS = 0.5, 30.0
_RENEW_BEFORE_SECONDS = 60
_MAX_FRAME_BYTES = 64 << 20  # a page of 200 items with 16 KiB of data each is under 5 MB; this only bounds a broken hub


class Refused(HubError):
    """The hub closed the connection with a code that says: do not come back."""


@dataclass
class Follower:
    """Where a client is in an inbox: applies the rules of "Revisions"; no I/O.

    `rev` and `cursor` are None until the first `welcome` with items.
    """

    rev: int | None = None
    cursor: str | None = None
    replies: list[dict[str, Any]] = field(default_factory=list)
    _syncing: bool = False

    def connected(self) -> None:
        """A new connection: an unanswered `sync` of the old one never comes."""
        self._syncing = False
        self.replies.clear()

    def receive(self, frame: dict[str, Any]) -> bool:
        """Take a frame in; True when it brought news. What has to be sent back is added to `replies`."""
        match frame.get("type"):
            case "ping":
                self.replies.append({"type": "pong"})
                return False
            case "welcome":
                if "rev" in frame:
                    self.rev, self.cursor, self._syncing = frame["rev"], frame["cursor"], False
                return True
            case "reset":
                self.rev = self.cursor = None
                return True
            case "changes":
                return self._apply_changes(frame)
            case "ok" | "pong":
                return False
            case "item" | "update" | "removed":
                return self._apply_next(frame)
            case _:
                if "rev" in frame:  # of a later protocol: a change we cannot read
                    self._ask_for_changes(frame["rev"])
                    return False
                return frame.get("type") == "error"

    def _apply_next(self, frame: dict[str, Any]) -> bool:
        if self.rev is None or frame["rev"] <= self.rev:
            return False
        if frame["rev"] > self.rev + 1:
            self._ask_for_changes(frame["rev"])
            return False
        self.rev, self.cursor = frame["rev"], frame["cursor"]
        return True

    def _apply_changes(self, frame: dict[str, Any]) -> bool:
        if self.rev is None:
            return False
        if not frame["more"]:
            self._syncing = False
        if frame["since"] > self.rev:
            self._ask_for_changes(frame["rev"])
            return False
        if frame["rev"] >= self.rev:
            self.rev, self.cursor = frame["rev"], frame["cursor"]
        return bool(frame["items"] or frame["updates"] or frame["removed"])

    def _ask_for_changes(self, rev: int) -> None:
        if self.rev is not None and rev > self.rev and not self._syncing:
            self._syncing = True
            self.replies.append({"type": "sync", "cursor": self.cursor})


@dataclass
class _Token:
    text: str
    expires_at: datetime

    def seconds_left(self) -> float:
        return (self.expires_at - datetime.now(UTC)).total_seconds()


async def _fetch_token(remote: Remote, user: str) -> _Token:
    answer = await remote.call("POST", f"/v1/users/{segment(user)}/tokens", {})
    return _Token(answer["token"], datetime.fromisoformat(answer["expires_at"]))


def retry_after(code: int, reason: str, failures: int) -> float:
    """Seconds until the next attempt: what the hub says, else full jitter (contract, "Close codes")."""
    if 4000 <= code < 4500:
        with contextlib.suppress(msgspec.DecodeError, KeyError, TypeError, ValueError):
            return max(0.0, float(msgspec.json.decode(reason)["retry_after_seconds"]))
    return random.uniform(0, min(_BACKOFF_MAX_SECONDS, _BACKOFF_SECONDS * 2 ** min(failures, 10)))


def may_reconnect(code: int) -> bool:
    """Whether a close code lets a client come back."""
    return 4000 <= code < 4500 or code in _RECONNECT_CODES


async def _follow(remote: Remote, user: str, address: str, show: Callable[[dict[str, Any]], bool]) -> None:
    """Show frames until `show` says that it has seen enough.

    Raises:
        Refused, ApiRefused: The hub does not want us.
        Unreachable: There was no hub from the start; one that goes away later is waited for.
    """
    loop = asyncio.get_running_loop()
    follower = Follower()
    token = await _fetch_token(remote, user)
    failures = 0
    connected_once = False
    while True:
        started = loop.time()
        code, reason = 1006, ""
        try:
            if token.seconds_left() < _RENEW_BEFORE_SECONDS:
                token = await _fetch_token(remote, user)
            async with connect(
                address,
                subprotocols=[websockets.Subprotocol(SUBPROTOCOL)],
                compression=None,
                ping_interval=None,  # the hub's own heartbeat shows life
                max_size=_MAX_FRAME_BYTES,
                open_timeout=10,
                proxy=None,
            ) as socket:
                follower.connected()
                if await _converse(socket, remote, user, token, follower, show):
                    return
                connected_once = True
                code, reason = socket.close_code or 1006, socket.close_reason or ""
        except websockets.InvalidStatus as error:
            status = error.response.status_code
            if status < 500 and status != 429:
                raise Refused(
                    f"{address} answered {status} instead of a WebSocket; --gateway names the gateway."
                ) from None
            reason = f"HTTP {status}"
        except (OSError, TimeoutError, websockets.InvalidHandshake, Unreachable) as error:
            if not connected_once:
                raise Unreachable(f"The gateway at {address} does not answer ({error}).") from None
            reason = str(error)
        if not may_reconnect(code):
            raise Refused(f"The hub closed the connection: {code} {printable(reason)}".rstrip())
        if code == _TOKEN_EXPIRED:
            token.expires_at = datetime.now(UTC)
        failures = 0 if loop.time() - started > _STABLE_SECONDS else failures + 1
        pause = retry_after(code, reason, failures)
        note(f"Connection ended ({code}{f' {printable(reason)}' if reason else ''}); again in {pause:.1f} s.")
        await asyncio.sleep(pause)


async def _converse(
    socket: ClientConnection,
    remote: Remote,
    user: str,
    token: _Token,
    follower: Follower,
    show: Callable[[dict[str, Any]], bool],
) -> bool:
    """One connection, until it ends (False) or `show` has seen enough (True)."""
    hello = {"type": "hello", "token": token.text, "state": "idle"}
    if follower.cursor is not None:
        hello["cursor"] = follower.cursor
    await _send(socket, hello)
    silence = 35.0  # seconds; until `welcome` says how often the hub speaks
    renewal = asyncio.create_task(_renew(socket, remote, user, token))
    try:
        while True:
            async with asyncio.timeout(silence):
                frame = msgspec.json.decode(await socket.recv(), type=dict[str, Any])
            if "heartbeat_seconds" in frame:
                silence = frame["heartbeat_seconds"] + _GRACE_SECONDS
            news = follower.receive(frame)
            while follower.replies:
                await _send(socket, follower.replies.pop(0))
            if news and show(frame):
                await socket.close()
                return True
    except (websockets.ConnectionClosed, TimeoutError):
        return False
    finally:
        renewal.cancel()
        with contextlib.suppress(asyncio.CancelledError, websockets.ConnectionClosed, HubError):
            await renewal


async def _renew(socket: ClientConnection, remote: Remote, user: str, token: _Token) -> None:
    """A new token on the open connection shortly before the old one ends."""
    while True:
        await asyncio.sleep(max(1.0, token.seconds_left() - _RENEW_BEFORE_SECONDS))
        try:
            fresh = await _fetch_token(remote, user)
        except Unreachable:
            continue  # in a second again; if it lasts, the hub closes 4100 and the reconnect sees to it
        token.text, token.expires_at = fresh.text, fresh.expires_at
        await _send(socket, {"type": "token", "ref": 1, "token": token.text})


async def _send(socket: ClientConnection, frame: dict[str, Any]) -> None:
    await socket.send(msgspec.json.encode(frame).decode())


def describe(frame: dict[str, Any]) -> list[str]:
    """A frame in lines for people."""
    match frame["type"]:
        case "welcome" if "counts" in frame:
            counts = frame["counts"]
            return [f"connected at rev {frame['rev']}: {counts['unread']} unread of {counts['total']}"]
        case "welcome":
            return ["connected again"]
        case "item":
            return [_describe_item(frame["item"])]
        case "changes":
            lines = [_describe_item(item) for item in frame["items"]]
            lines += [_describe_update(update) for update in frame["updates"]]
            return lines + [f"{item_id}  removed" for item_id in frame["removed"]]
        case "update":
            return [_describe_update(frame)]
        case "removed":
            return [f"{item_id}  removed" for item_id in frame["ids"]]
        case "reset":
            return ["reset: the inbox starts anew"]
        case "error":
            return [f"error {printable(frame.get('code'))}: {printable(frame.get('detail'))}"]
    return []


def _describe_item(item: dict[str, Any]) -> str:
    body = f" — {printable(item['body'])}" if item.get("body") else ""
    return f"{item['id']}  {printable(item['category'])}: {printable(item['title'])}{body}"


def _describe_update(update: dict[str, Any]) -> str:
    which = f"all up to {update['upto']}" if update.get("all") else " ".join(update["ids"])
    changed = ", ".join(f"{name} {'cleared' if value is None else 'set'}" for name, value in update["set"].items())
    return f"{which}  {printable(changed)}"


def socket_address(url: str) -> str:
    """The WebSocket's address at a hub or gateway with this base URL."""
    parts = urlsplit(url.rstrip("/"))
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme)
    if scheme is None or not parts.hostname:
        raise click.UsageError(f"--gateway {url!r} is not an http or https address.")
    return urlunsplit((scheme, parts.netloc, f"{parts.path}/v1/inbox/ws", "", ""))


@click.command()
@click.argument("user")
@click.option("--gateway", help="Base URL of a gateway; default: HUB_URL.")
@click.option("--count", type=click.IntRange(1), help="End after this many new items.")
@json_option
def listen(user: str, *, gateway: str | None, count: int | None, as_json: bool) -> None:
    """Follow USER's inbox until Ctrl-C: one line per event, or with --json one frame per line."""
    seen = 0

    def show_frame(frame: dict[str, Any]) -> bool:
        nonlocal seen
        for line in [msgspec.json.encode(frame).decode()] if as_json else describe(frame):
            print_line(line)
        seen += len(frame["items"]) if frame["type"] == "changes" else frame["type"] == "item"
        return count is not None and seen >= count

    async def work() -> None:
        async with open_remote() as remote:
            following = asyncio.ensure_future(_follow(remote, user, socket_address(gateway or remote.url), show_frame))
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, following.cancel)
            with contextlib.suppress(asyncio.CancelledError):
                await following

    asyncio.run(work())
