"""What was sent and what people did with it, counted: from the marks and settlements that made it."""

from __future__ import annotations

from typing import Any

import pytest

from hub.model.mark import Action, Mark
from hub.model.person import Person
from hub.publish.inbox import mark
from hub.runtime import Hub
from hub.store import people
from hub.store.categories import tracked
from hub.store.inbox import open_inbox
from hub.store.keys import create_key
from tests.support.api_server import Caller
from tests.support.deliveries import make_sandbox, put_category, steps
from tests.support.publishing import publish

MAIL = [{"channel": "in_app"}, {"channel": "email"}]


async def act(hub: Hub, project_id: int, action: str, *, by_id: bool = False, user: str = "ada") -> None:
    """Marks everything in somebody's inbox, by filter or item by item."""
    head = await open_inbox(hub.db, project_id, user)
    ids = None
    if by_id:
        rows = await hub.db.fetch("SELECT item_id FROM inbox_items WHERE person_id = $1", head.person_id)
        ids = tuple(row["item_id"] for row in rows)
    await mark(hub, Person(head.person_id, project_id, user), Mark(Action(action), ids))


async def counted(call: Caller, query: str = "by=total") -> dict[tuple[str, str], int]:
    answer = await call("GET", f"/v1/engagement?{query}")
    assert answer.status == 200, answer
    return {(entry["channel"], entry["event"]): entry["count"] for entry in answer.json["items"]}


@pytest.mark.parametrize("by_id", [True, False])
async def test_what_happens_in_the_app_counts_the_first_time(
    hub: Hub, project_id: int, call: Caller, by_id: bool
) -> None:
    for number in range(3):
        await publish(hub, project_id, recipients=["ada"], title=str(number), channels=["in_app"])
    for other in ("archive", "unarchive", "unread", "pin", "unpin"):
        await act(hub, project_id, other, by_id=by_id)
    assert await counted(call) == {}
    await act(hub, project_id, "seen", by_id=by_id)
    assert await counted(call) == {("in_app", "seen"): 3}
    await act(hub, project_id, "read", by_id=by_id)
    assert await counted(call) == {("in_app", "seen"): 3, ("in_app", "read"): 3}
    for again in ("unread", "read", "archive", "unarchive", "pin"):
        await act(hub, project_id, again, by_id=by_id)
    await publish(hub, project_id, recipients=["ada"], title="x", channels=["in_app"])
    await act(hub, project_id, "click", by_id=by_id)
    assert await counted(call) == {("in_app", "seen"): 4, ("in_app", "read"): 4, ("in_app", "clicked"): 4}


async def test_what_was_sent_counts_by_day_category_and_provider_for_keys_that_may_see_it(
    hub: Hub, project_id: int, call: Caller
) -> None:
    await make_sandbox(hub, project_id)
    for category in ("orders", "news"):
        await put_category(hub, project_id, category, ladder=MAIL)
        await publish(hub, project_id, recipients=["ada", "bob"], title="t", category=category)
    async with steps(hub) as worker:
        await worker.run()
    (news, orders) = (await call("GET", "/v1/engagement")).json["items"]
    row = await hub.db.fetchrow("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day")
    assert row is not None
    assert orders | {"day": None} == {
        "day": None, "category": "orders", "channel": "email", "provider": "sandbox", "event": "sent",
        "automated": False, "count": 2,
    }  # fmt: skip
    assert orders["day"] <= row["day"]  # of yesterday, should it be midnight
    assert news["category"] == "news"
    assert await counted(call, "provider=smtp") == {}
    assert await counted(call, "category=news&channel=email") == {("email", "sent"): 2}
    _, key = await create_key(hub.db, project_id, scopes=["notifications:read"], categories=["news"])
    assert [e["category"] for e in (await call.with_key(key)("GET", "/v1/engagement")).json["items"]] == ["news"]
    _, blind = await create_key(hub.db, project_id, scopes=["users:read"])
    assert (await call.with_key(blind)("GET", "/v1/engagement")).status == 403


async def test_who_is_deleted_takes_their_events_along(hub: Hub, project_id: int, call: Caller) -> None:
    for user in ("ada", "bob"):
        await publish(hub, project_id, recipients=[user], title="t", channels=["in_app"])
        await act(hub, project_id, "read", user=user)
    await hub.db.transaction(lambda conn: people.delete_person(conn, project_id, "ada"))
    assert await counted(call) == {("in_app", "seen"): 1, ("in_app", "read"): 1}


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("since=2026-01-01T00:00:00Z&until=2026-06-01T00:00:00Z", "within 92 days"),
        ("since=2026-06-01T00:00:00Z&until=2026-06-01T00:00:00Z", "before until"),
        ("since=yesterday", "query.since"),
        ("by=hour", "day, total"),
        ("channel=fax", "in_app"),
    ],
)
async def test_a_wrong_question_is_told(call: Caller, query: str, says: str) -> None:
    answer = await call("GET", f"/v1/engagement?{query}")
    assert answer.status == 422
    assert says in answer.json["detail"]


async def test_too_many_counts_are_refused_with_the_way_out(
    hub: Hub, project_id: int, call: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.api.engagement.MAX_COUNTS", 1)
    await publish(hub, project_id, recipients=["ada"], title="t", channels=["in_app"])
    await act(hub, project_id, "read")
    answer: Any = await call("GET", "/v1/engagement")
    assert (answer.status, answer.code) == (422, "too_many")


async def test_what_a_category_counts_of_its_mails_is_part_of_it(call: Caller, hub: Hub) -> None:
    refused = await call("PUT", "/v1/categories/news", {"tracking": {"clicks": False, "opens": True}})
    assert [(error["path"], error["code"]) for error in refused.json["errors"]] == [("tracking", "no_public_url")]
    assert "HUB_PUBLIC_URL" in refused.json["detail"]
    assert (await call("PUT", "/v1/categories/news", {"tracking": {"opens": False}})).status == 200
    assert await tracked(hub.db, 10) == []
    hub.settings.public_url = "https://hub.example.com"
    answer = await call("PUT", "/v1/categories/news", {"tracking": {"opens": True}})
    assert [category for _, category in await tracked(hub.db, 10)] == ["news"]
    assert answer.json["tracking"] == {"opens": True}
    wrong = await call("PUT", "/v1/categories/news", {"tracking": {"opens": "yes", "views": True}})
    assert {error["path"] for error in wrong.json["errors"]} == {"tracking.opens", "tracking.views"}
