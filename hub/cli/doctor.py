"""`hub doctor`."""

from __future__ import annotations

import asyncio
import sys

import click

from hub.cli import DONE, FAILED, UNREACHABLE
from hub.cli.output import json_option, print_line, show
from hub.config import load_settings
from hub.doctor import Finding, State, examine

_SIGNS = {State.OK: "ok  ", State.WARN: "warn", State.FAIL: "FAIL", State.UNREACHABLE: "FAIL"}
_COLOURS = {State.OK: "green", State.WARN: "yellow", State.FAIL: "red", State.UNREACHABLE: "red"}


@click.command()
@click.option("--fix", is_flag=True, help="Set wrong inbox counts right; make a key for web push.")
@click.option(
    "--people", type=click.IntRange(1), default=10_000, show_default=True, help="How many inboxes to recount."
)
@click.option("--all", "everybody", is_flag=True, help="Recount all of them.")
@json_option
def doctor(*, fix: bool, people: int, everybody: bool, as_json: bool) -> int:
    """Check the set-up and say what to mend. Fails when something has to be mended."""
    settings = load_settings()

    async def work() -> list[Finding]:
        findings = []
        async for finding in examine(settings, people=None if everybody else people, fix=fix):
            findings.append(finding)
            if not as_json:
                print_line(_line(finding))
        return findings

    findings = asyncio.run(work())
    states = {finding.state for finding in findings}
    healthy = not states & {State.FAIL, State.UNREACHABLE}
    if as_json:
        show({"ok": healthy, "checks": [finding._asdict() for finding in findings]}, "", as_json=True)
    if State.UNREACHABLE in states:
        return UNREACHABLE
    return DONE if healthy else FAILED


def _line(finding: Finding) -> str:
    sign = click.style(_SIGNS[finding.state], fg=_COLOURS[finding.state])
    mend = f"\n{'':20}→ {finding.mend}" if finding.mend else ""
    line = f"{sign}  {finding.check:13} {finding.detail}{mend}"
    return line if sys.stdout.isatty() else click.unstyle(line)
