"""Digests: who joins, when they close, and that each is sent once with its exact count."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.model.mark import Action
from hub.publish import gather
from hub.publish.cancel import cancel_notification
from hub.runtime import Hub
from tests.integration.deliveries.test_ladder import act, prefer
from tests.support.deliveries import Steps, here, put_category, rows, sent, told
from tests.support.publishing import publish
from tests.support.redis_server import redis_of

EMAIL = [{"channel": "in_app"}, {"channel": "email", "if": "unseen"}]


async def digest(hub: Hub, project_id: int, **rule: Any) -> None:
    await put_category(hub, project_id, "likes", ladder=EMAIL, digest=rule)


async def like(hub: Hub, project_id: int, count: int = 1, post: int = 1, **more: Any) -> list[Any]:
    body = {"recipients": ["ada"], "category": "likes", "data": {"post": post}, **more}
    return [await publish(hub, project_id, title=f"{post}.{number}", **body) for number in range(count)]


async def gathered(hub: Hub) -> list[tuple[int, int]]:
    """Of each digest that was sent: its count, and how many it names."""
    found = await hub.db.fetch("SELECT message FROM sandbox_messages ORDER BY position")
    return [
        (row["message"]["gathered"]["count"], len(row["message"]["gathered"]["notifications"]))
        for row in found
        if row["message"]["gathered"]
    ]


async def test_a_window_gathers_by_key_and_counts_exactly(hub: Hub, project_id: int, worker: Steps) -> None:
    await digest(hub, project_id, key="{{ data.post }}", window="PT5M")
    ids = await like(hub, project_id, 3, post=1)
    await like(hub, project_id, 2, post=2)
    await worker.run()
    assert await sent(hub) == []
    await worker.later(minutes=4)
    await like(hub, project_id, 1, post=1)
    await worker.run()
    await worker.later(minutes=1)
    await worker.run()
    assert sorted(await gathered(hub)) == [(2, 2), (4, 4)]
    assert sorted(row["state"] for row in await rows(hub)) == ["sent"] * 2 + ["skipped"] * 4
    assert [event[1:] for event in await told(hub, project_id, ids[1]) if event[0] == "email"] == [
        ("waiting", "dispatched"),
        ("waiting", "digest"),
        ("skipped", "replaced_by_digest"),
    ]


async def test_a_digest_names_a_hundred_and_counts_them_all(hub: Hub, project_id: int, worker: Steps) -> None:
    await digest(hub, project_id, window="PT5M")
    await asyncio.gather(*(like(hub, project_id, 1, post=n) for n in range(150)))
    await worker.run()
    await worker.later(minutes=5)
    await worker.run()
    assert await gathered(hub) == [(150, 100)]


async def test_first_now_sends_the_first_and_gathers_the_rest(hub: Hub, project_id: int, worker: Steps) -> None:
    await digest(hub, project_id, window="PT5M", first="now")
    await like(hub, project_id, 3)
    await worker.run()
    assert await sent(hub) == [("ada", "email", "1.0")]
    await worker.later(minutes=5)
    await worker.run()
    assert await gathered(hub) == [(2, 2)]
    await like(hub, project_id, 1, post=9)
    await worker.run()
    assert (await sent(hub))[-1] == ("ada", "email", "9.0")
    await worker.later(minutes=5)
    await worker.run()
    assert len(await sent(hub)) == 3, "a digest that nobody joined sends nothing"


async def test_a_sliding_window_moves_on_but_not_for_ever(hub: Hub, project_id: int, worker: Steps) -> None:
    await digest(hub, project_id, window="PT5M", mode="sliding", max_window="PT12M")
    for number in range(3):
        await like(hub, project_id, 1, post=number)
        await worker.run()
        assert await gathered(hub) == []
        await worker.later(minutes=4)
    await worker.run()
    assert await gathered(hub) == [(3, 3)]


async def test_a_schedule_is_the_persons(hub: Hub, project_id: int, worker: Steps) -> None:
    await digest(hub, project_id, mode="schedule")
    at = (datetime.now(UTC) + timedelta(hours=3)).strftime("%H:%M")
    await prefer(hub, project_id, "ada", digest={"schedule": [{"days": [1, 2, 3, 4, 5, 6, 7], "at": at}]})
    await like(hub, project_id, 2)
    await worker.run()
    row = await hub.db.fetchrow("SELECT closes_at - opened_at AS wait FROM digests")
    assert row is not None
    assert timedelta(hours=2, minutes=58) < row["wait"] <= timedelta(hours=3)


async def test_what_was_seen_or_cancelled_meanwhile_is_not_counted(hub: Hub, project_id: int, worker: Steps) -> None:
    await digest(hub, project_id, window="PT5M")
    await like(hub, project_id, 2, post=1)
    await worker.run()
    await act(hub, project_id, "ada", Action.SEEN)
    ids = await like(hub, project_id, 3, post=2)
    await worker.run()
    await cancel_notification(hub, project_id, ids[0])
    await worker.later(minutes=5)
    await worker.run()
    assert await gathered(hub) == [(2, 2)]


async def test_a_digest_of_which_everything_was_seen_sends_nothing(hub: Hub, project_id: int, worker: Steps) -> None:
    await digest(hub, project_id, window="PT5M")
    await like(hub, project_id, 2)
    await worker.run()
    await act(hub, project_id, "ada", Action.SEEN)
    await worker.later(minutes=5)
    await worker.run()
    assert await sent(hub) == []
    assert {(row["state"], row["reason"]) for row in await rows(hub)} == {("skipped", "seen")}


async def test_quiet_hours_hold_a_digest_as_a_whole(hub: Hub, project_id: int, worker: Steps) -> None:
    await digest(hub, project_id, window="PT5M")
    await like(hub, project_id, 2)
    await worker.run()
    weekly = [{"days": [1, 2, 3, 4, 5, 6, 7], "from": "00:00", "to": "00:00"}]
    await prefer(hub, project_id, "ada", quiet_hours={"weekly": weekly})
    await worker.later(minutes=5)
    await worker.run()
    assert await sent(hub) == []
    await prefer(hub, project_id, "ada")
    await worker.later(days=15)
    await worker.run()
    assert await gathered(hub) == [(2, 2)]


async def test_presence_holds_a_digest_of_pushes(hub: Hub, project_id: int, worker: Steps) -> None:
    ladder = [{"channel": "in_app"}, {"channel": "web_push", "if": "away"}]
    await put_category(hub, project_id, "likes", ladder=ladder, digest={"window": "PT5M"})
    await like(hub, project_id, 2)
    await worker.run()
    async with here(hub, project_id, "ada"):
        await worker.later(minutes=5)
        await worker.run()
        assert await sent(hub) == []
    hub.settings.presence_grace_seconds = 0
    await redis_of(hub).delete(f"hub:{hub.installation}:leaving")
    await worker.later(minutes=10)
    await worker.run()
    assert await gathered(hub) == [(2, 2)]


async def test_many_workers_close_a_digest_once(hub: Hub, project_id: int, worker: Steps) -> None:
    await digest(hub, project_id, key="{{ data.post }}", window="PT5M")
    for post in range(5):
        await like(hub, project_id, 4, post=post)
    await worker.run()
    await worker.later(minutes=5)
    closed = await asyncio.gather(*(gather.close_due(hub) for _ in range(15)))
    assert sum(closed) == 5
    await worker.run()
    assert await gathered(hub) == [(4, 4)] * 5


async def test_workers_that_race_open_one_digest(hub: Hub, project_id: int, worker: Steps) -> None:
    await digest(hub, project_id, window="PT5M")
    await like(hub, project_id, 40)
    await asyncio.gather(*(worker.decide_some(5) for _ in range(8)))
    await worker.run()
    digests = await hub.db.fetch("SELECT members FROM digests")
    assert [row["members"] for row in digests] == [40]


async def test_a_worker_that_dies_while_closing_has_closed_nothing(
    hub: Hub, project_id: int, worker: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    await digest(hub, project_id, window="PT5M")
    await like(hub, project_id, 3)
    await worker.run()
    await worker.later(minutes=5)
    for step in ("change", "promote"):
        with monkeypatch.context() as patched:

            async def dies(*_arguments: Any) -> None:
                raise ConnectionResetError("killed")

            patched.setattr(f"hub.publish.gather.deliveries.{step}", dies)
            assert await gather.close_due(hub)
        assert await gathered(hub) == []
        await worker.later(seconds=gather.INTERRUPTED_SECONDS)
    await worker.run()
    assert await gathered(hub) == [(3, 3)]


async def test_critical_joins_no_digest(hub: Hub, project_id: int, worker: Steps) -> None:
    await digest(hub, project_id, window="PT5M")
    await like(hub, project_id, 1, priority="critical")
    await worker.run()
    assert await sent(hub) == [("ada", "email", "1.0")]


@pytest.mark.parametrize("most", [2, 10_000])
async def test_a_digest_that_was_put_off_is_not_read_again_for_each_that_joins(
    hub: Hub, project_id: int, worker: Steps, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(gather, "MAX_MEMBERS", most)
    cap = {"limit": 1, "per": "PT1H", "overflow": "digest"}
    await put_category(hub, project_id, "likes", ladder=EMAIL, digest={"window": "PT5M"}, cap=cap)
    await like(hub, project_id, 1)
    await worker.run()
    await worker.later(minutes=5)
    await worker.run()
    assert len(await sent(hub)) == 1
    await like(hub, project_id, 2)
    await worker.run()
    await worker.later(minutes=5)
    await worker.run()
    await like(hub, project_id, 1)
    await worker.decide()
    assert await worker.close() == 0
    digests = await hub.db.fetch("SELECT members, closes_at > now() AS later FROM digests WHERE closed_at IS NULL")
    assert [tuple(row) for row in digests] == [(3, True)]
