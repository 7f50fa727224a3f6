"""What every test can ask for: real servers, a database of its own, a running hub.

One Postgres and one Valkey per test process, started once; every test gets a clone of a migrated template (20 ms in
memory) with an installation name of its own, so that tests share Valkey without hearing each other.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import hypothesis
import pytest
import structlog

from hub.config import Settings, load_settings
from hub.local.servers import Servers, local_servers
from hub.runtime import Hub, open_hub
from hub.store.migrate import migrate
from tests.support.system import SCRATCH

structlog.configure(
    wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
    logger_factory=structlog.PrintLoggerFactory(sys.stderr),
)
TEMPLATE = "hub_template"
os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(SCRATCH))  # pytest's own variable: above every tmp_path

# Wall-clock deadlines fail on a busy machine; in CI every run tries the same examples.
hypothesis.settings.register_profile("hub", deadline=None, derandomize=os.environ.get("CI") == "true")
hypothesis.settings.load_profile("hub")


def with_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """A Postgres and a Valkey for this test process. Tests that kill servers start their own."""
    directory = Path(tmp_path_factory.mktemp("servers"))
    with asyncio.Runner() as runner:
        context = local_servers(directory / ".hub", durable=False)
        running = runner.run(context.__aenter__())
        try:
            runner.run(_make_template(running.database_url))
            yield running
        finally:
            runner.run(context.__aexit__(None, None, None))


async def _make_template(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"CREATE DATABASE {TEMPLATE}")
    finally:
        await connection.close()
    await migrate(with_database(url, TEMPLATE))


async def _clone(url: str) -> str:
    name = f"t_{secrets.token_hex(8)}"
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
    finally:
        await connection.close()
    clone = with_database(url, name)
    connection = await asyncpg.connect(clone)
    try:
        await connection.execute("UPDATE installation SET name = $1", secrets.token_hex(4))
    finally:
        await connection.close()
    return clone


async def _drop(url: str, clone: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {urlsplit(clone).path[1:]} WITH (FORCE)")
    finally:
        await connection.close()


@pytest.fixture
async def database_url(servers: Servers) -> AsyncIterator[str]:
    """An empty, migrated database with the project `default`, for this test alone."""
    clone = await _clone(servers.database_url)
    yield clone
    await _drop(servers.database_url, clone)


@pytest.fixture
def settings(servers: Servers, database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """Settings of a hub on this test's database."""
    monkeypatch.chdir(tmp_path)
    return load_settings(
        database_url=database_url,
        redis_url=servers.redis_url,
        secret=servers.secret,
        pool_size=5,
    )


@pytest.fixture
async def hub(settings: Settings) -> AsyncIterator[Hub]:
    """An open runtime on this test's database."""
    async with open_hub(settings, role="test") as running:
        yield running


@pytest.fixture
async def project_id(hub: Hub) -> int:
    """The project `default`."""
    row = await hub.db.fetchrow("SELECT project_id FROM projects WHERE name = 'default'")
    assert row is not None
    return int(row["project_id"])
