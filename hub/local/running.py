"""What `hub dev` leaves in its directory for `hub doctor`: where it runs, and on which servers.

`running.json`, mode 0600 because the URLs have passwords. It counts only while the directory is locked: a process that
was killed leaves the file, and the next one writes its own.
"""

from __future__ import annotations

import fcntl
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from hub.exceptions import LocalError
from hub.local.directory import write_private

_FILE = "running.json"


@dataclass(frozen=True, slots=True)
class Running:
    """A `hub dev`: its process, its address, its servers, and whether those are its own."""

    pid: int
    url: str
    database_url: str
    redis_url: str
    external: bool


def leave_word(home: Path, running: Running) -> None:
    """Say where it runs. The caller holds the directory's lock."""
    write_private(home / _FILE, asdict(running))


def take_back(home: Path) -> None:
    """It runs no longer. The caller still holds the directory's lock."""
    (home / _FILE).unlink(missing_ok=True)


def find_running(home: Path) -> Running | None:
    """The `hub dev` that uses the directory; None when none does.

    Raises:
        LocalError: Somebody uses it and does not say where, or it belongs to another user.
    """
    owner = _owner(home)
    if owner is None:
        return None
    try:
        found = Running(**json.loads((home / _FILE).read_text("utf-8")))
    except PermissionError:
        raise _not_ours(home) from None
    except (OSError, ValueError, TypeError):
        found = None
    if found is None or str(found.pid) != owner:  # what an earlier one left counts for nothing
        raise LocalError(f"The hub of {home} (process {owner}) has not started yet: try again in a moment.")
    return found


def _owner(home: Path) -> str | None:
    """The id of the process that holds the lock."""
    try:
        with (home / "lock").open("r") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return lock.read(20).strip()
    except FileNotFoundError:
        return None
    except PermissionError:
        raise _not_ours(home) from None
    return None


def _not_ours(home: Path) -> LocalError:
    return LocalError(f"Cannot read {home}: it belongs to another user. Run this as that one.")
