"""Real processes of the hub: started, killed, started again, on ports they keep."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from hub.local.servers import Servers, local_servers
from tests.support.system import clean_environment

START_SECONDS = 30.0  # on a machine that does something else beside


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Process:
    """One `hub ROLE`; its deployment kills it at the end."""

    def __init__(self, role: str, environment: Mapping[str, str], directory: Path, port: int | None = None) -> None:
        self.role = role
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = environment
        self._directory = directory
        self._popen: subprocess.Popen[bytes] | None = None
        self.starts = 0

    @property
    def log(self) -> Path:
        return self._directory / f"{self.role}-{self.port}.log"

    @property
    def running(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    @property
    def pid(self) -> int:
        assert self._popen is not None
        return self._popen.pid

    async def start(self) -> None:
        """Returns once it says that it is ready."""
        self.starts += 1
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(
                [sys.executable, "-m", "hub.cli", self.role, "--port", str(self.port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._directory,
                env={**clean_environment(), **self._environment},
            )
        async with asyncio.timeout(START_SECONDS), aiohttp.ClientSession() as session:
            while not await self._ready(session):
                assert self.running, f"{self.role} ended: {self.log.read_text('utf-8')[-2000:]}"
                await asyncio.sleep(0.05)

    async def _ready(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(f"{self.url}/healthz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    def kill(self) -> None:
        """kill -9, and waits until it is gone."""
        if self._popen is not None:
            self._popen.kill()
            self._popen.wait()

    async def terminate(self) -> int:
        """SIGTERM; its exit status once it has drained."""
        assert self._popen is not None
        self._popen.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self._popen.wait, 60)


class Deployment:
    """Servers and processes of one installation, with the key of an admin."""

    def __init__(self, servers: Servers, environment: dict[str, str], directory: Path) -> None:
        self.servers = servers
        self.environment = environment
        self.directory = directory
        self.processes: list[Process] = []
        self.key = ""

    def of(self, role: str) -> list[Process]:
        return [process for process in self.processes if process.role == role]

    async def add(self, role: str) -> Process:
        process = Process(role, self.environment, self.directory)
        self.processes.append(process)
        await process.start()
        return process

    async def command(self, *words: str) -> Any:
        """Runs a command of the hub with `--json`; what it printed."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "hub.cli",
            *words,
            "--json",
            cwd=self.directory,
            env={**clean_environment(), **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        output, errors = await process.communicate()
        assert process.returncode == 0, errors.decode("utf-8")
        return json.loads(output)

    def kill_all(self) -> None:
        for process in self.processes:
            process.kill()


@asynccontextmanager
async def deployment(
    directory: Path, *, apis: int = 1, gateways: int = 1, workers: int = 1, **environment: str
) -> AsyncIterator[Deployment]:
    """Servers of its own and processes on them, all gone afterwards."""
    async with AsyncExitStack() as stack:
        servers = await stack.enter_async_context(local_servers(directory / ".hub", durable=False))
        settings = {
            "HUB_DATABASE_URL": servers.database_url,
            "HUB_REDIS_URL": servers.redis_url,
            "HUB_SECRET": servers.secret,
            "HUB_LOG_FORMAT": "json",
            **environment,
        }
        running = Deployment(servers, settings, directory)
        stack.callback(running.kill_all)
        await running.command("migrate")
        running.key = (await running.command("key", "create", "--scopes", "admin"))["key"]
        async with asyncio.TaskGroup() as starting:
            for role, count in (("api", apis), ("gateway", gateways), ("worker", workers)):
                for _ in range(count):
                    starting.create_task(running.add(role))
        yield running
