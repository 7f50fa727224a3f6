"""Explain says what then happens: the same notification is explained, published and worked on, with presence frozen."""

from __future__ import annotations

import random
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.publish.explain import Explained, explain_notification
from hub.publish.rulebook import Rulebook
from hub.runtime import Hub
from hub.store import suppressions, timeline
from hub.store.templates import put_brand
from hub.store.topics import add_subscribers
from tests.integration.deliveries.test_ladder import prefer
from tests.support.deliveries import Steps, here, put_category, rows, told
from tests.support.publishing import publish, unit

EVERY_DAY = [1, 2, 3, 4, 5, 6, 7]


async def explained(hub: Hub, project_id: int, **body: Any) -> list[Explained]:
    (notification,) = unit(project_id, **body).notifications
    return await hub.db.transaction(lambda conn: explain_notification(hub, conn, notification))


def random_policy(chance: random.Random) -> dict[str, Any]:
    conditions = ["always", "offline", "away", "undelivered", "unseen", "unread"]
    channels = chance.sample(["web_push", "email"], chance.randint(1, 2))
    afters = [chance.choice(["PT0S", "PT0S", "PT1M", "PT10M"]) for _ in channels]
    ladder: list[dict[str, Any]] = [{"channel": "in_app"}] if chance.random() < 0.8 else []
    ladder += [
        {"channel": channel, "after": after, "if": chance.choice(conditions)}
        for channel, after in zip(channels, afters, strict=True)
    ]
    policy: dict[str, Any] = {
        "ladder": ladder,
        "default": chance.choice(["opted_in", "opted_in", "opted_out", "required"]),
        "quiet_hours": chance.choice(["respect", "ignore"]),
    }
    if policy["default"] != "required" and chance.random() < 0.2:
        policy["kind"] = "marketing"
    if chance.random() < 0.2:
        policy["digest"] = {"window": "PT5M", "first": chance.choice(["now", "hold"])}
    if chance.random() < 0.2:
        policy["cap"] = {"limit": 1, "per": "PT1H", "overflow": chance.choice(["drop", "digest"])}
    return policy


def random_preferences(chance: random.Random, category: str) -> dict[str, Any]:
    preferences: dict[str, Any] = {}
    if chance.random() < 0.3:
        preferences["channels"] = {chance.choice(["web_push", "email"]): chance.random() < 0.5}
    if chance.random() < 0.3:
        preferences["categories"] = {category: {"enabled": chance.random() < 0.6}}
    if chance.random() < 0.2:
        preferences["quiet_hours"] = {"weekly": [{"days": EVERY_DAY, "from": "00:00", "to": "00:00"}]}
    if chance.random() < 0.1:
        preferences["paused_until"] = "2999-01-01T00:00:00.000Z"
    if chance.random() < 0.2:
        preferences["channel_order"] = chance.sample(["web_push", "email"], 2)
    if chance.random() < 0.2:
        preferences["consents"] = {category: {"granted": True, "at": "2026-01-01T00:00:00.000Z"}}
    return preferences


@pytest.mark.parametrize("seed", range(4))
async def test_what_is_explained_happens(hub: Hub, project_id: int, worker: Steps, seed: int) -> None:
    chance = random.Random(seed)
    hub.settings.presence_grace_seconds = 0
    hub.settings.public_url = "https://hub.example.com"  # marketing needs one, and an address
    await put_brand(hub.db, project_id, {"address": "1 Main St"})
    async with AsyncExitStack() as frozen:
        for number in range(30):
            user, category = f"u{number}", f"c{number}"
            await put_category(hub, project_id, category, **random_policy(chance))
            await prefer(hub, project_id, user, **random_preferences(chance, category))
            state = chance.choice(["active", "idle", "offline"])
            if state != "offline":
                await frozen.enter_async_context(here(hub, project_id, user, state))  # type: ignore[arg-type]
            body: dict[str, Any] = {"recipients": [user], "title": "t", "category": category}
            if chance.random() < 0.2:
                body["priority"] = "critical"
            if chance.random() < 0.2:
                body["channels"] = chance.sample(["in_app", "web_push", "email"], 2)
            for _ in range(2 if chance.random() < 0.3 else 1):  # the second one finds digests open and caps full
                entries = await explained(hub, project_id, **body)
                notification = await publish(hub, project_id, **body)
                await worker.run()
                problem = await _compare(hub, project_id, notification, entries)
                assert problem is None, (problem, body, entries, await told(hub, project_id, notification))


async def _compare(
    hub: Hub, project_id: int, notification: Any, entries: list[Explained], user: str | None = None
) -> str | None:
    """The first difference between what was explained and what stands; of one person among several."""
    events = {(channel, event, reason) for channel, event, reason in await told(hub, project_id, notification)}
    held = {row["channel"]: row for row in await rows(hub, notification) if user in (None, row["user_id"])}
    climbing = any(row["state"] == "waiting" for row in held.values())
    for entry in entries:
        row = held.get(entry.channel)
        if entry.channel == "in_app":
            if entry.decision == "send" and ("in_app", "stored", None) not in events:
                return "the item is not stored"
            if entry.decision == "skip" and (entry.channel, "skipped", entry.reason) not in events:
                return f"{entry.channel} was not skipped for {entry.reason}"
        elif entry.decision == "send" and (row is None or row["state"] != "sent"):
            return f"{entry.channel} was not sent"
        elif entry.decision == "skip" and (entry.channel, "skipped", entry.reason) not in events and not climbing:
            return f"{entry.channel} was not skipped for {entry.reason}"
        elif entry.decision == "wait":
            if row is None and climbing:
                continue  # its line waits at an earlier step
            if row is None or (row["state"], row["reason"]) != ("waiting", entry.reason):
                return f"{entry.channel} does not wait for {entry.reason}"
            assert entry.at is not None
            if abs(row["due_at"] - entry.at) > timedelta(seconds=30):
                return f"{entry.channel} is due at {row['due_at']} instead of {entry.at}"
    said = {entry.channel for entry in entries}
    if unsaid := {row["channel"] for row in held.values()} - said:
        return f"nothing was said about {unsaid}"
    return None


async def test_explaining_leaves_no_trace(hub: Hub, project_id: int, worker: Steps) -> None:
    await put_category(
        hub,
        project_id,
        "c",
        ladder=[{"channel": "in_app"}, {"channel": "web_push"}],
        digest={"window": "PT5M", "first": "now"},
        cap={"limit": 1, "per": "PT1H", "overflow": "drop"},
    )
    for _ in range(3):
        entries = await explained(hub, project_id, recipients=["ada"], title="t", category="c")
        assert [(entry.channel, entry.decision) for entry in entries] == [("in_app", "send"), ("web_push", "send")]
    assert await hub.db.fetch("SELECT 1 FROM people") == []
    assert await rows(hub) == []
    assert await hub.db.fetch("SELECT 1 FROM digests") == []


async def test_a_scheduled_notification_is_explained_for_its_time(hub: Hub, project_id: int, worker: Steps) -> None:
    send_at = datetime.now(UTC) + timedelta(days=1)
    entries = await explained(hub, project_id, recipients=["ada"], title="t", send_at=send_at)
    at = {entry.channel: (entry.decision, entry.at) for entry in entries}
    why = {entry.channel: (entry.decision, entry.reason, entry.layer) for entry in entries}
    assert why["in_app"] == why["web_push"] == ("wait", "scheduled", "notification")
    assert at["web_push"][1] is not None
    assert abs(at["web_push"][1] - send_at) < timedelta(seconds=1)
    assert at["email"][1] is not None
    assert abs(at["email"][1] - send_at - timedelta(minutes=10)) < timedelta(seconds=1)


async def test_a_channel_outside_the_ladder_is_the_categorys(hub: Hub, project_id: int, worker: Steps) -> None:
    await put_category(hub, project_id, "c", ladder=[{"channel": "in_app"}, {"channel": "email", "if": "unseen"}])
    entries = await explained(hub, project_id, recipients=["ada"], title="t", category="c", channels=["web_push"])
    assert [(e.channel, e.decision, e.condition, e.reason, e.layer) for e in entries] == [
        ("in_app", "skip", "always", "channel_not_requested", "notification"),
        ("email", "skip", "unseen", "channel_not_requested", "notification"),
        ("web_push", "skip", None, "not_in_ladder", "category"),
    ]


async def test_a_delegate_is_named_and_explained(hub: Hub, project_id: int, worker: Steps) -> None:
    await prefer(hub, project_id, "ada", delegate="bob")
    await prefer(hub, project_id, "bob", delegate="cleo", channels={"web_push": False})
    body: dict[str, Any] = {"recipients": ["ada"], "title": "t"}
    entries = await explained(hub, project_id, **body)
    assert [(e.user, e.channel, e.decision, e.reason, e.detail) for e in entries] == [
        ("ada", "in_app", "send", "ready", None),
        ("ada", "web_push", "skip", "delegated", "to bob"),
        ("ada", "email", "skip", "delegated", "to bob"),
        ("bob", "in_app", "send", "ready", None),
        ("bob", "web_push", "skip", "channel_off", None),
        ("bob", "email", "wait", "delay", None),
    ]
    notification = await publish(hub, project_id, **body)
    await worker.run()
    for user in ("ada", "bob"):
        problem = await _compare(hub, project_id, notification, [e for e in entries if e.user == user], user)
        assert problem is None, problem
    assert {row["user_id"] for row in await rows(hub, notification)} == {"ada", "bob"}


async def test_a_delegate_who_is_a_recipient_anyway_is_explained_once(hub: Hub, project_id: int, worker: Steps) -> None:
    await prefer(hub, project_id, "ada", delegate="bob")
    entries = await explained(hub, project_id, recipients=["ada", "bob"], title="t")
    assert [(e.user, e.channel) for e in entries if e.user == "bob"] == [
        ("bob", "in_app"),
        ("bob", "web_push"),
        ("bob", "email"),
    ]


async def test_a_duplicate_is_explained(hub: Hub, project_id: int, worker: Steps) -> None:
    await publish(hub, project_id, recipients=["ada"], title="t", dedupe_key="d")
    entries = await explained(hub, project_id, recipients=["ada", "bob"], title="t", dedupe_key="d")
    assert [(e.user, e.channel, e.decision, e.reason) for e in entries][:2] == [
        ("ada", "in_app", "skip", "duplicate"),
        ("bob", "in_app", "send", "ready"),
    ]


async def test_a_topic_is_explained_without_its_actor(hub: Hub, project_id: int, worker: Steps) -> None:

    await hub.db.transaction(lambda conn: add_subscribers(conn, project_id, "news", ["ada", "bob", "cleo"]))
    entries = await explained(hub, project_id, recipients=[{"topic": "news"}], title="t", actor="bob")
    assert {entry.user for entry in entries} == {"ada", "cleo"}


async def test_what_is_missing_and_who_decides_is_told_by_explain_and_the_timeline(
    hub: Hub, project_id: int, worker: Steps
) -> None:
    await hub.db.execute("UPDATE projects SET sandbox = false")  # where nobody needs an address
    hub.rulebook = Rulebook(frozenset({"email", "sms", "web_push"}))
    ladder = [{"channel": channel, "if": "always"} for channel in ("web_push", "sms", "email")]
    await put_category(hub, project_id, "orders", ladder=ladder)
    await put_category(hub, project_id, "offers", kind="marketing", ladder=ladder[2:])
    await suppressions.add(hub.db, project_id, "email", "ada@example.org", "complained")
    recipients = [{"id": "ada", "email": "Ada@example.org"}]
    for category, said in (
        ("orders", ["no browser of theirs", "no `phone`; the backend", "complained about a message; the backend"]),
        ("offers", ["no consent in their preferences covers this category on this channel; the person"]),
    ):
        entries = await explained(hub, project_id, recipients=recipients, category=category, title="t")
        notification = await publish(hub, project_id, recipients=recipients, category=category, title="t")
        await worker.run()
        events = await timeline.read_timeline(hub.db, project_id, notification, after=None, limit=50)
        skipped = [event.detail or "" for event in events if event.event == "skipped"]
        assert skipped == [entry.detail for entry in entries]
        assert [words in detail for words, detail in zip(said, skipped, strict=True)] == [True] * len(said)
