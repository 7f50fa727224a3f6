"""`python -m benchmarks.sustained steady|overload`: the hub under load for long, with everything accounted for.

steady: 30 minutes at 60 % of what this machine can take: nothing may grow.
overload: 10 minutes at twice that, a minute at 60 % before and after: memory stays, critical is served, bulk waits and
is then refused with Retry-After, and whatever was accepted arrives.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import sys
import time
from collections import Counter
from contextlib import suppress
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import asyncpg
import uvloop

from benchmarks.crowd import Crowd, Seat
from benchmarks.fleet import HOST, Fleet, FleetError, fleet
from benchmarks.measure import Round
from benchmarks.plan import Plan
from benchmarks.process import PROC, cpu_seconds, pss_kib, raise_file_limit
from benchmarks.publisher import PublishError
from benchmarks.report import Progress
from benchmarks.results import RESULTS, new_result
from benchmarks.stats import percentile
from benchmarks.sustained.account import Account
from benchmarks.sustained.load import Load
from benchmarks.sustained.plot import write_plot
from benchmarks.websocket import Socket, SocketError, upgrade_request
from hub.exceptions import HubError

WINDOW_SECONDS = 10.0
CAPACITY_SECONDS = 20.0
WARM_SECONDS = 10.0
LAST_SECONDS = 60.0  # for the last of what was accepted to arrive
GROWTH = 0.10  # of memory, from the second quarter of a phase to its last: more counts as growing
GROWN_FILES = 20
GROWN_ROWS = 100  # a tenth of a second's
FAULTS = (FleetError, PublishError, SocketError, HubError, TimeoutError, ConnectionError)


class Phase(NamedTuple):
    name: str
    share: float  # of what the machine can take
    seconds: float


class Run:
    """One run: its people, their account, the load, and a row for every window."""

    def __init__(self, hub: Fleet, this: Round, account: Account, load: Load, people: Crowd, seats: list[Seat]) -> None:
        self._hub = hub
        self._this = this
        self.account = account
        self.load = load
        self.people = people
        self._seats = seats
        self.rows: list[dict[str, Any]] = []
        self.reconnects = 0
        self.closed: list[str] = []  # why sockets were closed that should have stayed

    async def returning(self, per_second: float, ended: asyncio.Event) -> None:
        """People who go, and come back with the cursor of their last frame, until `ended`."""
        chance = random.Random(2)
        request = upgrade_request(HOST, self._hub.gateway.port)
        loop = asyncio.get_running_loop()
        while not ended.is_set():
            await asyncio.sleep(1 / per_second)
            place = chance.randrange(len(self._seats))
            self.people.sockets[place].close()
            cursor = self.account.cursor(place) or self.people.welcomes[place].cursor
            hello = Seat(self._seats[place].token, cursor).hello()
            _, socket = await loop.create_connection(
                partial(Socket, place, request, hello, self.account.arrived, self._this.plan.ack_seconds),
                HOST,
                self._hub.gateway.port,
            )
            self.people.sockets[place] = socket
            await socket.live()
            self.reconnects += 1

    async def sample(self, phase: Phase, conn: asyncpg.Connection[asyncpg.Record], progress: Progress) -> None:
        """Adds a row every WINDOW_SECONDS, until it is cancelled."""
        load = self.load
        before = [Counter(one) for one in (load.offered, load.accepted, load.refused, load.unsent)]
        cpu = {role: cpu_seconds(process.pid) for role, process in self._hub.processes.items()}
        self.account.window()  # what came between two phases belongs to neither
        load.lateness.clear()
        begun = time.monotonic()
        while True:
            await asyncio.sleep(WINDOW_SECONDS)
            seconds, begun = time.monotonic() - begun, time.monotonic()
            now = [Counter(one) for one in (load.offered, load.accepted, load.refused, load.unsent)]
            row: dict[str, Any] = {"phase": phase.name}
            for what, one, old in zip(("offered", "accepted", "refused", "unsent"), now, before, strict=True):
                row[what] = {lane: round((one[lane] - old[lane]) / seconds, 1) for lane in one}
            before = now
            for lane, delays in self.account.window().items():
                row[f"{lane}_ms"] = [round(percentile(delays, percent), 1) for percent in (50, 99)]
            row["client_late_ms"] = round(percentile(load.lateness or [0.0], 99), 1)
            load.lateness.clear()
            row["client_connections"] = load.open
            row["closed"] = len(self.people.closed())
            row["missing"] = self.account.missing
            row["outbox"] = await conn.fetchval("SELECT count(*) FROM outbox")
            row["jobs"] = await conn.fetchval("SELECT count(*) FROM jobs")
            for role, process in self._hub.processes.items():
                used = cpu_seconds(process.pid)
                row[role] = {
                    "cores": round((used - cpu[role]) / seconds, 2),
                    "mib": round(pss_kib(process.pid) / 1024, 1),
                    "files": len(list((PROC / str(process.pid) / "fd").iterdir())),
                }
                cpu[role] = used
            row["valkey_mib"] = round(pss_kib(self._hub.servers.pids[1]) / 1024, 1)
            row["client_mib"] = round(pss_kib("self") / 1024, 1)
            self.rows.append(row)
            if len(self.rows) % 6 == 0:
                progress.say(
                    f"{phase.name}: accepted {sum(row['accepted'].values()):,.0f}/s, refused "
                    f"{sum(row['refused'].values()):,.0f}/s, critical p99 {row.get('critical_ms', [0, 0])[1]} ms, "
                    f"api {row['api']['mib']} MiB, gateway {row['gateway']['mib']} MiB, under way {row['missing']:,}"
                )


def phases(kind: str, minutes: float) -> list[Phase]:
    if kind == "steady":
        return [Phase("steady", 0.6, minutes * 60)]
    around = min(60.0, minutes * 60)
    return [Phase("before", 0.6, around), Phase("overload", 2.0, minutes * 60), Phase("after", 0.6, around)]


async def run_phases(
    run: Run, plan: list[Phase], capacity: float, hub: Fleet, churn: float, progress: Progress
) -> None:
    conn = await asyncpg.connect(hub.servers.database_url)
    ended = asyncio.Event()
    returning = asyncio.create_task(run.returning(churn, ended))
    try:
        for phase in plan:
            progress.say(f"{phase.name}: {phase.share * capacity:,.0f} requests/s for {phase.seconds:,.0f} s")
            sampling = asyncio.create_task(run.sample(phase, conn, progress))
            try:
                await run.load.offer(phase.share * capacity, phase.seconds)
            finally:
                sampling.cancel()
                with suppress(asyncio.CancelledError):
                    await sampling
            if returning.done():
                await returning
        ended.set()
        await returning  # whoever has gone comes back
        await settle(run)
        run.closed = run.people.closed()
        for socket in run.people.sockets:
            socket.close()
    finally:
        returning.cancel()
        await conn.close()


async def settle(run: Run) -> None:
    """Until everything accepted is on its screen, or LAST_SECONDS are over; then a moment for what comes twice."""
    ends = time.monotonic() + LAST_SECONDS
    while (run.load.under_way or run.account.missing) and time.monotonic() < ends:
        await asyncio.sleep(0.1)
    await asyncio.sleep(1)


def verdicts(run: Run, plan: list[Phase]) -> list[str]:
    """What is wrong with this run; nothing, if it is good."""
    account, load = run.account, run.load
    counts = {
        "missing": account.missing,
        "strange or doubled": account.strange,
        "out of order": account.out_of_order,
        "refused without Retry-After": load.without_retry_after,
        "never answered": load.under_way,
    }
    wrong = [f"{count:,} {what}" for what, count in counts.items() if count]
    if load.failures:
        wrong.append(f"{len(load.failures):,} requests failed otherwise, the first: {load.failures[0]}")
    if run.closed:
        wrong.append(f"{len(run.closed):,} sockets were closed, the first: {run.closed[0]}")
    for phase in plan:
        rows = [row for row in run.rows if row["phase"] == phase.name]
        if phase.share < 1 and phase.name != "after":
            surplus = sum(sum(row["refused"].values()) + sum(row["unsent"].values()) for row in rows)
            if surplus:
                wrong.append(f"{phase.name}: refused or unsent although there was room")
        quarter = len(rows) // 4
        if quarter < 2:
            continue
        early, late = rows[quarter : 2 * quarter], rows[-quarter:]
        for role in ("api", "gateway", "worker"):
            was, became = (median(row[role]["mib"] for row in part) for part in (early, late))
            if became > was * (1 + GROWTH):
                wrong.append(f"{phase.name}: the {role} grew from {was} to {became} MiB")
            was, became = (median(own_files(row, role) for row in part) for part in (early, late))
            if became > was + GROWN_FILES:
                wrong.append(f"{phase.name}: the {role}'s open files grew from {was} to {became}")
        was, became = (median(row["outbox"] for row in part) for part in (early, late))
        if became > was + GROWN_ROWS:
            wrong.append(f"{phase.name}: the outbox grew from {was} to {became} rows")
    return wrong


def own_files(row: dict[str, Any], role: str) -> int:
    """Open files of a process but for the load client's connections, of which it has as many as a slow moment took."""
    files: int = row[role]["files"]
    return files - row["client_connections"] if role == "api" else files


def summary(run: Run, plan: list[Phase]) -> dict[str, Any]:
    """Each phase in a few figures: rates, delays as the median and the worst window, memory's range."""
    told: dict[str, Any] = {}
    for phase in plan:
        rows = [row for row in run.rows if row["phase"] == phase.name]
        if not rows:
            continue
        part: dict[str, Any] = {}
        for what in ("offered", "accepted", "refused", "unsent"):
            lanes = {lane for row in rows for lane in row[what]}
            part[f"{what}_per_second"] = {
                lane: round(sum(row[what].get(lane, 0) for row in rows) / len(rows), 1) for lane in sorted(lanes)
            }
        for lane in ("critical", "normal", "bulk"):
            if delays := [row[f"{lane}_ms"] for row in rows if f"{lane}_ms" in row]:
                part[f"{lane}_p99_ms"] = {
                    "median": median(d[1] for d in delays),
                    "worst": max(d[1] for d in delays),
                }
                part[f"{lane}_p50_ms"] = median(d[0] for d in delays)
        for role in ("api", "gateway", "worker"):
            for what in ("mib", "files", "cores"):
                values = [row[role][what] for row in rows]
                part[f"{role}_{what}"] = {"first": values[0], "last": values[-1], "most": max(values)}
        part["valkey_mib"] = {"first": rows[0]["valkey_mib"], "last": rows[-1]["valkey_mib"]}
        part["jobs_most"] = max(row["jobs"] for row in rows)
        told[phase.name] = part
    return told


async def run(parsed: argparse.Namespace) -> int:
    minutes = parsed.minutes or (30.0 if parsed.kind == "steady" else 10.0)
    plan, load_plan, progress = phases(parsed.kind, minutes), Plan(), Progress()
    wanted = parsed.connections + parsed.people + 2_000
    if (files := raise_file_limit(wanted)) < wanted:
        print(f"only {files} open files are allowed, {wanted} are needed: raise `ulimit -n`", file=sys.stderr)
        return 1
    gc.freeze()
    try:
        async with fleet() as hub, hub.running():
            this = Round(1, load_plan, hub)
            users = this.people("sustained", parsed.people)
            await this.create(users)
            seats, account = this.seats(users), Account(len(users))
            async with this.readers(users, account, load_plan.ack_seconds) as people:
                load = Load(this, users, account, parsed.connections)
                one = Run(hub, this, account, load, people, seats)
                await load.capacity(WARM_SECONDS)
                capacity = await load.capacity(CAPACITY_SECONDS)
                await settle(one)
                account.window()
                progress.say(f"it takes {capacity:,.0f} requests/s of this mix")
                await run_phases(one, plan, capacity, hub, parsed.returning, progress)
                load.close()
                wrong = verdicts(one, plan)
    except (*FAULTS, ExceptionGroup) as error:
        told = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
        if not isinstance(told, FAULTS):
            raise
        print(f"FAILED {type(told).__name__}: {told}", file=sys.stderr)
        return 1
    about = new_result(load_plan)
    document = {
        "commit": about.commit, "at": about.at, "machine": about.machine,
        "minutes": minutes, "people": parsed.people, "capacity_per_second": round(capacity),
        "delivered": dict(account.delivered), "reconnects": one.reconnects, "wrong": wrong,
        "phases": summary(one, plan), "windows": one.rows,
    }  # fmt: skip
    output = parsed.output or RESULTS / f"{parsed.kind}.json"
    output.parent.mkdir(parents=True, exist_ok=True)
    about_all = json.dumps({name: value for name, value in document.items() if name != "windows"}, indent=1)
    windows = ",\n".join(json.dumps(row) for row in one.rows)  # a line each
    output.write_text(f'{about_all[:-2]},\n "windows": [\n{windows}\n]}}\n')
    write_plot(output.with_suffix(".svg"), one.rows, WINDOW_SECONDS)
    print(about_all)
    print(f"\n{output}\n{output.with_suffix('.svg')}")
    for problem in wrong:
        print(f"FAILED {problem}", file=sys.stderr)
    return 1 if wrong else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.sustained", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=("steady", "overload"))
    parser.add_argument("--minutes", type=float, help="30 of steady, 10 of overload")
    parser.add_argument("--people", type=int, default=2_000, help="connected")
    parser.add_argument("--connections", type=int, default=6_000, help="of the publishing client")
    parser.add_argument("--returning", type=float, default=5.0, help="people a second who go and come back")
    parser.add_argument("--output", type=Path, help="the result file; benchmarks/results/KIND.json by default")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(uvloop.run(run(arguments())))
