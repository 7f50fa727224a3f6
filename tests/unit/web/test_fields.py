"""Types of fields: what fits, what does not, and that the published patterns say the same."""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from hub.web import fields


def accepts(kind: Any, value: object) -> bool:
    try:
        TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    "kind, good, bad",
    [
        (fields.Name, ["a", "ü/42", "x" * 255], ["", "x" * 256, "a\x00", "a\x9f", 1, None, b"a"]),
        (
            fields.Url,
            [
                "https://example.com",
                "HTTP://example.com/a?b#c",
                "/orders/4",
                "https://[::1]:8/x",
                "/",
                "https://ü.de/ü",
            ],
            [
                "javascript:alert(1)",
                " https://a.b",
                "https://a b/",
                "//evil.com",
                "/\\evil.com",
                "https:///x",
                "https://user@host/",
                "data:,x",
                "ftp://a/",
                "example.com",
                "",
                "https://a/\nb",
                "java\tscript:x",
            ],
        ),
        (
            fields.Email,
            ["a@b.c", "a.b+c@d-e.f", "ü@ü.de"],
            ["a", "a@", "@b", "a@b@c", "a b@c", "a@b\r\nBcc: c@d", "<a@b>", "a,b@c"],
        ),
        (fields.Phone, ["+4930123456"], ["4930", "+0123", "+49 30", "+" + "1" * 16]),
        (fields.Locale, ["de", "pt-BR", "zh-Hant-TW", "de_AT"], ["", "d", "deutsch", "de-", "../de"]),
        (fields.Timezone, ["UTC", "Europe/Berlin"], ["Mars", "../etc/passwd", "", "europe/berlin"]),
        (fields.JsonObject, [{}, {"a": [1, None]}], [[], "{}", None, {"a": "x" * 16_384}]),
        (
            fields.TimeOfDay,
            ["00:00", "07:30", "23:59"],
            ["24:00", "7:30", "07:60", "07:30:00", "07:30 ", "٠٧:٣٠", "0730", "", 7, None],
        ),
        (fields.AlwaysTrue, [True], [1, "true", False, None]),
    ],
)
def test_examples(kind: Any, good: list[object], bad: list[object]) -> None:
    assert [value for value in good if not accepts(kind, value)] == []
    assert [value for value in bad if accepts(kind, value)] == []
    pattern = TypeAdapter(kind).json_schema().get("pattern")
    if pattern is not None:
        assert [value for value in good if not re.search(pattern, str(value))] == []
        texts = [value for value in bad if isinstance(value, str) and len(value) <= 20]
        assert [value for value in texts if re.search(pattern, value)] == []


@pytest.mark.parametrize(
    "text, moment",
    [
        ("2026-11-21T09:00:00Z", datetime(2026, 11, 21, 9, tzinfo=UTC)),
        ("2026-11-21t09:00:00.123456789z", datetime(2026, 11, 21, 9, 0, 0, 123_000, UTC)),
        ("2026-11-21T09:00:00+05:30", datetime(2026, 11, 21, 3, 30, tzinfo=UTC)),
        ("2026-11-21T23:00:00-02:00", datetime(2026, 11, 22, 1, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
    ],
)
def test_moments(text: str, moment: datetime) -> None:
    assert fields.parse_moment(text) == moment


def test_moments_that_stay_texts_are_spelled_in_one_way() -> None:
    kept = TypeAdapter(fields.MomentText)
    spelled = kept.validate_python("2026-11-21t09:00:00.5+01:00", strict=True)
    assert spelled == "2026-11-21T08:00:00.500Z"
    assert kept.validate_python(spelled, strict=True) == spelled
    assert not accepts(fields.MomentText, "2026-11-21")


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21",
        "2026-11-21T09:00:00",
        "2026-11-21 09:00:00Z",
        "2026-02-30T09:00:00Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T09:00:00+24:00",
        "2026-11-21T09:00Z",
        "20261121T090000Z",
        "٢٠٢٦-11-21T09:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:60Z",
        "1600000000",
        1_600_000_000,
    ],
)
def test_what_is_no_moment(text: object) -> None:
    with pytest.raises(ValueError):
        fields.parse_moment(text)


@given(st.integers(10**8, 10**11), st.integers(-23 * 60, 23 * 60))
def test_offsets_are_taken_away(seconds: int, minutes: int) -> None:
    local = datetime.fromtimestamp(seconds, UTC)
    sign = "-" if minutes < 0 else "+"
    text = f"{local:%Y-%m-%dT%H:%M:%S}{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}".rjust(25, "0")
    assert fields.parse_moment(text) == local - timedelta(minutes=minutes)


@pytest.mark.parametrize(
    "text, seconds",
    [("PT10M", 600), ("P1DT2H3M4S", 93_784), ("P2W", 1_209_600), ("PT0S", 0), ("P90D", 7_776_000), ("PT90M", 5_400)],
)
def test_durations(text: str, seconds: int) -> None:
    assert fields.parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1DT", "P1Y", "P1M", "PT1.5H", "-PT1H", "1H", "PT1H ", "P999999W", 60]
)
def test_what_is_no_duration(text: object) -> None:
    with pytest.raises(ValueError):
        fields.parse_duration(text)


@given(st.text(max_size=30))
def test_any_text_is_a_value_or_refused(text: str) -> None:
    for read in (fields.parse_moment, fields.parse_duration):
        with contextlib.suppress(ValueError):
            read(text)
