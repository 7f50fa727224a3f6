"""What breaks underneath: the clients stay connected, and end up with exactly what the store has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from hub.bus.presence import read_presence
from hub.config import Settings
from hub.local.valkey import Valkey
from hub.runtime import Hub
from tests.support.crowd import USERS, converged, crowd, publish_some
from tests.support.gateway import (
    RunningGateway,
    another_hub,
    client,
    events,
    eventually,
    issue,
    publish,
    running_gateway,
    token,
    until,
)
from tests.support.tcp_proxy import TcpProxy, tcp_proxy

QUICK = {"probe_seconds": 0.3, "reconcile_seconds": 600.0}


@asynccontextmanager
async def broken_redis(settings: Settings) -> AsyncIterator[tuple[TcpProxy, RunningGateway]]:
    """A gateway whose way to Redis can be broken; publishers have their own."""
    async with (
        tcp_proxy(settings.redis_url.get_secret_value()) as (proxy, url),
        another_hub(settings, redis_url=SecretStr(url), **QUICK) as hub,
        running_gateway(hub) as gateway,
    ):
        yield proxy, gateway


async def test_a_cut_redis_connection(settings: Settings, hub: Hub, project_id: int) -> None:
    async with broken_redis(settings) as (proxy, gateway), crowd(hub, project_id, gateway) as people:
        for _ in range(3):
            publishing = asyncio.create_task(publish_some(hub, project_id))
            proxy.cut()
            await publishing
        await converged(hub, project_id, people)


async def test_a_black_holed_redis_connection(settings: Settings, hub: Hub, project_id: int) -> None:
    async with broken_redis(settings) as (proxy, gateway), crowd(hub, project_id, gateway) as people:
        proxy.swallowing = True
        await publish_some(hub, project_id)
        await until(lambda: not gateway.board.subscriber.connected)
        await publish_some(hub, project_id)
        proxy.heal()
        await publish_some(hub, project_id)
        await converged(hub, project_id, people)


async def test_a_redis_that_is_away_for_the_gateway_only_costs_seconds(
    settings: Settings, hub: Hub, project_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.reconcile.AWAY_SECONDS", 0.3)
    async with broken_redis(settings) as (proxy, gateway), crowd(hub, project_id, gateway) as people:
        proxy.refusing = True
        proxy.cut()
        await until(lambda: not gateway.board.subscriber.connected)
        await publish_some(hub, project_id)
        await converged(hub, project_id, people)  # by comparing heads with the store alone
        proxy.refusing = False
        await until(lambda: gateway.board.subscriber.connected)
        await publish_some(hub, project_id)
        await converged(hub, project_id, people)


async def test_a_redis_that_restarts_empty(
    settings: Settings, tmp_path: Path, project_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.bus.presence.SETTLE_SECONDS", 0)
    valkey = Valkey(tmp_path, "secret", durable=False, options={"appendonly": "no"})
    await valkey.start()
    try:
        async with (
            another_hub(settings, redis_url=SecretStr(valkey.url), **QUICK) as hub,
            running_gateway(hub) as gateway,
            crowd(hub, project_id, gateway) as people,
        ):
            publishing = asyncio.create_task(publish_some(hub, project_id, 60))
            await valkey.kill()
            await valkey.start()
            await publishing
            await converged(hub, project_id, people)

            async def entries() -> int:
                return len((await read_presence(hub.redis, hub.installation, project_id, "ada")).connections)

            await eventually(entries, 3)
    finally:
        await valkey.stop()


async def test_announcements_lost_without_a_sign_are_found_by_comparison(
    settings: Settings, hub: Hub, project_id: int
) -> None:
    async with (
        another_hub(settings, reconcile_seconds=0.3) as listening,
        running_gateway(listening) as gateway,
        crowd(hub, project_id, gateway) as people,
    ):

        async def swallow(messages: Sequence[tuple[str, bytes]]) -> list[int]:
            return []

        hub.announcer.publish = swallow  # type: ignore[method-assign]
        await publish_some(hub, project_id)
        await converged(hub, project_id, people)


async def test_announcements_in_any_order_and_more_than_once(
    settings: Settings, hub: Hub, project_id: int, gateway: RunningGateway
) -> None:
    """Two publishing processes announce after the same lock; the outbox repeats what Redis has already had."""
    async with crowd(hub, project_id, gateway) as people:
        send = hub.announcer.publish
        late: list[tuple[str, bytes]] = []

        async def shuffle(messages: Sequence[tuple[str, bytes]]) -> list[int]:
            late.extend(messages)
            if len(late) > 6:
                await send([*reversed(late), late[0]])
                late.clear()
            return []

        hub.announcer.publish = shuffle  # type: ignore[method-assign]
        await publish_some(hub, project_id)
        await until(lambda: not hub.announcing._queue)
        await send(late)
        await converged(hub, project_id, people)


async def test_a_database_that_is_away(settings: Settings, hub: Hub, project_id: int) -> None:
    async with (
        tcp_proxy(settings.database_url.get_secret_value()) as (proxy, url),
        another_hub(settings, database_url=SecretStr(url), **QUICK) as listening,
        running_gateway(listening) as gateway,
        crowd(hub, project_id, gateway) as people,
        client(gateway.ws_url) as dora,
    ):
        await dora.hello(await issue(hub, project_id, "dora"))
        proxy.refusing = True
        proxy.cut()
        await dora.send("mark", ref=1, action="read", all=True)
        error = await dora.receive_type("error")
        assert (error["ref"], error["code"]) == (1, "unavailable")
        await publish(
            hub, project_id, USERS, data={"x": "y" * 12_000}, body="z" * 3_000
        )  # has to be read from the store
        await publish_some(hub, project_id)
        waiting = asyncio.create_task(_greet(gateway, await issue(hub, project_id, "eve")))
        done, _ = await asyncio.wait({waiting}, timeout=0.5)
        assert not done
        proxy.refusing = False
        assert (await waiting)["type"] == "welcome"
        await converged(hub, project_id, people)
        await dora.send("mark", ref=2, action="read", all=True)
        assert (await dora.receive_type("ok"))["ref"] == 2


async def _greet(gateway: RunningGateway, text: str) -> dict[str, Any]:
    async with client(gateway.ws_url) as connected:
        return await connected.hello(text)


@pytest.mark.parametrize("server", ["redis_url", "database_url"])
async def test_a_hello_waits_for_servers_only_so_long(
    settings: Settings, project_id: int, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        tcp_proxy(getattr(settings, server).get_secret_value()) as (proxy, url),
        another_hub(settings, **{server: SecretStr(url)}, **QUICK) as hub,
        running_gateway(hub) as gateway,
    ):
        text = token(hub, project_id)
        proxy.refusing = True
        proxy.cut()
        with monkeypatch.context() as impatient:
            impatient.setattr("gateway.session.PATIENCE_SECONDS", 0.5)
            async with (
                client(gateway.ws_url) as ada,
                events(gateway, text) if server == "redis_url" else _nothing() as stream,
            ):
                await ada.send("hello", token=text)
                assert (await ada.closed())[0] == 1013
                if stream is not None:
                    assert (await stream.receive_type("close"))["code"] == 1013
        proxy.refusing = False
        await until(lambda: gateway.board.subscriber.connected)
        assert (await _greet(gateway, text))["type"] == "welcome"


@asynccontextmanager
async def _nothing() -> AsyncIterator[None]:
    yield None


async def test_a_restored_database_resets_everybody_on_the_same_connection(settings: Settings, project_id: int) -> None:
    async with (
        another_hub(settings, reconcile_seconds=0.3) as hub,
        running_gateway(hub) as gateway,
        crowd(hub, project_id, gateway) as people,
    ):
        await publish_some(hub, project_id, 5)
        await converged(hub, project_id, people)
        await hub.db.execute("UPDATE projects SET epoch = epoch + 1")
        await hub.db.execute("UPDATE inbox_heads SET rev = 3, unseen = 3, unread = 3, total = 3")
        await hub.db.execute("DELETE FROM inbox_items WHERE rev > 3")
        models = [model for models in people.models.values() for model in models]
        await until(lambda: all(model.reloads == 1 and model.rev == 3 for model in models))
        assert not people.reconnected
        await publish(hub, project_id, USERS, title="after")
        await until(lambda: all(model.rev == 4 for model in models))
        assert all(len(model.items) == 4 for model in models)
