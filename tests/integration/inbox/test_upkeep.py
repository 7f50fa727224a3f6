"""What happens to inboxes without anybody asking: expiry, snoozes, purging; and marks of very many items."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import msgspec
import pytest

from hub.bus import announce
from hub.model.cursor import Cursor
from hub.model.mark import parse_mark
from hub.model.person import Person
from hub.publish import inbox as inboxes
from hub.publish.inbox import Marked, mark, settle_due
from hub.publish.writer import Announcements
from hub.runtime import Hub
from hub.store import retention
from hub.store.heads import lock_heads
from hub.store.inbox import open_inbox, read_changes
from hub.store.notifications import update_people
from hub.store.people import delete_person, tokens_revoked_at
from tests.support.publishing import inbox, page_of, publish
from tests.support.statistics import somebody_waits


@pytest.fixture
def told(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> list[announce.Announcement]:
    """Everything that is announced from now on, in order."""
    found: list[announce.Announcement] = []
    put = hub.announcing.put

    def note(announcements: Announcements) -> None:
        found.extend(one for _, payload in announcements.messages if (one := announce.unpack(payload)) is not None)
        put(announcements)

    monkeypatch.setattr(hub.announcing, "put", note)
    return found


async def act(hub: Hub, project_id: int, **body: Any) -> Marked:
    head = await open_inbox(hub.db, project_id, "u")
    return await mark(hub, Person(head.person_id, project_id, "u"), parse_mark(body, datetime.now(UTC)))


async def recount(hub: Hub, project_id: int) -> None:
    """The counts are what the items say."""
    page = await page_of(hub, project_id, "u")
    items = [msgspec.json.decode(item) for item in page.items]
    expected = (sum(i["seen_at"] is None for i in items), sum(i["read_at"] is None for i in items), len(items))
    assert page.head.counts == expected


async def fill(hub: Hub, project_id: int, count: int, **body: Any) -> None:
    for start in range(0, count, 50):
        await asyncio.gather(
            *[
                publish(hub, project_id, recipients=["u"], title=str(number), **body)
                for number in range(start, min(count, start + 50))
            ]
        )


@pytest.mark.parametrize(
    ("before", "action", "left"), [("archive", "unarchive", 130), ("seen", "pin", 130), ("read", "delete", 0)]
)
async def test_a_mark_of_more_items_than_are_told_one_by_one_is_one_revision_and_a_hint(
    hub: Hub, project_id: int, told: list[announce.Announcement], before: str, action: str, left: int
) -> None:
    await fill(hub, project_id, 130)
    await act(hub, project_id, action=before, all=True)
    start = (await page_of(hub, project_id, "u")).head
    told.clear()
    done = await act(hub, project_id, action=action, all=True)
    assert (done.rev, done.changed) == (start.rev + 1, 130)
    (announcement,) = told
    assert announcement.rev == done.rev
    if action != "delete":
        assert (announcement.kind, announcement.frame) == (announce.SYNC, b"")
    await recount(hub, project_id)
    assert len(await inbox(hub, project_id, "u")) == left
    page = await read_changes(hub.db, start.person_id, Cursor(start.person_id, start.epoch, start.rev))
    assert page is not None
    assert (len(page.items), len(page.removed)) == ((130, 0) if left else (0, 130))
    assert all(msgspec.json.decode(item)["title"] for item in page.items)


async def test_snoozes_of_many_items_end_in_one_revision(
    hub: Hub, project_id: int, told: list[announce.Announcement], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inboxes, "MAX_TOLD", 5)
    until = datetime.now(UTC) + timedelta(hours=1)
    await fill(hub, project_id, 12, expires_at=until)
    await act(hub, project_id, action="read", all=True)
    await act(hub, project_id, action="snooze", all=True, until=until.isoformat())
    assert (await page_of(hub, project_id, "u")).head.counts == (0, 0, 0)
    await hub.db.execute("UPDATE inbox_items SET snoozed_until = now() - interval '1 second'")
    await hub.db.execute("UPDATE inbox_items SET expires_at = now() - interval '1 second' WHERE seq <= 3")
    told.clear()
    assert await settle_due(hub) == 1
    assert [(one.kind, one.rev) for one in told] == [(announce.SYNC, 15)]
    items = await inbox(hub, project_id, "u")
    assert sorted(item["title"] for item in items) == sorted({str(n) for n in range(12)} & {i["title"] for i in items})
    assert len(items) == 9
    assert all(item["seen_at"] is item["read_at"] is item["snoozed_until"] is None for item in items)
    await recount(hub, project_id)
    assert await settle_due(hub) == 0


async def age(hub: Hub, days: int) -> None:
    moment = timedelta(days=days)
    await hub.db.execute("UPDATE inbox_items SET removed_at = removed_at - $1::interval", moment)
    await hub.db.execute("UPDATE bulk_marks SET created_at = created_at - $1::interval", moment)


async def test_purging_raises_the_floor_so_that_older_cursors_reset_and_younger_go_on(
    hub: Hub, project_id: int
) -> None:
    await fill(hub, project_id, 4)
    ids = [item["id"] for item in await inbox(hub, project_id, "u")]
    await act(hub, project_id, action="delete", ids=ids[:1])  # rev 5
    await act(hub, project_id, action="read", all=True)  # rev 6
    await publish(hub, project_id, recipients=["u"], title="newest")  # rev 7
    head = (await page_of(hub, project_id, "u")).head

    def cursor(rev: int) -> Cursor:
        return Cursor(head.person_id, head.epoch, rev)

    await age(hub, 29)
    assert await retention.purge_people(hub.db) == 0
    assert await read_changes(hub.db, head.person_id, cursor(4)) is not None
    await age(hub, 2)
    assert await retention.purge_people(hub.db) == 1
    assert await retention.purge_people(hub.db) == 0
    assert await read_changes(hub.db, head.person_id, cursor(5)) is None
    page = await read_changes(hub.db, head.person_id, cursor(6))
    assert page is not None
    assert (len(page.items), page.updates, page.removed, page.rev) == (1, [], [], 7)
    await recount(hub, project_id)


async def test_a_purge_between_two_pages_of_a_resume_resets_it(hub: Hub, project_id: int) -> None:
    await fill(hub, project_id, 6)
    ids = [item["id"] for item in await inbox(hub, project_id, "u")]
    for item_id in ids[:4]:
        await act(hub, project_id, action="delete", ids=[item_id])
    head = (await page_of(hub, project_id, "u")).head
    first = await read_changes(hub.db, head.person_id, Cursor(head.person_id, head.epoch, 6), limit=2)
    assert first is not None
    assert (first.more, first.rev) == (True, 8)
    await age(hub, 31)
    await retention.purge_people(hub.db)
    following = Cursor(head.person_id, head.epoch, first.rev)
    assert await read_changes(hub.db, head.person_id, following, first.position, 2) is None


async def test_a_thousand_changes_behind_resumes_and_one_more_resets(hub: Hub, project_id: int) -> None:
    await fill(hub, project_id, 3)
    head = (await page_of(hub, project_id, "u")).head
    await hub.db.execute("UPDATE inbox_heads SET rev = 1_003")
    assert await read_changes(hub.db, head.person_id, Cursor(head.person_id, head.epoch, 3)) is not None
    assert await read_changes(hub.db, head.person_id, Cursor(head.person_id, head.epoch, 2)) is None


async def test_deleting_somebody_while_everybody_writes_to_them_fails_nobody(hub: Hub, project_id: int) -> None:
    async def delete() -> None:
        for _ in range(30):
            await hub.db.transaction(lambda conn: delete_person(conn, project_id, "u"))

    async def write(number: int) -> None:
        for turn in range(25):
            recipients = [{"id": "u", "name": f"{number} {turn}"}, f"v{number}"]
            await publish(hub, project_id, recipients=recipients, title="t")

    async def mark_all() -> None:
        for _ in range(15):
            await act(hub, project_id, action="read", all=True)

    await asyncio.gather(delete(), *[write(number) for number in range(3)], mark_all(), delete())
    await publish(hub, project_id, recipients=["u"], title="last")
    items = await inbox(hub, project_id, "u")
    assert items[0]["title"] == "last"
    assert items[0]["seq"] == (await page_of(hub, project_id, "u")).head.rev
    await recount(hub, project_id)
    deadlocks = await hub.db.fetchrow("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert deadlocks is not None
    assert deadlocks[0] == 0


async def test_deleting_takes_person_and_head_in_the_order_of_publishing(hub: Hub, project_id: int) -> None:
    person_id = (await open_inbox(hub.db, project_id, "u")).person_id
    async with hub.db.acquire() as conn, conn.transaction():
        await update_people(conn, {person_id: {"name": "Ada"}})
        deleting = asyncio.create_task(hub.db.transaction(lambda other: delete_person(other, project_id, "u")))
        await somebody_waits(hub.db)
        assert list(await lock_heads(conn, [person_id])) == [person_id]
    assert await deleting


async def test_the_name_of_a_deleted_person_is_kept_for_as_long_as_their_tokens_may_live(
    hub: Hub, project_id: int
) -> None:
    for user in ("ada", "bob"):
        await open_inbox(hub.db, project_id, user)
        assert await hub.db.transaction(partial(delete_person, project_id=project_id, user=user))
    await hub.db.execute("UPDATE deleted_people SET deleted_at = now() - interval '26 hours' WHERE user_id = 'bob'")
    assert await retention.purge_deleted_people(hub.db) == 1
    assert await tokens_revoked_at(hub.db, project_id, "ada") is not None
    assert await tokens_revoked_at(hub.db, project_id, "bob") is None
