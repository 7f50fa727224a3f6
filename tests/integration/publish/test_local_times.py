"""Local send times: every zone in its turn, whatever happens to the walk over the recipients meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.exceptions import Invalid
from hub.publish import jobs as fanout
from hub.publish.jobs import run_chunk
from hub.runtime import Hub
from hub.store import jobs
from hub.store.jobs import Job
from tests.support.publishing import inbox, publish, unit

LOCAL = datetime.now(UTC).replace(tzinfo=None, hour=9, minute=0, second=0, microsecond=0) + timedelta(days=2)
TOKYO = (LOCAL - timedelta(hours=9)).replace(tzinfo=UTC)
LAST = (LOCAL + timedelta(hours=12)).replace(tzinfo=UTC)  # Etc/GMT+12, where the day ends


async def claim_at(hub: Hub, moment: datetime) -> Job | None:
    """What a worker claims when the database's clock shows `moment`."""
    row = await hub.db.fetchrow("SELECT due_at FROM jobs WHERE state = 'waiting' AND due_at <= $1", moment)
    if row is None:
        return None
    await hub.db.execute("UPDATE jobs SET due_at = now() WHERE state = 'waiting'")
    job = await jobs.claim(hub.db)
    assert job is not None
    await hub.db.execute("UPDATE jobs SET due_at = $1 WHERE job_id = $2", row["due_at"], job.job_id)
    return job._replace(now=moment, due_at=row["due_at"])


async def run_until(hub: Hub, moment: datetime) -> int:
    chunks = 0
    while (job := await claim_at(hub, moment)) is not None:
        await run_chunk(hub, job)
        chunks += 1
    return chunks


async def has(hub: Hub, project_id: int, *users: str) -> list[int]:
    return [len(await inbox(hub, project_id, user)) for user in users]


async def test_a_zone_whose_time_comes_during_the_walk_is_not_passed_over(
    hub: Hub, project_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "CHUNK", 1)
    recipients = [{"id": "a", "timezone": "Asia/Tokyo"}, {"id": "b", "timezone": "Asia/Tokyo"}]
    await publish(hub, project_id, recipients=recipients, title="9:00", send_at={"local": LOCAL})
    first = await claim_at(hub, TOKYO - timedelta(seconds=1))
    assert first is not None
    await run_chunk(hub, first)
    assert await has(hub, project_id, "a", "b") == [0, 0]
    await run_until(hub, TOKYO + timedelta(seconds=1))
    assert await has(hub, project_id, "a", "b") == [1, 1]


async def test_the_last_zone_on_earth_gets_it_and_then_the_job_is_done(hub: Hub, project_id: int) -> None:
    recipients = [
        {"id": "first", "timezone": "Pacific/Kiritimati"},
        {"id": "last", "timezone": "Etc/GMT+12"},
        "project",
    ]
    notification_id = await publish(hub, project_id, recipients=recipients, title="9:00", send_at={"local": LOCAL})
    await run_until(hub, LAST - timedelta(seconds=1))
    assert await has(hub, project_id, "first", "project", "last") == [1, 1, 0]
    await run_until(hub, LAST)
    assert await has(hub, project_id, "first", "project", "last") == [1, 1, 1]
    row = await hub.db.fetchrow(
        "SELECT n.recipients, j.state FROM notifications n JOIN jobs j USING (notification_id) "
        "WHERE notification_id = $1",
        notification_id,
    )
    assert row is not None
    assert tuple(row) == (3, "done")


async def test_workers_that_were_away_for_days_catch_up_in_one_walk(hub: Hub, project_id: int) -> None:
    recipients = [{"id": "a", "timezone": "Asia/Tokyo"}, {"id": "b", "timezone": "America/New_York"}]
    await publish(hub, project_id, recipients=recipients, title="9:00", send_at={"local": LOCAL})
    assert await run_until(hub, LAST + timedelta(days=3)) == 1
    assert await has(hub, project_id, "a", "b") == [1, 1]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"send_at": {"local": LOCAL.replace(year=9998)}}, "send_at"),
        ({"send_at": datetime(9998, 1, 1, tzinfo=UTC)}, "send_at"),
        ({"delay": timedelta(days=367)}, "delay"),
        ({"delay": timedelta(days=3_650)}, "delay"),
        ({"send_at": {"local": LOCAL}, "expires_at": (LOCAL - timedelta(hours=14)).replace(tzinfo=UTC)}, "expires_at"),
        ({"delay": timedelta(hours=2), "expires_at": datetime.now(UTC) + timedelta(hours=1)}, "expires_at"),
        ({"expires_at": datetime.now(UTC) - timedelta(seconds=1)}, "expires_at"),
        ({"delay": timedelta(hours=2), "send_at": datetime.now(UTC)}, "delay"),
    ],
)
def test_what_would_never_be_sent_is_refused(body: dict[str, Any], path: str) -> None:
    with pytest.raises(Invalid) as refused:
        unit(1, recipients=["u"], title="t", **body)
    assert refused.value.errors[0].path == path
