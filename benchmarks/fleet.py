"""The hub under measurement: embedded Postgres and Valkey, and one process per role, started as an operator would."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import benchmarks.tools  # noqa: F401  # before what needs them
from benchmarks.process import cpu_seconds, family_cpu_seconds
from hub.local.process import free_port
from hub.local.servers import Servers, local_servers

HOST = "127.0.0.1"
START_SECONDS = 30.0
STOP_SECONDS = 40.0  # a gateway may take its 20 s of drain

# Limits that protect a hub in production would be measured instead of the hub: a thousand sockets come from one address
# here, one person has a thousand screens, and one key publishes as fast as it can.
LIMITS_OFF = {
    "HUB_CONNECTIONS_PER_ADDRESS": "1000000",
    "HUB_CONNECTIONS_PER_USER": "1000000",
    "HUB_RATE_LIMIT_PER_SECOND": "1000000",
    "HUB_CLIENT_RATE_LIMIT_PER_SECOND": "1000000",
    "HUB_DRAIN_SECONDS": "1",
    "HUB_PRESENCE_SETTLE_SECONDS": "0",  # or nobody would count as away for the first minute
}
COLLECTOR = Path(__file__).resolve().parent / "collector"  # lets a process be asked how long a full collection takes


_COLLECTION = re.compile(rb"full collection: ([0-9.]+) ms\n")


class FleetError(Exception):
    """A process did not start or a command failed; the message has what it printed."""


def hub_command() -> str:
    """The `hub` beside this interpreter."""
    command = Path(sys.executable).parent / "hub"
    if not command.exists():
        raise FleetError(f"there is no {command}: run `make install`")
    return str(command)


@dataclass(slots=True)
class Process:
    """One role's running process."""

    role: str
    port: int
    popen: subprocess.Popen[bytes]
    log: Path
    collected: int = 0  # bytes of the log that `collect` has read

    @property
    def pid(self) -> int:
        return self.popen.pid

    def tail(self, lines: int = 20) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    async def collect(self) -> float:
        """Lets the process collect its garbage; how long that took, milliseconds."""
        self.popen.send_signal(signal.SIGUSR2)
        async with asyncio.timeout(STOP_SECONDS):
            while not (told := _COLLECTION.search(self.log.read_bytes(), self.collected)):
                await asyncio.sleep(0.05)
        self.collected = told.end()
        return float(told[1])

    async def ready(self) -> None:
        """Waits until /readyz answers 200.

        Raises:
            FleetError: the process ended, or was not ready within START_SECONDS.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                while self.popen.poll() is None:
                    if await _answers(self.port):
                        return
                    await asyncio.sleep(0.05)
        raise FleetError(f"hub {self.role} is not ready (exit status {self.popen.poll()}):\n{self.tail()}")

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL after STOP_SECONDS. Can be called twice."""
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
        try:
            await asyncio.to_thread(self.popen.wait, STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            await asyncio.to_thread(self.popen.wait)


async def _answers(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    try:
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n")
        return (await reader.readline()).startswith(b"HTTP/1.1 200")
    except OSError:
        return False
    finally:
        writer.close()


@dataclass(slots=True)
class Fleet:
    """Everything that runs. Postgres and Valkey stay for the whole run, the hub's processes are new in every round."""

    directory: Path
    servers: Servers
    environment: dict[str, str]
    api_key: str = ""
    project: str = "default"
    signing_secret: str = ""
    processes: dict[str, Process] = field(default_factory=dict)

    @property
    def api(self) -> Process:
        return self.processes["api"]

    @property
    def gateway(self) -> Process:
        return self.processes["gateway"]

    async def run(self, *arguments: str) -> dict[str, str]:
        """A hub command with --json; its answer.

        Raises:
            FleetError: it failed; the message has its output.
        """
        process = await asyncio.create_subprocess_exec(
            hub_command(), *arguments, "--json",
            cwd=self.directory, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        output, errors = await process.communicate()
        if process.returncode:
            raise FleetError(f"hub {' '.join(arguments)} exited with {process.returncode}:\n{errors.decode()}")
        answer: dict[str, str] = json.loads(output or b"{}")
        return answer

    async def prepare(self) -> None:
        """Migrates the database, makes a key and reads the secret with which the load client signs tokens."""
        await self.run("migrate")
        self.api_key = (await self.run("key", "create"))["key"]
        self.signing_secret = (await self.run("project", "show", self.project, "--secrets"))["signing_secret"]

    def spawn(self, role: str) -> Process:
        """Starts one process of `role` on a free port; `Process.ready` tells when it serves."""
        port = free_port()
        log = self.directory / f"{role}-{port}.log"
        with log.open("wb") as output:
            popen = subprocess.Popen(
                [hub_command(), role, "--host", HOST, "--port", str(port)],
                cwd=self.directory, env=self.environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip
        return Process(role, port, popen, log)

    @asynccontextmanager
    async def several(self, role: str, count: int) -> AsyncIterator[list[Process]]:
        """So many new processes of a role beside what runs, ready, until the block ends."""
        processes = [self.spawn(role) for _ in range(count)]
        try:
            await asyncio.gather(*(process.ready() for process in processes))
            yield processes
        finally:
            await asyncio.gather(*(process.stop() for process in processes))

    @asynccontextmanager
    async def running(self, roles: Iterable[str] = ("api", "gateway", "worker")) -> AsyncIterator[None]:
        """New processes of these roles, ready, until the block ends."""
        self.processes = {role: self.spawn(role) for role in roles}
        try:
            await asyncio.gather(*(process.ready() for process in self.processes.values()))
            yield
        finally:
            await asyncio.gather(*(process.stop() for process in self.processes.values()))
            self.processes = {}

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far of every part, the load client (this process) among them."""
        postgres, valkey = self.servers.pids
        return {
            **{role: cpu_seconds(process.pid) for role, process in self.processes.items()},
            "postgres": family_cpu_seconds([postgres]),
            "valkey": family_cpu_seconds([valkey]),
            "load client": cpu_seconds(os.getpid()),
        }


def _new_directory() -> Path:
    directory = Path(tempfile.mkdtemp(prefix="hub-bench-"))
    # The servers run as another account when we are root: it has to get through to its own data.
    directory.chmod(0o755)
    return directory


@asynccontextmanager
async def fleet(kept: Path | None = None, postgres_options: Mapping[str, str] | None = None) -> AsyncIterator[Fleet]:
    """Servers and a prepared database in a new directory, all gone when the block ends.

    Args:
        kept: A directory that stays instead, with its data; made when missing.
        postgres_options: Settings as in postgresql.conf, over those of an embedded server.

    Raises:
        LocalError: the embedded servers do not start; FleetError: a hub command failed.
    """
    directory = _new_directory() if kept is None else kept
    try:
        # Durable: what is measured is a hub that keeps its promise over a power cut.
        async with local_servers(directory / "servers", durable=True, postgres_options=postgres_options) as servers:
            environment = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
            environment |= LIMITS_OFF | {
                "HUB_DATABASE_URL": servers.database_url,
                "HUB_REDIS_URL": servers.redis_url,
                "HUB_SECRET": servers.secret,
                "HUB_LOG_FORMAT": "json",
                "PYTHONPATH": str(COLLECTOR),
            }
            hub = Fleet(directory, servers, environment)
            await hub.prepare()
            yield hub
    finally:
        if kept is None:
            shutil.rmtree(directory, ignore_errors=True)
