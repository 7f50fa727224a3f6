"""Dead gateways and passed graces against a real Valkey: nobody is lost, and nobody is forgotten too early."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from hub.bus import reaper
from hub.bus.client import Server, create_redis
from hub.bus.presence import Presence, person_key, read_presences
from hub.bus.presence_writer import PresenceWriter
from hub.bus.reaper import forget_absent, reap_batch, reap_dead_gateways, take_absent
from tests.support.presence import ADA, BOB, CYD, LONG_SECONDS, Installation, eventually

CROWD = [(1, f"u{n}") for n in range(25)]


async def reap(installation: Installation, grace_seconds: float = LONG_SECONDS) -> int:
    return await reap_dead_gateways(installation.redis, installation.name, grace_seconds)


async def take(installation: Installation, limit: int = 500) -> list[str]:
    return [person for person, _ in await take_absent(installation.redis, installation.name, limit)]


async def keys_of(installation: Installation) -> set[str]:
    """What there is, but for the one key that stays."""
    prefix = f"hub:{installation.name}:"
    keys = [key.decode("ascii") async for key in installation.redis.scan_iter(f"{prefix}*")]
    return {key.removeprefix(prefix) for key in keys} - {"present-since"}


async def crowd_on_a_dead_gateway(installation: Installation) -> str:
    """Its incarnation."""
    async with installation.mortal_gateway() as (writer, incarnation, proxy):
        for n, person in enumerate(CROWD):
            registered = writer.set(*person, f"{incarnation}{n:x}", "idle" if n % 3 else "active")
        await registered
        await installation.kill(incarnation, proxy)
    await installation.redis.delete(f"hub:{installation.name}:leaving")  # of those who were idle already
    return incarnation


# Dead gateways


async def test_a_killed_gateways_people_are_leaving(installation: Installation) -> None:
    async with installation.mortal_gateway() as (writer, incarnation, proxy):
        await writer.set(*ADA, f"{incarnation}1", "active")
        await writer.set(*ADA, f"{incarnation}2", "idle")
        await writer.set(*CYD, f"{incarnation}3", "idle")
        await installation.kill(incarnation, proxy)
        began = time.time()
        assert await reap(installation, 100) == 2
        leaving = await installation.leaving()
        assert leaving.keys() == {person_key(*ADA), person_key(*CYD)}
        assert all(began + 80 <= end <= time.time() + 100 for end in leaving.values())
        assert await keys_of(installation) == {"leaving"}
        ada = await installation.read()
        assert (ada.state, ada.connections) == ("offline", ())
        assert ada.grace_until is not None
        assert ada.grace_until.timestamp() == pytest.approx(leaving[person_key(*ADA)], abs=1e-3)
    assert await reap(installation) == 0


async def test_a_killed_gateways_people_are_absent_after_the_grace(installation: Installation) -> None:
    await crowd_on_a_dead_gateway(installation)
    await reap(installation, 0.3)
    assert await take(installation) == []
    await eventually(lambda: installation.read("u0"), Presence("offline", (), None))

    async def due() -> int:
        return len(await take(installation))

    await eventually(due, len(CROWD))


async def test_people_of_a_dead_gateway_are_not_due_together(installation: Installation) -> None:
    await crowd_on_a_dead_gateway(installation)
    await reap(installation, 100)
    graces = sorted((await installation.leaving()).values())
    assert len(set(graces)) == len(CROWD)
    assert graces[-1] - graces[0] > 10


async def test_gateways_that_live_are_left_alone(installation: Installation) -> None:
    async with installation.gateway(lease_seconds=LONG_SECONDS) as (writer, incarnation):
        await writer.set(*ADA, f"{incarnation}1", "active")
        before = await keys_of(installation)
        assert await reap(installation) == 0
        assert await reap_batch(installation.redis, f"hub:{installation.name}", incarnation, 0) == (0, 0)
        assert await keys_of(installation) == before
        assert await installation.state() == "active"


async def test_a_gateway_without_people_is_forgotten(installation: Installation) -> None:
    async with installation.mortal_gateway() as (writer, incarnation, proxy):
        await writer.set(*ADA, f"{incarnation}1", "active")
        writer.remove(*ADA, f"{incarnation}1")
        await eventually(lambda: installation.members(f"people:{incarnation}"), set())
        await installation.kill(incarnation, proxy)
        assert await reap(installation) == 0
        assert await keys_of(installation) == {"leaving"}


async def test_who_is_active_on_another_gateway_is_not_leaving(installation: Installation) -> None:
    async with (
        installation.mortal_gateway() as (dying, dead, proxy),
        installation.gateway(lease_seconds=LONG_SECONDS) as (writer, alive),
    ):
        for n, person in enumerate((ADA, BOB, CYD)):
            await dying.set(*person, f"{dead}{n}", "active")
        await writer.set(*ADA, f"{alive}1", "active")
        await writer.set(*BOB, f"{alive}2", "idle")
        await installation.kill(dead, proxy)
        await installation.redis.delete(f"hub:{installation.name}:leaving")
        assert await reap(installation) == 3
        assert (await installation.leaving()).keys() == {person_key(*BOB), person_key(*CYD)}
        people = await read_presences(installation.redis, installation.name, [ADA, BOB, CYD])
        assert [(found.state, found.grace_until is None) for found in people] == [
            ("active", True),
            ("idle", False),
            ("offline", False),
        ]


async def test_who_was_active_on_two_dead_gateways_is_leaving(installation: Installation) -> None:
    async with (
        installation.mortal_gateway() as (one, first, one_proxy),
        installation.mortal_gateway() as (two, second, two_proxy),
    ):
        await one.set(*ADA, f"{first}1", "active")
        await two.set(*ADA, f"{second}1", "active")
        await installation.kill(first, one_proxy)
        await installation.kill(second, two_proxy)
        assert await reap(installation) == 2  # Ada, twice
        assert await installation.is_leaving()
        assert await keys_of(installation) == {"leaving"}


async def test_a_later_grace_replaces_an_earlier_one(installation: Installation) -> None:
    async with installation.mortal_gateway() as (dying, dead, proxy):
        async with installation.gateway(grace_seconds=10) as (writer, alive):
            await dying.set(*ADA, f"{dead}1", "active")
            await writer.set(*ADA, f"{alive}1", "active")
        assert (await installation.leaving())[person_key(*ADA)] < time.time() + 10
        await installation.kill(dead, proxy)
        await reap(installation, 100)
        assert (await installation.leaving())[person_key(*ADA)] > time.time() + 70


async def test_two_workers_at_once_move_everybody_once(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaper, "REAP_PEOPLE", 2)
    await crowd_on_a_dead_gateway(installation)
    moved = await asyncio.gather(*(reap(installation) for _ in range(3)))
    assert sum(moved) == len(CROWD)
    assert sorted(moved)[1] > 0
    assert (await installation.leaving()).keys() == {person_key(*person) for person in CROWD}
    assert await keys_of(installation) == {"leaving"}


async def test_a_worker_that_dies_half_way_loses_nobody(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaper, "REAP_PEOPLE", 10)
    dead = await crowd_on_a_dead_gateway(installation)
    assert await reap_batch(installation.redis, f"hub:{installation.name}", dead, LONG_SECONDS) == (10, 15)
    assert len(await installation.leaving()) == 10
    assert await installation.members("gateways") == {dead}
    between = await read_presences(installation.redis, installation.name, CROWD)
    assert {found.state for found in between} == {"offline"}
    assert all(found.grace_until is not None for found in between)
    assert await reap(installation) == 15
    assert (await installation.leaving()).keys() == {person_key(*person) for person in CROWD}
    assert await keys_of(installation) == {"leaving"}


def breaking_off(redis: Server, commands: int) -> None:
    """Lets this client send so many commands of each pipeline, and then loses the connection."""
    make = redis.pipeline

    def pipeline(**options: Any) -> Any:
        made: Any = make(**options)
        execute = made.execute

        async def execute_some() -> None:
            complete = len(made.command_stack) <= commands
            del made.command_stack[commands:]
            await execute()
            if not complete:
                raise ConnectionError("broken off")

        made.execute = execute_some
        return made

    redis.pipeline = pipeline  # type: ignore[method-assign, assignment]


@pytest.mark.parametrize("change", ["leave", "turn idle", "swap", "come back", "come back idle"])
async def test_a_gateway_that_dies_while_it_writes_loses_nobody(installation: Installation, change: str) -> None:
    """After any of its commands Ada is active or within the grace; and the reaper finds whatever was written."""
    await installation.settle()
    incarnation = "0" * 12
    first, second = f"{incarnation}1", f"{incarnation}2"
    complete, commands = False, 0
    while not complete:
        redis = create_redis(installation.url)
        writer = PresenceWriter(redis, installation.name, incarnation, grace_seconds=LONG_SECONDS)
        await installation.redis.set(f"hub:{installation.name}:lease:{incarnation}", "1")
        writer.set(*ADA, first, "active")
        if change == "swap":
            writer.set(*ADA, second, "idle")
        await writer.flush()
        if change.startswith("come"):
            writer.remove(*ADA, first)
            await writer.flush()
        breaking_off(redis, commands)
        match change:
            case "leave":
                writer.remove(*ADA, first)
            case "turn idle":
                writer.set(*ADA, first, "idle")
            case "swap":
                writer.set(*ADA, second, "active")
                writer.remove(*ADA, first)
            case _:
                writer.set(*ADA, second, "active" if change == "come back" else "idle")
        try:
            await writer.flush()
            complete = True
        except ConnectionError:
            commands += 1
        ada = await installation.read()
        assert ada.state == "active" or ada.grace_until is not None
        await installation.redis.delete(f"hub:{installation.name}:lease:{incarnation}")
        await reap(installation)
        assert await keys_of(installation) == {"leaving"}
        assert await installation.is_leaving()
        await installation.redis.delete(f"hub:{installation.name}:leaving")
        await redis.aclose()
    assert commands >= 3


async def test_who_was_removed_but_for_the_list_of_people_is_not_leaving_again(installation: Installation) -> None:
    gateway = "0" * 12
    await installation.redis.sadd(f"hub:{installation.name}:gateways", gateway)
    await installation.redis.sadd(f"hub:{installation.name}:people:{gateway}", person_key(*ADA))
    assert await reap(installation) == 0
    assert await keys_of(installation) == set()


# Gateways that live after all


async def test_a_gateway_that_was_stopped_is_there_again(installation: Installation) -> None:
    """Its lease ended while it did nothing, and others took it for dead."""
    async with installation.gateway() as (writer, incarnation):
        await writer.set(*ADA, f"{incarnation}1", "active")
        await writer.set(*BOB, f"{incarnation}2", "idle")
        before = await keys_of(installation)

        async def reaped() -> int:  # its next refresh may come between the two
            await installation.redis.delete(f"hub:{installation.name}:lease:{incarnation}")
            return await reap(installation)

        await eventually(reaped, 2)
        await eventually(lambda: keys_of(installation), before)
        await eventually(lambda: installation.is_leaving(ADA), expected=False)
        assert (await installation.read()).state == "active"
        assert (await installation.read(BOB[1])).state == "idle"
        assert await installation.members("gateways") == {incarnation}
        assert len(await installation.members(f"people:{incarnation}")) == 2


async def test_a_gateway_that_redis_did_not_hear_is_there_again(installation: Installation) -> None:
    async with installation.mortal_gateway() as (writer, incarnation, proxy):
        await writer.set(*ADA, f"{incarnation}1", "active")
        await installation.settle()
        proxy.swallowing = True
        await eventually(lambda: installation.redis.exists(f"hub:{installation.name}:lease:{incarnation}"), 0)
        assert await reap(installation) == 1
        ada = await installation.read()
        assert (ada.state, ada.grace_until is not None) == ("offline", True)
        proxy.heal()
        await eventually(installation.state, "active")
        await eventually(installation.leaving, {})
        since = await installation.redis.get(f"hub:{installation.name}:present-since")
        assert since is not None
        assert int(since) >= time.time() - 10  # whoever else was absent is unknown for a while
        await installation.kill(incarnation, proxy)
        assert await reap(installation) == 1


async def test_what_was_written_without_a_lease_is_found(installation: Installation) -> None:
    """A gateway that was stopped and reaped writes, and dies before the refresh that would have told it."""
    incarnation = "0" * 12
    writer = PresenceWriter(installation.redis, installation.name, incarnation)
    writer.set(*ADA, f"{incarnation}1", "active")
    await writer.flush()
    assert await reap(installation) == 1
    assert await keys_of(installation) == {"leaving"}


# Graces that passed


async def test_those_whose_grace_has_passed_are_taken_until_they_are_forgotten(installation: Installation) -> None:
    ada, bob, cyd = (person_key(*person) for person in (ADA, BOB, CYD))
    async with installation.gateway(grace_seconds=0.02) as (writer, incarnation):
        for person, due in ((ADA, [ada]), (BOB, [ada, bob]), (CYD, [ada, bob, cyd])):
            await writer.set(*person, f"{incarnation}1", "active")
            writer.remove(*person, f"{incarnation}1")
            await eventually(lambda: take(installation), due)
    async with installation.gateway() as (writer, incarnation):
        await writer.set(1, "later", f"{incarnation}1", "idle")
        assert await take(installation) == [ada, bob, cyd]
        taken = await take_absent(installation.redis, installation.name, 2)
        assert taken == [(person, (await installation.leaving())[person]) for person in (ada, bob)]
        await forget_absent(installation.redis, installation.name, taken)
        await forget_absent(installation.redis, installation.name, taken)
        await forget_absent(installation.redis, installation.name, [])
        assert await take(installation) == [cyd]
        assert (await installation.leaving()).keys() == {cyd, person_key(1, "later")}


async def test_who_left_once_more_is_not_forgotten(installation: Installation) -> None:
    async with installation.gateway(grace_seconds=0) as (writer, incarnation):
        for person in (ADA, BOB, CYD):
            await writer.set(*person, f"{incarnation}1", "idle")
        taken = await take_absent(installation.redis, installation.name)
        assert len(taken) == 3
        await writer.set(*BOB, f"{incarnation}1", "active")
        await writer.set(*CYD, f"{incarnation}1", "active")
        await writer.set(*CYD, f"{incarnation}1", "idle")
        await forget_absent(installation.redis, installation.name, taken)
        assert await take(installation) == [person_key(*CYD)]
