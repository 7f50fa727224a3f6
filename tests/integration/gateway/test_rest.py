"""The client's REST calls."""

from __future__ import annotations

import asyncio
import gzip
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from gateway.asyncapi import asyncapi_document
from gateway.widget import _File
from hub.config import Settings
from hub.runtime import Hub
from hub.store.inbox import open_inbox
from tests.support.gateway import (
    RunningGateway,
    another_hub,
    client,
    issue,
    publish,
    rest,
    running_gateway,
    token,
    work,
)

ROOT = Path(__file__).parents[3]


async def test_the_inbox_is_listed_page_by_page_and_the_stream_goes_on_from_it(
    hub: Hub, project_id: int, gateway: RunningGateway
) -> None:
    text = await issue(hub, project_id)
    for n in range(5):
        await publish(
            hub, project_id, title=f"{n}", tags=["x"] if n % 2 else [], category="general", tenant="acme" if n else None
        )
    async with rest(gateway, text) as calls:
        status, first, headers = await calls.call("GET", "/v1/inbox?limit=3")
        assert status == 200
        assert headers["Cache-Control"] == "no-store"
        assert headers["RateLimit-Limit"] == "100"
        assert [item["title"] for item in first["items"]] == ["4", "3", "2"]
        assert first["counts"] == {"unseen": 5, "unread": 5, "total": 5}
        assert first["rev"] == 5
        _, second, _ = await calls.call("GET", f"/v1/inbox?limit=3&cursor={first['next_cursor']}")
        assert [item["title"] for item in second["items"]] == ["1", "0"]
        assert second["next_cursor"] is None
        for query, titles in (("tag=x", ["3", "1"]), ("tenant=acme", ["4", "3", "2", "1"]), ("status=archived", [])):
            _, found, _ = await calls.call("GET", f"/v1/inbox?{query}")
            assert [item["title"] for item in found["items"]] == titles
        _, item, _ = await calls.call("GET", f"/v1/inbox/{first['items'][0]['id']}")
        assert item == first["items"][0]
        assert (await calls.call("GET", "/v1/inbox/counts"))[1] == {"unseen": 5, "unread": 5, "total": 5, "rev": 5}
    async with client(gateway.ws_url) as ada:
        await ada.hello(text, cursor=first["sync"])
        assert (await ada.receive())["type"] == "changes"


async def test_marks_count_once_for_one_key(hub: Hub, project_id: int, gateway: RunningGateway) -> None:
    await publish(hub, project_id)
    async with (
        rest(gateway, await issue(hub, project_id)) as calls,
        rest(gateway, await issue(hub, project_id)) as renewed,
    ):
        body, key = {"action": "read", "all": True, "upto": 1}, {"Idempotency-Key": "k"}
        status, answer, headers = await calls.call("POST", "/v1/inbox/mark", body, headers=key)
        assert (status, answer) == (200, {"rev": 2, "changed": 1, "unknown": []})
        assert "Idempotency-Replayed" not in headers
        status, again, headers = await renewed.call("POST", "/v1/inbox/mark", body, headers=key)
        assert (status, again, headers["Idempotency-Replayed"]) == (200, answer, "true")
        status, problem, _ = await calls.call("POST", "/v1/inbox/mark", {**body, "action": "unread"}, headers=key)
        assert (status, problem["code"]) == (422, "idempotency_key_reused")
        missing = str(uuid4())
        status, answer, _ = await calls.call("POST", "/v1/inbox/mark", {"action": "read", "ids": [missing]})
        assert (status, answer) == (200, {"rev": 2, "changed": 0, "unknown": [missing]})


async def test_receipts_count_once_for_one_key(hub: Hub, project_id: int, gateway: RunningGateway) -> None:
    text = await issue(hub, project_id)
    async with client(gateway.ws_url) as ada, rest(gateway, text) as calls:
        receipt = {"connection": (await ada.hello(text))["connection"], "state": "idle"}
        assert (await calls.call("POST", "/v1/inbox/receipts", receipt, headers={"Idempotency-Key": "r"}))[0] == 204
        status, _, headers = await calls.call("POST", "/v1/inbox/receipts", receipt, headers={"Idempotency-Key": "r"})
        assert (status, headers["Idempotency-Replayed"]) == (204, "true")


async def test_an_inbox_that_nobody_wrote_to_is_empty_and_gets_what_is_for_everyone(
    hub: Hub, project_id: int, gateway: RunningGateway
) -> None:
    async with rest(gateway, await issue(hub, project_id)) as calls:
        status, page, _ = await calls.call("GET", "/v1/inbox")
        assert (status, page["items"], page["rev"]) == (200, [], 0)
        await publish(hub, project_id, [{"all": True}], title="everyone")
        await work(hub)
        assert [item["title"] for item in (await calls.call("GET", "/v1/inbox"))[1]["items"]] == ["everyone"]


async def test_nobody_reads_or_marks_what_is_somebody_elses(hub: Hub, project_id: int, gateway: RunningGateway) -> None:
    await publish(hub, project_id, ["bob"])
    async with (
        rest(gateway, await issue(hub, project_id)) as ada,
        rest(gateway, await issue(hub, project_id, "bob")) as bob,
    ):
        item = (await bob.call("GET", "/v1/inbox"))[1]["items"][0]
        status, problem, _ = await ada.call("GET", f"/v1/inbox/{item['id']}")
        assert (status, problem["code"]) == (404, "not_found")
        _, answer, _ = await ada.call("POST", "/v1/inbox/mark", {"action": "delete", "ids": [item["id"]]})
        assert answer["unknown"] == [item["id"]]
        assert len((await bob.call("GET", "/v1/inbox"))[1]["items"]) == 1


CASES: list[tuple[str, str, Any, dict[str, str], int, str]] = [
    ("GET", "/v1/inbox", None, {"Authorization": ""}, 401, "unauthenticated"),
    ("GET", "/v1/inbox", None, {"Authorization": "Basic eA=="}, 401, "unauthenticated"),
    ("GET", "/v1/inbox", None, {"Authorization": "Bearer nonsense"}, 401, "token_refused"),
    ("GET", "/v1/inbox?token=nonsense", None, {}, 422, "invalid"),
    ("GET", "/v1/inbox?limit=0", None, {}, 422, "invalid"),
    ("GET", "/v1/inbox?limit=101", None, {}, 422, "invalid"),
    ("GET", "/v1/inbox?limit=x", None, {}, 422, "invalid"),
    ("GET", "/v1/inbox?status=lost", None, {}, 422, "invalid"),
    ("GET", "/v1/inbox?cursor=nonsense", None, {}, 422, "invalid"),
    ("GET", "/v1/inbox?other=1", None, {}, 422, "invalid"),
    ("GET", "/v1/inbox?category=%FF", None, {}, 400, "malformed_path"),
    ("GET", "/v1/inbox/counts?x=1", None, {}, 422, "invalid"),
    ("GET", "/v1/inbox/nothing", None, {}, 404, "not_found"),
    ("GET", f"/v1/inbox/{uuid4()}", None, {}, 404, "not_found"),
    ("DELETE", "/v1/inbox", None, {}, 405, "method_not_allowed"),
    ("POST", "/v1/inbox/mark", {}, {}, 422, "invalid"),
    ("POST", "/v1/inbox/mark", [], {}, 422, "invalid"),
    ("POST", "/v1/inbox/mark", {"action": "read", "all": True, "ids": [str(uuid4())]}, {}, 422, "invalid"),
    ("POST", "/v1/inbox/mark", {"action": "read", "ids": [str(uuid4())] * 101}, {}, 422, "invalid"),
    ("POST", "/v1/inbox/mark", {"action": "snooze", "all": True, "until": "2020-01-01T00:00:00Z"}, {}, 422, "invalid"),
    ("POST", "/v1/inbox/mark", {"action": "read", "all": True, "more": 1}, {}, 422, "invalid"),
    ("POST", "/v1/inbox/mark", "read", {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
    ("POST", "/v1/inbox/mark", {"action": "read", "all": True}, {"Idempotency-Key": "x" * 256}, 422, "invalid"),
    ("POST", "/v1/inbox/receipts", {"ack": 1}, {}, 422, "invalid"),
    ("GET", "/v1/inbox/none/at/all", None, {}, 404, "not_found"),
]


async def test_wrong_calls_are_answered_with_what_is_wrong(hub: Hub, project_id: int, gateway: RunningGateway) -> None:
    async with rest(gateway, await issue(hub, project_id)) as calls:
        for method, path, body, headers, status, code in CASES:
            found, problem, answered = await calls.call(method, path, body, headers=headers)
            assert (method, path, body, found, problem["code"]) == (method, path, body, status, code)
            assert answered["Content-Type"] == "application/problem+json"
            assert problem["request_id"] == answered["X-Request-Id"]


@pytest.mark.parametrize(
    ("claims", "status", "code"),
    [
        ({"expires_at": time.time() - 100}, 401, "token_expired"),
        ({"expires_at": time.time() + 90_000}, 401, "token_refused"),
        ({"project": "other"}, 401, "token_refused"),
        ({"scopes": []}, 403, "insufficient_scope"),
        ({"scopes": ["inbox:write"]}, 403, "insufficient_scope"),
    ],
)
async def test_tokens_that_do_not_open_an_inbox(
    hub: Hub, project_id: int, gateway: RunningGateway, claims: dict[str, Any], status: int, code: str
) -> None:
    async with rest(gateway, token(hub, project_id, **claims)) as calls:
        found, problem, _ = await calls.call("GET", "/v1/inbox")
        assert (found, problem["code"]) == (status, code)


async def test_reading_does_not_allow_writing(hub: Hub, project_id: int, gateway: RunningGateway) -> None:
    async with rest(gateway, token(hub, project_id, scopes=["inbox:read"])) as calls:
        assert (await calls.call("GET", "/v1/inbox"))[0] == 200
        assert (await calls.call("POST", "/v1/inbox/mark", {"action": "read", "all": True}))[0] == 403
        assert (await calls.call("POST", "/v1/inbox/receipts", {"connection": "c", "seen": 1}))[0] == 403


async def test_a_persons_rate_is_limited_by_whatever_way(settings: Settings, project_id: int) -> None:
    async with another_hub(settings, client_rate_limit_per_second=5) as hub, running_gateway(hub) as gateway:
        async with rest(gateway, token(hub, project_id)) as ada, rest(gateway, token(hub, project_id, "bob")) as bob:
            answers = [await ada.call("GET", "/v1/inbox/counts") for _ in range(8)]
            refused = [answer for answer in answers if answer[0] == 429]
            assert refused
            assert refused[0][1]["code"] == "rate_limited"
            assert int(refused[0][2]["Retry-After"]) >= 1
            assert (await bob.call("GET", "/v1/inbox/counts"))[0] == 200
        async with client(gateway.ws_url) as carol:
            await carol.hello(token(hub, project_id, "carol"))
            for ref in range(20):
                await carol.send("mark", ref=ref, action="read", all=True)
            error = await carol.receive_type("error")
            assert error["code"] == "rate_limited"


async def test_a_page_of_an_allowed_origin_may_call(settings: Settings, project_id: int) -> None:
    async with (
        another_hub(settings, allowed_origins=("https://app.test",)) as hub,
        running_gateway(hub) as gateway,
        rest(gateway, token(hub, project_id)) as calls,
    ):
        origin = {"Origin": "https://app.test", "Access-Control-Request-Method": "POST"}
        status, _, headers = await calls.call("OPTIONS", "/v1/inbox/mark", headers=origin)
        assert status == 204
        assert headers["Access-Control-Allow-Origin"] == "https://app.test"
        assert "POST" in headers["Access-Control-Allow-Methods"]
        assert "authorization" in headers["Access-Control-Allow-Headers"]
        _, _, headers = await calls.call("GET", "/v1/inbox", headers={"Origin": "https://app.test"})
        assert headers["Access-Control-Allow-Origin"] == "https://app.test"
        _, _, headers = await calls.call("GET", "/v1/inbox", headers={"Origin": "https://evil.test"})
        assert "Access-Control-Allow-Origin" not in headers


async def test_the_widget_is_served_as_modules_and_nothing_else_is(gateway: RunningGateway) -> None:
    async with rest(gateway) as calls:
        for name in ("hub-client.js", "hub-inbox.js"):
            status, body, headers = await calls.call("GET", f"/widget/{name}")
            assert status == 200
            assert b"export{" in body
            assert b'from"./' not in body, "whole in itself"
            assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-cache")
            assert headers["Content-Type"] == "text/javascript; charset=utf-8"
            for origin in ("https://app.test", "https://anybody.test"):  # a module script is fetched with CORS
                _, _, open_to = await calls.call("GET", f"/widget/{name}", headers={"Origin": origin})
                assert open_to.getall("Access-Control-Allow-Origin") == ["*"]
            again = {"If-None-Match": headers["ETag"]}
            assert (await calls.call("GET", f"/widget/{name}", headers=again))[0] == 304
            status, body, headers = await calls.call("HEAD", f"/widget/{name}")
            assert (status, body) == (200, b"")
        for name in ("..%2Fpackage.json", "package.json", "hub-client", "", "%2e%2e/tsconfig.json"):
            assert (await calls.call("GET", f"/widget/{name}"))[0] == 404


async def test_the_widget_comes_gzipped_to_who_takes_it(gateway: RunningGateway) -> None:
    path, tags = "/widget/hub-client.js", set()
    async with aiohttp.ClientSession(gateway.url, auto_decompress=False) as session:
        for accepted, encoding in [
            ("gzip, deflate, br, zstd", "gzip"), ("br;q=1.0, *;q=0.5", "gzip"), ("gzip;q=0.001", "gzip"),
            ("gzip;q=0", None), ("*, gzip; q=0.000", None), ("identity", None), ("", None), ("gzip2", None),
        ]:  # fmt: skip
            async with session.get(path, headers={"Accept-Encoding": accepted}) as response:
                body, headers = await response.read(), response.headers
            assert (response.status, headers.get("Content-Encoding"), headers["Vary"]) == (
                200, encoding, "accept-encoding",
            )  # fmt: skip
            assert int(headers["Content-Length"]) == len(body)
            plain = gzip.decompress(body) if encoding else body
            assert plain == (ROOT / "web-widget" / "dist" / "hub-client.js").read_bytes()
            tags.add((encoding, headers["ETag"]))
            for known, status in [(headers["ETag"], 304), (f'"x", W/{headers["ETag"]}', 304), ('"x"', 200)]:
                again = {"Accept-Encoding": accepted, "If-None-Match": known}
                async with session.get(path, headers=again) as response:
                    assert (response.status, response.headers["Vary"]) == (status, "accept-encoding")
    assert len(tags) == len({tag for _, tag in tags}) == 2, "one tag for each form"


def test_a_rebuilt_file_is_served_as_it_is_now(tmp_path: Path) -> None:
    (tmp_path / "hub-x.js").write_text("1")
    file = _File(tmp_path / "hub-x.js")
    first = file.read(gzipped=True)
    assert file.read(gzipped=True) is first
    (tmp_path / "hub-x.js").write_text("22")
    assert gzip.decompress(file.read(gzipped=True).body) == b"22"
    assert file.read(gzipped=False).etag != first.etag


async def test_what_a_gateway_says_of_itself(settings: Settings, gateway: RunningGateway) -> None:
    async with rest(gateway) as calls:
        assert (await calls.call("GET", "/healthz"))[0] == 200
        status, ready, _ = await calls.call("GET", "/readyz")
        assert (status, ready["checks"]) == (200, {"postgres": "ok", "redis": "ok", "subscription": "ok"})
        assert (await calls.call("GET", "/asyncapi.json"))[1] == asyncapi_document()
        status, openapi, _ = await calls.call("GET", "/openapi.json")
        assert status == 200
        assert {"/v1/inbox", "/v1/inbox/events", "/v1/notifications"} <= openapi["paths"].keys()
        status, text, _ = await calls.call("GET", "/metrics")
        assert status == 200
        assert b"hub_gateway_connections" in text
        await gateway.app.drain()
        assert (await calls.call("GET", "/readyz"))[0] == 503
        assert (await calls.call("GET", "/healthz"))[0] == 200


async def test_an_inbox_is_deleted_between_two_calls(hub: Hub, project_id: int, gateway: RunningGateway) -> None:
    await open_inbox(hub.db, project_id, "ada")
    async with rest(gateway, await issue(hub, project_id)) as calls:
        deletions = (hub.db.execute("DELETE FROM people WHERE user_id = 'ada'") for _ in range(20))
        reads = (calls.call("GET", "/v1/inbox") for _ in range(20))
        answers = [answer for answer in await asyncio.gather(*reads, *deletions) if isinstance(answer, tuple)]
        assert {answer[0] for answer in answers} <= {200, 404}
