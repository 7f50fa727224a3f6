"""The suppression list, as a backend sees and changes it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from hub.runtime import Hub
from hub.store import suppressions
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


SPELT = ("ada@bücher.example", "ADA@Bücher.example", "ada@BÜCHER.example", "ada@xn--bcher-kva.example")


@pytest.mark.parametrize("spelt", SPELT)
async def test_an_international_domain_is_one_however_it_is_written(call: Caller, hub: Hub, spelt: str) -> None:
    assert (await suppress(call, spelt))["address"] == "ada@xn--bcher-kva.example"
    for other in SPELT:
        await suppress(call, other)
        (found,) = (await call("GET", f"{PATH}?address={quote(other)}")).json["items"]
        assert found["address"] == "ada@xn--bcher-kva.example"
    assert len((await call("GET", PATH)).json["items"]) == 1
    assert await explained(call, hub) == dict.fromkeys(SPELT, "suppressed")
    assert (await call("DELETE", f"{PATH}/email/{quote(spelt)}")).status == 204
    assert (await call("GET", PATH)).json["items"] == []


async def test_what_was_suppressed_in_letters_of_its_own_is_found_and_goes(
    call: Caller, hub: Hub, project_id: int
) -> None:
    async def as_before() -> None:
        address = "ada@bücher.example"
        await hub.db.execute("INSERT INTO suppressions VALUES ($1, 'email', $2, 'bounced')", project_id, address)

    await as_before()
    assert await explained(call, hub) == dict.fromkeys(SPELT, "suppressed")
    assert await suppressions.add(hub.db, project_id, "email", SPELT[3], "complained") is False, "the first cause stays"
    assert (await call("DELETE", f"{PATH}/email/{quote(SPELT[3])}")).status == 204
    await as_before()
    assert (await suppress(call, SPELT[3]))["reason"] == "manual"
    assert [entry["address"] for entry in (await call("GET", PATH)).json["items"]] == [SPELT[3]]


async def explained(call: Caller, hub: Hub) -> dict[str, str]:
    """What is explained of mail to a person of each spelling."""
    await hub.db.execute("UPDATE projects SET sandbox = true")
    hub.rulebook.forget()
    await call("PUT", "/v1/categories/mail", {"ladder": [{"channel": "email"}]})
    found = {}
    for spelt in SPELT:
        await call("PUT", "/v1/users/ada", {"email": spelt})
        body = {"recipients": ["ada"], "category": "mail", "title": "t"}
        (entry,) = (await call("POST", "/v1/notifications/explain", body)).json["items"]
        found[spelt] = entry["reason"]
    return found


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
