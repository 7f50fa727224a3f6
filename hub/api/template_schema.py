"""Templates and brands, as callers write them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypeAlias

import msgspec
from pydantic import AfterValidator, Discriminator, Field, Tag, WithJsonSchema, with_config
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from hub.api.category_schema import Channel
from hub.api.documents import STRICT
from hub.exceptions import FieldError, Invalid
from hub.model.policy import CHANNELS
from hub.web.fields import JsonObject, Locale, Name, Url
from hub.web.schema import Schema

MAX_TEXT = 64 * 1024  # characters of one text; mails are shown up to 102 KiB (Gmail), most are a tenth
MAX_DOCUMENT_BYTES = 256 * 1024  # as JSON, with all languages
MAX_LOCALES = 50  # the EU has 24 official languages
Kind: TypeAlias = Literal["message", "layout", "partial"]
Text: TypeAlias = Annotated[str, Field(max_length=MAX_TEXT)]
Required: TypeAlias = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]


Layout: TypeAlias = Annotated[
    Annotated[Name, Tag("<name>")] | Annotated[Literal[False], Tag("<none>")],
    Discriminator(
        lambda value: "<name>" if isinstance(value, str) else "<none>" if value is False else None,
        custom_error_type="invalid_type",
        custom_error_message="must be the name of a layout, or false",
    ),
    Field(description="A template of kind `layout`; the built-in one when absent. `false`: `html` is all of it."),
]


@with_config(STRICT)
class InAppTexts(TypedDict):
    """Of the item. They stand in for channels without texts of their own."""

    title: NotRequired[Required]
    body: NotRequired[Text]
    action_url: NotRequired[Text]


@with_config(STRICT)
class WebPushTexts(TypedDict):
    title: NotRequired[Required]
    body: NotRequired[Text]
    url: NotRequired[Text]


@with_config(STRICT)
class EmailTexts(TypedDict):
    """`html` is the content of the layout. Without `text` it is made of `html`; with `text` alone there is no HTML."""

    subject: NotRequired[Required]
    preheader: NotRequired[Text]
    html: NotRequired[Text]
    text: NotRequired[Text]
    layout: NotRequired[Layout]


@with_config(STRICT)
class SmsTexts(TypedDict):
    text: NotRequired[Required]


@with_config(STRICT)
class Channels(TypedDict):
    """Texts in Liquid, by channel."""

    in_app: NotRequired[InAppTexts]
    web_push: NotRequired[WebPushTexts]
    email: NotRequired[EmailTexts]
    sms: NotRequired[SmsTexts]


@with_config(STRICT)
class Translation(TypedDict):
    """What one language says otherwise: texts of channels; of a layout or partial, its source."""

    in_app: NotRequired[InAppTexts]
    web_push: NotRequired[WebPushTexts]
    email: NotRequired[EmailTexts]
    sms: NotRequired[SmsTexts]
    source: NotRequired[Required]


@with_config(STRICT)
class TemplateBody(TypedDict):
    """What a notification says, or a part of that."""

    kind: NotRequired[Annotated[Kind, Field(description="`message` when absent.")]]
    description: NotRequired[Annotated[str, Field(min_length=1, max_length=255)]]
    category: NotRequired[Annotated[Name, Field(description="Of notifications that name none.")]]
    default_locale: NotRequired[
        Annotated[Locale, Field(description="Of the texts outside `locales`: `en` when absent.")]
    ]
    channels: NotRequired[Annotated[Channels, Field(description="Of a message: `in_app.title` is required.")]]
    source: NotRequired[Annotated[Required, Field(description="Of a layout or partial.")]]
    locales: NotRequired[
        Annotated[
            dict[Locale, Translation],
            Field(
                max_length=MAX_LOCALES,
                description="By BCP 47 tag. Each text is that of `pt-BR`, else of `pt`, else the default.",
            ),
        ]
    ]


class TemplateDocument(TypedDict):
    """A template: its draft, or a version of it."""

    template: str
    kind: Kind
    description: NotRequired[str]
    category: NotRequired[str]
    default_locale: NotRequired[str]
    channels: NotRequired[Channels]
    source: NotRequired[str]
    locales: NotRequired[dict[str, Translation]]
    version: Annotated[int | None, Field(description="Null: the draft.")]
    published: Annotated[int | None, Field(description="The version that publishes take.")]
    changed: Annotated[bool, Field(description="Whether the draft differs from what is published.")]
    created_at: str
    updated_at: str


class TemplateSummary(TypedDict):
    template: str
    kind: Kind
    description: str | None
    category: str | None
    published: int | None
    changed: bool
    updated_at: str


class TemplatePage(TypedDict):
    items: list[TemplateSummary]
    next_cursor: str | None


class VersionDocument(TypedDict):
    version: int
    created_at: str
    uses: Annotated[list[str], Field(description="Layouts and partials.")]


class VersionPage(TypedDict):
    items: list[VersionDocument]
    next_cursor: str | None


class Published(TypedDict):
    template: str
    version: int


VersionChoice: TypeAlias = Annotated[
    Annotated[int, Field(ge=1, le=2**31 - 1), Tag("<number>")]
    | Annotated[Literal["draft", "published"], Tag("<word>")],
    Discriminator(
        lambda value: "<word>" if isinstance(value, str) else "<number>" if type(value) is int else None,
        custom_error_type="invalid_type",
        custom_error_message="must be the number of a version, `draft` or `published`",
    ),
    Field(description="`draft` when absent."),
]


@with_config(STRICT)
class Preview(TypedDict):
    """Sample data, and for whom."""

    data: NotRequired[JsonObject]
    locale: NotRequired[Annotated[Locale, Field(description="The user's when absent.")]]
    channel: NotRequired[Annotated[Channel, Field(description="All when absent.")]]
    user: NotRequired[
        Annotated[
            Name, Field(description="Who reads it, which takes the scope users:read; nobody in particular when absent.")
        ]
    ]
    version: NotRequired[VersionChoice]


class Previewed(TypedDict):
    template: str
    version: int | None
    locale: str
    channels: Annotated[dict[str, dict[str, str | None]], Field(description="Rendered texts, by channel.")]


@with_config(STRICT)
class TemplateTest(TypedDict):
    """One real message, to see how it arrives."""

    user: Name
    channel: Channel
    data: NotRequired[JsonObject]
    version: NotRequired[VersionChoice]


def _absolute(value: str) -> str:
    if value.startswith("/"):
        raise PydanticCustomError("invalid_url", "must be an http or https URL")
    return value


AbsoluteUrl: TypeAlias = Annotated[Url, AfterValidator(_absolute)]


@with_config(STRICT)
class BrandBody(TypedDict):
    """What mails wear. All of it may be left out."""

    name: NotRequired[Annotated[str, Field(min_length=1, max_length=100)]]
    url: NotRequired[Annotated[AbsoluteUrl, Field(description="Of your app: completes addresses that are paths.")]]
    logo_url: NotRequired[Annotated[AbsoluteUrl, Field(description="Shown 32 px high.")]]
    color: NotRequired[
        Annotated[
            str,
            Field(pattern=r"^#[0-9A-Fa-f]{6}$", description="Of buttons and links."),
            WithJsonSchema({"type": "string", "pattern": "^#[0-9A-Fa-f]{6}$", "examples": ["#0b7285"]}),
        ]
    ]
    address: NotRequired[
        Annotated[str, Field(min_length=1, max_length=500, description="Postal; marketing needs one.")]
    ]
    footer: NotRequired[Annotated[str, Field(min_length=1, max_length=1_000)]]


TEMPLATE: Schema[Any] = Schema(TemplateBody)
PREVIEW: Schema[Any] = Schema(Preview)
TEST: Schema[Any] = Schema(TemplateTest)
BRAND: Schema[Any] = Schema(BrandBody, "Brand")


def complete(body: dict[str, Any]) -> dict[str, Any]:
    """The document to store: with its kind, and nothing that contradicts it.

    Raises:
        Invalid: fields that do not go together.
    """
    document = {"kind": "message", **body}
    message, kind = document["kind"] == "message", document["kind"]
    errors: list[FieldError] = []
    if message and not ((document.get("channels") or {}).get("in_app") or {}).get("title"):
        errors.append(FieldError("channels.in_app.title", "required", "is required: it stands in for other channels"))
    if not message and "source" not in document:
        errors.append(FieldError("source", "required", f"is what a {kind} is made of"))
    foreign: tuple[str, ...] = ("source",) if message else ("channels", "category")
    paths = [name for name in foreign if name in document]
    seen: set[str] = set()
    for locale, texts in (document.get("locales") or {}).items():
        tag = locale.replace("_", "-").lower()
        if tag in seen:
            errors.append(FieldError(f"locales.{locale}", "repeated", "is there twice"))
        seen.add(tag)
        foreign = ("source",) if message else CHANNELS
        paths += [f"locales.{locale}.{name}" for name in foreign if name in texts]
    errors += [FieldError(path, "not_allowed", f"is not for a {kind}") for path in paths]
    size = len(msgspec.json.encode(document))
    if size > MAX_DOCUMENT_BYTES:
        errors.append(
            FieldError("", "too_large", f"has {size} bytes as JSON; at most {MAX_DOCUMENT_BYTES} are allowed")
        )
    if errors:
        raise Invalid("; ".join(f"{e.path}: {e.message}" for e in errors[:5]), errors=tuple(errors))
    return document
