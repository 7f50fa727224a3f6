"""What `hub doctor` says of one thing that it looked at."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

_CLOCK_WARN_SECONDS, _CLOCK_FAIL_SECONDS = 1.0, 30.0  # tokens have 60 s of leeway between two clocks


class State(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"  # works, but somebody should know
    FAIL = "fail"
    UNREACHABLE = "unreachable"  # a server did not answer, so that what needs it was not examined


class Finding(NamedTuple):
    """One check: what was found and, unless all is well, what mends it."""

    check: str
    state: State
    detail: str
    mend: str | None = None


def clock_finding(check: str, skew: float, server: str, harm: str) -> Finding:
    detail = f"This machine is {abs(skew):.2f} s {'ahead of' if skew > 0 else 'behind'} {server}"
    if abs(skew) < _CLOCK_WARN_SECONDS:
        return Finding(check, State.OK, f"{detail}.")
    state = State.WARN if abs(skew) < _CLOCK_FAIL_SECONDS else State.FAIL
    return Finding(check, state, f"{detail}: {harm}.", "Run a time service (chrony, systemd-timesyncd) on both.")
