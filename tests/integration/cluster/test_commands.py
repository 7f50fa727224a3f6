"""Commands on a real cluster: each goes where its slot is, and what one master cannot do holds up nobody else's."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from redis.asyncio.client import Pipeline
from redis.exceptions import RedisError

from hub.bus import presence
from hub.bus.breakers import BreakerStore
from hub.bus.caps import Bound, CapAsk, Wanted
from hub.bus.caps import release as release_caps
from hub.bus.caps import reserve as reserve_caps
from hub.bus.client import checked
from hub.bus.cluster import Cluster
from hub.bus.paces import PaceAsk
from hub.bus.paces import reserve as reserve_paces
from hub.bus.presence import person_key, read_presences
from hub.bus.presence_writer import PresenceWriter
from hub.bus.reaper import forget_absent, reap_dead_gateways, take_absent
from hub.bus.slots import slot_of
from hub.model.breaker import FRESH, Breaker, State
from hub.model.pace import Pace
from tests.support.gateway import eventually, until
from tests.support.valkey_cluster import ValkeyCluster

CROWD = [(1, f"user {n}/é") for n in range(60)]  # more than parts, on all masters


def installation() -> str:
    return secrets.token_hex(4)


async def test_commands_of_all_masters_go_out_together_and_answer_in_order(redis: Cluster) -> None:
    names = [f"{installation()}:{n}" for n in range(300)]
    assert checked(await redis.each([(name, ("SET", name, name)) for name in names])) == [True] * 300
    assert await redis.each([(name, ("GET", name)) for name in names]) == [name.encode() for name in names]
    assert len({redis.topology.owner(name) for name in names}) == 3


async def test_a_command_that_fails_is_one_error_among_answers(redis: Cluster) -> None:
    names = [f"{installation()}:{n}" for n in range(3)]
    found = await redis.each(
        [(names[0], ("SET", names[0], "x")), (names[0], ("INCR", names[0])), (names[1], ("TIME",))]
    )
    assert found[0] is True
    assert isinstance(found[1], RedisError)
    assert len(found[2]) == 2


@pytest.mark.parametrize("how", ["by key", "at once"])
async def test_a_slot_that_moved_is_found(valkeys: ValkeyCluster, redis: Cluster, how: str) -> None:
    name = await valkeys.name_on(valkeys.masters[1], installation())
    checked(await redis.each([(name, ("SET", name, "1"))]))
    await valkeys.move(slot_of(name), valkeys.masters[2], "by key" if how == "by key" else "at once")
    assert checked(await redis.each([(name, ("INCR", name))])) == [2]
    await valkeys.move(slot_of(name), valkeys.masters[1], "by key")

    def add(pipeline: Pipeline) -> None:
        pipeline.incr(name)
        pipeline.get(name)

    assert await redis.at(name, add) == [3, b"3"]


async def test_keys_are_found_on_either_side_while_their_slot_moves(valkeys: ValkeyCluster, redis: Cluster) -> None:
    source, target = valkeys.masters[1], valkeys.masters[2]
    tag = await valkeys.name_on(source, installation())
    names = [f"{{{tag}}}:{n}" for n in range(10)]
    checked(await redis.each([(name, ("SET", name, "1")) for name in names]))
    await valkeys.begin_move(slot_of(tag), target)
    assert await valkeys.move_keys(slot_of(tag), source, target, 4) == 4
    fresh = f"{{{tag}}}:fresh"
    found = await redis.each([(name, ("INCR", name)) for name in [*names, fresh]], first=("SCRIPT LOAD", "return 1"))
    assert found == [2] * 10 + [1]

    def add(pipeline: Pipeline) -> None:
        for name in names:
            pipeline.incr(name)

    with pytest.raises(RedisError):  # a transaction cannot be on both sides: nothing of it is done
        await redis.at(names[0], add)
    while await valkeys.move_keys(slot_of(tag), source, target):
        pass
    await valkeys.end_move(slot_of(tag), target)
    assert await redis.at(names[0], add) == [3] * 10
    await valkeys.move(slot_of(tag), source)


async def test_what_one_master_has_waits_for_it_alone(
    valkeys: ValkeyCluster, redis: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third master has no replica: its part is away until it is back, empty of nothing."""
    monkeypatch.setattr(presence, "SETTLE_SECONDS", 0)
    name, third = installation(), valkeys.masters[2]
    writer = PresenceWriter(redis, name, "0" * 12, grace_seconds=1_000)
    writer.start()
    for n, person in enumerate(CROWD):
        writer.set(*person, f"{'0' * 12}{n:x}", "active")
    await writer.flush()
    keys = [person_key(*person) for person in CROWD]
    theirs = {key for key in keys if redis.topology.owner(f"{presence.prefix_of(redis, name, key)}:x") == third.node}
    assert 0 < len(theirs) < len(CROWD)

    async def states() -> dict[str, str]:
        found = await read_presences(redis, name, CROWD)
        return {key: there.state for key, there in zip(keys, found, strict=True)}

    assert set((await states()).values()) == {"active"}
    await third.valkey.kill()
    try:
        assert await states() == {key: "unknown" if key in theirs else "active" for key in keys}
        channels = [await valkeys.name_on(master, f"{name}:") for master in valkeys.masters]
        assert await redis.publish_all([(channel, b"x") for channel in channels]) == [2]
        with pytest.raises(RedisError):
            await redis.publish(channels[2], b"x")
        await redis.ping()
        assert await reap_dead_gateways(redis, name, 0) == 0
        assert await take_absent(redis, name) == []
    finally:
        await third.valkey.start()

    async def all_states() -> set[str]:
        return set((await states()).values())

    await eventually(all_states, {"active"})
    await until(lambda: not redis._away)
    await writer.close()
    await eventually(all_states, {"offline"})


async def test_a_dead_gateway_s_people_are_taken_from_every_part_once(redis: Cluster) -> None:
    name = installation()
    writer = PresenceWriter(redis, name, "d" * 12, lease_seconds=1_000, grace_seconds=0)
    for n, person in enumerate(CROWD):
        writer.set(*person, f"{'d' * 12}{n:x}", "active")
    await writer.flush()
    assert await reap_dead_gateways(redis, name, 0) == len(CROWD)
    assert await reap_dead_gateways(redis, name, 0) == 0
    taken = await take_absent(redis, name, 1_000)
    assert {person for person, _ in taken} == {person_key(*person) for person in CROWD}
    assert [score for _, score in taken] == sorted(score for _, score in taken)
    assert len(await take_absent(redis, name, 10)) == 10
    await forget_absent(redis, name, taken)
    assert await take_absent(redis, name) == []


async def test_caps_count_exactly_for_people_on_every_master(redis: Cluster) -> None:
    name, hour = installation(), timedelta(hours=1)
    bounds = (Bound("news", 2, hour), Bound("", 3, hour))
    already = {(person_id, "news"): [(uuid4(), datetime.now(UTC))] for person_id in range(0, 50, 2)}

    async def load(wanted: Sequence[Wanted]) -> Mapping[tuple[int, str], Sequence[tuple[UUID, datetime]]]:
        return already

    asks = [CapAsk(uuid4(), person_id, bounds) for person_id in range(50) for _ in range(3)]
    found = await reserve_caps(redis, name, asks, load)
    room = dict.fromkeys(range(50), 0)
    for ask, full in zip(asks, found, strict=True):
        room[ask.person_id] += full is None
    assert room == {person_id: 1 if person_id % 2 == 0 else 2 for person_id in range(50)}
    await release_caps(redis, name, [ask for ask, full in zip(asks, found, strict=True) if full is None])
    again = await reserve_caps(redis, name, [CapAsk(uuid4(), person_id, bounds) for person_id in range(50)], load)
    assert again == [None] * 50


async def test_a_place_is_taken_in_all_paces_or_in_none(redis: Cluster) -> None:
    name = installation()
    project, person, relay = (
        Pace("email:project:1", 0.2),
        Pace("email:person:1", 60.0),
        Pace("email:provider:relay", 0.1),
    )
    ask = PaceAsk((project, person, relay), 0.5)
    first, second, other = await reserve_paces(
        redis, name, [ask, ask, PaceAsk((project, relay, Pace("email:person:2", 60.0)), 0.5)]
    )
    assert (first.taken, first.wait) == (True, 0)
    assert (second.taken, second.key) == (False, person.key)
    assert other.taken
    assert other.wait <= 0.2  # what found no room took no place


async def test_of_many_workers_one_changes_a_breaker(redis: Cluster) -> None:
    store = BreakerStore(redis, installation(), "email")
    opened = Breaker(State.OPEN, 1.0)
    names = [f"relay-{n}" for n in range(20)]

    def change(breaker: Breaker) -> Breaker:
        return opened if breaker == FRESH else Breaker(breaker.state, breaker.until + 1)

    for _ in range(3):
        found = await store.exchange(dict.fromkeys(names, change))
    assert {breaker.until for breaker in found.values()} == {3.0}


async def test_a_cluster_that_is_away_says_so() -> None:
    client = Cluster("redis+cluster://127.0.0.1:1")
    with pytest.raises(RedisError):
        await client.ping()
    with pytest.raises(RedisError):
        await client.publish_all([("x", b"")])
    await client.aclose()
