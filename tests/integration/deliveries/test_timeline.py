"""What a timeline says about deliveries: who did it, until when, in which order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hub.model.mark import Action
from hub.model.times import format_time
from hub.publish.cancel import cancel_notification
from hub.runtime import Hub
from hub.store.timeline import Event, read_timeline
from tests.integration.deliveries.test_ladder import PUSH_ALWAYS, act, prefer
from tests.support.deliveries import Steps, here, put_category, rows
from tests.support.publishing import publish


async def events(hub: Hub, project_id: int, notification: UUID) -> list[Event]:
    return await read_timeline(hub.db, project_id, notification, after=None, limit=1_000)


async def test_a_cancellation_that_closes_a_push_is_the_backends(hub: Hub, project_id: int, worker: Steps) -> None:
    await put_category(hub, project_id, "push", ladder=PUSH_ALWAYS)
    whole = await publish(hub, project_id, recipients=["ada"], title="t", category="push")
    some = await publish(hub, project_id, recipients=["ada"], title="t", category="push")
    await worker.run()
    await cancel_notification(hub, project_id, whole)
    await cancel_notification(hub, project_id, some, ["ada"])
    for notification in (whole, some):
        found = {(e.channel, e.event, e.reason, e.actor) for e in await events(hub, project_id, notification)}
        assert ("web_push", "withdrawing", "cancelled", "backend") in found
        assert ("in_app", "cancelled", None, "backend") in found


async def test_what_the_person_did_closes_a_push_as_theirs(hub: Hub, project_id: int, worker: Steps) -> None:
    await put_category(hub, project_id, "push", ladder=PUSH_ALWAYS)
    notification = await publish(hub, project_id, recipients=["ada"], title="t", category="push")
    await worker.run()
    await act(hub, project_id, "ada", Action.SEEN)
    await cancel_notification(hub, project_id, notification)
    withdrawing = [e for e in await events(hub, project_id, notification) if e.event == "withdrawing"]
    assert [(e.reason, e.actor) for e in withdrawing] == [("seen", "person")]


async def test_a_withdrawal_is_told_apart_from_the_push_that_it_closes(
    hub: Hub, project_id: int, worker: Steps
) -> None:
    await put_category(hub, project_id, "push", ladder=PUSH_ALWAYS)
    notification = await publish(hub, project_id, recipients=["ada"], title="t", category="push")
    await worker.run()
    await act(hub, project_id, "ada", Action.SEEN)
    await worker.run()
    push = [(e.event, e.detail) for e in await events(hub, project_id, notification) if e.channel == "web_push"]
    assert push == [
        ("waiting", None),
        ("queued", None),
        ("due", None),
        ("claimed", "attempt 1"),
        ("sent", "sandbox"),
        ("withdrawing", None),
        ("queued", "withdrawal"),
        ("due", "withdrawal"),
        ("claimed", "withdrawal, attempt 1"),
        ("sent", "withdrawal, sandbox"),
    ]


async def test_what_waits_for_a_time_says_until_when(hub: Hub, project_id: int, worker: Steps) -> None:
    notification = await publish(hub, project_id, recipients=["ada"], title="t", channels=["in_app", "email"])
    (email,) = [e for e in await events(hub, project_id, notification) if e.channel == "email"]
    (row,) = await rows(hub)
    assert (email.event, email.reason, email.detail) == ("waiting", "delay", f"until {format_time(row['due_at'])}")


async def test_what_waits_for_a_person_to_leave_names_no_time(hub: Hub, project_id: int, worker: Steps) -> None:
    async with here(hub, project_id, "ada"):
        notification = await publish(hub, project_id, recipients=["ada"], title="t")
        await worker.run()
    waiting = [(e.reason, e.detail) for e in await events(hub, project_id, notification) if e.event == "waiting"]
    assert waiting[:2] == [("asking_presence", None), ("present", None)]


async def test_what_could_go_at_once_waits_as_just_dispatched(hub: Hub, project_id: int, worker: Steps) -> None:
    await put_category(hub, project_id, "mail", ladder=[{"channel": "in_app"}, {"channel": "email", "if": "unseen"}])
    notification = await publish(hub, project_id, recipients=["ada"], title="t", category="mail")
    (email,) = [e for e in await events(hub, project_id, notification) if e.channel == "email"]
    assert (email.event, email.reason, email.detail) == ("waiting", "dispatched", None)


async def test_a_scheduled_notification_says_when_it_goes(hub: Hub, project_id: int, worker: Steps) -> None:
    send_at = datetime.now(UTC).replace(microsecond=7_000) + timedelta(days=1)
    later = await publish(hub, project_id, recipients=["ada"], title="t", send_at=send_at)
    local = await publish(hub, project_id, recipients=["ada"], title="t", send_at={"local": "2026-12-24T09:00"})
    now = await publish(hub, project_id, recipients=["ada"], title="t")
    for notification, detail in (
        (later, f"send_at {format_time(send_at)}"),
        (local, "send_at 2026-12-24T09:00:00 local"),
        (now, None),
    ):
        accepted = (await events(hub, project_id, notification))[0]
        assert (accepted.event, accepted.detail) == ("accepted", detail)


async def test_one_moment_is_told_in_the_order_of_the_ladder(hub: Hub, project_id: int, worker: Steps) -> None:
    ladder = [
        {"channel": "in_app"},
        {"channel": "web_push", "if": "away"},
        {"channel": "email", "if": "unseen"},
    ]
    await put_category(hub, project_id, "c", ladder=ladder)
    await prefer(hub, project_id, "ada", channels={"email": False})
    notification = await publish(hub, project_id, recipients=["ada"], title="t", category="c")
    assert [(e.channel, e.event, e.reason) for e in await events(hub, project_id, notification)] == [
        ("", "accepted", None),
        ("in_app", "stored", None),
        ("web_push", "waiting", "asking_presence"),
        ("email", "skipped", "channel_off"),
    ]
