"""`hub doctor` on a real installation: finds what was broken, mends counts, leaves the rest alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from hub.config import DevSettings, Settings, load_settings
from hub.doctor import examine
from hub.finding import Finding, State
from hub.model.cursor import Cursor
from hub.model.times import truncate
from hub.publish.accept import accept
from hub.publish.publisher import PublishUnit
from hub.runtime import Hub
from hub.security.vapid import read_key
from hub.store.categories import GENERAL_POLICY, put_category
from hub.store.idempotency import Answer
from hub.store.inbox import open_inbox, read_changes, read_heads
from hub.store.keys import create_key
from hub.store.projects import ensure_project
from tests.support.certificates import Authority
from tests.support.deliveries import make_sandbox
from tests.support.mail_sink import mail_sink
from tests.support.ports import free_port


async def diagnose(settings: Settings, *, people: int | None = None, fix: bool = False) -> dict[str, Finding]:
    return {finding.check: finding async for finding in examine(settings, people=people, fix=fix)}


async def publish(hub: Hub, project_id: int, *users: str) -> None:
    body: dict[str, Any] = {"recipients": list(users), "title": "Hello"}
    notification = accept(project_id, body, truncate(datetime.now(UTC)))
    await hub.publisher.publish(PublishUnit([notification], Answer(202, b"{}")))


async def test_an_installation_in_order_has_nothing_to_mend(
    hub: Hub, project_id: int, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await publish(hub, project_id, "u1", "u2")
    await create_key(hub.db, project_id, scopes=["notifications:write"])
    await hub.announcing.close()
    findings = await diagnose(settings)
    states = {name: finding.state for name, finding in findings.items()}
    assert states.pop("public_url") is State.WARN
    assert states.pop("database") is State.FAIL  # tests run without fsync
    assert "fsync" in findings["database"].detail
    assert set(states.values()) == {State.OK}, findings
    assert findings["counts"].detail == "2 inboxes recounted, all right."
    assert all(finding.mend is None for finding in findings.values() if finding.state is State.OK)


async def test_wrong_counts_are_found_and_only_reported(hub: Hub, project_id: int, settings: Settings) -> None:
    await publish(hub, project_id, "u1", "u2", "u3")
    wrong = (await open_inbox(hub.db, project_id, "u2")).person_id
    await hub.db.execute("UPDATE inbox_heads SET unread = unread + 3 WHERE person_id = $1", wrong)
    finding = (await diagnose(settings))["counts"]
    assert finding.state is State.FAIL
    assert finding.detail == f"1 of 3 inboxes have wrong counts: person_id {wrong}."
    assert (await read_heads(hub.db, [wrong]))[wrong].counts == (1, 4, 1)


async def test_fix_sets_counts_right_as_a_revision_that_clients_hear_of(
    hub: Hub, project_id: int, settings: Settings
) -> None:
    await publish(hub, project_id, "u1", "u2")
    before = await open_inbox(hub.db, project_id, "u2")
    await hub.db.execute(
        "UPDATE inbox_heads SET unseen = 9, unread = 9, total = 9 WHERE person_id = $1", before.person_id
    )
    async with listening(hub) as heard:
        finding = (await diagnose(settings, fix=True))["counts"]
        assert finding.state is State.OK
        assert "1 set right" in finding.detail
        frame = await heard()
    assert frame["type"] == "changes"
    assert (frame["since"], frame["rev"], frame["items"]) == (before.rev, before.rev + 1, [])
    assert frame["counts"] == {"unseen": 1, "unread": 1, "total": 1}
    page = await read_changes(hub.db, before.person_id, Cursor(before.person_id, before.epoch, before.rev))
    assert page is not None
    assert page.counts == (1, 1, 1)
    assert (await diagnose(settings))["counts"].state is State.OK
    other = await open_inbox(hub.db, project_id, "u1")
    assert other.rev == 1, "an inbox in order keeps its revision"


async def test_a_key_for_web_push_is_made_when_asked_for_and_never_replaced(hub: Hub, settings: Settings) -> None:
    without = (await diagnose(settings))["push_key"]
    assert without.state is State.OK
    assert "hub doctor --fix" in without.detail
    made = [(await diagnose(settings, fix=True))["push_key"].detail for _ in range(2)]
    keys = [detail.partition("HUB_VAPID_PRIVATE_KEY=")[2].split()[0] for detail in made]
    assert keys[0] != keys[1]
    public = read_key(keys[0]).public_text
    configured = settings.model_copy(update={"vapid_private_key": SecretStr(keys[0])})
    found = (await diagnose(configured, fix=True))["push_key"]
    assert public in found.detail
    assert keys[0] not in str(found)


@asynccontextmanager
async def listening(hub: Hub) -> AsyncIterator[Any]:
    """Yields a coroutine function that returns the next announced frame of this installation."""
    async with Redis.from_url(hub.settings.redis_url.get_secret_value()) as redis, redis.pubsub() as pubsub:

        async def heard() -> Any:
            async with asyncio.timeout(10):
                async for message in pubsub.listen():
                    if message["type"] == "pmessage" and b"{" in message["data"]:
                        return msgspec.json.decode(message["data"][message["data"].index(b"{") :])
            raise AssertionError("the subscription ended")

        await pubsub.psubscribe(f"hub:{hub.installation}:*")
        yield heard


async def test_a_sample_examines_so_many_people_and_all_examines_all(
    hub: Hub, project_id: int, settings: Settings
) -> None:
    await publish(hub, project_id, *(f"u{number}" for number in range(20)))
    assert (await diagnose(settings, people=5))["counts"].detail.startswith("5 ")
    assert (await diagnose(settings))["counts"].detail.startswith("20 ")


async def test_a_change_newer_than_its_head_is_reported_as_ours(hub: Hub, project_id: int, settings: Settings) -> None:
    await publish(hub, project_id, "u1")
    await hub.db.execute("UPDATE inbox_heads SET rev = 0")
    finding = (await diagnose(settings))["revisions"]
    assert finding.state is State.FAIL
    assert finding.mend is not None
    assert "bug" in finding.mend


async def test_announcements_jobs_and_deliveries_that_nobody_takes_up(
    hub: Hub, project_id: int, settings: Settings
) -> None:
    await hub.db.execute(
        "INSERT INTO outbox (outbox_id, changes, created_at) "
        "VALUES (gen_random_uuid(), '[[1, 1]]', now() - interval '1 h')"
    )
    await publish(hub, project_id, "u1")
    await hub.db.execute(
        "INSERT INTO jobs (job_id, project_id, notification_id, kind, lane, state, due_at) "
        "SELECT gen_random_uuid(), project_id, notification_id, 'fanout', 1, 'waiting', now() - interval '1 h' "
        "FROM notifications"
    )
    await make_sandbox(hub, project_id)
    await publish(hub, project_id, "u2")
    await hub.db.execute("UPDATE deliveries SET due_at = now() - interval '1 h'")
    findings = await diagnose(settings)
    for name in ("outbox", "jobs", "deliveries"):
        assert findings[name].state is State.FAIL
        assert "worker" in (findings[name].mend or "")


async def test_an_empty_database_is_told_to_migrate(settings: Settings, hub: Hub) -> None:
    await hub.db.execute("DROP SCHEMA public CASCADE")
    await hub.db.execute("CREATE SCHEMA public")
    findings = await diagnose(settings)
    assert findings["schema"].state is State.FAIL
    assert findings["schema"].mend == "Run: hub migrate"
    assert "counts" not in findings


async def test_a_changed_migration_is_named(settings: Settings, hub: Hub) -> None:
    await hub.db.execute("UPDATE schema_migrations SET checksum = 'other' WHERE version = 1")
    assert "0001_initial" in (await diagnose(settings))["schema"].detail


@pytest.mark.parametrize("skew, state", [(0.4, State.OK), (-4, State.WARN), (45, State.FAIL), (-45, State.FAIL)])
async def test_a_redis_whose_clock_is_off_is_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, skew: float, state: State
) -> None:
    real = Redis.time

    async def off(redis: Redis) -> tuple[int, int]:
        seconds, microseconds = await real(redis)
        moment = seconds * 1_000_000 + microseconds + int(skew * 1_000_000)
        return divmod(moment, 1_000_000)

    monkeypatch.setattr(Redis, "time", off)
    assert (await diagnose(settings))["redis_clock"].state is state


async def test_servers_that_do_not_answer(settings: Settings) -> None:
    nowhere = load_settings(
        database_url=f"postgresql://hub:hunter2@127.0.0.1:{free_port()}/hub",
        redis_url=f"redis://:hunter2@127.0.0.1:{free_port()}/0",
        secret=settings.secret.get_secret_value(),
    )
    findings = await diagnose(nowhere)
    assert findings["database"].state is State.UNREACHABLE
    assert findings["redis"].state is State.UNREACHABLE
    assert "hunter2" not in repr(findings)


@pytest.mark.parametrize("url", ["http://hub.example.com", "http://10.0.0.1:8000"])
async def test_a_public_address_without_encryption_fails(settings: Settings, url: str) -> None:
    finding = (await diagnose(settings.model_copy(update={"public_url": url})))["public_url"]
    assert finding.state is State.FAIL


async def test_a_public_address_where_nothing_answers(settings: Settings) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    finding = (await diagnose(settings.model_copy(update={"public_url": url})))["public_url"]
    assert finding.state is State.WARN
    assert url in finding.detail


async def test_a_secret_that_was_typed_by_hand_fails(settings: Settings, servers: Any) -> None:
    weak = load_settings(
        database_url=settings.database_url.get_secret_value(),
        redis_url=settings.redis_url.get_secret_value(),
        secret="changemechangemechangemechangeme",
    )
    finding = (await diagnose(weak))["secret"]
    assert finding.state is State.FAIL
    assert "changeme" not in repr(finding)


async def test_a_misspelt_variable_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_ALOWED_ORIGINS", "https://app.example.com")
    finding = (await diagnose(settings))["settings"]
    assert finding.state is State.WARN
    assert "HUB_ALOWED_ORIGINS" in finding.detail


async def test_a_database_of_hub_dev_is_noticed_outside_of_it(hub: Hub, settings: Settings) -> None:
    await ensure_project(hub.db, "dev", dev=True)
    assert (await diagnose(settings))["dev_project"].state is State.WARN
    assert "dev_project" not in await diagnose(DevSettings(**settings.model_dump()))


async def test_no_key_and_no_project_are_noticed(hub: Hub, settings: Settings) -> None:
    assert (await diagnose(settings))["keys"].state is State.WARN
    await hub.db.execute("DELETE FROM projects")
    assert (await diagnose(settings))["projects"].state is State.FAIL


async def test_a_redis_that_may_evict_anything_fails(settings: Settings) -> None:
    async with Redis.from_url(settings.redis_url.get_secret_value()) as redis:
        await redis.config_set("maxmemory-policy", "allkeys-lru")
        try:
            assert (await diagnose(settings))["redis_memory"].state is State.FAIL
        finally:
            await redis.config_set("maxmemory-policy", "noeviction")


async def test_fresh_dead_letters_and_failing_webhooks_are_told(hub: Hub, project_id: int, settings: Settings) -> None:
    await make_sandbox(hub, project_id)
    await publish(hub, project_id, "u1", "u2")
    died = (
        "UPDATE deliveries SET state = 'dead', reason = 'rejected', channel = 'email', "
        "finished_at = now() - $1::interval"
    )
    await hub.db.execute(died, timedelta(minutes=50))
    finding = (await diagnose(settings))["dead_letters"]
    assert (finding.state, finding.detail) == (State.WARN, "In the last hour: 2 of email (rejected).")
    await hub.db.execute(died, timedelta(minutes=70))
    assert (await diagnose(settings))["dead_letters"].state is State.OK
    await hub.db.execute(
        "INSERT INTO webhook_endpoints (endpoint_id, project_id, url, events, secret, enabled, disabled_reason) "
        "VALUES (gen_random_uuid(), $1, 'https://example.com', '{}', 'x', false, 'failing')",
        project_id,
    )
    finding = (await diagnose(settings))["webhooks"]
    assert finding.state is State.WARN
    assert finding.detail.endswith("was switched off.")


async def test_categories_whose_mail_needs_what_is_not_set(hub: Hub, project_id: int, settings: Settings) -> None:
    async def put(category: str, **policy: Any) -> None:
        await put_category(hub.db, project_id, category, {**GENERAL_POLICY, **policy})

    await put("orders")
    await put("in-app", kind="marketing", ladder=[{"channel": "in_app"}])
    assert {(await diagnose(settings))[check].state for check in ("brands", "categories")} == {State.OK}
    await put("news", kind="marketing")
    await put("bills", tracking={"opens": False, "clicks": True})
    await put("dull", tracking={"opens": False, "clicks": False})
    findings = await diagnose(settings)
    assert {findings[check].state for check in ("brands", "categories")} == {State.WARN}
    assert "news (default)" in findings["brands"].detail
    assert findings["categories"].detail == (
        "HUB_PUBLIC_URL is not set. E-mail of news (default) is marketing, and not sent (`no_public_url`). "
        "Opens and clicks of bills (default) are not counted, although `tracking` is on."
    )
    await hub.db.execute("""UPDATE projects SET brand = '{"address": "1 Main Street"}'""")
    public = settings.model_copy(update={"public_url": f"http://127.0.0.1:{free_port()}"})
    findings = await diagnose(public)
    assert {findings[check].state for check in ("brands", "categories")} == {State.OK}


async def test_mail_servers_are_tried_without_sending(settings: Settings, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate = authority.context("127.0.0.1")
    async with mail_sink() as plain, mail_sink(certificate=certificate, users={"u": "right"}) as locked:
        query = f"starttls=true&tls_ca={authority.ca_file}"
        urls = {
            "plain": f"{plain.url}?name=plain",
            "good": f"smtp://u:right@127.0.0.1:{locked.port}?name=good&{query}",
            "locked": f"smtp://u:wrong@127.0.0.1:{locked.port}?name=locked&{query}",
            "away": f"smtp://127.0.0.1:{free_port()}?name=away",
        }
        changed = settings.model_copy(
            update={"smtp_url": SecretStr(",".join(urls.values())), "email_from": "a@example.com"}
        )
        findings = await diagnose(changed)
        assert plain.mails == locked.mails == []
    states = {name: findings[f"email {name}"].state for name in urls}
    assert states == {"plain": State.OK, "good": State.OK, "locked": State.FAIL, "away": State.FAIL}
    assert "encrypted, logged in" in findings["email good"].detail
    assert "535" in findings["email locked"].detail
    assert findings["email locked"].mend == "Correct user and password in HUB_SMTP_URL."
    assert "wrong" not in str(findings)
    assert "marketing" in findings["public_url"].detail
