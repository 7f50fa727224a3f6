"""The second part of `make soak`: workers die while they deliver, Redis dies while a crowd looks, a provider goes out.

python -m tests.chaos.soak_deliveries [--deliveries 20000] [--crowd 1000] [--outage 5000] [--seed N]

The account goes to benchmarks/results/soak-deliveries.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import random
import sys
import tempfile
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.process import raise_file_limit
from hub.config import load_settings
from hub.local.servers import local_servers
from hub.runtime import open_hub
from hub.store.migrate import migrate
from hub.store.projects import ensure_project
from tests.chaos.soak import RESULT
from tests.chaos.test_presence import redis_restarts, world
from tests.support.deliveries import make_sandbox
from tests.support.delivery_chaos import run_deliveries
from tests.support.fleet import deployment
from tests.support.outage import Account, run_outage

KILL_EVERY = (0.3, 1.0)  # seconds of ordinary life between two deaths of a worker


async def soak(deliveries: int, crowd: int, outage: int, seed: int) -> dict[str, Any]:
    """All parts; their account."""
    with tempfile.TemporaryDirectory(prefix="hub-soak-") as directory:
        async with deployment(Path(directory), apis=1, gateways=0, workers=3, HUB_DELIVERY_LEASE_SECONDS="5") as hub:
            print(f"{deliveries} deliveries while workers die", file=sys.stderr)
            account = await run_deliveries(hub, deliveries, kill_every=KILL_EVERY, seed=seed)
    with tempfile.TemporaryDirectory(prefix="hub-soak-") as directory:
        async with world(Path(directory)) as people:
            print(f"Redis dies while {crowd} people look", file=sys.stderr)
            started = time.monotonic()
            await redis_restarts(people, crowd)
            seconds = round(time.monotonic() - started, 1)
    with tempfile.TemporaryDirectory(prefix="hub-soak-") as directory:
        print(f"The first provider goes out under {outage} messages", file=sys.stderr)
        out = await soak_outage(Path(directory), outage)
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "seed": seed,
        "workers_die": asdict(account),
        "redis_dies": {"people": crowd, "pushes_to_them": 0, "seconds": seconds},
        "provider_out": asdict(out),
    }


async def soak_outage(directory: Path, messages: int) -> Account:
    """An outage under load, on servers of its own."""
    async with local_servers(directory / ".hub", durable=False) as servers:
        await migrate(servers.database_url)
        settings = load_settings(
            database_url=servers.database_url, redis_url=servers.redis_url, secret=servers.secret, _env_file=None
        )
        async with open_hub(settings, role="soak") as hub:
            project = await ensure_project(hub.db, "outage")
            await make_sandbox(hub, project.project_id)
            return await run_outage(hub, project.project_id, messages)


def main() -> int:
    parser = argparse.ArgumentParser(description="Workers, Redis and a provider die while the hub delivers.")
    parser.add_argument("--deliveries", type=int, default=20_000)
    parser.add_argument("--crowd", type=int, default=1_000)
    parser.add_argument("--outage", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    raise_file_limit(options.crowd + 1_000)
    result = asyncio.run(soak(options.deliveries, options.crowd, options.outage, options.seed))
    RESULT.with_name("soak-deliveries.json").write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    print(json.dumps(result, indent=2))
    return 1 if result["workers_die"]["problems"] or result["provider_out"]["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
