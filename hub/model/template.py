"""Templates: what a notification says, by channel and language, with the data of each recipient.

A template is a document (contract, "templates") of texts in Liquid. It is rendered in one of its versions, together
with the versions of its layout and partials that were published when the notification was accepted: `Template` is such
a set. Texts are parsed once, when they are first rendered.

Variables are strict: one that is missing fails, named with its line; `default` makes it optional. In HTML every value
is escaped; in the other texts none is. Nothing in data is ever read as Liquid or HTML.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, NamedTuple

from liquid import DictLoader, Environment, Markup, RenderContext
from liquid.exceptions import LiquidError, TemplateNotFoundError
from liquid.template import BoundTemplate
from liquid.undefined import StrictDefaultUndefined

from hub.model.formats import FILTERS
from hub.model.liquid import TEXT_FILTERS, BoundedEnvironment, BoundedTemplate, Mentions, explain
from hub.model.mail_html import check_html
from hub.model.phrases import direction_of, language_of
from hub.model.policy import CHANNELS, IN_APP
from hub.model.reader import Reader
from hub.model.urls import is_url

MAX_OUTPUT_BYTES = 256 * 1024  # of one text; Gmail shows the first 102 KiB of a mail
MAX_LOOPS = 1_000  # turns, of loops within loops multiplied: a digest has 100 items
MAX_NAMES_BYTES = 1024 * 1024  # of what a text assigns and captures
MAX_WORK = 1_000_000  # see hub.model.liquid: under 100 ms in the worst case that was found (benchmarks/rendering.py)

FIELDS: Mapping[str, tuple[str, ...]] = {
    IN_APP: ("title", "body", "action_url"),
    "web_push": ("title", "body", "url"),
    "email": ("subject", "preheader", "html", "text"),
    "sms": ("text",),
}
"""The texts of each channel."""
LINK_FIELDS = frozenset({"action_url", "url"})
ITEM_VARIABLES = frozenset({
    "data", "recipient", "actor", "category", "tenant", "tags", "thread_key", "priority", "created_at", "count",
    "items", "timezone", "locale", "dir",
})  # fmt: skip
"""What an item's own texts may speak of."""
OUTSIDE_VARIABLES = ITEM_VARIABLES | {"title", "body", "action_url", "brand", "unsubscribe_url", "preferences_url"}
"""What all other texts may speak of: the item's texts among it. A layout has `content`, `subject`, `preheader` as well.
"""
DEFAULT_LANGUAGE = "en"  # of the texts outside `locales`, unless the template says another


class TemplateError(ValueError):
    """A text that cannot be parsed or rendered: `path` as in the document, `detail` with line and name."""

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(f"{path}: {detail}")
        self.path = path
        self.detail = detail


class Place(NamedTuple):
    """Where a text stands: in which document, under which locale (None: outside `locales`), channel and field."""

    document: str
    locale: str | None
    channel: str
    field: str

    @property
    def path(self) -> str:
        parts = [self.channel, self.field] if self.channel else [self.field]
        where = ["channels"] if self.channel else []
        return ".".join([*(["locales", self.locale] if self.locale is not None else where), *parts])


class _Partials(DictLoader):
    """Partials come from the set that the rendering template belongs to."""

    def load(
        self,
        env: Environment,
        name: str,
        *,
        globals: Mapping[str, object] | None = None,  # noqa: A002
        context: RenderContext | None = None,
        **_kwargs: object,
    ) -> BoundTemplate:
        assert context is not None
        owner = context.template.owner  # type: ignore[attr-defined]
        assert isinstance(owner, Template)
        assert isinstance(env, _TextEnvironment)
        return owner.partial(env, name, context.globals["locale"])


class _Text(BoundedTemplate):
    owner: Template | None = None
    mentions: Mentions


class _TextEnvironment(BoundedEnvironment):
    output_stream_limit = MAX_OUTPUT_BYTES
    loop_iteration_limit = MAX_LOOPS
    local_namespace_limit = MAX_NAMES_BYTES
    work_limit = MAX_WORK
    allowed_filters: ClassVar[frozenset[str]] = TEXT_FILTERS | {
        "concat", "find", "find_index", "has", "reject", "url_encode", "escape", "strip_html", "strip_newlines",
        "newline_to_br",
    }  # fmt: skip
    template_class = _Text

    def __init__(self, *, autoescape: bool) -> None:
        super().__init__(autoescape=autoescape, undefined=StrictDefaultUndefined, loader=_Partials({}))
        self.filters.update(FILTERS)
        if not autoescape:
            self.filters["newline_to_br"] = self.filters["escape"] = lambda value: value  # of HTML alone


class _ItemEnvironment(_TextEnvironment):
    """Of an item's texts, which are rendered for each recipient while their inboxes are held."""

    output_stream_limit = 16 * 1024  # 4,000 characters
    work_limit = 50_000  # some 5 ms


_ITEM = _ItemEnvironment(autoescape=False)
_PLAIN = _TextEnvironment(autoescape=False)
_HTML = _TextEnvironment(autoescape=True)


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
        self._texts: dict[tuple[Place, int], _Text] = {}  # by id of their environment
        self._resolved: dict[tuple[str, str, tuple[str, ...]], Resolved] = {}
        self._names: dict[tuple[str, tuple[str, ...]], frozenset[str]] = {}

    @property
    def title(self) -> str:
        """What stands for it where it cannot be rendered."""
        return str(self.document.get("description") or self.name)

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
            texts = _texts_of(document, where, channel)
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
        pending = [self._text(place, _environment(place)) for place in resolved.places.values()]
        if isinstance(resolved.layout, str):
            pending.append(self._source(resolved.layout, locale, _HTML))
        names: set[str] = set()
        seen: set[str] = set()
        while pending:
            text = pending.pop()
            names |= text.mentions.names
            for partial in text.mentions.partials - seen:
                seen.add(partial)
                pending.append(self._source(partial, locale, _PLAIN))
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
            text = self._text(place, _environment(place))
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

    def partial(self, env: _TextEnvironment, name: str, locale: object) -> _Text:
        """A partial for whoever renders it. Raises TemplateNotFoundError."""
        if (self._documents.get(name) or {}).get("kind") != "partial":
            raise TemplateNotFoundError(f"there is no partial {name!r}", filename=name)
        return self._source(name, locale if isinstance(locale, str) else None, env)

    def _place(self, name: str, locale: str | None) -> Place:
        return self.resolve("", locale, name).places["source"]

    def _source(self, name: str, locale: str | None, env: _TextEnvironment) -> _Text:
        return self._text(self._place(name, locale), env)

    def _text(self, place: Place, env: _TextEnvironment) -> _Text:
        text = self._texts.get((place, id(env)))
        if text is None:
            source = _texts_of(self._documents[place.document], place.locale, place.channel)[place.field]
            try:
                read = env.read(source, place.document)
            except LiquidError as error:
                raise TemplateError(place.path, explain(error, source)) from None
            except RecursionError:
                raise TemplateError(place.path, "is nested too deeply") from None
            assert isinstance(read, _Text)
            text = self._texts[place, id(env)] = read
            text.owner, text.mentions = self, Mentions(read)
        return text


def uses(document: Mapping[str, Any]) -> set[str]:
    """The layouts and partials that a document names.

    Raises:
        TemplateError: a text is no Liquid.
    """
    alone = Template("", {"": document})
    found: set[str] = set()
    for place in places(document):
        found |= alone._text(place, _environment(place)).mentions.partials
    for where in (None, *(document.get("locales") or {})):
        layout = _texts_of(document, where, "email").get("layout")
        if isinstance(layout, str):
            found.add(layout)
    return found


def places(document: Mapping[str, Any], name: str = "") -> Iterator[Place]:
    """Where a document has texts."""
    for where in (None, *(document.get("locales") or {})):
        for channel in ("", *CHANNELS):
            for field in _texts_of(document, where, channel):
                if field != "layout":
                    yield Place(name, where, channel, field)


def problems(document: Mapping[str, Any], others: Mapping[str, Mapping[str, Any]]) -> list[TemplateError]:
    """What keeps a document from being published.

    Args:
        others: What is published of the layouts and partials that it uses, and of those that they use.
    """
    found: list[TemplateError] = []
    kind = document.get("kind", "message")
    alone = Template("", {"": document})
    for place in places(document):
        source = _texts_of(document, place.locale, place.channel)[place.field]
        try:
            mentions = alone._text(place, _environment(place)).mentions
            if _is_html(place):
                check_html(source)
            for partial in sorted(mentions.partials):
                if (others.get(partial) or {}).get("kind") != "partial":
                    raise ValueError(f"there is no published partial {partial!r}")
            if kind == "message":
                _check_names(alone._text(place, _environment(place)), place, source)
            if kind == "layout" and "content" not in mentions.names:
                raise ValueError("a layout writes {{ content }}")
            if place.field in LINK_FIELDS and "{" not in source and not is_url(source):
                raise ValueError("is neither an http or https URL nor a path that begins with one slash")
        except TemplateError as error:
            found.append(error)
        except ValueError as error:
            found.append(TemplateError(place.path, str(error)))
    for where in (None, *(document.get("locales") or {})):
        layout = _texts_of(document, where, "email").get("layout")
        if isinstance(layout, str) and (others.get(layout) or {}).get("kind") != "layout":
            path = Place("", where, "email", "layout").path
            make = f"PUT /v1/templates/{layout}, then POST /v1/templates/{layout}/publish"
            found.append(TemplateError(path, f"there is no published layout {layout!r}: {make}"))
    return found


def _check_names(text: _Text, place: Place, source: str) -> None:
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


def _texts_of(document: Mapping[str, Any], locale: str | None, channel: str) -> Mapping[str, Any]:
    """The texts of a channel, of one locale or outside `locales`; of a layout or partial (channel ""): its source."""
    if locale is None:
        holder = document if not channel else document.get("channels") or {}
    else:
        holder = document["locales"][locale]
    if channel:
        return holder.get(channel) or {}
    return {"source": holder["source"]} if "source" in holder else {}


def _is_html(place: Place) -> bool:
    return place.field in ("html", "source")


def _environment(place: Place) -> _TextEnvironment:
    if _is_html(place):
        return _HTML
    return _ITEM if place.channel == IN_APP else _PLAIN


def _tag(locale: str) -> str:
    return locale.replace("_", "-").lower()


def _chain(locale: str | None) -> Iterator[str]:
    wanted = _tag(locale or "")
    while wanted:
        yield wanted
        wanted = wanted.rpartition("-")[0]
