"""Projects: environments of one installation that share nothing but its servers."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from hub.exceptions import Conflict, Invalid
from hub.store.database import Database
from hub.store.sql import load

_SQL = load("projects")
DEV_PROJECT = "dev"
"""The project of `hub dev`; it works nowhere else."""


class PublicKey(NamedTuple):
    """A registered key that client tokens may be signed with; `algorithm` binds it: RS256, ES256 or EdDSA."""

    kid: str | None
    algorithm: str
    public_key: str


class ProjectRow(NamedTuple):
    """One project. `signing_secret` is the HS256 secret for tokens its backend signs; no repr shows it.

    Attributes:
        sandbox: Every decision is taken, nothing is sent outside.
        cap: How often a person may be reached over all categories, written as a category's own.
    """

    project_id: int
    name: str
    timezone: str
    signing_secret: str
    jwks_url: str | None
    public_keys: tuple[PublicKey, ...]
    created_at: datetime
    sandbox: bool
    cap: dict[str, Any] | None

    def __repr__(self) -> str:
        return f"ProjectRow({self.project_id}, {self.name!r})"


class _Unchanged:
    """Stands for a field that is left as it is, where None is a value."""


UNCHANGED = _Unchanged()


def _row(record: asyncpg.Record) -> ProjectRow:
    keys = tuple(PublicKey(key.get("kid"), key["algorithm"], key["public_key"]) for key in record["public_keys"])
    return ProjectRow(
        record["project_id"],
        record["name"],
        record["timezone"],
        record["signing_secret"],
        record["jwks_url"],
        keys,
        record["created_at"],
        record["sandbox"],
        record["cap"],
    )


def new_secret() -> str:
    """256 random bits as 43 base64url characters."""
    return secrets.token_urlsafe(32)


async def find_project(db: Database, name: str) -> ProjectRow | None:
    """The project of that name, or None."""
    record = await db.fetchrow(_SQL["find_by_name"], name)
    return None if record is None else _row(record)


async def get_project(db: Database, project_id: int) -> ProjectRow | None:
    """The project of that id, or None."""
    record = await db.fetchrow(_SQL["find_by_id"], project_id)
    return None if record is None else _row(record)


async def list_projects(db: Database) -> list[ProjectRow]:
    """All projects by name; an installation has few."""
    return [_row(record) for record in await db.fetch(_SQL["list_projects"])]


async def create_project(
    db: Database, name: str, *, timezone: str = "UTC", sandbox: bool = False, dev: bool = False
) -> ProjectRow:
    """A new project with a signing secret of its own.

    Args:
        dev: Whether this is `hub dev`, the only place where the project `dev` may be. It is a sandbox.

    Raises:
        Invalid: the name is reserved.
        Conflict: there is one of that name.
    """
    if name == DEV_PROJECT and not dev:
        raise Invalid.field("name", "reserved", "`dev` is the project of hub dev and works nowhere else; take another")
    record = await db.fetchrow(_SQL["create_project"], name, timezone, new_secret(), sandbox or dev)
    if record is None:
        raise Conflict(f"There is a project {name!r} already.", code="project_exists")
    return _row(record)


async def ensure_project(db: Database, name: str, *, dev: bool = False) -> ProjectRow:
    """The project of that name, made where missing."""
    found = await find_project(db, name)
    if found is not None:
        return found
    try:
        return await create_project(db, name, dev=dev)
    except Conflict:  # made by somebody else meanwhile
        again = await find_project(db, name)
        assert again is not None
        return again


async def update_project(
    db: Database,
    project_id: int,
    *,
    timezone: str | _Unchanged = UNCHANGED,
    jwks_url: str | _Unchanged | None = UNCHANGED,
    public_keys: list[PublicKey] | _Unchanged = UNCHANGED,
    signing_secret: str | None = None,
    sandbox: bool | None = None,
    cap: dict[str, Any] | _Unchanged | None = UNCHANGED,
) -> ProjectRow | None:
    """Changes what is given; the project as it is then, or None when there is none.

    A new signing secret voids every token that the backend signed with the old one.
    """
    keys: Any = None if isinstance(public_keys, _Unchanged) else [key._asdict() for key in public_keys]
    record = await db.fetchrow(
        _SQL["update_project"],
        project_id,
        not isinstance(timezone, _Unchanged),
        None if isinstance(timezone, _Unchanged) else timezone,
        not isinstance(jwks_url, _Unchanged),
        None if isinstance(jwks_url, _Unchanged) else jwks_url,
        keys is not None,
        keys,
        signing_secret,
        sandbox,
        not isinstance(cap, _Unchanged),
        None if isinstance(cap, _Unchanged) else cap,
    )
    return None if record is None else _row(record)


async def database_time(db: Database) -> datetime:
    """The database's clock: what tokens are issued and revoked by, so that hosts need not agree."""
    async with db.acquire() as conn:
        now: datetime = await conn.fetchval(_SQL["now"])
        return now
