"""Shapes that several resources take or answer with."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from hub.web.fields import Name
from hub.web.routing import Reply
from hub.web.schema import Schema

STRICT = ConfigDict(extra="forbid")
"""Bodies name every field they have; anything else is refused by name."""

MAX_USERS = 1_000  # contract: of one call
UserNames: TypeAlias = Annotated[list[Name], Field(min_length=1, max_length=MAX_USERS)]


@with_config(STRICT)
class UserList(TypedDict):
    """Users by name."""

    users: UserNames


class Changed(TypedDict):
    """How many entries a call changed."""

    changed: int


USER_LIST = Schema(UserList)
CHANGED = Reply("How many were changed.", Schema(Changed))
GONE = Reply("It is gone.")
