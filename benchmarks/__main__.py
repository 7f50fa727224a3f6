"""`python -m benchmarks`: measure, compare with the baseline, write the result and its page."""

from __future__ import annotations

import argparse
import gc
import sys
from dataclasses import replace
from pathlib import Path

import uvloop

from benchmarks import deliveries, gateways, measure, sending, visible
from benchmarks.fleet import Fleet, FleetError, fleet
from benchmarks.measure import Round
from benchmarks.page import write_page
from benchmarks.plan import Plan
from benchmarks.process import raise_file_limit
from benchmarks.publisher import PublishError
from benchmarks.report import Progress, show
from benchmarks.results import BASELINE, RESULTS, Result, ResultError, compare, load, new_result, same_sizes
from benchmarks.websocket import SocketError
from hub.exceptions import HubError

MEASUREMENTS = {
    **measure.MEASUREMENTS,
    **gateways.MEASUREMENTS,
    **deliveries.MEASUREMENTS,
    **sending.MEASUREMENTS,
    **visible.MEASUREMENTS,
}

# What a measurement raises when the hub, not the benchmark, is at fault. A TaskGroup wraps it.
FAULTS = (FleetError, PublishError, SocketError, HubError, TimeoutError, ConnectionError)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("only", nargs="*", metavar="MEASUREMENT", help=f"of {', '.join(MEASUREMENTS)}; all by default")
    parser.add_argument("--rounds", type=int, help="how often everything is measured, in turn")
    parser.add_argument("--connections", type=int, help="idle connections, and handshakes")
    parser.add_argument("--readers", type=int, help="connected people in the other measurements")
    parser.add_argument("--rate", type=float, help="publishes a second of the latency measurement")
    parser.add_argument("--quick", action="store_true", help="half a minute, to see that it works")
    parser.add_argument("--baseline", type=Path, default=BASELINE, help="result file to compare with")
    parser.add_argument("--save-baseline", action="store_true", help="make this run the baseline")
    parser.add_argument("--output", type=Path, default=RESULTS, help="directory of result files")
    parsed = parser.parse_args()
    for name in parsed.only:
        if name not in MEASUREMENTS:
            parser.error(f"there is no measurement {name!r}: {', '.join(MEASUREMENTS)}")
    if any(
        number is not None and number < 1 for number in (parsed.rounds, parsed.connections, parsed.readers, parsed.rate)
    ):
        parser.error("rounds, connections, readers and rate are at least 1")
    return parsed


def planned(parsed: argparse.Namespace) -> Plan:
    plan = Plan().quick() if parsed.quick else Plan()
    chosen = {
        "rounds": parsed.rounds,
        "connections": parsed.connections,
        "readers": parsed.readers,
        "rate_per_second": parsed.rate,
    }
    return replace(plan, **{name: value for name, value in chosen.items() if value is not None})


async def measure_hub(hub: Fleet, plan: Plan, names: list[str], result: Result, progress: Progress) -> None:
    """All rounds of these measurements into `result`. A measurement that breaks ends its round and fails the run."""
    for number in range(1, plan.rounds + 1):
        async with progress.step(f"round {number}: starting api, gateway and worker"), hub.running():
            this = Round(number, plan, hub)
            for name in names:
                label = f"{number}/{plan.rounds} {name}"
                gc.collect()
                gc.disable()  # a collection of the load client would be a pause in the hub's latency
                try:
                    async with progress.step(label):
                        measured = await MEASUREMENTS[name](this)
                except* FAULTS as group:
                    why = "; ".join(f"{type(error).__name__}: {error}" for error in group.exceptions)
                    result.failed.append(f"{name}, round {number}: {why}")
                    progress.say(f"{label}: {why}")
                    for process in hub.processes.values():
                        progress.say(f"{process.role} said last:\n{process.tail(5)}")
                else:
                    result.add(name, number, measured)
                    progress.measured(label, measured)
                finally:
                    gc.enable()


async def run(parsed: argparse.Namespace) -> int:
    plan = planned(parsed)
    names = [name for name in MEASUREMENTS if not parsed.only or name in parsed.only]
    wanted = max(plan.connections, plan.storm, plan.readers, plan.list_readers, plan.screens) + 2_000
    if (files := raise_file_limit(wanted)) < wanted:
        print(f"only {files} open files are allowed, {wanted} are needed: raise `ulimit -n`", file=sys.stderr)
        return 1
    progress, result = Progress(), new_result(plan)
    try:
        async with progress.step("starting Postgres and Valkey"):
            servers = fleet()
            hub = await servers.__aenter__()
        try:
            await measure_hub(hub, plan, names, result, progress)
        finally:
            await servers.__aexit__(None, None, None)
    except (FleetError, HubError) as error:
        print(error, file=sys.stderr)
        return 1

    base = None
    try:
        base = load(parsed.baseline) if parsed.baseline.exists() or parsed.baseline != BASELINE else None
    except ResultError as error:
        print(error, file=sys.stderr)
    if base is not None and not same_sizes(result, base):
        print("The baseline is of a run of other sizes: nothing is compared with it.", file=sys.stderr)
        base = None
    rows = compare(result, base)
    show(result, rows, base)
    path = parsed.output / f"{result.at.replace(':', '')}.json"
    result.dump(path)
    page = path.with_suffix(".html")
    write_page(page, result, rows, base)
    print(f"\n{path}\n{page}")
    if result.failed:
        return 1
    if parsed.save_baseline:
        result.dump(BASELINE)
        print(f"{BASELINE} is this run now")
    return 0


if __name__ == "__main__":
    sys.exit(uvloop.run(run(arguments())))
