"""What a push says: within its size, without half characters, in the right place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.model.message import Address, Message
from workers.channels.push_payload import MAX_PAYLOAD_BYTES, headers, payload, shorten, topic

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
LINK = "x" * 120


def message(**fields: Any) -> Message:
    given: dict[str, Any] = {
        "kind": "step",
        "rendered": {"title": "Shipped", "body": "It is on its way", "url": "https://app.example.com/o/1"},
        "content": {},
        **fields,
    }
    one, two = UUID(int=1), UUID(int=2)
    return Message(
        delivery_id=one, notification_id=two, project_id=1, person_id=7, channel="web_push", attempt=1,
        category="general", to=Address("ada"), **given,
    )  # fmt: skip


def said(one: Message) -> dict[str, Any]:
    raw = payload(one, LINK)
    assert len(raw) <= MAX_PAYLOAD_BYTES
    return dict(msgspec.json.decode(raw))


def test_a_step_says_what_it_shows() -> None:
    actions = [{"id": str(n), "label": f"Do {n}", "url": None} for n in range(4)]
    found = said(message(content={"actions": actions}, overrides={"icon_url": "https://app.example.com/i.png"}))
    assert found["title"] == "Shipped"
    assert found["body"] == "It is on its way"
    assert found["url"] == "https://app.example.com/o/1"
    assert found["icon"] == "https://app.example.com/i.png"
    assert found["actions"] == [{"id": "0", "label": "Do 0"}, {"id": "1", "label": "Do 1"}]
    assert found["delivery"] == LINK
    assert found["tag"] == found["key"]


def test_a_withdrawal_says_only_what_it_closes() -> None:
    found = said(message(kind="withdrawal", thread_key="t"))
    assert found.keys() == {"id", "kind", "tag", "key"}
    assert found["tag"] == said(message(thread_key="t"))["tag"]


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=4_000)


@given(title=texts, body=texts, path=texts, icon=texts, labels=st.lists(texts, max_size=3))
def test_whatever_it_says_it_fits(title: str, body: str, path: str, icon: str, labels: list[str]) -> None:
    found = said(
        message(
            rendered={"title": title, "body": body, "url": f"https://a.example/{path}"},
            overrides={"icon_url": f"https://a.example/{icon}"},
            content={"actions": [{"id": "a", "label": label} for label in labels]},
        )
    )
    assert title.startswith(found["title"].rstrip("…").rstrip()) or title == found["title"]
    if len(body.encode()) < 60:
        assert found["body"] == body


@given(texts, st.integers(0, 300))
def test_what_is_shortened_fits_and_is_the_beginning(text: str, room: int) -> None:
    short = shorten(text, room)
    assert len(msgspec.json.encode(short)) <= max(room, 2)
    assert short == text or text.startswith(short.removesuffix("…"))


@pytest.mark.parametrize("seen", ["👩‍👩‍👧‍👦", "é", "👍🏽", "❤️"], ids=["family", "accent", "skin", "selector"])
def test_no_character_is_cut_in_half(seen: str) -> None:
    text = "a" * 10 + seen + "b" * 50
    for room in range(12, 60):
        short = shorten(text, room).removesuffix("…")
        assert short in ("a" * min(len(short), 10), *(("a" * 10 + seen + "b" * n) for n in range(51))), room


def test_topics_are_those_of_the_collapse_key_and_tell_nothing() -> None:
    plain, keyed = message(), message(collapse_key="K")
    assert topic(plain) == topic(message(rendered={"title": "again"}))
    assert topic(keyed) == topic(message(collapse_key="K", rendered={}))
    assert topic(plain) != topic(keyed)
    assert 8 <= len(topic(keyed)) <= 32
    assert topic(message(kind="withdrawal")) == topic(plain), "a withdrawal takes its push's place"
    assert topic(message(kind="withdrawal", collapse_key="K")) != topic(keyed), "or it would swallow a newer push"


@pytest.mark.parametrize(
    ("fields", "ttl", "urgency"),
    [
        ({}, 86_400, "normal"),
        ({"priority": "critical"}, 86_400, "high"),
        ({"priority": "bulk"}, 86_400, "low"),
        ({"expires_at": NOW + timedelta(minutes=5)}, 300, "normal"),
        ({"expires_at": NOW - timedelta(minutes=5)}, 0, "normal"),
        ({"expires_at": NOW + timedelta(days=90)}, 28 * 86_400, "normal"),
        ({"overrides": {"ttl_seconds": 60}, "expires_at": NOW + timedelta(hours=1)}, 60, "normal"),
        ({"kind": "withdrawal", "priority": "critical"}, 3_600, "normal"),
    ],
)
def test_how_long_and_how_urgently(fields: dict[str, Any], ttl: int, urgency: str) -> None:
    found = headers(message(**fields), NOW)
    assert (found["TTL"], found["Urgency"]) == (str(ttl), urgency)
