"""Categories: policies by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.api.category_schema import CATEGORY, Category, CategoryDocument, CategoryPage, complete
from hub.api.context import Api
from hub.api.documents import GONE
from hub.api.guard import credential_of
from hub.exceptions import Conflict, Invalid, NotFound
from hub.store import categories
from hub.web.pages import cursor_value, page_response
from hub.web.query import PAGE
from hub.web.request import Request
from hub.web.response import Response, json_response, no_content
from hub.web.routing import Reply, Route
from hub.web.schema import Schema

_FOUND = Reply("The category.", Schema(CategoryDocument))
_PAGE = Reply("Categories by name.", Schema(CategoryPage))


def document(category: str, policy: Mapping[str, Any]) -> dict[str, Any]:
    """A category as the API shows it."""
    return {"category": category, **policy}


class Categories:
    """Routes of `/v1/categories`."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._hub = api.hub

    def routes(self) -> list[Route]:
        guard, read, write = self._api.guard, ("config:read",), ("config:write",)
        one = "/v1/categories/{category}"
        return [
            Route(
                "PUT",
                one,
                self.put_category,
                "Store a category",
                "categories",
                {200: _FOUND},
                "Makes or replaces the policy; what is left out takes its default.",
                guard=guard,
                scopes=write,
                body=CATEGORY,
            ),
            Route(
                "GET",
                one,
                self.get_category,
                "Read a category",
                "categories",
                {200: _FOUND},
                guard=guard,
                scopes=read,
                errors=(404,),
            ),
            Route(
                "DELETE",
                one,
                self.delete_category,
                "Delete a category",
                "categories",
                {204: GONE},
                "What was published in it stays. Every project keeps `general`.",
                guard=guard,
                scopes=write,
                errors=(404, 409),
            ),
            Route(
                "GET",
                "/v1/categories",
                self.list_categories,
                "List categories",
                "categories",
                {200: _PAGE},
                guard=guard,
                scopes=read,
                query=PAGE,
            ),
        ]

    async def put_category(self, request: Request) -> Response:
        project_id, category = credential_of(request).project_id, request.params["category"]
        body: Category = await request.read(CATEGORY)
        policy = complete(body)
        if self._hub.settings.public_url is None and any(policy.get("tracking", {}).values()):
            message = (
                "is counted by links to HUB_PUBLIC_URL, which is not set: set it in every process, or leave this out"
            )
            raise Invalid.field("tracking", "no_public_url", message)
        row = await categories.put_category(self._hub.db, project_id, category, policy)
        await self._api.configured(project_id)
        return json_response(document(category, row["policy"]))

    async def get_category(self, request: Request) -> Response:
        category = request.params["category"]
        policy = await categories.find_policy(self._hub.db, credential_of(request).project_id, category)
        if policy is None:
            raise _unknown(category)
        return json_response(document(category, policy))

    async def delete_category(self, request: Request) -> Response:
        project_id, category = credential_of(request).project_id, request.params["category"]
        if category == categories.GENERAL:
            raise Conflict("Every project has the category general. PUT changes it.", code="category_required")
        if not await categories.delete_category(self._hub.db, project_id, category):
            raise _unknown(category)
        await self._api.configured(project_id)
        return no_content()

    async def list_categories(self, request: Request) -> Response:
        limit, after = request.query["limit"], cursor_value(request.query["cursor"], str)
        rows = await categories.list_categories(
            self._hub.db, credential_of(request).project_id, after=after, limit=limit + 1
        )
        return page_response(
            rows, limit, lambda row: document(row["category"], row["policy"]), lambda row: row["category"]
        )


def _unknown(category: str) -> NotFound:
    return NotFound(f"There is no category {category!r}.")
