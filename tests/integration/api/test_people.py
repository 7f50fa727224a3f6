"""People, tokens, topics and categories over HTTP."""

from __future__ import annotations

import time

import jwt
import pytest

from hub.exceptions import Unauthenticated
from hub.runtime import Hub
from hub.security import Authority
from tests.support.api_server import Caller

ADA = {
    "name": "Ada",
    "email": "ada@example.com",
    "phone": "+4930123456",
    "locale": "de-DE",
    "timezone": "Europe/Berlin",
    "avatar_url": "https://example.com/a.png",
    "properties": {"plan": "pro", "seats": {"used": 3, "paid": 5}},
}
EMPTY = dict.fromkeys(("name", "email", "phone", "locale", "timezone", "avatar_url"))


def shown(document: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in document.items() if name not in ("created_at", "updated_at")}


async def test_put_replaces_patch_merges_delete_removes(call: Caller) -> None:
    assert (await call("GET", "/v1/users/ada")).status == 404
    made = await call("PUT", "/v1/users/ada", ADA)
    assert (made.status, shown(made.json)) == (200, {"id": "ada", **ADA})
    patched = await call(
        "PATCH", "/v1/users/ada", {"email": None, "properties": {"plan": "free", "seats": {"paid": None}}}
    )
    assert patched.json["email"] is None
    assert patched.json["name"] == "Ada"
    assert patched.json["properties"] == {"plan": "free", "seats": {"used": 3}}
    replaced = await call("PUT", "/v1/users/ada", {"id": "ada", "name": "A"})
    assert shown(replaced.json) == {"id": "ada", **EMPTY, "name": "A", "properties": {}}
    assert (await call("DELETE", "/v1/users/ada")).status == 204
    assert (await call("GET", "/v1/users/ada")).status == 404
    assert (await call("DELETE", "/v1/users/ada")).status == 404
    assert (await call("PATCH", "/v1/users/ada", {})).status == 404


async def test_delete_removes_the_inbox(call: Caller, hub: Hub) -> None:
    await call("POST", "/v1/notifications", {"recipients": ["ada"], "title": "t"})
    await call("PUT", "/v1/topics/t/subscribers", {"users": ["ada"]})
    assert (await call("DELETE", "/v1/users/ada")).status == 204
    row = await hub.db.fetchrow(
        "SELECT (SELECT count(*) FROM people) + (SELECT count(*) FROM inbox_heads) + (SELECT count(*) FROM inbox_items)"
        " + (SELECT count(*) FROM topic_subscribers) AS left_over"
    )
    assert row is not None
    assert row["left_over"] == 0
    assert (await call("GET", "/v1/users/ada/inbox")).status == 404


@pytest.mark.parametrize(
    "name, segment",
    [
        ("project/42", "project%2F42"),
        ("a:b", "a:b"),
        ("ä ö", "%C3%A4%20%C3%B6"),
        ("100%", "100%25"),
        ("..%2f", "..%252f"),
        ("?#&=+", "%3F%23&=+"),
        ("🦊" * 255, "%F0%9F%A6%8A" * 255),
        ("tokens", "tokens"),
    ],
)
async def test_a_name_is_one_segment_whatever_it_holds(call: Caller, name: str, segment: str) -> None:
    made = await call("PUT", f"/v1/users/{segment}", {})
    assert (made.status, made.json["id"]) == (200, name)
    assert [user["id"] for user in (await call("GET", "/v1/users")).json["items"]] == [name]
    await call("PUT", f"/v1/topics/{segment}/subscribers", {"users": [name]})
    assert (await call("GET", f"/v1/users/{segment}/topics")).json["items"][0]["topic"] == name
    await call("POST", "/v1/notifications", {"recipients": [{"id": name}], "title": "t"})
    assert len((await call("GET", f"/v1/users/{segment}/inbox")).json["items"]) == 1


async def test_many_people_at_once_and_pages(call: Caller) -> None:
    users = [{"id": f"u{index:04}", "properties": {"n": index}} for index in range(1_000)]
    assert (await call("PUT", "/v1/users", {"users": users})).json == {"changed": 1_000}
    assert (await call("PUT", "/v1/users", {"users": [*users, {"id": "x"}]})).status == 422
    repeated = await call("PUT", "/v1/users", {"users": [{"id": "a"}, {"id": "b"}, {"id": "a"}]})
    assert repeated.json["errors"] == [
        {"path": "users.2.id", "code": "repeated", "message": "stands twice in this call"}
    ]
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await call("GET", f"/v1/users?limit=100{cursor}")).json
        seen += [user["id"] for user in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == [user["id"] for user in users]


async def test_tokens_are_issued_and_revoked(call: Caller, hub: Hub) -> None:
    before = time.time()
    answer = await call("POST", "/v1/users/u%2F1/tokens")
    assert answer.status == 201
    claims = jwt.decode(answer.json["token"], options={"verify_signature": False})
    assert claims["sub"] == "u/1"
    assert claims["aud"] == "default"
    assert before + 3590 <= claims["exp"] <= time.time() + 3601
    authority = Authority(hub.db, hub.settings)
    token = await authority.verify_client_token(answer.json["token"])
    assert (token.user, token.scopes) == ("u/1", frozenset({"inbox:read", "inbox:write", "preferences:write"}))

    narrow = await call(
        "POST", "/v1/users/u%2F1/tokens", {"expires_in_seconds": 60, "scopes": ["inbox:read"], "tenant": "acme"}
    )
    token = await authority.verify_client_token(narrow.json["token"])
    assert (token.scopes, token.tenant) == (frozenset({"inbox:read"}), "acme")

    assert (await call("DELETE", "/v1/users/u%2F1/tokens")).status == 204
    for revoked in (answer, narrow):
        with pytest.raises(Unauthenticated) as refusal:
            await authority.verify_client_token(revoked.json["token"])
        assert refusal.value.code == "token_revoked"
    fresh = await call("POST", "/v1/users/u%2F1/tokens", {})
    assert (await authority.verify_client_token(fresh.json["token"])).user == "u/1"
    await authority.close()


async def test_topics_count_what_changed(call: Caller) -> None:
    path = "/v1/topics/project%2F42/subscribers"
    assert (await call("GET", path)).status == 404
    assert (await call("PUT", path, {"users": ["a", "b", "a"]})).json == {"changed": 2}
    assert (await call("PUT", path, {"users": ["b", "c"]})).json == {"changed": 1}
    headers = {"Idempotency-Key": "k"}
    gone = await call("POST", f"{path}/remove", {"users": ["a", "x"]}, headers=headers)
    assert gone.json == {"changed": 1}
    again = await call("POST", f"{path}/remove", {"users": ["a", "x"]}, headers=headers)
    assert (again.json, again.headers["Idempotency-Replayed"]) == ({"changed": 1}, "true")
    assert (await call("POST", "/v1/topics/none/subscribers/remove", {"users": ["a"]})).json == {"changed": 0}
    page = (await call("GET", f"{path}?limit=1")).json
    rest = (await call("GET", f"{path}?cursor={page['next_cursor']}")).json
    assert [user["id"] for user in page["items"] + rest["items"]] == ["b", "c"]
    assert [topic["topic"] for topic in (await call("GET", "/v1/topics")).json["items"]] == ["project/42"]
    assert (await call("GET", "/v1/users/a/topics")).json == {"items": [], "next_cursor": None}
    assert (await call("GET", "/v1/users/nobody/topics")).status == 404


async def test_a_project_starts_with_general(call: Caller) -> None:
    general = await call("GET", "/v1/categories/general")
    assert general.status == 200
    assert [step["channel"] for step in general.json["ladder"]] == ["in_app", "web_push", "email"]
    listed = (await call("GET", "/v1/categories")).json["items"]
    assert listed == [general.json]
    changed = await call("PUT", "/v1/categories/general", {"priority": "bulk"})
    assert changed.json["priority"] == "bulk"
    assert len((await call("GET", "/v1/categories")).json["items"]) == 1
    refused = await call("DELETE", "/v1/categories/general")
    assert (refused.status, refused.code) == (409, "category_required")


async def test_a_whole_policy_is_kept_as_written(call: Caller) -> None:
    policy = {
        "description": "Parcels",
        "priority": "critical",
        "default": "opted_out",
        "kind": "marketing",
        "ladder": [{"channel": "in_app"}, {"channel": "email", "after": "PT10M", "if": "unseen"}],
        "retry": {"max_attempts": 8, "max_age": "PT24H"},
        "cap": {"limit": 5, "per": "PT1H", "overflow": "digest"},
        "quiet_hours": "respect",
        "retention": "P90D",
        "digest": {"key": "{{ data.post }}", "window": "PT5M", "mode": "sliding", "max_window": "PT1H", "first": "now"},
    }
    assert (await call("PUT", "/v1/categories/orders.shipped", policy)).json == {"category": "orders.shipped", **policy}
    assert (await call("GET", "/v1/categories/orders.shipped")).json == {"category": "orders.shipped", **policy}
    names = [category["category"] for category in (await call("GET", "/v1/categories?limit=1")).json["items"]]
    assert names == ["general"]
    assert (await call("DELETE", "/v1/categories/orders.shipped")).status == 204
    assert (await call("DELETE", "/v1/categories/orders.shipped")).status == 404


async def test_a_category_nobody_stored_follows_general_until_it_is_stored(call: Caller) -> None:
    async def priority() -> str:
        made = await call("POST", "/v1/notifications", {"recipients": ["u"], "title": "t", "category": "new"})
        asked = await call("GET", f"/v1/notifications/{made.json['id']}")
        return str(asked.json["request"]["priority"])

    assert await priority() == "normal"
    await call("PUT", "/v1/categories/general", {"priority": "bulk"})
    assert await priority() == "bulk"
    await call("PUT", "/v1/categories/new", {"priority": "critical"})
    assert await priority() == "critical"
