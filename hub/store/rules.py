"""Rules as they are configured now: policies, preferences of tenants and projects, caps, one read for any number."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from hub.model.policy import Cap, Policy, parse_cap, parse_policy
from hub.model.preferences import Preferences, parse_preferences
from hub.store.categories import GENERAL, GENERAL_POLICY
from hub.store.database import Connection
from hub.store.sql import load

_SQL = load("rules")


class RulesKey(NamedTuple):
    """Whose rules: a category of a project, as a tenant of it has them."""

    project_id: int
    category: str
    tenant: str | None = None


class Configured(NamedTuple):
    """What is stored for one key. `sandbox`: a project in test mode."""

    policy: Policy
    tenant: Preferences
    project: Preferences
    zone: str
    cap: Cap | None
    sandbox: bool


async def read_rules(conn: Connection, keys: Iterable[RulesKey]) -> dict[RulesKey, Configured]:
    """What is configured for each key; of a project that is gone there is none."""
    wanted = list(set(keys))
    if not wanted:
        return {}
    columns = [[key[n] for key in wanted] for n in range(3)]
    rows = await conn.fetch(_SQL["read_rules"], *columns, GENERAL)
    return {RulesKey(row["project_id"], row["category"], row["tenant"]): _configured(row) for row in rows}


def _configured(row: Any) -> Configured:
    return Configured(
        parse_policy(row["category"], row["policy"] or GENERAL_POLICY),
        parse_preferences(row["tenant_preferences"]),
        parse_preferences(row["project_preferences"]),
        row["timezone"],
        None if row["cap"] is None else parse_cap(row["cap"]),
        row["sandbox"],
    )
