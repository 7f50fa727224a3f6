"""`python -m benchmarks.scale`: seeds a database of millions, measures in it, and writes what it found."""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import asyncpg
import msgspec
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.fleet import Fleet, FleetError, fleet
from benchmarks.measure import Meter, Round, must
from benchmarks.plan import Plan as Load
from benchmarks.process import fsync_ms, raise_file_limit
from benchmarks.publisher import Answer, PublishError, pace, pump
from benchmarks.report import Progress
from benchmarks.results import RESULTS, new_result
from benchmarks.scale.broadcast import broadcast
from benchmarks.scale.plans import explain, statements
from benchmarks.scale.reading import Reader, Row, hellos, ordinary, pages
from benchmarks.scale.seed import CHECK, Refused, Sizes, seed, seeded, user_of
from benchmarks.stats import percentile
from benchmarks.websocket import SocketError
from hub.exceptions import HubError

# A small server's settings instead of a laptop's: a quarter of 8 GB, and a log that outlasts a checkpoint's pause.
POSTGRES = {
    "shared_buffers": "2GB",
    "effective_cache_size": "6GB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "maintenance_work_mem": "512MB",
    "max_parallel_workers_per_gather": "2",
}
REQUESTS = 500  # of each kind: the 99th percentile is the fifth slowest
PUBLISH_SECONDS = 8.0
PUBLISH_RATE = 200.0  # a second, of the latency measurement
SAMPLE = 500  # people whose heads are checked against their rows
CONNECTED = 5_000  # sockets open during the broadcast
LATER = 100  # people who come after the broadcast
FAULTS = (FleetError, PublishError, SocketError, HubError, TimeoutError, ConnectionError)


def arguments() -> argparse.Namespace:
    sizes = Sizes()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--people", type=int, default=sizes.people)
    parser.add_argument("--items", type=int, default=sizes.items)
    parser.add_argument("--largest", type=int, default=sizes.largest, help="items of one person")
    parser.add_argument("--connected", type=int, default=CONNECTED, help="sockets open during the broadcast")
    parser.add_argument("--directory", type=Path, help="keep the database here, and use it again; by default it goes")
    parser.add_argument("--yes", action="store_true", help="seed without asking")
    parser.add_argument(
        "--output", type=Path, help="the result file; by default benchmarks/results/scale.json for the usual sizes, "
        "and benchmarks/results/partial/scale.json for others"
    )  # fmt: skip
    parsed = parser.parse_args()
    parsed.empty = True
    if parsed.directory is not None:
        parsed.directory.mkdir(parents=True, exist_ok=True)
        parsed.empty = not any(parsed.directory.iterdir())
    if parsed.people < 2_000 or not 1_000 <= parsed.largest < parsed.items:
        parser.error("there are at least 2,000 people, and 1,000 items of one of them, which are not all")
    if not 1 <= parsed.connected <= parsed.people // 2:
        parser.error("between one and half of the people are connected")
    if parsed.output is None:
        usual = (sizes.people, sizes.items, sizes.largest, CONNECTED)
        whole = (parsed.people, parsed.items, parsed.largest, parsed.connected) == usual
        parsed.output = (RESULTS if whole else RESULTS / "partial") / "scale.json"
    return parsed


async def publishing(hub: Fleet, users: list[str]) -> dict[str, float]:
    """Publishes to one person each: as fast as they are answered, then at a steady rate."""
    this = Round(1, Load(), hub)
    async with this.connections(32) as connections:
        requests = ((this.publish([user]), lambda answer: _accepted(answer)) for user in itertools.cycle(users))
        meter = Meter(hub)
        sent = await pump(connections, requests, PUBLISH_SECONDS)
        seconds, cpu = meter.read()
    answers: list[float] = []

    def paced() -> Iterator[tuple[bytes, Callable[[int, Answer], None]]]:
        def answered(sent_at: int, answer: Answer) -> None:
            _accepted(answer)
            answers.append((perf_counter_ns() - sent_at) / 1e6)

        for user in itertools.islice(itertools.cycle(users), int(PUBLISH_RATE * PUBLISH_SECONDS)):
            yield this.publish([user]), answered

    async with this.connections(256) as connections:
        await pace(connections, paced(), PUBLISH_RATE)
    return {
        "rate": round(sent / seconds, 1),
        "api_cpu_ms": round(cpu["api"] / sent * 1e3, 3),
        "postgres_cpu_ms": round(cpu["postgres"] / sent * 1e3, 3),
        "others_cores": round(cpu["others"] / seconds, 2),
        f"p50_ms_at_{PUBLISH_RATE:.0f}": round(percentile(answers, 50), 2),
        f"p99_ms_at_{PUBLISH_RATE:.0f}": round(percentile(answers, 99), 2),
    }


def _accepted(answer: Answer) -> None:
    must(answer, 202)


async def sizes_of(conn: asyncpg.Connection[asyncpg.Record]) -> dict[str, int]:
    """Bytes of the large tables and their indexes."""
    rows = await conn.fetch(
        "SELECT relname, pg_relation_size(oid) AS bytes FROM pg_class WHERE relkind IN ('r', 'i') "
        "AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 1000000 ORDER BY bytes DESC"
    )
    total = await conn.fetchval("SELECT pg_database_size(current_database())")
    return {"database": total, **{row["relname"]: row["bytes"] for row in rows}}


async def measure(hub: Fleet, parsed: argparse.Namespace, sizes: Sizes, progress: Progress) -> dict[str, Any]:
    """Everything, in a fleet that runs."""
    conn = await asyncpg.connect(hub.servers.database_url)
    gc.collect()
    gc.disable()  # a collection of the load client would be a pause in the hub's latency
    try:
        largest_id = await conn.fetchval("SELECT person_id FROM people WHERE user_id = $1", user_of(0))
        some = await ordinary(conn, sizes.people, max(REQUESTS, SAMPLE), seed=1)
        ids = [r[0] for r in await conn.fetch("SELECT person_id FROM people WHERE user_id = ANY($1)", some)]
        found: dict[str, Any] = {"bytes": await sizes_of(conn)}

        rows: list[Row] = []
        for reader in (Reader(hub, "largest", [user_of(0)]), Reader(hub, "others", some[:REQUESTS])):
            async with progress.step(f"reading, {reader.who}"):
                await pages(reader, REQUESTS, rows)
                await hellos(reader, REQUESTS, rows)
            for row in rows:
                if row.who == reader.who:
                    progress.say(f"{row.who}, {row.what}: p50 {row.p50_ms} ms, p99 {row.p99_ms} ms")
        found["reading"] = [msgspec.to_builtins(row) for row in rows]

        async with progress.step("plans"):
            plans = await explain(conn, await statements(conn, largest_id, ids, some))
        found["plans"] = [msgspec.to_builtins(plan) for plan in plans]

        receivers = [
            user_of(index) for index in random.Random(2).sample(range(sizes.people), min(50_000, sizes.people))
        ]
        async with progress.step("publishing"):
            found["publishing"] = await publishing(hub, receivers)
        progress.say(f"publishing: {found['publishing']}")

        chosen = await ordinary(conn, sizes.people, parsed.connected + LATER, seed=3)
        here, later = chosen[LATER:], chosen[:LATER]
        async with progress.step("broadcast"):
            told = await broadcast(hub, conn, sizes.people, here, later)
        found["broadcast"] = msgspec.to_builtins(told)
        found["broadcast"]["fsync_ms"] = round(fsync_ms(hub.directory), 2)
        progress.say(f"broadcast: last of {len(here):,} screens after {told.last_screen_ms} ms")

        names = [user_of(0), *some, *here[:SAMPLE], *later]
        sample = [r[0] for r in await conn.fetch("SELECT person_id FROM people WHERE user_id = ANY($1)", names)]
        check = dict(await conn.fetchrow(CHECK, sample) or {})
        progress.say(f"check: {check}")
        if check["miscounted"] or check["holes"]:
            raise FleetError(f"Heads are not what their rows say: {check}")
        found["check"] = check
        return found
    finally:
        gc.enable()
        await conn.close()


def show(found: dict[str, Any]) -> None:
    """Prints the figures."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=150)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("a page of 50, or a hello")
    for title in ("who", "p50 ms", "p99 ms", "gateway CPU ms", "Postgres CPU ms"):
        table.add_column(title, justify="right")
    for row in found["reading"]:
        figures = (row["p50_ms"], row["p99_ms"], row["gateway_ms"], row["postgres_ms"])
        table.add_row(row["what"], row["who"], *("" if figure is None else f"{figure:.2f}" for figure in figures))
    console.print(table)
    plans = Table(box=None, pad_edge=False, header_style="bold")
    plans.add_column("statement")
    for title in ("custom ms", "pages", "generic ms", "pages", "read from end to end"):
        plans.add_column(title, justify="right")
    for custom, generic in zip(found["plans"][::2], found["plans"][1::2], strict=True):
        scans = ", ".join(sorted({*custom["scans"], *generic["scans"]}))
        figures = (custom["milliseconds"], custom["buffers"], generic["milliseconds"], generic["buffers"])
        plans.add_row(custom["what"], *(f"{figure:,}" for figure in figures), scans)
    console.print(plans)
    for name in ("publishing", "broadcast", "check"):
        console.print(f"{name}: " + ", ".join(f"{what} {value}" for what, value in found[name].items()))


async def run(parsed: argparse.Namespace) -> int:
    sizes = Sizes(parsed.people, parsed.items, parsed.largest)
    wanted = parsed.connected + 1_000
    if (files := raise_file_limit(wanted)) < wanted:
        print(f"only {files} open files are allowed, {wanted} are needed: raise `ulimit -n`", file=sys.stderr)
        return 1
    directory: Path | None = parsed.directory
    progress = Progress()
    try:
        if parsed.empty:
            progress.say(f"{sizes.describe()}; {sizes.check_disk(directory or Path(tempfile.gettempdir()))}")
            if not parsed.yes and not confirmed():
                return 1
        async with fleet(directory, POSTGRES) as hub:
            conn = await asyncpg.connect(hub.servers.database_url)
            try:
                if not await seeded(conn, sizes):
                    await seed(conn, sizes, progress)
            finally:
                await conn.close()
            async with hub.running():
                try:
                    found = await measure(hub, parsed, sizes, progress)
                except BaseException:
                    for process in hub.processes.values():
                        progress.say(f"{process.role} said last:\n{process.tail(5)}")
                    raise
    except Refused as error:
        print(error, file=sys.stderr)
        return 1
    except (*FAULTS, ExceptionGroup) as error:  # of sockets, a group
        told = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
        if not isinstance(told, FAULTS):
            raise
        print(f"FAILED {type(told).__name__}: {told}", file=sys.stderr)
        return 1
    result = new_result(Load())
    document = {
        "commit": result.commit,
        "at": result.at,
        "machine": result.machine,
        "sizes": {
            "people": sizes.people,
            "items": sizes.items,
            "largest": sizes.largest,
            "connected": parsed.connected,
        },
        "postgres": POSTGRES,
        **found,
    }
    write(document, parsed.output)
    show(found)
    print(f"\n{parsed.output}")
    return 0


def write(document: dict[str, Any], path: Path) -> None:
    """The result file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(document, indent=1) + "\n")
    temporary.replace(path)


def confirmed() -> bool:
    """Asks at a terminal; elsewhere nobody can answer."""
    if not sys.stdin.isatty():
        print("Nobody is here to be asked: add --yes.", file=sys.stderr)
        return False
    return input("Seed it? [y/N] ").strip().lower() in ("y", "yes")


if __name__ == "__main__":
    sys.exit(uvloop.run(run(arguments())))
