"""What all resources of the API share."""

from __future__ import annotations

import asyncio
from typing import Any

from hub.api.guard import ApiKeyGuard
from hub.exceptions import FieldError, Forbidden, Invalid
from hub.runtime import Hub
from hub.security import Authority
from hub.security.cache import Cache
from hub.store.categories import find_policy
from hub.store.keys import KeyRow
from hub.web.app import refusal_limiter

POLICY_SECONDS = 1.0  # how long a changed category may still count as it was


class Api:
    """One per process. `close()` may be called twice."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.authority = Authority(hub.db, hub.settings)
        self.refusals = refusal_limiter()
        self.guard = ApiKeyGuard(self.authority, per_second=hub.settings.rate_limit_per_second, refusals=self.refusals)
        self.draining = asyncio.Event()
        self._policies: Cache[tuple[int, str], dict[str, Any] | None] = Cache(
            lambda key: find_policy(hub.db, *key), POLICY_SECONDS
        )

    async def policy(self, key: KeyRow, category: str) -> dict[str, Any]:
        """The policy that a publish with this key follows.

        Raises:
            Forbidden: the key may not use the category.
            Invalid: there is no such category.
        """
        if key.categories is not None and category not in key.categories:
            raise Forbidden(f"This API key may not use the category {category!r}.", code="category_not_allowed")
        name = (key.project_id, category)
        policy = await self._policies.get(name)
        if policy is None:  # perhaps made within the last second
            policy = await find_policy(self.hub.db, key.project_id, category)
        if policy is None:
            raise Invalid(
                f"There is no category {category!r}. Make it with PUT /v1/categories, or leave `category` out.",
                code="unknown_category",
                errors=(FieldError("category", "unknown_category", "is no category of this project"),),
            )
        return policy

    def forget_policies(self, project_id: int) -> None:
        """Drops what was kept of a project's categories in this process."""
        self._policies.forget()

    async def close(self) -> None:
        self.draining.set()
        await self.authority.close()
