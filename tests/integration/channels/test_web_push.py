"""Web push against a push service of our own: what each of its answers leads to, and what reaches the browser."""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr
from uuid_utils.compat import uuid7

from hub.bus.tasks import end
from hub.config import Settings
from hub.model.mark import Action, Mark
from hub.model.message import Address, Browser, Message
from hub.model.outcome import Failed, Outcome, Rejected, Sent, Throttled
from hub.model.person import Person
from hub.model.reason import Reason
from hub.publish.compose import compose
from hub.publish.inbox import mark
from hub.publish.settle import claim
from hub.runtime import Hub
from hub.security.vapid import decode, make_key
from hub.store import push_subscriptions
from hub.store.inbox import open_inbox
from hub.store.push_subscriptions import Subscription
from tests.support.certificates import Authority
from tests.support.deliveries import put_category, rows, states, steps
from tests.support.publishing import publish
from tests.support.push_sink import PushSink, SinkBrowser, push_sink
from workers import answers
from workers.channels import web_push
from workers.channels.push_origins import STRANGERS
from workers.channels.web_push import MAX_ASKED, Result, Told, WebPush, combine

LADDER = [{"channel": "in_app"}, {"channel": "web_push", "if": "always"}]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Of a hub that pushes, also to this machine."""
    key = {"vapid_private_key": SecretStr(make_key().private_text), "vapid_subject": "https://hub.example.com/contact"}
    return settings.model_copy(update={**key, "allow_private_push": True})


@pytest.fixture
async def sink() -> AsyncIterator[PushSink]:
    async with push_sink() as sink:
        yield sink


@pytest.fixture
async def channel(hub: Hub) -> AsyncIterator[WebPush]:
    channel = WebPush(hub.settings, hub.db)
    yield channel
    await channel.close()
    await channel.close()


def message(*browsers: SinkBrowser | Browser, **fields: Any) -> Message:
    stored = tuple(b.stored() if isinstance(b, SinkBrowser) else b for b in browsers)
    given: dict[str, Any] = {"kind": "step", "rendered": {"title": "Hello", "body": "there", "url": "/o/1"}, **fields}
    return Message(
        delivery_id=uuid7(), notification_id=uuid7(), project_id=1, person_id=7, channel="web_push", attempt=1,
        category="general", to=Address("ada", browsers=stored), content={}, **given,
    )  # fmt: skip


async def subscribe(hub: Hub, project_id: int, browser: SinkBrowser, user: str = "ada") -> int:
    """The browser as this person's; their person_id."""
    head = await open_inbox(hub.db, project_id, user)
    keys = browser.json["keys"]
    given = Subscription(browser.endpoint, keys["p256dh"], keys["auth"])
    await hub.db.transaction(lambda conn: push_subscriptions.put(conn, project_id, head.person_id, given))
    return head.person_id


# What the browser and the push service get


async def test_a_push_is_encrypted_for_its_browser_and_signed_for_its_service(
    channel: WebPush, sink: PushSink, settings: Settings
) -> None:
    one = message(sink.browser(), priority="critical", collapse_key="order-1")
    assert await channel.send(one) == Sent("1")
    (push,) = sink.pushes
    assert (push.said["title"], push.said["body"], push.said["url"]) == ("Hello", "there", "/o/1")
    assert push.said["id"] == str(one.notification_id)
    assert push.headers["Content-Encoding"] == "aes128gcm"
    assert (push.headers["TTL"], push.headers["Urgency"]) == ("86400", "high")
    assert 0 < len(push.headers["Topic"]) <= 32
    scheme, _, rest = push.headers["Authorization"].partition(" ")
    parts = dict(part.split("=", 1) for part in rest.split(","))
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decode(parts["k"]))
    claims = jwt.decode(parts["t"], key, algorithms=["ES256"], audience=sink.url)
    assert scheme == "vapid"
    assert claims["sub"] == "https://hub.example.com/contact"
    assert claims["exp"] - datetime.now(UTC).timestamp() <= 24 * 3600


async def test_the_proof_is_signed_once_for_each_service(channel: WebPush, sink: PushSink) -> None:
    async with push_sink() as other:
        for _ in range(3):
            await channel.send(message(sink.browser(), other.browser()))
        proofs = [[push.headers["Authorization"] for push in one.pushes] for one in (sink, other)]
    assert [len(set(found)) for found in proofs] == [1, 1]
    assert proofs[0][0] != proofs[1][0], "each names its own service"


async def test_the_longest_message_stays_below_what_services_take(channel: WebPush, sink: PushSink) -> None:
    texts = {"title": "标" * 255, "body": "本文" * 2_000, "url": "https://app.example.com/" + "p" * 2_000}
    assert isinstance(await channel.send(message(sink.browser(), rendered=texts)), Sent)
    assert sink.pushes[0].size <= 4_096
    assert sink.pushes[0].said["body"].endswith("…")


# What each answer leads to


def in_minutes(minutes: int) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(minutes=minutes), usegmt=True)


ANSWERS: list[tuple[Any, Any]] = [
    (200, Sent), (201, Sent), (202, Sent), (204, Sent),
    (400, Failed), (401, Failed), (403, Failed),
    (404, Reason.NO_ADDRESS), (410, Reason.NO_ADDRESS),
    (405, Reason.REJECTED), (413, Reason.REJECTED), (415, Reason.REJECTED),
    (408, Failed), (500, Failed), (502, Failed), (503, Failed),
    ((307, {"Location": "http://127.0.0.1:9/"}), Failed), ((301, {"Location": "/"}), Failed),
    (406, Throttled), (429, Throttled),
]  # fmt: skip


async def test_what_each_status_leads_to(hub: Hub, sink: PushSink) -> None:
    for answer, expected in ANSWERS:
        channel = WebPush(hub.settings, hub.db)  # one that has not yet seen the sink fail
        sink.answers.append(answer)
        sink.pushes.clear()
        outcome: Outcome = await channel.send(message(sink.browser()))
        await channel.close()
        found = outcome.reason if isinstance(outcome, Rejected) else type(outcome)
        assert found is expected, (answer, outcome)
        assert len(sink.pushes) == 1, "nothing is repeated by itself, and no redirect followed"
        assert "/push/" not in str(outcome), "no endpoint in what people read"


async def test_retry_after_is_heeded_as_seconds_and_as_a_date(hub: Hub, sink: PushSink) -> None:
    for status in (429, 503):
        channel = WebPush(hub.settings, hub.db)
        await check_retry_after(channel, sink, status)
        await channel.close()


async def check_retry_after(channel: WebPush, sink: PushSink, status: int) -> None:
    async def wait(text: str | None) -> timedelta | None:
        sink.answers.append((status, {} if text is None else {"Retry-After": text}))
        outcome = await channel.send(message(sink.browser()))
        assert isinstance(outcome, Failed | Throttled)
        return outcome.retry_after

    assert await wait("120") == timedelta(seconds=120)
    found = await wait(in_minutes(10))
    assert found is not None
    assert timedelta(minutes=9) < found <= timedelta(minutes=10)
    assert await wait(None) is None
    assert await wait("soon") is None


async def test_refused_keys_are_told_apart_from_outages(channel: WebPush, sink: PushSink) -> None:
    sink.answers += [403, 503]
    denied, out = [await channel.send(message(sink.browser())) for _ in range(2)]
    assert isinstance(denied, Failed)
    assert isinstance(out, Failed)
    assert "VAPID" in denied.detail
    assert "VAPID" not in out.detail


async def test_connections_that_break_are_failures_and_a_closed_one_is_tried_again(
    channel: WebPush, sink: PushSink
) -> None:
    sink.answers += [sink.reset, sink.reset]
    assert isinstance(await channel.send(message(sink.browser())), Failed)
    assert len(sink.pushes) == 2
    sink.answers.append(sink.reset)
    assert isinstance(await channel.send(message(sink.browser())), Sent)
    topics = [push.headers["Topic"] for push in sink.pushes[2:]]
    assert len(topics) == 2
    assert len(set(topics)) == 1, "it shows once"


async def test_silence_fails_and_a_slow_body_does_not(
    channel: WebPush, sink: PushSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_push, "TIMEOUT_SECONDS", 1.5)
    monkeypatch.setattr(answers, "ANSWER_SECONDS", 0.2)
    sink.answers.append(sink.dripping)
    assert isinstance(await channel.send(message(sink.browser())), Sent)
    sink.answers.append(sink.silent)
    outcome = await channel.send(message(sink.browser()))
    assert isinstance(outcome, Failed)
    assert "no answer" in outcome.detail


async def test_silent_services_by_any_number_of_names_leave_room_for_the_others(
    channel: WebPush, sink: PushSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_push, "TIMEOUT_SECONDS", 60.0)
    assert isinstance(await channel.send(message(sink.browser())), Sent)
    held, full = 0, asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal held
        held += 1
        if held >= STRANGERS:
            full.set()
        await reader.read()
        writer.close()

    listener = await asyncio.start_server(silent, "0.0.0.0", 0)  # all of 127.0.0.0/8
    port, keys = listener.sockets[0].getsockname()[1], sink.browser().stored()
    named = (
        Browser(uuid7(), f"http://127.0.{n // 200}.{2 + n % 200}:{port}/x", keys.p256dh, keys.auth) for n in range(440)
    )
    sends = [asyncio.create_task(channel.send(message(*itertools.islice(named, 20)))) for _ in range(22)]
    async with asyncio.timeout(30):
        await full.wait()
        assert isinstance(await channel.send(message(sink.browser())), Sent)
        done, _ = await asyncio.wait(sends, return_when=asyncio.FIRST_COMPLETED)
    assert all(isinstance(task.result(), Throttled) for task in done), "who finds no place comes again"
    for task in sends:
        await end(task)
    listener.close()


def test_one_services_patience_does_not_end_a_message_to_others() -> None:
    browsers = [Browser(uuid7(), "https://push.example.com/x", "", "") for _ in range(2)]
    told = [Told(Result.THROTTLED, "429", timedelta(days=365)), Told(Result.FAILED, "503")]
    outcome = combine(frozenset(), browsers, told)
    assert isinstance(outcome, Failed)
    assert outcome.retry_after == MAX_ASKED


async def test_nobody_listens(channel: WebPush) -> None:
    async with push_sink() as gone:
        browser = gone.browser()
    outcome = await channel.send(message(browser))
    assert isinstance(outcome, Failed)
    assert "cannot be reached" in outcome.detail


async def test_a_certificate_that_nobody_vouches_for(hub: Hub, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    serving, trusting = authority.context("localhost"), ssl.create_default_context(cafile=authority.ca_file)
    async with push_sink(serving, "localhost") as sink:
        for context, expected in ((None, Failed), (trusting, Sent)):
            channel = WebPush(hub.settings, hub.db, context=context)
            outcome = await channel.send(message(sink.browser()))
            await channel.close()
            assert isinstance(outcome, expected), outcome
    async with push_sink(serving, "127.0.0.1") as elsewhere:
        channel = WebPush(hub.settings, hub.db, context=trusting)
        outcome = await channel.send(message(elsewhere.browser()))
        await channel.close()
    assert isinstance(outcome, Failed), "it is another host's"
    assert "certificate" in outcome.detail


# Several browsers


async def test_only_browsers_that_have_not_got_it_are_tried_again(channel: WebPush, sink: PushSink) -> None:
    async with push_sink() as other:
        has, fails = sink.browser().stored(), other.browser().stored()
        other.answers.append(503)
        one = message(has, fails)
        outcome = await channel.send(one)
        assert isinstance(outcome, Failed)
        assert outcome.reached == {str(has.subscription_id)}
        again = msgspec.structs.replace(one, attempt=2, reached=outcome.reached)
        assert isinstance(await channel.send(again), Sent)
        assert (len(sink.pushes), len(other.pushes)) == (1, 2)
        everybody = frozenset({str(has.subscription_id), str(fails.subscription_id)})
        assert isinstance(await channel.send(msgspec.structs.replace(again, reached=everybody)), Sent)
        assert (len(sink.pushes), len(other.pushes)) == (1, 2)


async def test_one_that_is_gone_is_no_failure_of_the_others(channel: WebPush, sink: PushSink) -> None:
    sink.answers.append(410)
    assert isinstance(await channel.send(message(sink.browser(), sink.browser())), Sent)
    assert isinstance(await channel.send(message()), Rejected)


async def test_browsers_that_are_gone_are_removed_unless_they_have_told_of_a_change(
    channel: WebPush, hub: Hub, project_id: int, sink: PushSink
) -> None:
    old, kept = sink.browser(), sink.browser()
    person_id = await subscribe(hub, project_id, old)
    await subscribe(hub, project_id, kept)
    async with hub.db.acquire() as conn:
        stored = (await push_subscriptions.of_people(conn, [person_id]))[person_id]
    moved = f"{kept.endpoint}2"
    await hub.db.execute("UPDATE push_subscriptions SET endpoint = $1 WHERE endpoint = $2", moved, kept.endpoint)
    sink.answers += [410, 404]
    assert await channel.send(message(*stored)) == Rejected("no browser is left to push to", Reason.NO_ADDRESS)
    await channel.close()
    left = await push_subscriptions.list_browsers(hub.db, project_id, person_id)
    assert [row["endpoint"] for row in left] == [moved]
    row = await hub.db.fetchrow("SELECT push FROM people WHERE person_id = $1", person_id)
    assert row is not None
    assert row["push"]


async def test_a_browser_that_must_show_every_push_is_not_told_of_withdrawals(channel: WebPush) -> None:
    safari = Browser(message().delivery_id, "https://web.push.apple.com/x", "", "")
    outcome = await channel.send(message(safari, kind="withdrawal", rendered={}))
    assert outcome == Rejected("no browser is left to push to", Reason.NO_ADDRESS)


# Services that fail


async def test_a_service_that_is_down_stops_no_other(channel: WebPush, sink: PushSink) -> None:
    async with push_sink() as down:
        down.answers += [503] * 50
        for _ in range(8):
            await channel.send(message(down.browser()))
        assert len(down.pushes) == 5, "then it is left alone"
        outcome = await channel.send(message(down.browser()))
        assert isinstance(outcome, Throttled)
        assert outcome.retry_after is not None
        assert isinstance(await channel.send(message(sink.browser())), Sent)


async def test_a_silent_service_does_not_take_all_connections(
    channel: WebPush, sink: PushSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.channels.push_origins.SILENT_SECONDS", 0.001)
    async with push_sink() as silent:
        silent.answers += [silent.silent] * 200
        waiting = [asyncio.create_task(channel.send(message(silent.browser()))) for _ in range(50)]
        await silent.wait_for(50)
        assert isinstance(await channel.send(message(silent.browser())), Throttled)
        assert isinstance(await channel.send(message(sink.browser())), Sent)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


# Where it must not go


async def test_nothing_is_sent_to_private_addresses(hub: Hub, sink: PushSink) -> None:
    guarded = WebPush(hub.settings.model_copy(update={"allow_private_push": False}), hub.db)
    hosts = ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::1]", "[::ffff:127.0.0.1]"]
    for host in hosts:
        browser = sink.browser()
        inside = browser._replace(endpoint=browser.endpoint.replace("127.0.0.1", host))
        outcome = await guarded.send(message(inside))
        assert isinstance(outcome, Failed | Rejected), host
    await guarded.close()
    assert sink.pushes == []


async def test_a_redirect_inside_is_not_followed(channel: WebPush, sink: PushSink) -> None:
    async with push_sink() as inside:
        for status in (301, 302, 303, 307, 308):
            sink.answers.append((status, {"Location": inside.browser().endpoint}))
            assert isinstance(await channel.send(message(sink.browser())), Failed | Throttled)
        assert inside.pushes == []


# From publish to push


async def test_a_push_and_its_withdrawal_have_one_topic(hub: Hub, project_id: int, sink: PushSink) -> None:
    await put_category(hub, project_id, "general", ladder=LADDER)
    await subscribe(hub, project_id, sink.browser())
    await publish(hub, project_id, recipients=["ada"], title="Hello", action_url="https://app.example.com/1")
    async with steps(hub) as worker:
        await worker.run()
        assert await states(hub) == [("web_push", "sent", None)]
        (row,) = await rows(hub)
        assert (row["provider"], row["reference"]) == ("web_push", "1")
        await mark_all_read(hub, project_id)
        await worker.run()
    step, withdrawal = sink.pushes
    assert (step.said["title"], step.said["url"]) == ("Hello", "https://app.example.com/1")
    assert withdrawal.said["kind"] == "withdrawal"
    assert withdrawal.said["id"] == step.said["id"]
    assert withdrawal.headers["Topic"] == step.headers["Topic"]


async def mark_all_read(hub: Hub, project_id: int) -> None:
    head = await open_inbox(hub.db, project_id, "ada")
    await mark(hub, Person(head.person_id, project_id, "ada"), Mark(Action.READ))


async def test_after_a_crash_between_send_and_settle_the_same_topic_goes_out_again(
    hub: Hub, project_id: int, sink: PushSink
) -> None:
    await put_category(hub, project_id, "general", ladder=LADDER)
    await subscribe(hub, project_id, sink.browser())
    await publish(hub, project_id, recipients=["ada"], title="Hello")
    async with steps(hub) as worker:
        await worker.decide()
        sender = next(one for one in worker.senders if one._channel == "web_push")
        _, going = await claim(hub, "web_push", 10)
        async with hub.db.acquire() as conn:
            (one,) = await compose(hub, conn, going)
        assert isinstance(one, Message)
        await sender._route.send(one)  # and the worker is gone: nothing is reported
        await worker.later(minutes=2)
        assert await worker.recover() == 1
        await worker.run()
    assert await states(hub) == [("web_push", "sent", None)]
    assert len(sink.pushes) == 2
    assert len({push.headers["Topic"] for push in sink.pushes}) == 1
    assert len({push.said["delivery"] for push in sink.pushes}) == 1


async def test_a_person_whose_last_browser_is_gone_is_skipped_for_want_of_an_address(
    hub: Hub, project_id: int, sink: PushSink
) -> None:
    await put_category(hub, project_id, "general", ladder=LADDER)
    await subscribe(hub, project_id, sink.browser())
    sink.answers.append(410)
    for title in ("one", "two"):
        await publish(hub, project_id, recipients=["ada"], title=title)
        async with steps(hub) as worker:
            await worker.run()
    assert await states(hub) == [("web_push", "skipped", "no_address")] * 2
    assert len(sink.pushes) == 1, "the second is not even tried"
