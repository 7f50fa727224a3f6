"""The body of a publish, as the contract writes it: shapes and sizes. Rules between fields are hub.publish.accept's.

Bodies are TypedDicts, so that validation leaves the plain dict that is stored: no model objects on the hot path.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypeAlias

from pydantic import ConfigDict, Discriminator, Field, Tag, with_config
from typing_extensions import TypedDict

from hub.api.category_schema import Channel
from hub.api.documents import STRICT
from hub.exceptions import Invalid
from hub.web.fields import (
    AlwaysTrue,
    Duration,
    Email,
    JsonObject,
    Language,
    Locale,
    LocalMoment,
    Moment,
    Name,
    Phone,
    Timezone,
    Url,
)
from hub.web.schema import Schema

MAX_RECIPIENTS = 1_000  # contract
MAX_TITLE, MAX_BODY = 255, 4_000  # characters, contract
MAX_LANGUAGES = 50  # of one text; the EU has 24 official ones
MAX_TAGS = 20  # as filters of a list; more is data
MAX_ACTIONS = 5  # buttons of one item; browsers show 2 of a push
MAX_LABEL = 80  # characters of a button, in the longest languages too
MAX_SUBJECT = 255
MAX_TTL_SECONDS = 28 * 24 * 3600  # what push services keep a message at most (FCM: 28 days)


def _text(longest: int) -> Any:
    """One text for everybody, or one per language; `default` and then `en` stand in for missing ones."""
    one = Annotated[str, Field(min_length=1, max_length=longest)]
    many = Annotated[dict[Language, one], Field(min_length=1, max_length=MAX_LANGUAGES)]
    return Annotated[
        Annotated[one, Tag("<text>")] | Annotated[many, Tag("<texts>")],
        Discriminator(
            lambda value: "<text>" if isinstance(value, str) else "<texts>" if isinstance(value, dict) else None,
            custom_error_type="invalid_type",
            custom_error_message="must be a text, or an object of texts by language",
        ),
    ]


Title: TypeAlias = _text(MAX_TITLE)  # type: ignore[valid-type]
Body: TypeAlias = _text(MAX_BODY)  # type: ignore[valid-type]


@with_config(STRICT)
class PersonRecipient(TypedDict):
    """A user with what only they get (`data`, merged over the shared one). The other fields update the person."""

    id: Name
    data: NotRequired[JsonObject | None]
    name: NotRequired[Annotated[str, Field(min_length=1, max_length=255)] | None]
    email: NotRequired[Email | None]
    phone: NotRequired[Phone | None]
    locale: NotRequired[Locale | None]
    timezone: NotRequired[Timezone | None]
    avatar_url: NotRequired[Url | None]


@with_config(STRICT)
class TopicRecipient(TypedDict):
    """Everybody who subscribes to a topic when it is sent, but the actor."""

    topic: Name


@with_config(STRICT)
class EveryoneRecipient(TypedDict):
    """Everyone who was stored, notified or connected before it was accepted."""

    all: AlwaysTrue


def _recipient_kind(value: Any) -> str | None:
    if isinstance(value, str):
        return "<user>"
    if not isinstance(value, dict):
        return None
    return "<topic>" if "topic" in value else "<everyone>" if "all" in value else "<person>"


Recipient: TypeAlias = Annotated[
    Annotated[Name, Tag("<user>")]
    | Annotated[PersonRecipient, Tag("<person>")]
    | Annotated[TopicRecipient, Tag("<topic>")]
    | Annotated[EveryoneRecipient, Tag("<everyone>")],
    Discriminator(
        _recipient_kind,
        custom_error_type="invalid_type",
        custom_error_message="must be a user's id, or an object with `id`, `topic` or `all`",
    ),
]


@with_config(STRICT)
class Action(TypedDict):
    """A button. Without `url` it is told apart by its id."""

    id: Name
    label: Annotated[str, Field(min_length=1, max_length=MAX_LABEL)]
    url: NotRequired[Url | None]


@with_config(STRICT)
class EmailOverrides(TypedDict):
    subject: NotRequired[
        Annotated[str, Field(min_length=1, max_length=MAX_SUBJECT, pattern=r"^[^\x00-\x1f\x7f]*$")] | None
    ]
    reply_to: NotRequired[Email | None]


@with_config(STRICT)
class WebPushOverrides(TypedDict):
    ttl_seconds: NotRequired[Annotated[int, Field(ge=0, le=MAX_TTL_SECONDS)] | None]
    icon_url: NotRequired[Url | None]


@with_config(STRICT)
class Overrides(TypedDict):
    """What one channel gets instead."""

    email: NotRequired[EmailOverrides | None]
    web_push: NotRequired[WebPushOverrides | None]


@with_config(STRICT)
class LocalTime(TypedDict):
    """A wall-clock time in each recipient's time zone; without one, in the project's."""

    local: LocalMoment


SendAt: TypeAlias = Annotated[
    Annotated[Moment, Tag("<moment>")] | Annotated[LocalTime, Tag("<local>")],
    Discriminator(
        lambda value: "<moment>" if isinstance(value, str) else "<local>" if isinstance(value, dict) else None,
        custom_error_type="invalid_type",
        custom_error_message="must be a time, YYYY-MM-DDThh:mm:ssZ, or an object with `local`",
    ),
]


EXAMPLE: dict[str, Any] = {
    "recipients": ["u1", {"id": "u2", "data": {"seat": "14C"}}],
    "title": {"en": "Your order has shipped", "de": "Deine Bestellung ist unterwegs"},
    "body": "It arrives on Thursday.",
    "action_url": "https://example.com/orders/42",
    "data": {"order": 42},
    "tags": ["orders"],
}


@with_config(ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE]}))
class Publish(TypedDict):
    """One notification for any number of people. `recipients` and one of `title`, `template` are required."""

    recipients: Annotated[list[Recipient], Field(min_length=1, max_length=MAX_RECIPIENTS)]
    category: NotRequired[Annotated[Name | None, Field(description="`general` when absent.")]]
    title: NotRequired[
        Annotated[
            Title | None,
            Field(description="One text, or one per language; `default`, then `en`, stand in for a missing one."),
        ]
    ]
    body: NotRequired[Annotated[Body | None, Field(description="As `title`.")]]
    action_url: NotRequired[Annotated[Url | None, Field(description="Where a click leads.")]]
    actions: NotRequired[Annotated[list[Action], Field(max_length=MAX_ACTIONS)] | None]
    image_url: NotRequired[Url | None]
    data: NotRequired[
        Annotated[JsonObject | None, Field(description="For your own page; a recipient's `data` is merged over it.")]
    ]
    tags: NotRequired[
        Annotated[Annotated[list[Name], Field(max_length=MAX_TAGS)] | None, Field(description="Filters of the inbox.")]
    ]
    template: NotRequired[Annotated[Name | None, Field(description="Published; instead of `title` and `body`.")]]
    actor: NotRequired[Annotated[Name | None, Field(description="The user who caused it.")]]
    tenant: NotRequired[
        Annotated[Name | None, Field(description="Shown with the item; selects the tenant's preferences.")]
    ]
    priority: NotRequired[
        Annotated[Literal["critical", "normal", "bulk"] | None, Field(description="The category's when absent.")]
    ]
    channels: NotRequired[
        Annotated[
            Annotated[list[Channel], Field(min_length=1, max_length=10)] | None,
            Field(description="Narrows the category's ladder, never widens it."),
        ]
    ]
    overrides: NotRequired[Overrides | None]
    dedupe_key: NotRequired[Annotated[Name | None, Field(description="Once to the same person within 24 hours.")]]
    thread_key: NotRequired[Annotated[Name | None, Field(description="Groups items.")]]
    collapse_key: NotRequired[Annotated[Name | None, Field(description="Replaces the older unread item of that key.")]]
    send_at: NotRequired[
        Annotated[SendAt | None, Field(description="A past time means now; with `local`, each recipient's wall clock.")]
    ]
    delay: NotRequired[Annotated[Duration | None, Field(description="Instead of `send_at`.")]]
    expires_at: NotRequired[Annotated[Moment | None, Field(description="The item goes then.")]]
    cancellation_key: NotRequired[
        Annotated[Name | None, Field(description="Withdraws everything with this key in one call.")]
    ]
    sandbox: NotRequired[Annotated[bool | None, Field(description="Decides everything and sends nothing outside.")]]


PUBLISH: Schema[Any] = Schema(Publish)


def check_publish(value: Any) -> dict[str, Any]:
    """A publish body, plain and without its nulls. Times are aware datetimes, `delay` a timedelta.

    Raises:
        Invalid: one entry per wrong field.
    """
    found = PUBLISH.validate(value)
    body = {name: field for name, field in found.items() if field is not None}
    if "template" in body:
        for name in ("title", "body"):
            if name in body:
                raise Invalid.field(name, "not_allowed", "is what the template says; give either")
    elif "title" not in body:
        raise Invalid.field("title", "required", "is required (or `template`)")
    for path in ("title", "body"):
        texts = body.get(path)
        if isinstance(texts, dict) and len({tag.replace("_", "-").lower() for tag in texts}) != len(texts):
            raise Invalid.field(path, "repeated", "has a language twice")
    actions = body.get("actions") or ()
    if len({action["id"] for action in actions}) != len(actions):
        raise Invalid.field("actions", "repeated", "has an id twice")
    return body
