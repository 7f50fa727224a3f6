"""A layer of preferences, as the contract writes it: shapes, and what becomes of a change.

Each shape has two forms: whole, as it is stored, and as a merge patch, in which parts that a whole needs may be left
out. In both, null says: not said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, NamedTuple, NotRequired, TypeAlias, TypeVar

import msgspec
from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, with_config
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from hub.api.category_schema import Channel
from hub.api.documents import STRICT
from hub.api.merge_patch import merge_patch
from hub.exceptions import FieldError, Invalid
from hub.model.times import format_time
from hub.web.fields import MomentText, Name, TimeOfDay, Timezone
from hub.web.schema import Schema

T = TypeVar("T")

MAX_DOCUMENT_BYTES = 64 * 1024  # as compact JSON: read with every person that is written to
MAX_CATEGORIES = 500
MAX_TIMES = 50  # entries of a week: seven days with seven each
MAX_SOURCE = 255  # characters


def _each_once(values: list[T]) -> list[T]:
    for index, value in enumerate(values):
        if value in values[:index]:
            raise PydanticCustomError("repeated", f"must name each once, and {value} stands twice")
    return values


def _only_a_persons(value: object) -> None:
    if value is not None:
        raise PydanticCustomError("not_allowed", "is for a person's own preferences only")


_ONCE = AfterValidator(_each_once)
_UNIQUE = {"uniqueItems": True}
Channels: TypeAlias = Annotated[list[Channel], _ONCE, Field(json_schema_extra=_UNIQUE)]
Days: TypeAlias = Annotated[
    list[Annotated[int, Field(ge=1, le=7)]],
    Field(min_length=1, max_length=7, json_schema_extra=_UNIQUE, description="1 Monday … 7 Sunday."),
    _ONCE,
]
Choices: TypeAlias = dict[Channel, bool | None]
OnlyAPersons: TypeAlias = Annotated[None, BeforeValidator(_only_a_persons), WithJsonSchema({"type": "null"})]
"""What a project or tenant cannot have."""

QuietWindow = TypedDict("QuietWindow", {"days": Days, "from": TimeOfDay, "to": TimeOfDay})
QuietWindow.__doc__ = "Begins on these days; one that ends no later than it begins ends on the next day."
with_config(STRICT)(QuietWindow)  # `from` is a word of Python, so this one cannot be written as a class


@with_config(STRICT)
class DigestMoment(TypedDict):
    """When digests of the mode `schedule` leave."""

    days: Days
    at: TimeOfDay


@with_config(STRICT)
class CategoryChoice(TypedDict):
    """The category altogether, and by channel."""

    enabled: NotRequired[bool | None]
    channels: NotRequired[Choices | None]


@with_config(STRICT)
class QuietHoursPatch(TypedDict):
    """Weekly hours in which nothing outside the app is sent; an empty `weekly` says: none."""

    timezone: NotRequired[Annotated[Timezone | None, Field(description="The person's, else the project's.")]]
    weekly: NotRequired[Annotated[list[QuietWindow], Field(max_length=MAX_TIMES)]]


@with_config(STRICT)
class QuietHours(QuietHoursPatch):
    """Weekly hours in which nothing outside the app is sent; an empty `weekly` says: none."""

    weekly: Annotated[list[QuietWindow], Field(max_length=MAX_TIMES)]  # type: ignore[misc]  # required in a whole


@with_config(STRICT)
class DigestSchedulePatch(TypedDict):
    """A person's own times for digests of the mode `schedule`."""

    schedule: NotRequired[Annotated[list[DigestMoment], Field(max_length=MAX_TIMES)]]


@with_config(STRICT)
class DigestSchedule(DigestSchedulePatch):
    """A person's own times for digests of the mode `schedule`."""

    schedule: Annotated[list[DigestMoment], Field(max_length=MAX_TIMES)]  # type: ignore[misc]  # required in a whole


@with_config(STRICT)
class ConsentPatch(TypedDict):
    """The record of an answer. `at` is filled in when the answer is new."""

    granted: NotRequired[bool]
    at: NotRequired[MomentText | None]
    source: NotRequired[Annotated[str, Field(min_length=1, max_length=MAX_SOURCE)] | None]
    channels: NotRequired[Annotated[Channels | None, Field(description="Every channel when absent.")]]


@with_config(STRICT)
class Consent(ConsentPatch):
    """The record of an answer. `at` is filled in when the answer is new."""

    granted: bool  # type: ignore[misc]  # required in a whole


@with_config(STRICT)
class Common(TypedDict):
    """What layers have in common, and patches with them."""

    paused_until: NotRequired[MomentText | None]
    channels: NotRequired[Choices | None]
    channel_order: NotRequired[Channels | None]
    categories: NotRequired[Annotated[dict[Name, CategoryChoice | None], Field(max_length=MAX_CATEGORIES)] | None]


@with_config(STRICT)
class Preferences(Common):
    """What a project or a tenant wants. All of it may be left out."""

    quiet_hours: NotRequired[QuietHours | None]
    digest: NotRequired[DigestSchedule | None]
    delegate: NotRequired[OnlyAPersons]
    consents: NotRequired[OnlyAPersons]


@with_config(STRICT)
class PreferencesPatch(Common):
    """What changes; null removes."""

    quiet_hours: NotRequired[QuietHoursPatch | None]
    digest: NotRequired[DigestSchedulePatch | None]
    delegate: NotRequired[OnlyAPersons]
    consents: NotRequired[OnlyAPersons]


@with_config(STRICT)
class PersonPreferences(Common):
    """What a person wants. All of it may be left out."""

    quiet_hours: NotRequired[QuietHours | None]
    digest: NotRequired[DigestSchedule | None]
    delegate: NotRequired[Annotated[Name | None, Field(description="Another user, who gets what leaves the app.")]]
    consents: NotRequired[
        Annotated[
            dict[Name, Consent | None],
            Field(max_length=MAX_CATEGORIES, description="By category; `marketing` for all of that kind."),
        ]
        | None
    ]


@with_config(STRICT)
class PersonPreferencesPatch(Common):
    """What changes; null removes."""

    quiet_hours: NotRequired[QuietHoursPatch | None]
    digest: NotRequired[DigestSchedulePatch | None]
    delegate: NotRequired[Name | None]
    consents: NotRequired[Annotated[dict[Name, ConsentPatch | None], Field(max_length=MAX_CATEGORIES)] | None]


class LayerShape(NamedTuple):
    """The two forms of one kind of layer."""

    whole: Schema[Any]
    patch: Schema[Any]


PERSON = LayerShape(Schema(PersonPreferences), Schema(PersonPreferencesPatch))
DEFAULTS = LayerShape(Schema(Preferences), Schema(PreferencesPatch))
"""Of a tenant or a project."""


def revise(
    shape: LayerShape,
    stored: Mapping[str, Any],
    patch: Mapping[str, Any],
    now: datetime,
    *,
    source: str | None = None,
) -> dict[str, Any]:
    """The document to store: `stored` with a merge patch (RFC 7396) applied, whole and valid.

    A PUT is a patch of nothing. The result is what hub.model.preferences reads, and says nothing with null.

    Args:
        patch: What `shape.patch` has validated.
        now: When what is consented to counts from, where the patch does not say.
        source: Of consents, where the patch does not say.

    Raises:
        Invalid: the whole does not fit its shape, or is too large.
    """
    document: dict[str, Any] = shape.whole.validate(merge_patch(stored, patch))
    _record_consents(document, stored, patch, now, source)
    size = len(msgspec.json.encode(document))
    if size > MAX_DOCUMENT_BYTES:
        message = f"the preferences are {size} bytes of JSON; at most {MAX_DOCUMENT_BYTES} are allowed"
        raise Invalid(message, errors=(FieldError("", "too_large", message),))
    return document


def _record_consents(
    document: Mapping[str, Any], stored: Mapping[str, Any], patch: Mapping[str, Any], now: datetime, source: str | None
) -> None:
    """Gives new answers their time and source. What stood beside another answer before was not about this one."""
    before, said = stored.get("consents") or {}, patch.get("consents") or {}
    for name, consent in (document.get("consents") or {}).items():
        consent.setdefault("at", format_time(now))
        if name in before and _answer(before[name]) == _answer(consent):
            continue
        given = {field: value for field, value in said[name].items() if value is not None}
        consent["at"] = given.get("at", format_time(now))
        consent.pop("source", None)
        if "source" in given or source is not None:
            consent["source"] = given.get("source", source)


def _answer(consent: Mapping[str, Any]) -> tuple[bool, Sequence[str] | None]:
    return consent["granted"], consent.get("channels")


def opted_out(patch: Mapping[str, Any]) -> dict[str, list[str]]:
    """Categories that a validated patch switches off, altogether or on a channel, with the paths that say so."""
    found: dict[str, list[str]] = {}
    for name, choice in (patch.get("categories") or {}).items():
        choice = choice or {}
        paths = ["enabled"] if choice.get("enabled") is False else []
        paths += [f"channels.{channel}" for channel, on in (choice.get("channels") or {}).items() if on is False]
        if paths:
            found[name] = [f"categories.{name}.{path}" for path in paths]
    return found
