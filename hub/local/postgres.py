"""One Postgres in one directory: created when missing, started, killed, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from hub.exceptions import LocalError
from hub.local.binaries import PostgresInstall, find_postgres, readable_copy
from hub.local.directory import start_afresh, way_out
from hub.local.process import (
    Account,
    account_for,
    children_of,
    free_port,
    kill_all,
    last_complaint,
    open_log,
    place_for,
    spawn,
    stop,
    stop_leftover,
    wait_for_exit,
)

USER = "hub"
_START_SECONDS = 60.0  # recovery after a crash reads at most max_wal_size, a few seconds on a slow disk
_ATTEMPTS = 5

# A server for one laptop. Durable like a real one; small, quick to start, and no helpers that nobody needs here.
_OPTIONS: dict[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "huge_pages": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "logging_collector": "off",
}
_OPTIONS_18 = {"io_method": "sync"}  # no separate I/O processes
_FAST_AND_LOOSE = {"fsync": "off", "full_page_writes": "off"}


class Postgres:
    """Postgres on one data directory and, from its first start on, one port.

    Owner: `Servers`. Not safe for concurrent calls; every method may be called in any state.
    """

    name = "Postgres"

    def __init__(self, home: Path, password: str, *, durable: bool, options: Mapping[str, str]) -> None:
        self._home = home
        self._data = home / "postgres"
        self._log = home / "postgres.log"
        self._password = password
        self._durable = durable
        self._options = {**_OPTIONS, **({} if durable else _FAST_AND_LOOSE), **options}
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://{USER}:{self._password}@127.0.0.1:{self._port}/postgres"

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """The postmaster, None before the first start."""
        return self._process

    async def start(self) -> None:
        """Return once it accepts connections; create the data directory first when there is none.

        Raises:
            LocalError: No usable install, damaged data, or it does not start.
        """
        if self._process is not None and self._process.poll() is None:
            return
        account = account_for(self._data)
        install = self._find_install(account)
        if not self._data.exists():
            await self._create(install, account)
        await self._reap()
        complaint = ""
        for attempt in range(1, _ATTEMPTS + 1):
            port = self._port or free_port()
            complaint = await self._try_start(install, account, port)
            if not complaint:
                self._port = port
                return
            if "pre-existing shared memory" in complaint:
                await asyncio.sleep(0.1 * attempt)  # children of a killed postmaster are still leaving
            elif self._port or not _is_about_port(complaint):  # on the first start somebody may be faster with a port
                break
        advice = way_out(self._home, port_taken=_is_about_port(complaint))
        raise LocalError(f"Postgres does not start in {self._data} ({complaint.rstrip('.')}). {advice}")

    async def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back, everything is written. Returns when it is gone."""
        if self._process is not None:
            await stop(self._process, signal.SIGINT, signal.SIGQUIT)

    async def kill(self) -> None:
        """kill -9 of the server and its children, as when the machine loses power. Returns when they are gone."""
        if self._process is None or self._process.poll() is not None:
            return
        children = children_of(self._process.pid)
        self._process.kill()
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        await wait_for_exit(self._process)

    def _find_install(self, account: Account | None) -> PostgresInstall:
        major = None
        if self._data.exists():
            try:
                major = int((self._data / "PG_VERSION").read_text())
            except (OSError, ValueError):
                raise LocalError(
                    f"{self._data} is damaged: its PG_VERSION is missing or unreadable. {start_afresh(self._home)}"
                ) from None
        try:
            install = find_postgres(major)
        except LocalError as error:
            if major is None:
                raise
            raise LocalError(f"{self._home} cannot be used: {error}. {start_afresh(self._home)}") from None
        if account is None or install.bundle is None:
            return install
        return PostgresInstall(readable_copy(install.bundle, install.postgres).parent.parent, None, install.major)

    async def _create(self, install: PostgresInstall, account: Account | None) -> None:
        """initdb beside the final place, then a rename: a start that was killed half-way leaves no half directory."""
        scratch = _scratch_directory(self._home)
        try:
            if account is not None:
                os.chown(scratch, account.uid, account.gid)
            start = self._log.stat().st_size if self._log.exists() else 0
            # Through a file descriptor: the account may not be able to reach a file of ours.
            with (
                open_log(self._log) as log,
                tempfile.TemporaryFile(dir=self._home) as password,
                place_for(scratch, account) as place,
            ):
                password.write(self._password.encode())
                password.flush()
                password.seek(0)
                if account is not None:
                    os.fchown(password.fileno(), account.uid, account.gid)
                command: list[str | Path] = [install.initdb, "-D", place.path, "-U", USER, "-A", "scram-sha-256"]
                command += [f"--pwfile=/dev/fd/{password.fileno()}", "--encoding=UTF8", *_locale(install)]
                command += ["--no-instructions"] if self._durable else ["--no-instructions", "--no-sync"]
                process = spawn(
                    command,
                    place=place,
                    account=account,
                    log=log,
                    pass_fds=(password.fileno(),),
                    farewell=signal.SIGKILL,
                )
                try:
                    status = await wait_for_exit(process)
                finally:
                    await kill_all(process)
            if status != 0:
                complaint = last_complaint(self._log, start, "error:", "FATAL:").rstrip(".")
                raise LocalError(f"Cannot create a Postgres data directory in {self._home}: initdb said: {complaint}.")
            scratch.rename(self._data)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    async def _reap(self) -> None:
        """End what an earlier run left, and remove a lock that belongs to a process that is none of ours."""
        for leftover in self._home.glob("postgres.new-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        lock = self._data / "postmaster.pid"
        try:
            pid = int(lock.read_text().split("\n", 1)[0])
        except FileNotFoundError:
            return
        except (OSError, ValueError):
            pid = 0
        if pid > 0:
            await stop_leftover(pid, self._data.resolve(), "postgres", signal.SIGINT, signal.SIGQUIT)
        lock.unlink(missing_ok=True)

    async def _try_start(self, install: PostgresInstall, account: Account | None, port: int) -> str:
        """Empty once it runs, else what it complained about."""
        settings = {**self._options, "port": str(port), **(_OPTIONS_18 if install.major >= 18 else {})}
        with open_log(self._log) as log, place_for(self._data, account) as place:
            start = log.tell()
            command: list[str | Path] = [install.postgres, "-D", place.path]
            for name, value in settings.items():
                command += ["-c", f"{name}={value}"]
            process = self._process = spawn(command, place=place, account=account, log=log, farewell=signal.SIGINT)
        try:
            async with asyncio.timeout(_START_SECONDS):
                while process.poll() is None:
                    if _is_ready(self._data / "postmaster.pid", process.pid):
                        return ""
                    await asyncio.sleep(0.005)
        except TimeoutError:
            await stop(process, signal.SIGQUIT)
            return f"no answer within {_START_SECONDS:.0f} s"
        except BaseException:
            await stop(process, signal.SIGQUIT)
            raise
        return last_complaint(self._log, start, "could not bind", "PANIC:", "FATAL:")


def _scratch_directory(home: Path) -> Path:
    return Path(tempfile.mkdtemp(prefix="postgres.new-", dir=home))


def _is_about_port(complaint: str) -> bool:
    return "could not bind" in complaint or "could not create any TCP/IP" in complaint


def _is_ready(lock: Path, pid: int) -> bool:
    """The postmaster keeps its state in the eighth line (miscadmin.h), where pg_ctl reads it too."""
    try:
        lines = lock.read_text().split("\n")
    except OSError:
        return False
    return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"


def _locale(install: PostgresInstall) -> list[str]:
    """Byte order and Unicode letters, the same on every machine; before 17 there is no provider of Postgres's own."""
    if install.major >= 17:
        # Where the C library has no C.UTF-8 (macOS), it is named to Postgres's own provider only.
        names = ["--locale=C.UTF-8"] if sys.platform == "linux" else ["--builtin-locale=C.UTF-8", "--locale=C"]
        return ["--locale-provider=builtin", *names]
    return ["--locale=C"]
