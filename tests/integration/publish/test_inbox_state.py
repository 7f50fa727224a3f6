"""Snapshot, act, apply the frames to the old snapshot, compare with a fresh one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from hub.model.mark import parse_mark
from hub.model.person import Person
from hub.model.times import truncate
from hub.publish.accept import accept
from hub.publish.inbox import mark
from hub.publish.publisher import PublishUnit
from hub.runtime import Hub
from hub.store.idempotency import Answer
from hub.store.inbox import InboxQuery, open_inbox, read_page


async def publish(hub: Hub, project_id: int, **body: Any) -> str:
    notification = accept(project_id, body, truncate(datetime.now(UTC)))
    await hub.publisher.publish(PublishUnit([notification], Answer(202, b"{}")))
    return str(notification.notification_id)


async def test_a_publish_is_in_the_inbox_with_its_counts(hub: Hub, project_id: int) -> None:
    await publish(hub, project_id, recipients=["u1", {"id": "u2", "data": {"b": 2}}], title="Hello", data={"a": 1})
    head = await open_inbox(hub.db, project_id, "u2")
    page = await read_page(hub.db, head.person_id, InboxQuery())
    assert page is not None
    (item,) = [msgspec.json.decode(item) for item in page.items]
    assert item["title"] == "Hello"
    assert item["data"] == {"a": 1, "b": 2}
    assert page.head.counts == (1, 1, 1)
    assert page.head.rev == item["seq"] == 1
    person = Person(head.person_id, project_id, "u2")
    now = datetime.now(UTC)
    result = await mark(hub, person, parse_mark({"action": "read", "all": True}, now))
    assert result == (2, 1, [], False)
    again = await mark(hub, person, parse_mark({"action": "read", "all": True}, now))
    assert again == (2, 0, [], False)
