"""A person's inbox, marks, presence and timelines, as their backend sees them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec

from hub.bus.presence import State
from hub.bus.presence_writer import PresenceWriter
from hub.runtime import Hub
from tests.support.api_server import Caller


async def publish(call: Caller, **fields: Any) -> str:
    answer = await call("POST", "/v1/notifications", {"recipients": ["u"], "title": "t", **fields})
    assert answer.status == 202, answer
    identifier: str = answer.json["id"]
    return identifier


async def test_marks_change_the_inbox_and_its_counts(call: Caller) -> None:
    for index in range(3):
        await publish(call, title=str(index), tags=["even"] if index % 2 == 0 else [])
    page = (await call("GET", "/v1/users/u/inbox?limit=2")).json
    assert [item["title"] for item in page["items"]] == ["2", "1"]
    assert page["counts"] == {"unseen": 3, "unread": 3, "total": 3}
    assert page["rev"] == 3
    rest = (await call("GET", f"/v1/users/u/inbox?cursor={page['next_cursor']}")).json
    assert [item["title"] for item in rest["items"]] == ["0"]
    marked = await call("POST", "/v1/users/u/inbox/mark", {"action": "read", "ids": [page["items"][0]["id"]]})
    assert marked.json == {"rev": 4, "changed": 1, "unknown": []}
    headers = {"Idempotency-Key": "m"}
    body = {"action": "archive", "all": True, "tag": "even"}
    first = await call("POST", "/v1/users/u/inbox/mark", body, headers=headers)
    assert first.json["changed"] == 2
    again = await call("POST", "/v1/users/u/inbox/mark", body, headers=headers)
    assert (again.json, again.headers["Idempotency-Replayed"]) == (first.json, "true")
    left = (await call("GET", "/v1/users/u/inbox")).json
    assert [item["title"] for item in left["items"]] == ["1"]
    assert left["counts"] == {"unseen": 1, "unread": 1, "total": 1}
    archived = (await call("GET", "/v1/users/u/inbox?status=archived")).json["items"]
    assert [item["title"] for item in archived] == ["2", "0"]


async def test_other_peoples_items_are_unknown(call: Caller) -> None:
    await publish(call)
    await call("POST", "/v1/notifications", {"recipients": ["v"], "title": "theirs"})
    theirs = (await call("GET", "/v1/users/v/inbox")).json["items"][0]["id"]
    marked = await call("POST", "/v1/users/u/inbox/mark", {"action": "delete", "ids": [theirs]})
    assert marked.json == {"rev": 1, "changed": 0, "unknown": [theirs]}
    assert len((await call("GET", "/v1/users/v/inbox")).json["items"]) == 1


async def test_nobody_has_no_inbox(call: Caller) -> None:
    assert (await call("GET", "/v1/users/nobody/inbox")).status == 404
    assert (await call("POST", "/v1/users/nobody/inbox/mark", {"action": "read", "all": True})).status == 404
    assert (await call("GET", "/v1/users/nobody/presence")).status == 200


async def test_presence_of_somebody_who_was_never_there(call: Caller) -> None:
    await call("PUT", "/v1/users/u", {})
    found = (await call("GET", "/v1/users/u/presence")).json
    assert found["state"] in ("offline", "unknown")
    assert found["connections"] == []
    assert found["last_seen_at"] is None


async def test_presence_says_what_is_true_while_a_grace_lasts(call: Caller, hub: Hub, project_id: int) -> None:
    """Who is away at this moment is idle or offline at once; that nobody acts on it yet is another matter."""
    hub.settings.presence_settle_seconds = 0
    writer = PresenceWriter(hub.redis, hub.installation, "0" * 12)
    writer.start()
    connection = {"id": f"{'0' * 12}1", "gateway": "0" * 12}
    states: tuple[State, ...] = ("active", "idle")
    for state in states:
        await writer.set(project_id, "u", connection["id"], state)
        answer = (await call("GET", "/v1/users/u/presence")).json
        assert answer == {"state": state, "last_seen_at": None, "connections": [connection | {"state": state}]}
    await writer.close()
    answer = (await call("GET", "/v1/users/u/presence")).json
    assert answer == {"state": "offline", "last_seen_at": None, "connections": []}
    (found,) = await hub.presences([(project_id, "u")])
    assert found.grace_until is not None


async def test_a_timeline_tells_what_happened_and_why(call: Caller) -> None:
    first = await publish(call, collapse_key="c")
    await call("POST", "/v1/users/u/inbox/mark", {"action": "seen", "all": True})
    second = await publish(call, collapse_key="c", recipients=["u", "v"], dedupe_key="d")
    third = await publish(call, recipients=["v", "w"], dedupe_key="d")
    await call("POST", f"/v1/notifications/{second}/cancel")

    async def events(identifier: str) -> list[tuple[str | None, str, str | None]]:
        items = (await call("GET", f"/v1/notifications/{identifier}/timeline")).json["items"]
        assert [item["at"] for item in items] == sorted(item["at"] for item in items)
        return [(item["user"], item["event"], item["reason"]) for item in items if item["reason"] != "no_provider"]

    assert await events(first) == [
        (None, "accepted", None),
        ("u", "stored", None),
        ("u", "seen", None),
        ("u", "collapsed", None),
    ]
    assert sorted(await events(second), key=str) == sorted(
        [
            (None, "accepted", None),
            ("u", "stored", None),
            ("v", "stored", None),
            (None, "cancelled", None),
            ("u", "cancelled", None),
            ("v", "cancelled", None),
        ],
        key=str,
    )
    assert sorted(await events(third), key=str) == sorted(
        [(None, "accepted", None), ("v", "skipped", "duplicate"), ("w", "stored", None)], key=str
    )


async def test_a_timeline_pages(call: Caller) -> None:
    identifier = await publish(call, recipients=[f"u{index}" for index in range(7)])
    seen: list[Any] = []
    cursor = ""
    while True:
        page = (await call("GET", f"/v1/notifications/{identifier}/timeline?limit=3{cursor}")).json
        seen += [(item["user"], item["channel"], item["event"]) for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert len(seen) == 10
    assert set(seen) == {
        (None, None, "accepted"),
        (None, "email", "skipped"),
        (None, "web_push", "skipped"),
        *((f"u{index}", "in_app", "stored") for index in range(7)),
    }


async def _server_events(content: aiohttp.StreamReader) -> AsyncIterator[tuple[str, str, Any]]:
    fields: dict[str, str] = {}
    async for line in content:
        text = line.decode("utf-8").rstrip("\r\n")
        if text:
            name, _, value = text.partition(": ")
            fields[name] = value
        elif "data" in fields:
            yield fields.get("event", ""), fields.get("id", ""), msgspec.json.decode(fields["data"])
            fields = {}


async def test_a_live_timeline_shows_what_happens(call: Caller) -> None:
    identifier = await publish(call)
    url = f"{call.url}/v1/notifications/{identifier}/timeline"
    headers = {"Authorization": f"Bearer {call.key}", "Accept": "text/event-stream"}
    last = ""
    async with asyncio.timeout(10), call.session.get(url, headers=headers) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        assert "RateLimit-Limit" in stream.headers
        events = _server_events(stream.content)
        begun = [(await anext(events))[2]["event"] for _ in range(4)]
        assert begun == ["accepted", "skipped", "skipped", "stored"]
        await call("POST", "/v1/users/u/inbox/mark", {"action": "read", "all": True})
        seen = []
        for _ in range(2):
            _, last, data = await anext(events)
            seen.append(data["event"])
        assert seen == ["seen", "read"]
    await call("POST", f"/v1/notifications/{identifier}/cancel")
    async with asyncio.timeout(10), call.session.get(url, headers={**headers, "Last-Event-ID": last}) as stream:
        events = _server_events(stream.content)
        assert {(await anext(events))[2]["event"] for _ in range(2)} == {"cancelled"}


async def test_a_live_timeline_of_nothing_is_refused_before_it_starts(call: Caller) -> None:
    answer = await call(
        "GET",
        "/v1/notifications/01900000-0000-7000-8000-000000000000/timeline",
        headers={"Accept": "text/event-stream"},
    )
    assert (answer.status, answer.code) == (404, "not_found")
