"""The deployment that docker-compose.yml describes, as processes: api ×2, gateway ×2, a worker, HAProxy in front.

Every process is started by its command line and configured by its environment alone, as a container would be.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
PROXY_CONFIGURATION = ROOT / "deploy" / "haproxy.cfg"
HOST = "127.0.0.1"
START_SECONDS = 30.0
STOP_SECONDS = 40.0


class NotStarted(Exception):
    """A process ended or did not get ready; the message has the end of its log."""


def hub_command() -> str:
    return str(Path(sys.executable).parent / "hub")


def haproxy_command() -> str | None:
    """Debian keeps it in /usr/sbin, which a user's PATH leaves out."""
    return shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")


def environment(**more: str) -> dict[str, str]:
    """This process's environment without any HUB_ or PROXY_ variable, and `more`."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("HUB_", "PROXY_"))}
    return own | more


def listener() -> socket.socket:
    """A socket on a free port, to be handed to a child: nobody else can take the port in between."""
    made = socket.socket()
    made.bind((HOST, 0))
    made.set_inheritable(True)
    return made


class Running:
    """One process with its log; ends with the test process, whatever happens to the test."""

    def __init__(
        self, name: str, command: list[str], *, cwd: Path, env: Mapping[str, str], pass_fds: tuple[int, ...] = ()
    ) -> None:
        self.name = name
        self.log = cwd / f"{name}.log"
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, pass_fds=pass_fds
            )

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        """kill -9, and waits for the end."""
        self._process.kill()
        self._process.wait()

    def terminate(self) -> None:
        """SIGTERM, without waiting."""
        self._process.send_signal(signal.SIGTERM)

    async def ended(self) -> int:
        """The exit status."""
        return await asyncio.to_thread(self._process.wait, STOP_SECONDS)

    async def stop(self) -> None:
        """SIGTERM and the end, by force if need be; may be called twice."""
        if self.alive:
            self.terminate()
        try:
            await self.ended()
        except subprocess.TimeoutExpired:
            self.kill()

    async def ready(self, url: str) -> None:
        """Waits until `url` answers 200.

        Raises:
            NotStarted: the process ended, or did not answer so within START_SECONDS.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                while self.alive:
                    if await status_of(url) == 200:
                        return
                    await asyncio.sleep(0.05)
        raise NotStarted(f"{self.name} is not ready:\n{self.said()[-3000:]}")


async def status_of(url: str) -> int:
    """The status of a GET, 0 when nobody answers."""
    parts = urlsplit(url)
    try:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    except OSError:
        return 0
    try:
        writer.write(f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode())
        line = await reader.readline()
        return int(line.split()[1]) if line.startswith(b"HTTP/1.1 ") else 0
    except OSError:
        return 0
    finally:
        writer.close()


class Deployment:
    """Everything that runs, by the names of docker-compose.yml's services. One that stopped can be started again."""

    ROLES: Mapping[str, str] = MappingProxyType(
        {"api-1": "api", "api-2": "api", "gateway-1": "gateway", "gateway-2": "gateway", "worker": "worker"}
    )

    def __init__(self, directory: Path, env: dict[str, str]) -> None:
        self.directory = directory
        self.env = env
        self.running: dict[str, Running] = {}
        self.ports: dict[str, int] = {}
        self.proxy: Running | None = None
        self.url = ""
        self.api_key = ""

    async def command(self, *arguments: str) -> Any:
        """A hub command's JSON; it must succeed."""
        process = await asyncio.create_subprocess_exec(
            hub_command(),
            *arguments,
            "--json",
            cwd=self.directory,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        output, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
        return json.loads(output or b"null")

    def spawn(self, name: str) -> Running:
        """Starts a role's process, on the port it had when it ran before."""
        port = self.ports.get(name)
        if port is None:
            # HAProxy has to know the port before the process is there; the kernel gives out others first.
            with listener() as reserved:
                port = self.ports[name] = reserved.getsockname()[1]
        command = [hub_command(), self.ROLES[name], "--host", HOST, "--port", str(port)]
        self.running[name] = Running(name, command, cwd=self.directory, env=self.env)
        return self.running[name]

    def own_url(self, name: str) -> str:
        """A process's own address, past the proxy."""
        return f"http://{HOST}:{self.ports[name]}"

    async def ready(self, *names: str) -> None:
        await asyncio.gather(*(self.running[name].ready(f"{self.own_url(name)}/readyz") for name in names))

    def start_proxy(self, **more: str) -> None:
        """HAProxy with deploy/haproxy.cfg, configured by variables as in docker-compose.yml, and `more`."""
        command = haproxy_command()
        assert command is not None, "apt-get install haproxy"
        with listener() as bound:
            self.url = f"http://{HOST}:{bound.getsockname()[1]}"
            addresses = {
                f"PROXY_{name.upper().replace('-', '_')}": f"{HOST}:{port}"
                for name, port in self.ports.items()
                if self.ROLES[name] != "worker"
            }
            self.proxy = Running(
                "proxy",
                [command, "-db", "-f", str(PROXY_CONFIGURATION)],
                cwd=self.directory,
                env=environment(PROXY_BIND=f"fd@{bound.fileno()}", **addresses, **more),
                pass_fds=(bound.fileno(),),
            )

    async def start(self) -> None:
        """In compose's order: migrate, then the roles, then the proxy."""
        await self.command("migrate")
        self.api_key = (await self.command("key", "create"))["key"]
        for name in self.ROLES:
            self.spawn(name)
        await self.ready(*self.ROLES)
        self.start_proxy()
        assert self.proxy is not None
        await self.proxy.ready(f"{self.url}/readyz")

    async def stop(self) -> None:
        """The proxy, then everything behind it; may be called twice."""
        if self.proxy is not None:
            self.proxy.kill()
        await asyncio.gather(*(process.stop() for process in self.running.values()))


@asynccontextmanager
async def deployment(directory: Path, database_url: str, redis_url: str, **more: str) -> AsyncIterator[Deployment]:
    """A running deployment on an empty database. `more` are HUB_* variables beside the necessary ones."""
    env = environment(
        HUB_DATABASE_URL=database_url,
        HUB_REDIS_URL=redis_url,
        HUB_SECRET=secrets.token_hex(32),
        HUB_LOG_FORMAT="json",
        HUB_DRAIN_SECONDS="2",
        **more,
    )
    made = Deployment(directory, env)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(made.stop)
        await made.start()
        yield made
