"""Ids of everything that is stored."""

from __future__ import annotations

from typing import cast
from uuid import UUID

import uuid_utils
from asyncpg.pgproto import pgproto


def uuid7() -> UUID:
    """A new id (RFC 9562, version 7): they sort as they were made, so that they go to the end of an index.

    Of the driver's own kind, which is a `uuid.UUID`: making one takes a quarter of the time, and writing it as text,
    which every item does twice, a twentieth.
    """
    return cast(UUID, pgproto.UUID(uuid_utils.uuid7().bytes))
