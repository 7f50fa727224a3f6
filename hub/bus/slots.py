"""The slots of a Redis Cluster: which one a key has, and which master has which.

Every key, and every channel of sharded Pub/Sub, belongs to one of 16,384 slots; what stands in braces, where there are
any, decides for the whole name. All keys of a command, a script or a transaction have to be in one slot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

SLOTS = REDIS_CLUSTER_HASH_SLOTS


class Node(NamedTuple):
    """A server, by the address under which clients reach it."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def slot_of(name: str | bytes) -> int:
    """The slot of a key or a channel."""
    return key_slot(name.encode("utf-8") if isinstance(name, str) else name)


def spread_tags(parts: int) -> tuple[str, ...]:
    """One hash tag for each of so many equal parts of the slots, always the same: masters share them evenly."""
    tags: dict[int, str] = {}
    for number in count():
        tag = str(number)
        tags.setdefault(slot_of(tag) * parts // SLOTS, tag)
        if len(tags) == parts:
            return tuple(tags[part] for part in range(parts))
    raise AssertionError


class Layout(NamedTuple):
    """How one node sees the cluster.

    Attributes:
        owners: The master of each slot; None where there is none.
        replicas: Of each master, those that work.
    """

    owners: Sequence[Node | None]
    replicas: Mapping[Node, frozenset[Node]]

    @property
    def masters(self) -> frozenset[Node]:
        return frozenset(self.replicas)

    @property
    def nodes(self) -> frozenset[Node]:
        """All that serve slots, replicas too."""
        return self.masters.union(*self.replicas.values())


UNKNOWN = Layout((None,) * SLOTS, {})


def read_layout(reply: Iterable[Sequence[Any]], asked: Node) -> Layout:
    """The layout in the reply to CLUSTER SLOTS: ranges, each with its master and then its replicas.

    Args:
        asked: Who answered; a node that does not know its own address leaves it out, or names it ''.
    """
    owners: list[Node | None] = [None] * SLOTS
    replicas: dict[Node, frozenset[Node]] = {}
    for first, last, *servers in reply:
        master, *others = (Node((host or b"").decode("utf-8") or asked.host, int(port)) for host, port, *_ in servers)
        owners[first : last + 1] = [master] * (last + 1 - first)
        replicas[master] = frozenset(others)
    return Layout(owners, replicas)
