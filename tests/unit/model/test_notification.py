"""Texts by language, recipients, and wall clocks where they jump."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.model.notification import Notification, from_request, local_instant, localise

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
NOBODY = UUID(int=0)


def notification(**request: Any) -> Notification:
    return from_request(NOBODY, 1, NOW, {"category": "general", "priority": "normal", "recipients": ["u"], **request})


@pytest.mark.parametrize(
    ("texts", "locale", "expected"),
    [
        (None, "de", None),
        ("Hello", "de", "Hello"),
        ({"en": "Hello", "de": "Hallo"}, "de", "Hallo"),
        ({"en": "Hello", "de": "Hallo"}, "de-AT", "Hallo"),
        ({"en": "Hello", "pt": "Olá", "pt-BR": "Oi"}, "pt_br", "Oi"),
        ({"en": "Hello", "zh-Hant": "你好", "zh": "您好"}, "zh-Hant-TW", "你好"),
        ({"en": "Hello", "de": "Hallo"}, "fr", "Hello"),
        ({"en": "Hello", "default": "Hi"}, "fr", "Hi"),
        ({"en": "Hello", "default": "Hi"}, None, "Hi"),
        ({"fr": "Salut", "de": "Hallo"}, "ja", "Salut"),
        ({"fr": "Salut"}, "", "Salut"),
        ({"fr": "Salut"}, "-", "Salut"),
    ],
)
def test_the_text_of_a_locale(texts: Any, locale: str | None, expected: str | None) -> None:
    assert localise(texts, locale) == expected


@given(st.dictionaries(st.text(min_size=1), st.text(min_size=1), min_size=1), st.none() | st.text())
def test_there_is_always_a_text(texts: dict[str, str], locale: str | None) -> None:
    assert localise(texts, locale) in texts.values()


@pytest.mark.parametrize(
    ("local", "zone", "expected"),
    [
        ("2026-06-01T09:00", "Europe/Berlin", "2026-06-01T07:00Z"),
        ("2026-12-01T09:00", "Europe/Berlin", "2026-12-01T08:00Z"),
        ("2026-03-29T02:30", "Europe/Berlin", "2026-03-29T01:30Z"),  # does not exist: clocks go from 2:00 to 3:00
        ("2026-10-25T02:30", "Europe/Berlin", "2026-10-25T00:30Z"),  # comes twice: the first
        ("2026-11-21T09:00", "Pacific/Kiritimati", "2026-11-20T19:00Z"),
        ("2026-11-21T09:00", "Etc/GMT+12", "2026-11-21T21:00Z"),
        ("2011-12-30T09:00", "Pacific/Apia", "2011-12-30T19:00Z"),  # a day that Samoa left out
    ],
)
def test_when_a_wall_clock_shows_a_time(local: str, zone: str, expected: str) -> None:
    assert local_instant(datetime.fromisoformat(local), zone) == datetime.fromisoformat(expected)


@given(
    st.datetimes(datetime.fromisoformat("1970-01-03"), datetime.fromisoformat("9998-12-30")),
    st.sampled_from(sorted(available_timezones())),
)
def test_a_local_time_comes_nowhere_before_its_first_instant(local: datetime, zone: str) -> None:
    first = notification(send_at={"local": local.isoformat()}).first_local_instant
    assert first is not None
    # 26 hours lie between the first and the last place; clocks that were set by more have been set before 1970.
    assert first <= local_instant(local, zone) <= first + timedelta(hours=27)


def test_each_recipient_counts_once_and_what_is_said_of_them_is_merged() -> None:
    asked = notification(
        recipients=["u", {"id": "u", "name": "Ada", "data": {"a": 1}}, {"id": "u", "locale": "de"}, "v", {"topic": "t"}]
    )
    assert list(asked.users) == ["u", "v"]
    assert asked.users["u"] == {"id": "u", "name": "Ada", "data": {"a": 1}, "locale": "de"}
    assert (asked.topics, asked.everyone, asked.direct) == (["t"], False, False)


def test_a_time_that_has_passed_is_now() -> None:
    assert notification(send_at="2026-11-21T09:00:00.000Z").direct
    assert not notification(send_at="2026-11-21T09:00:00.001Z").direct


def test_content_is_made_once_per_locale_and_ones_own_data_lies_over_the_shared() -> None:
    asked = notification(
        recipients=["u", {"id": "v", "data": {"b": 3}}], title={"en": "Hello", "de": "Hallo"}, data={"a": 1, "b": 2}
    )
    contents = [
        msgspec.json.decode(asked.item(NOBODY, 1, user, locale, NOW).content)
        for user, locale in (("u", "de"), ("u", None), ("v", "de"))
    ]
    assert [content["title"] for content in contents] == ["Hallo", "Hello", "Hallo"]
    assert [content["data"] for content in contents] == [{"a": 1, "b": 2}, {"a": 1, "b": 2}, {"a": 1, "b": 3}]
