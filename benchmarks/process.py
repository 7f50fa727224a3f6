"""What a process costs, from /proc: CPU time, private memory, and the limits it runs under. Linux only."""

from __future__ import annotations

import os
import resource
import tempfile
from collections.abc import Iterable
from pathlib import Path
from time import perf_counter

PROC = Path("/proc")


def children(pid: int) -> list[int]:
    """The direct children of `pid`, [] when it is gone."""
    try:
        return [
            int(child)
            for task in (PROC / str(pid) / "task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except (FileNotFoundError, ProcessLookupError):
        return []


def family(pid: int) -> list[int]:
    """`pid` and all its descendants: Postgres is a family, so is a launcher with its server."""
    members, waiting = [], [pid]
    while waiting:
        member = waiting.pop()
        members.append(member)
        waiting.extend(children(member))
    return members


def cpu_seconds(pid: int) -> float:
    """CPU time of all living threads of `pid`, seconds with nanosecond resolution; 0 when it is gone.

    schedstat counts what the scheduler gave, where `stat` counts ticks of 10 ms. A thread that ended takes its time
    with it, which no server here does while it is measured.
    """
    total = 0
    try:
        for task in (PROC / str(pid) / "task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    except (FileNotFoundError, ProcessLookupError):
        pass
    return total / 1e9


def family_cpu_seconds(pids: Iterable[int]) -> float:
    """CPU time of these processes and their descendants, seconds."""
    return sum(cpu_seconds(member) for pid in pids for member in family(pid))


def machine_cpu_seconds() -> float:
    """CPU time that the whole machine has spent on anything, seconds; resolution 10 ms."""
    fields = (PROC / "stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _idle, _iowait, irq, softirq, steal = (int(field) for field in fields[:8])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def pss_kib(pid: int | str) -> int:
    """Proportional set size of `pid` in KiB: its own memory, and its share of what it shares.

    Kernel memory of sockets is not in it (about 4 KiB a connection).

    Raises:
        ProcessLookupError: the process is gone.
    """
    try:
        text = (PROC / str(pid) / "smaps_rollup").read_text()
    except FileNotFoundError:
        raise ProcessLookupError(f"process {pid} is gone") from None
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))


def fsync_ms(directory: Path, count: int = 20) -> float:
    """How long a page takes to be on this disk for good, median in milliseconds: what a commit waits for."""
    samples = []
    with tempfile.NamedTemporaryFile(dir=directory) as file:
        for _ in range(count):
            start = perf_counter()
            file.write(bytes(8192))
            file.flush()
            os.fsync(file.fileno())
            samples.append((perf_counter() - start) * 1e3)
    return sorted(samples)[count // 2]


def raise_file_limit(wanted: int) -> int:
    """Lets this process and those it starts open `wanted` files if it may; returns how many it can open now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return soft
    for limits in ((wanted, max(wanted, hard)), (min(wanted, hard), hard)):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            break
        except (ValueError, PermissionError):  # only root raises the hard limit
            continue
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
