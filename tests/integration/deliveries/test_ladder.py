"""Climbing a ladder on a real store, step by step: what is planned, decided, sent, and told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.model.mark import Action, Mark
from hub.model.person import Person
from hub.publish.absent import decide_absent
from hub.publish.cancel import cancel_notification
from hub.publish.inbox import mark
from hub.runtime import Hub
from hub.store import people
from hub.store.inbox import open_inbox
from tests.support.deliveries import Steps, here, put_category, rows, sent, states, told
from tests.support.publishing import inbox, publish, work
from tests.support.redis_server import redis_of

PUSH_ALWAYS = [{"channel": "in_app"}, {"channel": "web_push"}]


async def act(hub: Hub, project_id: int, user: str, action: Action) -> None:
    """Marks everything in somebody's inbox."""
    head = await open_inbox(hub.db, project_id, user)
    await mark(hub, Person(head.person_id, project_id, user), Mark(action))


async def prefer(hub: Hub, project_id: int, user: str, **preferences: Any) -> None:
    """Stores a person's preferences as they are stored."""
    await hub.db.execute(
        "INSERT INTO people (project_id, user_id, preferences) VALUES ($1, $2, $3) "
        "ON CONFLICT (project_id, user_id) DO UPDATE SET preferences = excluded.preferences",
        project_id,
        user,
        preferences,
    )


async def test_who_is_away_gets_a_push_at_once_and_an_email_after_its_delay(
    hub: Hub, project_id: int, worker: Steps
) -> None:
    notification = await publish(hub, project_id, recipients=["ada"], title="t")
    assert await states(hub) == [("web_push", "waiting", "asking_presence")]
    await worker.run()
    assert await states(hub) == [("web_push", "sent", None), ("email", "waiting", "delay")]
    assert await sent(hub) == [("ada", "web_push", "t")]
    await worker.later(minutes=9, seconds=50)
    await worker.run()
    assert await sent(hub) == [("ada", "web_push", "t")]
    await worker.later(seconds=11)
    await worker.run()
    assert await sent(hub) == [("ada", "web_push", "t"), ("ada", "email", "t")]
    events = await told(hub, project_id, notification)
    assert ("email", "waiting", "delay") in events
    assert [event for event in events if event[0] == "web_push"] == [
        ("web_push", "waiting", "asking_presence"),
        ("web_push", "queued", "ready"),
        ("web_push", "due", "ready"),
        ("web_push", "claimed", None),
        ("web_push", "sent", None),
    ]


async def test_nothing_leaves_while_the_person_is_active(hub: Hub, project_id: int, worker: Steps) -> None:
    async with here(hub, project_id, "ada"):
        await publish(hub, project_id, recipients=["ada"], title="t")
        await worker.run()
        assert await states(hub) == [("web_push", "waiting", "present")]
        await worker.later(minutes=2)
        await worker.run()
        assert await sent(hub) == []


async def test_who_stays_until_the_next_step_gets_that_instead(hub: Hub, project_id: int, worker: Steps) -> None:
    async with here(hub, project_id, "ada"):
        await publish(hub, project_id, recipients=["ada"], title="t")
        await worker.run()
        await worker.later(minutes=10)
        await worker.run()
        assert await states(hub) == [("email", "sent", None)]
        assert await sent(hub) == [("ada", "email", "t")]


async def test_a_push_waits_its_delay_for_who_is_idle(hub: Hub, project_id: int, worker: Steps) -> None:
    ladder = [{"channel": "in_app"}, {"channel": "web_push", "after": "PT1M", "if": "away"}]
    await put_category(hub, project_id, "c", ladder=ladder)
    hub.settings.presence_grace_seconds = 0
    async with here(hub, project_id, "ada", "idle"):
        await publish(hub, project_id, recipients=["ada", "bob"], title="t", category="c")
        await worker.run()
        assert await sent(hub) == [("bob", "web_push", "t")], "the delay is waived for who is not connected"
        assert (await states(hub))[0] == ("web_push", "waiting", "delay")
        await worker.later(minutes=1)
        await worker.run()
        assert await sent(hub) == [("bob", "web_push", "t"), ("ada", "web_push", "t")]


async def test_a_step_for_who_is_offline_waits_for_who_is_idle(hub: Hub, project_id: int, worker: Steps) -> None:
    await put_category(hub, project_id, "c", ladder=[{"channel": "in_app"}, {"channel": "web_push", "if": "offline"}])
    hub.settings.presence_grace_seconds = 0
    async with here(hub, project_id, "ada", "idle"):
        await publish(hub, project_id, recipients=["ada"], title="t", category="c")
        await worker.run()
        assert await states(hub) == [("web_push", "waiting", "present")]
    assert await decide_absent(hub) == 1
    await worker.run()
    assert await sent(hub) == [("ada", "web_push", "t")]


async def test_who_just_left_may_be_back(hub: Hub, project_id: int, worker: Steps) -> None:
    async with here(hub, project_id, "ada"):
        await publish(hub, project_id, recipients=["ada"], title="t")
        await worker.run()
    await worker.later(minutes=1)  # it looks again, and the grace is by Redis's clock
    await worker.run()
    assert await states(hub) == [("web_push", "waiting", "grace")]
    assert await decide_absent(hub) == 0
    async with here(hub, project_id, "ada"):
        await worker.later(seconds=30)
        await worker.run()
        assert await states(hub) == [("web_push", "waiting", "present")]
    assert await sent(hub) == []


async def test_what_waits_is_decided_again_when_the_person_has_left(hub: Hub, project_id: int, worker: Steps) -> None:
    hub.settings.presence_grace_seconds = 0
    async with here(hub, project_id, "ada") as ada:
        await publish(hub, project_id, recipients=["ada"], title="t")
        await worker.run()
        await ada.turn("idle")
        assert await decide_absent(hub) == 1
        await worker.run()
        assert await sent(hub) == [("ada", "web_push", "t")]


@pytest.mark.parametrize(
    ("action", "reason"),
    [(Action.SEEN, "seen"), (Action.READ, "read"), (Action.DELETE, "removed"), (Action.ARCHIVE, "archived")],
)
async def test_what_a_person_does_in_the_app_cancels_the_rest(
    hub: Hub, project_id: int, worker: Steps, action: Action, reason: str
) -> None:
    notification = await publish(hub, project_id, recipients=["ada"], title="t", channels=["in_app", "email"])
    await worker.run()
    await act(hub, project_id, "ada", action)
    await worker.later(minutes=10)
    await worker.run()
    assert await states(hub) == [("email", "skipped", reason)]
    assert await sent(hub) == []
    assert (await told(hub, project_id, notification))[-1] == ("email", "skipped", reason)


async def test_an_always_step_goes_although_it_was_read(hub: Hub, project_id: int, worker: Steps) -> None:
    await put_category(hub, project_id, "c", ladder=[{"channel": "in_app"}, {"channel": "email", "after": "PT1M"}])
    await publish(hub, project_id, recipients=["ada"], title="t", category="c")
    await act(hub, project_id, "ada", Action.READ)
    await worker.later(minutes=1)
    await worker.run()
    assert await sent(hub) == [("ada", "email", "t")]


async def test_unread_goes_on_after_it_was_seen(hub: Hub, project_id: int, worker: Steps) -> None:
    ladder = [{"channel": "in_app"}, {"channel": "email", "after": "PT1M", "if": "unread"}]
    await put_category(hub, project_id, "c", ladder=ladder)
    await publish(hub, project_id, recipients=["ada"], title="t", category="c")
    await act(hub, project_id, "ada", Action.SEEN)
    await worker.later(minutes=1)
    await worker.run()
    assert await sent(hub) == [("ada", "email", "t")]


async def test_what_was_seen_at_the_last_moment_is_not_sent(hub: Hub, project_id: int, worker: Steps) -> None:
    await publish(hub, project_id, recipients=["ada"], title="t", channels=["in_app", "email"])
    await worker.later(minutes=10)
    await worker.decide()
    assert await states(hub) == [("email", "due", "ready")]
    await act(hub, project_id, "ada", Action.SEEN)
    await worker.run()
    assert await states(hub) == [("email", "skipped", "seen")]
    assert (await rows(hub))[0]["attempts"] == 0
    assert await sent(hub) == []


async def test_reading_closes_the_push_that_shows_once(hub: Hub, project_id: int, worker: Steps) -> None:
    notification = await publish(hub, project_id, recipients=["ada"], title="t")
    await worker.run()
    await act(hub, project_id, "ada", Action.SEEN)
    await act(hub, project_id, "ada", Action.READ)
    await worker.run()
    messages = await hub.db.fetch("SELECT channel, message FROM sandbox_messages ORDER BY position")
    assert [(m["channel"], m["message"]["kind"]) for m in messages] == [
        ("web_push", "step"),
        ("web_push", "withdrawal"),
    ]
    assert messages[1]["message"]["notification_id"] == str(notification)


async def test_steps_of_one_rung_go_side_by_side(hub: Hub, project_id: int, worker: Steps) -> None:
    ladder = [
        {"channel": "in_app"},
        {"channel": "web_push", "after": "PT1M"},
        {"channel": "email", "after": "PT1M", "if": "unseen"},
        {"channel": "email", "after": "PT1H"},
    ]
    await put_category(hub, project_id, "c", ladder=ladder)
    await publish(hub, project_id, recipients=["ada"], title="t", category="c")
    assert await states(hub) == [("web_push", "waiting", "delay"), ("email", "waiting", "delay")]
    await worker.later(minutes=1)
    await worker.run()
    assert sorted(await sent(hub)) == [("ada", "email", "t"), ("ada", "web_push", "t")]
    await worker.later(hours=1)
    await worker.run()
    assert len(await sent(hub)) == 3


async def test_preferences_skip_a_channel_and_the_next_one_goes(hub: Hub, project_id: int, worker: Steps) -> None:
    await prefer(hub, project_id, "ada", channels={"web_push": False})
    notification = await publish(hub, project_id, recipients=["ada"], title="t")
    assert await states(hub) == [("email", "waiting", "delay")]
    assert ("web_push", "skipped", "channel_off") in await told(hub, project_id, notification)


async def test_what_is_switched_off_meanwhile_is_not_sent(hub: Hub, project_id: int, worker: Steps) -> None:
    await publish(hub, project_id, recipients=["ada"], title="t", channels=["in_app", "email"])
    await prefer(hub, project_id, "ada", categories={"general": {"enabled": False}})
    await worker.later(minutes=10)
    await worker.run()
    assert await states(hub) == [("email", "skipped", "category_off")]


async def test_an_item_that_is_switched_off_is_told_and_does_not_stop_the_email(
    hub: Hub, project_id: int, worker: Steps
) -> None:
    await prefer(hub, project_id, "ada", categories={"general": {"channels": {"in_app": False}}})
    await publish(hub, project_id, recipients=["ada"], title="t")
    assert await inbox(hub, project_id, "ada") == []
    await worker.run()
    await worker.later(minutes=10)
    await worker.run()
    assert await states(hub) == [
        ("in_app", "skipped", "channel_off"),
        ("web_push", "sent", None),
        ("email", "sent", None),
    ]


async def test_cancelling_withdraws_what_waits_and_what_is_due(hub: Hub, project_id: int, worker: Steps) -> None:
    await put_category(hub, project_id, "push", ladder=PUSH_ALWAYS)
    waiting = await publish(hub, project_id, recipients=["ada"], title="t", channels=["in_app", "email"])
    due = await publish(hub, project_id, recipients=["bob"], title="t", category="push")
    await worker.decide()
    await cancel_notification(hub, project_id, waiting)
    await cancel_notification(hub, project_id, due)
    assert await states(hub, waiting) == [("email", "cancelled", "cancelled")]
    await worker.run()
    assert await states(hub, due) == [("web_push", "cancelled", "cancelled")]
    assert await sent(hub) == []


async def test_cancelling_reaches_who_has_no_item(hub: Hub, project_id: int, worker: Steps) -> None:
    notification = await publish(hub, project_id, recipients=["ada"], title="t", channels=["email"])
    assert await cancel_notification(hub, project_id, notification) == 1
    assert await states(hub) == [("email", "cancelled", "cancelled")]


async def test_an_expired_notification_sends_nothing_more(hub: Hub, project_id: int, worker: Steps) -> None:
    await publish(
        hub,
        project_id,
        recipients=["ada"],
        title="t",
        channels=["in_app", "email"],
        expires_at=datetime.now(UTC) + timedelta(minutes=5),
    )
    (row,) = await rows(hub)
    assert row["due_at"] - row["dispatched_at"] <= timedelta(minutes=5)
    await hub.db.execute("UPDATE notifications SET expires_at = now()")
    await worker.later(minutes=6)
    await worker.run()
    assert await states(hub) == [("email", "expired", "expired")]


async def test_quiet_hours_hold_and_a_new_zone_decides_again(hub: Hub, project_id: int, worker: Steps) -> None:
    now = datetime.now(UTC)
    hour = [{"days": [1, 2, 3, 4, 5, 6, 7], "from": f"{now.hour:02}:00", "to": f"{(now.hour + 2) % 24:02}:00"}]
    await prefer(hub, project_id, "ada", quiet_hours={"weekly": hour})
    await publish(hub, project_id, recipients=["ada"], title="t")
    await publish(hub, project_id, recipients=["ada"], title="now", priority="critical")
    await worker.run()
    assert await sent(hub) == [("ada", "web_push", "now")]
    assert (await states(hub))[0] == ("web_push", "waiting", "quiet_hours")
    zone = "Pacific/Kiritimati" if now.hour not in (8, 9, 10, 11) else "America/New_York"  # 14 or 5 hours from UTC
    async with hub.db.acquire() as conn:
        await people.put_people(conn, project_id, [{"id": "bob"}])
        await conn.execute("UPDATE people SET timezone = $1 WHERE user_id = 'ada'", zone)
    await worker.run()
    assert await sent(hub) == [("ada", "web_push", "now"), ("ada", "web_push", "t")]


async def test_held_deliveries_leave_in_order(hub: Hub, project_id: int, worker: Steps) -> None:
    weekly = [{"days": [1, 2, 3, 4, 5, 6, 7], "from": "00:00", "to": "00:00"}]
    await prefer(hub, project_id, "ada", quiet_hours={"weekly": weekly})
    for number in range(5):
        await publish(hub, project_id, recipients=["ada"], title=str(number), channels=["in_app", "web_push"])
    await worker.run()
    assert {reason for _, _, reason in await states(hub)} == {"quiet_hours"}
    await prefer(hub, project_id, "ada")
    await worker.run()
    assert [title for _, _, title in await sent(hub)] == ["0", "1", "2", "3", "4"]


async def test_a_delegate_gets_it_instead(hub: Hub, project_id: int, worker: Steps) -> None:
    await prefer(hub, project_id, "ada", delegate="bob")
    await prefer(hub, project_id, "bob", delegate="cleo")
    notification = await publish(
        hub, project_id, recipients=[{"id": "ada", "data": {"seat": "14C"}}], title="t", channels=["in_app", "web_push"]
    )
    await worker.run()
    assert [item["title"] for item in await inbox(hub, project_id, "ada")] == ["t"]
    assert [item["data"] for item in await inbox(hub, project_id, "bob")] == [{"seat": "14C"}]
    assert await sent(hub) == [("bob", "web_push", "t")]
    assert ("web_push", "skipped", "delegated") in await told(hub, project_id, notification)
    assert await inbox(hub, project_id, "cleo") == []


async def test_a_topic_and_everyone_reach_outside_once(hub: Hub, project_id: int, worker: Steps) -> None:
    users = [f"u{n}" for n in range(7)]
    async with hub.db.acquire() as conn:
        await people.put_people(conn, project_id, [{"id": user} for user in users])
    notification = await publish(
        hub, project_id, recipients=[{"all": True}, "u1"], title="t", channels=["in_app", "web_push"]
    )
    await work(hub)
    await worker.run()
    assert sorted(user for user, _, _ in await sent(hub)) == users
    for row in await rows(hub, notification):
        assert [item["title"] for item in await inbox(hub, project_id, row["user_id"])] == ["t"]
    recipients = await hub.db.fetchrow("SELECT recipients FROM notifications")
    assert recipients is not None
    assert recipients["recipients"] == 7


async def test_a_duplicate_outside_the_app_is_sent_once(hub: Hub, project_id: int, worker: Steps) -> None:
    for _ in range(2):
        await publish(hub, project_id, recipients=["ada"], title="t", channels=["web_push"], dedupe_key="d")
    await worker.run()
    assert await sent(hub) == [("ada", "web_push", "t")]


async def test_a_duplicate_is_one_to_those_with_and_without_an_item(hub: Hub, project_id: int, worker: Steps) -> None:
    await prefer(hub, project_id, "ada", channels={"in_app": False})
    for title in ("1", "2"):
        await publish(hub, project_id, recipients=["bob", "ada"], title=title, dedupe_key="d")
    await worker.run()
    assert sorted(await sent(hub)) == [("ada", "web_push", "1"), ("bob", "web_push", "1")]
    keys = await hub.db.fetch(
        "SELECT DISTINCT user_id FROM deliveries JOIN people USING (person_id) WHERE dedupe_key = 'd'"
    )
    assert [row["user_id"] for row in keys] == ["ada"], "whoever has an item is found by it"


async def test_a_person_who_is_deleted_is_not_written_to(hub: Hub, project_id: int, worker: Steps) -> None:
    await publish(hub, project_id, recipients=["ada"], title="t")
    await hub.db.transaction(lambda conn: people.delete_person(conn, project_id, "ada"))
    assert await rows(hub) == []
    await worker.run()
    assert await sent(hub) == []


async def test_without_a_provider_nothing_is_stored_for_each_recipient(hub: Hub, project_id: int) -> None:
    notification = await publish(hub, project_id, recipients=["ada", "bob"], title="t")
    assert await rows(hub) == []
    assert [event for event in await told(hub, project_id, notification) if event[1] == "skipped"] == [
        ("email", "skipped", "no_provider"),
        ("web_push", "skipped", "no_provider"),
    ]


async def test_one_call_can_be_a_trial(hub: Hub, project_id: int, worker: Steps) -> None:
    await hub.db.execute("UPDATE projects SET sandbox = false")
    hub.rulebook.forget()
    await publish(hub, project_id, recipients=["ada"], title="real")
    await publish(hub, project_id, recipients=["ada"], title="trial", sandbox=True)
    await worker.run()
    assert await sent(hub) == [("ada", "web_push", "trial")]


async def test_unknown_presence_sends_nothing(hub: Hub, project_id: int, worker: Steps) -> None:
    await redis_of(hub).delete(f"hub:{hub.installation}:present-since")
    await publish(hub, project_id, recipients=["ada"], title="t")
    await worker.run()
    assert await states(hub) == [("web_push", "waiting", "presence_unknown")]
    assert await sent(hub) == []


async def test_a_waived_delay_overtakes_one_that_runs(hub: Hub, project_id: int, worker: Steps) -> None:
    ladder = [
        {"channel": "in_app"},
        {"channel": "email", "after": "PT1M", "if": "unseen"},
        {"channel": "web_push", "after": "PT10M", "if": "offline"},
    ]
    await put_category(hub, project_id, "c", ladder=ladder)
    await publish(hub, project_id, recipients=["ada"], title="t", category="c")
    await worker.run()
    assert await sent(hub) == [("ada", "web_push", "t")]


async def test_a_history_of_somebody_who_comes_and_goes_all_day_has_an_end(
    hub: Hub, project_id: int, worker: Steps
) -> None:
    await put_category(hub, project_id, "away", ladder=[{"channel": "in_app"}, {"channel": "web_push", "if": "away"}])
    async with here(hub, project_id, "ada") as ada:
        await publish(hub, project_id, recipients=["ada"], title="t", category="away")
        for number in range(70):
            await ada.turn("idle" if number % 2 else "active")
            await hub.db.execute("UPDATE deliveries SET due_at = now()")
            await worker.decide()
    (row,) = await rows(hub)
    assert len(row["history"]) == 50
    assert row["history"][-1][3] == row["reason"] == "grace"
