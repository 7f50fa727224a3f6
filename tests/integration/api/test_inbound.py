"""Bounces and complaints: believed about the delivery that they name, once, and followed by silence."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from pydantic import SecretStr

from hub.config import Settings
from hub.runtime import Hub, open_hub
from hub.store.keys import create_key
from hub.store.projects import create_project
from tests.support.api_server import Answer, Caller, serve_api
from tests.support.deliveries import Steps, put_category, rows, states, steps, told
from tests.support.mail_sink import Sink, mail_sink
from tests.support.publishing import publish
from tests.support.reports import SendGrid, arf, dsn, mailgun_event, mailgun_signature, sendgrid_event

MAIL = {"Content-Type": "message/rfc822"}
MAILGUN_KEY = "key-of-mailgun"
SENDGRID = SendGrid()


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with mail_sink() as running:
        yield running


@pytest.fixture
async def hub(settings: Settings, sink: Sink) -> AsyncIterator[Hub]:
    """A hub that sends mail to the sink and knows both providers' keys."""
    changed = settings.model_copy(
        update={
            "smtp_url": SecretStr(f"{sink.url}?name=sink"),
            "email_from": "Acme <news@example.com>",
            "public_url": "https://hub.example.com",
            "sendgrid_webhook_key": SENDGRID.key,
            "mailgun_webhook_key": SecretStr(MAILGUN_KEY),
        }
    )
    async with open_hub(changed, role="test") as running:
        yield running


@pytest.fixture
async def worker(hub: Hub) -> AsyncIterator[Steps]:
    async with steps(hub) as running:
        yield running


async def notify(hub: Hub, project_id: int, worker: Steps, user: str = "ada", email: str | None = None) -> UUID:
    """Publishes by e-mail and lets the worker send; the notification."""
    await put_category(hub, project_id, "general", ladder=[{"channel": "in_app"}, {"channel": "email"}])
    recipient = {"id": user, "email": email or f"{user}@example.org"}
    notification = await publish(hub, project_id, recipients=[recipient], title="Hello")
    await worker.run()
    return notification


async def delivery_of(hub: Hub, notification: UUID) -> UUID:
    (row,) = await rows(hub, notification)
    found: UUID = row["delivery_id"]
    return found


async def suppressed(call: Caller) -> list[tuple[str, str]]:
    return [(e["address"], e["reason"]) for e in (await call("GET", "/v1/suppressions")).json["items"]]


async def recorded(hub: Hub) -> list[tuple[str, str | None]]:
    """What came back, in order: (event, provider)."""
    rows = await hub.db.fetch("SELECT event, provider FROM events WHERE event <> 'sent' ORDER BY event_id")
    return [(row["event"], row["provider"]) for row in rows]


async def test_a_bounce_suppresses_shows_in_the_timeline_and_stops_the_next(
    hub: Hub, project_id: int, worker: Steps, call: Caller, sink: Sink
) -> None:
    first = await notify(hub, project_id, worker)
    assert await states(hub, first) == [("email", "sent", None)]
    delivery = await delivery_of(hub, first)
    assert sink.mails[0].message["Message-ID"] == f"<{delivery}@example.com>"
    raw = dsn(delivery, "ADA@example.org")
    answer = await call("POST", "/v1/inbound/email", raw=raw, headers=MAIL)
    assert answer.status == 200, answer
    assert answer.json == {"kind": "bounced", "delivery_id": str(delivery), "new": True, "suppressed": True}
    again = await call("POST", "/v1/inbound/email", raw=raw, headers=MAIL)
    assert again.json == {"kind": "bounced", "delivery_id": str(delivery), "new": False, "suppressed": False}
    assert await suppressed(call) == [("ada@example.org", "bounced")]
    assert await recorded(hub) == [("bounced", "sink")]
    assert ("email", "bounced", None) in await told(hub, project_id, first)
    assert (await call("GET", f"/v1/notifications/{first}/timeline")).json["items"][-1]["detail"] == "5.1.1"

    explained = await call("POST", "/v1/notifications/explain", {"recipients": ["ada"], "title": "t"})
    assert [(e["decision"], e["reason"]) for e in explained.json["items"] if e["channel"] == "email"] == [
        ("skip", "suppressed")
    ]
    second = await notify(hub, project_id, worker)
    assert await states(hub, second) == [("email", "skipped", "suppressed")]
    assert len(sink.mails) == 1

    assert (await call("DELETE", "/v1/suppressions/email/ada%40example.org")).status == 204
    third = await notify(hub, project_id, worker)
    assert await states(hub, third) == [("email", "sent", None)]


async def test_a_bounce_between_dispatch_and_sending_is_found_when_it_is_due(
    hub: Hub, project_id: int, worker: Steps, call: Caller, sink: Sink
) -> None:
    await notify(hub, project_id, worker)
    sink.script["RCPT"] = "450 4.3.0 later"
    later = await notify(hub, project_id, worker)
    assert await states(hub, later) == [("email", "due", "retry")]
    sink.script.clear()
    await call("PUT", "/v1/suppressions", {"channel": "email", "address": "ada@example.org"})
    await worker.later(hours=1)
    await worker.run()
    assert await states(hub, later) == [("email", "skipped", "suppressed")]


async def test_a_server_that_knows_nobody_suppresses_at_once(
    hub: Hub, project_id: int, worker: Steps, call: Caller, sink: Sink
) -> None:
    sink.script["RCPT"] = "550 5.1.1 <ada@example.org>: unknown"
    first = await notify(hub, project_id, worker)
    assert await states(hub, first) == [("email", "dead", "rejected")]
    assert await suppressed(call) == [("ada@example.org", "bounced")]
    assert [event for event, _ in await recorded(hub)] == ["bounced"]
    detail = (await rows(hub, first))[0]["history"][-1][4]
    assert detail.startswith("sink 550 5.1.1")
    assert "ada" not in detail
    sink.script.clear()
    assert await states(hub, await notify(hub, project_id, worker)) == [("email", "skipped", "suppressed")]


async def test_after_a_crash_between_sending_and_reporting_the_same_message_id_goes_out(
    hub: Hub, project_id: int, worker: Steps, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(*_: Any) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr("workers.sender.report", crash)
        notification = await notify(hub, project_id, worker)
    assert await states(hub, notification) == [("email", "claimed", "ready")]
    await worker.later(hours=1)
    await worker.recover()
    await worker.run()
    assert await states(hub, notification) == [("email", "sent", None)]
    first, second = sink.mails
    assert first.message["Message-ID"] == second.message["Message-ID"]


async def test_a_delay_or_a_full_mailbox_is_an_event_and_no_suppression(
    hub: Hub, project_id: int, worker: Steps, call: Caller
) -> None:
    delivery = await delivery_of(hub, await notify(hub, project_id, worker))
    for raw, kind in (
        (dsn(delivery, "ada@example.org", action="delayed", status="4.4.1"), "delayed"),
        (dsn(delivery, "ada@example.org", status="5.2.2"), "bounced"),
    ):
        answer = (await call("POST", "/v1/inbound/email", raw=raw, headers=MAIL)).json
        assert (answer["kind"], answer["new"], answer["suppressed"]) == (kind, True, False)
    assert await suppressed(call) == []
    assert [event for event, _ in await recorded(hub)] == ["delayed", "bounced"]


async def test_a_complaint_suppresses_also_where_the_address_is_blacked_out(
    hub: Hub, project_id: int, worker: Steps, call: Caller
) -> None:
    delivery = await delivery_of(hub, await notify(hub, project_id, worker))
    raw = arf(delivery, "redacted@redacted.invalid")
    assert (await call("POST", "/v1/inbound/email", raw=raw, headers=MAIL)).json["suppressed"]
    assert await suppressed(call) == [("ada@example.org", "complained")]


async def test_a_report_suppresses_nobody_but_the_deliverys_own_person(
    hub: Hub, project_id: int, worker: Steps, call: Caller
) -> None:
    await notify(hub, project_id, worker, "bob")
    delivery = await delivery_of(hub, await notify(hub, project_id, worker))
    raw = dsn(delivery, "bob@example.org")
    assert not (await call("POST", "/v1/inbound/email", raw=raw, headers=MAIL)).json["suppressed"]
    assert await suppressed(call) == []


async def test_a_bounce_of_an_address_that_was_changed_since_does_not_touch_the_new_one(
    hub: Hub, project_id: int, worker: Steps, call: Caller
) -> None:
    delivery = await delivery_of(hub, await notify(hub, project_id, worker))
    await call("PATCH", "/v1/users/ada", {"email": "new@example.org"})
    raw = dsn(delivery, "ada@example.org")
    assert (await call("POST", "/v1/inbound/email", raw=raw, headers=MAIL)).json["new"]
    assert await suppressed(call) == []


async def test_a_bounce_behind_a_forwarding_is_told_by_whom_the_mail_was_to(
    hub: Hub, project_id: int, worker: Steps, call: Caller
) -> None:
    delivery = await delivery_of(hub, await notify(hub, project_id, worker, email="ada@bücher.example"))
    raw = dsn(delivery, "ada@elsewhere.example", to="ada@xn--bcher-kva.example")
    assert (await call("POST", "/v1/inbound/email", raw=raw, headers=MAIL)).json["suppressed"]
    assert await suppressed(call) == [("ada@xn--bcher-kva.example", "bounced")]
    for spelt in ("ada@bücher.example", "Ada@xn--bcher-kva.Example"):
        assert await states(hub, await notify(hub, project_id, worker, email=spelt)) == [
            ("email", "skipped", "suppressed")
        ]


async def test_reports_of_other_projects_mails_say_nothing(
    hub: Hub, project_id: int, worker: Steps, call: Caller
) -> None:
    delivery = await delivery_of(hub, await notify(hub, project_id, worker))
    other = await create_project(hub.db, "other")
    _, stranger = await create_key(hub.db, other.project_id, scopes=["admin"])
    nothing = {"kind": None, "delivery_id": None, "new": False, "suppressed": False}
    foreign = await call.with_key(stranger)(
        "POST", "/v1/inbound/email", raw=dsn(delivery, "ada@example.org"), headers=MAIL
    )
    assert foreign.json == nothing
    for raw in (dsn(uuid4(), "ada@example.org"), b"Subject: I am away\r\nAuto-Submitted: auto-replied\r\n\r\nSoon."):
        assert (await call("POST", "/v1/inbound/email", raw=raw, headers=MAIL)).json == nothing
    assert await recorded(hub) == []
    _, reader = await create_key(hub.db, project_id, scopes=["notifications:read"])
    assert (await call.with_key(reader)("POST", "/v1/inbound/email", raw=b"x", headers=MAIL)).status == 403
    assert (await call("POST", "/v1/inbound/email", {"a": 1})).code == "unsupported_media_type"
    assert (await call("POST", "/v1/inbound/email", raw=b"x" * (1024 * 1024 + 1), headers=MAIL)).status == 413


async def test_a_report_may_come_twice_at_the_same_time(hub: Hub, project_id: int, worker: Steps, call: Caller) -> None:
    delivery = await delivery_of(hub, await notify(hub, project_id, worker))
    raw = dsn(delivery, "ada@example.org")
    answers = await asyncio.gather(*(call("POST", "/v1/inbound/email", raw=raw, headers=MAIL) for _ in range(8)))
    assert sorted(answer.json["new"] for answer in answers) == [False] * 7 + [True]
    assert len(await recorded(hub)) == 1


async def test_a_key_repeats_the_answer(hub: Hub, project_id: int, worker: Steps, call: Caller) -> None:
    delivery = await delivery_of(hub, await notify(hub, project_id, worker))
    raw, headers = dsn(delivery, "ada@example.org"), {**MAIL, "Idempotency-Key": "k"}
    first = await call("POST", "/v1/inbound/email", raw=raw, headers=headers)
    again = await call("POST", "/v1/inbound/email", raw=raw, headers=headers)
    assert first.json["new"]
    assert again.raw == first.raw


# Webhooks


async def post_sendgrid(call: Caller, events: Any, project: str = "default", signer: SendGrid = SENDGRID) -> Answer:
    body = msgspec.json.encode(events) + b"\r\n"
    headers = signer.headers(body, time.time())
    return await call.with_key(None)("POST", f"/v1/inbound/sendgrid/{project}", raw=body, headers=headers)


async def post_mailgun(call: Caller, event: Any, project: str = "default", key: str = MAILGUN_KEY) -> Answer:
    body = {"signature": mailgun_signature(key, time.time()), "event-data": event}
    return await call.with_key(None)("POST", f"/v1/inbound/mailgun/{project}", body)


async def test_sendgrids_webhook(hub: Hub, project_id: int, worker: Steps, call: Caller) -> None:
    ada = await delivery_of(hub, await notify(hub, project_id, worker))
    bob = await delivery_of(hub, await notify(hub, project_id, worker, "bob"))
    events = [
        sendgrid_event(ada, "ada@example.org", event="processed"),
        sendgrid_event(ada, "ada@example.org", event="deferred", response="400 4.4.1 later"),
        sendgrid_event(ada, "ada@example.org", event="bounce", type="bounce", status="5.1.1"),
        sendgrid_event(bob, "bob@example.org", event="spamreport"),
        sendgrid_event(uuid4(), "cy@example.org", event="bounce", status="5.1.1"),
    ]
    assert (await post_sendgrid(call, events)).json == {"recorded": 3}
    assert (await post_sendgrid(call, events)).json == {"recorded": 0}
    assert await suppressed(call) == [("ada@example.org", "bounced"), ("bob@example.org", "complained")]


async def test_mailguns_webhook(hub: Hub, project_id: int, worker: Steps, call: Caller) -> None:
    ada = await delivery_of(hub, await notify(hub, project_id, worker))
    event = mailgun_event(ada, "ada@example.org", "5.1.1", event="failed", severity="permanent", reason="bounce")
    assert (await post_mailgun(call, event)).json == {"recorded": 1}
    assert (await post_mailgun(call, event)).json == {"recorded": 0}
    assert await suppressed(call) == [("ada@example.org", "bounced")]


async def test_a_webhook_that_is_not_signed_or_of_no_project_is_not_there(
    hub: Hub, project_id: int, worker: Steps, call: Caller, settings: Settings
) -> None:
    ada = await delivery_of(hub, await notify(hub, project_id, worker))
    other = await create_project(hub.db, "other")
    bounce = sendgrid_event(ada, "ada@example.org", event="bounce", status="5.1.1")
    failed = mailgun_event(ada, "ada@example.org", event="complained")
    wrong = [
        await post_sendgrid(call, [bounce], signer=SendGrid()),
        await post_sendgrid(call, [bounce], project="nowhere"),
        await post_mailgun(call, failed, key="guess"),
        await post_mailgun(call, failed, project="nowhere"),
        await call.with_key(None)("POST", "/v1/inbound/sendgrid/default", [bounce]),
        await call.with_key(None)("POST", "/v1/inbound/mailgun/default", {"event-data": failed}),
        await call.with_key(None)("POST", "/v1/inbound/mailgun/default", []),
    ]
    assert {(answer.status, answer.json["detail"]) for answer in wrong} == {
        (404, "There is no webhook here, or its signature is not good.")
    }
    assert (await post_sendgrid(call, [bounce], project=other.name)).json == {"recorded": 0}
    assert await recorded(hub) == []
    async with open_hub(settings, role="test") as unset, serve_api(unset, project_id) as (_, caller):
        assert (await post_sendgrid(caller, [bounce])).status == 404
        assert (await post_mailgun(caller, failed)).status == 404


async def test_a_guesser_of_signatures_is_slowed_down(call: Caller) -> None:
    answers = await asyncio.gather(*(post_mailgun(call, {}, key="guess") for _ in range(150)))
    assert {answer.status for answer in answers} == {404, 429}
