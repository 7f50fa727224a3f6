"""A real `hub dev`, and the commands that talk to it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.system import ROOT, clean_environment

START_SECONDS = 60.0


@dataclass
class Outcome:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def hub_command(*arguments: str, prefix: Sequence[str] = ()) -> list[str]:
    return [*prefix, sys.executable, "-m", "hub.cli", *arguments]


async def run_hub(*arguments: str, directory: Path, prefix: Sequence[str] = (), **variables: str) -> Outcome:
    """One command, to its end."""
    process = await asyncio.create_subprocess_exec(
        *hub_command(*arguments, prefix=prefix),
        cwd=directory,
        env=clean_environment(PYTHONPATH=str(ROOT), **variables),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(START_SECONDS):
            out, err = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    assert process.returncode is not None
    return Outcome(process.returncode, out.decode(), err.decode())


class HubDev:
    """A running `hub dev`; made by `hub_dev`."""

    def __init__(self, process: asyncio.subprocess.Process, directory: Path, ready: dict[str, Any]) -> None:
        self.process = process
        self.directory = directory
        self.url: str = ready["url"]
        self.pid: int = ready["pid"]

    async def run(self, *arguments: str, **variables: str) -> Outcome:
        """A client command against it."""
        return await run_hub(*arguments, directory=self.directory, HUB_URL=self.url, **variables)

    def said(self) -> str:
        """What it wrote to standard error so far."""
        return (self.directory / "stderr.log").read_text()


@asynccontextmanager
async def hub_dev(
    directory: Path, *arguments: str, prefix: Sequence[str] = (), port: int = 0, **variables: str
) -> AsyncIterator[HubDev]:
    """Starts it on a free port or the one given, waits until it serves, and ends it if the test did not."""
    with (directory / "stderr.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *hub_command("dev", "--port", str(port), "--json", *arguments, prefix=prefix),
            cwd=directory,
            env=clean_environment(PYTHONPATH=str(ROOT), **variables),
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_SECONDS):
            line = await process.stdout.readline()
        assert line, (directory / "stderr.log").read_text()
        yield HubDev(process, directory, json.loads(line))
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
