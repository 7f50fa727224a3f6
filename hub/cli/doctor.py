"""`hub doctor`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import click

from hub.cli import DONE, FAILED, UNREACHABLE
from hub.cli.access import read_environment
from hub.cli.local import HOME, dev_settings
from hub.cli.output import json_option, print_line, printable, show
from hub.config import Settings, load_settings
from hub.doctor import examine
from hub.exceptions import ConfigError
from hub.finding import Finding, State
from hub.local import local_servers
from hub.local.directory import load_secrets
from hub.local.running import find_running
from hub.store.database import describe

_SIGNS = {State.OK: "ok  ", State.WARN: "warn", State.FAIL: "FAIL", State.UNREACHABLE: "FAIL"}
_COLOURS = {State.OK: "green", State.WARN: "yellow", State.FAIL: "red", State.UNREACHABLE: "red"}

_SERVERS = ("HUB_DATABASE_URL", "HUB_REDIS_URL", "HUB_SECRET")  # without which no configured hub starts


@click.command()
@click.option("--fix", is_flag=True, help="Set wrong inbox counts right; make a key for web push.")
@click.option(
    "--people", type=click.IntRange(1), default=10_000, show_default=True, help="How many inboxes to recount."
)
@click.option("--all", "everybody", is_flag=True, help="Recount all of them.")
@json_option
def doctor(*, fix: bool, people: int, everybody: bool, as_json: bool) -> int:
    """Check the set-up and say what to mend. Fails when something has to be mended.

    Of the servers that HUB_DATABASE_URL, HUB_REDIS_URL and HUB_SECRET name; where these are not set, of the `hub dev`
    of this directory, also when it does not run.
    """

    async def work() -> list[Finding]:
        findings = []

        def found(finding: Finding) -> None:
            findings.append(finding)
            if not as_json:
                print_line(_line(finding))

        async with _installation(HOME.absolute()) as (settings, which):
            found(which)
            # Closed here: a reader who goes away (| head) leaves it half way.
            async with aclosing(examine(settings, people=None if everybody else people, fix=fix)) as findings_of:
                async for finding in findings_of:
                    found(finding)
        return findings

    findings = asyncio.run(work())
    states = {finding.state for finding in findings}
    healthy = not states & {State.FAIL, State.UNREACHABLE}
    if as_json:
        show({"ok": healthy, "checks": [finding._asdict() for finding in findings]}, "", as_json=True)
    if State.UNREACHABLE in states:
        return UNREACHABLE
    return DONE if healthy else FAILED


@asynccontextmanager
async def _installation(home: Path) -> AsyncIterator[tuple[Settings, Finding]]:
    """What is examined, and which that is.

    Raises:
        ConfigError, LocalError: Nothing is named that could be examined, or a setting is bad.
    """
    environment = read_environment()
    missing = [name for name in _SERVERS if name not in environment]
    running = find_running(home) if missing else None
    if running is not None:
        made = load_secrets(home)
        settings = dev_settings(
            secret=made.hub_secret,
            vapid_key=made.vapid_key,
            address=running.url,
            database_url=running.database_url,
            redis_url=running.redis_url,
        )
        external = " --external" if running.external else ""
        yield settings, _dev(f"The `hub dev{external}` of {home}, at {running.url} (process {running.pid}).", missing)
    elif missing and (home / "postgres").exists():
        async with local_servers(home) as servers:
            settings = dev_settings(
                secret=servers.secret,
                vapid_key=servers.vapid_key,
                address=None,
                database_url=servers.database_url,
                redis_url=servers.redis_url,
            )
            yield settings, _dev(f"The `hub dev` of {home}, which does not run; its servers run for this.", missing)
    else:
        yield _configured(home, missing)


def _dev(detail: str, missing: list[str]) -> Finding:
    if len(missing) == len(_SERVERS):
        return Finding("installation", State.OK, detail)
    named = [name for name in _SERVERS if name not in missing]
    mend = f"If you meant what {' and '.join(named)} {'names' if len(named) == 1 else 'name'}: also set "
    return Finding("installation", State.WARN, detail, f"{mend}{' and '.join(missing)}.")


def _configured(home: Path, missing: list[str]) -> tuple[Settings, Finding]:
    try:
        settings = load_settings()
    except ConfigError as error:
        if not missing:
            raise
        raise ConfigError(
            f"{error}\nSo name the servers, in the environment or in .env; or run this where `hub dev` was started: "
            f"there is no {HOME}/ with its servers here."
        ) from None
    detail = f"The configured servers: the database {describe(settings.database_url.get_secret_value())}."
    if home.exists():
        detail += f" Not the `hub dev` of {home}: {', '.join(_SERVERS)} are set."
    return settings, Finding("installation", State.OK, detail)


def _line(finding: Finding) -> str:
    sign = click.style(_SIGNS[finding.state], fg=_COLOURS[finding.state])
    mend = f"\n{'':20}→ {finding.mend}" if finding.mend else ""
    line = f"{sign}  {finding.check:13} {printable(finding.detail)}{mend}"
    return line if sys.stdout.isatty() else click.unstyle(line)
