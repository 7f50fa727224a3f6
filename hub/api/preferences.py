"""Preferences of people, tenants and projects: read, stored, changed, and resolved for one category.

A person's clients change the same layer through the gateway (gateway.rest), with the same `change`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hub.api.context import Api
from hub.api.effective_preferences import EFFECTIVE, effective
from hub.api.guard import credential_of
from hub.api.preference_schema import DEFAULTS, PERSON, LayerShape, opted_out, revise
from hub.exceptions import FieldError, Invalid
from hub.model.policy import parse_policy
from hub.model.preferences import Layer
from hub.model.times import truncate
from hub.runtime import Hub
from hub.security import ClientToken
from hub.security.tokens import refused
from hub.store import preferences
from hub.store.categories import GENERAL
from hub.store.database import Connection
from hub.store.people import tokens_revoked_at
from hub.store.preferences import Owner
from hub.web.query import Parameter, name_parameter
from hub.web.request import Request
from hub.web.response import Response, json_response
from hub.web.routing import Handler, Reply, Route

_CATEGORY = name_parameter("category", "`general` when absent.")._replace(default=GENERAL)
_TENANT = name_parameter("tenant", "Whose defaults count as well; none when absent.")


async def change(
    hub: Hub, owner: Owner, body: Any, *, replace: bool, source: str | None = None, token: ClientToken | None = None
) -> dict[str, Any]:
    """Replaces a layer, or applies a merge patch to it; the document as it is stored then.

    Atomic: of two at once, the later one starts from what the earlier one has stored. A person or tenant that is not
    stored yet is stored.

    Args:
        body: Decoded JSON.
        source: Of consents that do not name theirs.
        token: Of the client that asks.

    Raises:
        Invalid: wrong fields; or it opts out of a required category.
        Unauthenticated: the token is void. Nothing is made: the deleted do not come back by a token of before.
    """
    shape = _shape(owner)
    patch = shape.patch.validate(body)
    if patch.get("delegate") is not None and patch["delegate"] == owner.name:
        raise Invalid.field("delegate", "not_allowed", "must be somebody else")
    now = truncate(datetime.now(UTC))

    async def work(conn: Connection) -> dict[str, Any]:
        stored = await preferences.lock(conn, owner)
        if token is not None and token.is_void(await tokens_revoked_at(conn, token.project_id, token.user)):
            raise refused("it was revoked", "token_revoked")
        document = revise(shape, {} if replace else stored, patch, now, source=source)
        await _check_required(conn, owner.project_id, patch)
        await preferences.save(conn, owner, document)
        return document

    return await hub.db.transaction(work)


def _shape(owner: Owner) -> LayerShape:
    return PERSON if owner.layer is Layer.PERSON else DEFAULTS


async def _check_required(conn: Connection, project_id: int, patch: dict[str, Any]) -> None:
    """What is said now counts; a category that became required later makes no stored document unchangeable."""
    paths = opted_out(patch)
    required = await preferences.find_required(conn, project_id, paths)
    message = "cannot be switched off: the category is required"
    errors = [
        FieldError(path, "required_category", message) for name in paths if name in required for path in paths[name]
    ]
    if errors:
        raise Invalid("; ".join(f"{e.path}: {e.message}" for e in errors[:5]), errors=tuple(errors))


class Preferences:
    """Routes of `…/preferences`."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._hub = api.hub

    def routes(self) -> list[Route]:
        users, config = ("users:read", "users:write"), ("config:read", "config:write")
        return [
            *self._routes(
                "/v1/users/{user}/preferences", "a person's preferences", users, PERSON, (_CATEGORY, _TENANT),
                self.get_user_preferences, self.put_user_preferences, self.patch_user_preferences,
                self.resolve_user_preferences,
            ),
            *self._routes(
                "/v1/tenants/{tenant}/preferences", "a tenant's preferences", config, DEFAULTS, (_CATEGORY,),
                self.get_tenant_preferences, self.put_tenant_preferences, self.patch_tenant_preferences,
                self.resolve_tenant_preferences,
            ),
            *self._routes(
                "/v1/preferences", "the project's preferences", config, DEFAULTS, (_CATEGORY,),
                self.get_preferences, self.put_preferences, self.patch_preferences, self.resolve_preferences,
            ),
        ]  # fmt: skip

    def _routes(
        self,
        path: str,
        what: str,
        scopes: tuple[str, str],
        shape: LayerShape,
        query: tuple[Parameter, ...],
        get: Handler,
        put: Handler,
        patch: Handler,
        resolve: Handler,
    ) -> list[Route]:
        """The four calls of one kind of layer."""
        guard, tag, (read, write) = self._api.guard, "preferences", scopes
        reply = Reply("What was said.", shape.whole)
        return [
            Route(
                "GET", path, get, f"Read {what}", tag, {200: reply}, "`{}` where nothing was said.",
                guard=guard, scopes=(read,),
            ),
            Route(
                "PUT", path, put, f"Replace {what}", tag, {200: reply}, "What is left out, or null, is not said.",
                guard=guard, scopes=(write,), body=shape.whole,
            ),
            Route(
                "PATCH", path, patch, f"Change {what}", tag, {200: reply}, "A merge patch (RFC 7396): null removes.",
                guard=guard, scopes=(write,), body=shape.patch,
            ),
            Route(
                "GET", f"{path}/effective", resolve, f"Resolve {what}", tag, {200: EFFECTIVE},
                "For one category, with every layer below. One that nobody stored follows `general`.",
                guard=guard, scopes=(read,), query=query,
            ),
        ]  # fmt: skip

    # People

    async def get_user_preferences(self, request: Request) -> Response:
        return await self._read(_person(request))

    async def put_user_preferences(self, request: Request) -> Response:
        return await self._change(request, _person(request), replace=True)

    async def patch_user_preferences(self, request: Request) -> Response:
        return await self._change(request, _person(request), replace=False)

    async def resolve_user_preferences(self, request: Request) -> Response:
        return await self._resolve(request, user=request.params["user"], tenant=request.query["tenant"])

    # Tenants

    async def get_tenant_preferences(self, request: Request) -> Response:
        return await self._read(_tenant(request))

    async def put_tenant_preferences(self, request: Request) -> Response:
        return await self._change(request, _tenant(request), replace=True)

    async def patch_tenant_preferences(self, request: Request) -> Response:
        return await self._change(request, _tenant(request), replace=False)

    async def resolve_tenant_preferences(self, request: Request) -> Response:
        return await self._resolve(request, tenant=request.params["tenant"])

    # Projects

    async def get_preferences(self, request: Request) -> Response:
        return await self._read(_project(request))

    async def put_preferences(self, request: Request) -> Response:
        return await self._change(request, _project(request), replace=True)

    async def patch_preferences(self, request: Request) -> Response:
        return await self._change(request, _project(request), replace=False)

    async def resolve_preferences(self, request: Request) -> Response:
        return await self._resolve(request)

    # All of them

    async def _read(self, owner: Owner) -> Response:
        return json_response(await preferences.read(self._hub.db, owner))

    async def _change(self, request: Request, owner: Owner, *, replace: bool) -> Response:
        document = await change(self._hub, owner, await request.json(), replace=replace)
        if owner.layer is not Layer.PERSON:
            await self._api.configured(owner.project_id)
        return json_response(document)

    async def _resolve(self, request: Request, *, user: str | None = None, tenant: str | None = None) -> Response:
        key, category = credential_of(request), request.query["category"]
        policy = parse_policy(category, await self._api.policy(key, category))
        stored = await preferences.read_layers(self._hub.db, key.project_id, user=user, tenant=tenant)
        return json_response(effective(policy, stored, datetime.now(UTC)))


def _person(request: Request) -> Owner:
    return Owner.person(credential_of(request).project_id, request.params["user"])


def _tenant(request: Request) -> Owner:
    return Owner.tenant(credential_of(request).project_id, request.params["tenant"])


def _project(request: Request) -> Owner:
    return Owner.project(credential_of(request).project_id)
