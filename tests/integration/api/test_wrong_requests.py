"""Wrong requests: each gets the contract's status and code, none a 500, and the process goes on."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import pytest

from hub.runtime import Hub
from hub.store.keys import create_key
from hub.store.projects import create_project
from tests.support.api_server import Answer, Caller
from tests.support.logs import captured_logs

PUBLISH = "/v1/notifications"
NOWHERE = "01900000-0000-7000-8000-000000000000"
JSON = {"Content-Type": "application/json"}
GOOD = {"recipients": ["u"], "title": "t"}


class Wrong(NamedTuple):
    """One wrong request and what it must be answered; `path` is the first wrong field's, where one is wrong."""

    what: str
    method: str
    url: str
    status: int
    code: str
    body: Any = None
    raw: bytes | None = None
    headers: dict[str, str] | None = None
    path: str | None = None


def field(what: str, path: str, code: str = "invalid", **changed: Any) -> Wrong:
    """A publish with a wrong field."""
    return Wrong(what, "POST", PUBLISH, 422, code, {**GOOD, **changed}, path=path)


def text(what: str, raw: bytes, code: str = "malformed_json") -> Wrong:
    """A publish whose body is no JSON."""
    return Wrong(what, "POST", PUBLISH, 400, code, raw=raw, headers=JSON)


def bad(what: str, method: str, url: str, path: str | None, body: Any = None, **more: Any) -> Wrong:
    """A well-formed request with a wrong field or parameter."""
    return Wrong(what, method, url, 422, "invalid", body, path=path, **more)


def media(what: str, content_type: str) -> Wrong:
    return Wrong(
        what, "POST", PUBLISH, 415, "unsupported_media_type", raw=b"{}", headers={"Content-Type": content_type}
    )


def stranger(what: str, authorization: str) -> Wrong:
    return Wrong(what, "GET", "/v1/users", 401, "unauthenticated", headers={"Authorization": authorization})


def large(what: str, method: str, url: str, raw: bytes) -> Wrong:
    return Wrong(what, method, url, 413, "too_large", raw=raw, headers=JSON)


def _soon(**delta: float) -> str:
    return (datetime.now(UTC) + timedelta(**delta)).strftime("%Y-%m-%dT%H:%M:%SZ")


MALFORMED = [
    text("empty body", b""),
    text("not JSON", b"hello"),
    text("cut short", b'{"recipients": ["u"'),
    text("trailing comma", b'{"recipients": ["u"],}'),
    text("two values", b"{}{}"),
    text("NaN", b'{"recipients":["u"],"title":"t","data":{"x":NaN}}'),
    text("Infinity", b'{"recipients":["u"],"title":"t","data":{"x":-Infinity}}'),
    text("float that overflows", b'{"recipients":["u"],"title":"t","data":{"x":1e999}}'),
    text("integer over 64 bits", b'{"recipients":["u"],"title":"t","data":{"x":' + b"9" * 30 + b"}}"),
    text("name twice", b'{"recipients":["u"],"title":"a","title":"b"}'),
    text("not UTF-8", b'{"recipients":["u"],"title":"\xff"}'),
    text("UTF-16", '{"recipients":["u"],"title":"t"}'.encode("utf-16")),
    text("byte order mark", b'\xef\xbb\xbf{"recipients":["u"],"title":"t"}'),
    text("surrogate in UTF-8", b'{"recipients":["u"],"title":"\xed\xa0\x80"}'),
    text("lone surrogate", b'{"recipients":["u"],"title":"\\ud83e"}'),
    text("lone surrogate as a name", b'{"recipients":["u"],"title":"t","data":{"\\udc00":1}}'),
    text("NUL", b'{"recipients":["u\\u0000"],"title":"t"}'),
    text("raw control character", b'{"recipients":["u"],"title":"a\nb"}'),
    text("nested 100,000 deep", b"[" * 100_000),
    text("nested 65 deep", b'{"recipients":["u"],"title":"t","data":' + b'{"a":' * 64 + b"1" + b"}" * 65),
    Wrong("percent without digits", "GET", "/v1/users/100%", 400, "malformed_path"),
    Wrong("path that is not UTF-8", "GET", "/v1/users/%ff", 400, "malformed_path"),
    Wrong("query that is not UTF-8", "GET", "/v1/users?cursor=%ff", 400, "malformed_path"),
    Wrong("query with 33 parameters", "GET", "/v1/users?" + "limit=1&" * 40, 400, "malformed_query"),
]

FIELDS = [
    field("unknown field", "recepients", recepients=["u"]),
    Wrong("no recipients", "POST", PUBLISH, 422, "invalid", {"title": "t"}, path="recipients"),
    Wrong("no title", "POST", PUBLISH, 422, "invalid", {"recipients": ["u"]}, path="title"),
    Wrong("body is a list", "POST", PUBLISH, 422, "invalid", [], path=""),
    Wrong("body is a string", "POST", PUBLISH, 422, "invalid", "hi", path=""),
    field("recipients not a list", "recipients", recipients="u"),
    field("no recipient at all", "recipients", recipients=[]),
    field("1,001 recipients", "recipients", recipients=[f"u{index}" for index in range(1_001)]),
    field("recipient is a number", "recipients.1", recipients=["u", 7]),
    field("recipient without id", "recipients.0.id", recipients=[{}]),
    field("recipient with unknown field", "recipients.0.mail", recipients=[{"id": "u", "mail": "a@b.c"}]),
    field("recipient of 256 characters", "recipients.0", recipients=["u" * 256]),
    field("empty recipient", "recipients.0", recipients=[""]),
    field("control character in a user", "recipients.0", recipients=["a\tb"]),
    field("all is not true", "recipients.0.all", recipients=[{"all": 1}]),
    field("topic and id", "recipients.0.id", recipients=[{"topic": "t", "id": "u"}]),
    field(
        "header injection in an address", "recipients.0.email", recipients=[{"id": "u", "email": "a@b.c\r\nBcc: d@e.f"}]
    ),
    field("unknown time zone", "recipients.0.timezone", recipients=[{"id": "u", "timezone": "Mars/Olympus"}]),
    field("title of 256 characters", "title", title="x" * 256),
    field("title is a number", "title", title=5),
    field("title in no language", "title.123", title={"123": "t"}),
    field("title in a language twice", "title", title={"pt-BR": "a", "pt_br": "b"}),
    field("empty title", "title", title=""),
    field("title is null", "title", title=None),
    field("body of 4,001 characters", "body", body="x" * 4_001),
    field("javascript URL", "action_url", action_url="javascript:alert(1)"),
    field("data URL", "image_url", image_url="data:text/html,hi"),
    field("URL with credentials", "action_url", action_url="https://a:b@example.com/"),
    field("URL without scheme", "action_url", action_url="//example.com/"),
    field("URL of 2,049 characters", "action_url", action_url="https://example.com/" + "x" * 2_029),
    field("data is a list", "data", data=[]),
    field("data of 16 KiB and a byte", "data", data={"x": "y" * (16 * 1024 - 7)}),
    field(
        "merged data over 16 KiB",
        "recipients.0.data",
        data={"x": "y" * 9_000},
        recipients=[{"id": "u", "data": {"z": "y" * 9_000}}],
    ),
    field("21 tags", "tags", tags=[str(index) for index in range(21)]),
    field("6 actions", "actions", actions=[{"id": str(index), "label": "l"} for index in range(6)]),
    field("two actions of one id", "actions", actions=[{"id": "a", "label": "l"}] * 2),
    field("action with a bad URL", "actions.0.url", actions=[{"id": "a", "label": "l", "url": "ftp://x/"}]),
    field("unknown priority", "priority", priority="urgent"),
    field("unknown channel", "channels.0", channels=["pigeon"]),
    field("no channel", "channels", channels=[]),
    field("unknown template", "template", "unknown_template", template="nope", title=None),
    field("template and title", "title", template="nope"),
    field("sandbox is a number", "sandbox", sandbox=1),
    field("send_at without offset", "send_at", send_at="2026-11-21T09:00:00"),
    field("send_at on the 30th of February", "send_at", send_at="2026-02-30T09:00:00Z"),
    field("send_at as a number", "send_at", send_at=1_763_700_000),
    field("send_at in two years", "send_at", send_at=_soon(days=800)),
    field("send_at local with offset", "send_at.local", send_at={"local": "2026-11-21T09:00:00Z"}),
    field("delay of a year by name", "delay", delay="P1Y"),
    field("delay and send_at", "delay", delay="PT1H", send_at=_soon(hours=1)),
    field("expires in the past", "expires_at", expires_at="2020-01-01T00:00:00Z"),
    field("expires before it is sent", "expires_at", send_at=_soon(hours=2), expires_at=_soon(hours=1)),
    field("reply_to with a line break", "overrides.email.reply_to", overrides={"email": {"reply_to": "a@b.c\nX: y"}}),
    field("subject with a line break", "overrides.email.subject", overrides={"email": {"subject": "a\r\nBcc: b"}}),
]

OTHERS = [
    Wrong("no such path", "GET", "/v1/nothing", 404, "not_found"),
    Wrong("no such version", "GET", "/v2/users", 404, "not_found"),
    Wrong("empty segment", "GET", "/v1/users/", 404, "not_found"),
    Wrong("slash in a name, not escaped", "GET", "/v1/users/a/b", 404, "not_found"),
    Wrong("unknown user", "GET", "/v1/users/nobody", 404, "not_found"),
    Wrong("unknown notification", "GET", f"{PUBLISH}/{NOWHERE}", 404, "not_found"),
    Wrong("id that is none", "GET", f"{PUBLISH}/abc", 404, "not_found"),
    Wrong("id with NUL", "GET", f"{PUBLISH}/%00", 404, "not_found"),
    Wrong("timeline of nothing", "GET", f"{PUBLISH}/{NOWHERE}/timeline", 404, "not_found"),
    Wrong("cancel nothing", "POST", f"{PUBLISH}/{NOWHERE}/cancel", 404, "not_found"),
    Wrong("method", "PATCH", PUBLISH, 405, "method_not_allowed", {}),
    Wrong("method of a literal segment", "GET", f"{PUBLISH}/batch", 405, "method_not_allowed"),
    Wrong("method nobody knows", "BREW", "/v1/users", 400, ""),
    bad("NUL in a user", "GET", "/v1/users/a%00b", "path.user"),
    bad("user of 256 characters", "GET", "/v1/users/" + "x" * 256, "path.user"),
    bad("C1 control in a user", "GET", "/v1/users/%C2%85", "path.user"),
    bad("unknown parameter", "GET", "/v1/users?page=2", "query.page"),
    bad("parameter where there are none", "GET", "/v1/users/u?x=1", "query.x"),
    bad("parameter twice", "GET", "/v1/users?limit=1&limit=2", "query.limit"),
    bad("limit 0", "GET", "/v1/users?limit=0", "query.limit"),
    bad("limit 101", "GET", "/v1/users?limit=101", "query.limit"),
    bad("limit in other digits", "GET", "/v1/users?limit=%D9%A3", "query.limit"),
    bad("foreign cursor", "GET", "/v1/users?cursor=abc", "query.cursor"),
    bad("cursor of another list", "GET", "/v1/users?cursor=WzFd", "query.cursor"),
    bad("cursor with NUL", "GET", "/v1/users?cursor=WyJcdTAwMDAiXQ", "query.cursor"),
    bad("cursor over 64 bits", "GET", "/v1/topics/t/subscribers?cursor=Wzk5OTk5OTk5OTk5OTk5OTk5OTk5XQ", "query.cursor"),
    bad("since that is no time", "GET", f"{PUBLISH}?since=yesterday", "query.since"),
    bad("unknown status", "GET", "/v1/users/u/inbox?status=new", "query.status"),
    media("no content type", ""),
    media("form", "application/x-www-form-urlencoded"),
    media("Latin 1", "application/json; charset=latin-1"),
    media("merge patch by POST", "application/merge-patch+json"),
    large("512 KiB and a byte", "POST", PUBLISH, b" " * (512 * 1024 + 1)),
    large("batch of 4 MiB and a byte", "POST", f"{PUBLISH}/batch", b" " * (4 * 1024 * 1024 + 1)),
    large("10 MB", "PUT", "/v1/users/u", b" " * 10_000_000),
    bad("batch of 101", "POST", f"{PUBLISH}/batch", "notifications", {"notifications": [GOOD] * 101}),
    bad("batch of none", "POST", f"{PUBLISH}/batch", "notifications", {"notifications": []}),
    Wrong(
        "empty idempotency key",
        "POST",
        PUBLISH,
        422,
        "invalid",
        GOOD,
        headers={"Idempotency-Key": ""},
        path="Idempotency-Key",
    ),
    Wrong(
        "idempotency key of 256",
        "POST",
        PUBLISH,
        422,
        "invalid",
        GOOD,
        headers={"Idempotency-Key": "x" * 256},
        path="Idempotency-Key",
    ),
    bad("user with another id", "PUT", "/v1/users/u", "id", {"id": "v"}),
    bad("user's e-mail", "PUT", "/v1/users/u", "email", {"email": "nobody"}),
    bad("user's phone", "PUT", "/v1/users/u", "phone", {"phone": "030 123"}),
    bad("user's properties", "PUT", "/v1/users/u", "properties", {"properties": []}),
    bad("user's name is a number", "PUT", "/v1/users/u", "name", {"name": 5}),
    bad("user with an unknown field", "PUT", "/v1/users/u", "nickname", {"nickname": "x"}),
    bad("patch is a list", "PATCH", "/v1/users/u", None, []),
    bad("users without id", "PUT", "/v1/users", "users.0.id", {"users": [{}]}),
    bad(
        "token for a day and a second",
        "POST",
        "/v1/users/u/tokens",
        "expires_in_seconds",
        {"expires_in_seconds": 86_401},
    ),
    bad("token for a fraction", "POST", "/v1/users/u/tokens", "expires_in_seconds", {"expires_in_seconds": 1.5}),
    bad("token that may everything", "POST", "/v1/users/u/tokens", "scopes.0", {"scopes": ["admin"]}),
    bad("mark without action", "POST", "/v1/users/u/inbox/mark", "action", {"all": True}),
    bad("mark with 101 ids", "POST", "/v1/users/u/inbox/mark", "ids", {"action": "read", "ids": [NOWHERE] * 101}),
    bad("snooze without until", "POST", "/v1/users/u/inbox/mark", "until", {"action": "snooze", "all": True}),
    bad("cancel by no key", "POST", f"{PUBLISH}/cancel", "cancellation_key", {}),
    bad("cancel with fields", "POST", f"{PUBLISH}/{NOWHERE}/cancel", "why", {"why": "x"}),
    bad("subscribe nobody", "PUT", "/v1/topics/t/subscribers", "users", {"users": []}),
    bad("ladder of nothing", "PUT", "/v1/categories/c", "ladder", {"ladder": []}),
    bad(
        "ladder with a bad condition",
        "PUT",
        "/v1/categories/c",
        "ladder.0.if",
        {"ladder": [{"channel": "email", "if": "bored"}]},
    ),
    bad(
        "marketing that is required", "PUT", "/v1/categories/c", "default", {"kind": "marketing", "default": "required"}
    ),
    bad("cap of nothing", "PUT", "/v1/categories/c", "cap.limit", {"cap": {"limit": 0, "per": "PT1H"}}),
    bad(
        "in-app step that waits",
        "PUT",
        "/v1/categories/c",
        "ladder.1.after",
        {"ladder": [{"channel": "in_app"}, {"channel": "in_app", "after": "PT1S"}]},
    ),
    bad(
        "in-app step with a condition",
        "PUT",
        "/v1/categories/c",
        "ladder.0.if",
        {"ladder": [{"channel": "in_app", "if": "unread"}]},
    ),
    bad(
        "digest key that is no template",
        "PUT",
        "/v1/categories/c",
        "digest.key",
        {"digest": {"window": "PT5M", "key": "{{ data.post"}},
    ),
    bad("digest without window", "PUT", "/v1/categories/c", "digest.window", {"digest": {}}),
    stranger("no key", ""),
    stranger("another scheme", "Basic aGs6"),
    stranger("a key nobody has", f"Bearer hk_{'x' * 43}"),
    stranger("a key that is none", "Bearer \xe9"),
    stranger("the key of hub dev", "Bearer hk_dev"),
]


def _complaint(wrong: Wrong, answer: Answer) -> str | None:
    if answer.status != wrong.status:
        return f"{wrong.what}: {answer.status} instead of {wrong.status}: {answer.raw[:300]!r}"
    if not wrong.code:
        return None
    if answer.headers["Content-Type"] != "application/problem+json":
        return f"{wrong.what}: answered as {answer.headers['Content-Type']}"
    problem = answer.json
    if problem["code"] != wrong.code or problem["status"] != wrong.status:
        return f"{wrong.what}: {problem}"
    if set(problem) != {"type", "title", "status", "detail", "code", "request_id", "errors"}:
        return f"{wrong.what}: members {sorted(problem)}"
    if answer.headers["X-Request-Id"] != problem["request_id"]:
        return f"{wrong.what}: two request ids"
    if wrong.path is not None and wrong.path not in [error["path"] for error in problem["errors"]]:
        return f"{wrong.what}: {problem['errors']} does not name {wrong.path!r}"
    if any(f"RateLimit-{name}" not in answer.headers for name in ("Limit", "Remaining", "Reset")):
        return f"{wrong.what}: no RateLimit headers"
    return None


async def test_every_wrong_request_gets_its_answer_and_the_process_goes_on(call: Caller) -> None:
    table = [*MALFORMED, *FIELDS, *OTHERS]
    assert len(table) >= 140
    assert len({wrong.what for wrong in table}) == len(table)
    complaints = []
    with captured_logs() as logs:
        for wrong in table:
            answer = await call(wrong.method, wrong.url, wrong.body, raw=wrong.raw, headers=wrong.headers)
            if (complaint := _complaint(wrong, answer)) is not None:
                complaints.append(complaint)
            assert b"Traceback" not in answer.raw
    assert complaints == []
    assert [entry for entry in logs if entry["log_level"] in ("error", "critical")] == []
    assert (await call("POST", PUBLISH, GOOD)).status == 202


async def test_405_names_the_methods_there_are(call: Caller) -> None:
    answer = await call("POST", "/v1/users/u", {})
    assert answer.status == 405
    assert answer.headers["Allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"


async def test_413_says_how_large_and_how_large_it_may_be(call: Caller) -> None:
    async def chunks() -> Any:
        for _ in range(11):
            yield b" " * 50_000

    for raw in (b" " * 550_000, chunks()):
        answer = await call("POST", PUBLISH, raw=raw, headers=JSON)
        assert answer.status == 413
        assert answer.json["detail"] == "The body is 550000 bytes large; at most 524288 are allowed."


async def test_a_client_that_waits_for_leave_to_send_too_much_is_told_at_once(call: Caller) -> None:
    head = (
        f"POST {PUBLISH} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {call.key}\r\n"
        "Content-Type: application/json\r\nContent-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n"
    )
    answer = await _raw(call, head.encode("ascii"))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"The body is 99999999999 bytes large" in answer


@pytest.mark.parametrize(
    "request_text",
    [
        b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
        b"GET /v1/users HTTP/1.1\r\nHost: h\r\nX: \x00\r\n\r\n",
        b"GET \xff HTTP/1.1\r\nHost: h\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /v1/notifications HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    ],
)
async def test_bytes_that_are_no_http_cost_their_connection_only(call: Caller, request_text: bytes) -> None:
    answer = await _raw(call, request_text)
    assert answer == b"" or answer.split(b" ", 2)[1].startswith(b"4")
    assert (await call("GET", "/healthz")).status == 200


async def _raw(call: Caller, request_text: bytes) -> bytes:
    host, port = call.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request_text)
    try:
        async with asyncio.timeout(20):
            return await reader.read(64 * 1024)
    finally:
        writer.close()


async def test_what_belongs_to_another_project_is_not_there(call: Caller, hub: Hub) -> None:
    other = await create_project(hub.db, "other")
    _, key = await create_key(hub.db, other.project_id, scopes=["admin"])
    theirs = call.with_key(key)
    await theirs("PUT", "/v1/users/u", {"name": "theirs"})
    await theirs("PUT", "/v1/categories/c", {})
    await theirs("PUT", "/v1/topics/t/subscribers", {"users": ["u"]})
    identifier = (await theirs("POST", PUBLISH, GOOD)).json["id"]
    for method, path in (
        ("GET", "/v1/users/u"),
        ("DELETE", "/v1/users/u"),
        ("GET", "/v1/users/u/inbox"),
        ("GET", "/v1/users/u/topics"),
        ("GET", "/v1/categories/c"),
        ("DELETE", "/v1/categories/c"),
        ("GET", "/v1/topics/t/subscribers"),
        ("GET", f"{PUBLISH}/{identifier}"),
        ("GET", f"{PUBLISH}/{identifier}/timeline"),
        ("POST", f"{PUBLISH}/{identifier}/cancel"),
    ):
        assert (await call(method, path)).status == 404, path
    assert (await call("GET", PUBLISH)).json["items"] == []
    assert (await call("GET", "/v1/users")).json["items"] == []
    body = {"action": "delete", "all": True}
    assert (await call("POST", "/v1/users/u/inbox/mark", body)).status == 404
    assert len((await theirs("GET", "/v1/users/u/inbox")).json["items"]) == 1


async def test_nothing_unexpected_reaches_the_client(call: Caller, hub: Hub) -> None:
    await hub.db.execute("ALTER TABLE topics RENAME TO hidden_topics")
    with captured_logs() as logs:
        answer = await call("GET", "/v1/topics", headers={"X-Request-Id": "find-me"})
    assert (answer.status, answer.code) == (500, "internal_error")
    assert answer.json["request_id"] == "find-me"
    assert b"hidden" not in answer.raw
    assert b"relation" not in answer.raw
    errors = [entry for entry in logs if entry["log_level"] == "error"]
    assert [entry["request_id"] for entry in errors] == ["find-me"]
    assert msgspec.json.decode(answer.raw)["detail"].startswith("The hub failed.")
