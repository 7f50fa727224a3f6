"""More than the database takes: who is refused, who is not, and what a refusal says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hub.api.notifications import Notifications
from hub.publish import publisher
from hub.runtime import Hub
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
        tasks = [asyncio.create_task(call("POST", PATH, body("normal"))) for _ in range(publisher.GROUPS + waiting)]
        await until(lambda: hub.publisher._waiting == waiting and len(hub.publisher._groups) == publisher.GROUPS)
        yield tasks


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A queue of ten: bulk is refused from five on, normal from eight."""
    monkeypatch.setattr(publisher, "QUEUE_LIMIT", 10)
    monkeypatch.setattr(publisher, "GROUP_UNITS", 1)


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
async def test_what_is_not_plain_at_a_look_goes_the_whole_way(entered: list[Request], hub: Hub, call: Caller) -> None:
    kind = {"Content-Type": "application/json"}
    async with full(hub, call, waiting=5) as waiting:
        entered.clear()
        in_pieces = b'{"recipients": ["u"], "title": "t", "priority": "bulk"' + b" " * 300_000 + b"}"
        assert (await call("POST", PATH, raw=in_pieces, headers=kind)).status == 503
        assert len(entered) == 1
        assert (await call("POST", PATH, raw=b'{"priority": "bulk"', headers=kind)).code == "malformed_json"
        assert (await call("POST", PATH, body("urgent"))).status == 422
        assert (await call("POST", PATH, body("bulk", category=7))).status == 422
        assert (await call.with_key("hk_" + "x" * 40)("POST", PATH, body("bulk"))).status == 401
        assert (await call.with_key(None)("POST", PATH, body("bulk"))).status == 401
        assert (await call("POST", PATH + "/batch", {"notifications": [body("bulk")]})).status == 503
        waiting.append(asyncio.create_task(call("POST", PATH, body(), headers={"Origin": "https://shop.example"})))
        await until(lambda: hub.publisher._waiting == 6)
    assert {answer.status for answer in await asyncio.gather(*waiting)} == {202}
