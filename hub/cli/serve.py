"""The commands that run a process of the hub on configured servers: serve, api, gateway, worker."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import click
import uvloop

from hub.cli.output import json_option, show
from hub.cli.process import Roles, address_of, listen_on, run_roles, start_logging
from hub.config import load_settings
from hub.telemetry import get_logger

log = get_logger("hub")

# How long a thread that renders a template keeps the interpreter from the loop, which lets go of it at every frame that
# it writes; Python's 5 ms would be two hundred frames a second.
SWITCH_SECONDS = 0.0002


def _command(name: str, roles: Roles, port: int, help_text: str) -> click.Command:
    @click.command(name, help=help_text)
    @click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
    @click.option("--port", type=click.IntRange(0, 65535), default=port, show_default=True, help="0: any free one.")
    @json_option
    def command(*, host: str, port: int, as_json: bool) -> None:
        settings = load_settings()
        start_logging(settings, name)
        listener = listen_on(host, port)
        address = address_of(listener)

        async def ready() -> None:
            log.info("serving", role=name, address=address)
            if as_json:
                show({"role": name, "url": address, "pid": os.getpid()}, "", as_json=True)

        run_on_uvloop(lambda: run_roles(settings, roles, listener, on_ready=ready))
        log.info("stopped", role=name)

    return command


def run_on_uvloop(work: Callable[[], Any]) -> None:
    """`asyncio.run` on uvloop, with as many open files as this process may have."""
    sys.setswitchinterval(SWITCH_SECONDS)
    with suppress(OSError, ValueError):  # shells and units start with 1,024, which a gateway needs many times over
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work())


_ENVIRONMENT = "Needs HUB_DATABASE_URL, HUB_REDIS_URL and HUB_SECRET. SIGTERM stops it in order."

serve = _command(
    "serve",
    Roles(api=True, gateway=True, worker=True),
    8000,
    f"Run all roles in one process, on configured servers.\n\n{_ENVIRONMENT}",
)
api = _command("api", Roles(api=True), 8000, f"Run the backend-facing API.\n\n{_ENVIRONMENT}")
gateway = _command(
    "gateway",
    Roles(gateway=True),
    8001,
    f"Run a gateway: WebSocket, SSE and the client's REST calls.\n\n{_ENVIRONMENT}",
)
worker = _command(
    "worker",
    Roles(worker=True),
    8002,
    f"Run the loops that carry out what was accepted. The port serves health and metrics only.\n\n{_ENVIRONMENT}",
)
