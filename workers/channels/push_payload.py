"""What is said in a push, and how long, how urgently and in whose place: pure, from a message.

The payload is encrypted for the browser and read by web-widget/src/hub-sw.js:

    id        of the notification           kind   `step`, or `withdrawal`: close what `id` shows
    tag       one notification on the screen for all of one tag: those of a thread are grouped
    key       of these, one of the same key takes the other's place
    delivery  the link to report with       title, body, url, icon, actions
"""

from __future__ import annotations

import hashlib
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from hub.model.message import Message
from hub.security.vapid import encode

MAX_PAYLOAD_BYTES: Final = 3_993  # RFC 8291, section 4: 4,096 of ciphertext without header, padding delimiter and tag
_TITLE_BYTES, _URL_BYTES = (
    800,
    2_048,
)  # as JSON; what is longer is cut, or for a URL left out: the page itself is opened
_BODY_BYTES = 400  # that a body keeps before an icon or an action may take room
_ACTIONS = 2  # browsers show no more
_ELLIPSIS = "…"

DAY = timedelta(days=1)
MAX_TTL = timedelta(days=28)  # what the large push services keep at most
WITHDRAWAL_TTL = timedelta(
    hours=1
)  # later it finds little to close, and every push that shows nothing is held against us
URGENCY: Final = {"critical": "high", "normal": "normal", "bulk": "low"}  # RFC 8030, section 5.3


def payload(message: Message, link: str) -> bytes:
    """The JSON of a push, at most MAX_PAYLOAD_BYTES long: texts are cut at the borders of characters."""
    said: dict[str, Any] = {"id": str(message.notification_id), "kind": message.kind, **_places(message)}
    if message.kind != "step":
        return msgspec.json.encode(said)
    texts, content = message.rendered, message.content
    said |= {"delivery": link, "title": shorten(texts.get("title", ""), _TITLE_BYTES)}
    url = texts.get("url")
    if url and _size(url) <= _URL_BYTES:
        said["url"] = url
    body = texts.get("body", "")
    said["body"] = shorten(body, _BODY_BYTES)  # what it keeps at least
    actions = [
        {name: action[name] for name in ("id", "label", "url") if action.get(name)}
        for action in (content.get("actions") or [])[:_ACTIONS]
    ]
    for name, value in (("icon", message.overrides.get("icon_url")), ("actions", actions)):
        if value and _size({**said, name: value}) <= MAX_PAYLOAD_BYTES:
            said[name] = value
    said["body"] = ""
    said["body"] = shorten(body, MAX_PAYLOAD_BYTES - _size(said) + _size(""))
    return msgspec.json.encode(said)


def headers(message: Message, now: datetime | None = None) -> dict[str, str]:
    """TTL, Urgency and Topic (RFC 8030, section 5)."""
    step = message.kind == "step"
    return {
        "TTL": str(int(_ttl(message, now or datetime.now(UTC)).total_seconds())),
        "Urgency": URGENCY.get(message.priority, "normal") if step else "normal",
        "Topic": topic(message),
    }


def topic(message: Message) -> str:
    """Of two with the same topic a push service keeps the later one: a repetition, a newer one of the same collapse
    key, or what withdraws it takes the place of one that has not arrived.

    Not the withdrawal of one with a collapse key: that key may long be a newer push's, which it would swallow.
    """
    if message.kind == "step" and message.collapse_key is not None:
        return _name(message, "collapse", message.collapse_key)
    return _name(message, "notification", str(message.notification_id))


def shorten(text: str, room: int) -> str:
    """`text`, cut so that it takes at most `room` bytes as JSON, quotes and all; no half character, no lone accent."""
    if _size(text) <= room:
        return text
    room -= len(_ELLIPSIS.encode())
    kept = text.encode("utf-8")[: max(0, room)].decode("utf-8", "ignore")
    while kept and (over := _size(kept) - room) > 0:
        kept = kept[: -max(1, over // 6)]  # nothing takes more than 6 bytes: \u001f
    while kept and len(kept) < len(text) and _joins(text[len(kept)], kept[-1]):
        kept = kept[:-1]
    return kept.rstrip() + _ELLIPSIS if kept else ""


def _joins(following: str, last: str) -> bool:
    """Whether a cut between these two would split what is seen as one character."""
    joiner = "\u200d"
    return following == joiner or last == joiner or not (following.isprintable() and _is_base(following))


def _is_base(character: str) -> bool:
    modifier = 0x1F3FB <= ord(character) <= 0x1F3FF  # skin tones
    return not (modifier or unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me"))


def _places(message: Message) -> dict[str, str]:
    key = (
        _name(message, "notification", str(message.notification_id))
        if message.collapse_key is None
        else _name(message, "collapse", message.collapse_key)
    )
    tag = key if message.thread_key is None else _name(message, "thread", message.thread_key)
    return {"tag": tag, "key": key}


def _name(message: Message, kind: str, name: str) -> str:
    """At most 32 characters of base64url (RFC 8030, section 5.4), which tell a push service nothing."""
    return encode(hashlib.sha256(f"{message.project_id} {kind} {name}".encode()).digest()[:18])


def _ttl(message: Message, now: datetime) -> timedelta:
    if message.kind != "step":
        return WITHDRAWAL_TTL
    asked = message.overrides.get("ttl_seconds")
    if asked is not None:
        wanted = timedelta(seconds=asked)
    else:
        wanted = DAY if message.expires_at is None else message.expires_at - now
    return min(max(wanted, timedelta(0)), MAX_TTL)


def _size(value: Any) -> int:
    return len(msgspec.json.encode(value))
