"""What a group must bear: a poisoned neighbour, a database that hangs, a batch of lists, a dying process."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hub.config import Settings
from hub.exceptions import Invalid, Unavailable
from hub.publish import publisher
from hub.publish.publisher import PublishUnit
from hub.publish.reannounce import reannounce
from hub.runtime import Hub, open_hub
from hub.store.database import Connection
from hub.store.idempotency import Answer, IdempotencyKey
from hub.store.inbox import open_inbox
from tests.support.gateway import until
from tests.support.publishing import inbox, page_of, publish, unit, work


async def test_a_value_that_the_driver_cannot_send_fails_alone(hub: Hub, project_id: int) -> None:
    """asyncpg counts it among its InterfaceErrors, which otherwise mean that the database is away."""
    bad = unit(project_id, recipients=["u"], title="bad")
    bad.notifications[0].request["tenant"] = 7
    good = [unit(project_id, recipients=["u"], title=f"good {number}") for number in range(3)]
    outcomes = await asyncio.gather(
        *[hub.publisher.publish(one) for one in (good[0], bad, *good[1:])], return_exceptions=True
    )
    assert [isinstance(outcome, Answer) for outcome in outcomes] == [True, False, True, True]
    assert not isinstance(outcomes[1], Unavailable)
    assert len(await inbox(hub, project_id, "u")) == 3


async def test_a_failure_after_the_commit_sends_nothing_twice(
    hub: Hub, project_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken() -> None:
        raise RuntimeError("nobody expected this")

    monkeypatch.setattr(hub, "wake_workers", broken)
    units = [unit(project_id, recipients=["u"], title=str(number)) for number in range(3)]
    units.append(unit(project_id, recipients=[{"topic": "t"}], title="job"))
    answers = await asyncio.gather(*[hub.publisher.publish(one) for one in units])
    assert len(answers) == 4
    assert len(await inbox(hub, project_id, "u")) == 3
    assert hub.publisher._waking is not None
    with pytest.raises(RuntimeError):
        await hub.publisher._waking


async def test_requests_that_waited_too_long_are_refused_undone(
    hub: Hub, project_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "WAIT_SECONDS", 0.05)
    monkeypatch.setattr(publisher, "GROUP_UNITS", 1)
    async with hub.db.acquire() as conn, conn.transaction():
        await conn.execute("LOCK TABLE notifications")
        tries = [
            asyncio.create_task(hub.publisher.publish(unit(project_id, recipients=["u"], title=str(number))))
            for number in range(publisher.GROUPS + 3)
        ]
        done, _ = await asyncio.wait(tries, timeout=0.2)
        assert done == set()
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    begun = publisher.GROUPS
    assert [isinstance(outcome, Answer) for outcome in outcomes] == [True] * begun + [False] * (len(tries) - begun)
    for outcome in outcomes[begun:]:
        assert isinstance(outcome, Unavailable)
        assert (outcome.code, outcome.retry_after) == ("overloaded", 1)
    assert len(await inbox(hub, project_id, "u")) == begun


async def test_a_full_queue_refuses_and_counts_notifications(
    hub: Hub, project_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "QUEUE_LIMIT", 10)
    batch = PublishUnit(
        [unit(project_id, recipients=["u"], title="t").notifications[0] for _ in range(10)], Answer(200, b"")
    )
    waiting = asyncio.create_task(hub.publisher.publish(batch))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await hub.publisher.publish(unit(project_id, recipients=["u"], title="one too many"))
    await waiting
    assert len(await inbox(hub, project_id, "u")) == 10
    await publish(hub, project_id, recipients=["u"], title="room again")


async def test_a_small_pool_has_fewer_groups_under_way_so_that_none_waits_with_what_it_took(
    hub: Hub, project_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "settings", hub.settings.model_copy(update={"pool_size": 2}))
    monkeypatch.setattr(publisher, "GROUP_UNITS", 1)
    async with hub.db.acquire() as conn, conn.transaction():
        await conn.execute("LOCK TABLE notifications")
        tries = [
            asyncio.create_task(hub.publisher.publish(unit(project_id, recipients=["u"], title=str(number))))
            for number in range(4)
        ]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert (len(hub.publisher._groups), hub.publisher._waiting) == (1, 3)
    await asyncio.gather(*tries)


async def test_critical_overtakes_what_waits_and_bulk_is_refused_first(
    hub: Hub, project_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "QUEUE_LIMIT", 10)
    monkeypatch.setattr(publisher, "GROUP_UNITS", 1)
    monkeypatch.setattr(publisher, "URGENT_UNITS", 1)
    monkeypatch.setattr(publisher, "GROUPS", 1)  # of two under way neither has to end first
    order: list[str] = []

    async def send(title: str, priority: str) -> None:
        await hub.publisher.publish(unit(project_id, recipients=["u"], title=title, priority=priority))
        order.append(title)

    async with hub.db.acquire() as conn, conn.transaction():
        await conn.execute("LOCK TABLE notifications")
        under_way = asyncio.create_task(send("first", "normal"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # its group is taken, and waits for the table
        bulk = [asyncio.create_task(send(f"bulk {number}", "bulk")) for number in range(5)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable) as refused:
            await send("one bulk too many", "bulk")
        assert (refused.value.code, refused.value.retry_after) == ("overloaded", 5)
        normal = [asyncio.create_task(send(f"normal {number}", "normal")) for number in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable) as refused:
            await send("one too many", "normal")
        assert refused.value.retry_after == 1
        critical = [asyncio.create_task(send(f"critical {number}", "critical")) for number in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            await send("full", "critical")
    await asyncio.gather(under_way, *bulk, *normal, *critical)
    lanes = [title.split()[0] for title in order]
    assert lanes == ["first"] + ["critical"] * 2 + ["normal"] * 3 + ["bulk"] * 5
    assert len(await inbox(hub, project_id, "u")) == 11


@pytest.mark.parametrize(("priority", "groups"), [("critical", 4), ("normal", 2)])
async def test_groups_are_small_while_critical_ones_come(
    hub: Hub, project_id: int, monkeypatch: pytest.MonkeyPatch, priority: str, groups: int
) -> None:
    """The next critical one waits for a group to end."""
    monkeypatch.setattr(publisher, "URGENT_UNITS", 2)
    monkeypatch.setattr(publisher, "URGENT_SECONDS", 60.0)
    monkeypatch.setattr(publisher, "GROUPS", 1)
    before = _groups()
    async with hub.db.acquire() as conn, conn.transaction():
        await conn.execute("LOCK TABLE notifications")
        tries = [asyncio.create_task(hub.publisher.publish(unit(project_id, recipients=["u"], title="under way")))]
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # its group is taken
        for one in (priority, *["normal"] * 5):
            waiting = unit(project_id, recipients=["u"], title="waits", priority=one)
            tries.append(asyncio.create_task(hub.publisher.publish(waiting)))
        await asyncio.sleep(0)
    await asyncio.gather(*tries)
    assert _groups() - before == groups


async def test_critical_ones_have_a_group_of_their_own_beside_one_that_is_held_up(
    hub: Hub, project_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "URGENT_SECONDS", 60.0)
    monkeypatch.setattr(publisher, "URGENT_GROUPS", 1)
    head = await open_inbox(hub.db, project_id, "busy")

    async def send(user: str, priority: str) -> None:
        await hub.publisher.publish(unit(project_id, recipients=[user], title=priority, priority=priority))

    async with hub.db.acquire() as conn, conn.transaction():
        await conn.execute("SELECT FROM inbox_heads WHERE person_id = $1 FOR UPDATE", head.person_id)
        held_up = [asyncio.create_task(send("busy", "normal"))]
        await until(lambda: hub.publisher._waiting == 0)
        for _ in range(3):
            await send("u", "critical")
            held_up.append(asyncio.create_task(send("u", "normal")))
            await asyncio.sleep(0)
        assert hub.publisher._waiting == 3
        assert not any(task.done() for task in held_up)
    await asyncio.gather(*held_up)
    assert [item["title"] for item in await inbox(hub, project_id, "u")] == ["normal"] * 3 + ["critical"] * 3


async def test_where_the_processor_is_short_others_rest_between_their_groups_and_critical_ones_do_not(
    hub: Hub, project_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "URGENT_SECONDS", 60.0)
    monkeypatch.setattr(publisher, "GROUP_UNITS", 1)
    monkeypatch.setattr(publisher, "URGENT_UNITS", 2)
    monkeypatch.setattr(publisher, "REST_SECONDS", 60.0)
    monkeypatch.setattr(publisher, "QUEUE_LIMIT", 10)
    monkeypatch.setattr(publisher, "RESTS_FROM", 0.1)  # while one waits
    monkeypatch.setattr(hub.publisher._headroom, "is_short", lambda now: True)

    async def send(priority: str) -> None:
        await hub.publisher.publish(unit(project_id, recipients=["u"], title=priority, priority=priority))

    async with hub.db.acquire() as conn, conn.transaction():
        await conn.execute("LOCK TABLE notifications")
        first = asyncio.create_task(send("normal"))
        await until(lambda: len(hub.publisher._groups) == 1)
        tries = [asyncio.create_task(send("critical"))]
        await until(lambda: len(hub.publisher._groups) == 2 and hub.publisher._waiting == 0)
        begun = asyncio.get_running_loop().time()
        tries += [asyncio.create_task(send("normal")) for _ in range(3)]
        await until(lambda: hub.publisher._waiting == 3)
        assert len(hub.publisher._groups) == 2  # one of others, where it would be two
        tries += [asyncio.create_task(send("critical")) for _ in range(2)]
        await until(lambda: len(hub.publisher._groups) == 3)  # more of them than one group takes
        assert hub.publisher._waiting == 3
        hub.publisher._groups = dict.fromkeys(hub.publisher._groups, begun - 30.0)  # it takes half a minute
    await asyncio.gather(first, tries[0], *tries[4:])
    await until(lambda: not hub.publisher._groups)
    assert hub.publisher._rested > begun + 29.0
    await send("critical")  # it is not made to wait
    assert hub.publisher._waiting == 3
    await hub.publisher.close()  # and nobody rests when the process ends
    await asyncio.gather(*tries)
    assert len(await inbox(hub, project_id, "u")) == 8


async def test_a_rest_ends(hub: Hub, project_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "URGENT_SECONDS", 60.0)
    monkeypatch.setattr(publisher, "GROUP_UNITS", 1)
    monkeypatch.setattr(publisher, "URGENT_UNITS", 2)
    monkeypatch.setattr(publisher, "RESTS_FROM", 0.0)
    monkeypatch.setattr(hub.publisher._headroom, "is_short", lambda now: True)
    for _ in range(5):
        sent = [unit(project_id, recipients=["u"], title=one, priority=one) for one in ("critical", "normal")]
        await asyncio.gather(*[hub.publisher.publish(one) for one in sent])
    assert len(await inbox(hub, project_id, "u")) == 10


def _groups() -> float:
    """How many groups were committed so far."""
    (metric,) = publisher.GROUP_SIZE.collect()
    return next(float(sample.value) for sample in metric.samples if sample.name.endswith("_count"))


async def test_a_batch_of_lists_is_written_at_once_up_to_a_transactions_worth_and_the_rest_by_jobs(
    hub: Hub, project_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "GROUP_RECIPIENTS", 30)
    users = [f"u{number}" for number in range(20)]
    notifications = [unit(project_id, recipients=users, title=str(n)).notifications[0] for n in range(5)]
    await hub.publisher.publish(PublishUnit(notifications, Answer(200, b"{}")))
    assert [item["title"] for item in await inbox(hub, project_id, "u7")] == ["1", "0"]
    await work(hub)
    assert sorted(item["title"] for item in await inbox(hub, project_id, "u7")) == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("length", [1, 5_000])
async def test_a_key_on_a_path_of_any_length_is_remembered(hub: Hub, project_id: int, length: int) -> None:
    """A user's name alone may take 3,060 characters of a path; an index takes rows of 2,704 bytes."""
    noise = "".join(chr(33 + (number * number * 7919 + number) % 90) for number in range(length))
    key = IdempotencyKey(f"key POST /v1/users/{noise}/inbox/mark", noise[:255], b"\x01" * 32)
    other = key._replace(scope=key.scope.replace("key", "other key"))
    for _ in range(2):
        for one in (key, other):
            await hub.publisher.publish(unit(project_id, one, recipients=["u"], title="t"))
    assert len(await inbox(hub, project_id, "u")) == 2
    with pytest.raises(Invalid):
        await hub.publisher.publish(
            unit(project_id, key._replace(fingerprint=b"\x02" * 32), recipients=["u"], title="t")
        )


async def test_numbers_beyond_64_bits_are_the_same_by_job_as_at_once(hub: Hub, project_id: int) -> None:
    data = {"large": 1e22, "largest": 1.7976931348623157e308, "least": 5e-324, "most": 2**63 - 1, "in": [{"a": -1e30}]}
    await publish(hub, project_id, recipients=["u"], title="t", data=data)
    await publish(hub, project_id, recipients=[f"v{number}" for number in range(101)], title="t", data=data)
    await work(hub)
    ours, theirs = [(await page_of(hub, project_id, user)).items[0] for user in ("u", "v1")]
    assert msgspec.json.decode(theirs)["data"] == msgspec.json.decode(ours)["data"] == data
    assert len(theirs) < len(ours) + 20


async def test_a_statement_prepared_before_a_migration_is_prepared_again(hub: Hub) -> None:
    await hub.db.execute("CREATE TABLE t (a int)")
    await hub.db.execute("INSERT INTO t VALUES (1)")

    async def read(conn: Connection) -> int:
        return len((await conn.fetch("SELECT * FROM t"))[0])

    assert await hub.db.transaction(read) == 1
    await hub.db.execute("ALTER TABLE t ADD COLUMN b int")
    assert await hub.db.transaction(read) == 2


async def test_five_processes_publish_and_tell_of_the_same_people_at_once(
    settings: Settings, hub: Hub, project_id: int
) -> None:
    """New people, known people, their fields in any order: everybody is made once and every revision is there."""
    names = [f"u{number}" for number in range(12)]

    def recipients(turn: int) -> list[Any]:
        shifted = names[turn % 12 :] + names[: turn % 12]
        told = [{"id": name, "name": f"{name} by {turn}"} for name in shifted]
        plain: list[Any] = [*reversed(shifted)]
        return [told, [*reversed(told)], plain][turn % 3]

    async with AsyncExitStack() as stack:
        others = [await stack.enter_async_context(open_hub(settings, role=role)) for role in "bcde"]
        await asyncio.gather(
            *[
                publish(one, project_id, recipients=recipients(turn + shift), title="t", collapse_key="c")
                for turn in range(8)
                for shift, one in enumerate((hub, *others))
            ]
        )
    people = await hub.db.fetchrow("SELECT count(*) FROM people")
    deadlocks = await hub.db.fetchrow("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert people is not None
    assert deadlocks is not None
    assert (people[0], deadlocks[0]) == (12, 0)
    for name in names:
        page = await page_of(hub, project_id, name)
        assert (page.head.rev, page.head.counts, len(page.items)) == (40, (1, 1, 1), 1)


DIES_AFTER_THE_COMMIT = """
import asyncio, os, signal, sys
import hub.publish.writer
from hub.config import load_settings
from hub.publish.announcing import AnnounceQueue
from hub.runtime import open_hub
from hub.store.idempotency import IdempotencyKey
from tests.support.publishing import unit

AnnounceQueue.put = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # the first thing after the commit

async def main():
    database_url, redis_url, project_id = sys.argv[1:]
    settings = load_settings(database_url=database_url, redis_url=redis_url, secret="x" * 40)
    async with open_hub(settings, role="dying") as hub:
        key = IdempotencyKey("s", "k", bytes(32))
        await hub.publisher.publish(unit(int(project_id), key, recipients=["u"], title="t"))

asyncio.run(main())
"""


async def test_a_process_that_dies_between_commit_and_answer_has_published_once(
    settings: Settings, hub: Hub, project_id: int
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        DIES_AFTER_THE_COMMIT,
        settings.database_url.get_secret_value(),
        settings.redis_url.get_secret_value(),
        str(project_id),
        cwd=Path(__file__).parents[3],
    )
    async with asyncio.timeout(20):
        assert await process.wait() == -signal.SIGKILL
    again = await hub.publisher.publish(
        unit(project_id, IdempotencyKey("s", "k", bytes(32)), recipients=["u"], title="t")
    )
    (item,) = await inbox(hub, project_id, "u")
    assert again.replayed
    assert msgspec.json.decode(again.body)["id"] == item["notification_id"]
    await hub.db.execute("UPDATE outbox SET created_at = now() - interval '3 seconds'")
    assert await reannounce(hub) == 1


async def test_what_is_told_of_people_again_waits_for_nobody_who_changes_them(hub: Hub, project_id: int) -> None:
    """Many tell the same with each publish: it is compared, and nothing is locked."""
    ada = {"id": "ada", "name": "Ada", "email": "ada@example.com"}
    await publish(hub, project_id, recipients=[ada], title="1")
    async with hub.db.acquire() as conn, conn.transaction():
        await conn.execute("SELECT 1 FROM people WHERE user_id = 'ada' FOR NO KEY UPDATE")
        await asyncio.wait_for(publish(hub, project_id, recipients=[ada], title="2"), 10)
    await publish(hub, project_id, recipients=[ada | {"email": "ada@new.example"}], title="3")
    row = await hub.db.fetchrow("SELECT name, email FROM people WHERE user_id = 'ada'")
    assert row is not None
    assert tuple(row) == ("Ada", "ada@new.example")
