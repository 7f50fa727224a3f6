"""More than the database takes: who is refused, who is not, and what a refusal says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from yarl import URL

from hub.api.guard import ApiKeyGuard
from hub.api.notifications import Notifications
from hub.publish import publisher
from hub.runtime import Hub
from hub.store.keys import create_key
from hub.web import http
from hub.web.request import Request
from tests.support.api_server import Answer, Caller
from tests.support.gateway import until

PATH = "/v1/notifications"


def body(priority: str | None = None, **more: Any) -> dict[str, Any]:
    return {"recipients": ["u"], "title": "t"} | ({} if priority is None else {"priority": priority}) | more


@asynccontextmanager
async def full(hub: Hub, call: Caller, waiting: int) -> AsyncIterator[list[asyncio.Task[Answer]]]:
    """So many publishes wait behind one that the database keeps; all of them go on when the block ends."""
    async with hub.db.acquire() as conn, conn.transaction():
        await conn.execute("LOCK TABLE notifications")
        tasks = [asyncio.create_task(call("POST", PATH, body())) for _ in range(publisher.GROUPS)]
        await until(lambda: hub.publisher._waiting == 0 and len(hub.publisher._groups) == publisher.GROUPS)
        tasks += [asyncio.create_task(call("POST", PATH, body())) for _ in range(waiting)]
        await until(lambda: hub.publisher._waiting == waiting)
        yield tasks


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A queue of ten: bulk is refused from five on, normal from eight."""
    monkeypatch.setattr(publisher, "QUEUE_LIMIT", 10)
    monkeypatch.setattr(publisher, "GROUP_UNITS", 1)
    monkeypatch.setattr(publisher, "URGENT_SECONDS", 0.0)


@pytest.fixture
def entered(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """The publishes that were looked at further than their lane. Before `call`: routes keep their handlers."""
    seen: list[Request] = []
    publish = Notifications.publish

    async def noting(self: Notifications, request: Request) -> Any:
        seen.append(request)
        return await publish(self, request)

    monkeypatch.setattr(Notifications, "publish", noting)
    return seen


@pytest.mark.usefixtures("small")
async def test_what_there_is_no_room_for_is_refused_at_a_look_with_all_that_an_answer_has(
    entered: list[Request], hub: Hub, call: Caller
) -> None:
    await call("PUT", "/v1/categories/alarms", {"priority": "critical"})
    await call("PUT", "/v1/categories/news", {"priority": "bulk"})
    for category in ("alarms", "news", "general"):
        assert (await call("POST", PATH, body(category=category))).status == 202
    async with full(hub, call, waiting=5) as waiting:
        entered.clear()
        refused = await call("POST", PATH, body("bulk"), headers={"X-Request-Id": "mine-1"})
        assert (refused.status, refused.code) == (503, "overloaded")
        assert refused.json["request_id"] == refused.headers["X-Request-Id"] == "mine-1"
        assert refused.headers["Retry-After"] == "5"
        assert all(f"RateLimit-{what}" in refused.headers for what in ("Limit", "Remaining", "Reset"))
        assert refused.headers["Cache-Control"] == "no-store"
        assert (await call("POST", PATH, body(category="news"))).status == 503  # its priority is its category's
        assert entered == []
        for others in (body(), body("critical"), body(category="alarms")):
            waiting.append(asyncio.create_task(call("POST", PATH, others)))
        await until(lambda: hub.publisher._waiting == 8)
        entered.clear()
        refused = await call("POST", PATH, body())
        assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
        assert entered == []
        waiting.append(asyncio.create_task(call("POST", PATH, body(category="alarms"))))
        await until(lambda: hub.publisher._waiting == 9)
    assert {answer.status for answer in await asyncio.gather(*waiting)} == {202}
    assert (await call("POST", PATH, body("bulk"))).status == 202


@pytest.mark.usefixtures("small")
async def test_what_is_not_plain_at_a_look_goes_the_whole_way(
    entered: list[Request], hub: Hub, call: Caller, project_id: int
) -> None:
    await call("PUT", "/v1/categories/alarms", {"priority": "critical"})
    template = {"category": "alarms", "channels": {"in_app": {"title": "Fire"}}}
    assert (await call("PUT", "/v1/templates/alarm", template)).status == 200
    assert (await call("POST", "/v1/templates/alarm/publish")).status == 200
    _, limited = await create_key(hub.db, project_id, scopes=["notifications:write"], rate_per_second=1)
    _, elsewhere = await create_key(hub.db, project_id, scopes=["users:read"])
    _, narrow = await create_key(hub.db, project_id, scopes=["notifications:write"], categories=["alarms"])
    for key in (limited, elsewhere, narrow):  # known to this process from now on
        await call.with_key(key)("GET", PATH)
    kind = {"Content-Type": "application/json"}
    async with full(hub, call, waiting=8) as waiting:
        entered.clear()
        in_pieces = b'{"recipients": ["u"], "title": "t", "priority": "bulk"' + b" " * 300_000 + b"}"
        assert (await call("POST", PATH, raw=in_pieces, headers=kind)).status == 503
        assert (await call("POST", PATH, raw=in_pieces + b" " * 300_000, headers=kind)).status == 413
        assert (await call("POST", PATH, body("bulk"), headers={"X-Request-Id": "no id"})).status == 503
        assert (await call("POST", PATH, body("bulk"), headers={"Origin": "https://shop.example"})).status == 503
        assert len(entered) == 4
        assert (await call("POST", PATH, raw=b'{"priority": "bulk"', headers=kind)).code == "malformed_json"
        deep = b'{"priority": "bulk", "x": ' + b"[" * 5_000 + b"]" * 5_000 + b"}"
        assert (await call("POST", PATH, raw=deep, headers=kind)).code == "malformed_json"
        assert (await call("POST", PATH, body("urgent"))).status == 422
        assert (await call("POST", PATH, body("bulk", category=7))).status == 422
        assert (await call("POST", PATH + "?when=now", body("bulk"))).status == 422
        assert (await call.with_key("hk_" + "x" * 40)("POST", PATH, body("bulk"))).status == 401
        assert (await call.with_key(None)("POST", PATH, body("bulk"))).status == 401
        assert (await call.with_key(elsewhere)("POST", PATH, body("bulk"))).code == "insufficient_scope"
        assert (await call.with_key(narrow)("POST", PATH, body("bulk"))).code == "category_not_allowed"
        answers = [await call.with_key(limited)("POST", PATH, body("bulk")) for _ in range(5)]
        assert {answer.status for answer in answers} <= {429, 503}
        assert answers[-1].status == 429
        assert (await call("POST", PATH + "/batch", {"notifications": [body("bulk")]})).status == 503
        # Its category is its template's, and that is critical.
        alarm = {"recipients": ["u"], "template": "alarm"}
        waiting.append(asyncio.create_task(call("POST", PATH, alarm)))
        await until(lambda: hub.publisher._waiting == 9)
        from_a_page = {"Origin": "https://shop.example"}
        waiting.append(asyncio.create_task(call("POST", PATH, body("critical"), headers=from_a_page)))
        await until(lambda: hub.publisher._waiting == 10)
    assert {answer.status for answer in await asyncio.gather(*waiting)} == {202}


@pytest.mark.usefixtures("small")
async def test_a_refusal_at_a_look_is_that_of_the_whole_way_and_counted_once(
    entered: list[Request], hub: Hub, call: Caller
) -> None:
    async with full(hub, call, waiting=5) as waiting:
        entered.clear()
        before = publisher.REFUSED.labels("bulk")._value.get()
        at_a_look = await call("POST", PATH, body("bulk"), headers={"X-Request-Id": "a"})
        assert entered == []
        whole_way = await call("POST", PATH, body("bulk"), headers={"X-Request-Id": "a", "Connection": "close"})
        assert len(entered) == 1
        assert publisher.REFUSED.labels("bulk")._value.get() - before == 2
        assert at_a_look.json == whole_way.json
        differ = {"Date", "Connection", "RateLimit-Remaining", "RateLimit-Reset"}
        one, other = (
            {name: value for name, value in answer.headers.items() if name.title() not in {d.title() for d in differ}}
            for answer in (at_a_look, whole_way)
        )
        assert one == other
        assert at_a_look.headers["Date"]
        assert int(at_a_look.headers["RateLimit-Remaining"]) > 0
    await asyncio.gather(*waiting)


@pytest.mark.usefixtures("small")
async def test_a_body_that_comes_slowly_has_the_time_that_it_always_has(
    hub: Hub, call: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    admitted = asyncio.Event()
    admit = ApiKeyGuard.admit

    async def noting(*arguments: Any) -> None:
        await admit(*arguments)
        admitted.set()

    monkeypatch.setattr(ApiKeyGuard, "admit", noting)
    monkeypatch.setattr(http, "HOLD_SECONDS", 0.01)
    raw = msgspec.json.encode(body("critical"))
    url = URL(call.url)
    async with full(hub, call, waiting=5) as waiting:
        admitted.clear()
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(
            f"POST {PATH} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {call.key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(raw)}\r\n\r\n".encode()
        )
        await admitted.wait()  # it was held for a moment; now the API waits for the body
        writer.write(raw)
        await until(lambda: hub.publisher._waiting == 6)
    assert (await reader.readline()).startswith(b"HTTP/1.1 202 ")
    writer.close()
    assert {answer.status for answer in await asyncio.gather(*waiting)} == {202}
