"""Query parameters: declared per route, read strictly, unknown ones refused by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import unquote_plus
from uuid import UUID

from pydantic_core import PydanticCustomError

from hub.exceptions import FieldError, Invalid, Malformed
from hub.web.fields import parse_moment
from hub.web.paths import NAME, decode_percent
from hub.web.problems import given

MAX_PARAMETERS = 32
LIMIT_DEFAULT, LIMIT_MAX = 50, 100  # contract, "Lists"


class Parameter(NamedTuple):
    """One query parameter: `read` turns its text into a value or raises ValueError with the reason."""

    name: str
    read: Callable[[str], Any]
    schema: Mapping[str, Any]
    description: str
    default: Any = None


def parse_query(
    raw: bytes, parameters: Sequence[Parameter], *, ignored: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Values by name, defaults filled in.

    Args:
        ignored: Names that are read elsewhere (`token` of an EventSource).

    Raises:
        Malformed: broken escapes or not UTF-8.
        Invalid: unknown, doubled or wrong parameters, each named as `query.<name>`.
    """
    values: dict[str, Any] = {parameter.name: parameter.default for parameter in parameters}
    if not raw:
        return values
    known = {parameter.name: parameter for parameter in parameters}
    errors: list[FieldError] = []
    seen: set[str] = set()
    pairs = raw.split(b"&", MAX_PARAMETERS)
    if len(pairs) > MAX_PARAMETERS:
        raise Malformed(f"More than {MAX_PARAMETERS} query parameters.", code="malformed_query")
    for pair in pairs:
        if not pair:
            continue
        name, _, text = (decode_percent(part.replace(b"+", b"%20")) for part in pair.partition(b"="))
        path = f"query.{name[:100]}"
        if name in ignored:
            continue
        if name not in known:
            allowed = ", ".join(known) or "none"
            errors.append(FieldError(path, "unknown_parameter", f"is no parameter of this call (known: {allowed})"))
        elif name in seen:
            errors.append(FieldError(path, "repeated_parameter", "is given more than once"))
        else:
            seen.add(name)
            try:
                values[name] = known[name].read(text)
            except ValueError as error:
                reason = error.message() if isinstance(error, PydanticCustomError) else str(error)
                errors.append(FieldError(path, "invalid_value", reason + given(text, reason)))
    if errors:
        raise Invalid("; ".join(f"{e.path}: {e.message}" for e in errors[:5]), errors=tuple(errors))
    return values


def query_value(raw: bytes, name: str) -> str | None:
    """One value, leniently: the first of that name, or None. For what is needed before a route is known."""
    wanted = name.encode("ascii") + b"="
    for pair in raw.split(b"&"):
        if pair.startswith(wanted):
            return unquote_plus(pair[len(wanted) :].decode("latin-1"))
    return None


def _read_limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= LIMIT_MAX):
        raise ValueError(f"must be a whole number from 1 to {LIMIT_MAX}")
    return int(text)


def read_name(text: str) -> str:
    if NAME.fullmatch(text) is None:
        raise ValueError("must be 1 to 255 characters without control characters")
    return text


def read_moment(text: str) -> datetime:
    return parse_moment(text)


def one_of(*values: str) -> Callable[[str], str]:
    """Reads exactly one of `values`."""

    def read(text: str) -> str:
        if text not in values:
            near = difflib.get_close_matches(text, values)  # first, what was perhaps meant
            raise ValueError(f"must be one of {', '.join(dict.fromkeys([*near, *values]))}")
        return text

    return read


def read_id(text: str) -> UUID:
    """Reads an id of ours."""
    try:
        return UUID(text)
    except ValueError:
        raise ValueError("must be an id of the hub, as 01a21926-9c1e-7a1e-8000-000000000000") from None


def _read_cursor(text: str) -> str:
    if not 1 <= len(text) <= 1_000:
        raise ValueError("is not a cursor of this list; start again without it")
    return text


NAME_SCHEMA: Mapping[str, Any] = {
    "type": "string",
    "minLength": 1,
    "maxLength": 255,
    "pattern": r"^[^\x00-\x1f\x7f-\x9f]{1,255}$",
}
LIMIT = Parameter(
    "limit",
    _read_limit,
    {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
    "Entries a page.",
    LIMIT_DEFAULT,
)
CURSOR = Parameter(
    "cursor", _read_cursor, {"type": "string", "minLength": 1, "maxLength": 1_000}, "`next_cursor` of the page before."
)
PAGE: tuple[Parameter, ...] = (LIMIT, CURSOR)


def name_parameter(name: str, description: str) -> Parameter:
    """A filter by one of the caller's names."""
    return Parameter(name, read_name, NAME_SCHEMA, description)
