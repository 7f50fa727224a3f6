"""Presence: who is connected where, as long as their gateway lives, and who is leaving.

    hub:{installation}:present:{project}:{base64url(user)}   hash   connection → active | idle
    hub:{installation}:people:{incarnation}                  set    project:base64url(user) of everybody held there
    hub:{installation}:lease:{incarnation}                   string with an expiry; its gateway refreshes it
    hub:{installation}:gateways                              set    incarnations that may hold somebody
    hub:{installation}:present-since                         string unix time: entries are complete SETTLE_SECONDS after
    hub:{installation}:leaving                               sorted set  project:base64url(user) → unix time, by Redis's
                                                                    clock, at which the grace ends

In a cluster people are spread over parts, each with all of these keys under a hash tag of its own, between the
installation and the rest: what is written, read or moved as a whole is in one slot. A gateway has a lease in each part,
and a part whose server is away, or came new, is unknown alone.

A connection's id begins with its gateway's incarnation, and an entry counts only while that incarnation's lease lives;
so a killed gateway leaves nobody online, and refreshing costs one command per gateway, not one per connection. A
gateway removes its own entries only: a connection that was closed late cannot take a newer one with it.

Present, absent, or unknown. Unknown is what nobody may act on: Redis does not answer, or has been up, or been without
some gateway, for less than SETTLE_SECONDS.

Nobody is absent, or away from an open page, at once: a page that reloads, a tunnel and a deploy are none of it. Whoever
stops being active is put into `leaving`, and taken out when they are active again; a worker decides on those whose
grace has passed (reaper.py). A person may be in `leaving` and active all the same, on another gateway: so they are
looked at again before anything is done. Nobody is missing there: `leaving` is written before an entry is taken away,
and after one that is active; readers see both in one snapshot.
"""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple, TypeAlias, cast

import structlog
from redis.asyncio.client import Pipeline
from redis.crc import key_slot

from hub.bus.client import AWAY, Bus, checked

log = structlog.get_logger("hub.presence")

SETTLE_SECONDS = 60  # design.md; gateways reconnect within 2 s and then write 100,000 entries in about one
GRACE_SECONDS = 15.0  # design.md: reloads take 1–2 s, a drained client's return at most 3 s, a tunnel a little more
GRACE_LEAST_SHARE = 0.8  # of it, at random: the 10,000 people of a gateway that ended fall due over 3 s, not in one
READ_TIMEOUT_SECONDS = 1.0  # a batch of 500 takes 7 ms; who waits longer had better decide later

State: TypeAlias = Literal["active", "idle"]
INCARNATION_CHARACTERS = 12  # hex


def incarnation_of(connection: str) -> str:
    """The gateway process that holds a connection."""
    return connection[:INCARNATION_CHARACTERS]


def person_key(project_id: int, user: str) -> str:
    """A person's name in Redis. Base64url, because user ids may hold anything."""
    return f"{project_id}:{urlsafe_b64encode(user.encode('utf-8')).decode('ascii').rstrip('=')}"


def parse_person_key(key: str) -> tuple[int, str]:
    """Project and user of a person_key. Raises ValueError: it is none."""
    project_id, _, name = key.partition(":")
    return int(project_id), urlsafe_b64decode(name + "=" * (-len(name) % 4)).decode("utf-8")


def prefixes(redis: Bus, installation: str) -> list[str]:
    """What the keys of each part of the people begin with."""
    return [f"hub:{installation}{tag}" for tag in redis.tags]


def prefix_of(redis: Bus, installation: str, person: str) -> str:
    """What the keys of the part of one person begin with, by their person_key."""
    tags = redis.tags
    return f"hub:{installation}{tags[key_slot(person.encode('ascii')) % len(tags)] if len(tags) > 1 else tags[0]}"


class Entry(NamedTuple):
    """One live connection."""

    connection: str
    gateway: str
    state: State


class Presence(NamedTuple):
    """A person's presence.

    Attributes:
        connections: Empty when `state` is offline or unknown.
        grace_until: By Redis's clock, in UTC: until then the person counts as about to return, though `state` is
            offline or idle. None: they are active, or unknown, or the grace has passed.
    """

    state: Literal["active", "idle", "offline", "unknown"]
    connections: tuple[Entry, ...]
    grace_until: datetime | None = None


UNKNOWN = Presence("unknown", ())


async def read_presence(
    redis: Bus,
    installation: str,
    project_id: int,
    user: str,
    *,
    grace_seconds: float = GRACE_SECONDS,
    settle_seconds: float | None = None,
    timeout_seconds: float = READ_TIMEOUT_SECONDS,
) -> Presence:
    """Where a person is right now; as read_presences."""
    found = await read_presences(
        redis,
        installation,
        [(project_id, user)],
        grace_seconds=grace_seconds,
        settle_seconds=settle_seconds,
        timeout_seconds=timeout_seconds,
    )
    return found[0]


async def read_presences(
    redis: Bus,
    installation: str,
    people: Sequence[tuple[int, str]],
    *,
    grace_seconds: float = GRACE_SECONDS,
    settle_seconds: float | None = None,
    timeout_seconds: float = READ_TIMEOUT_SECONDS,
) -> list[Presence]:
    """Where people are right now, in their order. Never raises for Redis: then nobody knows.

    Two round trips, however many people. In batches of 500 a person costs 13 µs of CPU; one alone takes 0.2 ms
    (November 2026, over loopback). Cancelling is safe.

    Args:
        people: Projects and users; any number, the same ones again too.
        grace_seconds: Granted to whoever a dead gateway held until the reaper grants it.
        settle_seconds: How long Redis must have been up, with every gateway on it, before absence is believed; None:
            SETTLE_SECONDS.
        timeout_seconds: For all of it; then everybody is unknown.
    """
    if not people:
        return []
    keys = [person_key(*person) for person in people]
    parts: dict[str, list[str]] = {}
    for key in keys:
        parts.setdefault(prefix_of(redis, installation, key), []).append(key)
    settle = SETTLE_SECONDS if settle_seconds is None else settle_seconds
    deadline = asyncio.get_running_loop().time() + timeout_seconds
    work = [_read_part(redis, *part, grace_seconds, settle, deadline) for part in parts.items()]
    found: dict[str, Presence] = {}
    for of_part in await asyncio.gather(*work):
        found |= of_part
    return [found[key] for key in keys]


async def _read_part(
    redis: Bus, prefix: str, keys: Sequence[str], grace_seconds: float, settle_seconds: float, deadline: float
) -> dict[str, Presence]:
    """Of people of one part, by their keys."""

    def snapshot(pipeline: Pipeline) -> None:  # of entries and graces at once: between two, somebody returns
        for key in keys:
            pipeline.hgetall(f"{prefix}:present:{key}")
        pipeline.zmscore(f"{prefix}:leaving", list(keys))
        pipeline.get(f"{prefix}:present-since")
        pipeline.time()
        pipeline.info("server")

    try:
        async with asyncio.timeout_at(deadline):
            *held, ends, since, (seconds, microseconds), server = await redis.at(f"{prefix}:leaving", snapshot)
        entries = [_entries(found) for found in held]
        gateways = sorted({entry.gateway for of_person in entries for entry in of_person})
        async with asyncio.timeout_at(deadline):  # anew: redis-py may lose the cancellation of the first (tasks.py)
            alive = await living(redis, prefix, gateways)
        up_seconds = min(server["uptime_in_seconds"], redis.age(f"{prefix}:leaving"))
    except AWAY as error:
        log.warning("presence.unknown", people=len(keys), error=repr(error))
        return dict.fromkeys(keys, UNKNOWN)
    settled = since is not None and seconds - int(since) >= settle_seconds and up_seconds >= settle_seconds
    now = seconds + microseconds / 1_000_000
    return {
        key: _judge(of_person, alive, grace_end, settled=settled, now=now, grace_seconds=grace_seconds)
        for key, of_person, grace_end in zip(keys, entries, ends, strict=True)
    }


async def living(redis: Bus, prefix: str, gateways: Sequence[str]) -> set[str]:
    """Those of these gateways whose lease in a part lives. Raises redis.RedisError, OSError."""
    if not gateways:
        return set()
    leases = [f"{prefix}:lease:{gateway}" for gateway in gateways]
    (found,) = checked(await redis.each([(leases[0], ("MGET", *leases))]))
    return {gateway for gateway, lease in zip(gateways, found, strict=True) if lease is not None}


def _entries(held: Mapping[bytes, bytes]) -> list[Entry]:
    found = []
    for name, state in held.items():
        connection = name.decode("ascii")
        found.append(Entry(connection, incarnation_of(connection), cast(State, state.decode("ascii"))))
    return sorted(found)


def _judge(
    entries: Sequence[Entry],
    alive: set[str],
    grace_end: float | None,
    *,
    settled: bool,
    now: float,
    grace_seconds: float,
) -> Presence:
    """What a person's entries, those of dead gateways among them, and their place in `leaving` say at `now`."""
    live = tuple(entry for entry in entries if entry.gateway in alive)
    if any(entry.state == "active" for entry in live):
        return Presence("active", live)
    if not live and not settled:
        return UNKNOWN
    if len(live) < len(entries):  # the grace begins when the reaper moves them
        grace_end = now + grace_seconds
    grace = datetime.fromtimestamp(grace_end, UTC) if grace_end is not None and grace_end > now else None
    return Presence("idle" if live else "offline", live, grace)


async def holds(redis: Bus, installation: str, project_id: int, user: str, connection: str) -> bool:
    """Whether this connection is this person's, on any gateway. Raises redis.RedisError, OSError."""
    person = person_key(project_id, user)
    key = f"{prefix_of(redis, installation, person)}:present:{person}"
    return bool(checked(await redis.each([(key, ("HEXISTS", key, connection))]))[0])
