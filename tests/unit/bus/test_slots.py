"""Slots, layouts and URLs of a cluster."""

from __future__ import annotations

import pytest

from hub.bus.slots import SLOTS, Node, read_layout, slot_of, spread_tags
from hub.bus.topology import ClusterUrl, is_cluster

ASKED = Node("10.0.0.9", 7000)


def test_a_name_has_the_slot_that_the_specification_says() -> None:
    assert slot_of("123456789") == 12739  # 0x31C3, the check value of its CRC16
    assert slot_of("foo{bar}baz") == slot_of(b"bar")
    assert slot_of("{user}.a") == slot_of("{user}.b")
    assert slot_of("{}a") != slot_of("{}b")  # empty braces count for nothing


@pytest.mark.parametrize("parts", [1, 3, 16])
def test_each_part_of_the_slots_has_a_tag_of_its_own(parts: int) -> None:
    tags = spread_tags(parts)
    assert [slot_of(f"hub:{{{tag}}}:x") * parts // SLOTS for tag in tags] == list(range(parts))
    assert tags == spread_tags(parts)


def test_a_layout_says_the_master_of_every_slot() -> None:
    layout = read_layout(
        [
            [0, 5460, [b"10.0.0.1", 7000, b"a", []], [b"10.0.0.4", 7000, b"d", []]],
            [5461, 5461, [b"10.0.0.2", 7001, b"b"]],
            [5463, 16383, [b"10.0.0.1", 7000, b"a", []], [b"10.0.0.4", 7000, b"d", []]],
        ],
        ASKED,
    )
    first, second, replica = Node("10.0.0.1", 7000), Node("10.0.0.2", 7001), Node("10.0.0.4", 7000)
    assert [layout.owners[slot] for slot in (0, 5460, 5461, 5462, 5463, 16383)] == [
        first, first, second, None, first, first,
    ]  # fmt: skip
    assert layout.masters == {first, second}
    assert layout.nodes == {first, second, replica}
    assert layout.replicas == {first: {replica}, second: frozenset()}


@pytest.mark.parametrize("host", [b"", None])
def test_a_node_that_does_not_know_its_address_is_where_it_answered(host: bytes | None) -> None:
    layout = read_layout([[0, 16383, [host, 7003, b"a", []]]], ASKED)
    assert set(layout.owners) == {Node("10.0.0.9", 7003)}


def test_a_url_names_some_nodes_and_how_to_speak_to_all() -> None:
    url = ClusterUrl("rediss+cluster://hub:p%40ss@one.example:7000,two.example,[::1]:7002/0?ssl_cert_reqs=none")
    assert url.seeds == (Node("one.example", 7000), Node("two.example", 6379), Node("::1", 7002))
    assert url.of(Node("10.0.0.1", 7005)) == "rediss://hub:p%40ss@10.0.0.1:7005?ssl_cert_reqs=none"
    assert url.of(Node("::1", 7002)) == "rediss://hub:p%40ss@[::1]:7002?ssl_cert_reqs=none"
    assert ClusterUrl("redis+cluster://one:7000").of(Node("two", 1)) == "redis://two:1"


def test_only_a_cluster_s_url_is_one() -> None:
    assert is_cluster("redis+cluster://localhost")
    assert is_cluster("rediss+cluster://localhost")
    assert not is_cluster("redis://localhost")
    assert not is_cluster("unix:///run/redis.sock")
