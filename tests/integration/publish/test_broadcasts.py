"""For everyone: who counts as everyone, in what portions it comes, and cancelling while it is pulled."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.config import Settings
from hub.model.counts import Counts
from hub.model.mark import Action, Mark
from hub.model.person import Person
from hub.publish import broadcast
from hub.publish.broadcast import pull_broadcasts
from hub.publish.cancel import cancel_notification
from hub.publish.inbox import mark
from hub.runtime import Hub, open_hub
from hub.store.inbox import open_inbox
from tests.support.publishing import inbox, page_of, publish, work


async def titles(hub: Hub, project_id: int, user: str) -> list[str]:
    head = await open_inbox(hub.db, project_id, user)
    await pull_broadcasts(hub, [head.person_id])
    return [item["title"] for item in await inbox(hub, project_id, user)]


async def store(hub: Hub, project_id: int, user: str) -> None:
    """A person without an inbox, as PUT /v1/users makes one."""
    await hub.db.execute("INSERT INTO people (project_id, user_id) VALUES ($1, $2)", project_id, user)


async def value(hub: Hub, query: str, *arguments: Any) -> Any:
    row = await hub.db.fetchrow(query, *arguments)
    assert row is not None
    return row[0]


async def test_everyone_are_those_who_were_there_when_it_was_accepted_not_when_it_is_sent(
    hub: Hub, project_id: int
) -> None:
    await open_inbox(hub.db, project_id, "connected")
    await store(hub, project_id, "stored")
    await publish(
        hub, project_id, recipients=[{"all": True}], title="all", send_at=datetime.now(UTC) + timedelta(hours=1)
    )
    await open_inbox(hub.db, project_id, "connected later")
    await store(hub, project_id, "stored later")
    await hub.db.execute("UPDATE jobs SET due_at = now()")
    await work(hub)
    for user, expected in {"connected": ["all"], "stored": ["all"], "connected later": [], "stored later": []}.items():
        assert await titles(hub, project_id, user) == expected, user


async def test_somebody_stored_between_two_broadcasts_gets_the_one_accepted_after_also_when_it_is_sent_first(
    hub: Hub, project_id: int
) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    await publish(hub, project_id, recipients=[{"all": True}], title="scheduled before", send_at=later)
    await store(hub, project_id, "u")
    await publish(hub, project_id, recipients=[{"all": True}], title="sent at once")
    await work(hub)
    await hub.db.execute("UPDATE jobs SET due_at = now()")
    await work(hub)
    assert await titles(hub, project_id, "u") == ["sent at once"]


@pytest.mark.parametrize("send_at", [None, {"local": datetime.fromisoformat("2026-01-01")}], ids=["at once", "local"])
async def test_somebody_stored_in_the_same_millisecond_is_not_left_out(hub: Hub, project_id: int, send_at: Any) -> None:
    """Also when the clock of this process is behind the database's: the order of commits counts, no clock."""
    for number in range(20):
        await store(hub, project_id, f"u{number}")
        await hub.db.execute(
            "UPDATE people SET created_at = now() + interval '1 second' WHERE user_id = $1", f"u{number}"
        )
        await publish(hub, project_id, recipients=[{"all": True}], title=str(number), send_at=send_at)
    await work(hub)
    for number in range(20):
        assert min(await titles(hub, project_id, f"u{number}"), key=int) == str(number)


async def test_recipients_of_a_broadcast_are_those_it_is_for(hub: Hub, project_id: int) -> None:
    for user in ("a", "b", "c"):
        await store(hub, project_id, user)
    notification_id = await publish(hub, project_id, recipients=[{"all": True}, "a", "new"], title="t")
    await store(hub, project_id, "later")
    await work(hub)
    assert await value(hub, "SELECT recipients FROM notifications WHERE notification_id = $1", notification_id) == 4


async def test_a_publish_to_somebody_long_away_pulls_only_a_portion_and_reading_the_rest(
    hub: Hub, project_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcast, "BUDGET", 4)
    heads = [await open_inbox(hub.db, project_id, user) for user in ("u", "v")]
    for number in range(11):
        await publish(hub, project_id, recipients=[{"all": True}], title=str(number))
    await work(hub)
    await publish(hub, project_id, recipients=["u", "v"], title="to them")
    page = await page_of(hub, project_id, "u")
    assert len(page.items) == 3
    assert page.head.pending_broadcasts
    await pull_broadcasts(hub, [head.person_id for head in heads])
    for user in ("u", "v"):
        items = await inbox(hub, project_id, user)
        assert [item["seq"] for item in items] == list(range(12, 0, -1))
        assert [item["title"] for item in items[::-1]] == ["0", "1", "to them", *map(str, range(2, 11))]
        assert not (await page_of(hub, project_id, user)).head.pending_broadcasts


async def test_what_is_pulled_by_a_publish_is_there_for_the_keys_of_that_publish(hub: Hub, project_id: int) -> None:
    await open_inbox(hub.db, project_id, "u")
    for title, keys in (("collapsed", {"collapse_key": "c"}), ("once", {"dedupe_key": "d"})):
        await publish(hub, project_id, recipients=[{"all": True}], title=title, **keys)
    await work(hub)
    await publish(hub, project_id, recipients=["u"], title="newer", collapse_key="c")
    await publish(hub, project_id, recipients=["u"], title="again", dedupe_key="d")
    assert [item["title"] for item in await inbox(hub, project_id, "u")] == ["newer", "once"]
    page = await page_of(hub, project_id, "u")
    assert page.head.counts == Counts(2, 2, 2)


async def test_what_is_pulled_by_a_mark_is_marked(hub: Hub, project_id: int) -> None:
    head = await open_inbox(hub.db, project_id, "u")
    await publish(hub, project_id, recipients=[{"all": True}], title="pulled")
    await work(hub)
    marked = await mark(hub, Person(head.person_id, project_id, "u"), Mark(Action.READ))
    assert marked.changed == 1
    (item,) = await inbox(hub, project_id, "u")
    assert item["read_at"] is not None


async def test_people_who_are_behind_by_different_numbers_all_catch_up(
    hub: Hub, project_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcast, "BUDGET", 5)
    heads = []
    for number in range(8):
        heads.append(await open_inbox(hub.db, project_id, f"u{number}"))
        await publish(hub, project_id, recipients=[{"all": True}], title=str(number))
        await work(hub)
    await hub.db.execute("UPDATE notifications SET cancelled_at = now() WHERE request ->> 'title' = '7'")
    await pull_broadcasts(hub, [head.person_id for head in heads])
    for number in range(8):
        items = await inbox(hub, project_id, f"u{number}")
        assert [int(item["title"]) for item in items[::-1]] == list(range(number, 7))


async def test_cancelling_a_broadcast_while_it_is_pulled_never_deadlocks(
    settings: Settings, hub: Hub, project_id: int
) -> None:
    heads = [await open_inbox(hub.db, project_id, f"u{number}") for number in range(8)]
    people = [head.person_id for head in heads]
    async with open_hub(settings, role="other") as other:
        for _ in range(25):
            notification_id = await publish(hub, project_id, recipients=["u0", {"all": True}], title="t")
            await work(hub)
            await pull_broadcasts(hub, people[:4])
            await asyncio.gather(
                *[pull_broadcasts(other, people[start : start + 4]) for start in (0, 2, 4)],
                cancel_notification(hub, project_id, notification_id),
            )
    for number in range(8):
        page = await page_of(hub, project_id, f"u{number}")
        assert (page.items, page.head.counts) == ([], (0, 0, 0))
    assert await value(hub, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == 0


async def test_a_cancellation_whose_process_died_half_way_is_finished_by_a_worker(
    hub: Hub, project_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    notification_id = await publish(hub, project_id, recipients=["u", "v"], title="t")

    async def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr("hub.publish.cancel.withdraw", die)
        with pytest.raises(KeyboardInterrupt):
            await cancel_notification(hub, project_id, notification_id)
    assert len(await inbox(hub, project_id, "u")) == 1
    await hub.db.execute("UPDATE jobs SET due_at = now()")
    await work(hub)
    assert await inbox(hub, project_id, "u") == []
    assert await inbox(hub, project_id, "v") == []


async def test_cancelling_for_somebody_unknown_makes_nobody(hub: Hub, project_id: int) -> None:
    notification_id = await publish(hub, project_id, recipients=["u"], title="t")
    assert await cancel_notification(hub, project_id, notification_id, ["nobody", "u"]) == 1
    assert await value(hub, "SELECT count(*) FROM people") == 1
