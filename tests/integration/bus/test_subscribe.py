"""Pub/Sub against a real Valkey, over a network that breaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from hub.bus.client import Server, create_redis
from hub.bus.link import Link
from hub.bus.subscribe import Subscriber, SubscriberClosed
from hub.local.servers import Servers
from tests.support.subscriber import Listener, name, running
from tests.support.tcp_proxy import tcp_proxy

PROBE_SECONDS = 0.2


@pytest.fixture
async def redis(servers: Servers) -> AsyncIterator[Server]:
    client = create_redis(servers.redis_url)
    yield client
    await client.aclose()


def subscriber(
    url: str, listener: Listener, publish: Callable[[str, bytes], Awaitable[Any]]
) -> AbstractAsyncContextManager[Subscriber]:
    return running(Subscriber, url, listener, publish, PROBE_SECONDS)


async def test_what_is_published_after_the_confirmation_arrives_in_order(servers: Servers, redis: Server) -> None:
    listener, channel = Listener(), name()
    async with subscriber(servers.redis_url, listener, redis.publish) as bus:
        await bus.subscribe(channel)
        for n in range(100):
            await redis.publish(channel, b"%d" % n)
        assert [await listener.messages.get() for _ in range(100)] == [(channel, b"%d" % n) for n in range(100)]


async def test_thousands_of_subscriptions_are_all_confirmed(servers: Servers, redis: Server) -> None:
    listener, channels = Listener(), [name() for _ in range(2_000)]
    async with subscriber(servers.redis_url, listener, redis.publish) as bus:
        await asyncio.gather(*(bus.subscribe(channel) for channel in channels))
        pipeline = redis.pipeline(transaction=False)
        for channel in channels:
            pipeline.publish(channel, channel)
        assert await pipeline.execute() == [1] * len(channels)
        assert {(await listener.messages.get())[1] for _ in channels} == set(channels)


async def test_an_unsubscribed_channel_is_silent_and_can_be_subscribed_again(servers: Servers, redis: Server) -> None:
    listener, channel, other = Listener(), name(), name()
    async with subscriber(servers.redis_url, listener, redis.publish) as bus:
        await bus.subscribe(channel)
        bus.unsubscribe(channel)
        await bus.subscribe(other)  # its confirmation comes after the other's end
        assert await redis.publish(channel, b"lost") == 0
        bus.unsubscribe(channel)
        again = asyncio.create_task(bus.subscribe(channel))
        await again
        assert await redis.publish(channel, b"heard") == 1
        assert await listener.messages.get() == (channel, b"heard")


async def test_changing_its_mind_before_the_answer_leaves_what_was_wanted_last(servers: Servers, redis: Server) -> None:
    listener, channel = Listener(), name()
    async with subscriber(servers.redis_url, listener, redis.publish) as bus:
        await bus.wait_connected()
        waiting = []
        for _ in range(20):
            waiting.append(asyncio.create_task(bus.subscribe(channel)))
            await asyncio.sleep(0)
            bus.unsubscribe(channel)
            await asyncio.sleep(0)
        await asyncio.gather(*waiting)
        await bus.subscribe(channel)
        assert await redis.publish(channel, b"x") == 1


async def test_a_cut_connection_comes_back_with_everything_and_says_that_there_was_a_gap(
    servers: Servers, redis: Server
) -> None:
    listener, channels = Listener(), [name() for _ in range(600)]
    async with tcp_proxy(servers.redis_url) as (proxy, url), subscriber(url, listener, redis.publish) as bus:
        await asyncio.gather(*(bus.subscribe(channel) for channel in channels))
        assert listener.gaps.empty()
        proxy.cut()
        await listener.gaps.get()
        for channel in (channels[0], channels[-1]):
            assert await redis.publish(channel, b"after") == 1
            assert await listener.messages.get() == (channel, b"after")


async def test_a_connection_that_is_lost_before_everything_stood_is_a_gap_for_what_did(
    servers: Servers, redis: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener, channel = Listener(), name()
    with monkeypatch.context() as first_connection:
        first_connection.setattr(Link, "mark", lambda _link: asyncio.get_running_loop().create_future())
        async with tcp_proxy(servers.redis_url) as (proxy, url), subscriber(url, listener, redis.publish) as bus:
            await bus.subscribe(channel)
            first_connection.undo()
            proxy.cut()
            await listener.gaps.get()
            await redis.publish(channel, b"after")
            assert await listener.messages.get() == (channel, b"after")


async def test_a_connection_that_is_open_but_dead_is_noticed_by_its_probe(servers: Servers, redis: Server) -> None:
    listener, channel = Listener(), name()
    async with tcp_proxy(servers.redis_url) as (proxy, url), subscriber(url, listener, redis.publish) as bus:
        await bus.subscribe(channel)
        proxy.swallowing = True
        await wait_for(lambda: not bus.connected)
        proxy.heal()
        await listener.gaps.get()
        await redis.publish(channel, b"after")
        assert await listener.messages.get() == (channel, b"after")


async def test_a_probe_that_could_not_be_published_proves_nothing(servers: Servers, redis: Server) -> None:
    listener, channel = Listener(), name()
    failed = asyncio.Queue[None]()

    async def publish(_channel: str, _payload: bytes) -> None:
        failed.put_nowait(None)
        raise ConnectionError("the way of publishers is broken")

    async with subscriber(servers.redis_url, listener, publish) as bus:
        await bus.subscribe(channel)
        for _ in range(3):
            await failed.get()
        assert bus.connected
        assert listener.gaps.empty()


async def test_subscribing_waits_while_redis_is_away(servers: Servers, redis: Server) -> None:
    listener, channel = Listener(), name()
    async with tcp_proxy(servers.redis_url) as (proxy, url):
        proxy.refusing = True
        async with subscriber(url, listener, redis.publish) as bus:
            waiting = asyncio.create_task(bus.subscribe(channel))
            done, _ = await asyncio.wait({waiting}, timeout=0.3)
            assert not done
            proxy.refusing = False
            await waiting
            assert await redis.publish(channel, b"x") == 1


async def test_a_message_that_fails_does_not_cost_the_next_ones(servers: Servers, redis: Server) -> None:
    listener, channel = Listener(), name()
    async with subscriber(servers.redis_url, listener, redis.publish) as bus:
        await bus.subscribe(channel)
        listener.fail = True
        await redis.publish(channel, b"1")
        await redis.publish(channel, b"2")
        assert [(await listener.messages.get())[1] for _ in range(2)] == [b"1", b"2"]
        assert listener.gaps.empty()


async def test_whoever_waits_for_a_closed_subscriber_is_told(servers: Servers, redis: Server) -> None:
    listener, channel = Listener(), name()
    async with tcp_proxy(servers.redis_url) as (proxy, url):
        proxy.refusing = True
        async with subscriber(url, listener, redis.publish) as bus:
            waiting = asyncio.create_task(bus.subscribe(channel))
            await asyncio.sleep(0)
            await bus.close()
            with pytest.raises(SubscriberClosed):
                await waiting
            with pytest.raises(SubscriberClosed):
                await bus.subscribe(channel)


async def test_a_wrong_password_is_no_connection(servers: Servers, redis: Server) -> None:
    listener = Listener()
    url = servers.redis_url.replace("redis://:", "redis://:wrong")
    async with subscriber(url, listener, redis.publish) as bus:
        done, _ = await asyncio.wait({asyncio.ensure_future(bus.wait_connected())}, timeout=0.3)
        assert not done


async def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)
