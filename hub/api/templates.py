"""Templates: drafts, versions, previews and tests; and the project's brand."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from hub.api.accepting import accept_body
from hub.api.context import Api
from hub.api.documents import GONE
from hub.api.guard import credential_of
from hub.api.idempotent import answer, key_of, known_answer, once, respond
from hub.api.notifications import ACCEPTED
from hub.api.template_schema import (
    BRAND,
    PREVIEW,
    TEMPLATE,
    TEST,
    Previewed,
    Published,
    TemplateDocument,
    TemplatePage,
    VersionPage,
    complete,
)
from hub.exceptions import Conflict, FieldError, Forbidden, Invalid, NotFound, Refused
from hub.model.brand import parse_brand
from hub.model.policy import CHANNELS, IN_APP
from hub.model.rendering import Letter, render, render_item
from hub.model.template import Template
from hub.model.template_check import problems, renders_itself, uses
from hub.model.template_text import TemplateError
from hub.model.times import format_time, truncate
from hub.publish import accept
from hub.publish.publisher import PublishUnit
from hub.publish.templatebook import Pinned
from hub.security import allows
from hub.store import templates
from hub.store.database import Connection
from hub.store.idempotency import Answer
from hub.store.keys import KeyRow
from hub.web.pages import cursor_value, page_response
from hub.web.query import PAGE, Parameter
from hub.web.request import Request
from hub.web.response import Response, json_response, no_content
from hub.web.routing import Reply, Route
from hub.web.schema import Schema

MAX_TEMPLATES = 1_000  # of a project
MAX_VERSION = 2**31 - 1
NOBODY = "preview"  # whoever reads a preview that names no user


def _read_version(text: str) -> int | str:
    if text in ("draft", "published"):
        return text
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and 1 <= int(text) <= MAX_VERSION):
        raise ValueError("must be draft, published, or the number of a version")
    return int(text)


_VERSION = Parameter(
    "version",
    _read_version,
    {"anyOf": [{"type": "integer", "minimum": 1, "maximum": MAX_VERSION}, {"enum": ["draft", "published"]}]},
    "`draft`, `published`, or the number of a version.",
    "draft",
)
_FOUND = Reply("The template.", Schema(TemplateDocument))
_BRAND = Reply("The brand.", BRAND)


def document(row: Any, version: Any = None) -> dict[str, Any]:
    """A template as the API shows it: its draft, or the version in `version`."""
    shown = row["draft"] if version is None else version["document"]
    return {
        "template": row["template"],
        **shown,
        "version": None if version is None else version["version"],
        "published": row["published"],
        "changed": row["changed"],
        "created_at": format_time(row["created_at"]),
        "updated_at": format_time(row["updated_at"]),
    }


def summary(row: Any) -> dict[str, Any]:
    """A template in a list."""
    return {
        "template": row["template"],
        "kind": row["kind"],
        "description": row["draft"].get("description"),
        "category": row["draft"].get("category"),
        "published": row["published"],
        "changed": row["changed"],
        "updated_at": format_time(row["updated_at"]),
    }


class Templates:
    """Routes of `/v1/templates` and `/v1/brand`."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._hub = api.hub

    def routes(self) -> list[Route]:
        guard, read, write, tag = self._api.guard, ("config:read",), ("config:write",), "templates"
        one = "/v1/templates/{template}"
        return [
            Route(
                "PUT", one, self.put_template, "Store a template", tag, {200: _FOUND},
                "Makes or replaces the draft. Nothing that is sent changes until it is published.",
                guard=guard, scopes=write, body=TEMPLATE, errors=(409,),
            ),
            Route(
                "GET", one, self.get_template, "Read a template", tag, {200: _FOUND},
                guard=guard, scopes=read, query=(_VERSION,), errors=(404,),
            ),
            Route(
                "DELETE", one, self.delete_template, "Delete a template", tag, {204: GONE},
                "Notifications that were accepted with it are sent as they were accepted. What published templates use "
                "stays.",
                guard=guard, scopes=write, errors=(404, 409),
            ),
            Route(
                "GET", "/v1/templates", self.list_templates, "List templates", tag,
                {200: Reply("Templates by name.", Schema(TemplatePage))}, guard=guard, scopes=read, query=PAGE,
            ),
            Route(
                "GET", f"{one}/versions", self.list_versions, "List versions", tag,
                {200: Reply("Published versions, newest first.", Schema(VersionPage))},
                guard=guard, scopes=read, query=PAGE, errors=(404,),
            ),
            Route(
                "POST", f"{one}/publish", self.publish_template, "Publish a template", tag,
                {200: Reply("The version that publishes take from now on.", Schema(Published))},
                "Checks every text, and what it uses. A draft that is published already keeps its version.",
                guard=guard, scopes=write, errors=(404,), idempotent=True,
            ),
            Route(
                "POST", f"{one}/preview", self.preview, "Preview a template", tag,
                {200: Reply("The rendered texts.", Schema(Previewed))}, "Sends and stores nothing.",
                guard=guard, scopes=read, body=PREVIEW, errors=(404,), idempotent=True,
            ),
            Route(
                "POST", f"{one}/test", self.test_template, "Test a template", tag, {202: ACCEPTED},
                "Sends it for real, to one user by one channel, at once and whatever they or the category want; an "
                "address that is suppressed still gets nothing.",
                guard=guard, scopes=write, body=TEST, errors=(404,), idempotent=True,
            ),
            Route(
                "GET", "/v1/brand", self.get_brand, "Read the brand", tag, {200: _BRAND},
                "`{}` where nothing was said.", guard=guard, scopes=read,
            ),
            Route(
                "PUT", "/v1/brand", self.put_brand, "Replace the brand", tag, {200: _BRAND},
                "Mails that have not left yet wear it as well.", guard=guard, scopes=write, body=BRAND,
            ),
        ]  # fmt: skip

    # Drafts and versions

    async def put_template(self, request: Request) -> Response:
        project_id, name = credential_of(request).project_id, request.params["template"]
        body = complete(await request.read(TEMPLATE))

        async def work(conn: Connection) -> Any:
            await templates.lock_project(conn, project_id)
            known = await templates.get_template(conn, project_id, name)
            if known is None and await templates.count_others(conn, project_id, name) >= MAX_TEMPLATES:
                raise Conflict(f"A project has at most {MAX_TEMPLATES:,} templates.", code="too_many_templates")
            if known is not None and known["published"] is not None and known["kind"] != body["kind"]:
                raise Conflict(
                    f"{name!r} is published as a {known['kind']} and stays one. Take another name.", code="kind_fixed"
                )
            return await templates.put_template(conn, project_id, name, body)

        return json_response(document(await self._hub.db.transaction(work)))

    async def get_template(self, request: Request) -> Response:
        project_id, name = credential_of(request).project_id, request.params["template"]
        row = await self._find(self._hub.db, project_id, name)
        return json_response(document(row, await self._version(self._hub.db, row, request.query["version"])))

    async def delete_template(self, request: Request) -> Response:
        project_id, name = credential_of(request).project_id, request.params["template"]

        async def work(conn: Connection) -> None:
            await templates.lock_project(conn, project_id)
            users = await templates.users_of(conn, project_id, name)
            if users:
                raise Conflict(f"{name!r} is used by {', '.join(map(repr, users))}.", code="template_in_use")
            if not await templates.delete_template(conn, project_id, name):
                raise _unknown(name)

        await self._hub.db.transaction(work)
        self._hub.templates.forget()
        return no_content()

    async def list_templates(self, request: Request) -> Response:
        limit, after = request.query["limit"], cursor_value(request.query["cursor"], str)
        rows = await templates.list_templates(
            self._hub.db, credential_of(request).project_id, after=after, limit=limit + 1
        )
        return page_response(rows, limit, summary, lambda row: row["template"])

    async def list_versions(self, request: Request) -> Response:
        project_id, name = credential_of(request).project_id, request.params["template"]
        await self._find(self._hub.db, project_id, name)
        limit, before = request.query["limit"], cursor_value(request.query["cursor"], int)
        before = None if before is None else min(before, MAX_VERSION)
        rows = await templates.list_versions(self._hub.db, project_id, name, before=before, limit=limit + 1)
        return page_response(
            rows,
            limit,
            lambda row: {
                "version": row["version"],
                "created_at": format_time(row["created_at"]),
                "uses": list(row["uses"]),
            },
            lambda row: row["version"],
        )

    async def publish_template(self, request: Request) -> Response:
        project_id, name = credential_of(request).project_id, request.params["template"]
        key = await key_of(request)

        async def work(conn: Connection) -> Answer:
            await templates.lock_project(conn, project_id)
            row = await self._find(conn, project_id, name)
            used = await self._checked(conn, row)
            version = row["published"]
            if version is None or row["changed"]:
                version = await templates.publish(conn, project_id, name, row["draft"], used)
            return answer(200, {"template": name, "version": version})

        response = await once(self._hub, key, work)
        self._hub.templates.forget()
        return response

    async def _checked(self, conn: Connection, row: Any) -> set[str]:
        """What a draft uses, if it can be published. Raises Invalid."""
        draft, name = row["draft"], row["template"]
        try:
            used = await asyncio.to_thread(uses, draft)
        except TemplateError:
            used = set()  # said below, with all the others
        others = await templates.published(conn, row["project_id"], used)
        documents = {other: found["document"] for other, found in others.items()}
        found = await asyncio.to_thread(problems, draft, documents)  # parsing 256 KiB takes half a second
        way = renders_itself(name, {**{other: set(row_["uses"]) for other, row_ in others.items()}, name: used})
        if way is not None:
            found.append(TemplateError("", f"renders itself: {' → '.join(way)}"))
        if found:
            raise _failed(found)
        return used

    # Trying out

    async def preview(self, request: Request) -> Response:
        project_id, name = credential_of(request).project_id, request.params["template"]
        body = await request.read(PREVIEW)
        pinned, version = await self._pinned(project_id, name, body.get("version", "draft"))
        user = body.get("user", NOBODY)
        if "user" in body and not allows(credential_of(request).scopes, ("users:read",)):
            message = (
                "This API key lacks the scope users:read, which a preview for a user takes. Without `user` it does."
            )
            raise Forbidden(message, code="insufficient_scope")
        reader = await templates.reader(self._hub.db, project_id, user)
        if "locale" in body:
            reader = msgspec.structs.replace(reader, locale=body["locale"])
        brand = parse_brand(await templates.get_brand(self._hub.db, project_id))
        public = self._hub.settings.public_url
        fields = {"category": pinned.category or "general", "data": body.get("data"), "tags": [], "priority": "normal"}
        created_at = format_time(truncate(datetime.now(UTC)))
        wanted = [body["channel"]] if "channel" in body else CHANNELS

        def work() -> dict[str, Any]:
            item = render_item(pinned.template, fields, reader, created_at)
            shown: dict[str, Any] = {}
            for channel in wanted:
                letter = Letter(channel, reader, {**fields, **item}, pinned.template, brand, created_at)
                if channel == "email" and public is not None:
                    letter.unsubscribe_url = f"{public.rstrip('/')}/l/u/{NOBODY}"
                    letter.preferences_url = f"{public.rstrip('/')}/l/p/{NOBODY}"
                shown[channel] = item if channel == IN_APP else render(letter)
            return shown

        try:
            shown = await asyncio.to_thread(work)
        except TemplateError as error:
            raise _failed([error]) from None
        said = pinned.template.language(wanted[0], reader.locale)
        return json_response({"template": name, "version": version, "locale": said, "channels": shown})

    async def test_template(self, request: Request) -> Response:
        credential, name = credential_of(request), request.params["template"]
        raw = await request.json()
        key = await key_of(request)
        try:
            notification = await self._accept_test(credential, name, TEST.validate(raw))
        except Refused:
            known = await known_answer(self._hub, key)
            if known is None:
                raise
            return known
        unit = PublishUnit([notification], answer(202, accept.answer(notification)), key)
        return respond(await self._hub.publisher.publish(unit))

    async def _accept_test(self, credential: KeyRow, name: str, body: Mapping[str, Any]) -> Any:
        """A notification of its own. It is pinned to the draft as it stands, which is kept for it."""
        project_id, channel = credential.project_id, body["channel"]
        pinned, _ = await self._pinned(project_id, name, body.get("version", "draft"), keep=True)
        asked: dict[str, Any] = {
            "recipients": [body["user"]],
            "template": name,
            "channels": [channel],
            "data": body.get("data"),
            "test": channel,
        }
        notification = await accept_body(self._api, credential, asked, pinned)
        if channel != IN_APP:
            reader = await templates.reader(self._hub.db, project_id, body["user"])
            brand = parse_brand(await templates.get_brand(self._hub.db, project_id))
            content = notification.rendered(body["user"], reader)
            letter = Letter(channel, reader, content, pinned.template, brand, format_time(notification.created_at))
            try:
                await asyncio.to_thread(render, letter)
            except TemplateError as error:
                raise _failed([error]) from None
        return notification

    async def _pinned(
        self, project_id: int, name: str, wanted: int | str, *, keep: bool = False
    ) -> tuple[Pinned, int | None]:
        """A message in one of its versions (None: the draft) with what is published of what it uses.

        Args:
            keep: Whether notifications are to be pinned to it.
        """

        async def work(conn: Connection) -> tuple[Pinned, int | None]:
            row = await self._find(conn, project_id, name)
            version = await self._version(conn, row, wanted)
            content = row["draft"] if version is None else version["document"]
            if content["kind"] != "message":
                raise Invalid.field("template", "not_allowed", f"{name!r} is a {content['kind']}, no message")
            try:
                used = await asyncio.to_thread(uses, content)
            except TemplateError as error:
                raise _failed([error]) from None
            others = await templates.published(conn, project_id, used)
            number = version["version"] if version is not None else -row["revision"]
            if keep and version is None:
                await templates.keep_draft(conn, row, used)
            pins = {**{other: found["version"] for other, found in others.items()}, name: number}
            documents = {**{other: found["document"] for other, found in others.items()}, name: content}
            return Pinned(Template(name, documents), pins), None if version is None else number

        return await self._hub.db.transaction(work)

    async def _find(self, db: Any, project_id: int, name: str) -> Any:
        row = await templates.get_template(db, project_id, name)
        if row is None:
            raise _unknown(name)
        return row

    async def _version(self, db: Any, row: Any, wanted: int | str) -> Any:
        """A version of a template; None for the draft."""
        if wanted == "draft":
            return None
        number: Any = row["published"] if wanted == "published" else wanted
        version = (
            None if number is None else await templates.get_version(db, row["project_id"], row["template"], number)
        )
        if version is None:
            raise NotFound(f"The template {row['template']!r} has no version {wanted}.")
        return version

    # Brand

    async def get_brand(self, request: Request) -> Response:
        return json_response(await templates.get_brand(self._hub.db, credential_of(request).project_id))

    async def put_brand(self, request: Request) -> Response:
        body = await request.read(BRAND)
        await templates.put_brand(self._hub.db, credential_of(request).project_id, body)
        return json_response(body)


def _unknown(name: str) -> NotFound:
    return NotFound(f"There is no template {name!r}.")


def _failed(found: list[TemplateError]) -> Invalid:
    errors = tuple(FieldError(error.path, "template_failed", error.detail) for error in found)
    return Invalid("; ".join(map(str, found[:5])), code="template_failed", errors=errors)
