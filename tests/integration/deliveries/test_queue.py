"""Deliveries as a queue: order, lanes, leases, retries, and workers that race or die."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from hub.model.message import Message
from hub.model.outcome import Failed, Outcome, Rejected, Sent, Throttled
from hub.publish.facts import read_readable
from hub.publish.settle import Claimed, claim
from hub.runtime import Hub
from hub.store import deliveries
from tests.integration.deliveries.test_ladder import prefer
from tests.support.deliveries import Steps, here, put_category, rows, sender, sent, states
from tests.support.publishing import publish

PUSH = [{"channel": "in_app"}, {"channel": "web_push"}]


@pytest.fixture
async def push(hub: Hub, project_id: int, worker: Steps) -> None:
    """A category whose push always goes at once."""
    await put_category(hub, project_id, "push", ladder=PUSH, retry={"max_attempts": 3, "max_age": "PT1H"})


class Scripted:
    """A provider that answers as it is told, and then takes everything."""

    def __init__(self, *outcomes: Outcome | Exception) -> None:
        self.outcomes = list(outcomes)
        self.messages: list[Message] = []

    async def send(self, message: Message) -> Outcome:
        self.messages.append(message)
        outcome = self.outcomes.pop(0) if self.outcomes else Sent()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def close(self) -> None:
        pass


def use(worker: Steps, hub: Hub, *outcomes: Outcome | Exception) -> Scripted:
    provider = Scripted(*outcomes)
    worker.senders = [sender(hub, "web_push", provider)]
    return provider


async def many(hub: Hub, project_id: int, count: int, user: str = "ada", **more: Any) -> None:
    for number in range(count):
        await publish(hub, project_id, recipients=[user], title=str(number), category="push", **more)


@pytest.mark.usefixtures("push")
async def test_first_attempts_of_one_person_and_channel_go_one_after_the_other(
    hub: Hub, project_id: int, worker: Steps
) -> None:
    await many(hub, project_id, 5)
    await worker.decide()
    assert sorted(row["state"] for row in await rows(hub)) == ["due", "queued", "queued", "queued", "queued"]
    provider = use(worker, hub)
    await worker.run()
    assert [message.content["title"] for message in provider.messages] == ["0", "1", "2", "3", "4"]


@pytest.mark.usefixtures("push")
async def test_a_retry_holds_up_nothing(hub: Hub, project_id: int, worker: Steps) -> None:
    await many(hub, project_id, 3)
    provider = use(worker, hub, Failed("timed out"))
    await worker.run()
    assert [message.content["title"] for message in provider.messages] == ["0", "1", "2"]
    assert [row["state"] for row in await rows(hub)] == ["due", "sent", "sent"]
    await worker.later(minutes=1)
    await worker.run()
    assert [(message.content["title"], message.attempt) for message in provider.messages][3:] == [("0", 2)]


@pytest.mark.usefixtures("push")
@pytest.mark.parametrize("failure", [Failed("503"), Throttled(), RuntimeError("a bug")])
async def test_what_keeps_failing_ends_dead(
    hub: Hub, project_id: int, worker: Steps, failure: Outcome | Exception
) -> None:
    await many(hub, project_id, 1)
    provider = use(worker, hub, failure, failure, failure)
    for _ in range(4):
        await worker.run()
        await worker.later(minutes=1)
    assert [message.attempt for message in provider.messages] == [1, 2, 3]
    assert len({message.delivery_id for message in provider.messages}) == 1
    assert await states(hub) == [("web_push", "dead", "attempts_spent")]


@pytest.mark.usefixtures("push")
async def test_a_refusal_is_final_and_its_age_spends_a_budget(hub: Hub, project_id: int, worker: Steps) -> None:
    await many(hub, project_id, 2)
    use(worker, hub, Rejected("no such subscription"), Failed("503", timedelta(hours=2)))
    await worker.run()
    assert await states(hub) == [("web_push", "dead", "rejected"), ("web_push", "dead", "attempts_spent")]


@pytest.mark.usefixtures("push")
async def test_a_provider_that_asks_to_wait_is_waited_for(hub: Hub, project_id: int, worker: Steps) -> None:
    await many(hub, project_id, 1)
    use(worker, hub, Throttled(timedelta(minutes=30)))
    await worker.run()
    (row,) = await rows(hub)
    assert (row["state"], row["reason"]) == ("due", "retry")
    assert row["due_at"] - row["ready_at"] >= timedelta(minutes=30)


@pytest.mark.usefixtures("push")
async def test_what_a_dead_worker_had_is_taken_up_and_counted(hub: Hub, project_id: int, worker: Steps) -> None:
    await many(hub, project_id, 2)
    await worker.decide()
    assert (await claim(hub, "web_push", 10)).taken == 1  # and dies
    assert await worker.recover() == 0
    await worker.later(minutes=1)
    assert await worker.recover() == 1
    provider = use(worker, hub)
    await worker.run()
    assert sorted((message.content["title"], message.attempt) for message in provider.messages) == [("0", 2), ("1", 1)]
    assert {row["state"] for row in await rows(hub)} == {"sent"}


@pytest.mark.usefixtures("push")
async def test_a_worker_that_always_dies_over_it_gives_up_in_the_end(hub: Hub, project_id: int, worker: Steps) -> None:
    await many(hub, project_id, 1)
    await worker.decide()
    for _ in range(3):
        await claim(hub, "web_push", 10)
        await worker.later(minutes=1)
        await worker.recover()
    assert await states(hub) == [("web_push", "dead", "attempts_spent")]


@pytest.mark.usefixtures("push")
async def test_a_report_after_the_lease_changes_nothing(hub: Hub, project_id: int, worker: Steps) -> None:
    await many(hub, project_id, 1)
    await worker.decide()
    slow = asyncio.Event()

    class Slow(Scripted):
        async def send(self, message: Message) -> Outcome:
            await slow.wait()
            return await super().send(message)

    provider = Slow(Rejected("too late"))
    late = sender(hub, "web_push", provider)
    await late.step()
    await worker.later(minutes=1)
    await worker.recover()
    again = use(worker, hub)
    await worker.run()
    slow.set()
    await late.settled()
    await late.close()
    assert [message.attempt for message in again.messages] == [2]
    assert await states(hub) == [("web_push", "sent", None)]


@pytest.mark.usefixtures("push")
async def test_a_worker_that_stood_still_after_its_claim_sends_nothing_of_anothers(
    hub: Hub, project_id: int, worker: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    await many(hub, project_id, 1)
    await worker.decide()
    claims: list[Claimed] = []

    async def late(*args: Any) -> Any:
        monkeypatch.undo()
        await worker.later(minutes=1)
        await worker.recover()
        claims.append(await claim(hub, "web_push", 10))
        return await read_readable(*args)

    monkeypatch.setattr("hub.publish.settle.read_readable", late)
    claims.append(await claim(hub, "web_push", 10))
    assert [[known.row["attempts"] for known in claimed.going] for claimed in claims] == [[2], []]


@pytest.mark.usefixtures("push")
async def test_lanes_share_the_slots_and_lend_what_they_do_not_use(hub: Hub, project_id: int, worker: Steps) -> None:
    for priority, count in (("bulk", 60), ("normal", 60), ("critical", 60)):
        users = [f"{priority}{n}" for n in range(count)]
        await publish(hub, project_id, recipients=users, title="t", category="push", priority=priority)
    while await worker.decide():
        pass
    lanes = [known.row["lane"] for known in (await claim(hub, "web_push", 40)).going]
    assert [lanes.count(lane) for lane in range(3)] == [28, 10, 2]
    lanes = [known.row["lane"] for known in (await claim(hub, "web_push", 100)).going]
    assert [lanes.count(lane) for lane in range(3)] == [32, 50, 18]


@pytest.mark.usefixtures("push")
async def test_the_schedule_does_not_starve_a_lane(hub: Hub, project_id: int, worker: Steps) -> None:
    for priority in ("critical", "bulk"):
        users = [f"{priority}{n}" for n in range(100)]
        await publish(hub, project_id, recipients=users, title="t", category="push", priority=priority)
    async with hub.db.acquire() as conn, conn.transaction():
        ids = await deliveries.lock_waiting(conn, 60)
        lanes = [row["lane"] for row in await deliveries.read_facts(conn, ids)]
    assert len(ids) == len(set(ids)) == 60
    assert lanes.count(2) >= 3


@pytest.mark.usefixtures("push")
async def test_one_project_cannot_take_all_slots(
    hub: Hub, project_id: int, worker: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.publish.settle.PER_PROJECT", 5)
    await publish(hub, project_id, recipients=[f"u{n}" for n in range(20)], title="t", category="push")
    await worker.decide()
    assert (await claim(hub, "web_push", 5)).taken == 5
    assert (await claim(hub, "web_push", 5)).taken == 0


@pytest.mark.usefixtures("push")
async def test_the_database_lets_nobody_break_the_order(hub: Hub, project_id: int, worker: Steps) -> None:
    await many(hub, project_id, 2)
    await worker.decide()
    with pytest.raises(asyncpg.UniqueViolationError):
        await hub.db.execute("UPDATE deliveries SET state = 'due'")


@pytest.mark.usefixtures("push")
async def test_what_is_queued_behind_nothing_is_set_free(hub: Hub, project_id: int, worker: Steps) -> None:
    await many(hub, project_id, 3)
    await worker.decide()
    await hub.db.execute("UPDATE deliveries SET state = 'cancelled' WHERE state = 'due'")
    assert (await deliveries.promote_stranded(hub.db))[0] == 1
    assert sorted(row["state"] for row in await rows(hub)) == ["cancelled", "due", "queued"]
    assert (await deliveries.promote_stranded(hub.db))[0] == 0


@pytest.mark.usefixtures("push")
async def test_what_is_queued_behind_nothing_is_looked_for_bit_by_bit(hub: Hub, project_id: int, worker: Steps) -> None:
    for user in ("ada", "bob", "cy"):
        await many(hub, project_id, 2, user)
    await worker.decide()
    await hub.db.execute("UPDATE deliveries SET state = 'cancelled' WHERE state = 'due'")
    freed, after = await deliveries.promote_stranded(hub.db, limit=2)
    assert (freed, after > deliveries.FIRST_KEY) == (2, True)
    assert await deliveries.promote_stranded(hub.db, after, limit=2) == (1, deliveries.FIRST_KEY)
    assert sorted(row["state"] for row in await rows(hub)) == ["cancelled"] * 3 + ["due"] * 3


@pytest.fixture
async def two(hub: Hub, worker: Steps) -> AsyncIterator[Steps]:
    """A second worker."""
    other = Steps(hub)
    yield other
    for one in other.senders:
        await one.close()
    await other.sandbox.close()


@pytest.mark.usefixtures("push")
async def test_two_workers_send_everything_once_and_in_order(
    hub: Hub, project_id: int, worker: Steps, two: Steps
) -> None:
    users = [f"u{n}" for n in range(30)]
    for number in range(6):
        await publish(hub, project_id, recipients=users, title=str(number), category="push")

    async def until_done(steps: Steps) -> None:
        while await hub.db.fetch("SELECT 1 FROM deliveries WHERE finished_at IS NULL LIMIT 1"):
            await steps.run()

    await asyncio.wait_for(asyncio.gather(until_done(worker), until_done(two)), 60)
    arrived = await sent(hub)
    assert len(arrived) == 180
    for user in users:
        assert [title for name, _, title in arrived if name == user] == ["0", "1", "2", "3", "4", "5"]
    attempts = await hub.db.fetch("SELECT DISTINCT attempts FROM sandbox_messages")
    assert [row["attempts"] for row in attempts] == [1]


@pytest.mark.usefixtures("push")
async def test_what_another_worker_decides_on_first_waits_behind_what_came_before(
    hub: Hub, project_id: int, worker: Steps
) -> None:
    await many(hub, project_id, 4)
    async with hub.db.acquire() as conn, conn.transaction():
        assert len(await deliveries.lock_waiting(conn, 2)) == 2  # a worker that is slow to decide
        await worker.decide()
        assert [row["state"] for row in await rows(hub)] == ["waiting", "waiting", "queued", "queued"]
    provider = use(worker, hub)
    await worker.run()
    assert [message.content["title"] for message in provider.messages] == ["0", "1", "2", "3"]


@pytest.mark.usefixtures("push")
async def test_what_waits_again_sets_free_what_is_behind_it(hub: Hub, project_id: int, worker: Steps) -> None:
    await put_category(hub, project_id, "away", ladder=[{"channel": "in_app"}, {"channel": "web_push", "if": "away"}])
    async with here(hub, project_id, "ada"):
        await publish(hub, project_id, recipients=["ada"], title="waits", category="away")
        async with hub.db.acquire() as conn, conn.transaction():
            await deliveries.lock_waiting(conn, 1)
            await many(hub, project_id, 1)
            await worker.decide()
        provider = use(worker, hub)
        await worker.run()
        assert [message.content["title"] for message in provider.messages] == ["0"]


@pytest.mark.usefixtures("push")
async def test_a_retry_that_waited_again_holds_up_nothing(hub: Hub, project_id: int, worker: Steps) -> None:
    await many(hub, project_id, 1)
    use(worker, hub, Failed("503"))
    await worker.run()
    await worker.later(minutes=1)
    always = {"days": [1, 2, 3, 4, 5, 6, 7], "from": "00:00", "to": "00:00"}
    await prefer(hub, project_id, "ada", quiet_hours={"weekly": [always]})
    await worker.run()
    assert await states(hub) == [("web_push", "waiting", "quiet_hours")]
    await prefer(hub, project_id, "ada")
    await many(hub, project_id, 2)
    await worker.decide()
    assert [row["state"] for row in await rows(hub)] == ["due", "due", "queued"]
    await worker.run()
    assert [row["state"] for row in await rows(hub)] == ["sent", "sent", "sent"]
