"""Templates: what a notification says, by channel and language, with the data of each recipient.

A template is a document (contract, "templates") of texts in Liquid. It is rendered in one of its versions, together
with the versions of its layout and partials that were published when the notification was accepted: `Template` is such
a set. Texts are parsed once, when they are first rendered.

Variables are strict: one that is missing fails, named with its line; `default` makes it optional. In HTML every value
is escaped; in the other texts none is. Nothing in data is ever read as Liquid or HTML.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from liquid import Markup
from liquid.exceptions import LiquidError, TemplateNotFoundError

from hub.model.liquid import Mentions, explain
from hub.model.phrases import direction_of, language_of
from hub.model.policy import IN_APP
from hub.model.reader import Reader
from hub.model.template_text import (
    HTML,
    PLAIN,
    Place,
    TemplateError,
    Text,
    TextEnvironment,
    environment_of,
    places,
    texts_of,
)

DEFAULT_LANGUAGE = "en"  # of the texts outside `locales`, unless the template says another


class Resolved(NamedTuple):
    """A channel's texts for one locale: where each stands, and in which locale they are written."""

    places: Mapping[str, Place]
    language: str | None
    layout: str | bool | None


class Template:
    """One version of a template and of all that it is made of. Not changed once made; parsed as needed.

    Args:
        documents: By name: the template's own, and those of its layouts and partials.
    """

    def __init__(self, name: str, documents: Mapping[str, Mapping[str, Any]]) -> None:
        self.name = name
        self.document = documents[name]
        self._documents = documents
        self._locales = {
            document: {_tag(locale): locale for locale in content.get("locales") or {}}
            for document, content in documents.items()
        }
        self._texts: dict[tuple[Place, int], Text] = {}  # by id of their environment
        self._resolved: dict[tuple[str, str, tuple[str, ...]], Resolved] = {}
        self._names: dict[tuple[str, tuple[str, ...]], frozenset[str]] = {}

    @property
    def title(self) -> str:
        """What stands for it where it cannot be rendered."""
        return str(self.document.get("description") or self.name)

    @property
    def size(self) -> int:
        """Characters of all its texts, those of layouts and partials included."""
        return sum(
            len(texts_of(document, place.locale, place.channel)[place.field])
            for document in self._documents.values()
            for place in places(document)
        )

    @property
    def locales(self) -> list[str]:
        return list(self.document.get("locales") or {})

    # What is said where

    def language(self, channel: str, locale: str | None) -> str:
        """In which locale a channel's texts are rendered for somebody: theirs, if their language is what is said."""
        said = self.resolve(channel, locale).language
        said = str(self.document.get("default_locale") or DEFAULT_LANGUAGE) if said is None else said
        return locale if locale is not None and language_of(locale) == language_of(said) else said

    def resolve(self, channel: str, locale: str | None, name: str | None = None) -> Resolved:
        """The texts of a channel: each from `pt-BR`, else `pt`, else outside `locales`."""
        name = name or self.name
        chain = self._chain_of(name, locale)
        found = self._resolved.get((name, channel, chain))
        if found is None:
            found = self._resolved[name, channel, chain] = self._resolve(name, channel, chain)
        return found

    def _chain_of(self, name: str, locale: str | None) -> tuple[str, ...]:
        known = self._locales[name]
        return tuple(known[tag] for tag in _chain(locale) if tag in known) if known else ()

    def _resolve(self, name: str, channel: str, chain: tuple[str, ...]) -> Resolved:
        document = self._documents[name]
        places: dict[str, Place] = {}
        language: str | None = None
        layout: str | bool | None = None
        for where in (None, *reversed(chain)):
            texts = texts_of(document, where, channel)
            places.update({field: Place(name, where, channel, field) for field in texts if field != "layout"})
            layout = texts.get("layout", layout)
            language = where if texts and where is not None else language
        return Resolved(places, language, layout)

    def names(self, channel: str, locale: str | None) -> frozenset[str]:
        """The variables that a channel's texts speak of, partials and layout included.

        Raises:
            TemplateError: one of them cannot be parsed.
        """
        key = channel, self._chain_of(self.name, locale)
        if key not in self._names:
            self._names[key] = self._mentioned(channel, locale)
        return self._names[key]

    def _mentioned(self, channel: str, locale: str | None) -> frozenset[str]:
        resolved = self.resolve(channel, locale)
        pending = [self.text(place) for place in resolved.places.values()]
        if isinstance(resolved.layout, str):
            pending.append(self._source(resolved.layout, locale, HTML))
        names: set[str] = set()
        seen: set[str] = set()
        while pending:
            text = pending.pop()
            names |= text.mentions.names
            for partial in text.mentions.partials - seen:
                seen.add(partial)
                pending.append(self._source(partial, locale, PLAIN))
        return frozenset(names)

    def speaks_for(self, channel: str, reader: Reader) -> bool:
        """Whether it has texts of its own for a channel; without, an item's stand in."""
        return bool(self.resolve(channel, reader.locale).places)

    def personal(self, locale: str | None) -> bool:
        """Whether an item says who reads it, so that each has its own."""
        try:
            return "recipient" in self.names(IN_APP, locale)
        except TemplateError:
            return True

    # Rendering

    def render(self, channel: str, field: str, context: Mapping[str, Any], locale: str | None) -> str | None:
        """One text for one person; None where the template has none.

        Raises:
            TemplateError: it cannot be rendered with this.

        Args:
            context: The variables; `timezone` among them.
            locale: The person's.
        """
        place = self.resolve(channel, locale).places.get(field)
        if place is None:
            return None
        return self._render(place, context, self.language(channel, locale))

    def render_layout(self, context: Mapping[str, Any], content: str, name: str, locale: str) -> str:
        """A mail's HTML in a layout of the project's. `content` is HTML that was rendered."""
        place = self._place(name, locale)
        return self._render(place, {**context, "content": Markup(content)}, locale)

    def _render(self, place: Place, context: Mapping[str, Any], locale: str) -> str:
        try:
            text = self.text(place)
            return str(text.render({**context, "locale": locale, "dir": direction_of(locale)}))
        except TemplateError:
            raise
        except LiquidError as error:
            raise self._failed(place, error) from None
        except RecursionError:
            raise TemplateError(place.path, "is nested too deeply") from None
        except Exception as error:  # of the library's filters over whatever callers put into `data`
            raise TemplateError(place.path, f"cannot be rendered: {type(error).__name__}") from error

    def _failed(self, place: Place, error: LiquidError) -> TemplateError:
        detail = explain(error, str(error.token.source) if error.token is not None else "")
        inner = error.template_name
        return TemplateError(place.path, f"{detail} (in {inner})" if inner and inner != place.document else detail)

    def partial(self, env: TextEnvironment, name: str, locale: object) -> Text:
        """A partial for whoever renders it. Raises TemplateNotFoundError."""
        if (self._documents.get(name) or {}).get("kind") != "partial":
            raise TemplateNotFoundError(f"there is no partial {name!r}", filename=name)
        return self._source(name, locale if isinstance(locale, str) else None, env)

    def _place(self, name: str, locale: str | None) -> Place:
        return self.resolve("", locale, name).places["source"]

    def _source(self, name: str, locale: str | None, env: TextEnvironment) -> Text:
        return self.text(self._place(name, locale), env)

    def text(self, place: Place, env: TextEnvironment | None = None) -> Text:
        """The text that stands there, parsed; `env` of a partial is that of whoever renders it.

        Raises:
            TemplateError: it cannot be parsed.
        """
        env = env or environment_of(place)
        text = self._texts.get((place, id(env)))
        if text is None:
            source = texts_of(self._documents[place.document], place.locale, place.channel)[place.field]
            try:
                read = env.read(source, place.document)
            except LiquidError as error:
                raise TemplateError(place.path, explain(error, source)) from None
            except RecursionError:
                raise TemplateError(place.path, "is nested too deeply") from None
            assert isinstance(read, Text)
            read.owner, read.mentions = self, Mentions(read)
            text = self._texts[place, id(env)] = read
        return text


def _tag(locale: str) -> str:
    return locale.replace("_", "-").lower()


def _chain(locale: str | None) -> Iterator[str]:
    wanted = _tag(locale or "")
    while wanted:
        yield wanted
        wanted = wanted.rpartition("-")[0]
