"""JSON as RFC 8259 means it, and as Postgres can store it.

Refused with 400 `malformed_json`, because each of these is lost, doubled or fatal further on:

- text that is not UTF-8, a byte order mark, trailing text, NaN and Infinity (no JSON);
- a name twice in one object (readers disagree which one counts, RFC 8259 section 4);
- lone surrogates and U+0000 (jsonb stores neither);
- numbers beyond 64 bits, or floats that overflow to infinity (RFC 8259 section 6: not interoperable);
- more than 64 levels of nesting (the standard leaves the limit to us; jiter has 200).
"""

from __future__ import annotations

import json
import re
from typing import Any

from hub.exceptions import Malformed

MAX_DEPTH = 64  # levels of arrays and objects
_STRINGS_AND_SCALARS = re.compile(rb'"(?:[^"\\]|\\.)*"|[^\[\]{}"]+', re.DOTALL)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_INT64_DIGITS = 18  # any integer of so many digits fits 64 bits


def parse_json(raw: bytes | bytearray) -> Any:
    """The value in `raw`.

    Raises:
        Malformed: with the position where there is one; code `malformed_json`.
    """
    try:
        value = _DECODER.decode(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _malformed(f"byte {error.start} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise _malformed(f"{_sentence(error.msg)} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise _malformed(f"nested more than {MAX_DEPTH} levels deep") from None
    except _UnfitError as error:
        raise _malformed(str(error)) from None
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH and _is_deeper(raw, MAX_DEPTH):
        raise _malformed(f"nested more than {MAX_DEPTH} levels deep")
    if b"\\u" in raw:
        _refuse_unstorable(value)
    return value


class _UnfitError(Exception):
    """Well-formed, but nothing we take."""


def _malformed(reason: str) -> Malformed:
    return Malformed(f"The body is not JSON we can read: {reason}.", code="malformed_json")


def _sentence(message: str) -> str:
    return message[:1].lower() + message[1:]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _UnfitError(f"the name {name[:60]!r} stands twice in one object")
            seen.add(name)
    return found


def _integer(text: str) -> int:
    if len(text) > _INT64_DIGITS and (len(text) > 20 or not -(2**63) <= int(text) < 2**63):
        raise _UnfitError(f"the number {text[:40]} does not fit 64 bits (send it as a string)")
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise _UnfitError(f"the number {text[:40]} is too large for a float (send it as a string)")
    return value


def _constant(text: str) -> Any:
    raise _UnfitError(f"{text} is no JSON value")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant, strict=True
)


def _is_deeper(raw: bytes | bytearray, levels: int) -> bool:
    """Whether well-formed JSON nests deeper; peels one level a pass, so that the work stays in C."""
    brackets = _STRINGS_AND_SCALARS.sub(b"", raw)
    for _ in range(levels):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return bool(brackets)


def _refuse_unstorable(value: Any) -> None:
    """Looks at every string; only for bodies that escape something."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            if "\x00" in item:
                raise _malformed("a string holds U+0000, which cannot be stored")
            if _LONE_SURROGATE.search(item):
                raise _malformed("a string holds half of a surrogate pair")
        elif isinstance(item, dict):
            pending.extend(item.keys())
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
