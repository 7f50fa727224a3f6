"""Reached once, whichever of a notification's recipients name somebody."""

from __future__ import annotations

from hub.publish.jobs import run_chunk
from hub.runtime import Hub
from hub.store import jobs, topics
from tests.integration.deliveries.test_ladder import prefer
from tests.support.deliveries import Steps, put_category, rows, sent
from tests.support.publishing import publish, work

LADDER = [{"channel": "web_push", "if": "away"}, {"channel": "email", "after": "PT10M"}]


async def chunks(hub: Hub, count: int) -> None:
    for _ in range(count):
        job = await jobs.claim(hub.db)
        assert job is not None
        await run_chunk(hub, job)


async def test_two_topics_without_an_inbox_reach_once(hub: Hub, project_id: int, worker: Steps) -> None:
    await put_category(hub, project_id, "mail", ladder=LADDER)
    for topic in ("one", "two"):
        async with hub.db.acquire() as conn:
            await topics.add_subscribers(conn, project_id, topic, ["ada"])
    await publish(hub, project_id, recipients=[{"topic": "one"}, {"topic": "two"}], title="x", category="mail")
    await chunks(hub, 2)  # the list, and the first topic
    await prefer(hub, project_id, "ada", channels={"web_push": False})
    await worker.run()
    await prefer(hub, project_id, "ada")
    await work(hub)
    await prefer(hub, project_id, "ada", channels={"web_push": False})
    await worker.run()
    await worker.later(minutes=11)
    await worker.run()
    assert [channel for _, channel, _ in await sent(hub)] == ["email"]
    assert len(await rows(hub)) == 1


async def test_by_name_and_with_everyone_reach_once(hub: Hub, project_id: int, worker: Steps) -> None:
    await put_category(hub, project_id, "both", ladder=[{"channel": "in_app"}, *LADDER])
    await prefer(hub, project_id, "ada")  # who is not stored before is not of everyone
    await publish(hub, project_id, recipients=["ada", {"all": True}], title="x", category="both")
    await chunks(hub, 1)  # the list
    await prefer(hub, project_id, "ada", channels={"web_push": False})
    await worker.run()
    await prefer(hub, project_id, "ada")
    await work(hub)
    await worker.run()
    await worker.later(minutes=11)
    await worker.run()
    assert [channel for _, channel, _ in await sent(hub)] == ["email"]
    assert len(await rows(hub)) == 1
