"""Real processes of the hub, and HAProxy before them: started, killed, started again, on ports they keep.

Every process is started by its command line and configured by its environment alone, as a container would be.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

from hub.local.servers import Servers, local_servers
from tests.support.ports import free_port
from tests.support.system import ROOT, clean_environment

START_SECONDS = 30.0  # on a machine that does something else beside
PROXY_CONFIGURATION = ROOT / "deploy" / "haproxy.cfg"


def haproxy_command() -> str | None:
    """Debian keeps it in /usr/sbin, which a user's PATH leaves out."""
    return shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")


async def status_of(url: str) -> int:
    """The status of a GET, 0 when nobody answers."""
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status
    except aiohttp.ClientError:
        return 0


class Process:
    """One process on one port, by the name of its service in docker-compose.yml; its deployment kills it at the end."""

    def __init__(
        self, name: str, command: list[str], port: int, environment: Mapping[str, str], directory: Path
    ) -> None:
        self.name = name
        self.role = name.partition("-")[0]
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.log = directory / f"{name}.log"
        self._command = command
        self._environment = environment
        self._popen: subprocess.Popen[bytes] | None = None

    def said(self) -> str:
        return self.log.read_text("utf-8", errors="replace")

    async def start(self) -> None:
        """Returns once it says that it is ready."""
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.log.parent,
                env=clean_environment(**self._environment),
            )
        with suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                while self._popen.poll() is None:
                    if await status_of(f"{self.url}/readyz") == 200:
                        return
                    await asyncio.sleep(0.05)
        raise AssertionError(f"{self.name} is not ready: {self.said()[-2000:]}")

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

    @property
    def proxy(self) -> Process:
        return self.of("proxy")[0]

    async def add(self, role: str) -> Process:
        """One more `hub ROLE`."""
        port = free_port()
        command = [sys.executable, "-m", "hub.cli", role, "--port", str(port)]
        return await self._start(f"{role}-{len(self.of(role)) + 1}", command, port, self.environment)

    async def add_proxy(self, name: str = "proxy", **more: str) -> Process:
        """HAProxy before what runs, with deploy/haproxy.cfg and variables as in docker-compose.yml, and `more`."""
        program, port = haproxy_command(), free_port()
        assert program is not None, "apt-get install haproxy"
        variables = {f"PROXY_{p.name.upper().replace('-', '_')}": f"127.0.0.1:{p.port}" for p in self.processes}
        variables |= {"PROXY_BIND": f"127.0.0.1:{port}", **more}
        return await self._start(name, [program, "-db", "-f", str(PROXY_CONFIGURATION)], port, variables)

    async def _start(self, name: str, command: list[str], port: int, environment: Mapping[str, str]) -> Process:
        process = Process(name, command, port, environment, self.directory)
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
            env=clean_environment(**self.environment),
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
