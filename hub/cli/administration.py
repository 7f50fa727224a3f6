"""What the commands that change the set-up share: an open hub, and telling the running processes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

from hub.bus.announce import project_channel
from hub.config import load_settings
from hub.exceptions import HubError, NotFound, Unreachable
from hub.runtime import Hub, open_hub
from hub.store.database import GONE
from hub.store.projects import ProjectRow, find_project
from hub.telemetry import configure_logging

T = TypeVar("T")


def administer(work: Callable[[Hub], Awaitable[T]]) -> T:
    """Run `work` on the hub that the environment names.

    Raises:
        ConfigError, Unreachable, HubError: As `load_settings` and `open_hub`.
    """

    async def run() -> T:
        try:
            async with open_hub(settings, role="cli") as hub:
                return await work(hub)
        except GONE as error:
            raise Unreachable(f"Postgres went away: {type(error).__name__}: {error}") from error
        except asyncpg.PostgresError as error:
            raise HubError(f"Postgres refused: {error}") from error

    settings = load_settings()
    configure_logging(settings.log_format)
    return asyncio.run(run())


async def named_project(hub: Hub, name: str) -> ProjectRow:
    """The project of that name. Raises NotFound."""
    project = await find_project(hub.db, name)
    if project is None:
        raise NotFound(f"There is no project {name!r}; `hub project list` shows them.")
    return project


async def tell_changed(hub: Hub, project_id: int) -> None:
    """Running processes drop what they keep of the project; without Redis they do so within a second by themselves."""
    await hub.publish_hint(project_channel(hub.installation, project_id), b"p")
