"""What a load takes, computed from measured costs.

    python -m benchmarks.capacity --per-second 100000 --people 50000000

Every cost is a figure of benchmarks/baseline.json or benchmarks/results/scale.json. The model adds CPU seconds: each
part takes what its events cost, and runs at a share of its cores, so that queues stay short.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import Field, asdict, dataclass, field, fields, replace
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks.results import BASELINE, RESULTS, Result, load

SCALE = RESULTS / "scale.json"
PAGE = Path(__file__).parents[1] / "docs" / "scaling.md"
BEGIN, END = "<!-- computed by python -m benchmarks.capacity -->", "<!-- end of what is computed -->"
DAY = 86_400
LEAST = 2  # of each part: one may be away
KERNEL_KIB = 4.0  # of a socket, beside what the process holds: docs/benchmarks.md


def _given(default: Any, meaning: str, *, share: bool = False, zero: bool = True) -> Any:
    """A field that the command takes: at least 0, or more than that; a share is at most 1."""
    return field(default=default, metadata={"meaning": meaning, "share": share, "zero": zero})


@dataclass(frozen=True, slots=True)
class Demand:
    """A load. Shares are of the inbox items written in the busiest second."""

    per_second: float = _given(100_000, "inbox items in the busiest second", zero=False)
    people: int = _given(50_000_000, "people who have an inbox", zero=False)
    busiest: float = _given(4.0, "the busiest second over the mean one", zero=False)
    connected: float = _given(0.04, "share of the people connected in the busiest hour", share=True)
    connection_minutes: float = _given(15.0, "minutes until a connection ends and is made anew", zero=False)
    singles: float = _given(0.5, "share that comes by a publish to one person; the rest by lists of 100", share=True)
    shown: float = _given(0.25, "sockets that an item reaches at once, on the average")
    pushes: float = _given(0.10, "web pushes for each item")
    mails: float = _given(0.03, "mails for each item")
    retention_days: float = _given(30.0, "days that items are kept", zero=False)


@dataclass(frozen=True, slots=True)
class Hardware:
    """What is bought. Prices are round figures of a large cloud in 2026, dollars a month: put in your own."""

    cores: int = _given(16, "cores of a machine", zero=False)
    memory_gib: float = _given(64.0, "GiB of memory of a machine", zero=False)
    used: float = _given(0.6, "share of a core, and of the memory, that is planned with", share=True, zero=False)
    sockets: int = _given(15_000, "connections of one gateway process, which has one core", zero=False)
    core_month: float = _given(25.0, "dollars a month for a core with its memory")
    gib_month: float = _given(0.10, "dollars a month for a GiB of a fast disk")
    copies: int = _given(2, "copies of Postgres's data: a primary and a standby", zero=False)
    most_tib: float = _given(8.0, "TiB of one Postgres, so that a copy of it is made within hours", zero=False)


class Costs(NamedTuple):
    """CPU in microseconds, memory in KiB, disk in bytes."""

    api_single: float
    api_listed: float
    postgres_single: float
    postgres_listed: float
    valkey: float
    gateway: float
    handshake: float
    handshake_postgres: float
    connection_kib: float
    connection_idle: float  # a second
    planned: float  # of the API, beside the publish
    outside_postgres: float
    push: float
    mail: float
    item_bytes: float


class Part(NamedTuple):
    """One kind of process in the plan."""

    name: str
    drives: str
    cores: float  # busy, in the busiest second
    memory_gib: float
    machines: int


@dataclass(frozen=True, slots=True)
class Plan:
    parts: list[Part]
    connections: int
    disk_tib: float  # of one copy
    databases: int
    month: float  # dollars


def read_costs(base: Result, scale: dict[str, Any]) -> Costs:
    """The costs in two result files.

    Raises:
        KeyError: one lacks a figure that the model needs.
    """

    def figure(name: str) -> float:
        return median(base.rounds[name])

    def micros(what: str, part: str, rate: float) -> float:
        return base.cpu[what][part] / rate * 1e6

    single, listed = figure("publish_single"), figure("publish_lists") * base.plan["list_size"]
    connected = base.plan["connections"]
    return Costs(
        api_single=micros("publish_single", "api", single),
        api_listed=micros("publish_lists", "api", listed),
        postgres_single=micros("publish_single", "postgres", single),
        postgres_listed=micros("publish_lists", "postgres", listed),
        valkey=micros("publish_lists", "valkey", listed),
        gateway=figure("unicast_acked_cpu") * 10,  # seconds for 100,000
        handshake=figure("handshake_cpu") * 1e3,
        handshake_postgres=micros("connections", "postgres", figure("handshakes")),
        connection_kib=figure("idle_memory") + KERNEL_KIB,
        connection_idle=base.notes["connections"]["its CPU then, share of a core"] / connected * 1e6,
        planned=base.notes["publish_ladder"]["single with, api CPU ms a publish"] * 1e3
        - base.notes["publish_single"]["api CPU, ms a publish"] * 1e3,
        outside_postgres=base.notes["publish_ladder"]["postgres CPU, s per 100,000 deliveries"] * 10,
        push=figure("pushes_cpu"),
        mail=figure("mails_cpu"),
        item_bytes=scale["bytes"]["database"] / scale["sizes"]["items"],
    )


def plan(demand: Demand, hardware: Hardware, costs: Costs) -> Plan:
    """The machines for a load."""
    singles, listed = demand.per_second * demand.singles, demand.per_second * (1 - demand.singles)
    shown, outside = demand.per_second * demand.shown, demand.per_second * (demand.pushes + demand.mails)
    connections = int(demand.people * demand.connected)
    handshakes = connections / (demand.connection_minutes * 60)
    disk = demand.per_second / demand.busiest * DAY * demand.retention_days * costs.item_bytes / 2**40

    def part(name: str, drives: str, micros: float, memory_gib: float = 0.0, least: int = LEAST) -> Part:
        cores = micros / 1e6
        machines = max(
            least,
            math.ceil(cores / (hardware.cores * hardware.used)),
            math.ceil(memory_gib / (hardware.memory_gib * hardware.used)),
        )
        return Part(name, drives, cores, memory_gib, machines)

    databases = max(
        1,
        math.ceil(disk / hardware.most_tib),
        math.ceil(
            (postgres := singles * costs.postgres_single + listed * costs.postgres_listed
             + handshakes * costs.handshake_postgres + outside * costs.outside_postgres)
            / 1e6 / (hardware.cores * hardware.used)
        ),
    )  # fmt: skip
    parts = [
        part(
            "api",
            f"{singles:,.0f} single publishes/s, {listed:,.0f} items/s in lists",
            singles * costs.api_single + listed * costs.api_listed + outside * costs.planned,
        ),
        part(
            "gateway",
            f"{connections:,} connections, {handshakes:,.0f} handshakes/s, {shown:,.0f} frames/s",
            shown * costs.gateway + handshakes * costs.handshake + connections * costs.connection_idle,
            connections * costs.connection_kib / 2**20,
            # Those of a process that ends come back to the others, which take 10,000 within seconds: one machine more.
            least=max(LEAST, 1 + math.ceil(connections / (hardware.sockets * hardware.cores))),
        ),
        part(
            "worker",
            f"{demand.per_second * demand.pushes:,.0f} pushes/s, {demand.per_second * demand.mails:,.0f} mails/s",
            demand.per_second * (demand.pushes * costs.push + demand.mails * costs.mail),
        ),
        part(
            "Postgres",
            f"{demand.per_second:,.0f} items/s, {outside:,.0f} deliveries/s, {disk:,.1f} TiB",
            postgres,
            least=databases * hardware.copies,
        ),
        part(
            "Valkey",
            f"{demand.per_second:,.0f} announcements/s",
            demand.per_second * costs.valkey,
            least=max(3, math.ceil(demand.per_second * costs.valkey / 1e6 / hardware.used)),  # each has one core
        ),
    ]
    machines = sum(one.machines for one in parts)
    month = machines * hardware.cores * hardware.core_month + disk * 1024 * hardware.copies * hardware.gib_month
    return Plan(parts, connections, disk, databases, month)


def text(demand: Demand, hardware: Hardware, costs: Costs) -> str:
    """The plan as Markdown."""
    found = plan(demand, hardware, costs)
    heading = (
        f"**{demand.per_second:,.0f} inbox items in the busiest second, {demand.people:,} people**, "
        f"{found.connections:,} of them connected; {demand.per_second / demand.busiest:,.0f}/s on the average, "
        f"kept for {demand.retention_days:g} days:"
    )
    lines = [
        heading,
        "",
        f"| part | what it does in the busiest second | busy cores | memory | machines of {hardware.cores} cores |",
        "|---|---|---|---|---|",
    ]
    for part in found.parts:
        memory = f"{part.memory_gib:,.0f} GiB" if part.memory_gib >= 1 else ""
        lines.append(f"| {part.name} | {part.drives} | {part.cores:,.1f} | {memory} | {part.machines} |")
    total = (
        f"{sum(part.machines for part in found.parts)} machines, {found.disk_tib:,.1f} TiB in each copy, "
        f"{found.databases} {'database' if found.databases == 1 else 'databases'}: "
        f"**{found.month:,.0f} dollars a month**."
    )
    lines += ["", total]
    return "\n".join(lines)


def cost_table(costs: Costs) -> str:
    rows = [
        ("a publish to one person", "API", f"{costs.api_single:,.0f} µs"),
        ("", "Postgres", f"{costs.postgres_single:,.0f} µs"),
        ("one of a list of 100", "API", f"{costs.api_listed:,.0f} µs"),
        ("", "Postgres", f"{costs.postgres_listed:,.0f} µs"),
        ("an announcement", "Valkey", f"{costs.valkey:,.1f} µs"),
        ("a frame to one socket, acknowledged", "gateway", f"{costs.gateway:,.1f} µs"),
        ("a handshake", "gateway", f"{costs.handshake:,.0f} µs"),
        ("", "Postgres", f"{costs.handshake_postgres:,.0f} µs"),
        ("an idle connection", "gateway", f"{costs.connection_kib:,.1f} KiB, {costs.connection_idle:,.1f} µs a second"),
        ("a push, rendered, encrypted, sent, settled", "worker", f"{costs.push:,.0f} µs"),
        ("a mail, rendered, sent, settled", "worker", f"{costs.mail:,.0f} µs"),
        ("a delivery outside, planned", "API", f"{costs.planned:,.0f} µs"),
        ("… decided, claimed, settled", "Postgres", f"{costs.outside_postgres:,.0f} µs"),
        ("an item with all its indexes, heads and people", "disk", f"{costs.item_bytes:,.0f} bytes"),
    ]
    lines = ["| what | who | takes |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {what} | {who} | {takes} |" for what, who, takes in rows)])


def page(base: Result, scale: dict[str, Any]) -> str:
    """What stands between the marks in docs/scaling.md."""
    costs, hardware = read_costs(base, scale), Hardware()
    small = replace(Demand(), per_second=1_000, people=500_000)
    large = Demand()
    said = ", ".join(
        f"{one.name.replace('_', ' ')} {getattr(large, one.name):,g}"
        for one in fields(Demand)
        if one.name not in ("per_second", "people")
    )
    bought = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in asdict(hardware).items())
    assumed = f"Assumed of the load: {said}. Of what is bought: {bought}."
    plans = [text(small, replace(hardware, cores=2, memory_gib=8), costs), text(large, hardware, costs)]
    return "\n\n".join([_measured(base), cost_table(costs), *plans, assumed])


def _measured(base: Result) -> str:
    machine = base.machine
    return (
        f"Measured on {machine['cores']} cores ({machine['cpu']}), Python {machine['python']}, at commit "
        f"{base.commit}, {base.at[:10]}:"
    )


def written(document: str, computed: str) -> str:
    """The page with its computed part renewed."""
    before, _, rest = document.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{computed}\n\n{END}{rest.partition(END)[2]}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity", description=(__doc__ or "").split("\n")[0])
    options = [*fields(Demand), *fields(Hardware)]
    for one in options:
        parser.add_argument(
            _option(one), type=type(one.default), default=one.default, metavar="N",
            help=f"{one.metadata['meaning']} (%(default)s)",
        )  # fmt: skip
    parser.add_argument("--write", action="store_true", help="renew docs/scaling.md")
    given = vars(parser.parse_args())
    for one in options:
        value = given[one.name]
        if not 0 <= value < math.inf or (value == 0 and not one.metadata["zero"]):
            parser.error(f"{_option(one)} is {'at least' if one.metadata['zero'] else 'more than'} 0, not {value:g}")
        if one.metadata["share"] and value > 1:
            parser.error(f"{_option(one)} is a share: at most 1, not {value:g}")
    base, scale = load(BASELINE), json.loads(SCALE.read_text())
    if given["write"]:
        PAGE.write_text(written(PAGE.read_text(), page(base, scale)))
        return
    demand = Demand(**{one.name: given[one.name] for one in fields(Demand)})
    hardware = Hardware(**{one.name: given[one.name] for one in fields(Hardware)})
    costs = read_costs(base, scale)
    print(_measured(base), cost_table(costs), text(demand, hardware, costs), sep="\n\n")


def _option(one: Field[Any]) -> str:
    return f"--{one.name.replace('_', '-')}"


if __name__ == "__main__":
    main()
