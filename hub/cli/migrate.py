"""`hub migrate`."""

from __future__ import annotations

import asyncio

import click

from hub.cli.output import json_option, show
from hub.config import MIN_SECRET_CHARACTERS, load_settings
from hub.store import migrate as migrations


@click.command()
@json_option
def migrate(*, as_json: bool) -> None:
    """Bring the database to the schema of this release; an empty one gets the project `default`.

    May run in any number of processes at once, and while the last release still serves.
    """
    # Whoever migrates needs the database only: neither the secret nor Redis has to be there yet.
    settings = load_settings(redis_url="redis://localhost", secret="-" * MIN_SECRET_CHARACTERS)
    applied = asyncio.run(migrations.migrate(settings.database_url.get_secret_value()))
    text = "\n".join(f"applied {name}" for name in applied) or "The database is up to date."
    show({"applied": applied}, text, as_json=as_json)
