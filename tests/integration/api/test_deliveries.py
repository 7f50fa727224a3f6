"""Deliveries and explanations, as a backend asks for them."""

from __future__ import annotations

from typing import Any

import pytest

from hub.model.reason import Reason
from hub.runtime import Hub
from hub.store.deliveries import list_deliveries
from hub.store.keys import create_key
from hub.store.projects import create_project
from tests.support.api_server import Caller
from tests.support.deliveries import make_sandbox, steps
from tests.support.statistics import rows_read

USER = "a/b:c ü"
PATH = "a%2Fb%3Ac%20%C3%BC"


@pytest.fixture
async def sandbox(hub: Hub, project_id: int) -> None:
    await make_sandbox(hub, project_id)


async def publish(call: Caller, **fields: Any) -> str:
    answer = await call("POST", "/v1/notifications", {"recipients": [USER], "title": "t", **fields})
    assert answer.status == 202, answer
    return str(answer.json["id"])


@pytest.mark.usefixtures("sandbox")
async def test_deliveries_are_listed_and_filtered(call: Caller) -> None:
    first = await publish(call)
    await publish(call, recipients=["bob"], category="news", channels=["in_app", "email"])
    page = (await call("GET", "/v1/deliveries?limit=1")).json
    assert [entry["user"] for entry in page["items"]] == ["bob"]
    rest = (await call("GET", f"/v1/deliveries?cursor={page['next_cursor']}")).json
    (entry,) = rest["items"]
    assert rest["next_cursor"] is None
    assert entry == {
        "id": entry["id"],
        "notification_id": first,
        "user": USER,
        "category": "general",
        "channel": "web_push",
        "kind": "step",
        "state": "waiting",
        "reason": "asking_presence",
        "attempts": 0,
        "provider": None,
        "detail": None,
        "dispatched_at": entry["dispatched_at"],
        "due_at": entry["dispatched_at"],
        "finished_at": None,
    }
    for query, users in (
        (f"user={PATH}", [USER]),
        ("user=nobody", []),
        ("channel=email", ["bob"]),
        ("category=news", ["bob"]),
        ("state=sent", []),
        ("state=waiting", ["bob", USER]),
    ):
        found = (await call("GET", f"/v1/deliveries?{query}")).json["items"]
        assert [entry["user"] for entry in found] == users, query


@pytest.mark.usefixtures("sandbox")
async def test_a_key_sees_its_own_project_and_categories(call: Caller, hub: Hub, project_id: int) -> None:
    await publish(call)
    await publish(call, category="news")
    _, news = await create_key(hub.db, project_id, scopes=["notifications:read"], categories=["news"])
    found = (await call.with_key(news)("GET", "/v1/deliveries")).json["items"]
    assert [entry["category"] for entry in found] == ["news"]
    body = {"recipients": ["ada"], "title": "t"}
    assert (await call.with_key(news)("POST", "/v1/notifications/explain", body)).code == "category_not_allowed"
    assert (await call.with_key(news)("POST", "/v1/notifications/explain", {**body, "category": "news"})).status == 200
    other = await create_project(hub.db, "other")
    _, stranger = await create_key(hub.db, other.project_id, scopes=["admin"])
    assert (await call.with_key(stranger)("GET", "/v1/deliveries")).json["items"] == []
    _, writer = await create_key(hub.db, project_id, scopes=["notifications:write"])
    assert (await call.with_key(writer)("GET", "/v1/deliveries")).status == 403
    assert (await call.with_key(writer)("POST", "/v1/notifications/explain", body)).status == 403


@pytest.mark.usefixtures("sandbox")
async def test_an_explanation_says_who_when_why_and_who_decided(call: Caller) -> None:
    await call("PUT", f"/v1/users/{PATH}/preferences", {"channels": {"email": False}})
    answer = await call("POST", "/v1/notifications/explain", {"recipients": [USER], "title": "t"})
    assert answer.status == 200
    items = {entry["channel"]: entry for entry in answer.json["items"]}
    assert {entry["user"] for entry in items.values()} == {USER}
    assert items["in_app"] == {
        "user": USER,
        "channel": "in_app",
        "decision": "send",
        "at": items["in_app"]["at"],
        "if": "always",
        "reason": "ready",
        "layer": None,
        "detail": None,
    }
    assert items["email"] == {
        "user": USER,
        "channel": "email",
        "decision": "skip",
        "at": None,
        "if": "unseen",
        "reason": "channel_off",
        "layer": "person",
        "detail": None,
    }
    assert items["web_push"]["decision"] == "wait"
    assert items["web_push"]["reason"] == "presence_unknown"
    assert (await call("GET", "/v1/notifications")).json["items"] == []


async def test_without_a_provider_everybody_is_told_so(call: Caller) -> None:
    answer = await call("POST", "/v1/notifications/explain", {"recipients": ["ada"], "title": "t"})
    assert [(e["channel"], e["decision"], e["reason"]) for e in answer.json["items"]] == [
        ("in_app", "send", "ready"),
        ("web_push", "skip", "no_provider"),
        ("email", "skip", "no_provider"),
    ]


async def test_an_explanation_is_repeated_under_its_key(call: Caller) -> None:
    headers = {"Idempotency-Key": "once"}
    body = {"recipients": ["ada"], "title": "t"}
    first = await call("POST", "/v1/notifications/explain", body, headers=headers)
    again = await call("POST", "/v1/notifications/explain", body, headers=headers)
    assert again.raw == first.raw
    assert again.headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"recipients": [], "title": "t"}, "invalid"),
        ({"recipients": ["ada"]}, "invalid"),
        ({"recipients": ["ada"], "title": "t", "titel": "t"}, "invalid"),
        ({"recipients": ["ada"], "template": "t"}, "unknown_template"),
    ],
)
async def test_what_cannot_be_published_cannot_be_explained(call: Caller, body: dict[str, Any], code: str) -> None:
    answer = await call("POST", "/v1/notifications/explain", body)
    assert (answer.status, answer.code) == (422, code)


@pytest.mark.parametrize("query", ["state=open", "channel=fax", "reason=rejcted", "user=", "cursor=x", "colour=red"])
async def test_a_wrong_query_is_refused_by_name(call: Caller, query: str) -> None:
    answer = await call("GET", f"/v1/deliveries?{query}")
    assert answer.status == 422
    assert query.partition("=")[0] in answer.json["detail"]


async def test_a_misspelt_reason_is_named_with_all_there_are(call: Caller) -> None:
    for answer in (
        await call("GET", "/v1/deliveries?reason=rejcted"),
        await call("POST", "/v1/deliveries/replay", {"reason": "rejcted"}),
    ):
        (error,) = answer.json["errors"]
        assert error["message"].endswith("not 'rejcted'")
        assert all(reason.value in error["message"] for reason in Reason)


async def test_a_big_audience_is_explained_in_part(call: Caller) -> None:
    users = [f"u{number}" for number in range(300)]
    await call("PUT", "/v1/topics/all/subscribers", {"users": users})
    answer = await call("POST", "/v1/notifications/explain", {"recipients": [{"topic": "all"}], "title": "t"})
    assert len({entry["user"] for entry in answer.json["items"]}) == 100


@pytest.mark.usefixtures("sandbox")
async def test_the_sandbox_shows_what_would_have_been_sent(hub: Hub, project_id: int, call: Caller) -> None:
    first = await publish(call, channels=["email"], body="b")
    await publish(call, recipients=["bob"], category="news", channels=["email"])
    async with steps(hub) as worker:
        await worker.later(hours=1)
        await worker.run()
    page = (await call("GET", "/v1/sandbox?limit=1")).json
    rest = (await call("GET", f"/v1/sandbox?cursor={page['next_cursor']}")).json
    shown = [*page["items"], *rest["items"]]
    assert rest["next_cursor"] is None
    (mine,) = [entry for entry in shown if entry["user"] == USER]
    assert (mine["notification_id"], mine["channel"], mine["category"]) == (first, "email", "general")
    assert (mine["kind"], mine["attempts"], mine["gathered"]) == ("step", 1, None)
    assert (mine["content"]["title"], mine["content"]["body"]) == ("t", "b")
    assert (mine["rendered"]["subject"], "html" in mine["rendered"]) == ("t", False)
    whole = (await call("GET", f"/v1/sandbox/{mine['id']}")).json
    assert whole["rendered"]["text"] == mine["rendered"]["text"]
    assert "<html" in whole["rendered"]["html"]
    assert (await call("GET", f"/v1/sandbox/{first}")).status == 404
    for query, users in (
        (f"user={PATH}", [USER]),
        ("channel=web_push", []),
        ("category=news", ["bob"]),
        ("category=orders", []),
    ):
        assert [entry["user"] for entry in (await call("GET", f"/v1/sandbox?{query}")).json["items"]] == users, query

    _, news = await create_key(hub.db, project_id, scopes=["notifications:read"], categories=["news"])
    assert [e["user"] for e in (await call.with_key(news)("GET", "/v1/sandbox")).json["items"]] == ["bob"]
    assert (await call.with_key(news)("GET", f"/v1/sandbox/{mine['id']}")).status == 404
    other = await create_project(hub.db, "elsewhere")
    _, stranger = await create_key(hub.db, other.project_id, scopes=["admin"])
    assert (await call.with_key(stranger)("GET", "/v1/sandbox")).json["items"] == []
    assert (await call.with_key(stranger)("GET", f"/v1/sandbox/{mine['id']}")).status == 404


async def test_a_list_reads_no_other_projects_deliveries(call: Caller, hub: Hub) -> None:
    await publish(call)
    small = await create_project(hub.db, "small")
    columns = await hub.db.fetch(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'deliveries' "
        "AND column_name NOT IN ('delivery_id', 'notification_id')"
    )
    same = ", ".join(column["column_name"] for column in columns)
    await hub.db.execute(
        f"INSERT INTO deliveries (delivery_id, notification_id, {same}) "
        f"SELECT gen_random_uuid(), gen_random_uuid(), {same} FROM deliveries, generate_series(1, 10000)"
    )
    await hub.db.execute("VACUUM ANALYZE deliveries")
    before = await rows_read(hub.db)
    assert await list_deliveries(hub.db, small.project_id) == []
    assert await rows_read(hub.db) - before < 100
