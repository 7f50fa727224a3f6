"""Caps at work: what is over is dropped or folded, and nothing is counted twice or forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.bus import caps
from hub.bus.caps import CapAsk
from hub.runtime import Hub
from tests.integration.deliveries.test_digests import gathered
from tests.support.deliveries import Steps, put_category, rows, sent
from tests.support.publishing import publish
from tests.support.redis_server import redis_of

PUSH = [{"channel": "in_app"}, {"channel": "web_push"}]


async def capped(hub: Hub, project_id: int, category: str = "news", **cap: Any) -> None:
    await put_category(hub, project_id, category, ladder=PUSH, cap={"limit": 2, "per": "PT1H", **cap})


async def news(hub: Hub, project_id: int, count: int, category: str = "news", **more: Any) -> None:
    for number in range(count):
        await publish(hub, project_id, recipients=["ada"], title=str(number), category=category, **more)


async def test_what_is_over_is_dropped(hub: Hub, project_id: int, worker: Steps) -> None:
    await capped(hub, project_id)
    await news(hub, project_id, 4)
    await worker.run()
    assert [title for _, _, title in await sent(hub)] == ["0", "1"]
    assert [row["reason"] for row in await rows(hub)][2:] == ["capped", "capped"]


async def test_what_is_over_is_folded(hub: Hub, project_id: int, worker: Steps) -> None:
    await capped(hub, project_id, overflow="digest")
    await news(hub, project_id, 5)
    await worker.run()
    assert len(await sent(hub)) == 2
    await forget(hub)
    await worker.later(minutes=61)
    await worker.run()
    assert await gathered(hub) == [(3, 3)]


async def forget(hub: Hub) -> None:
    """Redis has lost the caps."""
    keys = [key async for key in redis_of(hub).scan_iter(match=f"hub:{hub.installation}:cap:*")]
    if keys:
        await redis_of(hub).delete(*keys)


async def test_caps_survive_the_loss_of_redis(hub: Hub, project_id: int, worker: Steps) -> None:
    await capped(hub, project_id)
    await news(hub, project_id, 2)
    await worker.run()
    await forget(hub)
    await news(hub, project_id, 1)
    await worker.run()
    assert len(await sent(hub)) == 2


async def test_a_window_slides(hub: Hub, project_id: int, worker: Steps) -> None:
    await capped(hub, project_id)
    await news(hub, project_id, 3)
    await worker.run()
    await worker.later(minutes=61)
    await forget(hub)
    await news(hub, project_id, 1)
    await worker.run()
    assert len(await sent(hub)) == 3


async def test_a_projects_cap_is_over_all_categories(hub: Hub, project_id: int, worker: Steps) -> None:
    cap = {"limit": 3, "per": "PT1H", "overflow": "drop"}
    await hub.db.execute("UPDATE projects SET cap = $1", cap)
    await capped(hub, project_id, "a")
    await capped(hub, project_id, "b")
    await news(hub, project_id, 2, "a")
    await news(hub, project_id, 2, "b")
    await worker.run()
    assert len(await sent(hub)) == 3


async def test_critical_and_required_are_not_capped(hub: Hub, project_id: int, worker: Steps) -> None:
    await capped(hub, project_id)
    await put_category(
        hub, project_id, "must", ladder=PUSH, default="required", cap={"limit": 1, "per": "PT1H", "overflow": "drop"}
    )
    await news(hub, project_id, 4, priority="critical")
    await news(hub, project_id, 3, "must")
    await worker.run()
    assert len(await sent(hub)) == 7


async def test_what_was_not_sent_after_all_gives_its_place_back(hub: Hub, project_id: int, worker: Steps) -> None:
    await capped(hub, project_id)
    await news(hub, project_id, 2)
    await worker.decide()
    await hub.db.execute("UPDATE notifications SET cancelled_at = now()")
    await worker.run()
    assert await sent(hub) == []
    await news(hub, project_id, 3)
    await worker.run()
    assert len(await sent(hub)) == 2


async def test_workers_that_race_keep_the_cap(hub: Hub, project_id: int, worker: Steps) -> None:
    await capped(hub, project_id)
    await news(hub, project_id, 30)
    await asyncio.gather(*(worker.decide_some(5) for _ in range(6)))
    await worker.run()
    assert len(await sent(hub)) == 2


async def test_a_redis_whose_clock_is_behind_makes_nobody_look_all_the_time(
    hub: Hub, project_id: int, worker: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_redis: Any, _installation: str, asks: Sequence[CapAsk], _count: Any) -> list[Any]:
        return [("news", datetime.now(UTC) - timedelta(minutes=2)) for _ in asks]

    await capped(hub, project_id, overflow="digest")
    monkeypatch.setattr(caps, "reserve", full)
    await news(hub, project_id, 1)
    await worker.decide()
    await worker.later(minutes=1)
    assert await worker.close() == 1
    assert await worker.close() == 0
    assert [row["state"] for row in await rows(hub)] == ["waiting"]
