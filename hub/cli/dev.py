"""`hub dev`: everything on one machine, with embedded servers, for whoever tries the hub or builds against it."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from hub.cli.access import DEV_KEY, read_environment
from hub.cli.demo import Demo
from hub.cli.local import HOME, dev_settings
from hub.cli.output import json_option, note, print_line, show
from hub.cli.process import Roles, address_of, listen_on, run_roles, start_logging
from hub.cli.serve import run_on_uvloop
from hub.config import Settings
from hub.exceptions import ConfigError, HubError, LocalError, MigrationError
from hub.local import Servers, local_servers
from hub.local.directory import LocalDirectory, start_afresh
from hub.local.running import Running, leave_word, take_back
from hub.loopback import is_local_database, is_local_redis
from hub.runtime import Hub
from hub.security import API_SCOPES
from hub.store.keys import create_key
from hub.store.migrate import migrate
from hub.store.projects import DEV_PROJECT, ensure_project
from hub.telemetry import get_logger

log = get_logger("hub.dev")

_READY_SECONDS = 15.0
_ROLES = Roles(api=True, gateway=True, worker=True, front=Demo)
_IGNORED = ("HUB_DATABASE_URL", "HUB_REDIS_URL")


@dataclass(frozen=True, slots=True)
class _Ground:
    """What the hub stands on: its settings, and the embedded servers unless they are external."""

    settings: Settings
    servers: Servers | None


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: any free one.")
@click.option("--external", is_flag=True, help="Use HUB_DATABASE_URL and HUB_REDIS_URL; loopback addresses only.")
@json_option
def dev(*, port: int, external: bool, as_json: bool) -> None:
    """Run everything on this machine: all roles, an embedded Postgres and Valkey, and the demo page.

    Data are kept in .hub/ of the current directory. The project `dev` and its key hk_dev work here and nowhere else.
    """
    listener = listen_on("127.0.0.1", port)
    directory = HOME.absolute()
    with contextlib.closing(listener):
        address = address_of(listener)

        async def ready() -> None:
            await _wait_until_ready(address)
            if as_json:
                show({"url": address, "key": DEV_KEY, "project": DEV_PROJECT, "pid": os.getpid()}, "", as_json=True)
            else:
                print_line(_greeting(address))

        async def work() -> None:
            async with _ground(directory, address, external=external) as ground:
                serving = run_roles(ground.settings, _ROLES, listener, prepare=_prepare, on_ready=ready)
                await (serving if ground.servers is None else _beside(ground.servers, serving))

        run_on_uvloop(work)
        if not as_json:
            print_line("  Stopped. Your data are in .hub/; the next hub dev goes on with them.")


@contextlib.asynccontextmanager
async def _ground(directory: Path, address: str, *, external: bool) -> AsyncIterator[_Ground]:
    if external:
        home = LocalDirectory.open(directory)
        with contextlib.closing(home):
            settings = dev_settings(secret=home.secrets.hub_secret, vapid_key=home.secrets.vapid_key, address=address)
            _check_loopback(settings)
            start_logging(settings, "dev")
            await migrate(settings.database_url.get_secret_value())
            with _said(directory, address, settings, external=True):
                yield _Ground(settings, None)
        return
    for name in _IGNORED:
        if name in read_environment():
            note(f"hub: {name} is ignored; --external uses it.")
    async with local_servers(directory) as servers:
        settings = dev_settings(
            secret=servers.secret,
            vapid_key=servers.vapid_key,
            address=address,
            database_url=servers.database_url,
            redis_url=servers.redis_url,
        )
        start_logging(settings, "dev")
        try:
            await migrate(servers.database_url)
        except MigrationError as error:
            raise LocalError(f"{error} {start_afresh(directory)}") from None
        with _said(directory, address, settings, external=False):
            yield _Ground(settings, servers)


@contextlib.contextmanager
def _said(home: Path, address: str, settings: Settings, *, external: bool) -> Iterator[None]:
    """`hub doctor`, started beside it, is to find it."""
    urls = settings.database_url.get_secret_value(), settings.redis_url.get_secret_value()
    leave_word(home, Running(os.getpid(), address, *urls, external))
    try:
        yield
    finally:
        take_back(home)


async def _beside(servers: Servers, serving: Coroutine[Any, Any, None]) -> None:
    """Serve while the embedded servers are kept running."""
    hub = asyncio.create_task(serving)
    watch = asyncio.create_task(
        servers.keep_running(lambda name: log.warning("server.ended", server=name, now="started again"))
    )
    try:
        await asyncio.wait([hub, watch], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (watch, hub):
            task.cancel()
        ended = await asyncio.gather(hub, watch, return_exceptions=True)
    for outcome in ended:
        if isinstance(outcome, Exception):
            raise outcome


async def _prepare(hub: Hub) -> None:
    project = await ensure_project(hub.db, DEV_PROJECT, dev=True)
    hub.dev_project_id = project.project_id
    await create_key(hub.db, project.project_id, scopes=API_SCOPES, name="hub dev", key=DEV_KEY)


def _check_loopback(settings: Settings) -> None:
    database, redis = settings.database_url.get_secret_value(), settings.redis_url.get_secret_value()
    for name, local in (("HUB_DATABASE_URL", is_local_database(database)), ("HUB_REDIS_URL", is_local_redis(redis))):
        if not local:
            raise ConfigError(
                f"{name} does not name this machine, and `hub dev --external` would put the key {DEV_KEY} there: "
                "use a server on localhost, or `hub serve`."
            )


async def _wait_until_ready(address: str) -> None:
    """Ask as a load balancer would: what is printed next invites people in."""
    parts = urlsplit(address)
    request = f"GET /readyz HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode()
    answer = b""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_READY_SECONDS):
            while not answer.startswith(b"HTTP/1.1 200"):
                reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
                writer.write(request)
                answer = await reader.read()
                writer.close()
                await asyncio.sleep(0.01)
            return
    said = answer.partition(b"\r\n\r\n")[2].decode(errors="replace")
    raise HubError(f"The hub started, but is not ready after {_READY_SECONDS:.0f} s: {said or 'no answer'}")


def _greeting(address: str) -> str:
    body = '{"recipients": ["ada"], "title": "Hello from curl"}'
    headers = f"-H 'Authorization: Bearer {DEV_KEY}' -H 'Content-Type: application/json'"
    return f"""
  The hub runs. Ctrl-C stops it; its data stay in .hub/

  Demo     {address}/
  API key  {DEV_KEY}
  API      {address}/docs

  curl {address}/v1/notifications {headers} -d '{body}'
"""
