"""Browsers of people, as a backend sees them."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from pydantic import SecretStr

from hub.runtime import Hub
from hub.security.vapid import make_key
from hub.store.keys import create_key
from hub.store.projects import ensure_project
from hub.store.push_subscriptions import MAX_BROWSERS
from tests.support.api_server import Caller

PATH = "/v1/users/ada/push-subscriptions"
AUTH = base64.urlsafe_b64encode(bytes(16)).decode().rstrip("=")
POINT = make_key().public_text


@pytest.fixture(autouse=True)
def _key(hub: Hub) -> None:
    hub.settings.vapid_private_key = SecretStr(make_key().private_text)


def browser(name: str = "1", **fields: Any) -> dict[str, Any]:
    keys = {"p256dh": POINT, "auth": AUTH}
    return {"endpoint": f"https://push.example.com/send/{name}", "expirationTime": None, "keys": keys, **fields}


async def test_a_browser_is_added_listed_and_removed(call: Caller, hub: Hub) -> None:
    added = await call("POST", PATH, browser())
    assert added.status == 201, added
    again = await call("POST", PATH, browser(expirationTime=4_102_444_800_000.0))
    assert again.json["id"] == added.json["id"], "told again, it is the same"
    listed = await call("GET", PATH)
    (found,) = listed.json["items"]
    assert found == {key: value for key, value in again.json.items() if key != "renewal"}
    assert found["expires_at"] == "2100-01-01T00:00:00.000Z"
    assert AUTH not in listed.raw.decode()
    assert POINT not in listed.raw.decode()
    assert await pushed(hub) == {"ada": True}
    assert (await call("DELETE", PATH, {"endpoint": found["endpoint"]})).status == 204
    assert (await call("DELETE", PATH, {"endpoint": found["endpoint"]})).code == "not_found"
    assert await pushed(hub) == {"ada": False}
    other = (await call("POST", PATH, browser())).json["id"]
    assert (await call("DELETE", f"{PATH}?id={other}")).status == 204
    assert (await call("GET", PATH)).json == {"items": []}


async def pushed(hub: Hub) -> dict[str, bool]:
    return {row["user_id"]: row["push"] for row in await hub.db.fetch("SELECT user_id, push FROM people")}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (browser(endpoint="http://push.example.com/1"), "endpoint"),
        (browser(endpoint="https://127.0.0.1/1"), "endpoint"),
        (browser(endpoint="https://user:pw@push.example.com/1"), "endpoint"),
        (browser(endpoint="https://push.example.com/" + "x" * 2_000), "endpoint"),
        (browser(keys={"p256dh": POINT[:-2] + "AA", "auth": AUTH}), "keys.p256dh"),
        (browser(keys={"p256dh": AUTH, "auth": AUTH}), "keys.p256dh"),
        (browser(keys={"p256dh": POINT, "auth": "AAAA"}), "keys.auth"),
        (browser(keys={"p256dh": POINT}), "keys.auth"),
        (browser(expirationTime=-1.0), "expirationTime"),
        (browser(topic="x"), "topic"),
        ({}, "endpoint"),
    ],
)
async def test_what_is_no_subscription_is_refused_by_its_field(call: Caller, body: Any, path: str) -> None:
    refused = await call("POST", PATH, body)
    assert refused.status == 422, refused
    assert path in [error["path"] for error in refused.json["errors"]]
    assert (await call("GET", PATH)).status == 404, "nobody was made for it"


async def test_a_hub_that_pushes_nothing_takes_no_browser(call: Caller, hub: Hub) -> None:
    hub.settings.vapid_private_key = None
    refused = await call("POST", PATH, browser())
    assert (refused.status, refused.code) == (409, "no_push_key")
    assert "HUB_VAPID_PRIVATE_KEY" in refused.json["detail"]
    assert (await call("GET", PATH)).status == 404, "nobody was made for it"


async def test_which_one_to_remove_must_be_said_once(call: Caller) -> None:
    added = (await call("POST", PATH, browser())).json
    for query, body in (("", None), ("", {}), (f"?id={added['id']}", {"endpoint": added["endpoint"]}), ("?id=x", None)):
        assert (await call("DELETE", PATH + query, body)).status == 422
    assert (await call("DELETE", PATH, browser())).status == 204, "the whole toJSON() names it too"
    assert (await call("DELETE", "/v1/users/nobody/push-subscriptions", browser())).status == 404


async def test_a_browser_belongs_to_who_signed_in_there_last(call: Caller, hub: Hub) -> None:
    mine = (await call("POST", PATH, browser())).json
    theirs = (await call("POST", "/v1/users/grace/push-subscriptions", browser())).json
    assert theirs["id"] != mine["id"]
    assert (await call("GET", PATH)).json["items"] == []
    assert await pushed(hub) == {"ada": False, "grace": True}
    assert (await call("DELETE", f"{PATH}?id={theirs['id']}")).status == 404
    assert (await call("DELETE", PATH, browser())).status == 404


async def test_another_project_has_its_own(call: Caller, hub: Hub) -> None:
    mine = (await call("POST", PATH, browser())).json
    project = await ensure_project(hub.db, "other")
    _, key = await create_key(hub.db, project.project_id, scopes=["admin"])
    other = call.with_key(key)
    assert (await other("POST", PATH, browser())).json["id"] != mine["id"]
    assert len((await call("GET", PATH)).json["items"]) == 1
    assert (await other("DELETE", f"{PATH}?id={mine['id']}")).status == 404


async def test_of_too_many_the_one_goes_that_was_not_heard_of_for_longest(call: Caller) -> None:
    for name in range(MAX_BROWSERS):
        await call("POST", PATH, browser(str(name)))
    await call("POST", PATH, browser("0"))
    await call("POST", PATH, browser("new"))
    names = [one["endpoint"].rpartition("/")[2] for one in (await call("GET", PATH)).json["items"]]
    assert len(names) == MAX_BROWSERS
    assert "1" not in names
    assert {"0", "2", "new"} <= set(names)


async def test_a_person_is_deleted_with_their_browsers(call: Caller, hub: Hub) -> None:
    await call("POST", PATH, browser())
    assert (await call("DELETE", "/v1/users/ada")).status == 204
    assert await hub.db.fetch("SELECT FROM push_subscriptions") == []


async def test_one_key_adds_once(call: Caller) -> None:
    key = {"Idempotency-Key": "k"}
    first = await call("POST", PATH, browser(), headers=key)
    again = await call("POST", PATH, browser(), headers=key)
    assert (again.status, again.raw, again.headers["Idempotency-Replayed"]) == (201, first.raw, "true")
