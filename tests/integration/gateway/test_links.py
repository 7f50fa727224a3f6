"""Pixels, links and pages of mails, as mail programs, scanners and people fetch them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from html import unescape
from itertools import product
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID, uuid4

import aiohttp
import pytest

from hub.model.policy import parse_policy
from hub.publish.mail_links import preferences_token, preferences_url, unsubscribe_token, unsubscribe_url
from hub.publish.tracking import track
from hub.runtime import Hub
from hub.security.links import sign_link
from hub.store import events, people, timeline
from tests.support.deliveries import make_sandbox, put_category, states, steps
from tests.support.gateway import RunningGateway, eventually
from tests.support.publishing import inbox, publish

MAIL = [{"channel": "in_app"}, {"channel": "email"}]
BOTH = {"opens": True, "clicks": True}
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0"
PERSON = {"User-Agent": CHROME, "Accept-Language": "en"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def changes() -> dict[str, object]:
    return {"public_url": "https://hub.example", "presence_settle_seconds": 0}


class Answer(NamedTuple):
    status: int
    headers: Any
    text: str


class Visitor:
    """Follows links of `https://hub.example` on this gateway."""

    def __init__(self, session: aiohttp.ClientSession, gateway: RunningGateway) -> None:
        self._session = session
        self._gateway = gateway

    async def __call__(self, method: str, url: str, data: Any = None, **headers: str) -> Answer:
        path = url.removeprefix("https://hub.example")
        sent = {**PERSON, **{name.replace("_", "-"): value for name, value in headers.items()}}
        async with self._session.request(
            method, self._gateway.url + path, data=data, headers=sent, allow_redirects=False
        ) as answer:
            return Answer(answer.status, answer.headers, (await answer.read()).decode("utf-8", "replace"))


@pytest.fixture
async def visit(gateway: RunningGateway) -> AsyncIterator[Visitor]:
    async with aiohttp.ClientSession(skip_auto_headers=["User-Agent", "Content-Type"]) as session:
        yield Visitor(session, gateway)


class Mail(NamedTuple):
    """A mail that was sent a minute ago, and its links."""

    notification_id: UUID
    person_id: int
    delivery_id: UUID
    pixel: str
    links: list[str]
    unsubscribe: str
    preferences: str


URLS = ["https://shop.example/a?token=secret#x", "http://shop.example/ü", "https://shop.example/c"]


async def send(hub: Hub, project_id: int, category: str = "orders", user: str = "ada", **policy: Any) -> Mail:
    await make_sandbox(hub, project_id)
    await put_category(
        hub, project_id, category, **{"ladder": MAIL, "tracking": {"opens": True, "clicks": True}} | policy
    )
    notification_id = await publish(hub, project_id, recipients=[user], title="t", category=category)
    async with steps(hub) as worker:
        await worker.run()
    await hub.db.execute("UPDATE deliveries SET finished_at = finished_at - interval '1 minute'")
    row = await hub.db.fetchrow("SELECT * FROM deliveries WHERE notification_id = $1", notification_id)
    assert row is not None
    whose = project_id, row["person_id"], row["delivery_id"]
    html = "".join(f'<a href="{url}">x</a>' for url in URLS)
    wanted = parse_policy(category, {"ladder": MAIL, "tracking": BOTH})
    parts = track(hub.settings, wanted, html, *whose).split('"')
    *links, pixel = [part for part in parts if part.startswith("https://hub.example/l/")]
    secret = hub.settings.secret.get_secret_value()
    unsubscribe = unsubscribe_url("https://hub.example", unsubscribe_token(secret, *whose, category))
    preferences = preferences_url("https://hub.example", preferences_token(secret, *whose[:2]))
    return Mail(notification_id, row["person_id"], row["delivery_id"], pixel, links, unsubscribe, preferences)


async def told(hub: Hub, gateway: RunningGateway | None = None) -> list[tuple[Any, ...]]:
    """Everything but `sent`: (channel, event, link, automated, reason)."""
    if gateway is not None:
        await gateway.app.engagement.flush(hold_seconds=0)
    rows = await hub.db.fetch("SELECT * FROM events WHERE event <> 'sent' ORDER BY event, link, automated")
    return [
        (row["channel"], row["event"], row["link"], row["automated"], (row["detail"] or {}).get("reason"))
        for row in rows
    ]


async def preferences_of(hub: Hub) -> Any:
    row = await hub.db.fetchrow("SELECT preferences FROM people WHERE user_id = 'ada'")
    return row and row["preferences"]


async def age_clicks(gateway: RunningGateway) -> None:
    """As if what was followed until now had been some seconds ago."""
    for of_one in gateway.app.engagement._held.values():
        for seen in of_one.values():
            seen.at -= 5


# Opens and clicks


async def test_a_person_opens_a_mail_and_follows_a_link_of_it(
    hub: Hub, project_id: int, gateway: RunningGateway, visit: Visitor
) -> None:
    mail = await send(hub, project_id)
    assert mail.pixel.endswith(".gif")
    picture = await visit("GET", mail.pixel)
    assert (picture.status, picture.headers["Content-Type"]) == (200, "image/gif")
    assert picture.headers["Cache-Control"] == "no-store"
    await visit("GET", mail.pixel)
    answer = await visit("GET", mail.links[0])
    assert (answer.status, answer.headers["Location"]) == (302, URLS[0])
    await visit("GET", mail.links[0])
    assert await told(hub, gateway) == [("email", "clicked", 0, False, None), ("email", "opened", None, False, None)]
    (item,) = await inbox(hub, project_id, "ada")
    assert None not in (item["clicked_at"], item["read_at"], item["seen_at"])
    timed = await timeline.read_timeline(hub.db, project_id, mail.notification_id, after=None, limit=100)
    shown = [(e.channel, e.event, e.detail, e.actor) for e in timed if e.event in ("opened", "clicked")]
    assert shown == [
        ("email", "opened", "sandbox", "person"),
        ("email", "clicked", "sandbox https://shop.example/a", "person"),
        ("in_app", "clicked", None, "person"),
    ]


async def test_an_open_marks_nothing_and_every_letter_of_a_link_arrives(
    hub: Hub, project_id: int, gateway: RunningGateway, visit: Visitor
) -> None:
    mail = await send(hub, project_id)
    await visit("GET", mail.pixel)
    answer = await visit("GET", mail.links[1] + "?utm_source=x&fbclid=1")
    assert answer.headers["Location"] == "http://shop.example/%C3%BC"
    await gateway.app.engagement.flush(hold_seconds=60)  # nothing is so old
    (item,) = await inbox(hub, project_id, "ada")
    assert (item["seen_at"], item["read_at"]) == (None, None)


async def test_heads_are_not_counted_and_many_at_once_count_once(
    hub: Hub, project_id: int, gateway: RunningGateway, visit: Visitor
) -> None:
    mail = await send(hub, project_id)
    head = await visit("HEAD", mail.links[0])
    assert (head.status, head.headers["Location"], head.text) == (302, URLS[0], "")
    await visit("HEAD", mail.pixel)
    assert await told(hub, gateway) == []
    for _ in range(3):  # each time as if by another gateway
        await asyncio.gather(*(visit("GET", mail.pixel) for _ in range(10)))
        await asyncio.gather(*(gateway.app.engagement.flush(hold_seconds=0) for _ in range(2)), return_exceptions=True)
    assert await told(hub, gateway) == [("email", "opened", None, False, None)]


async def test_a_scanner_that_follows_every_link_is_counted_apart_and_marks_nothing(
    hub: Hub, project_id: int, gateway: RunningGateway, visit: Visitor
) -> None:
    mail = await send(hub, project_id)
    for link in mail.links:
        await visit("GET", link)
    burst = [("email", "clicked", n, True, "burst") for n in range(3)]
    assert await told(hub, gateway) == burst
    assert (await inbox(hub, project_id, "ada"))[0]["clicked_at"] is None
    await visit("GET", mail.links[2], Accept_Language="de")  # and then somebody reads it
    assert await told(hub, gateway) == [*burst[:2], ("email", "clicked", 2, False, None), burst[2]]
    assert (await inbox(hub, project_id, "ada"))[0]["clicked_at"] is not None


async def test_a_person_who_follows_one_link_after_another_is_a_person(
    hub: Hub, project_id: int, gateway: RunningGateway, visit: Visitor
) -> None:
    mail = await send(hub, project_id)
    await visit("GET", mail.links[0])
    await age_clicks(gateway)
    await visit("GET", mail.links[1])
    assert [row[2:4] for row in await told(hub, gateway)] == [(0, False), (1, False)]


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"Accept_Language": ""}, "no_language"),
        ({"User_Agent": "curl/8.5.0"}, "user_agent"),
        ({"Sec_Purpose": "prefetch;prerender"}, "prefetch"),
    ],
)
async def test_programs_are_told_by_their_headers(
    hub: Hub, project_id: int, gateway: RunningGateway, visit: Visitor, headers: dict[str, str], reason: str
) -> None:
    mail = await send(hub, project_id)
    await visit("GET", mail.links[0], **headers)
    assert await told(hub, gateway) == [("email", "clicked", 0, True, reason)]


async def test_what_is_followed_right_after_sending_was_followed_by_a_program(
    hub: Hub, project_id: int, gateway: RunningGateway, visit: Visitor
) -> None:
    mail = await send(hub, project_id)
    await hub.db.execute("UPDATE deliveries SET finished_at = clock_timestamp() + interval '1 minute'")
    await visit("GET", mail.links[0])
    assert await told(hub, gateway) == [("email", "clicked", 0, True, "too_soon")]


async def test_links_lead_only_where_we_signed_that_they_lead(hub: Hub, project_id: int, visit: Visitor) -> None:
    mail = await send(hub, project_id)
    secret = hub.settings.secret.get_secret_value()
    whose = [project_id, mail.person_id, str(mail.delivery_id)]
    forged = [
        sign_link("another secret of at least 32 characters", "click", [*whose, "https://evil.example/", 0]),
        sign_link(secret, "click", [*whose, "javascript:alert(1)", 0]),
        mail.links[0].rpartition("/")[2][:-1],
        mail.pixel.rpartition("/")[2],
        mail.unsubscribe.rpartition("/")[2],
        "x" * 5_000,
        "%F0%9F%98%80",
        "..%2f..%2f",
    ]
    for token in forged:
        answer = await visit("GET", f"/l/c/{token}")
        assert (answer.status, "Location" in answer.headers) == (404, False), token
        assert answer.headers["Content-Type"].startswith("text/html")
        assert "evil" not in answer.text


async def test_links_lead_on_while_the_database_is_away_and_are_counted_when_it_is_back(
    hub: Hub, project_id: int, gateway: RunningGateway, visit: Visitor
) -> None:
    mail = await send(hub, project_id)
    pool, hub.db.pool = hub.db.pool, Away()  # type: ignore[assignment]
    assert (await visit("GET", mail.links[0])).status == 302
    page = await visit("GET", mail.unsubscribe)
    assert (page.status, page.headers["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert page.headers["Retry-After"]
    with pytest.raises(ConnectionError):
        await gateway.app.engagement.flush(hold_seconds=0)
    hub.db.pool = pool
    assert await told(hub, gateway) == [("email", "clicked", 0, False, None)]


class Away:
    def acquire(self, **_: Any) -> Any:
        raise ConnectionError("away")


async def test_events_are_stored_by_themselves(hub: Hub, project_id: int, visit: Visitor) -> None:
    mail = await send(hub, project_id)
    await visit("GET", mail.pixel)
    await eventually(lambda: told(hub), [("email", "opened", None, False, None)])


async def test_past_an_addresss_rate_links_lead_on_and_are_not_counted(
    hub: Hub, project_id: int, gateway: RunningGateway, visit: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = await send(hub, project_id)
    monkeypatch.setattr("gateway.links.PER_SECOND", 0.0001)
    assert [(await visit("GET", link)).status for link in mail.links] == [302, 302, 302]
    assert [row[2] for row in await told(hub, gateway)] == [0]


# Unsubscribing


async def test_a_link_that_is_fetched_asks_and_changes_nothing(hub: Hub, project_id: int, visit: Visitor) -> None:
    mail = await send(hub, project_id)
    page = await visit("GET", mail.unsubscribe)
    assert page.status == 200
    assert 'value="unsubscribe"' in page.text
    await visit("HEAD", mail.unsubscribe)
    assert await preferences_of(hub) is None
    assert await told(hub) == []


ONE_CLICK = b"List-Unsubscribe=One-Click"
BOUNDARY = b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (ONE_CLICK, "application/x-www-form-urlencoded"),
        (BOUNDARY, "multipart/form-data; boundary=b"),
        (b"", ""),
        (b"action=unsubscribe", "application/x-www-form-urlencoded"),
    ],
)
async def test_one_click_ends_the_categorys_mails_once_and_for_all(
    hub: Hub, project_id: int, visit: Visitor, body: bytes, kind: str
) -> None:
    mail = await send(hub, project_id)
    answers = await asyncio.gather(
        *(visit("POST", mail.unsubscribe, body, **({"Content_Type": kind} if kind else {})) for _ in range(4))
    )
    assert [answer.status for answer in answers] == [200] * 4
    assert not any("Set-Cookie" in answer.headers for answer in answers)
    assert await preferences_of(hub) == {"categories": {"orders": {"channels": {"email": False}}}}
    assert await told(hub) == [("email", "unsubscribed", None, False, None)]
    later = await publish(hub, project_id, recipients=["ada"], title="t", category="orders")
    async with steps(hub) as worker:
        await worker.run()
    assert await states(hub, later) == [("email", "skipped", "channel_off")]
    timed = await timeline.read_timeline(hub.db, project_id, mail.notification_id, after=None, limit=100)
    assert ("email", "unsubscribed") in [(event.channel, event.event) for event in timed]


async def test_undoing_it_restores_what_was_said_before(hub: Hub, project_id: int, visit: Visitor) -> None:
    mail = await send(hub, project_id)
    page = await visit("POST", mail.unsubscribe, ONE_CLICK, **FORM)
    assert 'value="undo"' in page.text
    assert "../p/" + mail.preferences.rpartition("/")[2] in page.text
    assert (await visit("GET", mail.unsubscribe)).text.count('value="undo"') == 1
    page = await visit("POST", mail.unsubscribe, b"action=undo", **FORM)
    assert page.status == 200
    assert await preferences_of(hub) == {"categories": {"orders": {"channels": {}}}}


async def test_unsubscribing_from_marketing_withdraws_the_consent_with_time_and_source(
    hub: Hub, project_id: int, visit: Visitor
) -> None:
    await hub.db.execute(
        "INSERT INTO people (project_id, user_id, preferences) VALUES ($1, 'ada', $2)",
        project_id,
        {"consents": {"news": {"granted": True, "at": "2026-01-01T00:00:00.000Z", "channels": ["email"]}}},
    )
    mail = await send(hub, project_id, "news", kind="marketing")
    await visit("POST", mail.unsubscribe, ONE_CLICK, **FORM)
    stored = await preferences_of(hub)
    assert stored["categories"] == {"news": {"channels": {"email": False}}}
    assert (stored["consents"]["news"]["granted"], stored["consents"]["news"]["source"]) == (False, "unsubscribe")
    assert stored["consents"]["news"]["at"] > "2026-01-01"


async def test_required_mails_answer_with_success_and_go_on(hub: Hub, project_id: int, visit: Visitor) -> None:
    mail = await send(hub, project_id, "security", default="required")
    for method in ("GET", "POST"):
        answer = await visit(method, mail.unsubscribe)
        assert answer.status == 200
        assert "cannot be switched off" in answer.text
        assert "<button" not in answer.text
    assert await preferences_of(hub) is None
    assert await told(hub) == []


async def test_nobody_comes_back_by_an_old_link(
    hub: Hub, project_id: int, gateway: RunningGateway, visit: Visitor
) -> None:
    mail = await send(hub, project_id)
    await visit("GET", mail.links[0])
    await hub.db.transaction(lambda conn: people.delete_person(conn, project_id, "ada"))
    for method, url in product(("GET", "POST"), (mail.unsubscribe, mail.preferences)):
        answer = await visit(method, url, b"" if method == "GET" else b"pause=day", **FORM)
        assert (answer.status, answer.headers["Content-Type"]) == (410, "text/html; charset=utf-8")
    assert (await visit("GET", mail.links[0])).status == 302
    await gateway.app.engagement.flush(hold_seconds=0)
    assert await hub.db.fetch("SELECT 1 FROM people") == []
    assert await hub.db.fetch("SELECT 1 FROM events") == []


async def test_a_link_of_another_project_is_of_nobody_there(hub: Hub, project_id: int, visit: Visitor) -> None:
    mail = await send(hub, project_id)
    secret = hub.settings.secret.get_secret_value()
    stray = sign_link(secret, "unsubscribe", [project_id + 1, mail.person_id, str(uuid4()), "orders"])
    assert (await visit("POST", f"/l/u/{stray}")).status == 410
    assert await preferences_of(hub) is None


# The preference centre


def form(page: Answer, *, off: tuple[str, ...] = (), on: tuple[str, ...] = (), **more: str) -> bytes:
    """What a browser sends for the page, with these switches moved."""
    shown = [unescape(value) for value in re.findall(r'name="shown" value="([^"]*)"', page.text)]
    checked = {unescape(value) for value in re.findall(r'name="on" value="([^"]*)" checked', page.text)}
    fields = [*(("shown", value) for value in shown), *(("on", value) for value in (checked - {*off}) | {*on})]
    return urlencode([*fields, *more.items()]).encode()


async def test_the_preference_centre_shows_what_holds_and_saves_what_is_moved(
    hub: Hub, project_id: int, visit: Visitor
) -> None:
    mail = await send(hub, project_id)
    await put_category(hub, project_id, "security", ladder=MAIL, default="required")
    page = await visit("GET", mail.preferences)
    assert page.status == 200
    assert page.text.count("disabled checked") == 2
    saved = await visit("POST", mail.preferences, form(page, off=("email orders",), pause="week"), **FORM)
    assert 'role="status"' in saved.text
    stored = await preferences_of(hub)
    assert stored["categories"] == {"orders": {"channels": {"email": False}}}
    assert stored["paused_until"]
    assert await told(hub) == [("email", "unsubscribed", None, False, None)]
    again = await visit("POST", mail.preferences, form(saved, on=("email orders",), pause="none"), **FORM)
    assert await preferences_of(hub) == {"categories": {"orders": {"channels": {}}}}
    await visit("POST", mail.preferences, form(again), **FORM)
    assert await preferences_of(hub) == {"categories": {"orders": {"channels": {}}}}


async def test_what_a_page_cannot_have_shown_is_not_stored(hub: Hub, project_id: int, visit: Visitor) -> None:
    mail = await send(hub, project_id)
    await put_category(hub, project_id, "security", ladder=MAIL, default="required")
    for value in ("email security", "email nowhere", "sms orders", "fax ", "", "\x00 \x00"):
        answer = await visit("POST", mail.preferences, urlencode({"shown": value}).encode(), **FORM)
        assert answer.status == 200, value
        assert await preferences_of(hub) is None, value
    for body in (b"%zz=%ff", b"\xff", b"on=1&" * 5_000):
        assert (await visit("POST", mail.preferences, body, **FORM)).status in (200, 400)
    large = await visit("POST", mail.preferences, b"on=" + b"x" * 600_000, **FORM)
    assert (large.status, large.headers["Content-Type"]) == (413, "text/html; charset=utf-8")
    assert await preferences_of(hub) is None


async def test_hostile_names_are_shown_as_they_are(hub: Hub, project_id: int, visit: Visitor) -> None:
    hostile = "\"><script>alert('x')</script>{0}{category}&amp;"
    mail = await send(hub, project_id, hostile, description=hostile)
    await hub.db.execute("UPDATE projects SET name = $1", hostile)
    for method, url in (("GET", mail.unsubscribe), ("GET", mail.preferences), ("POST", mail.unsubscribe)):
        page = await visit(method, url)
        assert page.status == 200
        assert "<script" not in page.text
        assert "&lt;script&gt;" in page.text
    page = await visit("GET", mail.preferences)
    await visit("POST", mail.preferences, form(page, off=(f"in_app {hostile}",)), **FORM)
    assert (await preferences_of(hub))["categories"][hostile]["channels"] == {"email": False, "in_app": False}


async def test_pages_are_in_the_persons_language_and_kept_by_nobody(hub: Hub, project_id: int, visit: Visitor) -> None:
    mail = await send(hub, project_id)
    await hub.db.execute("UPDATE people SET locale = 'ar-EG'")
    page = await visit("GET", mail.unsubscribe)
    assert '<html lang="ar" dir="rtl">' in page.text
    assert '<html lang="de" dir="ltr">' in (await visit("GET", "/l/u/cut", Accept_Language="de")).text
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert page.headers["X-Frame-Options"] == "DENY"
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert "form-action 'self'" in policy
    assert "frame-ancestors 'none'" in policy


async def test_pages_have_a_rate(hub: Hub, project_id: int, visit: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    mail = await send(hub, project_id)
    monkeypatch.setattr("gateway.pages.PER_SECOND", 0.0001)
    assert (await visit("GET", mail.preferences)).status == 200
    refused = await visit("POST", mail.unsubscribe, ONE_CLICK, **FORM)
    assert (refused.status, refused.headers["Content-Type"]) == (429, "text/html; charset=utf-8")
    assert int(refused.headers["Retry-After"]) > 0
    assert await preferences_of(hub) is None


async def test_old_events_go(hub: Hub, project_id: int, visit: Visitor) -> None:
    mail = await send(hub, project_id)
    await visit("POST", mail.unsubscribe, ONE_CLICK, **FORM)
    assert await events.purge(hub.db, 100) == 0
    await hub.db.execute(
        "UPDATE events SET event_id = '01800000-0000-7000-8000-000000000000' WHERE event = 'unsubscribed'"
    )
    assert await events.purge(hub.db, 100) == 1
    assert [row["event"] for row in await hub.db.fetch("SELECT event FROM events")] == ["sent"]
