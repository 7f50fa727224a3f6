"""What `hub doctor` says of a cluster."""

from __future__ import annotations

from hub.doctor_redis import check_redis
from hub.finding import Finding, State
from hub.local.servers import Servers
from tests.support.valkey_cluster import ValkeyCluster


async def diagnose(url: str) -> dict[str, Finding]:
    return {finding.check: finding async for finding in check_redis(url)}


async def test_a_whole_cluster_is_described(valkeys: ValkeyCluster) -> None:
    found = await diagnose(valkeys.url)
    assert "3 masters" in found["redis"].detail
    assert {found[check].state for check in ("redis", "redis_cluster", "redis_memory", "redis_clock")} == {State.OK}
    assert found["redis_replicas"].state is State.WARN
    assert str(valkeys.masters[1].node) in found["redis_replicas"].detail
    assert str(valkeys.masters[0].node) not in found["redis_replicas"].detail


async def test_settings_that_do_harm_are_told_with_their_master(valkeys: ValkeyCluster) -> None:
    second = valkeys.masters[1]
    await second.tell("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    first = min(valkeys.masters, key=lambda master: master.node)
    await first.tell("CONFIG", "SET", "cluster-require-full-coverage", "yes")
    try:
        found = await diagnose(valkeys.url)
    finally:
        await second.tell("CONFIG", "SET", "maxmemory-policy", "noeviction")
        await first.tell("CONFIG", "SET", "cluster-require-full-coverage", "no")
    assert found["redis_memory"].state is State.FAIL
    assert found["redis_memory"].detail.startswith(str(second.node))
    assert found["redis_cluster"].state is State.WARN


async def test_a_master_that_is_away_is_named(valkeys: ValkeyCluster) -> None:
    third = valkeys.masters[2]
    await third.valkey.kill()
    try:
        found = await diagnose(valkeys.url)
    finally:
        await third.valkey.start()
    assert found["redis"].state is State.FAIL
    assert str(third.node) in found["redis"].detail
    assert found["redis_memory"].state is State.OK  # of those that answer
    await valkeys.whole()


async def test_a_cluster_that_does_not_answer() -> None:
    found = await diagnose("redis+cluster://:hunter2@127.0.0.1:1")
    assert found["redis"].state is State.UNREACHABLE
    assert "hunter2" not in repr(found)


async def test_a_node_of_a_cluster_is_no_single_server(valkeys: ValkeyCluster) -> None:
    found = await diagnose(valkeys.masters[0].valkey.url)
    assert found["redis"].state is State.OK
    assert found["redis_cluster"].state is State.FAIL
    assert "redis+cluster://" in (found["redis_cluster"].mend or "")


async def test_one_server_is_no_cluster(servers: Servers) -> None:
    found = await diagnose(servers.redis_url.replace("redis:", "redis+cluster:"))
    assert found["redis"].state is State.UNREACHABLE
