"""What a template needs to be published: what it uses, and that nothing is wrong with its texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.model.mail_html import check_html
from hub.model.policy import IN_APP
from hub.model.template import Template
from hub.model.template_text import LINK_FIELDS, Place, TemplateError, Text, is_html, places, texts_of
from hub.model.urls import is_url

ITEM_VARIABLES = frozenset({
    "data", "recipient", "actor", "category", "tenant", "tags", "thread_key", "priority", "created_at", "count",
    "items", "timezone", "locale", "dir",
})  # fmt: skip
"""What an item's own texts may speak of."""
OUTSIDE_VARIABLES = ITEM_VARIABLES | {"title", "body", "action_url", "brand", "unsubscribe_url", "preferences_url"}
"""What all other texts may speak of: the item's texts among it. A layout has `content`, `subject`, `preheader` as well.
"""


def uses(document: Mapping[str, Any]) -> set[str]:
    """The layouts and partials that a document names.

    Raises:
        TemplateError: a text is no Liquid.
    """
    alone = Template("", {"": document})
    found: set[str] = set()
    for place in places(document):
        found |= alone.text(place).mentions.partials
    for where in (None, *(document.get("locales") or {})):
        layout = texts_of(document, where, "email").get("layout")
        if isinstance(layout, str):
            found.add(layout)
    return found


def problems(document: Mapping[str, Any], others: Mapping[str, Mapping[str, Any]]) -> list[TemplateError]:
    """What keeps a document from being published.

    Args:
        others: What is published of the layouts and partials that it uses, and of those that they use.
    """
    found: list[TemplateError] = []
    kind = document.get("kind", "message")
    alone = Template("", {"": document})
    for place in places(document):
        source = texts_of(document, place.locale, place.channel)[place.field]
        try:
            mentions = alone.text(place).mentions
            if is_html(place):
                check_html(source)
            for partial in sorted(mentions.partials):
                if (others.get(partial) or {}).get("kind") != "partial":
                    raise ValueError(f"there is no published partial {partial!r}")
            if kind == "message":
                _check_names(alone.text(place), place, source)
            if kind == "layout" and "content" not in mentions.names:
                raise ValueError("a layout writes {{ content }}")
            if place.field in LINK_FIELDS and "{" not in source and not is_url(source):
                raise ValueError("is neither an http or https URL nor a path that begins with one slash")
        except TemplateError as error:
            found.append(error)
        except ValueError as error:
            found.append(TemplateError(place.path, str(error)))
    for where in (None, *(document.get("locales") or {})):
        layout = texts_of(document, where, "email").get("layout")
        if isinstance(layout, str) and (others.get(layout) or {}).get("kind") != "layout":
            path = Place("", where, "email", "layout").path
            make = f"PUT /v1/templates/{layout}, then POST /v1/templates/{layout}/publish"
            found.append(TemplateError(path, f"there is no published layout {layout!r}: {make}"))
    return found


def _check_names(text: Text, place: Place, source: str) -> None:
    """Whether the variables of a message's text are there at all; what is in `data` is known only with it."""
    known = ITEM_VARIABLES if place.channel == IN_APP else OUTSIDE_VARIABLES
    for name, used in text.analyze(include_partials=False).globals.items():
        if name not in known:
            line = source.count("\n", 0, used[0].span.index) + 1
            raise ValueError(f"line {line}: there is no variable {name!r}; there are {', '.join(sorted(known))}")


def renders_itself(name: str, used: Mapping[str, set[str]]) -> list[str] | None:
    """A way from a template through what it uses back to itself; None when there is none."""
    trail: list[str] = [name]
    seen: set[str] = set()

    def walk(current: str) -> list[str] | None:
        for following in sorted(used.get(current, ())):
            if following == name:
                return [*trail, name]
            if following not in seen:
                seen.add(following)
                trail.append(following)
                way = walk(following)
                if way is not None:
                    return way
                trail.pop()
        return None

    return walk(name)
