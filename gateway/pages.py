"""The pages behind a mail's links: unsubscribing (`/l/u/{token}`) and the preference centre (`/l/p/{token}`).

The token is the authority: no cookie, no session, and so nothing that another site could ride on. A GET only asks,
because scanners follow links before people do; a POST acts. A mail program's own button sends the POST without the page
(RFC 8058), with a form of its own or none, and must be answered with success and without a redirect.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import parse_qs
from uuid import UUID

from gateway.page import Markup, fill, page, refuse, texts_for
from gateway.page_texts import Texts
from gateway.preference_form import centre, moved, name_of
from hub.api.link_choices import EMAIL, Visit, choose, subscribe_again, unsubscribe, visit
from hub.exceptions import Malformed
from hub.model.times import truncate
from hub.publish.mail_links import preferences_token
from hub.runtime import Hub
from hub.security.links import Purpose, read_link
from hub.web.limits import RateLimiter
from hub.web.request import Request
from hub.web.response import Response
from hub.web.routing import Handler, Reply, Route

PER_SECOND = 10  # of one address; a mail provider's one-click requests come from few
BURST_SECONDS = 10.0
FORM_BYTES = 512 * 1024
FORM_FIELDS = 4_000  # 200 categories on four channels, each named twice
SOURCE = "preference page"
_SHOWN = {200: Reply("A page.", media_type="text/html")}


class LinkPages:
    """Routes of the pages."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._secret = hub.settings.secret.get_secret_value()
        self._limiter = RateLimiter(BURST_SECONDS)

    def routes(self) -> list[Route]:
        return [
            _route("GET", "/l/u/{token}", self.ask_to_unsubscribe, "Ask whether to unsubscribe"),
            _route("POST", "/l/u/{token}", self.unsubscribe_by_link, "Unsubscribe with one click (RFC 8058)"),
            _route("GET", "/l/p/{token}", self.show_preference_centre, "Show a person's preferences"),
            _route("POST", "/l/p/{token}", self.save_preference_centre, "Save a person's preferences"),
        ]

    def _read(self, request: Request, purpose: Purpose) -> list[Any]:
        self._limiter.take(request.address, PER_SECOND)
        return read_link(self._secret, purpose, request.params["token"])

    # Unsubscribing

    async def ask_to_unsubscribe(self, request: Request) -> Response:
        project_id, person_id, _, category = self._read(request, "unsubscribe")
        found = await visit(self._hub, project_id, person_id, category)
        said = (found.view.person.get("categories") or {}).get(category) or {}
        off = (said.get("channels") or {}).get(EMAIL) is False
        return self._page(request, found, "stopped" if off else "stop", project_id, person_id, category)

    async def unsubscribe_by_link(self, request: Request) -> Response:
        """Unsubscribes whatever the form says, unless it is our page's, taking that back."""
        project_id, person_id, delivery_id, category = self._read(request, "unsubscribe")
        form = await _form(request, ours=False)
        if form.get("action") == ["undo"]:
            found = await subscribe_again(self._hub, project_id, person_id, category)
            return self._page(request, found, "restored", project_id, person_id, category)
        found = await unsubscribe(self._hub, project_id, person_id, UUID(delivery_id), category)
        return self._page(request, found, "stopped", project_id, person_id, category)

    def _page(
        self,
        request: Request,
        found: Visit,
        kind: Literal["stop", "stopped", "restored"],
        project_id: int,
        person_id: int,
        category: str,
    ) -> Response:
        texts = _texts(request, found)
        shown = "required" if found.view.policies[category].required else kind
        title, text, button = {
            "stop": (texts.stop_title, texts.stop, _button("unsubscribe", texts.stop_button)),
            "stopped": (texts.stopped_title, texts.stopped, _button("undo", texts.undo, "quiet")),
            "restored": (texts.restored_title, texts.restored, Markup("")),
            "required": (texts.required_title, texts.required, Markup("")),
        }[shown]
        body = fill(
            '<p>{text}</p>{button}<p><a href="../p/{token}">{settings}</a></p>',
            text=fill(text, category=fill("<bdi>{name}</bdi>", name=name_of(texts, category))),
            button=button,
            token=preferences_token(self._secret, project_id, person_id),
            settings=texts.all_settings,
        )
        return page(texts, title, body, brand=found.project)

    # The preference centre

    async def show_preference_centre(self, request: Request) -> Response:
        found = await visit(self._hub, *self._read(request, "preferences"))
        return self._centre(request, found)

    async def save_preference_centre(self, request: Request) -> Response:
        project_id, person_id = self._read(request, "preferences")
        form, now = await _form(request), truncate(datetime.now(UTC))
        found = await choose(self._hub, project_id, person_id, lambda view: moved(form, view, now), source=SOURCE)
        return self._centre(request, found, saved=True)

    def _centre(self, request: Request, found: Visit, *, saved: bool = False) -> Response:
        texts = _texts(request, found)
        body = centre(texts, found, datetime.now(UTC), saved=saved)
        return page(texts, texts.centre_title, body, brand=found.project)


def _route(method: str, path: str, handler: Handler, summary: str) -> Route:
    tokens = frozenset({"token"})
    return Route(method, path, handler, summary, "links", _SHOWN, hidden=True, refuse=refuse, tokens=tokens)


def _texts(request: Request, found: Visit) -> Texts:
    return texts_for(found.locale, request.header(b"accept-language"))


def _button(action: str, text: str, kind: str = "") -> Markup:
    button = fill(
        '<button name="action" value="{action}" class="{kind}">{text}</button>', action=action, text=text, kind=kind
    )
    return fill('<form method="post"><p class="actions">{button}</p></form>', button=button)


async def _form(request: Request, *, ours: bool = True) -> dict[str, list[str]]:
    """The fields of a form; with `ours` false, none of one that a page of ours does not send."""
    raw = await request.body(FORM_BYTES)
    try:
        if not (request.header(b"content-type") or "").lower().startswith("application/x-www-form-urlencoded"):
            raise ValueError
        return parse_qs(raw.decode("ascii"), keep_blank_values=True, max_num_fields=FORM_FIELDS, errors="strict")
    except ValueError:
        if not ours:
            return {}
        raise Malformed("This is no form that we can read.") from None
