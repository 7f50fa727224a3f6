"""`make bench-peers`: our gateway beside other servers, in turns; writes benchmarks/results/peers.json and .svg."""

from __future__ import annotations

import argparse
import gc
import sys
from functools import partial
from pathlib import Path

import uvloop

from benchmarks.fleet import Fleet, FleetError, fleet
from benchmarks.peers import channels
from benchmarks.peers.comparison import Comparison, new_comparison
from benchmarks.peers.hub import hub_sse, hub_ws
from benchmarks.peers.load import Load, loads
from benchmarks.peers.nchan import nchan
from benchmarks.peers.peer import Contender, PeerFailed, PeerMissing
from benchmarks.peers.plot import write_plot
from benchmarks.process import raise_file_limit
from benchmarks.report import Progress
from benchmarks.results import RESULTS
from benchmarks.websocket import SocketError
from hub.exceptions import HubError

CONTENDERS = (
    Contender("hub", hub_ws),
    Contender("hub SSE", hub_sse),
    Contender("Nchan", nchan),
    Contender("Nchan+Valkey", partial(nchan, through_redis=True)),
    Contender("bare asyncio", channels.bare),
    Contender("node ws", channels.node_ws),
    Contender("Starlette", channels.starlette),
    Contender("Socket.IO", channels.socket_io),
)

ROUNDS = 5


def arguments() -> argparse.Namespace:
    names = list(loads(Load()))
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("only", nargs="*", metavar="LOAD", help=f"of {', '.join(names)}; all by default")
    parser.add_argument("--peers", help="names, comma-separated: " + ", ".join(c.name for c in CONTENDERS))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--quick", action="store_true", help="a minute, to see that it works")
    parser.add_argument(
        "--output", type=Path, help="directory of peers.json and peers.svg; by default benchmarks/results for a whole "
        "comparison, and benchmarks/results/partial for less"
    )  # fmt: skip
    parsed = parser.parse_args()
    if unknown := set(parsed.only) - set(names):
        parser.error(f"there is no load {', '.join(unknown)}: {', '.join(names)}")
    if parsed.rounds < 1:
        parser.error("there is at least 1 round")
    known = [contender.name for contender in CONTENDERS]
    parsed.names = known if parsed.peers is None else [name.strip() for name in parsed.peers.split(",")]
    if strangers := [name for name in parsed.names if name not in known]:
        parser.error(f"there is no peer {strangers[0]!r}: {', '.join(known)}")
    if parsed.output is None:
        whole = not parsed.only and parsed.names == known and parsed.rounds >= ROUNDS and not parsed.quick
        parsed.output = RESULTS if whole else RESULTS / "partial"
    return parsed


async def compare(hub: Fleet, contenders: list[Contender], parsed: argparse.Namespace, found: Comparison) -> None:
    """All rounds. A contender that is not installed is left out; one that fails makes the run a failed one."""
    progress = Progress()
    todo = loads(Load().quick() if parsed.quick else Load())
    missing: set[str] = set()
    for number in range(1, parsed.rounds + 1):
        for contender in contenders:
            if contender.name in missing:
                continue
            label = f"{number}/{parsed.rounds} {contender.name}"
            gc.collect()
            gc.disable()  # a collection of the load client would be a pause of the server's
            try:
                async with progress.step(label), contender.start(hub) as peer:
                    for name, load in todo.items():
                        if not parsed.only or name in parsed.only:
                            figures = await load(peer)
                            found.add(contender.name, figures)
                            progress.say(f"{label:16} " + "  ".join(f"{n} {v:,.3f}" for n, v in figures.items()))
            except* PeerMissing as group:
                missing.add(contender.name)
                progress.say(f"{contender.name} is left out: {group.exceptions[0]}")
            except* (PeerFailed, SocketError, FleetError, ConnectionError, TimeoutError) as group:
                why = "; ".join(f"{type(error).__name__}: {error}" for error in group.exceptions)
                found.failed.append(f"{label}: {why}")
                progress.say(f"{label}: {why}")
            finally:
                gc.enable()


async def run(parsed: argparse.Namespace) -> int:
    wanted = 12_000
    if (files := raise_file_limit(wanted)) < wanted:
        print(f"only {files} open files are allowed, {wanted} are needed: raise `ulimit -n`", file=sys.stderr)
        return 1
    found = new_comparison(parsed.rounds)
    try:
        async with fleet() as hub:
            await compare(hub, [contender for contender in CONTENDERS if contender.name in parsed.names], parsed, found)
    except (FleetError, HubError) as error:
        print(error, file=sys.stderr)
        return 1
    if not found.figures:
        print("\n".join(["nothing was measured", *found.failed]), file=sys.stderr)
        return 1
    print(found.table())
    found.dump(parsed.output / "peers.json")
    write_plot(parsed.output / "peers.svg", found)
    print(f"{parsed.output / 'peers.json'}\n{parsed.output / 'peers.svg'}")
    for failure in found.failed:
        print(f"FAILED {failure}", file=sys.stderr)
    return 1 if found.failed else 0


if __name__ == "__main__":
    sys.exit(uvloop.run(run(arguments())))
