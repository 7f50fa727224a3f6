"""How much is measured: one value object, from the command line to the result file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Plan:
    """The sizes of a run. The defaults take about seven minutes on two cores."""

    rounds: int = 2  # every measurement once per round, in turn, so that a slow minute of the machine hits all alike
    readers: int = 1_000  # connected people, where somebody must be
    rate_per_second: float = 200.0  # of the latency measurement
    latency_seconds: float = 10.0
    latency_connections: int = 256  # to the api: it may stall for more than a second before the measurement gives up
    publish_seconds: float = 6.0
    publish_connections: int = 64  # of the load client to the api
    list_size: int = 100
    list_readers: int = 4_000  # a transaction takes a thousand: of a thousand people each would wait for the one before
    screens: int = 1_000  # sockets of one person, for the fan-out
    fanouts: int = 150  # publishes to that person: 150,000 deliveries
    connections: int = 5_000  # idle, and handshaken
    handshakes_in_flight: int = 64
    storm: int = 10_000  # people who come back at once
    storm_readers: int = 100  # others, who are published to meanwhile
    storm_rate_per_second: float = 100.0
    storm_seconds: float = 12.0
    decisions: int = 200_000
    claims: int = 20_000  # due deliveries, each of another person
    queued: int = 100_000  # deliveries of one person, beside them
    idle_seconds: float = 3.0
    bulk: int = 100_000  # deliveries of the backlog
    criticals: int = 1_000
    critical_per_second: float = 60.0
    messages: int = 10_000  # pushes, and mails
    paints: int = 200  # notifications that a browser shows
    scrolled: int = 10_000  # items of the inbox that is scrolled through
    ack_seconds: float = 0.5  # what the contract lets a client do at most

    def quick(self) -> Plan:
        """A run of half a minute, to see that everything works; its figures mean little."""
        return replace(
            self,
            rounds=1,
            readers=100,
            list_readers=400,
            latency_seconds=2.0,
            publish_seconds=1.0,
            screens=100,
            fanouts=20,
            connections=500,
            storm=500,
            storm_seconds=2.0,
            decisions=20_000,
            claims=1_000,
            queued=2_000,
            idle_seconds=1.0,
            bulk=2_000,
            criticals=50,
            messages=1_000,
            paints=20,
            scrolled=500,
        )

    def asdict(self) -> dict[str, Any]:
        return asdict(self)
