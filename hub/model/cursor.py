"""Cursors: where a client stands in one person's stream.

A stream cursor holds person, epoch and revision, 24 bytes as 32 URL-safe characters, so that its length is fixed and
an announcement can carry it in a fixed header. It is opaque to clients and not secret: every read it leads to is
checked against the person of the token, and a cursor of somebody else or of another epoch only ever causes a reset.
"""

from __future__ import annotations

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple

CURSOR_LENGTH = 32  # characters
STEM_LENGTH = 22  # characters that hold person and epoch whole: 128 bits, at 6 a character
_FIELDS = struct.Struct(">QQQ")


class Cursor(NamedTuple):
    """A position in a person's stream: everything up to `rev` of `epoch` is held."""

    person_id: int
    epoch: int
    rev: int

    def encode(self) -> str:
        return urlsafe_b64encode(_FIELDS.pack(self.person_id, self.epoch, self.rev)).decode("ascii")


def decode_cursor(text: str) -> Cursor | None:
    """The cursor in `text`, or None when it is none of ours (which a reader treats like another epoch: reset)."""
    if len(text) != CURSOR_LENGTH:
        return None
    try:
        return Cursor(*_FIELDS.unpack(urlsafe_b64decode(text.encode("ascii"))))
    except (ValueError, struct.error):
        return None
