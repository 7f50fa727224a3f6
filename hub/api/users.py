"""People: PUT, PATCH, GET, DELETE of one, PUT of many, and the list."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from hub.api.context import Api
from hub.api.documents import CHANGED, GONE, MAX_USERS, STRICT
from hub.api.guard import credential_of
from hub.api.merge_patch import merge_patch
from hub.bus.announce import channel, pack_revoked
from hub.exceptions import FieldError, Invalid, NotFound
from hub.model.times import format_time
from hub.store import people
from hub.store.database import Connection
from hub.web.fields import Email, JsonObject, Locale, Name, Phone, Timezone, Url
from hub.web.pages import cursor_value, page_response
from hub.web.query import PAGE
from hub.web.request import Request
from hub.web.response import Response, json_response, no_content
from hub.web.routing import Reply, Route
from hub.web.schema import Schema

DisplayName = Annotated[str, Field(min_length=1, max_length=255)]


@with_config(STRICT)
class PersonFields(TypedDict):
    """A person as their backend knows them. What is null or left out is not known."""

    id: NotRequired[Name]
    name: NotRequired[DisplayName | None]
    email: NotRequired[Email | None]
    phone: NotRequired[Phone | None]
    locale: NotRequired[Locale | None]
    timezone: NotRequired[Timezone | None]
    avatar_url: NotRequired[Url | None]
    properties: NotRequired[JsonObject | None]


@with_config(STRICT)
class IdentifiedPerson(PersonFields):
    """One of many: with its id."""

    id: Name  # type: ignore[misc]  # required here, optional where the path names the person


@with_config(STRICT)
class People(TypedDict):
    """Up to 1,000 people, each id once."""

    users: Annotated[list[IdentifiedPerson], Field(min_length=1, max_length=MAX_USERS)]


@with_config(STRICT)
class PersonPatch(PersonFields):
    """Fields to change; null removes. `properties` are merged."""


class User(TypedDict):
    """A stored person."""

    id: str
    name: str | None
    email: str | None
    phone: str | None
    locale: str | None
    timezone: str | None
    avatar_url: str | None
    properties: dict[str, Any]
    created_at: str
    updated_at: str


class UserPage(TypedDict):
    items: list[User]
    next_cursor: str | None


PERSON = Schema(PersonFields)
PEOPLE = Schema(People)
PATCH = Schema(PersonPatch)
_FOUND = Reply("The person.", Schema(User))
_PAGE = Reply("People by id.", Schema(UserPage))
BULK_LIMIT_BYTES = 4 * 1024 * 1024  # a thousand people with a few KiB each; the same as a batch


def document(row: Any) -> dict[str, Any]:
    """A person as the API shows them."""
    return {
        "id": row["user_id"],
        **{field: row[field] for field in people.FIELDS},
        "properties": row["properties"],
        "created_at": format_time(row["created_at"]),
        "updated_at": format_time(row["updated_at"]),
    }


class Users:
    """Routes of `/v1/users`."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._hub = api.hub

    def routes(self) -> list[Route]:
        guard, read, write = self._api.guard, ("users:read",), ("users:write",)
        one = "/v1/users/{user}"
        return [
            Route(
                "PUT",
                "/v1/users",
                self.put_users,
                "Store many people",
                "users",
                {200: CHANGED},
                "Each person is made or replaced; `changed` counts them.",
                guard=guard,
                scopes=write,
                body=PEOPLE,
                body_limit=BULK_LIMIT_BYTES,
            ),
            Route(
                "GET",
                "/v1/users",
                self.list_users,
                "List people",
                "users",
                {200: _PAGE},
                guard=guard,
                scopes=read,
                query=PAGE,
            ),
            Route(
                "PUT",
                one,
                self.put_user,
                "Store a person",
                "users",
                {200: _FOUND},
                "Makes or replaces the person; what is left out is removed.",
                guard=guard,
                scopes=write,
                body=PERSON,
            ),
            Route(
                "PATCH",
                one,
                self.patch_user,
                "Change a person",
                "users",
                {200: _FOUND},
                "A merge patch (RFC 7396): null removes.",
                guard=guard,
                scopes=write,
                body=PATCH,
                errors=(404,),
            ),
            Route(
                "GET",
                one,
                self.get_user,
                "Read a person",
                "users",
                {200: _FOUND},
                guard=guard,
                scopes=read,
                errors=(404,),
            ),
            Route(
                "DELETE",
                one,
                self.delete_user,
                "Delete a person",
                "users",
                {204: GONE},
                "Removes the person with inbox and subscriptions, and closes their connections.",
                guard=guard,
                scopes=write,
                errors=(404,),
            ),
        ]

    async def put_users(self, request: Request) -> Response:
        project_id = credential_of(request).project_id
        body = await request.read(PEOPLE, BULK_LIMIT_BYTES)
        users = body["users"]
        if len({user["id"] for user in users}) != len(users):
            raise _repeated([user["id"] for user in users])
        await self._hub.db.transaction(lambda conn: people.put_people(conn, project_id, users))
        return json_response({"changed": len(users)})

    async def list_users(self, request: Request) -> Response:
        limit, after = request.query["limit"], cursor_value(request.query["cursor"], str)
        rows = await people.list_people(self._hub.db, credential_of(request).project_id, after=after, limit=limit + 1)
        return page_response(rows, limit, document, lambda row: row["user_id"])

    async def put_user(self, request: Request) -> Response:
        project_id, user = credential_of(request).project_id, request.params["user"]
        body = await request.read(PERSON)
        _check_id(body.get("id"), user)
        await self._hub.db.transaction(lambda conn: people.put_people(conn, project_id, [{**body, "id": user}]))
        return await self._answer(project_id, user)

    async def patch_user(self, request: Request) -> Response:
        project_id, user = credential_of(request).project_id, request.params["user"]
        patch = await request.json()
        if not isinstance(patch, dict):
            raise Invalid("A merge patch of a person is a JSON object.")

        async def work(conn: Connection) -> None:
            row = await people.lock_person(conn, project_id, user)
            if row is None:
                raise _unknown(user)
            stored = {field: row[field] for field in people.FIELDS if row[field] is not None}
            merged = merge_patch({**stored, "properties": row["properties"]}, patch)
            body = PERSON.validate(merged)
            _check_id(body.get("id"), user)
            await people.put_people(conn, project_id, [{**body, "id": user}])

        await self._hub.db.transaction(work)
        return await self._answer(project_id, user)

    async def get_user(self, request: Request) -> Response:
        return await self._answer(credential_of(request).project_id, request.params["user"])

    async def delete_user(self, request: Request) -> Response:
        project_id, user = credential_of(request).project_id, request.params["user"]
        gone = await self._hub.db.transaction(lambda conn: people.delete_person(conn, project_id, user))
        if not gone:
            raise _unknown(user)
        await self._hub.publish_hint(channel(self._hub.installation, project_id, user), pack_revoked())
        return no_content()

    async def _answer(self, project_id: int, user: str) -> Response:
        row = await people.get_person(self._hub.db, project_id, user)
        if row is None:
            raise _unknown(user)
        return json_response(document(row))


def _unknown(user: str) -> NotFound:
    return NotFound(f"There is no user {user!r}.")


def _check_id(given: str | None, user: str) -> None:
    if given is not None and given != user:
        raise Invalid.field("id", "not_allowed", "must be the user of the path, or be left out")


def _repeated(ids: list[str]) -> Invalid:
    seen: set[str] = set()
    errors = []
    for index, user in enumerate(ids):
        if user in seen:
            errors.append(FieldError(f"users.{index}.id", "repeated", "stands twice in this call"))
        seen.add(user)
    return Invalid(f"{errors[0].path}: {errors[0].message}", errors=tuple(errors))
