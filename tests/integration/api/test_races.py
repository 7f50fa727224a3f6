"""Requests that meet: on one process and on two."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.config import Settings
from hub.publish.inbox import settle_due
from hub.runtime import Hub, open_hub
from tests.support.api_server import Answer, Caller, serve_api
from tests.support.logs import captured_logs


async def test_one_key_on_two_processes_publishes_once(hub: Hub, settings: Settings, project_id: int) -> None:
    async with (
        open_hub(settings, role="other") as other,
        serve_api(hub, project_id) as (_, here),
        serve_api(other, project_id) as (_, call),
    ):
        there = call.with_key(here.key)  # keys are scoped to their credential
        for round_number in range(10):
            body = {"recipients": ["u"], "title": str(round_number)}
            headers = {"Idempotency-Key": f"k{round_number}"}
            answers = await asyncio.gather(
                *(caller("POST", "/v1/notifications", body, headers=headers) for caller in (here, there) * 4)
            )
            assert {answer.status for answer in answers} <= {202, 409}
            assert len({answer.raw for answer in answers if answer.status == 202}) == 1
            again = await there("POST", "/v1/notifications", body, headers=headers)
            assert again.headers["Idempotency-Replayed"] == "true"
        assert (await here("GET", "/v1/users/u/inbox")).json["rev"] == 10


async def test_whatever_meets_whatever_nothing_fails(call: Caller) -> None:
    """People are made, marked, subscribed and deleted while they are written to; deadlocks are retried unseen."""
    chance = random.Random(7)
    users = [f"u{index}" for index in range(4)]

    def one() -> tuple[str, str, Any]:
        user = chance.choice(users)
        several = chance.sample(users, 3)
        return chance.choice(
            [
                ("POST", "/v1/notifications", {"recipients": several, "title": "t", "collapse_key": "c"}),
                ("POST", "/v1/notifications", {"recipients": [{"topic": "t"}], "title": "t"}),
                ("POST", "/v1/notifications", {"recipients": [{"id": u, "name": u} for u in several], "title": "t"}),
                ("DELETE", f"/v1/users/{user}", None),
                ("PUT", f"/v1/users/{user}", {"name": user}),
                ("PATCH", f"/v1/users/{user}", {"properties": {user: 1}}),
                ("PUT", "/v1/users", {"users": [{"id": u} for u in several]}),
                ("POST", f"/v1/users/{user}/inbox/mark", {"action": "read", "all": True}),
                ("GET", f"/v1/users/{user}/inbox", None),
                ("PUT", "/v1/topics/t/subscribers", {"users": several}),
                ("POST", "/v1/topics/t/subscribers/remove", {"users": several}),
                ("DELETE", f"/v1/users/{user}/tokens", None),
                ("PATCH", f"/v1/users/{user}/preferences", {"channels": {"email": False}}),
                ("PUT", f"/v1/users/{user}/preferences", {"delegate": "somebody"}),
                ("PATCH", "/v1/tenants/t/preferences", {"categories": {user: {"enabled": False}}}),
                ("PATCH", "/v1/preferences", {"categories": {user: {"enabled": False}}}),
                ("POST", "/v1/notifications/cancel", {"cancellation_key": "none", "recipients": several}),
            ]
        )

    wanted = [one() for _ in range(600)]
    limit = asyncio.Semaphore(24)

    async def run(method: str, path: str, body: Any) -> Answer:
        async with limit:
            return await call(method, path, body)

    with captured_logs() as logs:
        answers = await asyncio.gather(*(run(*request) for request in wanted))
    odd = [
        (request, answer)
        for request, answer in zip(wanted, answers, strict=True)
        if answer.status not in (200, 202, 204, 404)
    ]
    assert odd == []
    assert [entry for entry in logs if entry["log_level"] == "error"] == []


async def test_a_timeline_tells_what_expired(call: Caller, hub: Hub) -> None:
    expires_at = (datetime.now(UTC) + timedelta(seconds=0.3)).isoformat()
    body = {"recipients": ["u"], "title": "t", "expires_at": expires_at}
    identifier = (await call("POST", "/v1/notifications", body)).json["id"]
    async with asyncio.timeout(20):
        while await settle_due(hub) == 0:
            await asyncio.sleep(0.02)
    events = (await call("GET", f"/v1/notifications/{identifier}/timeline")).json["items"]
    assert [event["event"] for event in events if event["channel"] != "email"][-2:] == ["stored", "expired"]
    assert (await call("GET", f"/v1/notifications/{identifier}")).json["status"] == "expired"
