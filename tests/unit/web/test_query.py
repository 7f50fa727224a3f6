"""Query parameters and cursors."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.exceptions import Invalid, Refused
from hub.web.pages import decode_page_cursor, encode_page_cursor
from hub.web.query import CURSOR, LIMIT, Parameter, name_parameter, one_of, parse_query, read_moment

PARAMETERS = (
    LIMIT,
    CURSOR,
    name_parameter("user", ""),
    Parameter("status", one_of("all", "unread"), {}, "", "all"),
    Parameter("since", read_moment, {}, ""),
)


def test_defaults_and_values() -> None:
    assert parse_query(b"", PARAMETERS) == {"limit": 50, "cursor": None, "user": None, "status": "all", "since": None}
    values = parse_query(b"limit=7&user=a%2Fb+c&since=2026-11-21T10%3A00%3A00%2B01%3A00&status=unread", PARAMETERS)
    assert values["limit"] == 7
    assert values["user"] == "a/b c"
    assert values["since"] == datetime(2026, 11, 21, 9, tzinfo=UTC)


def test_every_wrong_parameter_is_named() -> None:
    with pytest.raises(Invalid) as refusal:
        parse_query(b"limit=x&limit=1&user=&status=old&page=2&since=now", PARAMETERS)
    assert {(error.path, error.code) for error in refusal.value.errors} == {
        ("query.limit", "invalid_value"),
        ("query.limit", "repeated_parameter"),
        ("query.user", "invalid_value"),
        ("query.status", "invalid_value"),
        ("query.page", "unknown_parameter"),
        ("query.since", "invalid_value"),
    }


@pytest.mark.parametrize(
    "query, message",
    [
        (b"status=old", "must be one of all, unread, not 'old'"),
        (b"limit=1000", "must be a whole number from 1 to 100, not '1000'"),
        (b"user=" + b"u" * 256, "must be 1 to 255 characters without control characters, not 256"),
        (b"cursor=" + b"c" * 1001, "is not a cursor of this list; start again without it"),
    ],
)
def test_what_was_given_is_told_where_it_is_short(query: bytes, message: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_query(query, PARAMETERS)
    assert [error.message for error in refusal.value.errors] == [message]


def test_parameters_that_others_read_are_left_to_them() -> None:
    assert parse_query(b"token=a&limit=2", PARAMETERS, ignored=frozenset({"token"}))["limit"] == 2


@given(st.binary(max_size=100))
def test_any_query_is_values_or_refused(raw: bytes) -> None:
    with contextlib.suppress(Refused):
        parse_query(raw, PARAMETERS)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00")), st.integers(-(2**63), 2**63 - 1), st.uuids())
def test_cursors_come_back(text: str, number: int, identifier: UUID) -> None:
    cursor = encode_page_cursor(text, number, str(identifier))
    assert decode_page_cursor(cursor, str, int, UUID) == (text, number, identifier)


def test_a_moment_in_a_cursor_keeps_its_microseconds() -> None:
    moment = datetime(2026, 11, 21, 9, 0, 0, 123456, UTC)
    assert decode_page_cursor(encode_page_cursor(moment), datetime) == (moment,)


@given(st.text(max_size=60))
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    try:
        decode_page_cursor(text, str, int)
    except Invalid as error:
        if error.errors[0].code != "invalid_cursor":
            raise


@pytest.mark.parametrize("values", [("a",), (1, "a"), ("a", 2**63), ("a\x00", 1), ("a", True), ("a", 1.5), ("a", None)])
def test_a_cursor_of_another_list_is_refused(values: tuple[object, ...]) -> None:
    with pytest.raises(Invalid):
        decode_page_cursor(encode_page_cursor(*values), str, int)
