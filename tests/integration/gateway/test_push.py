"""Web push as browsers see it: the key, one's subscriptions, and what service workers report without a token."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr

from hub.runtime import Hub
from hub.security.links import sign_link
from hub.security.vapid import make_key
from hub.store import push_subscriptions
from hub.store.inbox import open_inbox
from tests.integration.api.test_push_subscriptions import browser
from tests.support.deliveries import put_category, rows, states, steps, told
from tests.support.gateway import RunningGateway, another_hub, issue, rest, running_gateway
from tests.support.publishing import inbox, publish
from tests.support.push_sink import PushSink, push_sink

KEY = make_key()
LADDER = [{"channel": "in_app"}, {"channel": "web_push", "if": "always"}]
SUBSCRIPTIONS = "/v1/inbox/push-subscriptions"


@pytest.fixture
def changes() -> dict[str, object]:
    key = SecretStr(KEY.private_text)
    return {"vapid_private_key": key, "vapid_subject": "mailto:ops@example.com", "allow_private_push": True}


async def post(gateway: RunningGateway, path: str, body: Any) -> tuple[int, Any, Any]:
    """As a service worker of another origin does: no token, no preflight."""
    headers = {"Origin": "https://app.example.com", "Content-Type": "text/plain;charset=UTF-8"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(gateway.url + path, data=json.dumps(body), headers=headers) as answer,
    ):
        text = await answer.text()
        return answer.status, json.loads(text) if text else None, answer.headers


async def test_the_key_and_ones_own_browsers(hub: Hub, project_id: int, gateway: RunningGateway) -> None:
    async with rest(gateway, await issue(hub, project_id)) as calls:
        status, answer, _ = await calls.call("GET", "/v1/inbox/push-key")
        assert (status, answer) == (200, {"public_key": KEY.public_text})
        status, stored, _ = await calls.call("POST", SUBSCRIPTIONS, browser(), headers={"User-Agent": "Browser/1"})
        assert (status, stored["user_agent"]) == (201, "Browser/1")
        assert (await calls.call("DELETE", SUBSCRIPTIONS, {"endpoint": stored["endpoint"]}))[0] == 204
        assert (await calls.call("DELETE", SUBSCRIPTIONS, {"endpoint": stored["endpoint"]}))[0] == 404
    async with rest(gateway, await issue(hub, project_id, scopes=["inbox:read"])) as reader:
        assert (await reader.call("POST", SUBSCRIPTIONS, browser()))[0] == 403


async def test_a_hub_without_a_key_says_so(hub: Hub, project_id: int) -> None:
    text = await issue(hub, project_id)
    async with (
        another_hub(hub.settings, vapid_private_key=None) as other,
        running_gateway(other) as gateway,
        rest(gateway, text) as calls,
    ):
        status, problem, _ = await calls.call("GET", "/v1/inbox/push-key")
        assert (status, problem["code"]) == (404, "no_push_key")
        status, problem, _ = await calls.call("POST", SUBSCRIPTIONS, browser())
        assert (status, problem["code"]) == (409, "no_push_key")
        assert "HUB_VAPID_PRIVATE_KEY" in problem["detail"]


# Reports


async def pushed(hub: Hub, project_id: int, sink: PushSink) -> dict[str, Any]:
    """What a push to ada said, once it was sent."""
    await put_category(hub, project_id, "general", ladder=LADDER)
    one = sink.browser().json
    async with hub.db.acquire() as conn:
        head = await open_inbox(hub.db, project_id, "ada")
        given = push_subscriptions.Subscription(one["endpoint"], one["keys"]["p256dh"], one["keys"]["auth"])
        await push_subscriptions.put(conn, project_id, head.person_id, given)
    await publish(hub, project_id, recipients=["ada"], title="Hello")
    async with steps(hub) as worker:
        await worker.run()
    return sink.pushes[0].said


async def noted(hub: Hub) -> list[tuple[str, str]]:
    found = await hub.db.fetch("SELECT * FROM events WHERE event <> 'sent' ORDER BY event_id")
    return [(row["event"], row["channel"]) for row in found]


async def test_shown_and_clicked_are_noted_once(hub: Hub, project_id: int, gateway: RunningGateway) -> None:
    async with push_sink() as sink:
        said = await pushed(hub, project_id, sink)
    for _ in range(2):
        status, _, headers = await post(gateway, "/l/push", {"token": said["delivery"], "event": "shown"})
        assert (status, headers["Access-Control-Allow-Origin"]) == (204, "*")
    assert await states(hub) == [("web_push", "delivered", None)]
    for _ in range(2):
        assert (await post(gateway, "/l/push", {"token": said["delivery"], "event": "clicked"}))[0] == 204
    (item,) = await inbox(hub, project_id, "ada")
    assert item["clicked_at"]
    assert item["read_at"]
    assert await noted(hub) == [("shown", "web_push"), ("clicked", "web_push")]
    (row, withdrawal) = await rows(hub)
    assert withdrawal["kind"] == "withdrawal", "the person's other browsers close it"
    line = [event for channel, event, _ in await told(hub, project_id, row["notification_id"]) if channel == "web_push"]
    assert line[line.index("sent") + 1] == "delivered"


async def test_a_report_that_comes_before_its_sender_has_noted_is_to_come_again(
    hub: Hub, project_id: int, gateway: RunningGateway
) -> None:
    async with push_sink() as sink:
        said = await pushed(hub, project_id, sink)
    await hub.db.execute("UPDATE deliveries SET state = 'claimed', lease_until = now() + interval '1 minute'")
    report = {"token": said["delivery"], "event": "shown"}
    assert (await post(gateway, "/l/push", report))[0] == 202
    await hub.db.execute("UPDATE deliveries SET state = 'sent'")
    assert (await post(gateway, "/l/push", report))[0] == 204
    assert await states(hub) == [("web_push", "delivered", None)]
    assert await noted(hub) == [("shown", "web_push")]
    await hub.db.execute("DELETE FROM deliveries")
    assert (await post(gateway, "/l/push", report))[0] == 204, "what is not there any more needs no report"


async def test_what_was_not_signed_for_it_reports_nothing(hub: Hub, project_id: int, gateway: RunningGateway) -> None:
    secret = hub.settings.secret.get_secret_value()
    for token in ("x", sign_link(secret, "click", [1, 2, "3"]), sign_link("other" * 10, "push", [1, 2, "3"])):
        assert (await post(gateway, "/l/push", {"token": token, "event": "shown"}))[0] == 404
    good = sign_link(secret, "push", [project_id, 1, "0" * 32])
    assert (await post(gateway, "/l/push", {"token": good, "event": "opened"}))[0] == 422
    assert (await post(gateway, "/l/push", {"token": good, "event": "shown", "x": "y" * 9_000}))[0] == 413
    statuses = [(await post(gateway, "/l/push", {"token": "x", "event": "shown"}))[0] for _ in range(300)]
    assert 429 in statuses
    assert (await post(gateway, "/l/push", {"token": good, "event": "shown"}))[0] == 204, "what is signed gets through"


# Renewal


async def test_a_browser_renews_its_subscription_without_a_token(
    hub: Hub, project_id: int, gateway: RunningGateway
) -> None:
    async with rest(gateway, await issue(hub, project_id)) as calls:
        _, stored, _ = await calls.call("POST", SUBSCRIPTIONS, browser("old"))
        renewal = {"token": stored["renewal"], "subscription": browser("new")}
        status, renewed, headers = await post(gateway, "/l/push/renew", renewal)
        assert (status, headers["Access-Control-Allow-Origin"]) == (200, "*")
        assert (renewed["id"], renewed["endpoint"]) == (stored["id"], browser("new")["endpoint"])
        assert renewed["renewal"] != stored["renewal"]
        status, again, _ = await post(gateway, "/l/push/renew", renewal)
        assert (status, again["renewal"]) == (200, renewed["renewal"]), "its answer may have been lost"
        stolen = {"token": stored["renewal"], "subscription": browser("elsewhere")}
        assert (await post(gateway, "/l/push/renew", stolen))[0] == 404, "an old one leads nowhere else"
        inside = {"token": renewed["renewal"], "subscription": browser(endpoint="ftp://x")}
        assert (await post(gateway, "/l/push/renew", inside))[0] == 422
        assert (await calls.call("DELETE", SUBSCRIPTIONS, browser("new")))[0] == 204
    status, _, _ = await post(gateway, "/l/push/renew", {"token": renewed["renewal"], "subscription": browser("x")})
    assert status == 404, "who signed out is not signed in again"


async def test_a_subscription_that_its_service_forgot_first_can_be_renewed(
    hub: Hub, project_id: int, gateway: RunningGateway
) -> None:
    async with rest(gateway, await issue(hub, project_id)) as calls:
        _, stored, _ = await calls.call("POST", SUBSCRIPTIONS, browser("old"))
    row = await hub.db.fetchrow("SELECT subscription_id, endpoint FROM push_subscriptions")
    assert row is not None
    await push_subscriptions.mark_gone(hub.db, [(row["subscription_id"], row["endpoint"])])
    push = "SELECT push FROM people WHERE user_id = 'ada'"
    assert (await hub.db.fetch(push))[0]["push"] is False
    status, _, _ = await post(gateway, "/l/push/renew", {"token": stored["renewal"], "subscription": browser("new")})
    assert status == 200
    assert (await hub.db.fetch(push))[0]["push"] is True


async def test_whose_browser_is_somebody_elses_by_now_cannot_renew_it(
    hub: Hub, project_id: int, gateway: RunningGateway
) -> None:
    async with (
        rest(gateway, await issue(hub, project_id)) as ada,
        rest(gateway, await issue(hub, project_id, user="grace")) as grace,
    ):
        _, mine, _ = await ada.call("POST", SUBSCRIPTIONS, browser("shared"))
        await grace.call("POST", SUBSCRIPTIONS, browser("shared"))
        renewal = {"token": mine["renewal"], "subscription": browser("shared2")}
        assert (await post(gateway, "/l/push/renew", renewal))[0] == 404
        _, kept, _ = await ada.call("POST", SUBSCRIPTIONS, browser("ada"))
        renewal = {"token": kept["renewal"], "subscription": browser("shared")}
        assert (await post(gateway, "/l/push/renew", renewal))[0] == 404
    found = await hub.db.fetch("SELECT user_id FROM push_subscriptions JOIN people USING (person_id)")
    assert [row["user_id"] for row in found] == ["grace"], "it was one browser, and is theirs"
