"""Fan-out in chunks: everybody once, wherever it stops; cancelled, scheduled, local, for everyone."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from hub.config import Settings
from hub.exceptions import NotFound
from hub.publish import jobs as fanout
from hub.publish.broadcast import pull_broadcasts
from hub.publish.cancel import cancel_by_key, cancel_notification
from hub.publish.jobs import LeaseLost, run_chunk
from hub.runtime import Hub, open_hub
from hub.store import jobs
from hub.store.inbox import ensure_people, open_inbox
from hub.store.sql import load
from tests.support.publishing import inbox, page_of, publish, work


async def subscribe(hub: Hub, project_id: int, topic: str, users: list[str]) -> None:
    await hub.db.transaction(lambda conn: ensure_people(conn, [(project_id, user) for user in users]))
    await hub.db.execute("INSERT INTO topics (project_id, topic) VALUES ($1, $2)", project_id, topic)
    await hub.db.execute(
        "INSERT INTO topic_subscribers (topic_id, person_id) SELECT t.topic_id, p.person_id FROM topics t, people p "
        "WHERE t.project_id = $1 AND p.project_id = $1 AND t.topic = $2 AND p.user_id = ANY($3)",
        project_id,
        topic,
        users,
    )


async def reached(hub: Hub, notification_id: UUID) -> int:
    row = await hub.db.fetchrow("SELECT count(*) FROM inbox_items WHERE notification_id = $1", notification_id)
    assert row is not None
    return int(row[0])


async def stored(hub: Hub, notification_id: UUID) -> Any:
    return await hub.db.fetchrow("SELECT * FROM notifications WHERE notification_id = $1", notification_id)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "CHUNK", 10)


async def test_a_topic_reaches_every_subscriber_but_the_actor(hub: Hub, project_id: int, small_chunks: None) -> None:
    users = [f"u{n}" for n in range(35)]
    await subscribe(hub, project_id, "project/42", users)
    notification_id = await publish(hub, project_id, recipients=[{"topic": "project/42"}, "u1"], title="t", actor="u9")
    assert (await stored(hub, notification_id))["recipients"] is None
    assert await work(hub) >= 4
    assert await reached(hub, notification_id) == 34
    assert (await stored(hub, notification_id))["recipients"] == 34
    assert await inbox(hub, project_id, "u9") == []
    (item,) = await inbox(hub, project_id, "u1")
    assert item["actor"] == {"id": "u9", "name": None, "avatar_url": None}


async def test_a_long_list_is_a_job(hub: Hub, project_id: int) -> None:
    notification_id = await publish(hub, project_id, recipients=[f"u{n}" for n in range(250)], title="t")
    assert await reached(hub, notification_id) == 0
    await work(hub)
    assert await reached(hub, notification_id) == 250


async def test_two_workers_with_one_job_deliver_once(
    settings: Settings, hub: Hub, project_id: int, small_chunks: None
) -> None:
    await subscribe(hub, project_id, "t", [f"u{n}" for n in range(30)])
    notification_id = await publish(hub, project_id, recipients=[{"topic": "t"}], title="t")
    job = await jobs.claim(hub.db)
    assert job is not None
    async with open_hub(settings, role="other") as other:
        both = await asyncio.gather(run_chunk(hub, job), run_chunk(other, job), return_exceptions=True)
    assert [type(outcome) for outcome in both if outcome is not None] == [LeaseLost]
    await work(hub)
    assert await reached(hub, notification_id) == 30


async def test_a_job_whose_worker_died_goes_on_after_its_lease(hub: Hub, project_id: int, small_chunks: None) -> None:
    notification_id = await publish(hub, project_id, recipients=[f"u{n}" for n in range(101)], title="t")
    job = await jobs.claim(hub.db)
    assert job is not None
    await run_chunk(hub, job)
    stranded = await jobs.claim(hub.db)
    assert stranded is not None
    assert stranded.position == 10
    assert await jobs.claim(hub.db) is None
    await hub.db.execute("UPDATE jobs SET lease_until = now() - interval '1 second'")
    await work(hub)
    assert await reached(hub, notification_id) == 101


async def test_critical_overtakes_a_bulk_job_between_chunks(hub: Hub, project_id: int, small_chunks: None) -> None:
    users = [f"u{n}" for n in range(101)]
    await publish(hub, project_id, recipients=users, title="bulk", priority="bulk")
    job = await jobs.claim(hub.db)
    assert job is not None
    await run_chunk(hub, job)
    urgent = await publish(hub, project_id, recipients=users, title="critical", priority="critical")
    following = await jobs.claim(hub.db)
    assert following is not None
    assert following.notification_id == urgent


async def test_cancelling_stops_the_fanout_and_withdraws_what_arrived(
    hub: Hub, project_id: int, small_chunks: None
) -> None:
    notification_id = await publish(hub, project_id, recipients=[f"u{n}" for n in range(101)], title="t")
    job = await jobs.claim(hub.db)
    assert job is not None
    await run_chunk(hub, job)
    assert len(await inbox(hub, project_id, "u0")) == 1
    assert await cancel_notification(hub, project_id, notification_id) == 101
    await work(hub)
    assert await reached(hub, notification_id) == 10
    page = await page_of(hub, project_id, "u0")
    assert (page.items, page.head.counts, page.head.rev) == ([], (0, 0, 0), 2)
    assert await cancel_notification(hub, project_id, notification_id) == 0


async def test_a_large_cancellation_is_a_job(hub: Hub, project_id: int) -> None:
    notification_id = await publish(hub, project_id, recipients=[f"u{n}" for n in range(700)], title="t")
    await work(hub)
    assert await cancel_notification(hub, project_id, notification_id) is None
    await work(hub)
    assert await inbox(hub, project_id, "u699") == []


async def test_cancelling_by_key_for_some_leaves_the_others(hub: Hub, project_id: int) -> None:
    send_at = datetime.now(UTC) + timedelta(hours=1)
    await publish(hub, project_id, recipients=["u", "v"], title="now", cancellation_key="k")
    later = await publish(hub, project_id, recipients=["u", "v"], title="later", cancellation_key="k", send_at=send_at)
    assert await cancel_by_key(hub, project_id, "k", ["u"]) == 1
    await hub.db.execute("UPDATE jobs SET due_at = now()")
    await work(hub)
    assert await inbox(hub, project_id, "u") == []
    assert [item["title"] for item in await inbox(hub, project_id, "v")] == ["later", "now"]
    assert (await stored(hub, later))["recipients"] == 2


async def test_another_projects_notification_cannot_be_cancelled(hub: Hub, project_id: int) -> None:
    notification_id = await publish(hub, project_id, recipients=["u"], title="t")
    with pytest.raises(NotFound):
        await cancel_notification(hub, project_id + 1, notification_id)
    assert len(await inbox(hub, project_id, "u")) == 1


async def test_nothing_is_sent_before_its_time_nor_after_its_expiry(hub: Hub, project_id: int) -> None:
    now = datetime.now(UTC)
    await publish(hub, project_id, recipients=["u"], title="later", send_at=now + timedelta(hours=1))
    await publish(
        hub,
        project_id,
        recipients=["u"],
        title="late",
        send_at=now + timedelta(hours=1),
        expires_at=now + timedelta(hours=2),
    )
    await work(hub)
    assert await inbox(hub, project_id, "u") == []
    await hub.db.execute("UPDATE jobs SET due_at = now()")
    await hub.db.execute(
        "UPDATE notifications SET expires_at = now() - interval '1 second' WHERE expires_at IS NOT NULL"
    )
    await work(hub)
    assert [item["title"] for item in await inbox(hub, project_id, "u")] == ["later"]


async def test_a_local_time_comes_in_each_zone_in_turn(hub: Hub, project_id: int) -> None:
    local = datetime.now(UTC).replace(tzinfo=None, microsecond=0) + timedelta(hours=5)
    recipients = [
        {"id": "east", "timezone": "Asia/Tokyo"},
        {"id": "here", "timezone": "UTC"},
        {"id": "project"},
    ]
    notification_id = await publish(hub, project_id, recipients=recipients, title="9:00", send_at={"local": local})
    await work(hub)
    assert [len(await inbox(hub, project_id, user)) for user in ("east", "here", "project")] == [1, 0, 0]
    row = await hub.db.fetchrow("SELECT state, due_at FROM jobs WHERE notification_id = $1", notification_id)
    assert row is not None
    assert row["state"] == "waiting"
    assert datetime.now(UTC) < row["due_at"] <= local.replace(tzinfo=UTC)


async def test_a_broadcast_reaches_who_was_there_when_they_come(hub: Hub, project_id: int) -> None:
    await open_inbox(hub.db, project_id, "before")
    await hub.db.execute("INSERT INTO people (project_id, user_id) VALUES ($1, 'stored')", project_id)
    await publish(hub, project_id, recipients=[{"all": True}, "named"], title="everyone")
    await work(hub)
    assert await reached_rows(hub) == 1
    after = await open_inbox(hub.db, project_id, "after")
    assert not after.pending_broadcasts
    people = [await open_inbox(hub.db, project_id, user) for user in ("before", "stored", "named")]
    assert [head.pending_broadcasts for head in people] == [True, True, True]
    await pull_broadcasts(hub, [head.person_id for head in people])
    for user, expected in (("before", 1), ("stored", 1), ("named", 1), ("after", 0)):
        assert len(await inbox(hub, project_id, user)) == expected, user
    await pull_broadcasts(hub, [head.person_id for head in people])
    assert len(await inbox(hub, project_id, "before")) == 1


async def reached_rows(hub: Hub) -> int:
    row = await hub.db.fetchrow("SELECT count(*) FROM inbox_items")
    assert row is not None
    return int(row[0])


async def test_a_cancelled_broadcast_is_never_pulled(hub: Hub, project_id: int) -> None:
    early = await open_inbox(hub.db, project_id, "early")
    late = await open_inbox(hub.db, project_id, "late")
    notification_id = await publish(hub, project_id, recipients=[{"all": True}], title="everyone")
    await work(hub)
    await pull_broadcasts(hub, [early.person_id])
    assert await cancel_notification(hub, project_id, notification_id) is None
    await pull_broadcasts(hub, [late.person_id])
    assert await inbox(hub, project_id, "early") == []
    assert await inbox(hub, project_id, "late") == []


async def test_a_cancellation_that_races_the_fanout_leaves_nothing_behind(
    settings: Settings, hub: Hub, project_id: int, small_chunks: None
) -> None:
    async with open_hub(settings, role="other") as other:
        for turn in range(8):
            users = [f"u{number}" for number in range(101)]
            notification_id = await publish(hub, project_id, recipients=users, title="t", collapse_key="c")

            async def cancel(after: int = turn, wanted: UUID = notification_id) -> None:
                async with asyncio.timeout(10):
                    while await reached(other, wanted) < after * 10:
                        await asyncio.sleep(0)
                await cancel_notification(other, project_id, wanted)

            await asyncio.gather(work(hub), work(other), cancel())
            await work(hub)
            row = await hub.db.fetchrow(
                "SELECT count(*) FROM inbox_items WHERE notification_id = $1 AND removed_at IS NULL", notification_id
            )
            assert row is not None
            assert row[0] == 0
    row = await hub.db.fetchrow("SELECT count(*) FROM inbox_heads WHERE (unseen, unread, total) <> (0, 0, 0)")
    assert row is not None
    assert row[0] == 0


async def test_claiming_walks_over_nothing_that_is_scheduled_for_later(hub: Hub, project_id: int) -> None:
    """100,000 critical notifications for tomorrow must not slow every claim of a normal one."""
    await publish(hub, project_id, recipients=[{"topic": "t"}], title="due", priority="bulk")
    await hub.db.execute(
        "INSERT INTO jobs (job_id, project_id, notification_id, kind, lane, state, due_at) "
        "SELECT gen_random_uuid(), project_id, notification_id, kind, 0, state, now() + interval '1 day' "
        "FROM jobs, generate_series(1, 3000)"
    )
    await hub.db.execute("ANALYZE jobs")
    async with hub.db.acquire() as conn, conn.transaction():
        rows = await conn.fetch("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + load("jobs")["claim"], 15.0)
    plan = msgspec.json.decode(rows[0][0])[0]["Plan"]
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 60


async def test_a_key_of_very_many_notifications_is_cancelled_by_jobs(
    hub: Hub, project_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.publish.cancel.INLINE_NOTIFICATIONS", 3)
    for number in range(10):
        await publish(hub, project_id, recipients=["u"], title=str(number), cancellation_key="k")
    later = datetime.now(UTC) + timedelta(hours=1)
    await publish(hub, project_id, recipients=["u"], title="later", cancellation_key="k", send_at=later)
    assert await cancel_by_key(hub, project_id, "k") is None
    await hub.db.execute("UPDATE jobs SET due_at = now()")
    await work(hub)
    assert await inbox(hub, project_id, "u") == []
    assert await cancel_by_key(hub, project_id, "k") == 0


async def test_who_is_named_and_subscribes_counts_once_also_when_skipped(hub: Hub, project_id: int) -> None:
    await subscribe(hub, project_id, "t", ["u", "v"])
    await publish(hub, project_id, recipients=["u"], title="t", dedupe_key="d")
    notification_id = await publish(hub, project_id, recipients=["u", {"topic": "t"}], title="t", dedupe_key="d")
    await work(hub)
    assert (await stored(hub, notification_id))["recipients"] == 2
    assert len(await inbox(hub, project_id, "u")) == 1
