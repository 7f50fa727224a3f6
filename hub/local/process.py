"""Server processes that never outlive us: how one is started, recognised, awaited and stopped."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import pwd
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from hub.exceptions import LocalError

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LINUX = sys.platform.startswith("linux")
# Loaded before any fork: the child must not import.
_libc = ctypes.CDLL(None, use_errno=True) if _LINUX else None

# Below the range from which Linux (32768) and the BSDs (49152) take the ports of outgoing connections: a server that is
# down keeps its port, and a client that keeps trying it can never be connected to itself.
_PORTS = range(20000, 32000)


@dataclass(frozen=True, slots=True)
class Account:
    """The user that servers run as when we are root."""

    uid: int
    gid: int


def account_for(directory: Path) -> Account | None:
    """Who runs the servers of `directory`: None for ourselves; as root its owner, or `nobody`.

    Raises:
        LocalError: We are root, and the machine has no user `nobody`.
    """
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(FileNotFoundError):
        owner = directory.stat()
        if owner.st_uid != 0:
            return Account(owner.st_uid, owner.st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise LocalError("Postgres does not run as root, and there is no user `nobody`; run as another user.") from None
    return Account(nobody.pw_uid, nobody.pw_gid)


@dataclass(frozen=True, slots=True)
class Place:
    """A directory as a server is to find it: its `path`, where to start, and the descriptors that the path needs."""

    path: str
    start_in: Path
    descriptors: tuple[int, ...] = ()


@contextlib.contextmanager
def place_for(directory: Path, account: Account | None) -> Iterator[Place]:
    """How a server that runs as `account` finds `directory`.

    Another account often may not walk the path there (`/root` is 0700), and nobody's permissions are ours to change. It
    gets the directory as an open descriptor: the kernel's link to it needs no right on the directories above.
    """
    if account is None or not _LINUX:
        yield Place(str(directory), directory)
        return
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield Place(f"/proc/self/fd/{descriptor}", Path("/"), (descriptor,))
    finally:
        os.close(descriptor)


def spawn(
    command: Iterable[str | Path],
    *,
    place: Place,
    account: Account | None,
    log: IO[bytes],
    stdin: IO[bytes] | None = None,
    pass_fds: tuple[int, ...] = (),
    farewell: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start a process at `place`, in a session of its own so that a Ctrl-C at the terminal is not its business.

    On Linux the kernel sends it `farewell` when the thread that called this ends, even by kill -9: call it from a
    thread that lives as long as the server should. Elsewhere only `stop` or the next start ends it.
    """
    return subprocess.Popen(
        list(command),
        cwd=place.start_in,
        env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
        stdin=stdin or subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=(*place.descriptors, *pass_fds),
        start_new_session=True,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        umask=0o077,
        preexec_fn=_bind_life(farewell) if _libc is not None else None,  # one call into libc, nothing that locks
    )


def _bind_life(farewell: signal.Signals) -> Callable[[], None]:
    """Runs in the child after its user was changed, because that change clears the setting (prctl(2))."""
    parent = os.getpid()

    def bind() -> None:
        assert _libc is not None
        _libc.prctl(_PR_SET_PDEATHSIG, int(farewell), 0, 0, 0)
        if os.getppid() != parent:  # died before we asked
            os._exit(1)

    return bind


async def wait_for_exit(process: subprocess.Popen[bytes]) -> int:
    """The exit status, as soon as there is one. Safe to cancel."""
    pause = 0.002
    while (status := process.poll()) is None:
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.1)
    return status


async def stop(process: subprocess.Popen[bytes], *signals: signal.Signals, patience_seconds: float = 10.0) -> None:
    """Send the signals, then SIGKILL, each `patience_seconds` after the one before, until it ends."""
    for number in (*signals, signal.SIGKILL):
        if process.poll() is not None:
            return
        process.send_signal(number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_seconds):
                await wait_for_exit(process)


async def kill_all(process: subprocess.Popen[bytes], patience_seconds: float = 2.0) -> None:
    """SIGKILL to a process of `spawn` and to all it started; nothing when it has ended. Returns when all are gone.

    Killed alone, it would leave children that go on writing for a moment, and nobody waits for those. Waits at most
    `patience_seconds`: under a process 1 that takes no orphans' status they stay in the group for ever.
    """
    if process.poll() is not None:
        return
    with contextlib.suppress(TimeoutError, OSError):  # the system has no such group any more
        async with asyncio.timeout(patience_seconds):
            os.killpg(process.pid, signal.SIGKILL)  # its session has one group, which keeps the number to the last
            await wait_for_exit(process)
            while True:
                os.killpg(process.pid, 0)
                await asyncio.sleep(0.002)


async def stop_leftover(pid: int, directory: Path, program: str, *signals: signal.Signals) -> None:
    """End a server that an earlier run of ours left in `directory`; nothing when `pid` is not one.

    Raises:
        LocalError: It does not end.
    """
    for number in (*signals, signal.SIGKILL):
        if not is_ours(pid, directory, program):
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
        for _ in range(200):
            if not is_ours(pid, directory, program):
                return
            await asyncio.sleep(0.025)
    raise LocalError(f"A {program} of an earlier run (process {pid}) still uses {directory} and does not stop.")


def is_ours(pid: int, directory: Path, program: str) -> bool:
    """Whether `pid` is a `program` that runs in `directory`; ids are used again, so the id alone says little."""
    if _LINUX:
        try:
            status = Path(f"/proc/{pid}/stat").read_text(errors="replace")
            works_in = Path(f"/proc/{pid}/cwd").readlink()
        except OSError:
            return False
        name, state = (status[status.index("(") + 1 : status.rindex(")")], status[status.rindex(")") + 2])
        return state != "Z" and program in name and works_in == directory
    try:
        command = ["ps", "-o", "command=", "-p", str(pid)]
        shown = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        return False
    return program in shown and (str(directory) in shown or program != "postgres")


def children_of(pid: int) -> list[int]:
    """Direct children; empty where the system does not tell (only Linux does)."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def free_port() -> int:
    """A loopback port on which nothing listens now; another process may still be faster.

    Raises:
        LocalError: There is none.
    """
    for port in random.sample(_PORTS, 200):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise LocalError(f"There is no free port between {_PORTS.start} and {_PORTS.stop} on 127.0.0.1.")


def open_log(path: Path, limit_bytes: int = 5 << 20) -> IO[bytes]:
    """Opened for appending; started afresh once it is larger than `limit_bytes`."""
    log = path.open("ab")
    if log.tell() > limit_bytes:
        log.truncate(0)
    return log


def last_complaint(path: Path, start: int, *words: str) -> str:
    """The last line after offset `start` that holds one of `words`, from the word on; else the last line at all."""
    with path.open("rb") as log:
        log.seek(start)
        lines = [line.strip() for line in log.read().decode(errors="replace").splitlines() if line.strip()]
    for line in reversed(lines):
        for word in words:
            if word in line:
                return line[line.index(word) :]
    return lines[-1] if lines else "it said nothing"
