"""Publishing without HTTP, for tests of what lies behind it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from hub.model.times import truncate
from hub.publish.accept import accept, answer
from hub.publish.jobs import run_chunk
from hub.publish.publisher import PublishUnit
from hub.runtime import Hub
from hub.store import jobs
from hub.store.idempotency import Answer, IdempotencyKey
from hub.store.inbox import InboxPage, InboxQuery, open_inbox, read_page


def unit(project_id: int, key: IdempotencyKey | None = None, **body: Any) -> PublishUnit:
    """One publish request."""
    notification = accept(project_id, body, truncate(datetime.now(UTC)))
    return PublishUnit([notification], Answer(202, msgspec.json.encode(answer(notification))), key)


async def publish(hub: Hub, project_id: int, **body: Any) -> UUID:
    """Publishes; the notification's id once it is durable."""
    request = unit(project_id, **body)
    await hub.publisher.publish(request)
    return request.notifications[0].notification_id


async def work(hub: Hub) -> int:
    """Runs every due job to its end; how many chunks it took."""
    chunks = 0
    while (job := await jobs.claim(hub.db)) is not None:
        await run_chunk(hub, job)
        chunks += 1
    return chunks


async def inbox(hub: Hub, project_id: int, user: str, status: str = "all") -> list[dict[str, Any]]:
    """A user's items, newest first."""
    page = await page_of(hub, project_id, user, status)
    return [msgspec.json.decode(item) for item in page.items]


async def page_of(hub: Hub, project_id: int, user: str, status: str = "all") -> InboxPage:
    head = await open_inbox(hub.db, project_id, user)
    page = await read_page(hub.db, head.person_id, InboxQuery(status=status, limit=1_000))
    assert page is not None
    return page
