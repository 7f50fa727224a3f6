"""Deliveries under what should not happen: rows without a person, or that cannot be read; providers that misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from hub.model.mark import Action
from hub.model.message import Message
from hub.model.outcome import Failed, Outcome, Rejected, Sent, Throttled
from hub.publish.cancel import cancel_notification
from hub.publish.settle import claim
from hub.runtime import Hub
from hub.store import deliveries, digests, people, sandbox, topics
from hub.store.database import Connection
from hub.store.projects import ensure_project
from tests.integration.deliveries.test_ladder import act, prefer
from tests.integration.deliveries.test_queue import PUSH, Scripted, many, use
from tests.support.deliveries import Steps, make_sandbox, put_category, rows, sender, sent
from tests.support.publishing import publish
from tests.support.statistics import somebody_waits

ALWAYS = {"days": [1, 2, 3, 4, 5, 6, 7], "from": "00:00", "to": "00:00"}


@pytest.fixture
async def push(hub: Hub, project_id: int, worker: Steps) -> None:
    await put_category(hub, project_id, "push", ladder=PUSH, retry={"max_attempts": 3, "max_age": "PT1H"})


@pytest.mark.usefixtures("push")
async def test_cancelling_closes_the_push_that_shows(hub: Hub, project_id: int, worker: Steps) -> None:
    notification = await publish(hub, project_id, recipients=["ada"], title="a", category="push")
    await worker.run()
    await cancel_notification(hub, project_id, notification)
    await worker.run()
    assert [(r["kind"], r["state"]) for r in await rows(hub)] == [("step", "sent"), ("withdrawal", "sent")]


@pytest.mark.usefixtures("push")
async def test_a_pause_does_not_keep_a_push_on_the_screen(hub: Hub, project_id: int, worker: Steps) -> None:
    await publish(hub, project_id, recipients=["ada"], title="a", category="push")
    await worker.run()
    await prefer(hub, project_id, "ada", channels={"web_push": False})
    await act(hub, project_id, "ada", Action.READ)
    await worker.run()
    assert [(r["kind"], r["state"]) for r in await rows(hub)] == [("step", "sent"), ("withdrawal", "sent")]


class Meanwhile(Scripted):
    """A provider that takes long enough for something to happen."""

    def __init__(self, happens: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self.happens = happens

    async def send(self, message: Message) -> Outcome:
        if message.kind == "step":
            await self.happens()
        return await super().send(message)


@pytest.mark.usefixtures("push")
@pytest.mark.parametrize("action", [Action.READ, Action.SEEN, Action.ARCHIVE, Action.DELETE])
async def test_what_is_dealt_with_while_its_push_is_sent_is_closed(
    hub: Hub, project_id: int, worker: Steps, action: Action
) -> None:
    await many(hub, project_id, 1)
    provider = Meanwhile(lambda: act(hub, project_id, "ada", action))
    worker.senders = [sender(hub, "web_push", provider)]
    await worker.run()
    assert [message.kind for message in provider.messages] == ["step", "withdrawal"]
    assert [(r["kind"], r["state"], r["shown"]) for r in await rows(hub)] == [
        ("step", "sent", False),
        ("withdrawal", "sent", False),
    ]


@pytest.mark.usefixtures("push")
async def test_a_push_that_goes_although_it_was_read_stays(hub: Hub, project_id: int, worker: Steps) -> None:
    await many(hub, project_id, 1)
    await act(hub, project_id, "ada", Action.READ)
    await worker.run()
    assert [(r["kind"], r["state"]) for r in await rows(hub)] == [("step", "sent")]


@pytest.mark.parametrize("when", ["read before it is tried again", "read after it was given up"])
async def test_what_a_dead_worker_may_have_sent_is_closed(hub: Hub, project_id: int, worker: Steps, when: str) -> None:
    spent = when == "read after it was given up"
    ladder = [{"channel": "in_app"}, {"channel": "web_push", "if": "unseen"}]
    await put_category(
        hub, project_id, "push", ladder=ladder, retry={"max_attempts": 1 if spent else 3, "max_age": "PT1H"}
    )
    await many(hub, project_id, 1)
    await worker.decide()
    assert len((await claim(hub, "web_push", 10)).going) == 1  # sends it, and dies
    if not spent:
        await act(hub, project_id, "ada", Action.READ)
    await worker.later(minutes=1)
    await worker.recover()
    await worker.run()
    if spent:
        await act(hub, project_id, "ada", Action.READ)
    await worker.run()
    assert [(r["kind"], r["state"]) for r in await rows(hub)] == [
        ("step", "dead" if spent else "skipped"),
        ("withdrawal", "sent"),
    ]


async def test_a_digest_that_is_held_at_the_last_moment_leaves_later(hub: Hub, project_id: int, worker: Steps) -> None:
    ladder = [{"channel": "in_app"}, {"channel": "email", "if": "unseen"}]
    await put_category(hub, project_id, "likes", ladder=ladder, digest={"window": "PT5M"})
    for n in range(3):
        await publish(hub, project_id, recipients=["ada"], title=str(n), category="likes")
    await worker.decide()
    await worker.later(minutes=6)
    await worker.close()
    await prefer(hub, project_id, "ada", quiet_hours={"weekly": [ALWAYS]})
    await worker.send()
    await prefer(hub, project_id, "ada", quiet_hours={"weekly": []})
    await worker.run()
    await worker.later(days=20)
    await worker.run()
    found = await hub.db.fetch("SELECT message FROM sandbox_messages")
    assert [row["message"]["gathered"]["count"] for row in found] == [3]


@pytest.mark.usefixtures("push")
async def test_what_is_left_of_somebody_who_is_gone_holds_up_nothing(hub: Hub, project_id: int, worker: Steps) -> None:
    for user in ("ada", "bob", "cy"):
        await many(hub, project_id, 2, user)
    await hub.db.execute("DELETE FROM people WHERE user_id = 'ada'")
    await worker.decide()
    assert await worker.decide() == 0
    await hub.db.execute("DELETE FROM people WHERE user_id = 'bob'")
    await deliveries.claim(hub.db, "web_push", 10, lease_seconds=0.0, per_project=10)
    await worker.recover()
    assert await worker.recover() == 0
    await worker.run()
    assert len(await sent(hub)) == 2
    assert len(await rows(hub)) == 2


async def test_a_deleted_project_leaves_no_queue(hub: Hub, project_id: int, worker: Steps) -> None:
    ladder = [{"channel": "in_app"}, {"channel": "web_push"}, {"channel": "email", "after": "PT1H"}]
    await put_category(hub, project_id, "push", ladder=ladder)
    await put_category(hub, project_id, "likes", ladder=PUSH, digest={"window": "PT5M"})
    for user in ("ada", "bob"):
        await many(hub, project_id, 3, user)
        await publish(hub, project_id, recipients=[user], title="t", category="likes")
    other = await ensure_project(hub.db, "other")
    await make_sandbox(hub, other.project_id)
    await put_category(hub, other.project_id, "push", ladder=PUSH)
    await many(hub, other.project_id, 2, "cy")
    await worker.decide()
    assert {row["state"] for row in await rows(hub)} == {"waiting", "queued", "due"}
    await hub.db.execute("DELETE FROM projects WHERE project_id = $1", project_id)
    assert await deliveries.purge_of_gone_projects(hub.db, 1) > 0
    while await deliveries.purge_of_gone_projects(hub.db, 1):
        pass
    await worker.later(hours=2)
    await worker.run()
    found = await hub.db.fetch("SELECT project_id, state FROM deliveries")
    assert [tuple(row) for row in found] == [(other.project_id, "sent")] * 2
    assert await hub.db.fetch("SELECT 1 FROM digests WHERE closed_at IS NULL") == []


async def test_deleting_somebody_takes_what_is_being_planned(
    hub: Hub, project_id: int, worker: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    ladder = [{"channel": "in_app"}, {"channel": "web_push"}, {"channel": "email", "after": "PT10M", "if": "unseen"}]
    await put_category(hub, project_id, "both", ladder=ladder)
    await publish(hub, project_id, recipients=["ada"], title="1", category="both")
    reached, go_on = asyncio.Event(), asyncio.Event()
    tell = deliveries.tell

    async def slow(conn: Connection, planned: Any) -> None:
        await tell(conn, planned)
        reached.set()
        await go_on.wait()

    monkeypatch.setattr(deliveries, "tell", slow)
    async with asyncio.TaskGroup() as group:
        group.create_task(worker.decide())
        await reached.wait()
        reached.clear()
        group.create_task(publish(hub, project_id, recipients=["ada"], title="2", category="both"))
        await reached.wait()
        deleting = group.create_task(hub.db.transaction(lambda c: people.delete_person(c, project_id, "ada")))
        await somebody_waits(hub.db)
        go_on.set()
    assert deleting.result()
    assert await hub.db.fetch("SELECT 1 FROM deliveries") == []


async def subscribe(hub: Hub, project_id: int, topic: str) -> None:
    await hub.db.transaction(lambda conn: topics.add_subscribers(conn, project_id, topic, ["ada"]))


@pytest.mark.usefixtures("push")
@pytest.mark.parametrize(
    "outcome",
    [
        Failed("a\x00b"),
        Rejected("a\ud800b"),
        Sent("\x00"),
        Throttled(timedelta.max),
        Failed("x", timedelta(days=-9)),
        Rejected("x" * 1_000_000),
    ],
    ids=["nul", "surrogate", "nul in a reference", "for ever", "yesterday", "a page"],
)
async def test_whatever_a_provider_says_is_settled(hub: Hub, project_id: int, worker: Steps, outcome: Any) -> None:
    await many(hub, project_id, 1)
    await many(hub, project_id, 1, "bob")
    await worker.decide()
    use(worker, hub, outcome)
    async with asyncio.timeout(20):
        await worker.send()
    assert [r["state"] for r in await rows(hub)].count("claimed") == 0
    assert sum(len(str(r["history"])) for r in await rows(hub)) < 10_000


async def test_one_that_cannot_be_decided_on_holds_up_no_other(hub: Hub, project_id: int, worker: Steps) -> None:
    for user in ("ada", "bob", "cy"):
        await publish(hub, project_id, recipients=[user], title="t")
    whose = "person_id = (SELECT person_id FROM people WHERE user_id = 'bob')"
    await hub.db.execute(f"UPDATE deliveries SET condition = 'never' WHERE {whose}")
    await worker.run()
    assert sorted(user for user, _, _ in await sent(hub)) == ["ada", "cy"]
    assert [row["state"] for row in await rows(hub) if row["user_id"] == "bob"] == ["waiting"]


async def test_a_zone_that_this_machine_does_not_know_is_utc(hub: Hub, project_id: int, worker: Steps) -> None:
    await prefer(hub, project_id, "ada", quiet_hours={"timezone": "Mars/Olympus", "weekly": [ALWAYS]})
    await publish(hub, project_id, recipients=["ada"], title="t")
    await worker.run()
    assert [row["reason"] for row in await rows(hub)] == ["quiet_hours"]


async def test_a_digest_that_cannot_close_holds_up_no_other(hub: Hub, project_id: int, worker: Steps) -> None:
    ladder = [{"channel": "in_app"}, {"channel": "email", "if": "unseen"}]
    await put_category(hub, project_id, "likes", ladder=ladder, digest={"window": "PT5M"})
    for user in ("bob", "ada"):
        await publish(hub, project_id, recipients=[user], title="t", category="likes")
        await worker.run()
    await spoil(hub, "bob")
    await worker.later(minutes=6)
    await worker.run()
    assert [user for user, _, _ in await sent(hub)] == ["ada"]


@pytest.mark.usefixtures("push")
async def test_one_that_cannot_be_read_when_claimed_costs_no_other_an_attempt(
    hub: Hub, project_id: int, worker: Steps
) -> None:
    for user in ("bob", "ada"):
        await many(hub, project_id, 1, user)
    await worker.decide()
    await spoil(hub, "bob")
    await worker.send()
    assert [user for user, _, _ in await sent(hub)] == ["ada"]


@pytest.mark.usefixtures("push")
async def test_one_that_cannot_be_read_holds_up_no_other_whose_worker_died(
    hub: Hub, project_id: int, worker: Steps
) -> None:
    for user in ("bob", "ada"):
        await many(hub, project_id, 1, user)
    await worker.decide()
    await deliveries.claim(hub.db, "web_push", 10, lease_seconds=0.0, per_project=10)
    await spoil(hub, "bob")
    assert await worker.recover() == 2
    assert await worker.recover() == 0
    await worker.send()
    assert [user for user, _, _ in await sent(hub)] == ["ada"]


async def spoil(hub: Hub, user: str) -> None:
    """Gives somebody's deliveries a condition that this release does not know."""
    whose = "person_id = (SELECT person_id FROM people WHERE user_id = $1)"
    await hub.db.execute(f"UPDATE deliveries SET condition = 'never' WHERE {whose}", user)


async def test_a_digest_whose_transaction_is_cut_holds_up_no_other(
    hub: Hub, project_id: int, worker: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    ladder = [{"channel": "in_app"}, {"channel": "email", "if": "unseen"}]
    await put_category(hub, project_id, "likes", ladder=ladder, digest={"window": "PT5M"})
    for user in ("bob", "ada"):
        await publish(hub, project_id, recipients=[user], title="t", category="likes")
        await worker.run()
    (bobs,) = [row["digest_id"] for row in await rows(hub) if row["user_id"] == "bob"]
    lock_members = digests.lock_members

    async def cut(conn: Connection, digest_id: Any) -> Any:
        if digest_id == bobs:
            await conn.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return await lock_members(conn, digest_id)

    monkeypatch.setattr(digests, "lock_members", cut)
    await worker.later(minutes=6)
    async with asyncio.timeout(20):
        await worker.run()
    assert [user for user, _, _ in await sent(hub)] == ["ada"]


async def test_nobody_writes_what_was_sent_to_who_is_gone(hub: Hub, project_id: int) -> None:
    message = sandbox.SandboxMessage(uuid4(), project_id, 999, "email", {"title": "t"})
    await sandbox.write(hub.db, [message])
    assert await hub.db.fetch("SELECT 1 FROM sandbox_messages") == []


@pytest.mark.usefixtures("push")
async def test_a_message_that_cannot_be_made_fails_alone(hub: Hub, project_id: int, worker: Steps) -> None:
    broken = await publish(hub, project_id, recipients=["bob"], title="t", category="push")
    await many(hub, project_id, 1)
    await worker.decide()
    await hub.db.execute("UPDATE notifications SET request = '{}' WHERE notification_id = $1", broken)
    await worker.send()
    assert [user for user, _, _ in await sent(hub)] == ["ada"]
    assert [(row["state"], row["reason"]) for row in await rows(hub, broken)] == [("due", "retry")]


@pytest.mark.usefixtures("push")
async def test_an_outcome_that_cannot_be_stored_holds_up_no_other(hub: Hub, project_id: int, worker: Steps) -> None:
    for user in ("bob", "ada", "cy"):
        await many(hub, project_id, 1, user)
    await worker.decide()
    number: Any = 4711  # a provider's id, as its JSON has it
    use(worker, hub, Sent(number))
    async with asyncio.timeout(20):
        await worker.send()
    assert sorted(row["state"] for row in await rows(hub)) == ["claimed", "sent", "sent"]
