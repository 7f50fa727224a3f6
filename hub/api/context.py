"""What all resources of the API share."""

from __future__ import annotations

import asyncio
from typing import Any

from hub.api.guard import ApiKeyGuard
from hub.bus.announce import project_channel
from hub.exceptions import Forbidden
from hub.runtime import Hub
from hub.security import Authority
from hub.security.cache import Cache
from hub.store.categories import GENERAL, find_policy
from hub.store.keys import KeyRow
from hub.web.app import refusal_limiter

# With a key, the memory of an answer may hold a connection while the work uses another (hub.api.idempotent.once_apart).
REMEMBERED_AT_ONCE = 1
POLICY_SECONDS = 1.0  # how long a changed category may still count as it was


class Api:
    """One per process. `close()` may be called twice."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.authority = Authority(hub.db, hub.settings)
        self.refusals = refusal_limiter()
        self.guard = ApiKeyGuard(self.authority, per_second=hub.settings.rate_limit_per_second, refusals=self.refusals)
        self.draining = asyncio.Event()
        self.remembering = asyncio.Semaphore(REMEMBERED_AT_ONCE)
        self._policies: Cache[tuple[int, str], dict[str, Any] | None] = Cache(
            lambda key: find_policy(hub.db, *key), POLICY_SECONDS
        )

    async def policy(self, key: KeyRow, category: str) -> dict[str, Any]:
        """The policy that a publish with this key follows; a category nobody stored follows that of `general`.

        Raises:
            Forbidden: the key may not use the category.
        """
        if key.categories is not None and category not in key.categories:
            raise Forbidden(f"This API key may not use the category {category!r}.", code="category_not_allowed")
        policy = await self._policies.get((key.project_id, category))
        if policy is None:
            policy = await self._policies.get((key.project_id, GENERAL))
            assert policy is not None, "every project has general"
        return policy

    def known_priority(self, key: KeyRow, category: str) -> str | None:
        """The priority of what this key publishes in a category without naming one; None unless it is at hand."""
        policy = self._policies.peek((key.project_id, category))
        return None if policy is None else policy.get("priority", "normal")

    async def configured(self, project_id: int) -> None:
        """For whoever changed what a project has configured: drops what this process keeps, and tells the others."""
        self._policies.forget()
        self.hub.rulebook.forget()
        await self.hub.publish_hint(project_channel(self.hub.installation, project_id), b"p")

    async def close(self) -> None:
        self.draining.set()
        await self.authority.close()
