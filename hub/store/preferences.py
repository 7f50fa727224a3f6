"""Preferences as they are stored: one document a layer. hub.api.preferences checks it, hub.model.preferences reads it.

Who changes one holds its row (`lock`) from reading to writing, so that two patches at once lose nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import asyncpg

from hub.model.preferences import Layer
from hub.store.categories import GENERAL
from hub.store.database import Connection, Database
from hub.store.sql import load

_SQL = load("preferences")


class Owner(NamedTuple):
    """Whose layer: of a project (no name), or of a tenant or person in it."""

    layer: Layer
    project_id: int
    name: str | None = None

    @classmethod
    def person(cls, project_id: int, user: str) -> Owner:
        return cls(Layer.PERSON, project_id, user)

    @classmethod
    def tenant(cls, project_id: int, tenant: str) -> Owner:
        return cls(Layer.TENANT, project_id, tenant)

    @classmethod
    def project(cls, project_id: int) -> Owner:
        return cls(Layer.PROJECT, project_id)

    @property
    def key(self) -> tuple[Any, ...]:
        return (self.project_id,) if self.name is None else (self.project_id, self.name)


class StoredLayers(NamedTuple):
    """What bears on one person, or on whoever has said nothing.

    Attributes:
        documents: Of person, tenant and project, in this order; `{}` where nothing was said.
        timezone: The person's, else the project's.
    """

    documents: Mapping[Layer, Mapping[str, Any]]
    timezone: str


async def read(db: Database, owner: Owner) -> dict[str, Any]:
    """The document; `{}` where nothing was said, or nobody of this name is stored."""
    row = await db.fetchrow(_SQL[f"read_{owner.layer}"], *owner.key)
    return (row["preferences"] if row else None) or {}


async def lock(conn: Connection, owner: Owner) -> dict[str, Any]:
    """The document, its row held until the transaction ends; a person or tenant that is not stored yet is stored."""
    row = await conn.fetchrow(_SQL[f"lock_{owner.layer}"], *owner.key)
    if row is None and owner.name is not None:
        await conn.execute(_SQL[f"make_{owner.layer}"], *owner.key)
        row = await conn.fetchrow(_SQL[f"lock_{owner.layer}"], *owner.key)
    if row is None:
        raise asyncpg.SerializationError("the row was deleted between two statements")
    return row["preferences"] or {}


async def save(conn: Connection, owner: Owner, document: Mapping[str, Any]) -> None:
    """Writes the document of a row that this transaction holds."""
    await conn.execute(_SQL[f"save_{owner.layer}"], *owner.key, document)


async def read_layers(db: Database, project_id: int, *, user: str | None, tenant: str | None) -> StoredLayers:
    """The three layers as they are at one moment."""
    row = await db.fetchrow(_SQL["read_layers"], project_id, user, tenant)
    assert row is not None, "whoever asks belongs to the project"
    layers = (Layer.PERSON, Layer.TENANT, Layer.PROJECT)
    return StoredLayers({layer: row[layer] or {} for layer in layers}, row["timezone"])


async def read_by_link(
    conn: Connection, project_id: int, person_id: int, *, hold: bool = False
) -> asyncpg.Record | None:
    """A person whom a link names, their layer and their project's; None: they are gone.

    Args:
        hold: Their row, until the transaction ends.
    """
    return await conn.fetchrow(_SQL["lock_by_link" if hold else "read_by_link"], project_id, person_id)


async def find_required(conn: Connection, project_id: int, categories: Collection[str]) -> set[str]:
    """Those of these categories that nobody can opt out of; one query for all."""
    if not categories:
        return set()
    rows = await conn.fetch(_SQL["find_required"], project_id, list(categories), GENERAL)
    return {row["category"] for row in rows}
