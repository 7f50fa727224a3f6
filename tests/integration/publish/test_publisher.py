"""Group commit: durable, once, and a bad request fails alone."""

from __future__ import annotations

import asyncio

import asyncpg
import msgspec
import pytest

from hub.config import Settings
from hub.exceptions import Conflict, Invalid
from hub.publish.publisher import PublishUnit
from hub.runtime import Hub, open_hub
from hub.store.idempotency import Answer, IdempotencyKey
from tests.support.publishing import inbox, page_of, publish, unit


async def test_requests_that_arrive_together_share_a_transaction(hub: Hub, project_id: int) -> None:
    before = await hub.db.fetchrow("SELECT pg_current_xact_id()::text::bigint AS xact")
    await asyncio.gather(*[publish(hub, project_id, recipients=["u"], title=str(n)) for n in range(50)])
    after = await hub.db.fetchrow("SELECT pg_current_xact_id()::text::bigint AS xact")
    assert before is not None
    assert after is not None
    assert after["xact"] - before["xact"] < 25
    assert len(await inbox(hub, project_id, "u")) == 50


async def test_revisions_have_no_hole_when_many_publish_to_one_person(
    settings: Settings, hub: Hub, project_id: int
) -> None:
    async with open_hub(settings, role="other") as other:
        await asyncio.gather(
            *[publish(one, project_id, recipients=["u", "v"], title="t") for one in (hub, other) for _ in range(40)]
        )
    for user in ("u", "v"):
        items = await inbox(hub, project_id, user)
        assert [item["seq"] for item in items] == list(range(80, 0, -1))
        page = await page_of(hub, project_id, user)
        assert page.head.counts == (80, 80, 80)


async def test_a_twin_on_another_process_never_sends_twice(settings: Settings, hub: Hub, project_id: int) -> None:
    key = IdempotencyKey("key POST /v1/notifications", "order-1", b"\x01" * 32)
    async with open_hub(settings, role="other") as other:
        tries = [one.publisher.publish(unit(project_id, key, recipients=["u"], title="t")) for one in (hub, other) * 10]
        outcomes = await asyncio.gather(*tries, return_exceptions=True)
    answers = [outcome for outcome in outcomes if isinstance(outcome, Answer)]
    refusals = [outcome for outcome in outcomes if isinstance(outcome, Conflict)]
    assert len(answers) + len(refusals) == 20
    assert [answer.replayed for answer in answers].count(False) == 1
    assert len({answer.body for answer in answers}) == 1
    assert all(refusal.code == "idempotency_in_flight" and refusal.retry_after == 1 for refusal in refusals)
    (item,) = await inbox(hub, project_id, "u")
    again = await hub.publisher.publish(unit(project_id, key, recipients=["u"], title="t"))
    assert again.replayed
    assert msgspec.json.decode(again.body)["id"] == item["notification_id"]


async def test_a_key_with_another_body_is_refused(hub: Hub, project_id: int) -> None:
    await hub.publisher.publish(unit(project_id, IdempotencyKey("s", "k", b"\x01" * 32), recipients=["u"], title="t"))
    with pytest.raises(Invalid) as refused:
        await hub.publisher.publish(
            unit(project_id, IdempotencyKey("s", "k", b"\x02" * 32), recipients=["u"], title="other")
        )
    assert refused.value.code == "idempotency_key_reused"
    assert len(await inbox(hub, project_id, "u")) == 1


async def test_a_bad_request_fails_alone(hub: Hub, project_id: int) -> None:
    good = [unit(project_id, recipients=["u"], title=f"good {n}") for n in range(3)]
    bad = unit(2_000_000_000, recipients=["u"], title="no such project")
    outcomes = await asyncio.gather(
        *[hub.publisher.publish(one) for one in (good[0], bad, *good[1:])], return_exceptions=True
    )
    assert [isinstance(outcome, Answer) for outcome in outcomes] == [True, False, True, True]
    assert isinstance(outcomes[1], asyncpg.PostgresError | KeyError)
    assert len(await inbox(hub, project_id, "u")) == 3


async def test_dedupe_skips_the_second_also_within_a_group(hub: Hub, project_id: int) -> None:
    together = PublishUnit(
        [unit(project_id, recipients=["u"], title="t", dedupe_key="d").notifications[0] for _ in range(2)],
        Answer(200, b"{}"),
    )
    await hub.publisher.publish(together)
    await publish(hub, project_id, recipients=["u", "v"], title="t", dedupe_key="d")
    assert len(await inbox(hub, project_id, "u")) == 1
    assert len(await inbox(hub, project_id, "v")) == 1


async def test_a_newer_item_replaces_the_unread_one_of_its_collapse_key(hub: Hub, project_id: int) -> None:
    for number in range(3):
        await publish(hub, project_id, recipients=["u"], title=str(number), collapse_key="likes")
    (item,) = await inbox(hub, project_id, "u")
    assert item["title"] == "2"
    page = await page_of(hub, project_id, "u")
    assert page.head.counts == (1, 1, 1)
    assert page.head.rev == 3


async def test_every_change_leaves_the_outbox_empty_once_redis_has_it(hub: Hub, project_id: int) -> None:
    await publish(hub, project_id, recipients=["u"], title="t")
    await hub.announcing.close()
    rows = await hub.db.fetch("SELECT * FROM outbox")
    assert rows == []


async def test_localised_texts_are_chosen_by_the_recipients_locale(hub: Hub, project_id: int) -> None:
    recipients = [{"id": "u", "locale": "de-AT"}, {"id": "v", "locale": "fr"}]
    await publish(hub, project_id, recipients=recipients, title={"en": "Hello", "de": "Hallo"})
    assert (await inbox(hub, project_id, "u"))[0]["title"] == "Hallo"
    assert (await inbox(hub, project_id, "v"))[0]["title"] == "Hello"
