"""Webhooks: what is told, to whom, how it is signed, tried again, given up, and posted again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from standardwebhooks.webhooks import Webhook
from uuid_utils.compat import uuid7

from hub.model.outcome import Failed, Rejected, Sent
from hub.model.times import format_time
from hub.model.webhook import EVENTS
from hub.runtime import Hub
from hub.store import events, webhooks
from hub.store.events import Event
from hub.store.keys import create_key
from hub.store.people import get_person
from hub.store.projects import create_project
from tests.integration.deliveries.test_ladder import prefer
from tests.integration.deliveries.test_queue import PUSH, use
from tests.support.api_server import Caller, serve_api
from tests.support.deliveries import Steps, put_category, rows
from tests.support.publishing import publish
from tests.support.receiver import Receiver, receiver
from workers import answers
from workers.channels.webhook import Answered, WebhookPoster
from workers.webhooks import PER_ENDPOINT, PER_PROJECT, SLOTS, Attempted, WebhookSender, report
from workers.worker import Worker


@pytest.fixture
async def call(hub: Hub, project_id: int) -> AsyncIterator[Caller]:
    hub.settings.allow_private_push = True
    async with serve_api(hub, project_id) as (_, caller):
        yield caller


@pytest.fixture
async def backend() -> AsyncIterator[Receiver]:
    async with receiver() as found:
        yield found


@pytest.fixture
async def sender(hub: Hub) -> AsyncIterator[WebhookSender]:
    poster = WebhookPoster(allow_private=True, connections=100)
    running = WebhookSender(hub, poster, lambda: None)
    yield running
    await running.close()
    await poster.close()


@pytest.fixture
async def push(hub: Hub, project_id: int, worker: Steps) -> None:
    await put_category(hub, project_id, "push", ladder=PUSH)


async def add(call: Caller, backend: Receiver, *wanted: str, **more: Any) -> Any:
    body = {"url": backend.url, "events": list(wanted or EVENTS), **more}
    answer = await call("POST", "/v1/webhooks", body)
    assert answer.status == 201, answer
    return answer.json


async def post(sender: WebhookSender) -> None:
    """Everything that is due now, and its report."""
    await sender.settled()
    while await sender.step():
        await sender.settled()


async def later(hub: Hub, **time: float) -> None:
    """As if so much time had passed for webhooks."""
    passed = timedelta(**time)
    await hub.db.execute(
        "UPDATE webhook_messages SET due_at = due_at - $1::interval, retry_until = retry_until - $1, "
        "lease_until = lease_until - $1",
        passed,
    )
    await hub.db.execute(
        "UPDATE webhook_endpoints SET failing_since = failing_since - $1::interval, "
        "paused_until = paused_until - $1, previous_until = previous_until - $1",
        passed,
    )


async def age(hub: Hub, **time: float) -> None:
    """As if what was told had happened so much earlier."""
    await hub.db.execute("UPDATE webhook_messages SET at = at - $1::interval", timedelta(**time))


async def ask_test(call: Caller, endpoint: Any) -> str:
    answer = await call("POST", f"/v1/webhooks/{endpoint['id']}/test")
    assert answer.status == 202, answer
    return str(answer.json["id"])


async def attempts(call: Caller, endpoint: Any, query: str = "") -> Any:
    return (await call("GET", f"/v1/webhooks/{endpoint['id']}/attempts{query}")).json["items"]


async def endpoint_of(call: Caller, endpoint: Any) -> Any:
    return (await call("GET", f"/v1/webhooks/{endpoint['id']}")).json


@pytest.mark.usefixtures("push")
async def test_what_becomes_of_a_delivery_is_told_signed_and_once(
    hub: Hub, project_id: int, worker: Steps, call: Caller, backend: Receiver, sender: WebhookSender
) -> None:
    endpoint = await add(call, backend, "delivery.sent", "delivery.dead", "delivery.skipped")
    await add(call, backend, "item.seen")
    use(worker, hub, Rejected("410"))
    notifications = [await publish(hub, project_id, recipients=[u], title="t", category="push") for u in ("ada", "bob")]
    await worker.run()
    await prefer(hub, project_id, "eve", channels={"web_push": False})
    await publish(hub, project_id, recipients=["eve"], title="t", category="push")
    await worker.run()
    await post(sender)
    assert sorted(got.json["type"] for got in backend.got) == ["delivery.dead", "delivery.sent", "delivery.skipped"]
    for got in backend.got:
        assert Webhook(endpoint["secret"]).verify(got.body, got.headers) == got.json
        assert got.headers["content-type"] == "application/json"
    by_type = {got.json["type"]: got for got in backend.got}
    dead = by_type["delivery.dead"]
    (row,) = [row for row in await rows(hub) if row["state"] == "dead"]
    assert dead.json == {
        "type": "delivery.dead",
        "timestamp": format_time(row["finished_at"]),
        "data": {
            "user": row["user_id"],
            "notification_id": str(row["notification_id"]),
            "delivery_id": str(row["delivery_id"]),
            "category": "push",
            "channel": "web_push",
            "provider": "scripted",
            "reason": "rejected",
            "attempts": 1,
        },
    }
    assert row["notification_id"] in notifications
    assert by_type["delivery.skipped"].json["data"]["user"] == "eve"
    listed = await attempts(call, endpoint, "?state=sent&limit=2")
    assert [entry["type"] for entry in listed] == [m["type"] for m in (await attempts(call, endpoint))][:2]
    assert [attempt["status"] for attempt in listed[0]["attempts"]] == [204]
    backend.got.clear()
    await post(sender)
    assert backend.got == []


async def test_events_are_told_by_their_types(
    hub: Hub, project_id: int, call: Caller, backend: Receiver, sender: WebhookSender
) -> None:
    """Every type that an endpoint may ask for, and what is none of them."""
    await add(call, backend)
    await call("PUT", "/v1/users/ada", {})
    ada = await get_person(hub.db, project_id, "ada")
    assert ada is not None

    def event(channel: str, name: str) -> Event:
        return Event(
            uuid7(), project_id, ada["person_id"], uuid7(), uuid7(), "news", channel, name, detail={"url": "x"}
        )

    told = [
        *(event("in_app", name) for name in ("seen", "read", "clicked")),
        *(event("web_push", name) for name in ("shown", "clicked")),
        *(event("email", name) for name in ("opened", "clicked", "bounced", "complained", "unsubscribed")),
    ]

    async def work(conn: Any) -> None:
        await events.insert(conn, [*told, event("email", "sent"), event("email", "dead"), event("sms", "heard")])

    await hub.db.transaction(work)
    await post(sender)
    types = {got.json["type"] for got in backend.got}
    assert types == {name for name in EVENTS if not name.startswith("delivery.")}
    assert {got.id for got in backend.got} == {str(one.event_id) for one in told}
    assert {got.json["data"]["user"] for got in backend.got} == {"ada"}
    assert all("detail" not in got.json["data"] for got in backend.got)


async def test_what_is_rolled_back_is_not_told(hub: Hub, project_id: int, call: Caller, backend: Receiver) -> None:
    await add(call, backend)
    await call("PUT", "/v1/users/ada", {})
    ada = await get_person(hub.db, project_id, "ada")
    assert ada is not None

    async def work(conn: Any) -> None:
        await events.insert(
            conn, [Event(uuid7(), project_id, ada["person_id"], uuid7(), None, "news", "in_app", "seen")]
        )
        raise LookupError

    with pytest.raises(LookupError):
        await hub.db.transaction(work)
    assert await hub.db.fetch("SELECT FROM webhook_messages") == []


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (lambda: web.Response(status=500, body=b"x" * 100_000), "500"),
        (lambda: web.Response(status=400), "400"),
        (lambda: web.Response(status=302, headers={"location": "/elsewhere"}), "302: redirects are not followed"),
    ],
)
async def test_what_fails_comes_again_with_its_id_and_body(
    hub: Hub,
    call: Caller,
    backend: Receiver,
    sender: WebhookSender,
    answer: Callable[[], web.Response],
    detail: str,
) -> None:
    endpoint = await add(call, backend)
    backend.answers.append(answer())
    message_id = await ask_test(call, endpoint)
    await post(sender)
    (entry,) = await attempts(call, endpoint)
    assert (entry["state"], entry["attempts"][0]["detail"]) == ("due", detail)
    assert (await endpoint_of(call, endpoint))["failing_since"] is not None
    await post(sender)
    assert len(backend.got) == 1
    await later(hub, seconds=7)
    await post(sender)
    assert [got.id for got in backend.got] == [message_id] * 2
    assert backend.got[0].body == backend.got[1].body
    assert (await attempts(call, endpoint))[0]["state"] == "sent"
    assert (await endpoint_of(call, endpoint))["failing_since"] is None


async def test_retry_after_is_heeded(hub: Hub, call: Caller, backend: Receiver, sender: WebhookSender) -> None:
    endpoint = await add(call, backend)
    backend.answers.append(web.Response(status=429, headers={"retry-after": "3600"}))
    await ask_test(call, endpoint)
    await post(sender)
    await ask_test(call, endpoint)
    await later(hub, minutes=50)
    await post(sender)
    assert len(backend.got) == 1, "neither this message nor another"
    await later(hub, minutes=11)
    await post(sender)
    assert len(backend.got) == 3


async def test_an_endpoint_that_is_down_holds_up_no_other(
    hub: Hub, call: Caller, backend: Receiver, sender: WebhookSender
) -> None:
    async with receiver() as silent:
        silent.always = lambda: None
        down, up = await add(call, silent), await add(call, backend)
        for _ in range(15):
            await ask_test(call, down)
            await ask_test(call, up)
        async with asyncio.timeout(30):
            while len(backend.got) < 15:
                await sender.step()
                await asyncio.sleep(0.01)
        assert silent.most <= 10
        silent.release.set()
        await post(sender)
        assert len(silent.got) == 15


async def test_a_project_whose_endpoints_are_all_slow_leaves_slots_to_the_others(
    hub: Hub, call: Caller, backend: Receiver, sender: WebhookSender
) -> None:
    for _ in range(webhooks.MAX_ENDPOINTS):
        endpoint = await add(call, backend)
        for _ in range(PER_ENDPOINT):
            await ask_test(call, endpoint)
    bounds = {"per_endpoint": PER_ENDPOINT, "per_project": PER_PROJECT}
    claimed = await webhooks.claim(hub.db, SLOTS, **bounds, lease_seconds=60)
    assert len(claimed) == PER_PROJECT < SLOTS
    assert await webhooks.claim(hub.db, SLOTS, **bounds, lease_seconds=60) == []
    assert len(await webhooks.claim(hub.db, SLOTS, per_endpoint=10, per_project=60, lease_seconds=60)) == 10


async def test_an_endpoint_that_fails_is_asked_by_one_and_then_left_alone(
    hub: Hub, call: Caller, backend: Receiver, sender: WebhookSender
) -> None:
    endpoint = await add(call, backend)
    backend.always = lambda: web.Response(status=503)
    await hub.db.execute("UPDATE webhook_endpoints SET failures = 3, failing_since = now()")
    for _ in range(5):
        await ask_test(call, endpoint)
    await post(sender)
    assert len(backend.got) == 1
    backend.always = lambda: web.Response(status=200)
    await later(hub, minutes=6)
    await post(sender)
    assert len(backend.got) == 6
    assert [entry["state"] for entry in await attempts(call, endpoint)] == ["sent"] * 5


async def test_days_of_failure_switch_it_off_and_a_patch_on_again(
    hub: Hub, call: Caller, backend: Receiver, sender: WebhookSender
) -> None:
    endpoint = await add(call, backend)
    backend.always = lambda: web.Response(status=500)
    await ask_test(call, endpoint)
    await post(sender)
    await later(hub, days=5, seconds=1)
    assert await webhooks.give_up(hub.db, 100) == 1
    await hub.db.execute("UPDATE webhook_messages SET state = 'due', retry_until = now() + interval '1 h'")
    await post(sender)
    off = await endpoint_of(call, endpoint)
    assert (off["enabled"], off["disabled_reason"]) == (False, "failing")
    assert (await call("POST", f"/v1/webhooks/{endpoint['id']}/test")).code == "webhook_disabled"
    backend.always = lambda: web.Response(status=204)
    on = (await call("PATCH", f"/v1/webhooks/{endpoint['id']}", {"enabled": True})).json
    assert (on["enabled"], on["disabled_at"], on["disabled_reason"], on["failing_since"]) == (True, None, None, None)
    await ask_test(call, endpoint)
    await post(sender)
    assert (await attempts(call, endpoint))[0]["state"] == "sent"


async def test_gone_is_for_ever_at_once(hub: Hub, call: Caller, backend: Receiver, sender: WebhookSender) -> None:
    endpoint = await add(call, backend)
    backend.answers.append(web.Response(status=410))
    await ask_test(call, endpoint)
    await post(sender)
    off = await endpoint_of(call, endpoint)
    assert (off["enabled"], off["disabled_reason"]) == (False, "gone")
    assert off["disabled_at"] is not None
    await later(hub, days=1)
    await post(sender)
    assert len(backend.got) == 1


async def test_what_happens_while_it_is_off_comes_when_it_is_on_again(
    hub: Hub, project_id: int, call: Caller, backend: Receiver, sender: WebhookSender
) -> None:
    endpoint = await add(call, backend, "item.seen", enabled=False)
    assert endpoint["disabled_at"] is not None
    await tell_seen(hub, project_id, call)
    await post(sender)
    assert backend.got == []
    await call("PATCH", f"/v1/webhooks/{endpoint['id']}", {"enabled": True})
    await post(sender)
    assert [got.json["type"] for got in backend.got] == ["item.seen"]


async def tell_seen(hub: Hub, project_id: int, call: Caller, user: str = "ada") -> None:
    await call("PUT", f"/v1/users/{user}", {})
    person = await get_person(hub.db, project_id, user)
    assert person is not None
    seen = Event(uuid7(), project_id, person["person_id"], uuid7(), None, "news", "in_app", "seen")

    async def work(conn: Any) -> None:
        await events.insert(conn, [seen])

    await hub.db.transaction(work)


async def test_replay_posts_again_what_happened_since_with_the_same_ids(
    hub: Hub, call: Caller, backend: Receiver, sender: WebhookSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "REPLAY_BATCH", 2)
    endpoint = await add(call, backend)
    other = await add(call, backend)
    await ask_test(call, other)
    old = await ask_test(call, endpoint)
    await post(sender)
    await age(hub, hours=2)
    since = format_time(datetime.now(UTC) - timedelta(hours=1))
    new = [await ask_test(call, endpoint) for _ in range(5)]
    await post(sender)
    backend.got.clear()
    path = f"/v1/webhooks/{endpoint['id']}/replay"
    answer = await call("POST", path, {"since": since})
    assert (answer.status, answer.json) == (202, {"replayed": 5})
    assert (await call("POST", path, {"since": since})).code == "replay_in_progress"
    await post(sender)
    assert sorted(got.id for got in backend.got) == sorted(new)
    assert old not in {got.id for got in backend.got}
    assert (await call("POST", path, {"since": since})).status == 202, "the one before is over"
    assert len((await attempts(call, endpoint))[0]["attempts"]) == 2


async def test_a_worker_that_died_over_it_has_made_an_attempt(
    hub: Hub, call: Caller, backend: Receiver, sender: WebhookSender
) -> None:
    endpoint = await add(call, backend)
    await ask_test(call, endpoint)
    (claimed,) = await webhooks.claim(hub.db, 10, per_endpoint=10, per_project=50, lease_seconds=60)  # and dies
    assert claimed["attempts"] == 1
    await sender.upkeep()
    await post(sender)
    assert backend.got == []
    await later(hub, minutes=2)
    await sender.upkeep()
    (again,) = await webhooks.claim(hub.db, 10, per_endpoint=10, per_project=50, lease_seconds=60)
    await report(hub, [Attempted(claimed, Answered(Sent(), 204), 1)])  # it only stood still, and is too late
    assert (await attempts(call, endpoint))[0]["state"] == "claimed"
    await report(hub, [Attempted(again, Answered(Failed("503"), 503), 1)])
    await later(hub, minutes=10)
    await post(sender)
    assert len(backend.got) == 1
    assert [row["attempts"] for row in await hub.db.fetch("SELECT attempts FROM webhook_messages")] == [3]


async def test_a_rotated_secret_signs_beside_the_new_one_for_a_while(
    hub: Hub, call: Caller, backend: Receiver, sender: WebhookSender
) -> None:
    endpoint = await add(call, backend)
    rotated = (await call("POST", f"/v1/webhooks/{endpoint['id']}/rotate-secret")).json
    assert rotated["secret"] != endpoint["secret"]
    assert rotated["secret_rotates_until"] is not None
    assert "secret" not in await endpoint_of(call, endpoint)
    await ask_test(call, endpoint)
    await post(sender)
    for secret in (endpoint["secret"], rotated["secret"]):
        Webhook(secret).verify(backend.got[0].body, backend.got[0].headers)
    await later(hub, days=1, seconds=1)
    await ask_test(call, endpoint)
    await post(sender)
    assert len(backend.got[1].headers["webhook-signature"].split()) == 1
    Webhook(rotated["secret"]).verify(backend.got[1].body, backend.got[1].headers)


async def test_ours_reach_no_private_address(hub: Hub, call: Caller, backend: Receiver) -> None:
    endpoint = await add(call, backend)
    await ask_test(call, endpoint)
    hub.settings.allow_private_push = False
    for url in (
        "http://example.com/",
        "https://127.0.0.1/",
        "https://10.1/",
        "https://[::1]/",
        "https://u:p@example.com",
    ):
        for method, path in (("POST", "/v1/webhooks"), ("PATCH", f"/v1/webhooks/{endpoint['id']}")):
            answer = await call(method, path, {"url": url, "events": ["item.seen"]})
            assert [(error["path"], error["code"]) for error in answer.json["errors"]] == [("url", "invalid_url")], url
    await hub.db.execute(
        "UPDATE webhook_endpoints SET url = $1", backend.url.replace("http", "https").replace("127.0.0.1", "localhost")
    )
    poster = WebhookPoster(allow_private=False, connections=10)
    running = WebhookSender(hub, poster, lambda: None)
    try:
        await post(running)
    finally:
        await running.close()
        await poster.close()
    (entry,) = await attempts(call, endpoint)
    assert entry["attempts"][0]["detail"].startswith("leads to no public address; HUB_ALLOW_PRIVATE_PUSH=true")
    assert backend.got == []


async def test_webhooks_belong_to_their_project_and_to_keys_of_all_categories(
    hub: Hub, project_id: int, call: Caller, backend: Receiver
) -> None:
    endpoint = await add(call, backend)
    other = await create_project(hub.db, "other")
    _, stranger = await create_key(hub.db, other.project_id, scopes=["admin"])
    _, news = await create_key(hub.db, project_id, scopes=["admin"], categories=["news"])
    _, reader = await create_key(hub.db, project_id, scopes=["config:read"])
    path = f"/v1/webhooks/{endpoint['id']}"
    calls: list[tuple[str, str, Any]] = [
        ("GET", path, None),
        ("PATCH", path, {"enabled": False}),
        ("POST", f"{path}/rotate-secret", {}),
        ("POST", f"{path}/test", {}),
        ("POST", f"{path}/replay", {"since": "2026-11-20T00:00:00Z"}),
        ("GET", f"{path}/attempts", None),
        ("DELETE", path, None),
    ]
    for method, where, body in calls:
        assert (await call.with_key(stranger)(method, where, body)).status == 404
        assert (await call.with_key(news)(method, where, body)).code == "category_not_allowed"
        allowed = (await call.with_key(reader)(method, where, body)).status
        assert allowed == (200 if method == "GET" else 403)
    assert (await call.with_key(stranger)("GET", "/v1/webhooks")).json["items"] == []
    assert (await call("GET", "/v1/webhooks")).json["items"] == [{k: v for k, v in endpoint.items() if k != "secret"}]
    for _ in range(9):
        await add(call, backend)
    answer = await call("POST", "/v1/webhooks", {"url": backend.url, "events": ["item.seen"]})
    assert (answer.status, answer.code) == (409, "too_many_webhooks")
    assert (await call("DELETE", path)).status == 204
    assert (await call("DELETE", path)).status == 404


async def test_what_is_wrong_is_named(call: Caller) -> None:
    for body, path in (
        ({"url": "https://example.com"}, "events"),
        ({"url": "https://example.com", "events": []}, "events"),
        ({"url": "https://example.com", "events": ["item.sean"]}, "events.0"),
        ({"url": "https://example.com", "events": ["item.seen", "item.seen"]}, "events"),
        ({"url": "ftp://example.com", "events": ["item.seen"]}, "url"),
        ({"url": "https://example.com", "events": ["item.seen"], "secret": "x"}, "secret"),
    ):
        answer = await call("POST", "/v1/webhooks", body)
        assert [error["path"] for error in answer.json["errors"]] == [path], body


async def test_messages_go_with_their_person_their_endpoint_and_their_time(
    hub: Hub, project_id: int, call: Caller, backend: Receiver
) -> None:
    keeping, leaving = await add(call, backend), await add(call, backend)
    for user in ("ada", "bob"):
        await tell_seen(hub, project_id, call, user)
    assert (await call("DELETE", "/v1/users/ada")).status == 204
    left = await hub.db.fetch("SELECT data ->> 'user' AS user FROM webhook_messages")
    assert [row["user"] for row in left] == ["bob", "bob"]
    await call("DELETE", f"/v1/webhooks/{leaving['id']}")
    await webhooks.purge(hub.db, 100)
    assert [row["data"]["user"] for row in await attempts(call, keeping)] == ["bob"]
    assert len(await hub.db.fetch("SELECT FROM webhook_messages")) == 1
    await age(hub, days=webhooks.KEEP_DAYS + 1)
    await webhooks.purge(hub.db, 100)
    assert await hub.db.fetch("SELECT FROM webhook_messages") == []


async def test_a_worker_posts_by_itself(hub: Hub, call: Caller, backend: Receiver) -> None:
    endpoint = await add(call, backend)
    worker = Worker(hub)
    running = asyncio.create_task(worker.run())
    try:
        message_id = await ask_test(call, endpoint)
        async with asyncio.timeout(30):
            while (await attempts(call, endpoint))[0]["state"] != "sent":
                await asyncio.sleep(0.05)
    finally:
        worker.stop()
        await running
    assert [got.id for got in backend.got] == [message_id]


async def test_what_a_person_does_in_the_app_is_told(
    hub: Hub, project_id: int, call: Caller, backend: Receiver, sender: WebhookSender
) -> None:
    await add(call, backend, "item.seen", "item.read", "item.clicked")
    await publish(hub, project_id, recipients=["ada"], title="t")
    await call("POST", "/v1/users/ada/inbox/mark", {"action": "click", "all": True})
    await post(sender)
    await call("POST", "/v1/users/ada/inbox/mark", {"action": "read", "all": True})
    await post(sender)
    assert sorted(got.json["type"] for got in backend.got) == ["item.clicked", "item.read", "item.seen"]
    assert {got.json["data"]["delivery_id"] for got in backend.got} == {None}


async def test_a_status_counts_however_slow_the_rest_of_the_answer_is(
    hub: Hub, call: Caller, sender: WebhookSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "ANSWER_SECONDS", 0.2)

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n.")
        await reader.read()
        writer.close()

    listener = await asyncio.start_server(drip, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/"
    endpoint = (await call("POST", "/v1/webhooks", {"url": url, "events": ["item.seen"]})).json
    await ask_test(call, endpoint)
    await post(sender)
    assert (await attempts(call, endpoint))[0]["state"] == "sent"
    listener.close()
    await listener.wait_closed()
