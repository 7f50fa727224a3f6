"""Sharded Pub/Sub on a real cluster: channels stand where publishers publish, whatever moves or dies."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import AbstractAsyncContextManager

import pytest

from hub.bus.cluster import Cluster
from hub.bus.slots import slot_of
from hub.bus.subscribe import SubscriberClosed
from hub.bus.subscribe_cluster import ClusterSubscriber
from tests.support.gateway import until
from tests.support.subscriber import Listener, name, running
from tests.support.valkey_cluster import ValkeyCluster

PROBE_SECONDS = 1.0


def subscriber(
    valkeys: ValkeyCluster, listener: Listener, redis: Cluster, probe_seconds: float = PROBE_SECONDS
) -> AbstractAsyncContextManager[ClusterSubscriber]:
    return running(ClusterSubscriber, valkeys.url, listener, redis.publish, probe_seconds)


async def test_thousands_of_channels_stand_on_their_masters(valkeys: ValkeyCluster, redis: Cluster) -> None:
    listener, channels = Listener(), [name() for _ in range(2_000)]
    async with subscriber(valkeys, listener, redis) as bus:
        await asyncio.gather(*(bus.subscribe(channel) for channel in channels))
        assert await redis.publish_all([(channel.decode(), channel) for channel in channels]) == []
        assert {(await listener.messages.get())[1] for _ in channels} == set(channels)
        for channel in channels[:1_000]:
            bus.unsubscribe(channel)
        await asyncio.gather(*(bus.subscribe(name()) for _ in range(20)))  # on every line, behind those
        counts = await redis.each([(c.decode(), ("SPUBLISH", c, b"x")) for c in channels])
        assert counts == [0] * 1_000 + [1] * 1_000
        assert bus.connected
        assert listener.gaps.empty()


async def test_changing_its_mind_before_the_answer_leaves_what_was_wanted_last(
    valkeys: ValkeyCluster, redis: Cluster
) -> None:
    listener, channel = Listener(), name()
    async with subscriber(valkeys, listener, redis) as bus:
        await bus.wait_connected()
        waiting = []
        for _ in range(20):
            waiting.append(asyncio.create_task(bus.subscribe(channel)))
            await asyncio.sleep(0)
            bus.unsubscribe(channel)
            await asyncio.sleep(0)
        await asyncio.gather(*waiting)
        await bus.subscribe(channel)
        assert await redis.publish(channel.decode(), b"x") == 1


@pytest.mark.parametrize("how", ["by key", "at once"])
async def test_a_channel_follows_its_slot_and_a_gap_is_told_of_it_alone(
    valkeys: ValkeyCluster, redis: Cluster, how: str
) -> None:
    """Published all the while: what was not heard was published before the gap was told, and nothing is heard twice."""
    listener = Listener()
    moving, staying = [
        (await valkeys.name_on(master, f"{name().decode()}:")).encode() for master in valkeys.masters[1:]
    ]
    async with subscriber(valkeys, listener, redis) as bus:
        await asyncio.gather(bus.subscribe(moving), bus.subscribe(staying))
        sent, stop = 0, asyncio.Event()

        async def publish() -> None:
            nonlocal sent
            while not stop.is_set():
                await redis.publish_all([(moving.decode(), b"m%d" % sent), (staying.decode(), b"s%d" % sent)])
                sent += 1

        publishing = asyncio.create_task(publish())
        for target in (valkeys.masters[2], valkeys.masters[0], valkeys.masters[1]):
            await valkeys.move(slot_of(moving), target, "by key" if how == "by key" else "at once")
            assert await listener.gaps.get() == frozenset([moving])
            told = sent
            await until(lambda told=told: sent > told + 5)  # type: ignore[misc]
        stop.set()
        await publishing
        assert await redis.publish(moving.decode(), b"last") == 1
        await until(lambda: listener.messages.qsize() and bus.connected)
        heard: list[bytes] = []
        while b"last" not in heard:
            heard.append((await listener.messages.get())[1])
        assert [payload for payload in heard if payload.startswith(b"s")] == [b"s%d" % n for n in range(sent)]
        moved = [int(payload[1:]) for payload in heard if payload.startswith(b"m")]
        assert moved == sorted(set(moved))
        assert set(range(told + 1, sent)) <= set(moved)
        assert listener.gaps.empty()


async def test_a_channel_that_is_asked_for_while_its_slot_moves_stands_in_the_end(
    valkeys: ValkeyCluster, redis: Cluster
) -> None:
    listener, tag = Listener(), await valkeys.name_on(valkeys.masters[1], name().decode())
    channels = [b"{%s}:%d" % (tag.encode(), n) for n in range(200)]
    async with subscriber(valkeys, listener, redis) as bus:
        await bus.subscribe(channels[0])
        moving = asyncio.create_task(valkeys.move(slot_of(tag), valkeys.masters[2]))
        for channel in channels[1:]:
            await bus.subscribe(channel)
        await moving
        assert await listener.gaps.get()
        await until(lambda: bus.connected)
        await until(lambda: all(bus._stands(channel) for channel in channels))
        assert await redis.each([(c.decode(), ("SPUBLISH", c, b"x")) for c in channels]) == [1] * 200
        await valkeys.move(slot_of(tag), valkeys.masters[1])


async def test_a_replica_that_takes_over_and_a_master_that_comes_back(valkeys: ValkeyCluster, redis: Cluster) -> None:
    listener = Listener()
    channels = [(await valkeys.name_on(master, f"{name().decode()}:")).encode() for master in valkeys.masters]
    async with subscriber(valkeys, listener, redis) as bus:
        await asyncio.gather(*(bus.subscribe(channel) for channel in channels))
        try:
            await valkeys.fail_over()
            assert await listener.gaps.get() is None
            await until(lambda: bus.connected)
            await heard_everywhere(redis, listener, channels)
        finally:
            await valkeys.fail_back()
        while await listener.gaps.get() is not None:
            pass
        await until(lambda: bus.connected and bus._stands(channels[0]))
        await heard_everywhere(redis, listener, channels)


async def test_a_probe_notices_a_line_that_publishers_do_not_reach(valkeys: ValkeyCluster, redis: Cluster) -> None:
    listener = Listener()
    channel = (await valkeys.name_on(valkeys.masters[1], f"{name().decode()}:")).encode()
    async with subscriber(valkeys, listener, redis, probe_seconds=0.2) as bus:
        await bus.subscribe(channel)
        await until(lambda: bus.connected)
        line = bus._line_of(channel)
        assert line is not None
        assert line._link is not None
        line._link.data_received = lambda data: None  # type: ignore[method-assign]  # open, and nothing arrives
        assert await listener.gaps.get() is None
        await heard_everywhere(redis, listener, [channel])


async def test_a_probe_comes_back_where_the_slot_of_its_channel_has_moved(
    valkeys: ValkeyCluster, redis: Cluster
) -> None:
    listener = Listener()
    channel = (await valkeys.name_on(valkeys.masters[1], f"{name().decode()}:")).encode()
    async with subscriber(valkeys, listener, redis) as bus:
        await bus.subscribe(channel)
        await until(lambda: bus.connected)
        line = bus._line_of(channel)
        assert line is not None
        slot = slot_of(control := line.control)
        await valkeys.move(slot, valkeys.masters[2])
        await until(lambda: line.control != control and line.confirmed(line.control))
        earlier = line._returned
        await until(lambda: line._returned is not earlier)
        returned = line._returned
        assert returned is not None
        await asyncio.wait({returned}, timeout=PROBE_SECONDS)
        assert returned.done()
        assert listener.gaps.empty()
        await valkeys.move(slot, valkeys.masters[1])


async def test_subscribing_waits_for_a_cluster_and_closing_ends_it(valkeys: ValkeyCluster) -> None:
    listener = Listener()
    bus = ClusterSubscriber(
        "redis+cluster://127.0.0.1:1",
        control="control",
        publish=Cluster("redis+cluster://127.0.0.1:1").publish,
        on_message=listener.hear,
        on_gap=listener.gap,
    )
    bus.start()
    waiting = asyncio.create_task(bus.subscribe(b"x"))
    done, _ = await asyncio.wait({waiting}, timeout=0.3)
    assert not done
    assert not bus.usable
    await bus.close()
    with pytest.raises(SubscriberClosed):
        await waiting


async def heard_everywhere(redis: Cluster, listener: Listener, channels: list[bytes]) -> None:
    """Every channel is heard, once what is published there is accepted."""
    marks = {channel: secrets.token_hex(4).encode() for channel in channels}
    waiting = list(marks.items())
    while waiting:
        refused = await redis.publish_all([(channel.decode(), mark) for channel, mark in waiting])
        waiting = [waiting[place] for place in refused]
        await asyncio.sleep(0.01)
    heard: set[tuple[bytes, bytes]] = set()
    while not set(marks.items()) <= heard:
        heard.add(await listener.messages.get())
