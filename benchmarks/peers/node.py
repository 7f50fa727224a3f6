"""The npm package `ws` on Node.js: what most teams would write themselves."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path

from benchmarks.peers.transport import Peer, PeerMissing, load, started
from benchmarks.plan import Plan
from hub.local.process import free_port

HERE = Path(__file__).resolve().parent
SERVER = HERE / "ws_server.cjs"


def _has_ws(node: str) -> bool:
    return subprocess.run([node, "-e", "require('ws')"], cwd=HERE, capture_output=True).returncode == 0


async def node_ws(plan: Plan) -> dict[str, float]:
    """One round on a new process.

    Raises:
        PeerMissing: Node.js or the module is not installed.
    """
    node = shutil.which("node")
    if node is None:
        raise PeerMissing("install Node.js")
    if not await asyncio.to_thread(_has_ws, node):
        raise PeerMissing(f"npm install --no-save --prefix {HERE} ws")
    port = free_port()
    async with started([node, str(SERVER), str(port)], port) as process:
        return await load(
            Peer(process.pid, port, lambda channel: f"/pub?id={channel}", lambda channel: f"/sub?id={channel}"), plan
        )
