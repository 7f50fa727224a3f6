"""Paths as they came over the wire: split first, decoded after, so that `%2F` stays inside its segment."""

from __future__ import annotations

import re

from hub.exceptions import Invalid, Malformed

_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})?")
NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,255}")
"""A caller's name (user, topic, category, template, tenant): 1–255 characters, none of Unicode's class Cc.

Nor half of a surrogate pair, which JSON can escape (a JWT's claims are read by its library) and UTF-8 cannot spell.
"""


def split_path(raw_path: bytes) -> list[str]:
    """The decoded segments of a raw path, without the leading empty one.

    Raises:
        Malformed: a percent sign without two hex digits, or bytes that are not UTF-8.
    """
    segments = raw_path.split(b"/")[1:]
    if b"%" not in raw_path:
        try:
            return [segment.decode("ascii") for segment in segments]
        except UnicodeDecodeError:
            pass
    return [decode_percent(segment) for segment in segments]


def decode_percent(raw: bytes) -> str:
    """`raw` with its percent escapes undone.

    Raises:
        Malformed: as for split_path.
    """

    def byte(match: re.Match[bytes]) -> bytes:
        if match[1] is None:
            raise Malformed("A percent sign in the URL is not followed by two hex digits.", code="malformed_path")
        return bytes((int(match[1], 16),))

    try:
        return (_PERCENT.sub(byte, raw) if b"%" in raw else raw).decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("The URL is not UTF-8 after undoing its percent escapes.", code="malformed_path") from None


def check_name(value: str, path: str) -> str:
    """`value`, if it can be a caller's name; raises Invalid that names `path`."""
    if NAME.fullmatch(value) is None:
        raise Invalid.field(path, "invalid_name", "must be 1 to 255 characters without control characters")
    return value
