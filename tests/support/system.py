"""The operating system around a test: as which user a command runs, which processes live, until when to wait."""

from __future__ import annotations

import asyncio
import os
import pwd
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_ROOMY_BYTES = 6 * 1024**3  # free in memory before tests use it: three processes of tests take 1.5 GiB at most


def _scratch() -> Path:
    """Memory, where the system offers enough of it: a database on a disk costs ten times the time to make and to drop.

    Nothing that tests kill needs the disk: what a process wrote outlives it there as well, and no test cuts the power.
    """
    memory = Path("/dev/shm")
    try:
        state = os.statvfs(memory)
    except OSError:
        return Path(tempfile.gettempdir())
    usable = os.access(memory, os.W_OK) and not state.f_flag & (os.ST_NOEXEC | os.ST_RDONLY)
    return memory if usable and state.f_bavail * state.f_frsize >= _ROOMY_BYTES else Path(tempfile.gettempdir())


SCRATCH = _scratch()
"""Where tests keep the data of servers and other files that end with them."""


def clean_environment(**variables: str) -> dict[str, str]:
    """This environment without the hub's variables and its proxy's."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("HUB_", "PROXY_"))}
    return own | variables


@cache
def as_other_user() -> tuple[tuple[str, ...], int | None]:
    """What to put before a command so that an unprivileged user runs it, and that user's id; nothing when we are one.

    The interpreter often lives under a closed home directory. The user then gets the capability to read and search
    everything: it still owns and writes nothing of root's. Skips the test, and says so, where that is not possible.
    """
    if os.geteuid() != 0:
        return (), None
    nobody = pwd.getpwnam("nobody")
    drop = ("setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups")
    reading = (*drop, "--inh-caps=-all,+dac_read_search", "--ambient-caps=+dac_read_search")
    for prefix in (drop, reading):
        check = [*prefix, sys.executable, "-c", "import asyncpg, hub.local, redis"]
        try:
            if subprocess.run(check, cwd=ROOT, capture_output=True, check=False).returncode == 0:
                return prefix, nobody.pw_uid
        except FileNotFoundError:
            break
    pytest.skip(f"as root only: user nobody cannot run {sys.executable}")


def alive(pid: int) -> bool:
    """Whether the process runs; one that ended and was not collected yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return False
        return subprocess.run(["ps", "-p", str(pid)], capture_output=True, check=False).returncode == 0
    except ProcessLookupError:
        return False
    return state not in "ZX"


async def until(condition: Callable[[], bool], what: str, seconds: float = 15.0) -> None:
    """Wait for something that nobody announces; fails naming it."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:.0f} s: {what}")
        await asyncio.sleep(0.01)
