"""`hub key`: API keys of backends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import click

from hub.cli.access import DEV_KEY
from hub.cli.administration import administer, named_project, tell_changed
from hub.cli.output import json_option, note, show, table
from hub.exceptions import NotFound
from hub.model.times import format_time
from hub.runtime import Hub
from hub.security import ADMIN, API_SCOPES
from hub.store.keys import KeyRow, create_key, list_keys, revoke_key
from hub.store.migrate import FIRST_PROJECT
from hub.store.projects import DEV_PROJECT
from hub.web.paths import NAME

_DEFAULT_SCOPES = tuple(scope for scope in API_SCOPES if scope != ADMIN)


def _view(key: KeyRow) -> dict[str, Any]:
    return {
        "id": str(key.key_id),
        "project": key.project_name,
        "name": key.name,
        "hint": key.hint,
        "scopes": sorted(key.scopes, key=API_SCOPES.index),
        "categories": None if key.categories is None else sorted(key.categories),
        "created_at": format_time(key.created_at),
        "expires_at": None if key.expires_at is None else format_time(key.expires_at),
        "revoked_at": None if key.revoked_at is None else format_time(key.revoked_at),
    }


def _words(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.strip() for value in values for word in value.split(",") if word.strip()))


def _scopes(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    words = _words(ctx, param, values)
    unknown = [word for word in words if word not in API_SCOPES]
    if unknown:
        raise click.BadParameter(f"{unknown[0]!r} is none of {', '.join(API_SCOPES)}.")
    return words or _DEFAULT_SCOPES


def _categories(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    words = _words(ctx, param, values)
    wrong = [word for word in words if NAME.fullmatch(word) is None]
    if wrong:
        raise click.BadParameter(f"{wrong[0]!r} is no category: 1 to 255 characters without control characters.")
    return words


@click.group()
def key() -> None:
    """Create, list and revoke API keys."""


@key.command()
@click.option("--project", default=FIRST_PROJECT, show_default=True, help="Whose key.")
@click.option("--name", help="To recognise it by.")
@click.option(
    "--scopes", multiple=True, callback=_scopes, help=f"By comma: {', '.join(API_SCOPES)}. Default: all but {ADMIN}."
)
@click.option("--categories", multiple=True, callback=_categories, help="By comma; it publishes only in these.")
@click.option("--expires-in-days", type=click.IntRange(1, 36500), help="Default: it does not expire.")
@json_option
def create(
    *,
    project: str,
    name: str | None,
    scopes: tuple[str, ...],
    categories: tuple[str, ...],
    expires_in_days: int | None,
    as_json: bool,
) -> None:
    """Create a key and print it, this once: only its hash is kept."""
    if project == DEV_PROJECT:
        raise click.UsageError(f"The project `dev` has one key, {DEV_KEY}, and both work under `hub dev` only.")

    async def work(hub: Hub) -> dict[str, Any]:
        found = await named_project(hub, project)
        expiry = None if expires_in_days is None else datetime.now(UTC) + timedelta(days=expires_in_days)
        key_id, secret = await create_key(
            hub.db, found.project_id, scopes=scopes, categories=categories or None, name=name, expires_at=expiry
        )
        return {
            "id": str(key_id),
            "key": secret,
            "project": project,
            "scopes": list(scopes),
            "categories": list(categories) or None,
            "expires_at": None if expiry is None else format_time(expiry),
        }

    made = administer(work)
    show(made, made["key"], as_json=as_json)
    if not as_json:
        note(f"Keep it safe: it is shown this once. Its id is {made['id']}.")


@key.command("list")
@click.option("--project", help="Default: of all projects.")
@json_option
def list_(*, project: str | None, as_json: bool) -> None:
    """List keys, revoked ones too; their first characters say which is which."""

    async def work(hub: Hub) -> list[dict[str, Any]]:
        project_id = None if project is None else (await named_project(hub, project)).project_id
        return [_view(found) for found in await list_keys(hub.db, project_id)]

    items = administer(work)
    columns = ["id", "project", "name", "hint", "scopes", "categories", "created_at", "expires_at", "revoked_at"]
    show({"items": items}, table(items, columns), as_json=as_json)


@key.command()
@click.argument("key_id", metavar="ID", type=click.UUID)
@json_option
def revoke(key_id: UUID, *, as_json: bool) -> None:
    """Revoke the key ID for good; it stops working within a second."""

    async def work(hub: Hub) -> None:
        project_id = await revoke_key(hub.db, key_id)
        if project_id is None:
            raise NotFound(f"There is no key {key_id}; `hub key list` shows them.")
        await tell_changed(hub, project_id)

    administer(work)
    show({"id": str(key_id), "revoked": True}, f"Revoked {key_id}.", as_json=as_json)
