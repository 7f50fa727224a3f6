"""API keys: what they may, how often, and until when."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.config import DevSettings, Settings
from hub.runtime import Hub
from hub.security import API_SCOPES
from hub.store.keys import create_key, revoke_key
from hub.store.projects import create_project
from tests.support.api_server import Caller, serve_api

SCOPED: dict[str, list[tuple[str, str, Any]]] = {
    "notifications:write": [
        ("POST", "/v1/notifications", {"recipients": ["u"], "title": "t"}),
        ("POST", "/v1/notifications/batch", {"notifications": [1]}),
        ("POST", "/v1/notifications/cancel", {"cancellation_key": "k"}),
    ],
    "notifications:read": [("GET", "/v1/notifications", None)],
    "users:write": [
        ("PUT", "/v1/users/u", {}),
        ("PUT", "/v1/topics/t/subscribers", {"users": ["u"]}),
        ("POST", "/v1/users/u/tokens", None),
        ("POST", "/v1/users/u/inbox/mark", {"action": "read", "all": True}),
    ],
    "users:read": [("GET", "/v1/users/u", None), ("GET", "/v1/users/u/inbox", None), ("GET", "/v1/topics", None)],
    "config:write": [("PUT", "/v1/categories/c", {})],
    "config:read": [("GET", "/v1/categories", None)],
}


async def test_each_call_wants_its_scope(call: Caller, hub: Hub, project_id: int) -> None:
    await call("PUT", "/v1/users/u", {})
    for scope in (*SCOPED, "admin"):
        _, key = await create_key(hub.db, project_id, scopes=[scope])
        for wanted, calls in SCOPED.items():
            for method, path, body in calls:
                answer = await call.with_key(key)(method, path, body)
                if scope in (wanted, "admin"):
                    assert answer.status < 300, (scope, method, path, answer)
                else:
                    assert (answer.status, answer.code) == (403, "insufficient_scope"), (scope, method, path)
    assert {*SCOPED, "admin"} == set(API_SCOPES)


async def test_a_key_may_be_held_to_categories(call: Caller, hub: Hub, project_id: int) -> None:
    await call("PUT", "/v1/categories/orders", {})
    _, key = await create_key(hub.db, project_id, scopes=["admin"], categories=["orders"])
    held = call.with_key(key)
    body = {"recipients": ["u"], "title": "t", "cancellation_key": "k"}
    refused = await held("POST", "/v1/notifications", body)
    assert (refused.status, refused.code) == (403, "category_not_allowed")
    assert (await held("POST", "/v1/notifications", {**body, "category": "orders"})).status == 202
    batch = await held("POST", "/v1/notifications/batch", {"notifications": [body, {**body, "category": "orders"}]})
    assert [result["status"] for result in batch.json["results"]] == [403, 202]
    assert (await held("GET", "/v1/notifications")).status == 403
    assert len((await held("GET", "/v1/notifications?category=orders")).json["items"]) == 2
    general = (await call("POST", "/v1/notifications", body)).json["id"]
    for method, path in (("GET", ""), ("GET", "/timeline"), ("POST", "/cancel")):
        assert (await held(method, f"/v1/notifications/{general}{path}")).status == 404
    assert (await held("POST", "/v1/notifications/cancel", {"cancellation_key": "k"})).status == 403
    await call("POST", f"/v1/notifications/{general}/cancel")
    assert (await held("POST", "/v1/notifications/cancel", {"cancellation_key": "k"})).json == {"cancelled": 2}


async def test_a_revoked_key_is_refused_within_a_second_or_so(call: Caller, hub: Hub, project_id: int) -> None:
    key_id, key = await create_key(hub.db, project_id, scopes=["admin"])
    other = call.with_key(key)
    assert (await other("GET", "/v1/users")).status == 200
    await revoke_key(hub.db, key_id)
    started = time.monotonic()
    while (await other("GET", "/v1/users")).status != 401:
        assert time.monotonic() - started < 1.5
        await asyncio.sleep(0.02)


async def test_an_expired_key_is_refused(call: Caller, hub: Hub, project_id: int) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    _, key = await create_key(hub.db, project_id, scopes=["admin"], expires_at=past)
    assert (await call.with_key(key)("GET", "/v1/users")).status == 401


async def test_rate_limits_tell_what_is_left_and_when_to_come_back(call: Caller, hub: Hub, project_id: int) -> None:
    _, key = await create_key(hub.db, project_id, scopes=["admin"], rate_per_second=5)
    limited = call.with_key(key)
    answers = [await limited("GET", "/v1/users") for _ in range(5)]
    assert [answer.status for answer in answers] == [200] * 5
    assert answers[0].headers["RateLimit-Limit"] == "5"
    left = [int(answer.headers["RateLimit-Remaining"]) for answer in answers]
    assert left == sorted(left, reverse=True)
    while (refused := await limited("GET", "/v1/users")).status == 200:
        pass
    assert (refused.status, refused.code) == (429, "rate_limited")
    assert refused.headers["Retry-After"] == "1"
    assert refused.headers["RateLimit-Remaining"] == "0"
    assert (await call("GET", "/v1/users")).status == 200  # another key has a bucket of its own


async def test_an_address_that_guesses_is_slowed_down_and_known_keys_go_on(
    hub: Hub, project_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve_api(hub, project_id) as (_, call):
        await _guess(call, monkeypatch)


async def _guess(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await call("GET", "/v1/users")).status == 200
    guesses = [await call.with_key(f"hk_{index:043}")("GET", "/v1/users") for index in range(150)]
    statuses = {answer.status for answer in guesses}
    assert statuses == {401, 429}
    assert guesses[0].headers["WWW-Authenticate"] == "Bearer"
    slowed = next(answer for answer in guesses if answer.status == 429)
    assert slowed.headers["Retry-After"] == "1"
    monkeypatch.setattr("hub.security.authority.Authority.known_key", lambda *_: None)  # as when its second is over
    assert (await call("GET", "/v1/users")).status == 200


@pytest.mark.parametrize("dev", [True, False])
async def test_project_dev_and_its_key_work_in_hub_dev_only(hub: Hub, settings: Settings, *, dev: bool) -> None:
    project = await create_project(hub.db, "dev", dev=True)
    await create_key(hub.db, project.project_id, scopes=["admin"], key="hk_dev")
    if dev:
        hub.settings = DevSettings(**settings.model_dump())
    async with serve_api(hub, project.project_id) as (_, admin):
        expected = 200 if dev else 401
        assert (await admin.with_key("hk_dev")("GET", "/v1/users")).status == expected
        assert (await admin("GET", "/v1/users")).status == expected
        assert (await admin("GET", "/v1/users")).status == expected


async def test_the_same_fixed_key_is_stored_once(hub: Hub, project_id: int) -> None:
    for _ in range(2):
        await create_key(hub.db, project_id, scopes=["admin"], key="hk_dev")
    row = await hub.db.fetchrow("SELECT count(*) AS keys FROM keys")
    assert row is not None
    assert row["keys"] == 1
