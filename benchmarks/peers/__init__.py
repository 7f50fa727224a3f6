"""Other servers' transports under the same load client, to know what the machine can do.

They store nothing, authenticate nobody and number nothing: what they cost is a floor, not a rival. Each publish is an
HTTP request to the process that holds the sockets, so their unicast includes taking that request.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from benchmarks.peers.nchan import nchan
from benchmarks.peers.node import node_ws
from benchmarks.peers.transport import PeerMissing
from benchmarks.plan import Plan

__all__ = ["PEERS", "PeerMissing"]

PEERS: dict[str, Callable[[Plan], Awaitable[dict[str, float]]]] = {"nchan": nchan, "node ws": node_ws}
