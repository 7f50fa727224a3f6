"""The second part of `make soak`: workers die while they deliver, and Redis dies while a crowd looks.

python -m tests.chaos.soak_deliveries [--deliveries 20000] [--crowd 1000] [--seed N]

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
from tests.chaos.soak import RESULT
from tests.chaos.test_presence import redis_restarts, world
from tests.support.delivery_chaos import run_deliveries
from tests.support.fleet import deployment

KILL_EVERY = (0.3, 1.0)  # seconds of ordinary life between two deaths of a worker


async def soak(deliveries: int, crowd: int, seed: int) -> dict[str, Any]:
    """Both parts; their account."""
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
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "seed": seed,
        "workers_die": asdict(account),
        "redis_dies": {"people": crowd, "pushes_to_them": 0, "seconds": seconds},
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Kills workers while they deliver, and Redis while a crowd looks.")
    parser.add_argument("--deliveries", type=int, default=20_000)
    parser.add_argument("--crowd", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    raise_file_limit(options.crowd + 1_000)
    result = asyncio.run(soak(options.deliveries, options.crowd, options.seed))
    RESULT.with_name("soak-deliveries.json").write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    print(json.dumps(result, indent=2))
    return 1 if result["workers_die"]["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
