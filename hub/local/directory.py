"""The directory `.hub/`: whose it is, who uses it now, and the secrets that were made for it.

lock            held by the process that runs the servers; its id is the content
secrets.json    mode 0600: passwords of the servers, and the HUB_SECRET and VAPID key of `hub dev`
running.json    mode 0600: where `hub dev` runs, while it does (hub.local.running)
postgres/       data, mode 0700, owned by the account that runs the server
valkey/         the same
*.log           what the servers said
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from cryptography.hazmat.primitives.asymmetric import ec

from hub.exceptions import LocalError

_FORMAT = 1  # of the directory; a newer one is refused rather than misread


@dataclass(frozen=True, slots=True)
class LocalSecrets:
    """`password` opens both servers; `hub dev` signs tokens with `hub_secret`, and pushes with `vapid_key`."""

    password: str
    hub_secret: str
    vapid_key: str


class LocalDirectory:
    """An open, locked `.hub/`. `close()` may be called twice; the lock also ends with the process."""

    def __init__(self, path: Path, lock: IO[str], found: LocalSecrets) -> None:
        self.path = path
        self.secrets = found
        self._lock = lock

    @classmethod
    def open(cls, path: Path) -> LocalDirectory:
        """Create it when missing, and lock it.

        Raises:
            LocalError: Not writable, in use by another process, or not what we wrote.
        """
        path = path.absolute()
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = (path / "lock").open("a+")
        except (FileExistsError, NotADirectoryError):
            raise LocalError(
                f"{path} is a file; it has to be a directory. Remove it, or use another directory."
            ) from None
        except OSError as error:
            raise LocalError(
                f"Cannot write to {path} ({error.strerror}): the data are kept there. Start it in one of your own."
            ) from None
        try:
            _take(path, lock)
            with contextlib.suppress(FileExistsError), (path / ".gitignore").open("x") as ignore:
                ignore.write("*\n")
            return cls(path, lock, load_secrets(path))
        except OSError as error:
            lock.close()
            raise LocalError(f"Cannot use {path}: {error.filename or path}: {error.strerror}.") from None
        except BaseException:
            lock.close()
            raise

    def close(self) -> None:
        self._lock.close()


def _take(path: Path, lock: IO[str]) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        owner = lock.read(20).strip()
        raise LocalError(
            f"{path} is in use by another hub{f' (process {owner})' if owner else ''}: stop it, "
            "or start this one in another directory and on another port."
        ) from None
    lock.seek(0)
    lock.truncate()
    lock.write(f"{os.getpid()}\n")
    lock.flush()


def load_secrets(path: Path) -> LocalSecrets:
    """Those of a directory; made, and kept, when it has none. Raises LocalError."""
    file = path / "secrets.json"
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        if kept.pop("format") != _FORMAT:
            raise LocalError(
                f"{path} was written by another release of the hub: use that one, or delete the directory."
            )
        complete = "vapid_key" in kept  # else it is of a release before web push
        found = LocalSecrets(**kept if complete else {**kept, "vapid_key": _make_vapid_key()})
        if min(len(found.password), len(found.hub_secret)) < 32:
            raise ValueError("too short")
        return found if complete else _keep(file, found)
    except FileNotFoundError:
        if (path / "postgres").exists():
            raise _damaged(file, "is missing") from None
    except PermissionError:
        raise LocalError(
            f"Cannot read {file}: it belongs to another user. Start it in a directory of your own."
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise _damaged(file, "is damaged") from None
    return _keep(file, LocalSecrets(secrets.token_urlsafe(24), secrets.token_urlsafe(32), _make_vapid_key()))


def _make_vapid_key() -> str:
    """As HUB_VAPID_PRIVATE_KEY takes it."""
    number = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
    return base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode("ascii")


def _keep(file: Path, made: LocalSecrets) -> LocalSecrets:
    write_private(file, {"format": _FORMAT, **asdict(made)})
    return made


def write_private(file: Path, content: dict[str, object]) -> None:
    """A file of JSON that only its owner may read, whole or not at all."""
    scratch = file.with_name(f"{file.name}.new")
    scratch.unlink(missing_ok=True)
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
        json.dump(content, output)
    scratch.rename(file)


def start_afresh(home: Path) -> str:
    """The way out of damaged data, for the end of a message. Never for what starting again would mend."""
    return f"To start afresh delete {home}; what is in it is then lost."


def way_out(home: Path, *, port_taken: bool) -> str:
    """What to do about a server that does not start."""
    return "Start the hub again: it takes another port." if port_taken else start_afresh(home)


def _damaged(file: Path, how: str) -> LocalError:
    return LocalError(f"{file} {how}. {start_afresh(file.parent)}")
