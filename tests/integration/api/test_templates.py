"""Templates through the API: drafts and versions, what a notification is pinned to, previews, tests, brands."""

from __future__ import annotations

from typing import Any

import pytest

from hub.publish.broadcast import pull_broadcasts
from hub.runtime import Hub
from hub.store.keys import create_key
from hub.store.templates import KEEP_DRAFT_DAYS, purge_drafts
from tests.support.api_server import Caller, serve_api
from tests.support.deliveries import make_sandbox, put_category, rows, states, steps
from tests.support.publishing import inbox, work

EMAIL = {"ladder": [{"channel": "in_app"}, {"channel": "email"}]}


def message(title: str, **more: Any) -> dict[str, Any]:
    return {"channels": {"in_app": {"title": title}, **more}}


async def store(call: Caller, name: str, body: dict[str, Any]) -> int:
    """Puts and publishes a template; its version."""
    put = await call("PUT", f"/v1/templates/{name}", body)
    assert put.status == 200, put
    published = await call("POST", f"/v1/templates/{name}/publish")
    assert published.status == 200, published
    return int(published.json["version"])


async def mails(hub: Hub) -> list[dict[str, Any]]:
    """What arrived in the sandbox, in order."""
    found = await hub.db.fetch("SELECT message FROM sandbox_messages ORDER BY position")
    return [row["message"]["rendered"] for row in found]


async def test_drafts_and_versions(hub: Hub, project_id: int) -> None:
    async with serve_api(hub, project_id) as (_, call):
        draft = (await call("PUT", "/v1/templates/a%2Fb", message("one"))).json
        assert (draft["template"], draft["version"], draft["published"], draft["changed"]) == ("a/b", None, None, True)
        refused = await call("POST", "/v1/notifications", {"recipients": ["u"], "template": "a/b"})
        assert refused.code == "unknown_template"
        assert await store(call, "a%2Fb", message("one")) == 1
        assert (await call("POST", "/v1/templates/a%2Fb/publish")).json["version"] == 1
        assert await store(call, "a%2Fb", message("two")) == 2
        changed = (await call("PUT", "/v1/templates/a%2Fb", message("three"))).json
        assert (changed["published"], changed["changed"]) == (2, True)
        for wanted, title, version in (("draft", "three", None), ("published", "two", 2), ("1", "one", 1)):
            found = (await call("GET", f"/v1/templates/a%2Fb?version={wanted}")).json
            assert (found["channels"]["in_app"]["title"], found["version"]) == (title, version)
        versions = (await call("GET", "/v1/templates/a%2Fb/versions?limit=1")).json
        assert [v["version"] for v in versions["items"]] == [2]
        older = (await call("GET", f"/v1/templates/a%2Fb/versions?cursor={versions['next_cursor']}")).json
        assert [v["version"] for v in older["items"]] == [1]
        assert [t["template"] for t in (await call("GET", "/v1/templates")).json["items"]] == ["a/b"]
        assert (await call("DELETE", "/v1/templates/a%2Fb")).status == 204
        for path in ("", "/versions"):
            assert (await call("GET", f"/v1/templates/a%2Fb{path}")).status == 404
        assert await store(call, "a%2Fb", message("back")) == 3


async def test_another_project_has_templates_of_its_own(hub: Hub, project_id: int) -> None:
    other = await hub.db.fetchrow("INSERT INTO projects (name, signing_secret) VALUES ('o', 'x') RETURNING project_id")
    assert other is not None
    async with serve_api(hub, project_id) as (_, call), serve_api(hub, other["project_id"]) as (_, theirs):
        await store(call, "t", message("ours"))
        assert (await theirs("GET", "/v1/templates/t")).status == 404
        assert (await theirs("GET", "/v1/templates")).json["items"] == []
        assert (await theirs("POST", "/v1/notifications", {"recipients": ["u"], "template": "t"})).code == (
            "unknown_template"
        )


async def test_what_is_published_is_checked_whole(hub: Hub, project_id: int) -> None:
    async with serve_api(hub, project_id) as (_, call):
        body = message("{{ dat.x }}", email={"html": "<p>\n<script>", "layout": "l"})
        body["locales"] = {"de": {"in_app": {"body": "{% if"}}}
        await call("PUT", "/v1/templates/t", body)
        refused = await call("POST", "/v1/templates/t/publish")
        assert refused.code == "template_failed"
        assert [error["path"] for error in refused.json["errors"]] == [
            "channels.in_app.title", "channels.email.html", "locales.de.in_app.body", "channels.email.layout",
        ]  # fmt: skip
        assert refused.json["errors"][1]["message"] == "line 2: <script> has no place in a mail"
        assert refused.json["errors"][3]["message"] == (
            "there is no published layout 'l': PUT /v1/templates/l, then POST /v1/templates/l/publish"
        )
        await store(call, "l", {"kind": "layout", "source": "{{ content }}"})
        await store(call, "t", message("x", email={"html": "x", "layout": "l"}))
        assert (await call("DELETE", "/v1/templates/l")).code == "template_in_use"
        assert (await call("PUT", "/v1/templates/l", {"kind": "partial", "source": "x"})).code == "kind_fixed"
        for name, source in (("p", "x"), ("q", "{% render 'p' %}"), ("p", "{% render 'q' %}")):
            await call("PUT", f"/v1/templates/{name}", {"kind": "partial", "source": source})
            answer = await call("POST", f"/v1/templates/{name}/publish")
        assert answer.json["errors"][0]["message"] == "renders itself: p → q → p"


async def test_a_notification_says_what_it_was_accepted_with(hub: Hub, project_id: int) -> None:
    await make_sandbox(hub, project_id)
    await put_category(hub, project_id, "orders", **EMAIL)
    async with serve_api(hub, project_id) as (_, call):
        await store(call, "p", {"kind": "partial", "source": "old {{ data.n }}"})
        body = message("old {{ data.n }}", email={"subject": "s", "html": "{% render 'p' %}", "layout": False})
        await store(call, "t", {**body, "category": "orders"})
        soon = {"recipients": ["u"], "template": "t", "data": {"n": 1}, "delay": "PT1H"}
        now = {"recipients": ["v"], "template": "t", "data": {"n": 2}}
        asked = [(await call("POST", "/v1/notifications", body)).json["id"] for body in (soon, now)]
        await store(call, "p", {"kind": "partial", "source": "new"})
        await store(call, "t", {**message("new"), "category": "orders"})
        assert (await call("DELETE", "/v1/templates/t")).status == 204
        assert (await call("DELETE", "/v1/templates/p")).status == 204
        hub.templates._kept.clear()  # as in another process
        await hub.db.execute("UPDATE jobs SET due_at = now()")
        await work(hub)
        async with steps(hub) as worker:
            await worker.run()
        shown = [(item["title"]) for user in ("u", "v") for item in await inbox(hub, project_id, user)]
        assert shown == ["old 1", "old 2"]
        assert sorted(mail["html"] for mail in await mails(hub)) == ["old 1", "old 2"]
        stored = (await call("GET", f"/v1/notifications/{asked[0]}")).json["request"]
        assert (stored["category"], stored["template_versions"]) == ("orders", {"t": 1, "p": 1})


async def test_each_recipient_reads_their_own(hub: Hub, project_id: int) -> None:
    async with serve_api(hub, project_id) as (_, call):
        title = "{{ recipient.name | default: 'you' }}: {{ data.at | time }} {{ data.seat | default: '-' }}"
        german = "{{ recipient.name }} um {{ data.at | time }}"
        await store(call, "t", {**message(title), "locales": {"de": {"in_app": {"title": german}}}})
        await call("PUT", "/v1/users/ada", {"name": "Ada", "timezone": "Asia/Tokyo"})
        await call("PUT", "/v1/users/eve", {"name": "Eve", "locale": "de-AT"})
        people = ["ada", {"id": "bob", "data": {"seat": "14C"}}, "eve", {"topic": "t"}]
        await call("PUT", "/v1/topics/t/subscribers", {"users": ["zoe"]})
        asked = {"recipients": people, "template": "t", "data": {"at": "2026-11-26T09:00:00Z"}}
        assert (await call("POST", "/v1/notifications", asked)).status == 202
        await work(hub)
        everyone = {"recipients": [{"all": True}], "template": "t", "data": {"at": "2026-11-26T10:00:00Z"}}
        assert (await call("POST", "/v1/notifications", everyone)).status == 202
        await work(hub)
        await pull_broadcasts(
            hub, [row["person_id"] for row in await hub.db.fetch("SELECT person_id FROM inbox_heads")]
        )
        titles = {
            user: [i["title"] for i in await inbox(hub, project_id, user)] for user in ("ada", "bob", "eve", "zoe")
        }
        assert titles == {
            "ada": ["Ada: 7:00\u202fPM -", "Ada: 6:00\u202fPM -"],
            "bob": ["you: 10:00\u202fAM -", "you: 9:00\u202fAM 14C"],
            "eve": ["Eve um 10:00", "Eve um 09:00"],
            "zoe": ["you: 10:00\u202fAM -", "you: 9:00\u202fAM -"],
        }


@pytest.mark.parametrize(
    ("recipients", "data", "path"),
    [
        (["u"], {}, "data"),
        ([{"topic": "t"}], {}, "data"),
        ([{"id": "u", "data": {"n": 1}}, {"id": "v", "data": {"m": 1}}], {}, "recipients.1.data"),
        ([{"id": "u", "data": {"n": 1}}, "v"], {}, "data"),
    ],
)
async def test_what_cannot_be_rendered_is_not_accepted(
    hub: Hub, project_id: int, recipients: Any, data: Any, path: str
) -> None:
    async with serve_api(hub, project_id) as (_, call):
        await store(call, "t", message("a\n{{ data.n }}"))
        body = {"recipients": recipients, "template": "t", "data": data}
        for refused in (
            await call("POST", "/v1/notifications", body),
            await call("POST", "/v1/notifications/explain", body),
        ):
            assert (refused.status, refused.code) == (422, "template_failed")
            error = refused.json["errors"][0]
            assert error["path"] == path
            assert error["message"] == "t: channels.in_app.title: line 2: data.n is undefined"
        good = {**body, "data": {"n": 0}}
        mixed = await call("POST", "/v1/notifications/batch", {"notifications": [body, good]})
        assert [result["status"] for result in mixed.json["results"]] == [422, 202]
        for name in ("title", "body"):
            both = await call("POST", "/v1/notifications", {**good, name: "x"})
            assert (both.status, both.json["errors"][0]["path"]) == (422, name)


async def test_the_texts_of_the_channels_of_the_ladder_are_tried_as_well(hub: Hub, project_id: int) -> None:
    await put_category(hub, project_id, "general", **EMAIL)
    async with serve_api(hub, project_id) as (_, call):
        texts = {"email": {"subject": "s", "html": "<p>\n{{ data.n }}</p>"}, "sms": {"text": "{{ data.m }}"}}
        await store(call, "t", message("t", **texts))
        body = {"recipients": ["u"], "template": "t"}
        refused = await call("POST", "/v1/notifications", body)
        assert (refused.status, refused.code) == (422, "template_failed")
        assert [error["message"] for error in refused.json["errors"]] == [
            "t: channels.email.html: line 2: data.n is undefined"
        ]
        own = {**body, "recipients": [{"id": "u", "data": {"n": 1}}, {"id": "v", "data": {"m": 1}}]}
        refused = await call("POST", "/v1/notifications", own)
        assert [error["path"] for error in refused.json["errors"]] == ["recipients.1.data"]
        for good in ({**body, "data": {"n": 1}}, {**body, "channels": ["in_app"]}):
            assert (await call("POST", "/v1/notifications", good)).status == 202


async def test_an_item_that_fails_late_is_there_all_the_same(hub: Hub, project_id: int) -> None:
    async with serve_api(hub, project_id) as (_, call):
        await store(call, "t", {**message("{{ recipient.properties.plan }}"), "description": "Your plan"})
        assert (
            await call("POST", "/v1/notifications", {"recipients": ["u"], "template": "t"})
        ).code == "template_failed"
        title = "{% if recipient.name %}{{ recipient.properties.plan }}{% else %}Hello{% endif %}"
        german = "{% if recipient.name %}{{ recipient.properties.plan }}{% else %}Hallo{% endif %}"
        whole = {**message(title), "description": "Your plan", "locales": {"de": {"in_app": {"title": german}}}}
        await store(call, "t", whole)
        await call("PUT", "/v1/users/ada", {"name": "Ada"})
        answer = await call("POST", "/v1/notifications", {"recipients": ["ada", "bob"], "template": "t"})
        assert answer.status == 202
        assert [i["title"] for i in await inbox(hub, project_id, "ada")] == ["Your plan"]
        assert [i["title"] for i in await inbox(hub, project_id, "bob")] == ["Hello"]


async def test_a_mail_that_fails_is_a_dead_letter_with_its_line_and_the_others_go(hub: Hub, project_id: int) -> None:
    await make_sandbox(hub, project_id)
    await put_category(hub, project_id, "general", **EMAIL)
    async with serve_api(hub, project_id) as (_, call):
        html = "<p>\n{% if recipient.name %}{{ recipient.properties.plan }}{% endif %}</p>"
        await store(call, "t", message("t", email={"subject": "s", "html": html}))
        await call("PUT", "/v1/users/u", {"name": "Ada"})
        broken = await call("POST", "/v1/notifications", {"recipients": ["u"], "template": "t"})
        for body in ({"template": "t", "data": {"n": 1}}, {"title": "plain"}):
            await call("POST", "/v1/notifications", {"recipients": ["v"], **body})
        async with steps(hub) as worker:
            await worker.run()
        assert sorted(await states(hub)) == [
            ("email", "dead", "template_failed"), ("email", "sent", None), ("email", "sent", None),
        ]  # fmt: skip
        timeline = (await call("GET", f"/v1/notifications/{broken.json['id']}/timeline")).json["items"]
        told = [event["detail"] for event in timeline if event["event"] == "dead"]
        assert told == ["t: channels.email.html: line 2: recipient.properties.plan is undefined"]
        assert [mail["subject"] for mail in await mails(hub)] == ["s", "plain"]


async def test_a_digest_has_its_exact_count_and_items(hub: Hub, project_id: int) -> None:
    await make_sandbox(hub, project_id)
    ladder = [{"channel": "in_app"}, {"channel": "web_push"}, {"channel": "email"}]
    await put_category(hub, project_id, "c", ladder=ladder, digest={"window": "PT5M"})
    async with serve_api(hub, project_id) as (_, call):
        html = "{{ count }}:{% for i in items %} {{ i.title }}/{{ i.data.n }}/{{ i.actor.name }}{% endfor %}"
        texts = message("No. {{ data.n }}", email={"subject": "{{ count }}", "html": html, "layout": False})
        await store(call, "t", {**texts, "category": "c"})
        await call("PUT", "/v1/users/eve", {"name": "Eve"})
        for number in range(3):
            asked = {"recipients": ["u"], "template": "t", "data": {"n": number}, "actor": "eve"}
            assert (await call("POST", "/v1/notifications", asked)).status == 202
        async with steps(hub) as worker:
            await worker.run()
            await worker.later(minutes=6)
            await worker.run()
        push, mail = sorted(await mails(hub), key=lambda texts: "html" in texts)
        assert mail["html"] == "3: No. 2/2/Eve No. 1/1/Eve No. 0/0/Eve"
        assert (push["title"], push["body"]) == ("3 new notifications", "No. 2\nNo. 1\nNo. 0")


async def test_a_preview_sends_nothing(hub: Hub, project_id: int) -> None:
    async with serve_api(hub, project_id) as (_, call):
        body = message("{{ data.n | decimal }}", email={"subject": "s", "html": "<b>{{ recipient.name }}</b>"})
        await store(call, "t", {**body, "locales": {"de": {"in_app": {"title": "{{ data.n | decimal: 2 }}"}}}})
        await call("PUT", "/v1/users/eve", {"name": "Eve <3", "locale": "de"})
        await call("PUT", "/v1/brand", {"name": "Acme", "color": "#112233"})
        shown = (await call("POST", "/v1/templates/t/preview", {"data": {"n": 1234.5}, "user": "eve"})).json
        assert (shown["locale"], shown["version"]) == ("de", None)
        assert shown["channels"]["in_app"] == {"title": "1.234,50", "body": None, "action_url": None}
        assert "<b>Eve &lt;3</b>" in shown["channels"]["email"]["html"]
        assert "#112233" in shown["channels"]["email"]["html"]
        assert set(shown["channels"]) == {"in_app", "web_push", "email", "sms"}
        one = {"data": {"n": 1}, "channel": "sms", "version": 1, "locale": "fr"}
        assert (await call("POST", "/v1/templates/t/preview", one)).json["channels"] == {"sms": {"text": "1"}}
        failed = await call("POST", "/v1/templates/t/preview", {})
        assert (failed.status, failed.code) == (422, "template_failed")
        assert failed.json["errors"] == [
            {"path": "channels.in_app.title", "code": "template_failed", "message": "line 1: data.n is undefined"}
        ]
        assert (await call("POST", "/v1/templates/t/preview", {"version": 9})).status == 404
        assert await rows(hub) == []

        _, key = await create_key(hub.db, project_id, scopes=["config:read"])
        sample = {"data": {"n": 1}, "channel": "sms"}
        assert (await call.with_key(key)("POST", "/v1/templates/t/preview", sample)).status == 200
        refused = await call.with_key(key)("POST", "/v1/templates/t/preview", {**sample, "user": "eve"})
        assert (refused.status, refused.code) == (403, "insufficient_scope")
        assert "users:read" in refused.json["detail"]


async def test_a_draft_that_was_sent_as_a_test_is_kept_as_long_as_it_may_be_replayed(hub: Hub, project_id: int) -> None:
    async with serve_api(hub, project_id) as (_, call):
        await make_sandbox(hub, project_id)
        await store(call, "t", message("one"))
        tested = await call("POST", "/v1/templates/t/test", {"user": "eve", "channel": "in_app"})
        assert tested.status == 202
        age = "UPDATE template_versions SET created_at = created_at - make_interval(days => $1)"
        await hub.db.execute(age, KEEP_DRAFT_DAYS - 1)
        assert await purge_drafts(hub.db, 100) == 0
        await hub.db.execute(age, 2)
        assert (await call("POST", "/v1/templates/t/test", {"user": "eve", "channel": "in_app"})).status == 202
        assert await purge_drafts(hub.db, 100) == 0, "the same draft was sent again"
        await hub.db.execute(age, KEEP_DRAFT_DAYS + 1)
        assert await purge_drafts(hub.db, 100) == 1
        assert (await call("GET", "/v1/templates/t?version=1")).status == 200, "what was published stays"


async def test_a_test_is_sent_whatever_is_wanted(hub: Hub, project_id: int) -> None:
    hub.settings.public_url = "https://hub.example.com"
    await make_sandbox(hub, project_id)
    await put_category(hub, project_id, "offers", kind="marketing", default="opted_out", ladder=[{"channel": "in_app"}])
    async with serve_api(hub, project_id) as (_, call):
        await call("PUT", "/v1/brand", {"address": "1 Main St"})
        unwanted = {"channels": {"email": False}, "paused_until": "2099-01-01T00:00:00Z", "delegate": "bob"}
        await call("PUT", "/v1/users/u/preferences", unwanted)
        draft = {**message("t", email={"subject": "v{{ data.n }}", "html": "x"}), "category": "offers"}
        await call("PUT", "/v1/templates/t", draft)
        sent = await call("POST", "/v1/templates/t/test", {"user": "u", "channel": "email", "data": {"n": 1}})
        assert sent.status == 202, sent
        await call("PUT", "/v1/templates/t", message("another"))
        hub.templates._kept.clear()
        async with steps(hub) as worker:
            await worker.run()
        assert [(row["user_id"], row["channel"], row["state"]) for row in await rows(hub)] == [("u", "email", "sent")]
        assert [mail["subject"] for mail in await mails(hub)] == ["v1"]
        assert await inbox(hub, project_id, "u") == []
        failed = await call("POST", "/v1/templates/t/test", {"user": "u", "channel": "email", "version": 1})
        assert failed.status == 404
        await call("PUT", "/v1/templates/t", draft)
        failed = await call("POST", "/v1/templates/t/test", {"user": "u", "channel": "email"})
        assert failed.code == "template_failed"
        versions = (await call("GET", "/v1/templates/t/versions")).json["items"]
        assert versions == []


async def test_marketing_needs_a_postal_address(hub: Hub, project_id: int) -> None:
    hub.settings.public_url = "https://hub.example.com"
    await make_sandbox(hub, project_id)
    await put_category(hub, project_id, "offers", kind="marketing", **EMAIL)
    async with serve_api(hub, project_id) as (_, call):
        await call("PUT", "/v1/users/u/preferences", {"consents": {"marketing": {"granted": True}}})
        for address in (None, "Acme, 1 Main St"):
            if address:
                assert (await call("PUT", "/v1/brand", {"address": address})).status == 200
                assert (await call("GET", "/v1/brand")).json == {"address": address}
            await call("POST", "/v1/notifications", {"recipients": ["u"], "category": "offers", "title": "Sale"})
            async with steps(hub) as worker:
                await worker.run()
        assert await states(hub) == [("email", "dead", "no_postal_address"), ("email", "sent", None)]
        assert "Acme, 1 Main St" in (await mails(hub))[0]["text"]


async def test_mails_lead_to_the_hubs_own_pages(hub: Hub, project_id: int) -> None:
    hub.settings.public_url = "https://hub.example.com"
    await make_sandbox(hub, project_id)
    await put_category(hub, project_id, "general", **EMAIL)
    await put_category(hub, project_id, "security", default="required", **EMAIL)
    async with serve_api(hub, project_id) as (_, call):
        for category in ("general", "security"):
            await call("POST", "/v1/notifications", {"recipients": ["u"], "category": category, "title": "x"})
        async with steps(hub) as worker:
            await worker.run()
        optional, required = await mails(hub)
        assert "https://hub.example.com/l/u/" in optional["html"]
        assert "https://hub.example.com/l/p/" in optional["text"]
        assert "/l/u/" not in required["html"]
        assert "/l/p/" in required["html"]


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        ({}, "channels.in_app.title", "required"),
        ({"channels": {"in_app": {"title": ""}}}, "channels.in_app.title", "too_short"),
        ({"channels": {"in_app": {"title": "x", "nope": "x"}}}, "channels.in_app.nope", "unknown_field"),
        ({**message("x"), "source": "x"}, "source", "not_allowed"),
        ({**message("x"), "locales": {"pt-BR": {}, "pt_br": {}}}, "locales.pt_br", "repeated"),
        ({**message("x"), "locales": {"de": {"source": "x"}}}, "locales.de.source", "not_allowed"),
        ({"kind": "layout"}, "source", "required"),
        ({"kind": "partial", "source": "x", "channels": {}}, "channels", "not_allowed"),
        ({"kind": "partial", "source": "x" * 65_537}, "source", "too_long"),
        (message("x", email={"html": "x" * 65_000, "text": "ä" * 65_000, "preheader": "ä" * 65_000}), "", "too_large"),
        (message("x", email={"layout": True}), "channels.email.layout", "invalid_type"),
    ],
)
async def test_what_is_no_template(hub: Hub, project_id: int, body: Any, path: str, code: str) -> None:
    async with serve_api(hub, project_id) as (_, call):
        refused = await call("PUT", "/v1/templates/t", body)
        assert refused.status == 422
        assert (path, code) in [(error["path"], error["code"]) for error in refused.json["errors"]], refused


@pytest.mark.parametrize(
    "brand", [{"color": "red"}, {"url": "/x"}, {"logo_url": "javascript:x"}, {"name": ""}, {"nope": 1}]
)
async def test_what_is_no_brand(hub: Hub, project_id: int, brand: Any) -> None:
    async with serve_api(hub, project_id) as (_, call):
        assert (await call("PUT", "/v1/brand", brand)).status == 422
        assert (await call("GET", "/v1/brand")).json == {}
