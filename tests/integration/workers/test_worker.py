"""The worker as a whole: one job that fails holds up no other, and everything stops when told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.publish.jobs import run_chunk
from hub.runtime import Hub
from hub.store.jobs import Job
from tests.support.publishing import inbox, publish
from workers.worker import Worker


@asynccontextmanager
async def working(hub: Hub) -> AsyncIterator[Worker]:
    worker = Worker(hub)
    running = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        await asyncio.wait_for(running, 10)


async def arrived(hub: Hub, project_id: int, user: str, count: int = 1) -> list[dict[str, Any]]:
    async with asyncio.timeout(10):
        while len(found := await inbox(hub, project_id, user)) < count:
            await asyncio.sleep(0.02)
    return found


async def test_a_job_that_always_fails_holds_up_no_other(
    hub: Hub, project_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    poisoned = await publish(
        hub, project_id, recipients=[f"p{n}" for n in range(101)], title="poison", priority="critical"
    )
    tried = asyncio.Event()

    async def chunk(one: Hub, job: Job) -> None:
        if job.notification_id == poisoned:
            tried.set()
            raise KeyError("poison")
        await run_chunk(one, job)

    monkeypatch.setattr("workers.worker.run_chunk", chunk)
    async with working(hub):
        await asyncio.wait_for(tried.wait(), 10)
        started = asyncio.get_running_loop().time()
        for number in range(5):
            await publish(hub, project_id, recipients=[f"u{n}" for n in range(101)], title=str(number), priority="bulk")
        await arrived(hub, project_id, "u100", 5)
        assert asyncio.get_running_loop().time() - started < 5
        row = await hub.db.fetchrow("SELECT attempts, last_error FROM jobs WHERE notification_id = $1", poisoned)
        assert row is not None
        assert row["attempts"] >= 1
        assert row["last_error"] == "KeyError('poison')"
        monkeypatch.undo()
        await hub.db.execute("UPDATE jobs SET lease_until = NULL")
        await arrived(hub, project_id, "p100")


async def test_a_worker_does_what_is_due_without_being_asked(hub: Hub, project_id: int) -> None:
    expires = datetime.now(UTC) + timedelta(hours=1)
    await publish(hub, project_id, recipients=["u"], title="expires", expires_at=expires)
    await publish(hub, project_id, recipients=["u"], title="stays")
    await hub.db.execute("UPDATE inbox_items SET expires_at = now() - interval '1 second' WHERE expires_at IS NOT NULL")
    await hub.announcing.close()
    await hub.db.execute(
        "INSERT INTO outbox (outbox_id, changes, created_at) "
        "SELECT gen_random_uuid(), jsonb_build_array(jsonb_build_array(person_id, rev)), now() - interval '1 minute' "
        "FROM inbox_heads"
    )
    await hub.db.execute(
        "INSERT INTO deliveries (delivery_id, person_id, notification_id, project_id, category, line, step, channel, "
        "condition, after_seconds, following, lane, position, state, dispatched_at, due_at, history) "
        "VALUES (gen_random_uuid(), 0, gen_random_uuid(), 0, 'of a gone project', 0, 0, 'web_push', 'always', 0, '[]', "
        "1, 1, 'due', now(), now(), '[]')"
    )
    async with working(hub), asyncio.timeout(10):
        while [item["title"] for item in await inbox(hub, project_id, "u")] != ["stays"]:
            await asyncio.sleep(0.02)
        while await hub.db.fetch("SELECT FROM outbox WHERE created_at < now() - interval '10 seconds'"):
            await asyncio.sleep(0.02)
        while await hub.db.fetch("SELECT FROM deliveries WHERE project_id = 0"):
            await asyncio.sleep(0.02)


async def test_a_worker_that_is_stopped_before_it_runs_does_not_run(hub: Hub) -> None:
    worker = Worker(hub)
    worker.stop()
    await asyncio.wait_for(worker.run(), 5)
