"""Both servers of one directory, together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NoReturn

from hub.exceptions import LocalError
from hub.local.directory import LocalDirectory
from hub.local.postgres import Postgres
from hub.local.valkey import Valkey

_LOOK_SECONDS = 0.25  # between looks at whether the servers run; a look costs two system calls


class Servers:
    """A running Postgres and a running Valkey. Each keeps its port, so the URLs stay right when one is started again.

    The methods must be called on the thread that called `local_servers` (see `hub.local.process.spawn`).
    """

    def __init__(self, directory: LocalDirectory, postgres: Postgres, valkey: Valkey) -> None:
        self._directory = directory
        self._postgres = postgres
        self._valkey = valkey

    @property
    def database_url(self) -> str:
        """Of the database `postgres`, as a superuser who may create others."""
        return self._postgres.url

    @property
    def redis_url(self) -> str:
        return self._valkey.url

    @property
    def secret(self) -> str:
        """A HUB_SECRET that stays the same as long as the directory exists."""
        return self._directory.secrets.hub_secret

    @property
    def vapid_key(self) -> str:
        """A HUB_VAPID_PRIVATE_KEY that stays the same, too: browsers' subscriptions are bound to it."""
        return self._directory.secrets.vapid_key

    @property
    def pids(self) -> list[int]:
        """Of the servers that run."""
        processes = (self._postgres.process, self._valkey.process)
        return [process.pid for process in processes if process is not None and process.poll() is None]

    async def start(self) -> None:
        """Start what does not run. Raises LocalError; then neither runs."""
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._postgres.start())
                both.create_task(self._valkey.start())
        except BaseExceptionGroup as group:
            await self.stop()
            error = group.exceptions[0]
            if isinstance(error, OSError):
                named = f"{error.filename}: " if error.filename else ""
                raise LocalError(
                    f"The servers of {self._directory.path} do not start: {named}{error.strerror}."
                ) from error
            raise error from None
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Shut both down cleanly; may be called twice. A cancellation waits until they are gone."""
        stopping = asyncio.gather(self._postgres.stop(), self._valkey.stop())
        try:
            await asyncio.shield(stopping)
        except asyncio.CancelledError:
            await stopping
            raise

    async def keep_running(self, restarted: Callable[[str], None]) -> NoReturn:
        """Start again whatever ends by itself, telling `restarted` its name; for ever. Safe to cancel.

        Raises:
            LocalError: It does not start again.
        """
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            for server in (self._postgres, self._valkey):
                if server.process is not None and server.process.poll() is not None:
                    restarted(server.name)
                    await server.start()

    async def start_postgres(self) -> None:
        """On the port it had. Raises LocalError."""
        await self._postgres.start()

    async def kill_postgres(self) -> None:
        """kill -9 of the server and all its backends; what was committed is there after `start_postgres`."""
        await self._postgres.kill()

    async def start_valkey(self) -> None:
        """On the port it had, with what its append-only file kept. Raises LocalError."""
        await self._valkey.start()

    async def kill_valkey(self) -> None:
        """kill -9."""
        await self._valkey.kill()


@asynccontextmanager
async def local_servers(
    directory: Path,
    *,
    durable: bool = True,
    postgres_options: Mapping[str, str] | None = None,
    valkey_options: Mapping[str, str] | None = None,
) -> AsyncIterator[Servers]:
    """Postgres and Valkey with their data in `directory`, running until the block ends, or until this thread does.

    Args:
        directory: Made when missing, locked while in use; what it holds is there again next time.
        durable: False leaves out every fsync: for tests. A killed server still loses nothing, a power cut may.
        postgres_options: Settings as in postgresql.conf, over ours.
        valkey_options: Settings as in valkey.conf, over ours.

    Raises:
        LocalError: One sentence about what is in the way.
    """
    home = LocalDirectory.open(directory)
    try:
        password = home.secrets.password
        servers = Servers(
            home,
            Postgres(home.path, password, durable=durable, options=postgres_options or {}),
            Valkey(home.path, password, durable=durable, options=valkey_options or {}),
        )
        await servers.start()
        try:
            yield servers
        finally:
            await servers.stop()
    finally:
        home.close()
