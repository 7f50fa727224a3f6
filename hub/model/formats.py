"""Filters of templates that write for a person: dates in their zone, numbers and money as their language has them.

Each takes the locale and zone from the rendering's `locale` and `timezone`; a template may assign names of its own, and
these filters do not look at them. Babel formats by CLDR; its styles are `short`, `medium`, `long` and `full`.

    {{ data.shipped_at | date: "long" }}  {{ data.total | currency: "EUR" }}
    {{ count | plural: one: "comment", other: "comments" }}
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Literal, cast
from zoneinfo import ZoneInfo

from babel import Locale, dates, numbers
from liquid import RenderContext
from liquid.exceptions import FilterArgumentError
from liquid.filter import with_context

Style = Literal["short", "medium", "long", "full"]
_STYLES = ("short", "medium", "long", "full")
_CSS_WORD = r"(?:#(?:[0-9A-Fa-f]{3,4}){1,2}|[A-Za-z0-9.+-]{1,40}%?|(?:rgb|hsl)a?\([0-9 .,/%]{1,40}\))"
_CSS = re.compile(rf"{_CSS_WORD}(?: {_CSS_WORD}){{0,5}}")
MAX_DIGITS = 40  # of a number that is written; more is no amount of anything
FALLBACK = Locale("en")


@lru_cache(maxsize=512)
def babel_locale(tag: str | None) -> Locale:
    """The locale that Babel knows for a tag, or its language; English for one that it does not know."""
    parts = (tag or "").replace("-", "_")
    while parts:
        try:
            return Locale.parse(parts)
        except (ValueError, LookupError):
            parts = parts.rpartition("_")[0]
    return FALLBACK


@lru_cache(maxsize=512)
def zone_of(name: str | None) -> tzinfo:
    """The zone of that name; UTC for one that is not known."""
    try:
        return ZoneInfo(name or "UTC")
    except (ValueError, OSError, LookupError):
        return UTC


def _locale(context: RenderContext) -> Locale:
    return babel_locale(cast(Any, context.globals)["locale"])


def _zone(context: RenderContext) -> tzinfo:
    return zone_of(cast(Any, context.globals)["timezone"])


def _style(style: object) -> Style:
    if style not in _STYLES:
        raise FilterArgumentError(f"a style is one of {', '.join(_STYLES)}", token=None)
    return cast(Style, style)


def _moment(value: object, zone: tzinfo) -> datetime:
    """A time in the zone: of an RFC 3339 text, a date (midnight there), or seconds since 1970."""
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(str(value))
            return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment.astimezone(zone)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, zone)
    except (ValueError, OverflowError, OSError):
        pass
    # Without the value, which may be anything of anybody: what fails is told in logs and timelines.
    raise FilterArgumentError("needs a time: 2026-11-21T09:00:00Z, 2026-11-21, or seconds since 1970", token=None)


def _number(value: object) -> Decimal:
    try:
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            found = Decimal(str(value))
            if found.is_finite() and abs(found.adjusted()) <= MAX_DIGITS and len(found.as_tuple().digits) <= MAX_DIGITS:
                return found
    except (InvalidOperation, ValueError):
        pass
    raise FilterArgumentError("needs a number", token=None)


@with_context
def date_(value: object, style: object = "medium", *, context: RenderContext) -> str:
    if isinstance(value, str) and len(value) == 10:  # a date is the same day everywhere
        try:
            return dates.format_date(date.fromisoformat(value), _style(style), _locale(context))
        except ValueError:
            pass
    return dates.format_date(_moment(value, _zone(context)), _style(style), _locale(context))


@with_context
def time_(value: object, style: object = "short", *, context: RenderContext) -> str:
    return dates.format_time(_moment(value, zone := _zone(context)), _style(style), zone, _locale(context))


@with_context
def datetime_(value: object, style: object = "medium", *, context: RenderContext) -> str:
    return dates.format_datetime(_moment(value, zone := _zone(context)), _style(style), zone, _locale(context))


@with_context
def decimal_(value: object, digits: object = None, *, context: RenderContext) -> str:
    """A number; with exactly so many digits behind the point, else with up to three."""
    if digits is None:
        return numbers.format_decimal(_number(value), locale=_locale(context))
    if not isinstance(digits, int) or not 0 <= digits <= 10:
        raise FilterArgumentError("takes 0 to 10 digits", token=None)
    pattern = "#,##0." + "0" * digits if digits else "#,##0"
    return numbers.format_decimal(_number(value), format=pattern, locale=_locale(context))


@with_context
def percent_(value: object, *, context: RenderContext) -> str:
    return numbers.format_percent(_number(value), locale=_locale(context))


@with_context
def currency_(value: object, code: object, *, context: RenderContext) -> str:
    if not isinstance(code, str) or not numbers.is_currency(str(code)):
        raise FilterArgumentError("needs a currency: EUR, USD, JPY …", token=None)
    return numbers.format_currency(_number(value), str(code), locale=_locale(context))


@with_context
def plural_(value: object, *, context: RenderContext, **forms: object) -> str:
    """The form that goes with a number: `zero`, `one`, `two`, `few`, `many`, `other`, as the language has them."""
    found = forms.get(plural_form(_number(value), _locale(context)), forms.get("other"))
    if found is None:
        raise FilterArgumentError("lacks the form `other`", token=None)
    return str(found)


def plural_form(number: Decimal | int, locale: Locale) -> str:
    """Which form goes with a number (CLDR)."""
    return str(locale.plural_form(cast(Any, abs(number))))


def css_(value: object) -> str:
    """A colour, a length or a word in a style: nothing that ends a declaration or begins another, and no address."""
    text = "" if value is None else str(value)
    if not _CSS.fullmatch(text):
        # Without the value, as above.
        raise FilterArgumentError("css needs a colour, a length, a number or words: #0f766e, 40%, bold", token=None)
    return text


FILTERS: Mapping[str, Callable[..., Any]] = {
    "date": date_,
    "time": time_,
    "datetime": datetime_,
    "decimal": decimal_,
    "percent": percent_,
    "currency": currency_,
    "plural": plural_,
    "css": css_,
}
