"""The policy of a category, as the contract writes it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypeAlias

from pydantic import Field, with_config
from typing_extensions import TypedDict

from hub.api.documents import STRICT
from hub.exceptions import FieldError, Invalid
from hub.model.digest_key import check_key
from hub.model.policy import IN_APP
from hub.store.categories import GENERAL_POLICY
from hub.web.fields import DurationText, parse_duration
from hub.web.schema import Schema

Channel: TypeAlias = Literal["in_app", "web_push", "email", "sms"]
Condition: TypeAlias = Literal["always", "offline", "away", "undelivered", "unseen", "unread"]

Step = TypedDict(
    "Step",
    {
        "channel": Channel,
        "after": NotRequired[Annotated[DurationText, Field(description="Counts from dispatch; at once when absent.")]],
        "if": NotRequired[Annotated[Condition, Field(description="`always` when absent.")]],
    },
)
with_config(STRICT)(Step)  # `if` is a word of Python, so this one cannot be written as a class


@with_config(STRICT)
class Retry(TypedDict):
    """The budget of a delivery, in attempts and in time."""

    max_attempts: NotRequired[Annotated[int, Field(ge=1, le=100)]]
    max_age: NotRequired[DurationText]


@with_config(STRICT)
class Cap(TypedDict):
    """At most `limit` in any window of `per`."""

    limit: Annotated[int, Field(ge=1, le=100_000)]
    per: DurationText
    overflow: NotRequired[Literal["drop", "digest"]]


@with_config(STRICT)
class Digest(TypedDict):
    """What is gathered into one message, and for how long."""

    key: NotRequired[Annotated[str, Field(min_length=1, max_length=1_000, description="A Liquid template.")]]
    window: NotRequired[DurationText]
    mode: NotRequired[Literal["fixed", "sliding", "schedule"]]
    max_window: NotRequired[DurationText]
    first: NotRequired[Literal["now", "hold"]]


@with_config(STRICT)
class Tracking(TypedDict):
    """Whether opens and clicks of the category's e-mails are counted. Neither is, unless it is switched on."""

    opens: NotRequired[Annotated[bool, Field(description="By a picture of one pixel.")]]
    clicks: NotRequired[Annotated[bool, Field(description="By links that lead through the hub.")]]


@with_config(STRICT)
class Category(TypedDict):
    """A policy. All of it may be left out."""

    description: NotRequired[Annotated[str, Field(max_length=1_000)]]
    priority: NotRequired[Literal["critical", "normal", "bulk"]]
    default: NotRequired[Literal["opted_in", "opted_out", "required"]]
    kind: NotRequired[Literal["transactional", "marketing"]]
    ladder: NotRequired[Annotated[list[Step], Field(min_length=1, max_length=10)]]
    retry: NotRequired[Retry]
    cap: NotRequired[Cap]
    quiet_hours: NotRequired[Literal["respect", "ignore"]]
    retention: NotRequired[DurationText]
    digest: NotRequired[Digest]
    tracking: NotRequired[Tracking]


class CategoryDocument(TypedDict):
    """A stored category."""

    category: str
    description: NotRequired[str]
    priority: Literal["critical", "normal", "bulk"]
    default: Literal["opted_in", "opted_out", "required"]
    kind: Literal["transactional", "marketing"]
    ladder: list[Step]
    retry: NotRequired[Retry]
    cap: NotRequired[Cap]
    quiet_hours: NotRequired[Literal["respect", "ignore"]]
    retention: NotRequired[str]
    digest: NotRequired[Digest]
    tracking: NotRequired[Tracking]


class CategoryPage(TypedDict):
    items: list[CategoryDocument]
    next_cursor: str | None


CATEGORY = Schema(Category)
_DEFAULTS = {name: GENERAL_POLICY[name] for name in ("priority", "default", "kind", "ladder")}


def complete(body: Category) -> dict[str, Any]:
    """The policy to store: with defaults filled in.

    Raises:
        Invalid: fields that contradict each other.
    """
    policy: dict[str, Any] = {**_DEFAULTS, **body}
    errors: list[FieldError] = []
    if policy["kind"] == "marketing" and policy["default"] == "required":
        errors.append(FieldError("default", "not_allowed", "people must be able to leave marketing"))
    for index, step in enumerate(policy["ladder"]):
        errors += _wrong_in_app(index, step)
    digest = policy.get("digest")
    if digest is not None:
        if digest.get("mode", "fixed") != "schedule" and "window" not in digest:
            errors.append(FieldError("digest.window", "required", "is required unless the mode is schedule"))
        elif {"window", "max_window"} <= digest.keys() and parse_duration(digest["max_window"]) < parse_duration(
            digest["window"]
        ):
            errors.append(FieldError("digest.max_window", "out_of_range", "must not be shorter than the window"))
        if "key" in digest:
            try:
                check_key(digest["key"])
            except ValueError as error:
                errors.append(FieldError("digest.key", "invalid_template", f"is no Liquid template: {error}"))
    for path in ("cap.per", "retry.max_age", "retention", "digest.window", "digest.max_window"):
        value: Any = policy
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value is not None and not parse_duration(value):
            errors.append(FieldError(path, "out_of_range", "must be longer than nothing"))
    if errors:
        raise Invalid("; ".join(f"{e.path}: {e.message}" for e in errors), errors=tuple(errors))
    return policy


def _wrong_in_app(index: int, step: Step) -> list[FieldError]:
    """What an in-app step may not have: an item is stored when its notification is dispatched."""
    wrong = []
    if step["channel"] == IN_APP:
        if parse_duration(step.get("after", "PT0S")):
            wrong.append("after")
        if step.get("if", "always") != "always":
            wrong.append("if")
    message = "is not for in_app: the inbox comes first and at once"
    return [FieldError(f"ladder.{index}.{name}", "not_allowed", message) for name in wrong]
