"""Policies: what fits together."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from hub.api.category_schema import CATEGORY, Channel, complete
from hub.exceptions import FieldError, Invalid
from hub.model.policy import CHANNELS

FIRST = "is not for in_app: the inbox comes first and at once"


def test_channels_are_those_of_the_model() -> None:
    assert get_args(Channel) == CHANNELS


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"ladder": [{"channel": "in_app", "after": "PT0S", "if": "always"}, {"channel": "email", "after": "PT1H"}]},
        {"digest": {"window": "PT5M", "key": "{{ data.post }}"}},
        {"digest": {"mode": "schedule"}},
    ],
)
def test_what_fits_is_stored(body: dict[str, Any]) -> None:
    policy = complete(CATEGORY.validate(body))
    assert policy.items() >= body.items()


@pytest.mark.parametrize(
    "body, errors",
    [
        (
            {"ladder": [{"channel": "email"}, {"channel": "in_app", "after": "PT1S", "if": "away"}]},
            [("ladder.1.after", "not_allowed", FIRST), ("ladder.1.if", "not_allowed", FIRST)],
        ),
        ({"ladder": [{"channel": "in_app", "if": "unseen"}]}, [("ladder.0.if", "not_allowed", FIRST)]),
        (
            {"digest": {"window": "PT5M", "key": "a\n{{ data.at | date: '%d' }}"}},
            [("digest.key", "invalid_template", "is no Liquid template: line 2: unknown filter 'date'")],
        ),
        (
            {"kind": "marketing", "default": "required", "digest": {"key": "{{"}},
            [
                ("default", "not_allowed", "people must be able to leave marketing"),
                ("digest.window", "required", "is required unless the mode is schedule"),
                ("digest.key", "invalid_template", "is no Liquid template: line 1: {{ has no }}"),
            ],
        ),
    ],
)
def test_what_contradicts_itself_is_told_all_at_once(body: dict[str, Any], errors: list[tuple[str, str, str]]) -> None:
    with pytest.raises(Invalid) as refusal:
        complete(CATEGORY.validate(body))
    assert list(refusal.value.errors) == [FieldError(*error) for error in errors]
