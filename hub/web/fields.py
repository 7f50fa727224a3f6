"""Types of fields that requests have in common, strict: nothing is coerced, every limit has a reason.

Each is an `Annotated` type for pydantic with the JSON Schema that a client may rely on.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, Any, TypeAlias
from zoneinfo import available_timezones

import msgspec
from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from hub.model import times
from hub.model.times import format_time, truncate
from hub.model.urls import MAX_URL, URL_PATTERN, is_url
from hub.web.paths import NAME

MAX_DATA_BYTES = 16 * 1024  # contract: an item's `data`, as compact JSON
MAX_DURATION = timedelta(days=3_650)  # ten years: a typing error must not overflow a timestamp

_ID_PATTERN = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_NAME_PATTERN = r"^[^\x00-\x1f\x7f-\x9f]{1,255}$"
_MOMENT = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_TIME_PATTERN = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_LOCAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?", re.ASCII)
# No quotes, spaces or controls: nothing that could end a header line. Whether it exists is the mail server's knowledge.
_EMAIL_PATTERN = r"[^\s\x00-\x1f\x7f-\x9f@<>,;:\"\\()\[\]]{1,64}@[^\s\x00-\x1f\x7f-\x9f@<>,;:\"\\()\[\]]{1,189}"
_EMAIL = re.compile(_EMAIL_PATTERN)
_LOCALE_PATTERN = r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,4}"
_LOCALE = re.compile(_LOCALE_PATTERN)


def _error(code: str, message: str) -> PydanticCustomError:
    return PydanticCustomError(code, message)


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise _error("invalid_type", "must be a string")
    return value


def _name(value: str) -> str:
    if NAME.fullmatch(value) is None:
        raise _error("invalid_name", "must be 1 to 255 characters without control characters")
    return value


def parse_moment(value: object) -> datetime:
    """An RFC 3339 time, in UTC and whole milliseconds. A leap second is the second after."""
    match = _MOMENT.fullmatch(_string(value))
    if match is None:
        raise _error("invalid_time", "must be an RFC 3339 time with its offset: YYYY-MM-DDThh:mm:ssZ")
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    try:
        leap = int(second) == 60
        moment = datetime(
            int(year), int(month), int(day), int(hour), int(minute), 59 if leap else int(second),
            int((fraction or "0").ljust(6, "0")[:6]), UTC,
        )  # fmt: skip
        if leap:
            moment += timedelta(seconds=1)
        if offset not in "Zz":
            minutes = int(offset[1:3]) * 60 + int(offset[4:6])
            if int(offset[1:3]) > 23 or int(offset[4:6]) > 59:
                raise ValueError(offset)
            moment += timedelta(minutes=minutes if offset[0] == "-" else -minutes)
        if not 1970 <= moment.year <= 9998:
            raise _error("out_of_range", "must lie between the years 1970 and 9998")
    except (ValueError, OverflowError) as error:
        if isinstance(error, PydanticCustomError):
            raise
        raise _error("invalid_time", "is no moment of the calendar") from None
    return truncate(moment)


def _moment_text(value: object) -> str:
    return format_time(parse_moment(value))


def _local(value: object) -> datetime:
    text = _string(value)
    if _LOCAL.fullmatch(text) is None:
        raise _error("invalid_time", "must be a local time without offset: YYYY-MM-DDThh:mm")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _error("invalid_time", "is no moment of the calendar") from None
    if not 1970 <= moment.year <= 9998:
        raise _error("out_of_range", "must lie between the years 1970 and 9998")
    return moment


def parse_duration(value: object) -> timedelta:
    """An ISO 8601 duration of weeks, days, hours, minutes and seconds; years and months have no fixed length."""
    text = _string(value)
    try:
        duration = times.parse_duration(text)
    except ValueError:
        raise _error(
            "invalid_duration", "must be an ISO 8601 duration such as PT10M or P90D, without years and months"
        ) from None
    if duration > MAX_DURATION:
        raise _error("out_of_range", f"must be at most P{MAX_DURATION.days}D")
    return duration


def _duration_text(value: object) -> str:
    parse_duration(value)
    return _string(value)


def _url(value: str) -> str:
    if len(value) > MAX_URL:
        raise _error("too_long", f"must be at most {MAX_URL} characters")
    if not is_url(value):
        raise _error("invalid_url", "must be an http or https URL, or a path that starts with one slash")
    return value


def _matching(pattern: re.Pattern[str], code: str, message: str) -> AfterValidator:
    def check(value: str) -> str:
        if pattern.fullmatch(value) is None:
            raise _error(code, message)
        return value

    return AfterValidator(check)


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())


def _timezone(value: str) -> str:
    if value not in _timezones():
        raise _error("unknown_timezone", "must be a name of the IANA time zone database such as Europe/Berlin")
    return value


def _data(value: dict[str, Any]) -> dict[str, Any]:
    size = len(msgspec.json.encode(value))
    if size > MAX_DATA_BYTES:
        raise _error("too_large", f"is {size} bytes of JSON; at most {MAX_DATA_BYTES} are allowed")
    return value


def _pattern(pattern: str, **more: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^(?:{pattern})$", **more})


def _true(value: object) -> bool:
    if value is not True:
        raise _error("invalid_value", "must be true")
    return True


Name: TypeAlias = Annotated[
    str,
    AfterValidator(_name),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 255, "pattern": _NAME_PATTERN}),
]
"""What callers name: users, topics, categories, tenants, keys."""

Id: TypeAlias = Annotated[
    str,
    _matching(re.compile(_ID_PATTERN), "invalid_value", "must be an id of the hub (a UUID)"),
    WithJsonSchema({"type": "string", "format": "uuid"}),
]
"""What the hub names."""

Moment: TypeAlias = Annotated[
    datetime, BeforeValidator(parse_moment), WithJsonSchema({"type": "string", "format": "date-time"})
]
MomentText: TypeAlias = Annotated[
    str, BeforeValidator(_moment_text), WithJsonSchema({"type": "string", "format": "date-time"})
]
"""A moment that is kept as a text, in the one spelling of times that leave the hub."""

TimeOfDay: TypeAlias = Annotated[
    str,
    _matching(re.compile(_TIME_PATTERN), "invalid_time", "must be a time of day from 00:00 to 23:59"),
    _pattern(_TIME_PATTERN, examples=["22:00"]),
]
LocalMoment: TypeAlias = Annotated[
    datetime,
    BeforeValidator(_local),
    _pattern(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?", examples=["2026-11-21T09:00"]),
]
Duration: TypeAlias = Annotated[
    timedelta, BeforeValidator(parse_duration), _pattern(times.DURATION_PATTERN, examples=["PT10M"])
]
DurationText: TypeAlias = Annotated[
    str, BeforeValidator(_duration_text), _pattern(times.DURATION_PATTERN, examples=["P90D"])
]
"""A duration that is kept as it was written."""

Url: TypeAlias = Annotated[str, AfterValidator(_url), _pattern(URL_PATTERN, maxLength=MAX_URL, format="uri-reference")]
Email: TypeAlias = Annotated[
    str, _matching(_EMAIL, "invalid_email", "must be one e-mail address"), _pattern(_EMAIL_PATTERN, maxLength=254)
]
Phone: TypeAlias = Annotated[
    str,
    _matching(re.compile(r"\+[1-9][0-9]{1,14}"), "invalid_phone", "must be a number in E.164 form such as +4930123456"),
    _pattern(r"\+[1-9][0-9]{1,14}"),
]
Locale: TypeAlias = Annotated[
    str, _matching(_LOCALE, "invalid_locale", "must be a BCP 47 tag such as de or pt-BR"), _pattern(_LOCALE_PATTERN)
]
Language: TypeAlias = Annotated[
    str,
    _matching(
        re.compile(f"default|{_LOCALE_PATTERN}"), "invalid_locale", "must be a BCP 47 tag such as de, or `default`"
    ),
    _pattern(f"default|{_LOCALE_PATTERN}"),
]
"""Names a text of a map by language."""
Timezone: TypeAlias = Annotated[
    str,
    AfterValidator(_timezone),
    WithJsonSchema({"type": "string", "maxLength": 64, "description": "IANA name", "examples": ["Europe/Berlin"]}),
]
AlwaysTrue: TypeAlias = Annotated[bool, BeforeValidator(_true), WithJsonSchema({"const": True})]
JsonObject: TypeAlias = Annotated[
    dict[str, Any], AfterValidator(_data), Field(description="Any JSON object; at most 16 KiB as compact JSON.")
]
