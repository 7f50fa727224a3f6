"""The suppression list, as a backend sees and changes it."""

from __future__ import annotations

from typing import Any

import pytest

from hub.runtime import Hub
from hub.store.keys import create_key
from hub.store.projects import create_project
from tests.support.api_server import Caller

PATH = "/v1/suppressions"


async def suppress(call: Caller, address: str, **more: Any) -> Any:
    answer = await call("PUT", PATH, {"channel": "email", "address": address, **more})
    assert answer.status == 200, answer
    return answer.json


async def test_an_address_is_suppressed_listed_and_let_go(call: Caller) -> None:
    made = await suppress(call, "Ada@Example.org")
    assert made == {
        "channel": "email",
        "address": "ada@example.org",
        "reason": "manual",
        "detail": None,
        "created_at": made["created_at"],
    }
    assert await suppress(call, "ada@example.org", reason=None) == made
    assert (await call("GET", PATH)).json == {"items": [made], "next_cursor": None}
    assert (await call("DELETE", f"{PATH}/email/ADA%40example.org")).status == 204
    assert (await call("DELETE", f"{PATH}/email/ada%40example.org")).code == "not_found"
    assert (await call("GET", PATH)).json["items"] == []


async def test_the_list_is_filtered_and_paged(call: Caller) -> None:
    for number in range(5):
        await suppress(call, f"u{number}@example.org", reason=("bounced", "complained")[number % 2])
    await call("PUT", PATH, {"channel": "sms", "address": "+4930123456"})
    found, cursor = [], ""
    while True:
        page = (await call("GET", f"{PATH}?limit=2{cursor}")).json
        found += [entry["address"] for entry in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert found == [*(f"u{number}@example.org" for number in range(5)), "+4930123456"]
    for query, count in (
        ("channel=sms", 1),
        ("channel=email", 5),
        ("reason=bounced", 3),
        ("reason=complained&channel=email", 2),
        ("reason=unsubscribed", 0),
        ("address=U3%40example.ORG", 1),
        ("address=nobody%40example.org", 0),
    ):
        assert len((await call("GET", f"{PATH}?{query}")).json["items"]) == count, query


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"channel": "email", "address": "nobody"}, "address"),
        ({"channel": "email", "address": "+4930123456"}, "address"),
        ({"channel": "sms", "address": "ada@example.org"}, "address"),
        ({"channel": "fax", "address": "1"}, "channel"),
        ({"channel": "email"}, "address"),
        ({"channel": "email", "address": "a@b.de\r\nBcc: c@d.de"}, "address"),
        ({"channel": "email", "address": "a@b.de", "reason": "dislike"}, "reason"),
        ({"channel": "email", "address": "a@b.de", "note": "x"}, "note"),
    ],
)
async def test_what_is_no_address_of_its_channel_is_told(call: Caller, body: dict[str, Any], path: str) -> None:
    answer = await call("PUT", PATH, body)
    assert (answer.status, answer.json["errors"][0]["path"]) == (422, path)


@pytest.mark.parametrize("query", ["channel=fax", "reason=x", "cursor=x", "colour=red"])
async def test_a_wrong_query_is_told(call: Caller, query: str) -> None:
    assert (await call("GET", f"{PATH}?{query}")).status == 422


async def test_each_project_has_its_own_and_scopes_count(call: Caller, hub: Hub, project_id: int) -> None:
    await suppress(call, "ada@example.org")
    other = await create_project(hub.db, "other")
    _, stranger = await create_key(hub.db, other.project_id, scopes=["admin"])
    assert (await call.with_key(stranger)("GET", PATH)).json["items"] == []
    assert (await call.with_key(stranger)("DELETE", f"{PATH}/email/ada%40example.org")).status == 404
    _, reader = await create_key(hub.db, project_id, scopes=["users:read"])
    assert (await call.with_key(reader)("GET", PATH)).status == 200
    body = {"channel": "email", "address": "bob@example.org"}
    assert (await call.with_key(reader)("PUT", PATH, body)).status == 403
    assert (await call.with_key(reader)("DELETE", f"{PATH}/email/ada%40example.org")).status == 403
    _, writer = await create_key(hub.db, project_id, scopes=["users:write"])
    assert (await call.with_key(writer)("GET", PATH)).status == 403
    assert (await call.with_key(writer)("PUT", PATH, body)).status == 200
