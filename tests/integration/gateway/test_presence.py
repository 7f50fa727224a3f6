"""Presence and last sight, as a gateway's connections make them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from hub.bus.presence import read_presence
from hub.config import Settings
from hub.runtime import Hub
from hub.store.inbox import open_inbox
from hub.store.people import get_person, record_seen
from tests.support.gateway import RunningGateway, another_hub, client, events, eventually, issue, running_gateway, until
from tests.support.tcp_proxy import tcp_proxy


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's Valkey is younger than what counts as settled."""
    monkeypatch.setattr("hub.bus.presence.SETTLE_SECONDS", 0)


async def test_presence_follows_the_connections_on_every_gateway(
    settings: Settings, hub: Hub, project_id: int, gateway: RunningGateway
) -> None:
    text = await issue(hub, project_id)

    async def entries() -> list[tuple[str, str]]:
        found = await read_presence(hub.redis, hub.installation, project_id, "ada")
        return sorted((entry.gateway, entry.state) for entry in found.connections)

    async with another_hub(settings) as other, running_gateway(other) as second:
        here, there = gateway.board.incarnation, second.board.incarnation
        async with client(gateway.ws_url) as phone:
            await phone.hello(text, state="idle")
            assert await entries() == [(here, "idle")]
            async with events(second, text) as stream:
                await stream.receive_type("welcome")
                assert await entries() == sorted([(here, "idle"), (there, "active")])
                await phone.send("state", state="active")
                await eventually(entries, sorted([(here, "active"), (there, "active")]))
            await eventually(entries, [(here, "active")])
        await eventually(entries, [])
    assert (await read_presence(hub.redis, hub.installation, project_id, "ada")).state == "offline"


async def test_a_connection_that_is_closed_by_the_hub_is_gone_at_once(
    hub: Hub, project_id: int, gateway: RunningGateway
) -> None:
    async with client(gateway.ws_url) as ada:
        await ada.hello(await issue(hub, project_id))
        await ada.socket.send(b"binary")

        async def state() -> str:
            return (await read_presence(hub.redis, hub.installation, project_id, "ada")).state

        await eventually(state, "offline")


async def last_seen(hub: Hub, project_id: int, user: str = "ada") -> datetime | None:
    row = await get_person(hub.db, project_id, user)
    return None if row is None else row["last_seen_at"]


async def seen_after(hub: Hub, project_id: int, than: datetime | None) -> datetime:
    """When Ada was last seen, as soon as that is later."""

    async def is_later() -> bool:
        found = await last_seen(hub, project_id)
        return found is not None and (than is None or found > than)

    await eventually(is_later, expected=True)
    found = await last_seen(hub, project_id)
    assert found is not None
    return found


async def test_a_person_was_last_seen_when_they_came_turned_and_went(
    hub: Hub, project_id: int, gateway: RunningGateway
) -> None:
    """Each is written while they are still connected: a gateway that is killed takes nothing of it along."""
    async with client(gateway.ws_url) as ada:
        await ada.hello(await issue(hub, project_id))
        came = await seen_after(hub, project_id, None)
        await ada.send("state", state="idle")
        turned_away = await seen_after(hub, project_id, came)
        await ada.send("state", state="active")
        turned_back = await seen_after(hub, project_id, turned_away)
    await seen_after(hub, project_id, turned_back)


async def test_when_somebody_was_seen_does_not_depend_on_when_it_could_be_written(
    settings: Settings, hub: Hub, project_id: int
) -> None:
    async with (
        tcp_proxy(settings.database_url.get_secret_value()) as (proxy, url),
        another_hub(settings, database_url=SecretStr(url)) as cut_off,
        running_gateway(cut_off) as gateway,
    ):
        async with client(gateway.ws_url) as ada:
            await ada.hello(await issue(hub, project_id))
            came = await seen_after(hub, project_id, None)
            proxy.refusing = True
            proxy.cut()
        left = datetime.now(UTC)
        away = timedelta(seconds=2.5)
        await until(lambda: datetime.now(UTC) > left + away)
        proxy.heal()
        assert abs(await seen_after(hub, project_id, came) - left) < away / 2


async def test_last_sight_never_goes_backwards(hub: Hub, project_id: int) -> None:
    head = await open_inbox(hub.db, project_id, "ada")
    await record_seen(hub.db, {head.person_id: 60.0})
    before = await last_seen(hub, project_id)
    assert before is not None
    assert timedelta(seconds=59) < datetime.now(UTC) - before < timedelta(seconds=75)
    await record_seen(hub.db, {head.person_id: 120.0, 2**40: 1.0})
    assert await last_seen(hub, project_id) == before


async def test_the_grace_is_that_of_the_settings(settings: Settings, hub: Hub, project_id: int) -> None:
    async def grace() -> datetime | None:
        return (await read_presence(hub.redis, hub.installation, project_id, "ada")).grace_until

    async with another_hub(settings, presence_grace_seconds=1000.0) as other, running_gateway(other) as gateway:
        for state in ("active", "idle"):
            async with client(gateway.ws_url) as ada:
                await ada.hello(await issue(hub, project_id), state=state)
                assert (await grace() is None) == (state == "active")
        ends = await grace()
        assert ends is not None
        assert 700 < (ends - datetime.now(UTC)).total_seconds() < 1000
