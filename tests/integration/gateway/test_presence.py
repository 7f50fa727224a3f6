"""Presence and last sight, as a gateway's connections make them."""

from __future__ import annotations

from typing import Any

import pytest

from hub.bus.presence import read_presence
from hub.config import Settings
from hub.runtime import Hub
from hub.store.people import get_person
from tests.support.gateway import RunningGateway, another_hub, client, events, eventually, issue, running_gateway


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


async def test_a_person_was_last_seen_when_they_came_and_when_they_went(
    hub: Hub, project_id: int, gateway: RunningGateway
) -> None:
    async def seen() -> Any:
        row = await get_person(hub.db, project_id, "ada")
        return row and row["last_seen_at"]

    async def is_later(than: Any) -> bool:
        found = await seen()
        return found is not None and (than is None or found > than)

    async with client(gateway.ws_url) as ada:
        await ada.hello(await issue(hub, project_id))
        await eventually(lambda: is_later(None), expected=True)
        came = await seen()
    await eventually(lambda: is_later(came), expected=True)
