"""The texts of a template: where each stands, and the Liquid that it is read as."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, NamedTuple, Protocol

from liquid import DictLoader, Environment, RenderContext
from liquid.template import BoundTemplate
from liquid.undefined import StrictDefaultUndefined

from hub.model.formats import FILTERS
from hub.model.liquid import TEXT_FILTERS, BoundedEnvironment, BoundedTemplate, Mentions
from hub.model.policy import CHANNELS, IN_APP

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


class Owner(Protocol):
    """The set that a text belongs to."""

    def partial(self, env: TextEnvironment, name: str, locale: object) -> Text:
        """A partial for whoever renders it. Raises TemplateNotFoundError."""


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
        assert isinstance(context.template, Text)
        assert isinstance(env, TextEnvironment)
        return context.template.owner.partial(env, name, context.globals["locale"])


class Text(BoundedTemplate):
    """A parsed text; `owner` and `mentions` are set by whoever parsed it."""

    owner: Owner
    mentions: Mentions


class TextEnvironment(BoundedEnvironment):
    """With the limits and filters of templates."""

    output_stream_limit = MAX_OUTPUT_BYTES
    loop_iteration_limit = MAX_LOOPS
    local_namespace_limit = MAX_NAMES_BYTES
    work_limit = MAX_WORK
    allowed_filters: ClassVar[frozenset[str]] = TEXT_FILTERS | {
        "concat", "find", "find_index", "has", "reject", "url_encode", "escape", "strip_html", "strip_newlines",
        "newline_to_br",
    }  # fmt: skip
    template_class = Text

    def __init__(self, *, autoescape: bool) -> None:
        super().__init__(autoescape=autoescape, undefined=StrictDefaultUndefined, loader=_Partials({}))
        self.filters.update(FILTERS)
        if not autoescape:
            self.filters["newline_to_br"] = self.filters["escape"] = lambda value: value  # of HTML alone


class _ItemEnvironment(TextEnvironment):
    """Of an item's texts, which are rendered for each recipient while their inboxes are held."""

    output_stream_limit = 16 * 1024  # 4,000 characters
    work_limit = 50_000  # some 5 ms


_ITEM = _ItemEnvironment(autoescape=False)
PLAIN = TextEnvironment(autoescape=False)
HTML = TextEnvironment(autoescape=True)


def texts_of(document: Mapping[str, Any], locale: str | None, channel: str) -> Mapping[str, Any]:
    """The texts of a channel, of one locale or outside `locales`; of a layout or partial (channel ""): its source."""
    if locale is None:
        holder = document if not channel else document.get("channels") or {}
    else:
        holder = document["locales"][locale]
    if channel:
        return holder.get(channel) or {}
    return {"source": holder["source"]} if "source" in holder else {}


def places(document: Mapping[str, Any], name: str = "") -> Iterator[Place]:
    """Where a document has texts."""
    for where in (None, *(document.get("locales") or {})):
        for channel in ("", *CHANNELS):
            for field in texts_of(document, where, channel):
                if field != "layout":
                    yield Place(name, where, channel, field)


def is_html(place: Place) -> bool:
    """Whether values are escaped there."""
    return place.field in ("html", "source")


def environment_of(place: Place) -> TextEnvironment:
    """What a text is read with."""
    if is_html(place):
        return HTML
    return _ITEM if place.channel == IN_APP else PLAIN
