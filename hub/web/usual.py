"""The request of nearly everybody, read in one go (RFC 9112).

What usual clients send is recognised here without a parser, its objects and its callbacks. Whatever is not exactly that
is left to the parser, which knows all that may be said and what to answer: nothing is refused here, and nothing is
understood otherwise than there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

HEAD_BYTES = 8 * 1024
BODY_BYTES = 64 * 1024
_FIELDS = re.compile(rb"(?:[A-Za-z0-9-]+:[ -~]*\r\n){1,64}")  # no folded lines, no control characters, no other bytes
_LENGTH = re.compile(rb"[0-9]{1,5}")
# What says how a body comes, or wants more than an answer.
_UNUSUAL = (b"transfer-encoding", b"trailer", b"te", b"expect", b"upgrade", b"http2-settings", b"proxy-connection")


class Usual(NamedTuple):
    """A request whose head is complete."""

    fields: Mapping[bytes, bytes]  # names in lower case
    body: bytes
    missing: int  # bytes of the body that are still to come


def read_usual(data: bytes, line: bytes) -> Usual | None:
    """The request that `data` begins with and holds nothing beside, if it is a usual one.

    Args:
        line: Its first line with the CR LF: method, target, HTTP/1.1.
    """
    end = data.find(b"\r\n\r\n", 0, HEAD_BYTES)
    if end < 0 or not data.startswith(line) or _FIELDS.fullmatch(data, len(line), end + 2) is None:
        return None
    fields: dict[bytes, bytes] = {}
    for field in data[len(line) : end].split(b"\r\n"):
        name, _, value = field.partition(b":")
        name = name.lower()
        if name in fields:  # what a doubled field means is not for here
            return None
        fields[name] = value.strip(b" ")
    length = fields.get(b"content-length", b"")
    if (
        _LENGTH.fullmatch(length) is None
        or fields.get(b"connection", b"keep-alive").lower() != b"keep-alive"
        or any(name in fields for name in _UNUSUAL)
    ):
        return None
    body = data[end + 4 :]
    missing = int(length) - len(body)
    return None if missing < 0 or int(length) > BODY_BYTES else Usual(fields, body, missing)
