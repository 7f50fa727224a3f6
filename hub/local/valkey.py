"""One Valkey (or Redis) in one directory: started, killed, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from hub.exceptions import LocalError
from hub.local.binaries import find_valkey, readable_copy
from hub.local.directory import way_out
from hub.local.process import (
    Account,
    account_for,
    free_port,
    last_complaint,
    open_log,
    place_for,
    spawn,
    stop,
    stop_leftover,
    wait_for_exit,
)

_START_SECONDS = 60.0  # reading a large append-only file
_ATTEMPTS = 5
_PING_SECONDS = 1.0  # whoever has the port instead may never answer

_OPTIONS: dict[str, str] = {
    "bind": "127.0.0.1",
    "protected-mode": "yes",
    "daemonize": "no",
    "appendonly": "yes",  # the default keeps nothing
    "appendfsync": "everysec",
    "save": '""',
    "logfile": '""',
    "loglevel": "notice",
    "maxmemory-policy": "noeviction",
}
_FAST_AND_LOOSE = {"appendfsync": "no"}


class Valkey:
    """Valkey on one directory and, from its first start on, one port.

    Owner: `Servers`. Not safe for concurrent calls; every method may be called in any state.
    """

    name = "Valkey"

    def __init__(self, home: Path, password: str, *, durable: bool, options: Mapping[str, str]) -> None:
        self._home = home
        self._data = home / "valkey"
        self._log = home / "valkey.log"
        self._password = password
        self._options = {**_OPTIONS, **({} if durable else _FAST_AND_LOOSE), **options}
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self._port}/0"

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """The server, None before the first start."""
        return self._process

    async def start(self) -> None:
        """Return once it answers, with its data read.

        Raises:
            LocalError: No usable install, damaged data, or it does not start.
        """
        if self._process is not None and self._process.poll() is None:
            return
        account = account_for(self._data)
        program, bundle = find_valkey()
        if account is not None and bundle is not None:
            program = readable_copy(bundle, program)
        if not self._data.exists():
            self._data.mkdir(mode=0o700)
            if account is not None:
                os.chown(self._data, account.uid, account.gid)
        await self._reap()
        complaint = ""
        for _ in range(_ATTEMPTS):
            port = self._port or free_port()
            complaint = await self._try_start(program, account, port)
            if not complaint:
                self._port = port
                return
            if self._port or "bind:" not in complaint:  # on the first start somebody may be faster with a port
                break
        advice = way_out(self._home, port_taken="bind:" in complaint)
        raise LocalError(f"Valkey does not start in {self._data} ({complaint.rstrip('.')}). {advice}")

    async def stop(self) -> None:
        """Write everything and end. Returns when it is gone."""
        if self._process is not None:
            await stop(self._process, signal.SIGTERM)
            (self._home / "valkey.pid").unlink(missing_ok=True)

    async def kill(self) -> None:
        """kill -9. Returns when it is gone."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            await wait_for_exit(self._process)

    async def _reap(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            pid = int((self._home / "valkey.pid").read_text())
            await stop_leftover(pid, self._data.resolve(), "-server", signal.SIGTERM)

    async def _try_start(self, program: Path, account: Account | None, port: int) -> str:
        """Empty once it runs, else what it complained about."""
        # Settings by standard input: arguments are there for every user to read.
        with (
            open_log(self._log) as log,
            tempfile.TemporaryFile(dir=self._home) as config,
            place_for(self._data, account) as place,
        ):
            settings = {**self._options, "port": str(port), "dir": f'"{place.path}"', "requirepass": self._password}
            config.write("".join(f"{name} {value}\n" for name, value in settings.items()).encode())
            config.flush()
            config.seek(0)
            start = log.tell()
            process = self._process = spawn([program, "-"], place=place, account=account, log=log, stdin=config)
        try:
            (self._home / "valkey.pid").write_text(f"{process.pid}\n")
            async with asyncio.timeout(_START_SECONDS):
                while process.poll() is None:
                    if await _ping(port, self._password):
                        return ""
                    await asyncio.sleep(0.005)
        except TimeoutError:
            await stop(process)
            return f"no answer within {_START_SECONDS:.0f} s"
        except BaseException:
            await stop(process)
            raise
        return last_complaint(self._log, start, "bind:", "Bad file format", "Unexpected end", "Can't", "Fatal", "FATAL")


async def _ping(port: int, password: str) -> bool:
    """Whether it answers PONG; not while it still reads its data (-LOADING)."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        async with asyncio.timeout(_PING_SECONDS):
            writer.write(f"AUTH {password}\r\nPING\r\n".encode())
            return await reader.readline() == b"+OK\r\n" and await reader.readline() == b"+PONG\r\n"
    except (OSError, TimeoutError, ValueError):  # ValueError: more than a line may hold
        return False
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
