"""The templates that a process works with: what is published now, and every version that notifications are pinned to.

A publish may take a version that is PUBLISHED_SECONDS older than the newest; that there is no such template is always
asked anew. Versions do not change, so that those which were read are kept until others need their place.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from hub.model.notification import Notification
from hub.model.template import Template
from hub.store import templates
from hub.store.database import Connection, Database
from hub.store.templates import VersionKey

PUBLISHED_SECONDS = 1.0  # how long a version may still be taken after a newer one was published
KEPT = 1_000  # templates with what they use
KEPT_CHARACTERS = 1_500_000  # of all their texts together: 50 MiB, as each takes some 35 bytes when parsed
KEPT_PUBLISHED = 100  # known as published; past that, those go that have to be asked for anew anyway


class Pinned(NamedTuple):
    """A template as a notification is accepted with it: of which versions it is made."""

    template: Template
    pins: Mapping[str, int]

    @property
    def category(self) -> str | None:
        """The category of notifications that name the template and no category."""
        return self.template.document.get("category")


class Templatebook:
    """Owned by the runtime."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._published: dict[tuple[int, str], tuple[float, Pinned]] = {}
        self._kept: OrderedDict[tuple[int, str, tuple[tuple[str, int], ...]], Template] = OrderedDict()
        self._characters = 0  # of what is kept

    async def published(self, db: Database, project_id: int, name: str) -> Pinned | None:
        """The template as it is published, at most PUBLISHED_SECONDS ago; None when there is none of that name."""
        now = self._clock()
        entry = self._published.get((project_id, name))
        if entry is not None and entry[0] > now:
            return entry[1]
        rows = await templates.published(db, project_id, [name])
        if name not in rows or rows[name]["document"]["kind"] != "message":
            return None
        pins = {found: row["version"] for found, row in rows.items()}
        template = self.keep(project_id, name, pins, {found: row["document"] for found, row in rows.items()})
        pinned = Pinned(template, pins)
        if len(self._published) >= KEPT_PUBLISHED:
            self._published = {key: kept for key, kept in self._published.items() if kept[0] > now}
        self._published[project_id, name] = (now + PUBLISHED_SECONDS, pinned)
        return pinned

    async def attach(self, conn: Connection, notifications: Iterable[Notification]) -> None:
        """Gives notifications the versions of their templates; no query when they are known, or there is none."""
        pinned = [n for n in notifications if n.template is None and n.pins]
        missing: set[VersionKey] = set()
        for n in pinned:
            n.template = self._find(n.project_id, n.template_name, n.pins)
            if n.template is None:
                missing |= {VersionKey(n.project_id, name, version) for name, version in n.pins.items()}
        if not missing:
            return
        found = await templates.pinned(conn, missing)
        for n in pinned:
            documents = {
                name: document
                for name, version in n.pins.items()
                if (document := found.get(VersionKey(n.project_id, name, version))) is not None
            }
            if n.template is None and n.template_name in documents:
                n.template = self.keep(n.project_id, n.template_name, n.pins, documents)

    def keep(
        self, project_id: int, name: str, pins: Mapping[str, int], documents: Mapping[str, dict[str, Any]]
    ) -> Template:
        """The template of these versions, made where it is not known yet."""
        known = self._find(project_id, name, pins)
        if known is not None:
            return known
        template = self._kept[_key(project_id, name, pins)] = Template(name, documents)
        self._characters += template.size
        while len(self._kept) > KEPT or (self._characters > KEPT_CHARACTERS and len(self._kept) > 1):
            self._characters -= self._kept.popitem(last=False)[1].size
        return template

    def _find(self, project_id: int, name: str, pins: Mapping[str, int]) -> Template | None:
        key = _key(project_id, name, pins)
        template = self._kept.get(key)
        if template is not None:
            self._kept.move_to_end(key)
        return template

    def forget(self) -> None:
        """Something was published or deleted in this process."""
        self._published.clear()


def _key(project_id: int, name: str, pins: Mapping[str, int]) -> tuple[int, str, tuple[tuple[str, int], ...]]:
    return project_id, name, tuple(sorted(pins.items()))
