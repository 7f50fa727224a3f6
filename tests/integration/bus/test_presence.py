"""Presence against a real Valkey: leases, other gateways' entries, graces, and what is unknown."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.bus import presence, presence_writer
from hub.bus.client import create_redis
from hub.bus.presence import (
    UNKNOWN,
    Entry,
    Presence,
    holds,
    parse_person_key,
    person_key,
    read_presence,
    read_presences,
)
from hub.bus.reaper import reap_dead_gateways
from hub.local.servers import Servers
from hub.local.valkey import Valkey
from tests.support.presence import ADA, BOB, CYD, LEASE_SECONDS, LONG_SECONDS, Installation, eventually
from tests.support.tcp_proxy import tcp_proxy


def is_within(presence: Presence, grace_seconds: float = LONG_SECONDS) -> bool:
    """Whether the person is in a grace that began just now."""
    if presence.grace_until is None:
        return False
    left = presence.grace_until - datetime.now(UTC)
    return timedelta(seconds=0.8 * grace_seconds - 10) < left <= timedelta(seconds=grace_seconds + 0.01)


async def test_a_person_is_active_idle_and_gone(installation: Installation) -> None:
    async with installation.gateway() as (writer, incarnation):
        first, second = f"{incarnation}1", f"{incarnation}2"
        await writer.set(*ADA, first, "idle")
        assert (await installation.read())[:2] == ("idle", (Entry(first, incarnation, "idle"),))
        await writer.set(*ADA, second, "active")
        assert (await installation.read()).state == "active"
        await writer.set(*ADA, second, "idle")
        assert [entry.state for entry in (await installation.read()).connections] == ["idle", "idle"]
        writer.remove(*ADA, first)
        writer.remove(*ADA, second)
        await eventually(installation.state, "offline")
        assert await installation.read("bob") == Presence("offline", (), None)


async def test_a_connection_is_known_to_be_whose_it_is(installation: Installation) -> None:
    async with installation.gateway() as (writer, incarnation):
        connection = f"{incarnation}1"
        await writer.set(*ADA, connection, "active")
        assert await holds(installation.redis, installation.name, *ADA, connection)
        assert not await holds(installation.redis, installation.name, 1, "bob", connection)
        assert not await holds(installation.redis, installation.name, 2, ADA[1], connection)


async def test_a_gateway_that_ends_removes_its_own_entries_only(installation: Installation) -> None:
    async with installation.gateway() as (one, first):
        async with installation.gateway() as (two, second):
            await one.set(*ADA, f"{first}1", "idle")
            await two.set(*ADA, f"{second}1", "active")
        assert (await installation.read())[:2] == ("idle", (Entry(f"{first}1", first, "idle"),))


async def test_entries_of_a_gateway_whose_lease_ran_out_do_not_count(installation: Installation) -> None:
    async with installation.gateway() as (writer, incarnation):
        await writer.set(*ADA, f"{incarnation}1", "active")
        await installation.redis.hset(f"hub:{installation.name}:present:{person_key(*ADA)}", "deadbeefdead1", "active")
        assert [entry.gateway for entry in (await installation.read()).connections] == [incarnation]


async def test_a_lease_is_refreshed_as_long_as_its_gateway_lives(installation: Installation) -> None:
    async with installation.gateway() as (writer, incarnation):
        await writer.set(*ADA, f"{incarnation}1", "active")
        key = f"hub:{installation.name}:lease:{incarnation}"
        lowest = 10_000
        until = time.monotonic() + 2 * LEASE_SECONDS
        while time.monotonic() < until:
            lowest = min(lowest, await installation.redis.pttl(key))
            await asyncio.sleep(0.02)
        assert lowest > 0
        assert (await installation.read()).state == "active"


# Grace


async def test_who_leaves_is_absent_after_a_grace(installation: Installation) -> None:
    async with installation.gateway(grace_seconds=0.3) as (writer, incarnation):
        await writer.set(*ADA, f"{incarnation}1", "active")
        assert (await installation.read()).grace_until is None
        left = time.monotonic()
        writer.remove(*ADA, f"{incarnation}1")
        await eventually(installation.read, Presence("offline", (), None))
        assert time.monotonic() - left >= 0.8 * 0.3


async def test_who_turns_idle_is_away_after_a_grace(installation: Installation) -> None:
    async with installation.gateway(grace_seconds=0.3) as (writer, incarnation):
        entry = Entry(f"{incarnation}1", incarnation, "idle")
        await writer.set(*ADA, entry.connection, "active")
        turned = time.monotonic()
        writer.set(*ADA, entry.connection, "idle")
        await eventually(installation.read, Presence("idle", (entry,), None))
        assert time.monotonic() - turned >= 0.8 * 0.3


async def test_the_grace_is_told_while_it_lasts(installation: Installation) -> None:
    async with installation.gateway() as (writer, incarnation):
        await writer.set(*ADA, f"{incarnation}1", "active")
        await writer.set(*ADA, f"{incarnation}1", "idle")
        assert is_within(await installation.read())
        before = (await installation.read()).grace_until
        writer.remove(*ADA, f"{incarnation}1")
        await eventually(installation.state, "offline")
        assert is_within(await installation.read())
        assert (await installation.read()).grace_until != before


async def test_who_comes_back_within_the_grace_was_never_away(installation: Installation) -> None:
    async with installation.gateway() as (one, first), installation.gateway() as (two, second):
        await one.set(*ADA, f"{first}1", "active")
        one.remove(*ADA, f"{first}1")
        await eventually(installation.is_leaving, expected=True)
        await two.set(*ADA, f"{second}1", "active")
        assert await installation.read() == Presence("active", (Entry(f"{second}1", second, "active"),), None)
        assert await installation.leaving() == {}


async def test_who_comes_back_idle_is_still_away(installation: Installation) -> None:
    async with installation.gateway() as (writer, incarnation):
        await writer.set(*ADA, f"{incarnation}1", "active")
        writer.remove(*ADA, f"{incarnation}1")
        await writer.set(*ADA, f"{incarnation}2", "idle")
        assert (await installation.read()).state == "idle"
        assert is_within(await installation.read())


async def test_who_is_active_in_one_tab_is_not_leaving_with_another(installation: Installation) -> None:
    async with installation.gateway() as (writer, incarnation):
        await writer.set(*ADA, f"{incarnation}1", "active")
        await writer.set(*ADA, f"{incarnation}2", "active")
        writer.remove(*ADA, f"{incarnation}1")
        await writer.set(*ADA, f"{incarnation}3", "idle")
        assert (await installation.read()).state == "active"
        assert await installation.leaving() == {}


async def test_a_drained_gateways_people_are_within_the_grace(installation: Installation) -> None:
    async with installation.gateway() as (writer, incarnation):
        await writer.set(*ADA, f"{incarnation}1", "active")
        await writer.set(*BOB, f"{incarnation}2", "active")
    for user in (ADA[1], BOB[1]):
        assert (await installation.read(user)).state == "offline"
        assert is_within(await installation.read(user))
    assert await installation.members("gateways") == set()


async def test_a_killed_gateways_people_are_within_the_grace_before_anybody_has_cleared_up(
    installation: Installation,
) -> None:
    async with installation.mortal_gateway() as (writer, incarnation, proxy), installation.gateway() as (other, alive):
        await writer.set(*ADA, f"{incarnation}1", "active")
        await writer.set(*BOB, f"{incarnation}2", "active")
        await other.set(*BOB, f"{alive}1", "idle")
        await installation.redis.delete(f"hub:{installation.name}:leaving")
        await installation.kill(incarnation, proxy)
        people = [ADA, BOB]
        ada, bob = await read_presences(installation.redis, installation.name, people, grace_seconds=100)
        assert (ada.state, bob.state) == ("offline", "idle")
        assert is_within(ada, 100)
        assert is_within(bob, 100)


async def test_people_who_leave_together_are_not_due_together(installation: Installation) -> None:
    async with installation.gateway(grace_seconds=100) as (writer, incarnation):
        for n in range(200):
            registered = writer.set(1, f"u{n}", f"{incarnation}{n:x}", "active")
        await registered
        assert await installation.leaving() == {}
        began = time.time()
    ended = time.time()
    graces = sorted((await installation.leaving()).values())
    assert len(graces) == 200
    assert began + 80 <= graces[0] <= began + 85
    assert ended + 95 <= graces[-1] <= ended + 100


async def test_many_changes_are_written_in_several_pipelines(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence_writer, "BATCH_PEOPLE", 3)
    people = [(1, f"u{n}") for n in range(20)]
    async with installation.gateway() as (writer, incarnation):
        for n, person in enumerate(people):
            writer.set(*person, f"{incarnation}a{n:x}", "active")
            writer.set(*person, f"{incarnation}b{n:x}", "idle")
        for n, person in enumerate(people[:10]):
            writer.remove(*person, f"{incarnation}b{n:x}")
            registered = writer.set(*person, f"{incarnation}a{n:x}", "idle")
        await registered
        found = await read_presences(installation.redis, installation.name, people)
        assert [(p.state, len(p.connections)) for p in found] == [("idle", 1)] * 10 + [("active", 2)] * 10
        assert set(await installation.leaving()) == {person_key(*person) for person in people[:10]}
        assert len(await installation.members(f"people:{incarnation}")) == 20


# Batches


async def test_a_batch_says_what_single_reads_say(installation: Installation) -> None:
    async with (
        installation.mortal_gateway() as (dying, dead, proxy),
        installation.gateway(lease_seconds=LONG_SECONDS) as (writer, alive),
        installation.gateway(lease_seconds=LONG_SECONDS, grace_seconds=0) as (hasty, graceless),
    ):
        await writer.set(1, "active", f"{alive}1", "active")
        await writer.set(1, "idle within", f"{alive}2", "idle")
        await hasty.set(1, "idle", f"{graceless}1", "idle")
        for user, by, connection in (("gone within", writer, f"{alive}3"), ("gone", hasty, f"{graceless}2")):
            await by.set(1, user, connection, "active")
            by.remove(1, user, connection)
        await dying.set(1, "unreaped", f"{dead}1", "active")
        await dying.set(1, "moved", f"{dead}2", "active")
        await writer.set(1, "moved", f"{alive}4", "active")
        await installation.kill(dead, proxy)
        people = [(1, user) for user in ("moved", "unreaped", "gone", "gone within", "idle", "idle within", "active")]
        people += [(2, "active"), (1, "nobody"), (1, "active")]
        await eventually(lambda: installation.is_leaving((1, "gone")), expected=True)

        batch = await read_presences(installation.redis, installation.name, people)
        single = [await read_presence(installation.redis, installation.name, *person) for person in people]
        assert [(found.state, found.grace_until is not None) for found in batch] == [
            ("active", False),
            ("offline", True),
            ("offline", False),
            ("offline", True),
            ("idle", False),
            ("idle", True),
            ("active", False),
            ("offline", False),
            ("offline", False),
            ("active", False),
        ]
        assert batch[1].grace_until != single[1].grace_until  # counted from each reading
        assert batch[:1] + batch[2:] == single[:1] + single[2:]
    assert await read_presences(installation.redis, installation.name, []) == []


async def test_nobody_is_seen_between_two_states(installation: Installation) -> None:
    """A large batch takes Redis several turns; somebody who returns meanwhile is leaving, or back."""
    crowd = [ADA, *((1, f"u{n}") for n in range(1000))]

    async def flap() -> None:
        while True:
            await writer.set(*ADA, f"{incarnation}1", "active")
            writer.remove(*ADA, f"{incarnation}1")
            await writer.set(*ADA, f"{incarnation}2", "idle")
            writer.remove(*ADA, f"{incarnation}2")
            await writer.set(*BOB, f"{incarnation}3", "active")

    async with installation.gateway(lease_seconds=LONG_SECONDS) as (writer, incarnation):
        await writer.set(*ADA, f"{incarnation}1", "active")
        flapping = asyncio.create_task(flap())
        seen = set()
        for _ in range(100):
            ada = (await read_presences(installation.redis, installation.name, crowd, timeout_seconds=10))[0]
            seen.add((ada.state, ada.grace_until is not None))
        flapping.cancel()
    assert seen <= {("active", False), ("idle", True), ("offline", True)}
    assert len(seen) > 1


@given(st.integers(1, 2**63), st.text(st.characters(exclude_categories=["Cs"])))
def test_a_persons_key_leads_back_to_them(project_id: int, user: str) -> None:
    assert parse_person_key(person_key(project_id, user)) == (project_id, user)


# Unknown


async def test_nobody_is_absent_before_anybody_was_there_to_say_so(servers: Servers) -> None:
    installation = Installation(servers.redis_url)
    assert await installation.read() == UNKNOWN
    await installation.redis.aclose()


async def test_absence_is_unknown_until_gateways_have_had_time(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with installation.gateway() as (writer, incarnation):
        await writer.set(*ADA, f"{incarnation}1", "active")
        monkeypatch.setattr(presence, "SETTLE_SECONDS", 3600)
        assert (await installation.read("bob")).state == "unknown"
        assert (await installation.read()).state == "active"


async def test_somebody_in_a_grace_is_unknown_too_where_absence_is(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with installation.gateway() as (writer, incarnation):
        await writer.set(*ADA, f"{incarnation}1", "active")
    assert is_within(await installation.read())
    monkeypatch.setattr(presence, "SETTLE_SECONDS", 3600)
    assert await installation.read() == UNKNOWN


@pytest.mark.parametrize("fault", ["black hole", "refused", "wrong type"])
async def test_everybody_is_unknown_when_redis_does_not_answer(installation: Installation, fault: str) -> None:
    async with installation.gateway() as (writer, incarnation), tcp_proxy(installation.url) as (proxy, url):
        await writer.set(*ADA, f"{incarnation}1", "active")
        redis = create_redis(url)
        assert (await read_presence(redis, installation.name, *ADA)).state == "active"
        if fault == "black hole":
            proxy.swallowing = True
        elif fault == "refused":
            proxy.refusing = True
            proxy.cut()
        else:
            await installation.redis.set(f"hub:{installation.name}:present:{person_key(*BOB)}", "x")
        began = time.monotonic()
        people = [ADA, BOB, CYD]
        assert await read_presences(redis, installation.name, people, timeout_seconds=0.2) == [UNKNOWN] * 3
        assert time.monotonic() - began < 1.5  # a command by itself would wait 2 s
        proxy.heal()
        await installation.redis.delete(f"hub:{installation.name}:present:{person_key(*BOB)}")
        states = [found.state for found in await read_presences(redis, installation.name, people)]
        assert states == ["active", "offline", "offline"]
        await redis.aclose()


async def test_everything_is_written_again_when_redis_was_emptied(installation: Installation) -> None:
    async with installation.gateway() as (writer, incarnation):
        await writer.set(*ADA, f"{incarnation}1", "active")
        await writer.set(*BOB, f"{incarnation}2", "idle")
        await installation.settle()
        keys = [key async for key in installation.redis.scan_iter(f"hub:{installation.name}:*")]
        await installation.redis.delete(*keys)
        await eventually(installation.state, "active")
        since = await installation.redis.get(f"hub:{installation.name}:present-since")
        assert since is not None
        assert int(since) >= time.time() - 10
        assert (await installation.read(BOB[1])).state == "idle"
        assert list(await installation.leaving()) == [person_key(*BOB)]


@pytest.mark.parametrize("fault", ["restarted", "restarted empty", "emptied"])
async def test_a_redis_that_was_lost_makes_nobody_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """Whoever is there is known to be as soon as their gateway has said so again; absence is unknown for long."""
    settle_seconds = 3
    monkeypatch.setattr(presence, "SETTLE_SECONDS", settle_seconds)
    monkeypatch.setattr(presence_writer, "RETRY_SECONDS", 0.02)
    options = {"appendonly": "no"} if fault == "restarted empty" else {}
    valkey = Valkey(tmp_path, "secret", durable=False, options=options)
    await valkey.start()
    installation = Installation(valkey.url)

    async def look() -> list[str]:
        people = [ADA, BOB, CYD]
        return [found.state for found in await read_presences(installation.redis, installation.name, people)]

    try:
        async with installation.gateway(lease_seconds=3.0, grace_seconds=0) as (writer, incarnation):
            await writer.set(*ADA, f"{incarnation}1", "active")
            await writer.set(*BOB, f"{incarnation}2", "idle")
            await eventually(look, ["active", "idle", "offline"])
            if fault == "emptied":
                await installation.redis.flushall()
            else:
                await valkey.kill()
                assert await look() == ["unknown"] * 3
                await valkey.start()
            began, seen = time.monotonic(), list[list[str]]()
            while not seen or seen[-1] != ["active", "idle", "offline"]:
                await reap_dead_gateways(installation.redis, installation.name, 0)
                seen.append(await look())
                await asyncio.sleep(0.01)
            assert time.monotonic() - began > settle_seconds - 1.1  # Redis counts whole seconds
            ada, bob, cyd = (set(states) for states in zip(*seen, strict=True))
            assert ada <= {"active", "unknown"}
            assert bob <= {"idle", "unknown"}
            assert cyd == {"offline", "unknown"}
    finally:
        await installation.redis.aclose()
        await valkey.stop()


async def test_changes_made_while_redis_is_away_are_written_when_it_returns(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence_writer, "RETRY_SECONDS", 0.02)
    async with tcp_proxy(installation.url) as (proxy, url):
        redis = create_redis(url)
        async with installation.gateway(redis) as (writer, incarnation):
            await writer.set(*ADA, f"{incarnation}1", "active")
            await writer.set(*ADA, f"{incarnation}2", "active")
            await installation.settle()
            proxy.refusing = True
            proxy.cut()
            writer.remove(*ADA, f"{incarnation}1")
            await writer.set(*ADA, f"{incarnation}2", "idle")
            assert (await read_presence(redis, installation.name, *ADA)).state == "unknown"
            proxy.refusing = False
            expected = (Entry(f"{incarnation}2", incarnation, "idle"),)

            async def entries() -> tuple[Entry, ...]:
                return (await installation.read()).connections

            await eventually(entries, expected)
            assert is_within(await installation.read())
        await redis.aclose()
