"""Validation's findings in our words."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

import pytest
from pydantic import ConfigDict, Discriminator, Field, Tag, with_config
from typing_extensions import TypedDict

from hub.exceptions import Invalid
from hub.web.fields import Language, Name
from hub.web.problems import MAX_ERRORS
from hub.web.schema import Schema


@with_config(ConfigDict(extra="forbid"))
class Inner(TypedDict):
    kind: Literal["a", "b"]
    count: NotRequired[Annotated[int, Field(ge=0, le=5)]]


Either = Annotated[
    Annotated[Name, Tag("<name>")] | Annotated[Inner, Tag("<inner>")],
    Discriminator(
        lambda value: "<name>" if isinstance(value, str) else "<inner>" if isinstance(value, dict) else None,
        custom_error_type="invalid_type",
        custom_error_message="must be a name or an object",
    ),
]


@with_config(ConfigDict(extra="forbid"))
class Outer(TypedDict):
    entries: Annotated[list[Either], Field(min_length=1, max_length=3)]
    texts: NotRequired[dict[Language, str]]


OUTER: Schema[Any] = Schema(Outer)


@pytest.mark.parametrize(
    "value, path, code, message",
    [
        ({}, "entries", "required", "is required"),
        ({"entries": ["a"], "extra": 1}, "extra", "unknown_field", "there is no field 'extra' here"),
        ({"entries": []}, "entries", "too_short", "must have at least 1 item, not 0"),
        ({"entries": ["a"] * 4}, "entries", "too_long", "must have at most 3 items, not 4"),
        ({"entries": [1]}, "entries.0", "invalid_type", "must be a name or an object, not 1"),
        (
            {"entries": [""]},
            "entries.0",
            "invalid_name",
            "must be 1 to 255 characters without control characters, not ''",
        ),
        ({"entries": [{"kind": "c"}]}, "entries.0.kind", "invalid_value", "must be 'a' or 'b', not 'c'"),
        (
            {"entries": [{"kind": "a", "count": 6}]},
            "entries.0.count",
            "out_of_range",
            "must be less than or equal to 5, not 6",
        ),
        (
            {"entries": [{"kind": "a", "count": "1"}]},
            "entries.0.count",
            "invalid_type",
            "must be a whole number, not '1'",
        ),
        (
            {"entries": [{"kind": "a", "count": True}]},
            "entries.0.count",
            "invalid_type",
            "must be a whole number, not true",
        ),
        (
            {"entries": [{"kind": "a", "<inner>": 1}]},
            "entries.0.<inner>",
            "unknown_field",
            "there is no field '<inner>' here",
        ),
        (
            {"entries": ["a"], "texts": {"!": "x"}},
            "texts.!",
            "invalid_locale",
            "must be a BCP 47 tag such as de, or `default`, not '!'",
        ),
        ([], "", "invalid_type", "must be an object"),
    ],
)
def test_each_finding_has_path_code_and_message(value: object, path: str, code: str, message: str) -> None:
    with pytest.raises(Invalid) as refusal:
        OUTER.validate(value)
    assert refusal.value.errors == ((path, code, message),)
    assert message in refusal.value.detail


def test_paths_begin_where_the_value_stands() -> None:
    with pytest.raises(Invalid) as refusal:
        OUTER.validate({"entries": [1]}, prefix="notifications.7.")
    assert refusal.value.errors[0].path == "notifications.7.entries.0"


def test_all_findings_are_counted_and_the_first_are_told() -> None:
    with pytest.raises(Invalid) as refusal:
        OUTER.validate({"entries": ["a"], **{f"x{index}": 1 for index in range(200)}})
    assert len(refusal.value.errors) == MAX_ERRORS
    assert "(and 199 more)" in refusal.value.detail


def test_what_fits_stays_a_plain_dict() -> None:
    value = {"entries": ["a", {"kind": "b"}]}
    assert OUTER.validate(value) == value
    assert type(OUTER.validate(value)) is dict
