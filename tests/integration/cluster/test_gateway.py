"""A gateway on a real cluster: whatever happens there, every screen ends equal to its inbox, and presence is right."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from hub.bus import announce, presence
from hub.bus.cluster import Cluster
from hub.bus.presence import read_presences
from hub.bus.slots import Node, slot_of
from hub.bus.tasks import end
from hub.config import Settings
from hub.publish.reannounce import reannounce
from hub.runtime import Hub
from tests.support.crowd import Crowd, converged, crowd
from tests.support.gateway import RunningGateway, another_hub, eventually, publish, running_gateway, until
from tests.support.valkey_cluster import ValkeyCluster

USERS = tuple(f"user {n}/é" for n in range(8))
QUICK = {"probe_seconds": 1.0, "reconcile_seconds": 600.0, "lease_seconds": 3.0}  # what heals is a gap that was told


@asynccontextmanager
async def publishing(hub: Hub, project_id: int) -> AsyncIterator[None]:
    """Publishes to everybody, and to everybody at once, until the block ends."""
    stop = asyncio.Event()

    async def run() -> None:
        number = 0
        while not stop.is_set():
            for user in USERS:
                await publish(hub, project_id, [user], title=f"{number}")
            await publish(hub, project_id, USERS, title=f"{number} for all")
            number += 1
            await asyncio.sleep(0.005)

    task = asyncio.create_task(run())
    try:
        yield
    finally:
        stop.set()
        await task
    assert task.result() is None


@asynccontextmanager
async def outbox_worker(hub: Hub) -> AsyncIterator[None]:
    """What a worker does with announcements that no master accepted."""

    async def run() -> None:
        while True:
            await reannounce(hub)
            await asyncio.sleep(0.1)

    task = asyncio.create_task(run())
    try:
        yield
    finally:
        await end(task)
    assert task.cancelled()


@pytest.fixture
async def hub(settings: Settings, valkeys: ValkeyCluster, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hub]:
    """Of the publisher, who is not the gateway."""
    monkeypatch.setattr(presence, "SETTLE_SECONDS", 0)
    async with another_hub(settings, redis_url=SecretStr(valkeys.url), presence_settle_seconds=0.0) as made:
        yield made


@pytest.fixture
async def gateway(settings: Settings, valkeys: ValkeyCluster) -> AsyncIterator[RunningGateway]:
    async with (
        another_hub(settings, redis_url=SecretStr(valkeys.url), **QUICK) as own,
        running_gateway(own) as running,
    ):
        yield running


async def everybody_present(hub: Hub, project_id: int, people: Crowd) -> None:
    """Returns once a new client of the cluster, which knows nothing of before, finds every screen."""
    redis = Cluster(hub.settings.redis_url.get_secret_value())

    async def screens() -> list[tuple[str, int]]:
        found = await read_presences(redis, hub.installation, [(project_id, user) for user in people.users])
        return [(there.state, len(there.connections)) for there in found]

    try:
        await eventually(screens, [("active", 3)] * len(people.users))
    finally:
        await redis.aclose()


async def test_slots_that_move_while_people_are_published_to(
    hub: Hub, project_id: int, gateway: RunningGateway, valkeys: ValkeyCluster
) -> None:
    names = [
        *(announce.channel(hub.installation, project_id, user) for user in USERS[:3]),
        announce.project_channel(hub.installation, project_id),
        presence.prefix_of(hub.redis, hub.installation, presence.person_key(project_id, USERS[0])) + ":leaving",
    ]
    async with crowd(hub, project_id, gateway, USERS) as people:
        async with publishing(hub, project_id):
            for turn, name in enumerate(names * 2):
                source = await valkeys.owner(slot_of(name))
                target = valkeys.masters[(valkeys.masters.index(source) + 1) % 3]
                await valkeys.move(slot_of(name), target, "by key" if turn % 2 else "at once")
        await converged(hub, project_id, people)
        await everybody_present(hub, project_id, people)


async def test_what_is_published_while_a_channel_stands_nowhere_is_shown_once_it_stands(
    hub: Hub, project_id: int, gateway: RunningGateway, valkeys: ValkeyCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscriber, held = gateway.board.subscriber, asyncio.Event()
    channel = announce.channel(hub.installation, project_id, USERS[0])
    async with crowd(hub, project_id, gateway, USERS[:2]) as people:
        learn = subscriber._topology.refresh

        async def hesitate(first: Node | None = None) -> None:
            await held.wait()
            await learn(first)

        monkeypatch.setattr(subscriber._topology, "refresh", hesitate)
        source = await valkeys.owner(slot_of(channel))
        await valkeys.move(slot_of(channel), valkeys.masters[(valkeys.masters.index(source) + 1) % 3])
        await until(lambda: channel.encode() in subscriber._homeless)
        await publish(hub, project_id, USERS[:1], title="nobody hears of it")
        await eventually(lambda: hub.db.fetch("SELECT FROM outbox"), [])  # accepted, and heard by nobody
        held.set()
        await converged(hub, project_id, people)


async def test_what_one_master_s_people_are_to_hear_waits_in_the_outbox_and_nothing_else_does(
    hub: Hub, project_id: int, valkeys: ValkeyCluster
) -> None:
    third = valkeys.masters[2]
    channels = {user: announce.channel(hub.installation, project_id, user) for user in map(str, range(40))}
    there = {user: await valkeys.owner(slot_of(channel)) is third for user, channel in channels.items()}
    theirs, others = ([user for user in there if there[user] is wanted][:3] for wanted in (True, False))
    assert theirs
    await third.valkey.kill()
    try:
        for user in (*theirs, *others):
            await publish(hub, project_id, [user])

        async def waiting() -> int:
            return len(await hub.db.fetch("SELECT FROM outbox"))

        await eventually(waiting, len(theirs))
        await hub.db.execute("UPDATE outbox SET created_at = created_at - interval '1 hour'")
        assert await reannounce(hub) == 0
    finally:
        await third.valkey.start()
    await valkeys.whole()
    await eventually(lambda: reannounce(hub), len(theirs))
    assert await waiting() == 0


async def test_a_master_that_dies_and_comes_back_while_people_are_published_to(
    hub: Hub, project_id: int, gateway: RunningGateway, valkeys: ValkeyCluster
) -> None:
    async with crowd(hub, project_id, gateway, USERS) as people, outbox_worker(hub):
        try:
            async with publishing(hub, project_id):
                await valkeys.fail_over()
                await until(lambda: gateway.board.subscriber.connected)
            await converged(hub, project_id, people)
            await everybody_present(hub, project_id, people)
        finally:
            async with publishing(hub, project_id):
                await valkeys.fail_back()
        await until(lambda: gateway.board.subscriber.connected)
        await converged(hub, project_id, people)
        await everybody_present(hub, project_id, people)
    await until(lambda: not gateway.board.connections)
