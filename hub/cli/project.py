"""`hub project`: environments of one installation that share nothing but its servers."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import click

from hub.cli.administration import administer, named_project, tell_changed
from hub.cli.output import json_option, printable, show, table
from hub.model.times import format_time, parse_duration
from hub.runtime import Hub
from hub.security import read_public_key
from hub.security.jwks import check_jwks_url
from hub.store.projects import UNCHANGED, ProjectRow, create_project, list_projects, new_secret, update_project
from hub.web.paths import NAME

MAX_CAP = 100_000  # as of a category


def _view(project: ProjectRow, *, secrets: bool = False) -> dict[str, Any]:
    view: dict[str, Any] = {
        "name": project.name,
        "timezone": project.timezone,
        "jwks_url": project.jwks_url,
        "public_keys": [{"kid": key.kid, "algorithm": key.algorithm} for key in project.public_keys],
        "sandbox": project.sandbox,
        "cap": project.cap,
        "created_at": format_time(project.created_at),
    }
    if secrets:
        view["signing_secret"] = project.signing_secret
    return view


def _text(view: dict[str, Any]) -> str:
    keys = ", ".join(f"{key['algorithm']} {key['kid'] or '(no kid)'}" for key in view["public_keys"])
    lines = {**view, "public_keys": keys or None, "cap": _cap_text(view["cap"])}
    return "\n".join(f"{name:15} {'-' if value is None else printable(value)}" for name, value in lines.items())


def _cap_text(cap: dict[str, Any] | None) -> str | None:
    return None if cap is None else f"{cap['limit']}/{cap['per']}/{cap['overflow']}"


def _parse_cap(_ctx: click.Context, _param: click.Parameter, value: str | None) -> dict[str, Any] | None:
    """`20/PT1H`, with `/drop` or `/digest`; {} for none."""
    if not value:
        return None if value is None else {}
    limit, _, rest = value.partition("/")
    per, _, overflow = rest.partition("/")
    try:
        if not (0 < int(limit) <= MAX_CAP and parse_duration(per) and (overflow or "drop") in ("drop", "digest")):
            raise ValueError(value)
    except ValueError:
        raise click.BadParameter("LIMIT/DURATION, as 20/PT1H or 20/PT1H/digest; '' for none.") from None
    return {"limit": int(limit), "per": per, "overflow": overflow or "drop"}


_SANDBOX = click.option("--sandbox/--no-sandbox", default=None, help="Take every decision, and send nothing outside.")


def _check_name(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    if NAME.fullmatch(value) is None:
        raise click.BadParameter("1 to 255 characters without control characters.")
    return value


def _check_timezone(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is not None and value not in available_timezones():
        raise click.BadParameter(f"{value!r} is no time zone. Example: Europe/Berlin")
    return value


@click.group()
def project() -> None:
    """Create, list, show and change projects."""


@project.command("create")
@click.argument("name", callback=_check_name)
@click.option(
    "--timezone", callback=_check_timezone, default="UTC", show_default=True, help="Of local times without one."
)
@_SANDBOX
@json_option
def create(name: str, *, timezone: str, sandbox: bool | None, as_json: bool) -> None:
    """Create the project NAME with a signing secret of its own."""

    async def work(hub: Hub) -> dict[str, Any]:
        return _view(await create_project(hub.db, name, timezone=timezone, sandbox=bool(sandbox)))

    view = administer(work)
    show(view, f"Created project {printable(name)}.", as_json=as_json)


@project.command("list")
@json_option
def list_(*, as_json: bool) -> None:
    """List all projects."""

    async def work(hub: Hub) -> list[dict[str, Any]]:
        return [_view(found) for found in await list_projects(hub.db)]

    items = administer(work)
    show({"items": items}, table(items, ["name", "timezone", "jwks_url", "created_at"]), as_json=as_json)


@project.command("show")
@click.argument("name")
@click.option("--secrets", is_flag=True, help="Also the secret that backends sign client tokens with.")
@json_option
def show_(name: str, *, secrets: bool, as_json: bool) -> None:
    """Show the project NAME."""

    async def work(hub: Hub) -> dict[str, Any]:
        return _view(await named_project(hub, name), secrets=secrets)

    view = administer(work)
    show(view, _text(view), as_json=as_json)


@project.command("set")
@click.argument("name")
@click.option("--timezone", callback=_check_timezone, help="Of local times without one.")
@click.option("--jwks-url", help="Where the public keys of the backend's token issuer are; '' for none.")
@click.option(
    "--add-public-key",
    "key_files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="PEM file: RSA, EC P-256 or Ed25519. May be repeated.",
)
@click.option("--kid", help="Key id of the added key, as in the tokens' header.")
@click.option("--remove-public-key", "removed", multiple=True, metavar="KID", help="May be repeated.")
@click.option("--clear-public-keys", is_flag=True, help="Remove all of them.")
@click.option("--rotate-secret", is_flag=True, help="New signing secret; tokens signed with the old one are void.")
@_SANDBOX
@click.option(
    "--cap", callback=_parse_cap, metavar="LIMIT/PER", help="Deliveries to a person over all categories, as 20/PT1H."
)
@json_option
def set_(
    name: str,
    *,
    timezone: str | None,
    jwks_url: str | None,
    key_files: tuple[Path, ...],
    kid: str | None,
    removed: tuple[str, ...],
    clear_public_keys: bool,
    rotate_secret: bool,
    sandbox: bool | None,
    cap: dict[str, Any] | None,
    as_json: bool,
) -> None:
    """Change the project NAME: only what is given."""
    if kid is not None and len(key_files) != 1:
        raise click.UsageError("--kid names the key of one --add-public-key.")
    given = (timezone, jwks_url, sandbox, cap)
    if all(value is None for value in given) and not (key_files or removed or clear_public_keys or rotate_secret):
        raise click.UsageError("Say what to change; --help lists the options.")
    added = [read_public_key(_read(file), kid) for file in key_files]

    async def work(hub: Hub) -> dict[str, Any]:
        found = await named_project(hub, name)
        held = [] if clear_public_keys else list(found.public_keys)
        missing = set(removed) - {key.kid for key in held}
        if missing:
            raise click.UsageError(f"{printable(name)} has no public key {printable(min(missing))}.")
        replaced = {*removed, *(key.kid for key in added if key.kid is not None)}
        keys = [key for key in held if key.kid is None or key.kid not in replaced] + added
        address = jwks_url or None
        if address is not None:
            check_jwks_url(address, allow_private=hub.settings.allow_private_jwks)
        changed = await update_project(
            hub.db,
            found.project_id,
            timezone=UNCHANGED if timezone is None else timezone,
            jwks_url=UNCHANGED if jwks_url is None else address,
            public_keys=keys if added or removed or clear_public_keys else UNCHANGED,
            signing_secret=new_secret() if rotate_secret else None,
            sandbox=sandbox,
            cap=UNCHANGED if cap is None else (cap or None),
        )
        assert changed is not None
        await tell_changed(hub, found.project_id)
        return _view(changed)

    view = administer(work)
    show(view, _text(view), as_json=as_json)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        raise click.UsageError(f"{file} is no public key in PEM form.") from None
