"""Publishing over HTTP: what was accepted is in the inbox."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.api_server import Caller

IN_TWO_DAYS = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")  # later than now in every time zone


async def inbox(call: Caller, user: str) -> list[dict[str, Any]]:
    answer = await call("GET", f"/v1/users/{user}/inbox")
    assert answer.status == 200, answer
    items: list[dict[str, Any]] = answer.json["items"]
    return items


async def test_publish_is_in_the_inbox_when_it_is_answered(call: Caller) -> None:
    answer = await call(
        "POST",
        "/v1/notifications",
        {
            "recipients": ["u1", {"id": "u2", "data": {"seat": 4}, "name": "Two"}, "u1"],
            "title": {"en": "Hello", "de": "Hallo"},
            "data": {"order": 7},
            "tags": ["a"],
        },
    )
    assert answer.status == 202, answer
    assert answer.json == {"id": answer.json["id"], "status": "accepted", "recipients": 2}
    assert uuid.UUID(answer.json["id"]).version == 7
    (item,) = await inbox(call, "u1")
    assert item["title"] == "Hello"
    assert item["notification_id"] == answer.json["id"]
    assert item["data"] == {"order": 7}
    (item,) = await inbox(call, "u2")
    assert item["data"] == {"order": 7, "seat": 4}
    assert (await call("GET", "/v1/users/u2")).json["name"] == "Two"


async def test_the_same_idempotency_key_answers_the_same_and_publishes_once(call: Caller) -> None:
    body = {"recipients": ["u1"], "title": "once"}
    headers = {"Idempotency-Key": "k1"}
    first = await call("POST", "/v1/notifications", body, headers=headers)
    again = await call("POST", "/v1/notifications", body, headers=headers)
    assert (again.status, again.raw) == (202, first.raw)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert len(await inbox(call, "u1")) == 1
    other = await call("POST", "/v1/notifications", {**body, "title": "twice"}, headers=headers)
    assert (other.status, other.code) == (422, "idempotency_key_reused")
    fresh = await call("POST", "/v1/notifications/batch", {"notifications": [body]}, headers=headers)
    assert fresh.status == 200
    assert len(await inbox(call, "u1")) == 2


async def test_a_repetition_that_became_invalid_still_gets_the_first_answer(call: Caller) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=2)).isoformat()
    body = {"recipients": ["u1"], "title": "t", "expires_at": soon}
    headers = {"Idempotency-Key": "k"}
    first = await call("POST", "/v1/notifications", body, headers=headers)
    assert first.status == 202
    async with asyncio.timeout(10):
        while (await call("POST", "/v1/notifications", body)).status != 422:
            await asyncio.sleep(0.1)
    again = await call("POST", "/v1/notifications", body, headers=headers)
    assert (again.status, again.raw) == (202, first.raw)


async def test_twenty_racing_requests_with_one_key_publish_once(call: Caller) -> None:
    body = {"recipients": ["u1"], "title": "race"}
    answers = await asyncio.gather(
        *(call("POST", "/v1/notifications", body, headers={"Idempotency-Key": "r"}) for _ in range(20))
    )
    assert {answer.status for answer in answers} <= {202, 409}
    for answer in answers:
        if answer.status == 409:
            assert answer.code == "idempotency_in_flight"
            assert answer.headers["Retry-After"] == "1"
    assert len({answer.raw for answer in answers if answer.status == 202}) == 1
    assert len(await inbox(call, "u1")) == 1


async def test_a_batch_answers_each_by_its_index(call: Caller) -> None:
    good = {"recipients": ["u1"], "title": "good"}
    answer = await call(
        "POST",
        "/v1/notifications/batch",
        {"notifications": [good, {"recipients": []}, 5, {**good, "title": ""}, good]},
    )
    assert answer.status == 200, answer
    results = answer.json["results"]
    assert [result["status"] for result in results] == [202, 422, 422, 422, 202]
    assert results[1]["error"]["errors"][0]["path"] == "recipients"
    assert results[3]["error"]["errors"][0]["path"] == "title"
    assert {item["notification_id"] for item in await inbox(call, "u1")} == {results[0]["id"], results[4]["id"]}


async def test_a_batch_of_nothing_valid_is_remembered_too(call: Caller) -> None:
    body: dict[str, Any] = {"notifications": [{}]}
    headers = {"Idempotency-Key": "b"}
    first = await call("POST", "/v1/notifications/batch", body, headers=headers)
    again = await call("POST", "/v1/notifications/batch", body, headers=headers)
    assert (first.status, again.status) == (200, 200)
    assert again.raw == first.raw
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_list_filters_and_pages(call: Caller) -> None:
    await call("PUT", "/v1/categories/news", {"priority": "bulk"})
    ids = []
    for index in range(5):
        body: dict[str, Any] = {
            "recipients": [f"u{index % 2}"],
            "title": str(index),
            "category": "news" if index < 3 else "general",
        }
        ids.append((await call("POST", "/v1/notifications", body)).json["id"])
    page = (await call("GET", "/v1/notifications?limit=2")).json
    assert [item["id"] for item in page["items"]] == ids[:2:-1]
    rest = (await call("GET", f"/v1/notifications?limit=100&cursor={page['next_cursor']}")).json
    assert [item["id"] for item in rest["items"]] == ids[2::-1]
    assert rest["next_cursor"] is None
    news = (await call("GET", "/v1/notifications?category=news")).json["items"]
    assert [item["id"] for item in news] == ids[2::-1]
    assert news[0]["request"]["priority"] == "bulk"  # the category's, because the publish did not say
    assert [item["id"] for item in (await call("GET", "/v1/notifications?user=u1")).json["items"]] == [ids[3], ids[1]]
    one = (await call("GET", f"/v1/notifications/{ids[0]}")).json
    assert one["status"] == "accepted"
    assert one["recipients"] == 1
    assert one["request"]["title"] == "0"


async def test_cancel_withdraws_from_the_inbox(call: Caller) -> None:
    body = {"recipients": ["u1", "u2"], "title": "t", "cancellation_key": "c"}
    first = (await call("POST", "/v1/notifications", body)).json["id"]
    cancelled = await call("POST", f"/v1/notifications/{first}/cancel")
    assert (cancelled.status, cancelled.json) == (200, {"cancelled": 2})
    assert await inbox(call, "u1") == []
    assert (await call("POST", f"/v1/notifications/{first}/cancel", {})).json == {"cancelled": 0}
    assert (await call("GET", f"/v1/notifications/{first}")).json["status"] == "cancelled"
    await call("POST", "/v1/notifications", body)
    headers = {"Idempotency-Key": "x"}
    part = {"cancellation_key": "c", "recipients": ["u1"]}
    assert (await call("POST", "/v1/notifications/cancel", part, headers=headers)).json == {"cancelled": 1}
    again = await call("POST", "/v1/notifications/cancel", part, headers=headers)
    assert again.json == {"cancelled": 1}
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(await inbox(call, "u2")) == 1


@pytest.mark.parametrize("when", [{"delay": "PT1H"}, {"send_at": {"local": IN_TWO_DAYS}}], ids=["delay", "local"])
async def test_a_scheduled_notification_says_so_and_is_cancelled_before_it_is_sent(
    call: Caller, when: dict[str, Any]
) -> None:
    body = {"recipients": ["u1"], "title": "later", **when}
    accepted = (await call("POST", "/v1/notifications", body)).json
    assert accepted["recipients"] is None
    assert (await call("GET", f"/v1/notifications/{accepted['id']}")).json["status"] == "scheduled"
    assert (await call("POST", f"/v1/notifications/{accepted['id']}/cancel")).json == {"cancelled": 1}
