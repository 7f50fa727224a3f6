"""`make soak`: parts die at random for an hour; the account goes to benchmarks/results/soak.json.

python -m tests.chaos.soak [--minutes 60] [--people 50] [--per-second 40] [--seed N]
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
from datetime import UTC, datetime
from pathlib import Path

from tests.support.chaos import Chaos, run
from tests.support.fleet import deployment

RESULT = Path(__file__).parents[2] / "benchmarks" / "results" / "soak.json"
PAUSE_SECONDS = (2.0, 8.0)  # of ordinary life between two deaths
DOWN_SECONDS = (0.0, 4.0)  # until the supervisor starts it again


async def soak(minutes: float, people: int, per_second: float, seed: int) -> int:
    chance = random.Random(seed)
    ends = time.monotonic() + minutes * 60

    async def faults(chaos: Chaos) -> None:
        while time.monotonic() < ends:
            await asyncio.sleep(chance.uniform(*PAUSE_SECONDS))
            down = chance.uniform(*DOWN_SECONDS)
            match chance.choice(["api", "gateway", "gateway", "worker", "valkey", "postgres"]):
                case "valkey":
                    await chaos.kill_valkey(down)
                case "postgres":
                    await chaos.kill_postgres(down)
                case role:
                    await chaos.kill_process(chance.choice(chaos.hub.of(role)), down)
            left = max(0.0, ends - time.monotonic()) / 60
            account = chaos.account
            print(
                f"\r{left:5.1f} min left  accepted {len(account.accepted):7}  kills {sum(account.kills.values()):5}  "
                f"problems {len(account.problems)}",
                end="",
                file=sys.stderr,
                flush=True,
            )

    with tempfile.TemporaryDirectory(prefix="hub-soak-") as directory:
        async with deployment(Path(directory), apis=2, gateways=2, workers=2) as hub:
            account = await run(hub, people, per_second, faults)
    print(file=sys.stderr)
    result = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "minutes": minutes,
        "people": people,
        "per_second": per_second,
        "seed": seed,
        "accepted": len(account.accepted),
        "retries_by_reason": dict(account.refused),
        "kills": dict(account.kills),
        "connects": account.connects,
        "gaps_noticed_by_clients": account.gaps,
        "seconds_to_converge": round(account.settle_seconds, 1),
        "problems": account.problems,
    }
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    print(json.dumps(result, indent=2))
    return 1 if account.problems else 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Kills real processes under load and checks that nothing is lost.")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--per-second", type=float, default=40)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    return asyncio.run(soak(options.minutes, options.people, options.per_second, options.seed))


if __name__ == "__main__":
    sys.exit(main())
